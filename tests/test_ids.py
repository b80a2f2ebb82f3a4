"""Ids of users and items follow one rule: in reading, training, requests and lookups."""

import sys
import unicodedata

import duckdb
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cofactor.data.ratings import Ratings
from cofactor.data.reading.meaning.id_rules import id_fault_sql, normalized_id_sql
from cofactor.data.reading.read import read
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData
from cofactor.ids import BLANKS, MAX_GIVEN, MAX_LENGTH, check_id, find_id_fault, normalize_id
from cofactor.serving.schemas.requests import Id

DECOMPOSED, COMPOSED = "Jose\u0301", "Jos\xe9"
DATABASE = duckdb.connect()
JOINERS = ("\u200c", "\u200d")
GOOD = [
    "1",
    "a b",
    COMPOSED,
    "攻殻",
    "a/b",
    "100%",
    "...",
    "x" * MAX_LENGTH,
    "می\u200cخواهم",
    "👩\u200d🚀",
    "?x=1#y",
    "\\",
]
BAD = [
    "",
    " ",
    "\u00a0\u2003",
    ".",
    "..",
    " . ",
    "a\tb",
    "a\x00b",
    "a\x7fb",
    "a\x85b",
    "a\u200bb",
    "\ufeffa",
    "a\u202eb",
]
BAD += ["\u2028a\u2028b", "\u200d", "\ufe0f\u200c", "\u3164", "x" * (MAX_LENGTH + 1), "\ud800", "a\ud83d"]

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


def test_blanks_are_the_white_space_of_python():
    assert set(BLANKS) == {c for c in map(chr, range(sys.maxunicode + 1)) if c.isspace()}


def test_every_control_and_format_character_but_the_joiners_is_a_fault():
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    invisible = {c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) in kinds}
    assert {c for c in invisible if find_id_fault(f"a{c}b") is None} == set(JOINERS)


@pytest.mark.parametrize("id_", GOOD)
def test_an_id_is_kept_as_it_is_and_found_with_blanks_around_it(id_):
    assert check_id(id_) == id_ == check_id(f" \u00a0{id_}\t")
    assert TypeAdapter(Id).validate_python(f"{id_} ") == id_
    assert Vocabulary.of([f"\u2003{id_}"]).row(f" {id_}\n") == 0


@pytest.mark.parametrize("id_", BAD)
def test_text_that_is_no_id_is_refused_everywhere(id_):
    with pytest.raises(BadData, match="id") as refused:
        check_id(id_, "user")
    assert "200 visible characters" in refused.value.hint
    with pytest.raises(ValidationError, match="id"):
        TypeAdapter(Id).validate_python(id_)
    with pytest.raises(BadData, match="user id"):
        Ratings.of([id_], ["1"], [3.0])
    with pytest.raises(BadData, match="item id"):
        Ratings.of(["1"], [id_], [3.0])


def test_rows_with_such_an_id_are_rejected_while_reading(tmp_path):
    bad = [one for one in BAD if not any("\ud800" <= c <= "\udfff" for c in one)]
    frame = {"user": ["7"] * len(bad) + bad, "item": bad + ["1"] * len(bad), "rating": [3.0] * 2 * len(bad)}
    frame = {role: [*column, good] for (role, column), good in zip(frame.items(), ("8", "1", 4.0), strict=True)}
    with pytest.raises(BadData, match=f"and {2 * len(bad) - 3} more"):
        read(frame)
    kept = read(frame, bad_rows="skip", rejected=tmp_path / "rejected.csv")
    assert (list(kept.users.ids), list(kept.items.ids)) == (["8"], ["1"])
    reasons = (tmp_path / "rejected.csv").read_text()
    for words in (
        "no user id",
        "no item id",
        "is not accepted",
        "no visible character",
        "longer than 200",
        "invisible",
    ):
        assert words in reasons


def test_a_long_text_is_refused_before_it_is_normalized():
    marks = "a" + "\u0301\u0323" * MAX_GIVEN
    assert normalize_id(marks) == marks
    with pytest.raises(BadData, match=f"longer than {MAX_LENGTH}"):
        check_id(marks)


def test_ids_that_differ_in_their_normal_form_only_are_one():
    rated = Ratings.of([DECOMPOSED, COMPOSED + " "], ["1", "2"], [3.0, 4.0])
    assert list(rated.users.ids) == [COMPOSED]
    frame = read({"user": [DECOMPOSED, COMPOSED], "item": ["a\u00a0", "b"], "rating": [3.0, 4.0]})
    assert list(frame.users.ids) == [COMPOSED]
    assert list(frame.items.ids) == ["a", "b"]


def test_an_id_of_an_earlier_model_is_found_by_its_normal_form_and_as_it_was():
    old = Vocabulary(np.array([DECOMPOSED, " 7", "8"], dtype=object))
    assert [old.row(one) for one in (DECOMPOSED, COMPOSED, "7", " 7", "8 ")] == [0, 0, 1, 1, 2]
    assert old.rows([COMPOSED, "9", "7"]).tolist() == [0, -1, 1]
    assert COMPOSED in old
    assert "9" not in old


def test_an_exact_id_comes_before_one_of_the_same_normal_form():
    old = Vocabulary(np.array([DECOMPOSED, COMPOSED], dtype=object))
    assert [old.row(one) for one in (DECOMPOSED, COMPOSED, COMPOSED + " ")] == [0, 1, 1]


@settings(deadline=None, max_examples=50)
@given(text)
@example("a\u0301\u200b")
@example("\ufe0f")
def test_sql_and_python_agree(id_):
    database = DATABASE
    normal = f"SELECT {normalized_id_sql('$1')} AS id"
    (found,) = database.execute(f"SELECT {id_fault_sql('id')} FROM ({normal})", [id_]).fetchone()
    fault = find_id_fault(normalize_id(id_))
    assert (found is None) == (fault is None)
    if found:
        assert found == fault
    if fault is None:
        assert database.execute(normal, [id_]).fetchone() == (normalize_id(id_),)


@given(text)
def test_the_normal_form_of_a_normal_form_is_itself(id_):
    assert normalize_id(normalize_id(id_)) == normalize_id(id_)
