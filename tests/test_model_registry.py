"""Which bundle is live, and how another takes its place."""

import os

import numpy as np
import pytest

from cofactor.models.baseline import BaselineModel
from cofactor.serving.folder_watcher import FolderWatcher
from cofactor.serving.model_registry import SWAPPED, UNCHANGED, ModelRegistry
from cofactor.serving.server_config import ServerConfig
from tests.small_service import bundle, model, ratings, service


def test_a_service_is_ready_once_it_has_answered():
    cold = ModelRegistry(bundle())
    assert not cold.ready
    cold.warm_up()
    assert cold.ready


def test_a_candidate_that_cannot_answer_leaves_the_old_bundle_live():
    class Broken(BaselineModel):
        def score_rows(self, users):
            raise RuntimeError("broken")

    rated = ratings()
    biases = np.zeros(len(rated.users), np.float32), np.zeros(len(rated.items), np.float32)
    running = service()
    before = running.service()
    with pytest.raises(RuntimeError):
        running.replace(bundle(Broken(rated.training_data, rated.scale, 3.0, *biases, 1.0)))
    assert running.service() is before
    running.replace(bundle(model(mean=3.5), metrics={"rmse": 1.0}))
    assert running.service().version != before.version


def test_a_manifest_replaced_by_one_of_the_same_name_size_and_time_is_a_change(tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    manifest = folder / "manifest.json"
    manifest.write_text("one")
    watcher = FolderWatcher({"m": folder, "none": tmp_path / "none"})
    assert watcher.changed() == ["m"]
    assert watcher.changed() == []
    status = manifest.stat()
    other = folder / "other"
    other.write_text("two")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (other.stat().st_size, other.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    other.replace(manifest)
    assert watcher.changed() == ["m"]


def test_a_folder_without_a_manifest_is_skipped_until_it_has_one_again(tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "manifest.json").write_text("one")
    watcher = FolderWatcher({"m": folder})
    assert watcher.changed() == ["m"]
    (folder / "manifest.json").rename(tmp_path / "aside")
    assert watcher.changed() == []
    (tmp_path / "aside").rename(folder / "manifest.json")
    assert watcher.changed() == []  # the same model as before


def test_callbacks_of_reloads_end_and_those_of_requested_reloads_hear_of_these_alone(tmp_path):
    from cofactor.saved.model_folder import save

    save(model(), tmp_path / "m")
    registry = ModelRegistry.open(ServerConfig(models=(("m", tmp_path / "m"),)))
    reloads, requested = [], []
    stop = registry.on_reload(lambda *reload: reloads.append(reload))
    registry.on_requested_reload(requested.append)
    assert registry.reload_here()["changed"] is False
    assert (reloads, requested) == ([("m", UNCHANGED)], [])
    save(model(mean=3.5), tmp_path / "m")
    assert registry.reload()["changed"] is True
    assert (reloads[1:], requested) == ([("m", SWAPPED)], ["m"])
    stop()
    registry.reload()
    assert len(reloads) == 2
