"""Arguments of the wrong type, as people give them: an error that names the argument, with a hint."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest

import cofactor
from cofactor import SVD, Baseline
from cofactor.errors import BadData, BadHyperparameter, CofactorError, SplitMismatch
from cofactor.experiments.tuning.search_space import SearchSpace
from tests.toys import noise

RATINGS = noise()
PARTS = cofactor.split(RATINGS, "random", seed=0)
MODEL = Baseline().fit(PARTS.train)

CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "the class of a trainer": (lambda: cofactor.fit(SVD, PARTS), "trainer is the class SVD"),
    "the name of a trainer": (lambda: cofactor.fit("svd", PARTS), "trainer is of type str"),
    "ratings for a split": (lambda: cofactor.fit(SVD(), PARTS.train), "split is of type Ratings"),
    "a split for ratings": (lambda: SVD().fit(PARTS), "the training part is of type Split"),
    "a split as validation": (lambda: SVD().fit(PARTS.train, PARTS), "the validation part is of type Split"),
    "a split to evaluate on": (lambda: cofactor.evaluate(MODEL, PARTS), "test is of type Split"),
    "a path to split": (lambda: cofactor.split("ratings.csv", "random"), "ratings is of type str"),
    "a fit to save": (lambda: cofactor.save(cofactor.fit(Baseline(), PARTS), "nowhere"), "model is of type Fit"),
    "a model on a split": (lambda: cofactor.compare({"a": MODEL}, PARTS), "candidate a is of type BaselineModel"),
    "a list of candidates": (lambda: cofactor.compare([SVD()], PARTS), "candidates is of type list"),
    "an instance to tune": (lambda: cofactor.tune(SVD(rank=4), PARTS), "trainer is of type SVD"),
    "ranges as a mapping": (lambda: SearchSpace.for_trainer(SVD, ranges={"rank": (2, 8)}), "ranges are a mapping"),
    "an unknown unit": (
        lambda: cofactor.compare({"a": MODEL, "b": MODEL}, PARTS.test, resample_by="items"),
        "resample_by is 'items'",
    ),
    "a search from nowhere": (lambda: cofactor.tune(Baseline, PARTS, resume=True), "resume is set without a folder"),
    "one id for a list": (lambda: MODEL.predict("12", ["3"]), "user ids are one text, '12'"),
    "pairs of unequal length": (
        lambda: MODEL.predict_rows(np.array([1, 2], np.int32), np.array([2], np.int32)),
        "2 users for 1 items",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_error_names_the_argument(case: str) -> None:
    call, message = CASES[case]
    with pytest.raises(CofactorError) as caught:
        call()
    assert isinstance(caught.value, BadData | BadHyperparameter)
    assert message in caught.value.message
    assert caught.value.hint


def test_validation_ratings_of_other_users_are_refused() -> None:
    other = cofactor.split(RATINGS.of(["9", "8", "7"] * 4, [str(n) for n in range(12)], [1.0, 2.0, 3.0] * 4), seed=0)
    with pytest.raises(SplitMismatch, match="other users or items"):
        SVD().fit(PARTS.train, other.train)


def test_ids_may_be_any_iterable() -> None:
    users, items = list(RATINGS.users.ids[:3]), list(RATINGS.items.ids[:3])
    expected = MODEL.predict(users, items)
    np.testing.assert_array_equal(MODEL.predict(iter(users), dict.fromkeys(items)), expected)
    labelled = pandas.Series(users, index=[2, 0, 1])
    np.testing.assert_array_equal(MODEL.predict(labelled, items), expected)
    with pytest.raises(CofactorError, match="unknown user 'zz'"):
        MODEL.predict(pandas.Series(["0", "zz", "1"], index=[2, 0, 1]), items)
