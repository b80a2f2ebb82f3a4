"""Checkpoints on the disk: what is written is read again, whatever happens in between, and nothing else is believed."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cofactor.errors import BadArtifact, BadHyperparameter, CofactorError, SplitMismatch
from cofactor.saved import manifest
from cofactor.training.checkpoint import NAME, Checkpoint, CheckpointFolder, check_same_training, digest_ratings
from tests.toys import noise

TRAINING = {"trainer": "svd", "hyperparameters": {"rank": 4, "l2": 0.1}, "split": "0123", "ratings": "4567"}


def checkpoint(n: int, **more: object) -> Checkpoint:
    """After epoch n; the best was two epochs ago."""
    state = {"p": np.full((3, 2), n, np.float32), "seen": np.arange(n, dtype=np.int64), "mean": np.array(1.5)}
    best = {"q": np.full(5, n // 2, np.float32)}
    return replace(Checkpoint(TRAINING, [{"number": k} for k in range(1, n + 1)], {"kind": "x"}, state, best), **more)  # type: ignore[arg-type]


def equal(one: Checkpoint, other: Checkpoint) -> bool:
    def same(mine, others) -> bool:  # type: ignore[no-untyped-def]
        return mine.keys() == others.keys() and all(
            np.array_equal(mine[n], others[n]) and mine[n].dtype == others[n].dtype for n in mine
        )

    plain = ("training", "epochs", "model", "notes", "complete")
    return (
        all(getattr(one, n) == getattr(other, n) for n in plain)
        and same(one.state, other.state)
        and same(one.best, other.best)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the checkpoint after epoch 3."""
    store = CheckpointFolder(tmp_path / "kept")
    store.prepare()
    for n in (1, 2, 3):
        store.write(checkpoint(n))
    return tmp_path / "kept"


def test_the_last_checkpoint_is_read_and_nothing_is_left_of_those_before(folder: Path) -> None:
    assert equal(CheckpointFolder(folder).read(), checkpoint(3))
    written = orjson.loads((folder / NAME).read_bytes())
    assert {path.name for path in folder.iterdir()} == {NAME, *(one["file"] for one in written["arrays"].values())}


ARRAYS = arrays(np.float32, array_shapes(min_dims=0), elements=st.floats(-9, 9, width=32))


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.text("ab.", min_size=1), ARRAYS))
def test_every_array_is_read_as_it_was(state: dict[str, np.ndarray]) -> None:
    with TemporaryDirectory() as scratch:
        CheckpointFolder(Path(scratch)).write(checkpoint(1, state=state))
        assert equal(CheckpointFolder(Path(scratch)).read(), checkpoint(1, state=state))


def test_arrays_that_stay_are_not_written_again(tmp_path: Path) -> None:
    store, old = CheckpointFolder(tmp_path), np.ones(100_000, np.float32)
    store.write(checkpoint(1, state={"draw.1": old}))
    for n in (2, 3):
        before = {path.name for path in tmp_path.glob("arrays-*")}
        store.write(checkpoint(n, state={"draw.1": old, f"draw.{n}": np.full(100, n, np.float32)}))
        new = [path for path in tmp_path.glob("arrays-*") if path.name not in before]
        assert sum(path.stat().st_size for path in new) < 2000
    again = CheckpointFolder(tmp_path)
    found = again.read()
    assert found.state.keys() == {"draw.1", "draw.3"}
    again.write(checkpoint(4, state={"draw.1": found.state["draw.1"]}))
    assert np.array_equal(CheckpointFolder(tmp_path).read().state["draw.1"], old)
    again.write(checkpoint(5, state={}))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 10_000, "what nobody names is removed"


def test_what_was_read_stays_as_it_is_while_others_write(folder: Path) -> None:
    found = CheckpointFolder(folder).read()
    for n in (4, 5, 6):
        CheckpointFolder(folder).write(checkpoint(n))
    assert equal(found, checkpoint(3))


KILLED = """
import json, os, resource, shutil, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from cofactor.training.checkpoint import CheckpointFolder
from tests.test_checkpoint import checkpoint, equal

source, outcomes = Path(sys.argv[1]), []

def killed(prepare):
    folder = source.with_name("copy")
    shutil.copytree(source, folder)
    child = os.fork()
    if child == 0:
        store = CheckpointFolder(folder)
        store.read()
        prepare(str(folder))
        store.write(checkpoint(4))
        os._exit(0)
    dead = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    store = CheckpointFolder(folder)
    found = store.read()
    assert equal(found, checkpoint(len(found.epochs)))
    outcomes.append(len(found.epochs))
    store.write(checkpoint(5))
    assert equal(CheckpointFolder(folder).read(), checkpoint(5))
    assert len(list(folder.iterdir())) == 3, "of what was begun nothing is left"
    shutil.rmtree(folder)
    return dead

def at_step(last):
    def prepare(folder):
        steps = 0
        def step(event, arguments):
            nonlocal steps
            if event in ("open", "os.rename", "os.remove", "os.listdir") and str(arguments[0]).startswith(folder):
                steps += 1
                if steps == last:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(step)
    return prepare

def at_size(size):
    def prepare(folder):
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return prepare

last = 1
while killed(at_step(last)):
    last += 1
size = 0
while killed(at_size(size)):
    size += 223
print(json.dumps([last, outcomes]))
"""


def test_a_kill_at_any_step_of_writing_leaves_the_old_or_the_new(folder: Path) -> None:
    """A process is killed before its first, second, … operation on the folder, and in the middle of every file."""
    root = str(Path(__file__).parent.parent)
    done = subprocess.run([sys.executable, "-c", KILLED, folder, root], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    steps, outcomes = json.loads(done.stdout)
    by_step, by_size = outcomes[:steps], outcomes[steps:]
    assert steps > 7
    for each in (by_step, by_size):
        assert each[0] == 3
        assert each[-1] == 4
    assert by_step == sorted(by_step), "there is one step before which it is the old and after which it is the new"
    assert by_step.count(4) > 3, "the files that are no longer named are removed afterwards"


# --- what is not believed


def tampered(folder: Path, **changes: object) -> None:
    """With other entries, and the digest that goes with them."""
    content = orjson.loads((folder / NAME).read_bytes()) | changes
    content["sha256"] = manifest.digest(content)
    (folder / NAME).write_bytes(orjson.dumps(content))


def test_damage_is_named(folder: Path, tmp_path: Path) -> None:
    content = orjson.loads((folder / NAME).read_bytes())
    file = folder / content["arrays"]["state.p"]["file"]
    entry = content["arrays"]["state.p"]
    bad = {**entry, "sha256": "0" * 64}
    flipped = bytearray(file.read_bytes())
    flipped[-1] ^= 1
    damages = {
        "is not JSON": lambda f: (f / NAME).write_text("{"),
        "is not a cofactor checkpoint": lambda f: (f / NAME).write_text("{}"),
        "its digest differs": lambda f: (f / NAME).write_bytes(orjson.dumps({**content, "complete": True})),
        "this cofactor reads 1": lambda f: tampered(f, version=2),
        "unknown field 'more'": lambda f: tampered(f, more=1),
        "has no epochs": lambda f: tampered(f, epochs=[]),
        "a 'complete' that is a int": lambda f: tampered(f, complete=1),
        "not its own for 'state.p'": lambda f: tampered(f, arrays={"state.p": {**entry, "file": "../arrays-1"}}),
        "in an unknown way": lambda f: tampered(f, arrays={"state.p": {}}),
        "other numbers in 'state.p'": lambda f: tampered(f, arrays={"state.p": bad}),
        "as checkpoint.json describes it": lambda f: tampered(f, arrays={"state.p": {**entry, "shape": [2, 3]}}),
        "does not hold 'state.x'": lambda f: tampered(f, arrays={"state.x": entry}),
        "is missing": lambda f: (f / file.name).unlink(),
        "other numbers in": lambda f: (f / file.name).write_bytes(flipped),
        "bytes of arrays": lambda f: (f / file.name).write_bytes(flipped[:-3]),
    }  # fmt: skip
    for number, (said, damage) in enumerate(damages.items()):
        copy = tmp_path / str(number)
        shutil.copytree(folder, copy)
        damage(copy)
        with pytest.raises(BadArtifact) as caught:
            CheckpointFolder(copy).read()
        assert said in caught.value.message
        assert caught.value.hint


def test_numbers_that_are_none_are_not_gone_on_from(tmp_path: Path) -> None:
    store, sound = CheckpointFolder(tmp_path), checkpoint(1, notes={"run": "first", "at": [1, 2.5]})
    store.write(sound)
    for part in ("state", "best"):
        with pytest.raises(BadArtifact, match="other than finite numbers in"):
            store.write(checkpoint(2, **{part: {"p": np.array([1, np.nan], np.float32)}}))
    assert equal(CheckpointFolder(tmp_path).read(), sound)


def test_a_folder_of_something_else_is_left_alone(folder: Path, tmp_path: Path) -> None:
    CheckpointFolder(folder).prepare()
    (folder / "notes.txt").write_text("mine")
    (tmp_path / "a file").write_text("mine")
    for place in (folder, tmp_path / "a file"):
        with pytest.raises(BadArtifact) as caught:
            CheckpointFolder(place).prepare()
        assert "another folder" in caught.value.hint
    CheckpointFolder(tmp_path / "new" / "folder").prepare()
    assert (tmp_path / "new" / "folder").is_dir()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"trainer": "als"}, BadHyperparameter, "is of trainer svd, not als"),
        ({"hyperparameters": {"rank": 8, "l2": 0.1}}, BadHyperparameter, "with rank 4, not 8"),
        ({"hyperparameters": {"rank": 4}}, BadHyperparameter, "with l2 0.1, not None"),
        ({"hyperparameters": {"rank": 4, "l2": 0.1, "more": 1}}, BadHyperparameter, "with more None, not 1"),
        ({"split": "0124"}, SplitMismatch, "with split 0123, not 0124"),
        ({"ratings": "89ab"}, SplitMismatch, "with ratings 4567, not 89ab"),
    ],
)
def test_another_training_is_named_by_what_differs(
    change: dict[str, object], error: type[CofactorError], said: str
) -> None:
    check_same_training(Path("kept"), TRAINING, dict(TRAINING))
    with pytest.raises(error) as caught:
        check_same_training(Path("kept"), TRAINING, TRAINING | change)
    assert caught.value.message.endswith(said)
    assert caught.value.hint


def test_the_digest_of_ratings_is_of_all_that_training_sees() -> None:
    one = noise()
    assert digest_ratings([one]) == digest_ratings([noise()])
    later, other = one.value.copy(), noise(seed=1)
    later[7] += 0.5
    seen = [
        [one, one],
        [other],
        [replace(one, value=later)],
        [one.where(np.arange(len(one)) > 0)],
        [one.where(np.argsort(one.user, kind="stable"))],
        [replace(one, time=np.zeros(len(one), np.int64))],
    ]
    assert len({digest_ratings([one]), *map(digest_ratings, seen)}) == 7
