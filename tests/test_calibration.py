from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.data.splitting.split import split
from cofactor.errors import BadData, SplitMismatch
from cofactor.evaluation.breakdowns.calibration import calibration, spread_calibration
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.report import Report
from cofactor.models.posterior import PosteriorModel
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.bayes import Bayes
from cofactor.trainers.popularity import Popularity
from tests.test_evaluate import halves, scoring

N_USERS, N_ITEMS, N_DRAWS = 2000, 10, 400
FREE = (-100.0, 100.0)  # no prediction is clipped


def bold(slope: float, noise: float = 0.5) -> Report:
    """Of predictions p of true ratings 3 + slope (p - 3) + noise."""
    rng = np.random.default_rng(0)
    user, item = (grid.ravel() for grid in np.mgrid[:200, :40])
    scores = rng.normal(3, 1, (200, 40))
    value = 3 + slope * (scores[user, item] - 3) + rng.normal(0, noise, len(user))
    ratings = replace(Ratings.of(user, item, value), scale=FREE)
    rows = ratings.users.rows([str(u) for u in range(200)]), ratings.items.rows([str(i) for i in range(40)])
    inside = np.empty_like(scores)
    inside[np.ix_(*rows)] = scores
    mask = rng.random(len(ratings)) < 0.5
    return evaluate(scoring(ratings.where(~mask).training_data, inside, FREE), ratings.where(mask), ())


@pytest.mark.parametrize("slope", [0.4, 1.0, 1.5])
def test_the_slope_is_that_of_how_the_ratings_were_made(slope):
    report = bold(slope)
    found = calibration(report)
    assert found.slope == pytest.approx(slope, abs=0.03)
    assert found.slope == pytest.approx(
        scipy.stats.linregress(report.predictions, report.scored_test_set.held_out.value).slope
    )
    assert np.ptp(found.count) <= 1
    assert found.count.sum() == report.counts["ratings"]
    assert (np.diff(found.predicted) > 0).all()
    assert (np.abs(found.true - (3 + slope * (found.predicted - 3))) < 4 * found.error).all()
    inner = np.full(8, 0.5 / np.sqrt(found.count[0]))  # the outer bins are wide
    assert found.error[1:-1] == pytest.approx(inner, rel=0.3)


def test_equal_predictions_share_a_bin_and_one_bin_has_no_slope():
    train, test = halves(0)
    few = scoring(train.training_data, np.random.default_rng(1).choice([2.0, 3.0, 4.0], (12, 30), p=[0.25, 0.5, 0.25]))
    found = calibration(evaluate(few, test, ()))
    assert found.predicted.tolist() == [2, 3, 4]
    assert found.count.sum() == len(test)
    alike = calibration(evaluate(scoring(train.training_data, np.full((12, 30), 3.0)), test, ()))
    assert alike.predicted.tolist() == [3]
    assert alike.true.tolist() == [pytest.approx(test.value.mean())]
    assert np.isnan(alike.slope)


def test_a_model_that_only_ranks_has_no_stars_to_calibrate():
    train, test = halves(0)
    with pytest.raises(BadData, match="only ranks has no predicted ratings"):
        calibration(evaluate(Popularity().fit(train), test, ()))


# ---- deviations -----------------------------------------------------------------------------------------------------


def posterior(claimed: float) -> tuple[PosteriorModel, Ratings]:
    """A model that knows each user's bias up to a deviation of its own, and test ratings made as it believes.

    claimed: times the variance of the noise that there is.
    """
    rng, noise = np.random.default_rng(0), 0.25
    user, item = (grid.ravel() for grid in np.mgrid[:N_USERS, :N_ITEMS])
    unsure = rng.uniform(0.1, 1.5, N_USERS)
    middle = rng.normal(0, 1, N_USERS)
    true = middle + unsure * rng.normal(0, 1, N_USERS)
    value = (3 + true[user] + rng.normal(0, np.sqrt(noise), len(user))).astype(np.float32)
    ids = [f"{u:04}" for u in user], [f"{i:02}" for i in item]
    ratings = replace(Ratings.of(*ids, value), scale=FREE)
    held_out = (user + item) % 2 == 0
    train, test = ratings.where(~held_out), ratings.where(held_out)
    draws = (middle[:, None] + unsure[:, None] * rng.normal(0, 1, (N_USERS, N_DRAWS))).astype(np.float32)
    prior, precision = np.zeros((N_DRAWS, 2), np.float32), np.tile(np.eye(2, dtype=np.float32), (N_DRAWS, 1, 1))
    nothing = np.zeros((N_ITEMS, N_DRAWS), np.float32)
    return PosteriorModel(
        *(train.training_data, FREE, 3.0, draws.mean(axis=1), nothing.mean(axis=1)),
        *(np.zeros((N_USERS, N_DRAWS), np.float32), nothing, draws, nothing),
        np.full(N_DRAWS, noise * claimed, np.float32),
        *(prior, precision, prior, precision),
    ), test


def test_right_deviations_cover_what_they_say_and_equal_the_errors_of_their_bins():
    model, test = posterior(1)
    found = spread_calibration(model, evaluate(model, test, ()), test)
    assert found.nominal == (0.5, 0.8, 0.9, 0.95)
    assert found.covered == pytest.approx(found.nominal, abs=0.03)
    assert found.deviation[-1] > 2 * found.deviation[0]  # users differ in how sure the model is of them
    assert found.error == pytest.approx(found.deviation, rel=0.15)
    assert np.ptp(found.count) <= 100  # a user's ratings are alike in deviation
    assert found.count.sum() == len(test)


def test_deviations_that_forget_most_of_the_noise_cover_too_little():
    model, test = posterior(0.01)
    found = spread_calibration(model, evaluate(model, test, ()), test)
    assert (np.array(found.covered) < np.array(found.nominal) - 0.05).all()
    assert (found.error > found.deviation)[:5].all()


def test_unknown_users_and_items_have_the_deviation_of_the_prior():
    model, _ = posterior(1)
    new = Ratings.of(["0000", "new", "0001", "new"], ["00", "01", "new", "other"], [1, 2, 3, 4])
    found = spread_calibration(model, evaluate(model, new, ()), new, bins=1)
    pairs = np.array([[0, 0], [-1, 1], [1, -1], [-1, -1]], np.int32)
    deviations = model.deviation_rows(pairs[:, 0], pairs[:, 1])
    assert found.deviation == pytest.approx([np.sqrt(np.mean(deviations**2))], rel=1e-5)


def test_a_model_without_deviations_has_none_and_another_test_is_refused():
    train, test = halves(0)
    baseline = Baseline().fit(train)
    assert spread_calibration(baseline, evaluate(baseline, test, ()), test) is None
    model, test = posterior(1)
    with pytest.raises(SplitMismatch, match="other test ratings"):
        spread_calibration(model, evaluate(model, test.where(test.item < 3), ()), test)


def test_bayes_is_as_sure_as_it_should_be_on_real_ratings(real_data):
    parts = split(read(real_data / "ml-100k"))
    model = Bayes(rank=7, n_epochs=20).fit(parts.train)
    report = evaluate(model, parts.test, ())
    found = spread_calibration(model, report, parts.test)
    assert found.covered == pytest.approx(found.nominal, abs=0.025)
    assert np.corrcoef(found.deviation, found.error)[0, 1] > 0.8  # where it is less sure it errs more
    assert calibration(report).slope == pytest.approx(1, abs=0.06)
