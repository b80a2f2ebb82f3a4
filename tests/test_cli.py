"""The program: its commands, its errors, its exit codes, and which stream says what."""

import importlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from cofactor.cli import COMMANDS, INTERRUPTED
from cofactor.errors import CofactorError
from tests.conftest import Run

PROGRAM = (sys.executable, "-c", "from cofactor.cli import main; main()")


def program(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_is_there_and_explains_itself(name: str, run: Run) -> None:
    command = getattr(importlib.import_module(f"cofactor.cli.{name}"), name)
    assert isinstance(command, click.Command)
    helped = run(name, "--help")
    assert helped.exit_code == 0
    assert name in helped.stdout


def test_help_lists_the_commands_without_importing_them() -> None:
    code = (
        "import sys\nfrom cofactor.cli import cofactor\n"
        "try:\n    cofactor(['--help'])\nexcept SystemExit as done:\n    assert done.code == 0\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert all(name in done.stdout for name in COMMANDS)
    loaded = set(done.stderr.split())
    assert "cofactor.cli" in loaded
    assert not loaded & {"numpy", "numba", "scipy", "duckdb", "rich", "fastapi", "cofactor.trainers"}
    assert not {f"cofactor.cli.{name}" for name in COMMANDS} & loaded


def test_an_error_is_a_line_a_blank_line_and_a_hint_on_stderr() -> None:
    done = program("trian")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "error: unknown command 'trian'\n\nhint: did you mean train?\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["recommend"], "Missing argument 'MODEL'"),
        (["train", "svdd"], "unknown trainer 'svdd'"),
        (["train", "baseline", "--sweps", "3"], "No such option: --sweps"),
        (["train", "baseline", "--sweeps", "0"], "sweeps is 0"),
        (["train", "baseline", "--sweeps", "many"], "'many' is not a valid integer"),
        (["train", "baseline", "--column", "who=x"], "ROLE=NAME"),
        (["fetch", "ml-100"], "unknown data set 'ml-100'"),
        (["generate", "--users", "1.5"], "1.5"),
    ],
)
def test_misuse_is_told_in_one_line_with_a_hint(arguments: list[str], said: str, run: Run) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    first, blank, hint = done.stderr.splitlines()
    assert first.startswith("error: ")
    assert said in first
    assert blank == ""
    assert hint.startswith("hint: ")


def failing(error: BaseException) -> click.Command:
    @click.command()
    def broken() -> None:
        raise error

    return broken


class Gone(CofactorError):
    exit_code = 7


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Gone("it is gone", "look elsewhere"), 7, "error: it is gone\n\nhint: look elsewhere\n"),
        (KeyboardInterrupt(), INTERRUPTED, "error: interrupted\n"),
        (PermissionError(13, "Permission denied", "/x"), 2, "error: Permission denied: /x\n"),
    ],
)
def test_what_goes_wrong_inside_a_command(
    error: BaseException, code: int, said: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cofactor.cli.similar.similar", failing(error))
    done = run("similar")
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.lstrip() == said


def test_ctrl_c_that_was_wrapped_on_its_way_is_no_bug(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped = SystemError("returned a result with an exception set")
    wrapped.__cause__ = KeyboardInterrupt()
    monkeypatch.setattr("cofactor.cli.similar.similar", failing(wrapped))
    done = run("similar")
    assert (done.exit_code, done.stderr) == (INTERRUPTED, "error: interrupted\n")


@pytest.mark.parametrize("arguments", [[], ["train"]])
def test_without_arguments_the_help_is_shown_and_no_error(arguments: list[str], run: Run) -> None:
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: cofactor")
    assert "error" not in done.stderr


def test_a_bug_is_one_line_and_a_traceback_on_request(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cofactor.cli.similar.similar", failing(ZeroDivisionError("by\nzero")))
    done = run("similar")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: a bug in cofactor: ZeroDivisionError: by zero\n\nhint: ")
    monkeypatch.setenv("COFACTOR_DEBUG", "1")
    assert isinstance(run("similar").exception, ZeroDivisionError)
    monkeypatch.delenv("COFACTOR_DEBUG")
    assert isinstance(run("--debug", "similar").exception, ZeroDivisionError)


def test_a_reader_that_stops_early_is_no_error(saved: Path) -> None:
    command = (
        f"{sys.executable} -c 'from cofactor.cli import main; main()' recommend {saved}/baseline 1 -n 100 | head -1"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert "error" not in done.stderr


def test_ctrl_c_ends_without_a_traceback(tmp_path: Path) -> None:
    arguments = ("generate", "--users", "1e6", "--items", "1e4", "--per-user", "100", "-o", str(tmp_path / "r.parquet"))
    running = subprocess.Popen([*PROGRAM, *arguments], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == INTERRUPTED
    assert said.strip() == "error: interrupted"


def test_ctrl_c_during_the_imports_ends_the_program_without_a_traceback() -> None:
    code = "import os, signal, cofactor.__main__; os.kill(os.getpid(), signal.SIGINT)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_the_command_line_handles_ctrl_c_after_the_imports() -> None:
    code = (
        "import os, signal, click, cofactor.__main__\n"
        "from cofactor.cli import cofactor\n"
        "cofactor.params.append(click.Option(['--press'], is_eager=True, is_flag=True, expose_value=False,"
        " callback=lambda *_: os.kill(os.getpid(), signal.SIGINT)))\n"
        "cofactor(['--press', 'split'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "\nerror: interrupted\n")
