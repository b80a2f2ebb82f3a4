"""Errors of the disk: one line with a hint, nothing half-written under the final name, found early if possible.

The errors are real: a limit on the size of files, /dev/full, and closed streams, each in a process of its own.
"""

import errno
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from cofactor.atomic_folders import open_text_file, write_file
from cofactor.data.duckdb_connection import table_write_errors
from cofactor.data.parquet import write_parquet
from cofactor.data.splitting.split import split
from cofactor.errors import BadArtifact, BadData
from cofactor.feedback.open_store import open_store
from cofactor.feedback.store import RatingEvent
from cofactor.output_checks import check_free_space, check_output_file, check_output_folder, os_error, write_errors
from cofactor.saved.model_folder import save
from cofactor.trainers.svd import SVD
from cofactor.training.checkpoint import CheckpointFolder
from cofactor.training.fit import fit
from tests.conftest import Run
from tests.small_service import model
from tests.toys import noise

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits and devices of Unix")
PROGRAM = (sys.executable, "-c", "from cofactor.cli import main; main()")
LIMITED = """
import json, os, resource, sys
from click.testing import CliRunner
import cofactor.cli
from cofactor.cli import cofactor
def run(arguments):
    done = CliRunner().invoke(cofactor, arguments)
    return [done.exit_code, done.stdout, done.stderr]
first, limited = json.loads(sys.stdin.read())
for arguments in first:
    assert run(arguments)[0] == 0, run(arguments)
before = sorted(os.listdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
results = []
for arguments in limited:
    results.append([*run(arguments), sorted(set(os.listdir()) - set(before))])
print(json.dumps(results))
"""


def test_every_command_that_meets_a_limit_of_the_disk_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("user,item\n" + "".join(f"{n % 300},{n % 100}\n" for n in range(3_000)))
    first = [
        ["generate", "--users", "300", "--items", "100", "--per-user", "30", "-o", "r.parquet"],
        ["train", "baseline", "r.parquet", "-o", "m", "-q"],
    ]
    limited = [
        ["train", "baseline", "r.parquet", "-o", "o"],
        ["train", "svd", "r.parquet", "--epochs", "2", "-o", "o", "--checkpoint", "c"],
        ["split", "r.parquet", "-o", "o"],
        ["export", "r.parquet", "-o", "o", "--format", "csv"],
        ["export", "r.parquet", "-o", "o"],
        ["generate", "--users", "300", "--items", "100", "--per-user", "30", "-o", "o.parquet"],
        ["recommend", "m", "--all", "-n", "50", "-o", "o.parquet"],
        ["predict", "m", "pairs.csv", "-o", "o.csv"],
        ["compare", "popularity", "--on", "r.parquet", "-o", "o"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED],
        input=orjson.dumps([first, limited]),
        capture_output=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    for arguments, (code, out, err, left) in zip(limited, orjson.loads(done.stdout), strict=True):
        assert (code, out, left) == (2, "", []), (arguments, err)
        error, blank, hint = err.splitlines()[-3:]
        assert error.startswith("error: cannot write "), (arguments, err)
        assert blank == ""
        assert hint.startswith("hint: "), (arguments, err)


def test_a_program_whose_output_is_closed_or_full_says_so(saved: Path) -> None:
    commands = {
        f"{' '.join(map(repr, PROGRAM))} similar {saved}/baseline 1 >&-": "error: the standard output is closed",
        f"{' '.join(map(repr, PROGRAM))} similar {saved}/baseline 1 > /dev/full": "standard output",
        f"{' '.join(map(repr, PROGRAM))} similar {saved}/baseline 1 --json > /dev/full": "standard output",
    }
    for command, said in commands.items():
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr.splitlines()[0]
        assert len(done.stderr.splitlines()) == 3, done.stderr
        assert "hint: " in done.stderr


def test_a_program_without_stderr_and_stdin_works(saved: Path) -> None:
    command = f"{' '.join(map(repr, PROGRAM))} similar {saved}/baseline 1 2>&- <&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "similarity" in done.stdout


@pytest.mark.parametrize("command", ["train", "compare", "tune", "split", "generate"])
@pytest.mark.parametrize("seed", [1 << 63, -1])
def test_a_seed_out_of_range_is_an_error_before_the_work(command: str, seed: int, run: Run, tmp_path: Path) -> None:
    arguments = {"train": ["svd"], "compare": ["svd"], "tune": ["svd"], "split": ["synthetic"], "generate": []}[command]
    done = run(command, *arguments, "--seed", seed)
    assert done.exit_code == 2, done.stderr
    assert "seed" in done.stderr.splitlines()[-3]
    assert done.stderr.splitlines()[-1].startswith("hint: ")
    assert not list(tmp_path.iterdir())


ODD_PLACES = ["file/a/b", "\udcff", "loop", "x" * 300, "\udcff/a", "a\0b", "/proc/none/x"]


@pytest.mark.parametrize("place", ODD_PLACES)
def test_a_place_that_cannot_be_written_is_an_error_of_its_kind(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    Path("loop").symlink_to("loop")
    before = sorted(tmp_path.iterdir())
    parts = split(noise(), "random", seed=0, test=0.2, validation=0.2)
    for check in (check_output_file, check_output_folder):
        with pytest.raises(BadData, match="cannot write") as raised:
            check(place, BadData)
        assert raised.value.hint
    for call in (
        lambda: save(model(), place),
        lambda: fit(SVD(n_epochs=1), parts, checkpoint=place),
        lambda: open_text_file(Path(place)).__enter__(),
    ):
        with pytest.raises(BadArtifact, match="cannot write"):
            call()
    assert sorted(tmp_path.iterdir()) == before


def test_a_device_or_a_pipe_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with open_text_file(pipe) as file:
        file.write("rows")
    assert os.read(reader, 100) == b"rows"
    os.close(reader)
    assert pipe.is_fifo()
    with pytest.raises(BadArtifact, match="a device or a pipe"):
        check_output_file(pipe)
    (tmp_path / "link").symlink_to(tmp_path / "target.csv")
    with open_text_file(tmp_path / "link") as file:
        file.write("rows")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target.csv").read_text() == "rows"


def test_an_error_of_reading_inside_is_not_taken_for_one_of_writing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), open_text_file(tmp_path / "out.csv"):
        (tmp_path / "none").read_text()
    with pytest.raises(OSError, match="Not a gzipped file"), open_text_file(tmp_path / "out.csv"):
        raise OSError("Not a gzipped file")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES])
def test_each_error_of_a_disk_has_a_hint_and_is_found_in_the_words_of_a_library(code: int, tmp_path: Path) -> None:
    with pytest.raises(BadArtifact, match=f"cannot write x: {os.strerror(code)}") as raised, write_errors("x"):
        raise OSError(code, os.strerror(code))
    assert raised.value.hint
    assert os_error(f'IO Error: Could not write to "x": {os.strerror(code)}', tmp_path).errno == code
    assert os_error("IO Error: something else", tmp_path).errno == errno.EIO


def test_an_error_of_the_database_is_one_of_the_disk(tmp_path: Path) -> None:
    import numpy as np

    with pytest.raises(BadData, match="cannot write t: No such file"), table_write_errors("t"):
        write_parquet(tmp_path / "none" / "t.parquet", {"a": np.arange(3)})


def test_room_is_compared_with_what_is_needed(tmp_path: Path) -> None:
    check_free_space(tmp_path / "a" / "b", 1, "a byte")
    with pytest.raises(
        BadArtifact, match=r"cannot write .*a/b: 1048576\.0 GiB are needed for the model, [\d.]+ [GM]iB"
    ):
        check_free_space(tmp_path / "a" / "b", 1 << 50, "the model")


def test_a_checkpoint_that_cannot_be_written_keeps_the_one_before(tmp_path: Path) -> None:
    """With a limit on the size of files that the second one meets."""
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from cofactor.training.checkpoint import Checkpoint, CheckpointFolder\n"
        "import numpy as np\n"
        "folder = CheckpointFolder(Path(sys.argv[1])); folder.prepare()\n"
        "one = lambda n: Checkpoint({}, [{'epoch': 1}], {}, {'a': np.ones(n)}, {'b': np.ones(n)})\n"
        "folder.write(one(10))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))\n"
        "folder.write(one(1000))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "c")], capture_output=True, text=True, timeout=60)
    assert "BadArtifact: cannot write" in done.stderr
    assert "--resume continues from it; a limit on the size of files" in done.stderr
    assert len(CheckpointFolder(tmp_path / "c").read().state["a"]) == 10
    assert len(list((tmp_path / "c").iterdir())) == 3


def test_a_file_that_cannot_be_replaced_leaves_no_part(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_file(tmp_path / "folder", b"content")
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]


def test_text_that_the_terminal_s_encoding_lacks_is_escaped_and_csv_is_utf_8(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("user,item\n日本,1\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}

    def written(*arguments: str) -> bytes:
        done = subprocess.run([*PROGRAM, *arguments], capture_output=True, env=environment, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    assert b"[DATA] \\u2026" in written("train", "--help")
    assert "日本,1".encode() in written("predict", f"{saved}/baseline", str(tmp_path / "pairs.csv"))
    with closing(open_store(str(tmp_path / "ratings.db"))) as store:
        store.append([RatingEvent("日本", "1", 4.0, 7)])
    assert "日本,1,4.0,7\n".encode() in written("ratings", str(tmp_path / "ratings.db"), "--csv")
