"""Two trainings, or two comparisons, do not write to one folder at the same time: the second is refused."""

import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from cofactor.data.splitting.split import split
from cofactor.errors import BadArtifact, InUse
from cofactor.folder_lock import LOCK, lock_beside, locked, reserve_folder
from cofactor.output_checks import check_output_file, check_output_folder
from cofactor.saved.model_folder import check_place, load, reserve_place, save
from cofactor.trainers.svd import SVD
from cofactor.training.checkpoint import CheckpointFolder
from cofactor.training.fit import fit
from tests.conftest import Run
from tests.small_service import model
from tests.toys import noise

HOLD = """
import sys, time
from pathlib import Path
from cofactor.folder_lock import reserve_folder
with reserve_folder(Path(sys.argv[1]), "training"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def parts():
    return split(noise(), "random", seed=0, test=0.2, validation=0.2)


def in_thread(call) -> BaseException | None:
    """The exception of a call in another thread, which stands for another process here."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    return raised[0] if raised else None


def test_the_same_thread_may_enter_again_and_nothing_is_left(tmp_path: Path) -> None:
    with reserve_folder(tmp_path / "a", "training"):
        with locked(tmp_path / "a", tmp_path / "a" / LOCK, "training"):
            assert [one.name for one in (tmp_path / "a").iterdir()] == [LOCK]
        assert isinstance(in_thread(lambda: reserve_folder(tmp_path / "a", "training").__enter__()), InUse)
    assert list(tmp_path.iterdir()) == []  # a new folder to which nothing was written is removed
    (tmp_path / "b").mkdir()
    with reserve_folder(tmp_path / "b", "training"):
        pass
    assert list((tmp_path / "b").iterdir()) == []


def test_another_process_is_named_and_its_end_however_it_comes_gives_the_folder_back(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InUse) as raised, reserve_folder(tmp_path, "training"):
            pass
        holder.send_signal(signal.SIGKILL)
    assert str(raised.value.message).startswith(f"{tmp_path} is used by another training: process {holder.pid} on ")
    assert "name another folder" in raised.value.hint
    with reserve_folder(tmp_path, "training"):
        assert (tmp_path / LOCK).exists()


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b'{"process": "x"}', b"{" * 5_000])
def test_a_lock_file_of_any_content_is_taken_or_said_to_be_held(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LOCK).write_bytes(content)
    with reserve_folder(tmp_path, "training"):
        (tmp_path / LOCK).write_bytes(content)
        error = in_thread(lambda: reserve_folder(tmp_path, "training").__enter__())
    assert isinstance(error, InUse)
    assert error.message == f"{tmp_path} is used by another training"


def test_two_trainings_with_one_checkpoint_folder(parts, tmp_path: Path) -> None:
    folder, errors = tmp_path / "checkpoint", []

    def second(row, epoch) -> None:
        for resume in (False, True):
            errors.append(in_thread(partial(fit, SVD(n_epochs=3), parts, checkpoint=folder, resume=resume)))

    first = fit(SVD(n_epochs=3), parts, checkpoint=folder, on_epoch=second)
    assert len(errors) >= 2
    assert {type(error) for error in errors} == {InUse}
    assert CheckpointFolder(folder).read().complete
    assert not (folder / LOCK).exists()
    resumed = fit(SVD(n_epochs=3), parts, checkpoint=folder, resume=True)
    assert resumed.best_epoch == first.best_epoch
    with pytest.raises(BadArtifact, match="there is a checkpoint"):
        fit(SVD(n_epochs=3), parts, checkpoint=folder)


def test_a_place_for_a_model_is_kept_during_a_training(tmp_path: Path) -> None:
    place = tmp_path / "m"
    with reserve_place(place):
        error = in_thread(lambda: save(model(mean=2.0), place))
        assert isinstance(error, InUse)
        assert isinstance(in_thread(lambda: reserve_place(place).__enter__()), InUse)
        save(model(mean=3.0), place)  # of the training itself
        assert lock_beside(place).exists()
    assert [one.name for one in tmp_path.iterdir()] == ["m"]
    assert load(place).mean == 3.0
    assert check_place(place) == place


def test_the_second_command_is_refused_before_it_reads_its_data(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text("no ratings")
    for folder, arguments in (
        ("ckpt", ("train", "baseline", "broken.csv", "--checkpoint", "ckpt")),
        ("out", ("compare", "popularity", "--on", "broken.csv", "-o", "out")),
    ):
        with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / folder)], stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            done = run(*arguments)
            holder.kill()
        assert done.exit_code == 2
        assert f"error: {folder} is used by another" in done.stderr
        assert f"process {holder.pid} on" in done.stderr


def test_no_output_is_lost_in_the_folder_of_the_model(run: Run, tmp_path: Path) -> None:
    """The folder of a model is replaced as a whole, so that a checkpoint or a log in it would be in the way."""
    for option, place in (
        ("--checkpoint", "m/c"),
        ("--log", "m/log.csv"),
        ("--curves", "m/c.png"),
        ("--checkpoint", "m"),
    ):
        done = run("train", "baseline", "-o", "m", option, place)
        assert (done.exit_code, done.stdout) == (2, "")
        assert f"{option} {place} and the model in m are in one folder" in done.stderr
    done = run("train", "baseline", "-o", "c/m", "--checkpoint", "c")
    assert "are in one folder" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_abandoned_lock_does_not_keep_a_program_alive(tmp_path: Path) -> None:
    started = time.monotonic()
    code = "import sys; from pathlib import Path; from cofactor.folder_lock import reserve_folder; "
    code += "held = reserve_folder(Path(sys.argv[1]), 'training'); held.__enter__()"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=20)
    assert time.monotonic() - started < 15
    with reserve_folder(tmp_path, "training"):
        pass


def test_a_check_of_a_place_leaves_nothing(tmp_path: Path) -> None:
    check_output_folder(tmp_path / "a" / "b" / "c")
    check_output_file(tmp_path / "a" / "b" / "c.csv")
    with reserve_place(tmp_path / "a" / "m"), reserve_folder(tmp_path / "b" / "c", "training"):
        assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "b"]
    assert list(tmp_path.iterdir()) == []
