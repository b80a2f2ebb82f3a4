"""Users with enough ratings of items with enough raters, and nobody else."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cofactor
from cofactor.data.features import ColumnEncoding, Encoding, Features
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData
from tests.conftest import Run

Pairs = set[tuple[str, str]]


def table(*pairs: str) -> Ratings:
    """Ratings of pairs of one letter each: "ax" is that of user a and item x."""
    return Ratings.of([pair[0] for pair in pairs], [pair[1] for pair in pairs], range(1, len(pairs) + 1))


def pairs(ratings: Ratings) -> Pairs:
    users, items = ratings.users.ids[ratings.user], ratings.items.ids[ratings.item]
    return set(zip(users.tolist(), items.tolist(), strict=True))


def peeled(left: Pairs, min_ratings: int, min_raters: int) -> Pairs:
    """The same, pair by pair."""
    while True:
        users, items = [user for user, _ in left], [item for _, item in left]
        stays = {(u, i) for u, i in left if users.count(u) >= min_ratings and items.count(i) >= min_raters}
        if stays == left:
            return left
        left = stays


def test_a_user_with_one_rating_goes() -> None:
    core = cofactor.k_core(table("ax", "ay", "bx", "by", "cx"), 2, 2)
    assert pairs(core) == {("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")}
    assert core.users.ids.tolist() == ["a", "b"]
    assert core.value.tolist() == [1, 2, 3, 4]
    assert core.origin is not None
    assert core.origin.notes == (
        "1 users, 0 items and 1 ratings left out: users with fewer than 2 ratings and items with fewer than 2 raters",
    )


def test_who_goes_takes_others_along_until_nothing_is_left() -> None:
    with pytest.raises(BadData, match="no ratings are left without users with fewer than 2 ratings and items"):
        cofactor.k_core(table("ax", "ay", "bx"), 2, 2)


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4))
def test_equal_to_leaving_out_pair_by_pair(seed: int, min_ratings: int, min_raters: int) -> None:
    rng = np.random.default_rng(seed)
    cells = rng.permutation(72)[: rng.integers(1, 40)]
    ratings = Ratings.of(cells // 9, cells % 9, rng.integers(1, 6, len(cells)), rng.integers(0, 9, len(cells)))
    expected = peeled(pairs(ratings), min_ratings, min_raters)
    if not expected:
        with pytest.raises(BadData):
            cofactor.k_core(ratings, min_ratings, min_raters)
        return
    core = cofactor.k_core(ratings, min_ratings, min_raters)
    assert pairs(core) == expected
    assert (len(core.users), len(core.items)) == (len({u for u, _ in expected}), len({i for _, i in expected}))
    assert (core.scale, core.step) == (ratings.scale, ratings.step)


def test_a_long_chain_is_taken_apart() -> None:
    n = 2_000  # each user rated two neighbouring items: taking one end out takes all out, one after another
    users = np.repeat(np.arange(n), 2)
    with pytest.raises(BadData, match="no ratings are left"):
        cofactor.k_core(Ratings.of(users, users + np.tile([0, 1], n), np.ones(2 * n)), 2, 2)


def test_titles_and_features_stay_with_their_items() -> None:
    from dataclasses import replace

    encoding = Encoding((ColumnEncoding("kind", "category", ("short", "long")),))
    ratings = table("ax", "az", "bx", "bz", "by")
    features = Features(encoding.names, encoding.matrix({"kind": ["short", None, "long"]}), encoding)
    titles = np.array(["X", "Y", "Z"], dtype=object)
    core = cofactor.k_core(replace(ratings, titles=titles, genres=titles, item_features=features), 1, 2)
    assert core.titles_by_id() == {"x": "X", "z": "Z"}
    assert core.item_features is not None
    assert core.item_features.matrix.toarray().tolist() == [[1, 0], [0, 1]]
    whole = table("ax")
    assert cofactor.k_core(whole, 1, 1) is whole


@pytest.mark.parametrize("number", [0, -1, 1.5, True, "2"])
def test_what_is_no_number_of_ratings(number: object) -> None:
    with pytest.raises(BadData, match="min_ratings is"):
        cofactor.k_core(table("ax"), number)  # type: ignore[arg-type]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    cells = rng.permutation(600)[:240]
    lines = [f"u{cell // 20},i{cell % 20},{1 + cell % 5}\n" for cell in cells]
    (tmp_path / "r.csv").write_text("user,item,rating\n" + "".join(lines) + "once,i1,3\n" + "u1,rare,4\n")
    return tmp_path / "r.csv"


FEWEST = ("--min-ratings", "5", "--min-raters", "3")


def test_every_command_leaves_the_same_ratings_out(run: Run, written: Path) -> None:
    core = cofactor.k_core(cofactor.read(written), 5, 3)
    fingerprint = cofactor.split(core, "random").fingerprint
    done = run("split", written, *FEWEST, "-o", "parts", "--json")
    assert done.exit_code == 0, done.stderr
    (said,) = json.loads(done.stdout)["splits"]
    assert said["fingerprint"] == fingerprint
    assert core.origin is not None
    assert said["read"]["notes"] == [core.origin.notes[-1]]
    assert core.origin.notes[-1] in done.stderr
    trained = json.loads(run("train", "popularity", written, *FEWEST, "--json", "-o", "model").stdout)
    assert trained["split"] == fingerprint
    assert core.origin.notes[-1] in trained["read"]["notes"]
    assert json.loads(run("evaluate", "model", written, "--json").stdout)["split"] == fingerprint
    everything = run("train", "popularity", written, *FEWEST, "--all", "-o", "all")
    assert f"trained on all {len(core):,} ratings" in everything.stdout
    several = json.loads(run("split", written, *FEWEST, "--folds", "2", "-o", "folds", "--json").stdout)["splits"]
    assert sum(one["test"] for one in several) == len(core)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--min-ratings", "0"], "not in the range"),
        (["--min-ratings", "500"], "no ratings are left without users with fewer than 500 ratings\n"),
        (["--min-raters", "2", "--test", "r.csv"], "--min-raters has no effect with --test"),
        (["--min-raters", "2", "--published"], "--min-raters has no effect with --published"),
    ],
)
def test_what_cannot_be_left_out(arguments: list[str], said: str, run: Run, written: Path) -> None:
    done = run("split", written, *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
