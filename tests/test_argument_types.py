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
REPORT = cofactor.evaluate(MODEL, PARTS.test)

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
    "columns as a list": (lambda: cofactor.read(RATINGS.to_pandas(), columns=["user"]), "columns is of type list"),
    "folds as text": (lambda: list(cofactor.folds(RATINGS, "5")), "k is '5'"),
    "half a fold": (lambda: list(cofactor.folds(RATINGS, 2.5)), "k is '2.5'"),
    "repeats as text": (lambda: list(cofactor.repeated_folds(RATINGS, 2, "a")), "repeats is 'a'"),
    "windows as text": (lambda: list(cofactor.rolling_windows(RATINGS, "a")), "n is 'a'"),
    "a cut as text": (lambda: cofactor.split_at_time(RATINGS, "2020"), "the cut is '2020'"),
    "a number as checkpoint": (lambda: cofactor.fit(Baseline(), PARTS, checkpoint=5), "checkpoint is of type int"),
    "a number to start from": (lambda: cofactor.fit(SVD(), PARTS, warm_start=5), "warm_start is of type int"),
    "a trainer to evaluate": (lambda: cofactor.evaluate(SVD(), PARTS.test), "model is of type SVD"),
    "relevance as text": (lambda: cofactor.evaluate(MODEL, PARTS.test, relevant_from="4"), "relevant_from is '4'"),
    "test ratings as text": (
        lambda: cofactor.evaluate(MODEL, PARTS.test, min_test_ratings="4"),
        "min_test_ratings is '4'",
    ),
    "a list of models": (lambda: cofactor.compare([MODEL], PARTS.test), "models is of type list"),
    "one model to compare": (lambda: cofactor.compare(MODEL, PARTS.test), "models is of type BaselineModel"),
    "trainers on test ratings": (lambda: cofactor.compare({"a": SVD()}, PARTS.test), "candidate a is of type SVD"),
    "a number against": (lambda: cofactor.compare({"a": MODEL}, PARTS.test, against=5), "no model 5 to compare with"),
    "a number as metrics": (
        lambda: cofactor.compare({"a": MODEL, "b": MODEL}, PARTS.test, extra_metrics=5),
        "extra_metrics is of type int",
    ),
    "one report": (lambda: cofactor.compare_reports({"a": REPORT}), "reports of a is of type Report"),
    "a report for reports": (lambda: cofactor.compare_reports(REPORT), "reports is of type Report"),
    "folds of a validation as text": (
        lambda: cofactor.cross_validate(Baseline(), RATINGS, n_folds="5"),
        "n_folds is '5'",
    ),
    "a grid as a list": (lambda: cofactor.sweep(SVD, [1], PARTS), "values is of type list"),
    "a name for trainers": (lambda: cofactor.tune_all("svd", PARTS), "trainers holds 'svd'"),
    "a trainer for trainers": (lambda: cofactor.tune_all([SVD()], PARTS), "trainers holds SVD("),
    "a number as a folder": (lambda: cofactor.save(MODEL, 5), "path is of type int"),
    "a number as metrics to save": (lambda: cofactor.save(MODEL, "nowhere", metrics=5), "metrics is of type int"),
    "no folder to load": (lambda: cofactor.load(None), "path is of type NoneType"),
    "no manifest to load": (lambda: cofactor.load_manifest(5), "path is of type int"),
    "no split to load": (lambda: cofactor.load_split(5), "path is of type int"),
    "ratings to save as a split": (lambda: cofactor.save_split(RATINGS, "nowhere"), "split is of type Ratings"),
    "a list to fetch": (lambda: cofactor.fetch(["ml-100k"]), "name is of type list"),
    "a trainer that recommends": (lambda: cofactor.recommend_all(SVD(), "x.parquet"), "model is of type SVD"),
    "lists of text": (lambda: cofactor.recommend_all(MODEL, "x.parquet", "5"), "n is '5'"),
    "the calibration of a model": (lambda: cofactor.calibration(MODEL), "report is of type BaselineModel"),
    "test ratings as cases": (lambda: cofactor.evaluate_sampled(MODEL, PARTS.test), "cases is of type Ratings"),
    "no cases": (lambda: cofactor.read_cases(5), "path is of type int"),
    "a report to write": (lambda: cofactor.write_report(REPORT, "nowhere"), "outcome is of type Report"),
    "rows as text": (lambda: RATINGS.head("a"), "n is 'a'"),
    "columns of unequal length": (lambda: RATINGS.of(["a"], ["b", "c"], [1.0]), "1 users, 2 items, 1 values"),
    "values as text": (lambda: RATINGS.of(["a"], ["b"], ["x"]), "the values are no numbers"),
    "a number of users as text": (lambda: cofactor.generate("a", 5, 5), "users is 'a'"),
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
    "one id for a list": (lambda: MODEL.predict("12", ["3"]), "the user ids are a single id, '12'"),
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
        (fitted.model, "<svd model that predicts ratings from"),
        (fitted.model.training_data, "<training data: "),
        (fitted, "<fit of <svd model"),
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
