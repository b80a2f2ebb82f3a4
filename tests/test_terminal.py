"""Titles and ids from data cannot control a terminal: their control characters are shown as escapes."""

import contextlib
import csv
import io
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from rich.console import Console
from rich.progress import Progress

from cofactor.cli.terminal import print_facts, print_json, print_paragraphs, print_path, print_table
from cofactor.control_characters import escape_controls, escape_controls_in_json, escape_controls_in_lines
from cofactor.data.reading.read import read
from cofactor.data.tables.text_table import TextTable
from cofactor.saved.model_folder import save
from cofactor.trainers import TRAINERS
from cofactor.training.tracking.terminal_console import TerminalConsole
from tests.conftest import Run

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202eabc"
SHOWN = r"\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202eabc"
HARMLESS = "Amélie – 千と千尋\u3000の 👨\u200d👩\u200d👧 שלום\u200f می\u200cخواهم a\u00a0b"


def is_safe(text: str) -> bool:
    return escape_controls_in_lines(text) == text


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose ids and titles hold control characters."""
    ids = [[f"{letter}{n}" for n in range(6)] for letter in "ui"]
    users, items = np.divmod(np.arange(36), 6)
    frame = {"user": np.array(ids[0])[users], "item": np.array(ids[1])[items], "rating": 1 + users * items % 5}
    ratings = replace(read(frame), titles=np.array([f"{item}{EVIL}" for item in ids[1]], object))
    folder = tmp_path_factory.mktemp("evil") / "baseline"
    save(TRAINERS["baseline"].of().fit(ratings), folder)
    return folder


def test_controls_are_escaped_and_text_is_not() -> None:
    assert escape_controls(EVIL) == SHOWN
    assert escape_controls(HARMLESS) == HARMLESS
    assert escape_controls("a\nb\tc\r\udc80\u2028") == r"a\x0ab\x09c\x0d\udc80\u2028"
    assert escape_controls_in_lines("a\nb\tc\r") == "a\nb\tc\\x0d"
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x2070), 0xD800, 0xDFFF):
        assert escape_controls(chr(code)).isascii(), hex(code)


def test_json_stays_the_same_document() -> None:
    document = {"title": EVIL + HARMLESS, EVIL: ["\x00\n\\x1b"]}
    written = escape_controls_in_json(orjson.dumps(document))
    assert orjson.loads(written) == document
    assert is_safe(written.decode())
    assert escape_controls_in_json(b'{"a":"b"}') == b'{"a":"b"}'


def test_every_function_that_prints_escapes(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = TextTable([[EVIL, "a\nb"]], ["title", "line"], left=2)
    print_paragraphs([f"of {EVIL}", table])
    print_table(table)
    print_facts({"newest": EVIL + "\n"})
    print_json({"title": EVIL, "file": tmp_path / "\udc80", "\udcff": ["\udc80"]})
    written = capfd.readouterr().out
    assert is_safe(written)
    assert written.count(SHOWN) == 4
    assert r"a\x0ab" in written
    print_path(tmp_path / "\udc80")
    assert capfd.readouterr().out.endswith("/\N{REPLACEMENT CHARACTER}\n")  # the byte itself, which is no UTF-8


def test_a_console_escapes_text_and_keeps_its_own_codes() -> None:
    into = io.StringIO()
    console = TerminalConsole(file=into, force_terminal=True, color_system="truecolor", width=200, soft_wrap=True)
    console.print(EVIL, style="yellow", markup=False)
    with Progress(console=console, transient=True) as bar:
        bar.add_task(EVIL.replace("[", r"\["), total=1)
    written = into.getvalue()
    assert "\x1b[33m" in written
    assert r"\x1b]0;owned" in written
    for evil in ("\x1b]0;", "\x1b[2J\\", "\x9b", "\u202e"):
        assert evil not in written
    plain = io.StringIO()
    Console(file=plain, force_terminal=True).print(EVIL, markup=False, highlight=False)
    assert "\x1b]0;" in plain.getvalue()  # so Rich itself would not do


COMMANDS = [
    ["similar", "{evil}", "i1"],
    ["explain", "{evil}", "u1", "i1"],
    ["recommend", "{evil}", "u1", "--include-seen", "--why", "1"],
    ["recommend", "{evil}", EVIL],
    ["similar", "{evil}/" + EVIL, "i1"],
    ["similar", "{evil}", "i1", "--json"],
    ["train", EVIL],
    [f"--{EVIL}"],
]
SEVERAL = """
import json, sys
from cofactor.cli import cofactor
for arguments in json.loads(sys.argv[1]):
    print("=====", flush=True)
    try:
        cofactor(arguments)
    except SystemExit:
        pass
"""


def test_a_terminal_receives_no_control_sequence_from_data(evil: Path) -> None:
    commands = [[one.replace("{evil}", str(evil)) for one in arguments] for arguments in COMMANDS]
    ours, theirs = pty.openpty()
    program = [sys.executable, "-c", SEVERAL, orjson.dumps(commands).decode()]
    written = b""
    with subprocess.Popen(program, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        with contextlib.suppress(OSError):  # of reading when the other end is closed
            while some := os.read(ours, 1 << 16):
                written += some
    os.close(ours)
    _, *parts = written.decode("utf-8", "surrogateescape").split("=====")
    for arguments, part in zip(COMMANDS, parts, strict=True):
        assert ("u001b" if "--json" in arguments else r"\x1b]0;owned") in re.sub(r"\s", "", part), arguments
        for sequence in ("\x1b]0;", "\x1b[2J", "\x9b", "\x07", "\u202e", "\x7f"):
            assert sequence not in part, arguments


def test_pipes_get_the_same_escapes_and_csv_gets_the_data(evil: Path, run: Run, tmp_path: Path) -> None:
    for command in ("similar", "explain"):
        done = run(command, evil, *(["u1"] if command == "explain" else []), "i1")
        assert is_safe(done.stdout)
        assert SHOWN in done.stdout
    listed = orjson.loads(run("similar", evil, "i1", "--json").stdout)["items"]
    assert all(one["title"].endswith(EVIL) for one in listed)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"user,item\n{EVIL},i1\n", encoding="utf-8")
    out = run("predict", evil, pairs).stdout
    assert next(csv.DictReader(io.StringIO(out)))["user"] == EVIL
