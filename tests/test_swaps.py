"""Models are swapped under load: no request fails, and no answer mixes two of them."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from cofactor.models.factor import FactorModel
from cofactor.saved.model_folder import save
from cofactor.serving.api.application import create_app
from cofactor.serving.loaded_model import LoadedModel
from cofactor.serving.model_registry import BadCandidate, ModelRegistry
from cofactor.serving.server_config import ServerConfig
from tests.service_process import Load, Running, running, until
from tests.small_service import TITLES, ask, model, ratings

KEY = "an admin key for tests"
PATHS = ["/users/40/recommendations?n=5&why=1", "/users/7/recommendations?n=3", "/items/50", "/popular?n=2"]
SWAPS = {1: 30, 2: 6}  # by number of workers


def other(n: int):
    """A model whose every score and every title is another for another n."""
    titles = {item: f"{title or item} of {n}" for item, title in TITLES.items()}
    return model(ratings(titles=titles), shift=1 + n % 2, mean=2.0 + n / 100)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(other(0), tmp_path / "m", trainer="0")
    return tmp_path / "m"


def keys(folder: Path) -> Path:
    path = folder.parent / "keys"
    path.write_text(f"operator: {KEY.replace(' ', '-')}\n")
    path.chmod(0o600)
    return path


def reload(served: Running, path: str = "/admin/reload"):
    return served.ask(path, "POST", {"authorization": f"Bearer {KEY.replace(' ', '-')}"})


class Truth:
    """What each version answers, asked of it alone; a served answer must be just that, to the last digit."""

    def __init__(self, *folders: Path) -> None:
        self.answers: dict[tuple[str, str], Any] = {}
        for folder in folders:
            alone = ModelRegistry(LoadedModel.open(folder))
            alone.warm_up()
            app = create_app(alone)
            for path in PATHS:
                self.answers[alone.service().version, path] = ask(app, path).json()

    def wrong(self, path: str, status: int, answer: dict[str, Any]) -> str:
        expected = self.answers.get((answer["model"], path))
        return "" if status == 200 and answer == expected else f"{path}: {status} {answer}, not {expected}"


def swap(folder: Path, source: Path) -> None:
    """Puts a copy of one folder in the place of another, as saving a model does."""
    aside, old = folder.with_name("aside"), folder.with_name("old")
    shutil.copytree(source, aside)
    folder.rename(old)
    aside.rename(folder)
    shutil.rmtree(old)


@pytest.mark.parametrize("workers", [1, 2])
def test_swaps_under_load_lose_no_request_and_mix_no_versions(folder, workers):
    others = [folder.with_name(f"source {n}") for n in range(2)]
    for n, one in enumerate(others):
        save(other(n), one, trainer=str(n))
    truth = Truth(folder, *others)
    with running(folder, "--workers", workers, "--watch", 0, "--admin-keys", keys(folder)) as served:
        with Load(served, PATHS, truth.wrong).by(4) as load:
            for n in range(SWAPS[workers]):
                swap(folder, others[n % 2])
                asked = load.answered
                status, answer = reload(served)
                assert status == 200, answer
                live = LoadedModel.open(others[n % 2]).version
                assert (answer["name"], answer["model"]) == ("m", live)
                # A worker that has just started looks into the folder by itself, and may be quicker.
                assert answer["changed"] or n == 0
                connections = [served.connect() for _ in range(2 * workers)]  # some to each worker
                assert {served.ask("/model", by=one)[1]["model"] for one in connections} == {live}
                until(lambda asked=asked: load.answered > asked + 8)
        assert load.wrong == []
        assert load.answered > 8 * SWAPS[workers]
        assert served.stop() == 0


def test_what_has_not_changed_is_not_read_again(folder):
    with running(folder, "--admin-keys", keys(folder), "--watch", 0) as served:
        status, answer = reload(served)
        assert (status, answer["changed"], answer["before"]) == (200, False, answer["model"])
        assert served.ask("/admin/reload", "POST")[0] == 401


def test_a_newer_folder_is_noticed_and_a_damaged_one_reported_once(folder):
    good = folder.parent / "good"
    shutil.copytree(folder, good)
    with running(folder, "--watch", 0.1, "--admin-keys", keys(folder)) as served:
        before = served.ask("/model")[1]["model"]
        _damage(folder)
        until(lambda: any("stays at version" in one["event"] for one in served.events()))
        time.sleep(0.5)
        assert len([one for one in served.events() if "stays at version" in one["event"]]) == 1
        assert served.ask("/model")[1]["model"] == before
        metrics = served.ask("/metrics")[1].decode()
        assert " 1.0" in _lines(metrics, "cofactor_candidate_refused")
        status, problem = reload(served)
        assert status == 409
        assert "model.safetensors" in problem["detail"]
        assert "still served" in problem["hint"]
        save(other(2), good, trainer="2")
        shutil.rmtree(folder)
        good.rename(folder)
        until(lambda: len({served.ask("/model")[1]["model"] for _ in range(4)} - {before}) == 1)
        until(lambda: " 1.0" not in _lines(served.ask("/metrics")[1].decode(), "cofactor_candidate_refused"))
        assert served.stop() == 0


def _lines(text: str, name: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.startswith(name))


def _damage(folder: Path) -> None:
    """As a copy that was interrupted: in the place of the old one by a rename, as everything should come."""
    aside = folder.parent / "damaged"
    save(other(1), aside, trainer="1")
    arrays = aside / "model.safetensors"
    arrays.write_bytes(arrays.read_bytes()[:-8])
    shutil.rmtree(folder)
    aside.rename(folder)


def test_a_service_in_one_process_keeps_what_it_has(folder, caplog):
    service = ModelRegistry.open(ServerConfig(models=(("m", folder),)))
    service.warm_up()
    live = service.service()
    for damaged in ("manifest.json", "model.safetensors", "users.parquet"):
        shutil.rmtree(folder)
        save(other(3), folder, trainer="3")
        kept = (folder / damaged).read_bytes()
        (folder / damaged).write_bytes(kept[: len(kept) // 2])
        with pytest.raises(BadCandidate, match=f"^m/{damaged}") as refused:
            service.reload()
        assert service.service() is live
        assert str(folder.parent) not in refused.value.message + refused.value.hint, "a client gets to know this"
        assert str(folder) in caplog.records[-1].message
    shutil.rmtree(folder)
    with pytest.raises(BadCandidate, match="not a saved model"):
        service.reload("m")
    save(other(4), folder, trainer="4")
    assert service.reload("m")["changed"]
    assert service.service() is not live


def test_a_model_that_fails_at_its_first_request_is_not_served(folder, monkeypatch, caplog):
    service = ModelRegistry.open(ServerConfig(models=(("m", folder),)))
    service.warm_up()
    live = service.service()
    save(other(1), folder, trainer="1")

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(FactorModel, "score_rows", broken)
    with pytest.raises(BadCandidate, match="the model in m cannot be served: RuntimeError"):
        service.reload()
    assert service.service() is live
    assert "broken" in caplog.text
