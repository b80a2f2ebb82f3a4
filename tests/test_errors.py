"""Errors of cofactor carry their hint wherever they are printed."""

import pickle

import pytest

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
