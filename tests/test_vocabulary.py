"""Ids and rows."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofactor.data.vocabulary import Vocabulary, natural_order
from cofactor.errors import BadData, UnknownId
from tests.any_ids import any_ids


@given(st.lists(any_ids(), max_size=30))
def test_rows_and_ids_are_inverse(ids):
    vocabulary = Vocabulary.of(ids, "user")
    assert len(vocabulary) == len(set(ids))
    rows = vocabulary.rows(ids)
    assert rows.dtype == np.int32
    assert vocabulary.ids[rows].tolist() == ids
    assert [vocabulary.row(i) for i in ids] == rows.tolist()
    assert all(i in vocabulary for i in ids)
    assert vocabulary == Vocabulary.of(reversed(ids))


@given(st.lists(st.integers(0, 10**17), min_size=1))
def test_numbers_are_in_the_order_of_numbers(numbers):
    assert Vocabulary.of(map(str, numbers)).ids.tolist() == [str(n) for n in sorted(set(numbers))]


def test_the_order_of_anything_else_is_that_of_code_points():
    assert natural_order(["10", "9", "b2", "b10", "Z"]) == ["10", "9", "Z", "b10", "b2"]
    assert natural_order(["10", "9", "007"]) == ["007", "10", "9"], "007 is no plain number"
    assert natural_order(["10", "9", "٣"]) == ["10", "9", "٣"], "nor are digits of other scripts"
    assert natural_order(["-1", "1", "0"]) == ["-1", "0", "1"]
    assert natural_order([]) == []


def test_unknown_ids():
    users = Vocabulary.of(["196", "19", "7", "1960"], "user")
    assert users.rows(["7", "8", "196"]).tolist() == [0, -1, 2]
    with pytest.raises(UnknownId, match="unknown user '1961'") as caught:
        users.row("1961")
    assert caught.value.hint == "did you mean 196, 1960, 19?"
    assert caught.value.status == 404
    with pytest.raises(UnknownId) as caught:
        users.row("zebra")
    assert caught.value.hint == "the model knows 4 users, such as 7, 19, 196"
    assert users.unknown_id("zebra", near=[]).hint == "the model knows 4 users"
    assert users.similar_ids("") == []


def test_a_suggestion_does_not_take_long():
    users = Vocabulary(np.array([f"user-{n}" for n in range(200_000)], dtype=object), "user")
    started = time.process_time()
    assert users.similar_ids("user-19x999")
    assert len(users.unknown_id("user-" * 10_000).message) < 100
    assert time.process_time() - started < 2


@pytest.mark.parametrize(("ids", "says"), [(["a", "b", "a"], "two rows"), (["a", ""], "empty item id")])
def test_impossible_vocabularies(ids, says):
    with pytest.raises(BadData, match=says):
        Vocabulary(np.array(ids, dtype=object), "item")


def test_a_vocabulary_cannot_be_changed():
    vocabulary = Vocabulary.of(["a", "b"])
    with pytest.raises(ValueError, match="read-only"):
        vocabulary.ids[0] = "c"
    with pytest.raises(TypeError, match="unhashable"):
        hash(vocabulary)
