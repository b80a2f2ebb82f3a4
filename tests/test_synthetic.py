"""Synthetic ratings: the ground truth is in them, and the same call gives the same rows everywhere."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, spearmanr

from cofactor.data.parquet import parquet_metadata, read_parquet
from cofactor.data.synthetic.generate import generate, generate_from_recipe, generate_parquet
from cofactor.data.synthetic.ground_truth import SyntheticRecipe
from cofactor.data.synthetic.titles import ADJECTIVES, FORMS, NOUNS, YEARS, make_titles
from cofactor.errors import BadData
from cofactor.kernels import synthetic
from tests import twins

PATTERNS = ("taste", "uniform", "grouped")
COLUMNS = ("user", "item", "value", "time")


def recipe(users=400, items=60, per_user=12, seed=0, pattern="taste", rank=4, noise=0.5):
    return SyntheticRecipe(users, items, per_user, seed, pattern, rank, noise)


def same(one, other):
    return all(np.array_equal(getattr(one, c), getattr(other, c)) for c in COLUMNS)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_each_user_rates_distinct_items_in_the_order_of_growing_times(data):
    items = data.draw(st.integers(1, 40))
    per_user = data.draw(st.integers(1, items))
    users = data.draw(st.integers(1, 30))
    ratings = generate(
        users, items, per_user, seed=data.draw(st.integers(0, 2**63 - 1)), pattern=data.draw(st.sampled_from(PATTERNS))
    )
    assert len(ratings) == users * per_user
    assert np.array_equal(ratings.user, np.repeat(np.arange(users), per_user))
    by_user = np.sort(ratings.item.reshape(users, per_user), axis=1)
    assert (np.diff(by_user, axis=1) > 0).all()
    assert (np.diff(ratings.time.reshape(users, per_user), axis=1) > 0).all()
    assert set(ratings.value * 2) <= set(range(1, 11))
    assert len(set(ratings.titles)) == items
    assert all(ratings.genres)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_file_holds_the_rows_of_memory(tmp_path, pattern):
    ratings = generate(9000, 50, 20, seed=3, pattern=pattern)
    seen = []
    files = generate_parquet(
        tmp_path / "a [b]*'.parquet", 9000, 50, 20, seed=3, pattern=pattern, progress=lambda *p: seen.append(p)
    )
    columns = read_parquet(files.ratings)
    assert list(columns) == ["user", "item", "rating", "timestamp"]
    assert np.array_equal(columns["user"], ratings.user + 1)
    assert np.array_equal(columns["item"], ratings.item + 1)
    assert np.array_equal(columns["rating"], ratings.value)
    assert np.array_equal(columns["timestamp"], ratings.time)
    items = read_parquet(files.items)
    assert items["item"].tolist() == list(range(1, 51))
    assert items["title"].tolist() == ratings.titles.tolist()
    assert items["genres"].tolist() == ratings.genres.tolist()
    assert files.rows == len(ratings)
    assert seen[-1] == (180_000, 180_000)
    assert float(parquet_metadata(files.ratings)["cofactor.best_rmse"]) == files.best_rmse
    assert f"{files.best_rmse:.4f}" in ratings.origin.name
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([files.ratings.name, files.items.name])


def test_the_number_of_threads_and_blocks_changes_nothing(monkeypatch):
    one = generate_from_recipe(recipe(users=30_000, per_user=10), threads=1)
    four = generate_from_recipe(recipe(users=30_000, per_user=10), threads=4)
    assert same(one.ratings, four.ratings)
    assert one.best_rmse == four.best_rmse
    monkeypatch.setattr("cofactor.data.synthetic.generate.BLOCK_CHUNKS", 1)
    assert same(one.ratings, generate_from_recipe(recipe(users=30_000, per_user=10), threads=2).ratings)


def test_a_user_is_the_same_among_few_and_among_many():
    few, many = generate(10, 60, 12), generate(400, 60, 12)
    assert same(few, many.where(np.arange(120)))


def test_another_process_makes_the_same_and_another_seed_other_ratings():
    program = """
from cofactor.data.synthetic.generate import generate
r = generate(50, 40, 7, seed=5)
print(r.item.sum(), r.time.sum(), r.value.sum(), r.titles[0])
"""
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    r = generate(50, 40, 7, seed=5)
    assert there.strip() == f"{r.item.sum()} {r.time.sum()} {r.value.sum()} {r.titles[0]}"
    assert not same(r, generate(50, 40, 7, seed=6))
    assert r.titles[0] != generate(50, 40, 7, seed=6).titles[0]


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.5, 3.0])
@pytest.mark.parametrize("pattern", ["taste", "grouped"])
def test_kernels_do_what_their_naive_twins_do(pattern, noise):
    ground_truth = recipe(items=9, per_user=9, pattern=pattern, rank=3).ground_truth
    tastes = ground_truth.vectors, ground_truth.centres, ground_truth.spread
    who = np.uint64(11), 5, 9  # n = I: the last pick has one item left
    item, twin_item = np.empty(180, np.int32), np.empty(180, np.int32)
    synthetic.choose(*who, ground_truth.weights, *tastes, item)
    twins.synthetic_choose(*who, ground_truth.weights, *tastes, twin_item)
    assert item.tolist() == twin_item.tolist()
    value, twin_value = np.empty(180, np.float32), np.empty(180, np.float32)
    biases = 3.5, 0.4, ground_truth.item_bias
    error = synthetic.rate_by_taste(*who, item, *biases, *tastes, noise, value)
    twin_error = twins.synthetic_rate_by_taste(*who, item, *biases, *tastes, noise, twin_value)
    assert value.tolist() == twin_value.tolist()
    assert error == pytest.approx(twin_error, rel=1e-5, abs=1e-9)


@given(st.floats(-20, 20), st.floats(0.001, 20))
def test_expected_stars_to_seven_digits(score, noise):
    assert synthetic.expected_stars(score, noise) == pytest.approx(twins.synthetic_expected(score, noise), abs=5e-7)


def test_random_bits_are_those_of_the_published_generator():
    # the first outputs of SplitMix64 from 1234567, as its author's C code gives them
    found = [int(synthetic.bits(np.uint64(1234567), n)) for n in range(3)]
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_the_best_rmse_is_that_of_the_expected_ratings_and_follows_the_noise():
    found = [generate_from_recipe(recipe(users=3000, noise=noise)).best_rmse for noise in (0.0, 0.25, 0.5, 1.0)]
    assert found[0] == 0.0
    # rounding adds 1/48 to the variance of the noise; clipping takes some away
    assert found[1] == pytest.approx(np.sqrt(0.25**2 + 1 / 48), rel=0.05)
    assert found[2] == pytest.approx(np.sqrt(0.5**2 + 1 / 48), rel=0.08)
    assert found[2] < found[3] < 1.0


def test_nothing_but_the_mean_can_be_learned_of_uniform_ratings():
    one = generate_from_recipe(recipe(users=20_000, pattern="uniform"))
    assert one.best_rmse == pytest.approx(np.sqrt(99 / 12) / 2, rel=0.005)
    assert chisquare(np.unique(one.ratings.value, return_counts=True)[1]).pvalue > 1e-4
    assert chisquare(np.bincount(one.ratings.item, minlength=60)).pvalue > 1e-4


def test_items_are_drawn_by_popularity():
    small = recipe(users=40_000, items=50, per_user=1, pattern="taste")
    ground_truth = small.ground_truth
    item = np.empty(40_000, np.int32)  # no taste: the first item of each user follows the weights
    synthetic.choose(
        np.uint64(1), 0, 1, ground_truth.weights, np.zeros_like(ground_truth.vectors), ground_truth.centres, 0.0, item
    )
    expected = ground_truth.weights[0] / ground_truth.weights.sum() * len(item)
    assert chisquare(np.bincount(item, minlength=50), expected).pvalue > 1e-4
    counts = np.bincount(generate_from_recipe(recipe(users=4000, items=200)).ratings.item, minlength=200)
    popularity = recipe(items=200).ground_truth.weights[0]
    assert spearmanr(counts, popularity).statistic > 0.9
    assert counts.max() > 5 * counts.min()


def test_taste_can_be_recovered_from_the_ratings():
    one = generate_from_recipe(recipe(users=4000, items=40, per_user=40, rank=2))  # every cell is known
    table = one.ratings.by_user().toarray().astype(np.float64)
    biases = table.mean(axis=1, keepdims=True) + table.mean(axis=0) - table.mean()
    residual = table - biases
    values = np.linalg.svd(residual, full_matrices=False)
    assert (values.S[:2] > 4 * values.S[2]).all()  # rank 2, and noise
    rank2 = (values.U[:, :2] * values.S[:2]) @ values.Vh[:2]
    assert np.sqrt(np.mean((residual - rank2) ** 2)) == pytest.approx(one.best_rmse, rel=0.05)
    assert np.sqrt(np.mean(residual**2)) > 1.4 * one.best_rmse


def test_items_of_one_genre_are_alike():
    ground_truth = recipe(items=600, rank=8).ground_truth
    unit = ground_truth.vectors / np.linalg.norm(ground_truth.vectors, axis=1, keepdims=True)
    likeness = unit @ unit.T
    alike = ground_truth.genres[:, None] == ground_truth.genres[None, :]
    np.fill_diagonal(alike, False)
    assert likeness[alike].mean() > 0.4
    assert abs(likeness[~alike].mean()) < 0.2


def test_groups_share_items_and_like_them():
    ratings = generate_from_recipe(recipe(users=3000, items=80, per_user=10, pattern="grouped", rank=4)).ratings
    table = ratings.by_user()
    group_of_item = np.unique(ratings.genres, return_inverse=True)[1]
    counts = np.stack([(table[:, group_of_item == g] > 0).sum(axis=1) for g in range(4)], axis=1)
    favourite = counts.argmax(axis=1)
    assert counts.max(axis=1).mean() > 6
    assert np.bincount(favourite).min() > 500
    own = group_of_item[ratings.item] == favourite[ratings.user]
    assert ratings.value[own].mean() > ratings.value[~own].mean() + 0.5


def test_titles_stay_distinct_when_words_run_out():
    known = len(FORMS) * len(ADJECTIVES) * len(NOUNS) * YEARS
    few = make_titles(2000, np.random.default_rng(0))
    assert len(set(few)) == 2000
    assert all(t.endswith(")") and 1925 <= int(t[-5:-1]) < 2000 for t in few)
    assert known > 3_000_000


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"per_user": 61}, "61 ratings per user of 60 items"),
        ({"users": 0}, "0 users"),
        ({"items": 2**31}, "items"),
        ({"noise": -1.0}, "noise of -1"),
        ({"noise": float("nan")}, "noise of nan"),
        ({"seed": -1}, "seed"),
        ({"pattern": "tast"}, "unknown pattern 'tast'"),
        ({"rank": 0}, "0 rank"),
    ],
)
def test_what_cannot_be_made_is_said(arguments, says):
    with pytest.raises(BadData, match=says) as error:
        recipe(**arguments)
    assert error.value.hint


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "in the way").write_text("")
    with pytest.raises(BadData, match="cannot write"):
        generate_parquet(tmp_path / "in the way" / "r.parquet", 5, 5, 2)
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(BadData, match="is a folder"):
        generate_parquet(tmp_path / "folder.parquet", 5, 5, 2)

    def stop(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_parquet(tmp_path / "r.parquet", 5, 5, 2, progress=stop)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.parquet", "in the way"]
