"""A saved model: complete, checked in every byte, replaced as a whole, and loaded without running anything."""

import hashlib
import json
import mmap
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import orjson
import pytest
from safetensors.numpy import load_file

from cofactor.data.ratings import Ratings
from cofactor.errors import BadArtifact, BadData
from cofactor.models.baseline import BaselineModel
from cofactor.models.factor import FactorModel
from cofactor.saved import manifest, model_folder
from cofactor.saved.model_folder import check_place, load, load_manifest, save
from cofactor.trainers.popularity import Popularity
from tests.toys import factors, noise

MADE = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
FILES = ["README.md", "items.parquet", "manifest.json", "model.safetensors", "users.parquet"]


@pytest.fixture(scope="module")
def model() -> FactorModel:
    return factors(noise())


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "toy"
    save(
        model,
        folder,
        trainer="svd",
        hyperparameters={"rank": 3, "l2": np.float64(0.02)},
        metrics={"rmse": 0.8765432},
        created=MADE,
        data="made | `noise`\n# by hand",
    )
    return folder


@pytest.fixture
def copy(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def is_the_same(one, other) -> bool:
    """Whether two models hold the same numbers, ids, titles and facts."""
    mine, others = one.arrays(), other.arrays()
    history, theirs = one.training_data.interactions, other.training_data.interactions
    return (
        type(one) is type(other)
        and mine.keys() == others.keys()
        and all(np.array_equal(mine[n], others[n]) for n in mine)
        and all(np.array_equal(getattr(history, n), getattr(theirs, n)) for n in ("indptr", "indices", "data"))
        and one.scale == other.scale
        and all(
            np.array_equal(getattr(one.training_data, n), getattr(other.training_data, n))
            for n in ("users", "items", "scale", "step", "titles", "genres", "split")
        )
    )


def rewrite(folder: Path, change: Callable[[dict], object]) -> None:
    """A manifest that somebody has changed and signed again, digests of files included."""
    content = orjson.loads((folder / "manifest.json").read_bytes())
    for name, entry in content["files"].items():
        data = (folder / name).read_bytes()
        entry.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    change(content)
    content.pop("sha256", None)
    manifest.write(folder / "manifest.json", content)


def test_a_folder_that_can_be_read(model, saved):
    assert sorted(file.name for file in saved.iterdir()) == FILES
    said = load_manifest(saved)
    assert said == json.loads((saved / "manifest.json").read_text())
    assert said["kind"] == "factor"
    assert said["trainer"] == "svd"
    assert said["created"] == "2024-02-29T12:30:00+00:00"
    assert said["hyperparameters"] == {"rank": 3, "l2": 0.02}
    assert said["metrics"] == {"rmse": 0.8765432}
    assert said["notes"] == {"data": "made | `noise`\n# by hand"}
    assert (said["scale"], said["ratings"]) == ([0.5, 5.0], {"scale": [0.5, 5.0], "step": 0.5, "kind": "ratings"})
    assert (said["split"], said["counts"]) == ("0123abcd", {"users": 30, "items": 20, "ratings": 250})
    assert said["packages"]["numpy"] == np.__version__
    for name, entry in said["files"].items():
        data = (saved / name).read_bytes()
        assert entry == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    card = (saved / "README.md").read_text()
    assert "# toy" in card
    assert "| rmse | 0.8765 |" in card
    assert "| data | made \\| 'noise' # by hand |" in card


def test_others_can_read_the_arrays(model, saved):
    arrays = load_file(saved / "model.safetensors")
    described = load_manifest(saved)["arrays"]
    assert arrays.keys() == described.keys()
    np.testing.assert_array_equal(arrays["user_vectors"], model.user_vectors)
    np.testing.assert_array_equal(arrays["history.data"], model.training_data.interactions.data)
    for name, array in arrays.items():
        assert described[name]["dtype"] == str(array.dtype)
        assert described[name]["shape"] == list(array.shape)
        assert described[name]["sha256"] == hashlib.sha256(array.tobytes()).hexdigest()


def test_loaded_is_saved(model, saved):
    assert is_the_same(load(saved), model)
    assert is_the_same(load(str(saved)), model)


def mapped(array) -> bool:
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array, mmap.mmap)


def test_arrays_are_mapped_not_copied(saved):
    model = load(saved)
    history = model.training_data.interactions
    for array in (model.user_vectors, model.item_bias, history.data, history.indices, history.indptr):
        assert mapped(array)
        assert not array.flags.writeable


def test_a_new_process_without_compiler_or_trainers(model, saved):
    ask = """
import sys, json
from cofactor.saved.model_folder import load
model = load(sys.argv[1])
lists = {u: [[r.item, r.score, [[b.item, b.effect] for b in r.because]] for r in model.recommend(u, 5, why=2)]
         for u in model.training_data.users.ids}
assert not {"numba", "cofactor.trainers", "cofactor.kernels", "torch", "pickle5"} & sys.modules.keys(), sys.modules
print(json.dumps(lists))
"""
    paths = os.pathsep.join(dict.fromkeys(p for p in [os.getcwd(), *sys.path] if p))  # noqa: PTH109
    command = [sys.executable, "-S", "-c", ask, str(saved)]
    arithmetic = {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}  # same rounding
    env = {"PYTHONPATH": paths, **arithmetic}
    answer = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    for user, lines in json.loads(answer.stdout).items():
        expected = model.recommend(user, 5, why=2)
        assert [line[0] for line in lines] == [r.item for r in expected]
        assert [line[1] for line in lines] == [r.score for r in expected]
        assert [line[2] for line in lines] == [[[b.item, b.effect] for b in r.because] for r in expected]


def test_a_model_that_only_ranks_and_has_no_titles(tmp_path):
    ratings = noise()
    bare = BaselineModel(
        type(ratings.training_data)(ratings.users, ratings.items, ratings.by_user(), (0.5, 5.0)),
        None,
        0.0,
        np.zeros(30, np.float32),
        np.arange(20, dtype=np.float32),
        0.0,
    )
    save(bare, tmp_path / "bare")
    assert is_the_same(load(tmp_path / "bare"), bare)
    assert load(tmp_path / "bare").recommend("0", 1)[0].title == bare.recommend("0", 1)[0].item


def test_ids_and_titles_of_any_text(tmp_path):
    ids = ["a b", "ü 日本🎬", "'; DROP TABLE x --", "_", "1", "01", "NULL"]
    ratings = Ratings.of(ids, ids, [1.0, 2, 3, 4, 5, 1, 2])
    titles = np.array([None] * 5 + ["a\0b", "x\ny"], dtype=object)
    model = Popularity().fit(replace(ratings, titles=titles, genres=np.array([""] * 7, dtype=object)))
    save(model, tmp_path / "m")
    assert is_the_same(load(tmp_path / "m"), model)
    with pytest.raises(BadData, match=r"items\.parquet cannot be written"):
        save(Popularity().fit(replace(ratings, titles=np.array(["\ud800"] * 7, dtype=object))), tmp_path / "n")
    assert [f.name for f in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("name", ["it's [1]* model?", "ü 日本", "a" * 200, "deep/er/model"])
def test_folders_of_any_name(model, tmp_path, name):
    save(model, tmp_path / name)
    assert is_the_same(load(tmp_path / name), model)
    save(model, tmp_path / name)
    assert [f.name for f in (tmp_path / name).parent.iterdir()] == [Path(name).name], "nothing is left beside it"


def test_a_model_is_replaced_while_another_reads_it(model, tmp_path):
    save(model, tmp_path / "m")
    reader = load(tmp_path / "m")
    other = BaselineModel(model.training_data, model.scale, 3.0, model.user_bias, model.item_bias, 5.0)
    save(other, tmp_path / "m")
    assert is_the_same(load(tmp_path / "m"), other)
    assert is_the_same(reader, model)
    save(reader, tmp_path / "m")  # over itself is safe too
    assert is_the_same(load(tmp_path / "m"), model)
    (tmp_path / "link").symlink_to(tmp_path / "m")
    save(other, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert is_the_same(load(tmp_path / "link"), other)


def test_what_is_no_model_is_not_replaced(model, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").write_text('{"format": "something else"}')
    save(model, tmp_path / "model")
    (tmp_path / "model" / "notes.txt").write_text("mine")
    for name in ("file", "folder", "other", "model"):
        with pytest.raises(BadArtifact, match=name):
            save(model, tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"
    assert (tmp_path / "folder" / "thesis.tex").read_text() == "mine"
    assert (tmp_path / "model" / "notes.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    save(model, tmp_path / "empty")
    (tmp_path / "empty" / "users.parquet").write_bytes(b"damaged")
    save(model, tmp_path / "empty")
    assert is_the_same(load(tmp_path / "empty"), model)


def test_a_model_does_not_replace_a_folder_whose_manifest_is_a_link_or_too_large(model, tmp_path):
    save(model, tmp_path / "whole")
    for name in ("linked", "large", "cut"):
        shutil.copytree(tmp_path / "whole", tmp_path / name)
        manifest = tmp_path / name / "manifest.json"
        if name == "linked":
            manifest.unlink()
            manifest.symlink_to(tmp_path / "whole" / "manifest.json")
        else:
            os.truncate(manifest, (4 << 20) + 1 if name == "large" else 100)
        before = sorted(one.name for one in (tmp_path / name).iterdir())
        with pytest.raises(BadArtifact, match="not a cofactor model"):
            save(model, tmp_path / name)
        assert sorted(one.name for one in (tmp_path / name).iterdir()) == before
    with (tmp_path / "whole" / "manifest.json").open("ab") as file:
        file.write(b" " * ((4 << 20) - file.tell()))  # as large as a manifest may be
    save(model, tmp_path / "whole")
    assert is_the_same(load(tmp_path / "whole"), model)


def test_a_place_is_checked_before_a_training_and_left_as_it_was(model, tmp_path):
    check_place(tmp_path / "new" / "folder")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(BadArtifact):
            check_place(place)


@pytest.mark.parametrize(
    "at",
    [
        "cofactor.saved.training_data._write_ids",
        "cofactor.atomic_folders.replace_folder",
        "cofactor.atomic_folders._sync",
    ],
)
def test_an_interrupted_save_leaves_the_old_model(model, tmp_path, monkeypatch, at):
    save(model, tmp_path / "m")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(at, interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(model, tmp_path / "m")
    assert is_the_same(load(tmp_path / "m"), model)
    assert [f.name for f in tmp_path.iterdir()] == ["m"]


def test_if_the_last_rename_fails_the_old_model_comes_back(model, tmp_path, monkeypatch):
    save(model, tmp_path / "m")
    rename = Path.rename

    def full(self, target):
        if self.name.endswith(".part"):
            raise OSError("no space left")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(BadArtifact, match="no space"):
        save(model, tmp_path / "m")
    assert is_the_same(load(tmp_path / "m"), model)
    assert [f.name for f in tmp_path.iterdir()] == ["m"]


def test_a_diverged_model_is_not_saved(model, tmp_path):
    bias = np.full(30, np.nan, dtype=np.float32)
    diverged = BaselineModel(model.training_data, model.scale, 3.0, bias, model.item_bias, 5.0)
    with pytest.raises(BadArtifact, match="'user_bias' holds NaN"):
        save(diverged, tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_notes_are_plain_data(model, tmp_path):
    with pytest.raises(BadData, match="cannot be saved"):
        save(model, tmp_path / "m", thing=object())
    assert not list(tmp_path.iterdir())


def test_no_model_there(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(BadArtifact, match="is not a saved model"):
            load(path)


def test_the_hint_for_a_folder_of_models_names_them(saved):
    with pytest.raises(BadArtifact, match="it has no manifest") as refused:
        load(saved.parent)
    assert str(saved) in refused.value.hint
    with pytest.raises(BadArtifact, match="there is no such folder"):
        load(saved / "nowhere")


@pytest.mark.parametrize("name", FILES)
def test_every_flipped_byte_and_every_cut_is_found(model, saved, copy, name):
    data, rng = (saved / name).read_bytes(), np.random.default_rng(len(name))
    places = {0, 7, 8, 9, len(data) - 1, len(data) // 2, *rng.integers(0, len(data), 40).tolist()}
    damaged = [data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :] for at in sorted(places)]
    damaged += [data[:at] for at in {0, 1, 8, len(data) - 1, *rng.integers(0, len(data), 12).tolist()}]
    damaged += [data + b"\0", data + data, b"\xff" * 9 + data[9:]]
    errors = []
    for some in damaged:
        (copy / name).write_bytes(some)
        try:
            assert is_the_same(load(copy), model)
        except BadArtifact as error:
            errors.append(error)
    assert all(name in error.message and error.hint for error in errors)
    assert len(errors) >= len(damaged) - (5 if name == "manifest.json" else 0), (
        "only spaces of the manifest mean nothing"
    )


@pytest.mark.parametrize("name", FILES)
def test_missing_linked_or_foreign_files(saved, copy, name):
    (copy / name).unlink()
    with pytest.raises(BadArtifact, match=name):
        load(copy)
    (copy / name).symlink_to(saved / name)
    with pytest.raises(BadArtifact, match=name):
        load(copy)
    (copy / name).unlink()
    (copy / name).mkdir()
    with pytest.raises(BadArtifact, match=name):
        load(copy)


def test_an_unknown_file(copy):
    (copy / "model.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(BadArtifact, match=r"unknown file 'model.pkl'"):
        load(copy)


def set_to(*path_and_value):
    *path, last, value = path_and_value

    def change(content):
        for key in path:
            content = content[key]
        content[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        (set_to("version", 2), "format version 2"),
        (set_to("version", "1"), "format version 1"),
        (set_to("format", "elsewhere"), "not the manifest"),
        (set_to("kind", "__import__('os')"), "unknown kind"),
        (set_to("kind", "baseline"), "the baseline model has no array 'user_l2'"),
        (set_to("kind", 3), "'kind' that is a int"),
        (set_to("extra", 3), "unknown field 'extra'"),
        (lambda c: c.pop("split"), "lacks 'split'"),
        (set_to("scale", [5, 0.5]), "scale"),
        (set_to("scale", [1]), "scale"),
        (set_to("scale", ["a", "b"]), "scale"),
        (set_to("ratings", {"scale": [1, 5], "step": "x"}), "step"),
        (set_to("ratings", {"scale": None, "step": None}), "scale"),
        (set_to("scale", [-1e300, 5]), "scale"),
        (set_to("scale", [0.5, 1e300]), "scale"),
        (set_to("scale", [False, 5]), "scale"),
        (set_to("ratings", {"scale": [-1e13, 5], "step": 0.5}), "scale"),
        (set_to("ratings", {"scale": [0.5, 5], "step": -1e13}), "step"),
        (set_to("ratings", {"scale": [0.5, 5], "step": True}), "step"),
        (set_to("ratings", {"scale": [0.5, 5]}), "step"),
        (set_to("counts", "users", True), "counts"),
        (set_to("counts", "users", 30.0), "counts"),
        (set_to("notes", False), "'notes' that is a bool"),
        (set_to("version", True), "'version' that is a bool"),
        (set_to("counts", {"users": 30}), "counts"),
        (set_to("counts", "users", -1), "counts"),
        (set_to("counts", "users", 31), "users.parquet"),
        (set_to("counts", "users", 10**18), "users.parquet"),
        (set_to("counts", "items", 19), "items.parquet"),
        (set_to("counts", "ratings", 249), "has 250 ratings, not as described"),
        (set_to("files", "../../etc/passwd", {"bytes": 1, "sha256": ""}), "passwd"),
        (set_to("files", "users.parquet", {"bytes": 1}), "users.parquet"),
        (set_to("files", "users.parquet", "bytes", 1), "users.parquet"),
        (set_to("files", "users.parquet", "sha256", "0" * 64), "users.parquet"),
        (lambda c: c["files"].pop("README.md"), "README.md"),
        (set_to("arrays", "user_bias", "shape", [31]), "user_bias"),
        (set_to("arrays", "user_bias", "dtype", "float64"), "user_bias"),
        (set_to("arrays", "user_bias", "sha256", "0" * 64), "user_bias"),
        (set_to("arrays", "user_bias", []), "user_bias"),
        (lambda c: c["arrays"].pop("user_bias"), "user_bias"),
        (set_to("arrays", "ghost", {"dtype": "float32", "shape": [], "sha256": ""}), "ghost"),
    ],
)
def test_a_manifest_that_says_what_is_not_so(copy, change, culprit):
    rewrite(copy, change)
    with pytest.raises(BadArtifact) as caught:
        load(copy)
    assert culprit in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"cofactor model"',
        b"[" * 200_000,
        b'{"format":' * 50_000,
        b"\xff\xfe",
        b"{}",
        b"NaN",
    ],
)
def test_a_manifest_that_is_none(copy, text):
    (copy / "manifest.json").write_bytes(text)
    with pytest.raises(BadArtifact, match=r"manifest\.json"):
        load(copy)


def test_a_manifest_as_large_as_a_disk(copy):
    with (copy / "manifest.json").open("ab") as file:
        file.truncate(1 << 40)
    with pytest.raises(BadArtifact, match="larger than"):
        load(copy)


def resaved(folder, model, **changed):
    """A folder, signed and all, whose arrays or ids are not what a model's can be."""
    arrays = model.arrays() | {
        f"history.{n}": np.asarray(getattr(model.training_data.interactions, n)) for n in ("indptr", "indices", "data")
    }
    arrays |= changed
    digests = model_folder.safetensors.write(folder / "model.safetensors", arrays)
    described = {n: {"dtype": str(a.dtype), "shape": list(a.shape), "sha256": digests[n]} for n, a in arrays.items()}
    rewrite(folder, set_to("arrays", described))


def history_with(model, part, at, value):
    array = np.array(getattr(model.training_data.interactions, part))
    array[at] = value
    return {f"history.{part}": array}


@pytest.mark.parametrize(
    ("changed", "culprit"),
    [
        (lambda m: {"user_bias": np.full(30, np.inf, np.float32)}, "'user_bias' holds NaN or infinity"),
        (lambda m: {"mean": np.array(np.nan)}, "'mean' holds NaN"),
        (lambda m: {"user_bias": np.zeros(30)}, "'user_bias' is of float64"),
        (lambda m: {"user_bias": np.zeros(29, np.float32)}, "'user_bias' is (29,)"),
        (lambda m: {"user_vectors": np.zeros((30, 4), np.float32)}, "_vectors' is"),
        (lambda m: {"user_vectors": np.zeros(30, np.float32)}, "'user_vectors' is (30,)"),
        (lambda m: {"more": np.zeros(3, np.float32)}, "no array called 'more'"),
        (lambda m: {"history.more": np.zeros(3, np.float32)}, "history is incomplete"),
        (lambda m: history_with(m, "indices", 5, 20), "not a matrix"),
        (lambda m: history_with(m, "indices", 5, -1), "not a matrix"),
        (lambda m: history_with(m, "indices", 1, m.training_data.interactions.indices[0]), "not a matrix"),
        (lambda m: history_with(m, "indptr", 0, 1), "not a matrix"),
        (lambda m: history_with(m, "indptr", 3, 251), "not a matrix"),
        (lambda m: history_with(m, "indptr", 3, -4), "not a matrix"),
        (lambda m: history_with(m, "indptr", 30, 249), "not a matrix"),
        (lambda m: history_with(m, "data", 3, np.nan), "not a matrix"),
        (lambda m: {"history.data": np.asarray(m.training_data.interactions.data, np.float64)}, "not a matrix"),
        (lambda m: {"history.indices": np.asarray(m.training_data.interactions.indices, np.int64)}, "not a matrix"),
    ],
)
def test_arrays_that_no_model_can_have(copy, model, changed, culprit):
    resaved(copy, model, **changed(model))
    with pytest.raises(BadArtifact) as caught:
        load(copy)
    assert culprit in caught.value.message
    assert "copy" in caught.value.message


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 0::INT AS row, 'a' AS id",
        "SELECT range::INT AS row, 'same' AS id FROM range(30)",
        "SELECT range::INT AS row, nullif(range, 3)::VARCHAR AS id FROM range(30)",
        "SELECT range::INT AS row, range AS id FROM range(30)",
        "SELECT range::INT AS row, range::VARCHAR AS id, 'x' AS more FROM range(30)",
        "SELECT range::INT AS row FROM range(30)",
        "SELECT range::VARCHAR AS id FROM range(30)",
        "SELECT (29 - range)::INT AS row, range::VARCHAR AS id FROM range(30)",
    ],
)
def test_ids_that_no_model_can_have(copy, query):
    duckdb.sql(f"COPY ({query}) TO '{copy / 'users.parquet'}' (FORMAT parquet)")
    rewrite(copy, lambda content: None)
    with pytest.raises(BadArtifact):
        load(copy)


def test_ids_that_are_no_parquet(copy):
    (copy / "users.parquet").write_bytes(b"PAR1 and then nothing")
    rewrite(copy, lambda content: None)
    with pytest.raises(BadArtifact, match=r"users\.parquet"):
        load(copy)
