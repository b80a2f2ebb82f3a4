"""Errors of cofactor carry their hint wherever they are printed."""

import gzip
import pickle
import traceback
from pathlib import Path

import pytest

from cofactor.data.reading.read import read
from cofactor.errors import BadData, CofactorError, Unavailable, error_context


def test_the_hint_is_in_the_text_of_an_error() -> None:
    error = BadData("no such data: x", "name a file")
    assert (error.message, error.hint) == ("no such data: x", "name a file")
    assert str(error) == "no such data: x\n  hint: name a file"
    assert str(BadData("no such data: x")) == "no such data: x"


def test_an_error_keeps_its_hint_when_pickled() -> None:
    back = pickle.loads(pickle.dumps(Unavailable("offline", "try again")))
    assert type(back) is Unavailable
    assert (back.message, back.hint, str(back)) == ("offline", "try again", "offline\n  hint: try again")


def test_error_context_names_the_file_and_keeps_kind_and_hint() -> None:
    with pytest.raises(BadData) as raised, error_context("a.csv"), error_context("line 3"):
        raise BadData("no rating", "mend it")
    assert str(raised.value) == "a.csv: line 3: no rating\n  hint: mend it"
    with pytest.raises(ValueError, match=r"^other$"), error_context("a.csv"):
        raise ValueError("other")
    with error_context("a.csv"):
        pass
    assert not isinstance(raised.value, Unavailable)
    assert isinstance(raised.value, CofactorError)


def test_an_error_with_a_context_shows_one_traceback_down_to_where_it_was_raised() -> None:
    def check_line() -> None:
        raise BadData("no rating", "mend it")

    with pytest.raises(BadData) as raised, error_context("a.csv"), error_context("line 3"):
        check_line()
    shown = "".join(traceback.format_exception(raised.value))
    assert shown.count("Traceback") == 1
    assert shown.count("hint: mend it") == 1
    assert "in check_line" in shown


def test_an_error_of_reading_shows_one_traceback(tmp_path: Path) -> None:
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"user,item,rating\n1,2,3\n" * 999)[:40])
    with pytest.raises(BadData) as raised:
        read(tmp_path / "cut.csv.gz")
    assert "".join(traceback.format_exception(raised.value)).count("Traceback") == 1
