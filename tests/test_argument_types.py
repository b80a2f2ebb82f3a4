"""Arguments of the wrong type, as people give them: an error that names the argument, with a hint."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas
import pytest

import cofactor
from cofactor import SVD, Baseline
from cofactor.errors import BadData, BadHyperparameter, CofactorError, SplitMismatch, TrainingDiverged
from cofactor.experiments.tuning.search_space import SearchSpace
from cofactor.trainers import TRAINERS
from cofactor.training.early_stopping import early_stopping
from tests.toys import noise

RATINGS = noise()
PARTS = cofactor.split(RATINGS, "random", seed=0)
HUGE = replace(RATINGS, value=RATINGS.value * np.float32(1e30), scale=(0.0, 5e30))
MODEL = Baseline().fit(PARTS.train)

CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "the class of a trainer": (lambda: cofactor.fit(SVD, PARTS), "trainer is the class SVD"),
    "the name of a trainer": (lambda: cofactor.fit("svd", PARTS), "trainer is of type str"),
    "a number for a split": (lambda: cofactor.fit(SVD(), 3), "split is of type int"),
    "a split for ratings": (lambda: SVD().fit(PARTS), "the training part is of type Split"),
    "a split as validation": (lambda: SVD().fit(PARTS.train, PARTS), "the validation part is of type Split"),
    "a split to evaluate on": (lambda: cofactor.evaluate(MODEL, PARTS), "test is of type Split"),
    "no ratings to split": (lambda: cofactor.split(3, "random"), "ratings is of type int"),
    "a path that is not there": (lambda: cofactor.split("ratings.csv"), "ratings.csv: no such file"),
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
    "one tracker": (
        lambda: cofactor.fit(Baseline(), PARTS, trackers=cofactor.CsvTracker("x.csv")),
        "trackers is of type",
    ),
    "the name of a tracker": (lambda: cofactor.fit(Baseline(), PARTS, trackers="csv"), "trackers is of type str"),
    "patience as text": (lambda: cofactor.fit(Baseline(), PARTS, patience="3"), "patience is '3'"),
    "a part of an epoch": (lambda: Baseline().fit(PARTS.train, PARTS.validation, patience=2.5), "patience is 2.5"),
    "no patience": (lambda: cofactor.fit(Baseline(), PARTS, patience=0), "a patience of 0 epochs"),
    "patience in a comparison": (lambda: cofactor.compare({"a": Baseline()}, PARTS, patience="3"), "patience is '3'"),
    "k as text": (lambda: cofactor.evaluate(MODEL, PARTS.test, k="5"), "k is '5'"),
    "no k": (lambda: cofactor.evaluate(MODEL, PARTS.test, k=0), "k is 0"),
    "a true k": (lambda: cofactor.evaluate(MODEL, PARTS.test, k=True), "k is True"),
    "n as text": (lambda: MODEL.recommend("12", n="5"), "n is '5'"),
    "n items as text": (lambda: MODEL.similar_items("12", n="5"), "n is '5'"),
    "a seed beyond 64 bits": (lambda: SVD(seed=1 << 63), "seed is 9223372036854775808"),
    "a seed of a split": (lambda: cofactor.split(RATINGS, "random", seed=1 << 63), "a seed of 9223372036854775808"),
    "ratings beyond all models": (lambda: Baseline().fit(HUGE), "the ratings reach"),
    "one id for a list": (lambda: MODEL.predict("12", ["3"]), "user ids are one id, '12'"),
    "users alone": (lambda: MODEL.predict(["12"]), "no items for the users, which are of type list"),
    "no list of ids": (lambda: MODEL.predict(None, ["3"]), "user ids are of type NoneType"),
    "half an id": (lambda: MODEL.predict([1.5], ["3"]), "the user id '1.5' is no whole number"),
    "a true id": (lambda: MODEL.predict([True], ["3"]), "the user id 'True' is of type bool"),
    "bytes as an id": (lambda: MODEL.predict([b"1"], ["3"]), "the user id \"b'1'\" is of type bytes"),
    "other times than pairs": (lambda: MODEL.predict(["1"], ["3"], [1, 2]), "2 times for 1 pairs"),
    "times as text": (lambda: MODEL.predict(["1"], ["3"], ["now"]), "times are of type"),
    "no diversity of that size": (lambda: MODEL.recommend("12", diversity=2), "diversity is 2"),
    "reasons as text": (lambda: MODEL.recommend("12", why="1"), "why is '1'"),
    "seen as text": (lambda: MODEL.recommend("12", include_seen="no"), "include_seen is 'no'"),
    "a misspelt filter": (lambda: MODEL.recommend("12", genres=["Drama"]), "a list has no option 'genres'"),
    "a year as text": (lambda: MODEL.recommend("12", year_from="1990"), "year_from is '1990'"),
    "a list as ratings": (lambda: MODEL.fold_in(["3"]), "ratings is of type list"),
    "a rating as text": (lambda: MODEL.fold_in({"3": "5"}), "the rating of item '3' is '5'"),
    "an item rated twice": (lambda: MODEL.fold_in({"3": 5.0, 3: 4.0}), "item '3' is rated twice"),
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
    with pytest.raises(CofactorError, match="the user id 'nan' is missing"):
        MODEL.predict(pandas.Series(["0", float("nan"), "1"], index=[2, 0, 1]), items)


def test_one_list_length_is_as_good_as_a_list_of_one() -> None:
    one, several = cofactor.evaluate(MODEL, PARTS.test, k=5), cofactor.evaluate(MODEL, PARTS.test, k=[5])
    assert one.k == several.k == (5,)
    assert one.metrics == several.metrics
    assert cofactor.compare({"a": MODEL, "b": MODEL}, PARTS.test, k=5).metrics["a"].keys() >= {"ndcg@5"}


def test_the_repr_of_what_a_training_gives_is_a_line() -> None:
    fitted = cofactor.fit(SVD(rank=4, n_epochs=2), PARTS)
    report = cofactor.evaluate(fitted.model, PARTS.test)
    compared = cofactor.compare({"a": MODEL, "b": fitted.model}, PARTS.test)
    for one, said in (
        (fitted.model, "<FactorModel that predicts ratings from"),
        (fitted.model.training_data, "<training data: "),
        (fitted, "<fit of <FactorModel"),
        (report, "<report on "),
        (compared, "<comparison of a, b on 1 split>"),
    ):
        assert repr(one).startswith(said)
        assert len(repr(one)) < 240
        assert "\n" not in repr(one)


@pytest.mark.parametrize("name", ["svd", "als", "ials"])
def test_a_training_that_starts_too_far_away_diverges_with_a_hint_for_that(name: str) -> None:
    with pytest.raises(TrainingDiverged) as raised:
        TRAINERS[name].of(init=1e30, rank=8).fit(PARTS.train)
    assert raised.value.hint == "lower init, now 1e+30"


def test_equations_without_a_solution_are_a_training_that_diverged() -> None:
    class Unsolvable(Baseline):
        def epochs(self, ratings, **how):
            yield from super().epochs(ratings, **how)
            np.linalg.cholesky(-np.eye(2))

    with pytest.raises(TrainingDiverged, match="training diverged: matrix is not positive definite"):
        list(early_stopping(Unsolvable().epochs(PARTS.train), None))
