"""Splits: parts that are disjoint and complete, the same for the same seed, and proof against a damaged folder."""

import hashlib
import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cofactor.data.datasets.published_splits import movielens_folds, movielens_split
from cofactor.data.origin import Origin
from cofactor.data.parquet import read_parquet, write_parquet
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.assign_parts import share_count
from cofactor.data.splitting.split import Split, folds, given_split, load_split, repeated_folds, save_split, split
from cofactor.data.synthetic.generate import generate
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadArtifact, BadData
from tests.any_ids import any_ids

COLUMNS = ("user", "item", "value", "time")
RATINGS = Ratings.of(["1", "2"], ["a", "a"], [1, 5])


@st.composite
def tables(draw, least=10, most=80):
    """Ratings of distinct pairs in any order, with times that often tie, or without times."""
    n_users, n_items = draw(st.integers(3, 12)), draw(st.integers(8, 12))
    n = draw(st.integers(least, min(most, n_users * n_items)))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    cells = random.permutation(n_users * n_items)[:n]
    times = random.integers(0, draw(st.sampled_from([3, 1000])), n) if draw(st.booleans()) else None
    return Ratings.of(
        [f"u{c // n_items}" for c in cells], [str(c % n_items) for c in cells], random.integers(1, 6, n), times
    )


def pairs(ratings):
    return list(zip(ratings.users.ids[ratings.user], ratings.items.ids[ratings.item], strict=True))


def parts_of(made):
    return [set(pairs(part)) for part in made.parts.values()]


@settings(max_examples=80, deadline=None)
@given(
    tables(),
    st.sampled_from(["random", "per-user", "time", "last", "one"]),
    st.integers(0, 5),
    st.sampled_from([0, 0.15, 0.25, 0.5]),
)
def test_parts_are_disjoint_complete_seeded_and_in_the_order_of_the_file(ratings, kind, seed, validation):
    if kind == "time":  # times that tie may leave no place for a cut
        ratings = replace(ratings, time=np.random.default_rng(seed).permutation(len(ratings)))
    if kind in ("last", "one") and np.bincount(ratings.user).max() < 3:
        return
    if kind == "per-user":
        assume(np.bincount(ratings.user).max() >= 5)  # so that somebody has one to hold out for validation too
        validation = validation and 0.5
    made, again = (split(ratings, kind, seed=seed, test=0.2, validation=validation) for _ in range(2))
    assert [len(p) for p in parts_of(made)] == [len(p) for p in made.parts.values()]
    assert set.union(*parts_of(made)) == set(pairs(ratings))
    assert sum(map(len, made.parts.values())) == len(ratings)
    assert parts_of(made) == parts_of(again)
    assert made.fingerprint == again.fingerprint
    place = {pair: n for n, pair in enumerate(pairs(ratings))}
    for part in made.parts.values():
        rows = [place[pair] for pair in pairs(part)]
        assert rows == sorted(rows)
        assert np.array_equal(part.value, ratings.value[rows])
        assert part.split == made.fingerprint
        assert part.users is ratings.users
        assert part.scale == ratings.scale


def test_random_is_the_published_protocol_of_movielens_1m():
    ratings = generate(700, 50, 17)
    n = len(ratings)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(n)
        made = split(ratings, "random", seed=seed, test=0.1, validation=0.2)
        assert parts_of(made)[2] == set(pairs(ratings.where(order[n - n // 10 :])))
        rest = n - n // 10
        assert parts_of(made)[1] == set(pairs(ratings.where(order[rest - rest // 5 : rest])))


@given(st.integers(1, 2**31))
def test_a_tenth_is_a_tenth(n):
    assert share_count(n, 0.1) == n // 10
    assert share_count(n, 0.25) == n // 4
    assert share_count(n, 0.29) == n * 29 // 100


def test_a_thousand_tenths():
    assert all(share_count(n, 0.1) == n // 10 for n in range(100_000))
    assert share_count(100, 0.29) == 29
    assert share_count(3, 1 / 3) == 1


@settings(max_examples=40, deadline=None)
@given(tables(least=20), st.sampled_from([0.15, 0.3]))
def test_time_cuts_all_users_at_one_moment(ratings, validation):
    ratings = replace(ratings, time=np.arange(len(ratings)) // 2)
    made = split(ratings, "time", test=0.25, validation=validation)
    assert abs(len(made.test) - share_count(len(ratings), 0.25)) <= 1
    assert made.train.time.max() < made.validation.time.min()
    assert made.validation.time.max() < made.test.time.min()


@settings(max_examples=40, deadline=None)
@given(tables(least=20))
def test_last_holds_out_the_two_latest_ratings_of_each_user(ratings):
    made = split(ratings, "last")
    for user in range(len(ratings.users)):
        rows = np.flatnonzero(ratings.user == user)
        later = rows if ratings.time is None else rows[np.lexsort((ratings.item[rows], ratings.time[rows]))]
        held_out = [made.parts[name].item[made.parts[name].user == user].tolist() for name in ("validation", "test")]
        wanted = [[ratings.item[later[-2]]], [ratings.item[later[-1]]]] if len(rows) >= 3 else [[], []]
        assert held_out == wanted


@settings(max_examples=40, deadline=None)
@given(tables(least=20), st.integers(0, 9))
def test_one_holds_out_any_two_ratings_of_each_user(ratings, seed):
    assume(np.bincount(ratings.user).max() >= 3)
    made = split(ratings, "one", seed=seed)
    counts = np.bincount(ratings.user, minlength=len(ratings.users))
    for part in (made.validation, made.test):
        assert np.bincount(part.user, minlength=len(counts)).tolist() == (counts >= 3).astype(int).tolist()
    tested = {split(ratings, "one", seed=other).fingerprint for other in range(8)}
    assert len(tested) > 1


@settings(max_examples=40, deadline=None)
@given(tables(least=20), st.sampled_from([0.2, 0.25, 0.5]), st.integers(0, 9))
def test_per_user_holds_out_a_share_of_each_user(ratings, share, seed):
    made = split(ratings, "per-user", seed=seed, test=share, validation=0)
    counts, tested = (np.bincount(part.user, minlength=len(ratings.users)) for part in (ratings, made.test))
    np.testing.assert_array_equal(tested, np.rint(counts * share))
    order = np.random.default_rng(seed).permutation(len(ratings))
    for user in range(len(ratings.users)):  # the first of the permutation, as the published figures have it
        rows = [row for row in order if ratings.user[row] == user]
        assert set(ratings.item[rows[: tested[user]]]) == set(made.test.item[made.test.user == user])


@settings(max_examples=40, deadline=None)
@given(tables(least=20), st.sampled_from(["time", "last"]), st.randoms(use_true_random=False))
def test_a_split_by_time_does_not_depend_on_the_order_of_rows(ratings, kind, random):
    assume(kind == "time" or np.bincount(ratings.user).max() >= 3)
    if ratings.time is None or kind == "time":
        ratings = replace(ratings, time=np.arange(len(ratings)) // 2)
    order = list(range(len(ratings)))
    random.shuffle(order)
    made = split(ratings, kind, validation=0)
    again = split(ratings.where(np.array(order)), kind, validation=0)
    assert again.fingerprint == made.fingerprint


@settings(max_examples=40, deadline=None)
@given(tables(), st.integers(2, 6))
def test_each_rating_is_tested_in_one_fold(ratings, k):
    made = list(folds(ratings, k, seed=1, validation=0.2))
    assert len({one.fingerprint for one in made}) == k
    tests = [pairs(one.test) for one in made]
    assert sorted(pair for test in tests for pair in test) == sorted(pairs(ratings))
    assert max(map(len, tests)) - min(map(len, tests)) <= 1
    for one in made:
        assert set.union(*parts_of(one)) == set(pairs(ratings))


@settings(max_examples=20, deadline=None)
@given(tables(), st.integers(2, 4), st.integers(1, 3))
def test_each_rating_is_tested_once_in_each_repeat(ratings, k, repeats):
    made = list(repeated_folds(ratings, k, repeats, seed=5, validation=0.2))
    assert len({one.fingerprint for one in made}) == k * repeats
    assert [one.seed for one in made] == [5 + repeat for repeat in range(repeats) for _ in range(k)]
    for repeat in range(repeats):
        tested = [pair for one in made[repeat * k : (repeat + 1) * k] for pair in pairs(one.test)]
        assert sorted(tested) == sorted(pairs(ratings))
    again = [one.fingerprint for one in folds(ratings, k, seed=5, validation=0.2)]
    assert [one.fingerprint for one in made[:k]] == again


@settings(max_examples=40, deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_the_fingerprint_sees_ids_and_parts_and_neither_order_nor_numbering(ratings, random):
    made = split(ratings, test=0.3, validation=0.2)

    def renumbered(part):
        order = list(range(len(part)))
        random.shuffle(order)
        part = part.where(np.array(order, dtype=np.int64))
        users = Vocabulary(np.array([*part.users.ids[::-1], "nobody"], dtype=object), "user")
        items = Vocabulary(np.array(["0unrated", *part.items.ids[::-1]], dtype=object), "item")
        user, item = users.rows(part.users.ids)[part.user], items.rows(part.items.ids)[part.item]
        return Ratings(users, items, user, item, part.value, part.time, part.scale)

    other = Split(*(renumbered(part) for part in made.parts.values()), made.kind, made.seed)
    assert other.fingerprint == made.fingerprint
    assert Split(*made.parts.values(), made.kind, made.seed + 1).fingerprint != made.fingerprint
    assert Split(*made.parts.values(), "other", made.seed).fingerprint != made.fingerprint
    swapped = Split(made.train, made.test, made.validation, made.kind, made.seed)
    assert swapped.fingerprint != made.fingerprint
    fewer = Split(made.train.where(np.arange(1, len(made.train))), made.validation, made.test, made.kind, made.seed)
    assert fewer.fingerprint != made.fingerprint
    renamed = Vocabulary.of([f"x{i}" for i in ratings.items.ids])
    assert split(replace(ratings, items=renamed), test=0.3, validation=0.2).fingerprint != made.fingerprint


def test_the_fingerprint_is_what_its_page_says():
    ratings = Ratings.of(["b", "a", "b", "a"], ["2", "10", "10", "2"], [1, 2, 3, 4])
    made = Split(ratings.where([0, 1]), ratings.where([2]), ratings.where([3]), "hand", 7)
    # a, b and 10, 2 by code point; (2 user + item) · 4 + part: a 10 train, a 2 test, b 10 validation, b 2 train
    head = json.dumps(["cofactor split 1", "hand", 7, ["a", "b"], ["10", "2"]]).encode()
    assert made.fingerprint == hashlib.sha256(head + struct.pack("<4Q", 0, 6, 9, 12)).hexdigest()


def test_overlapping_parts_are_refused_and_the_pair_named():
    ratings = Ratings.of(["a", "a", "b"], ["x", "y", "x"], [1, 2, 3])
    with pytest.raises(BadData, match="user a has two ratings of item y"):
        Split(ratings.where([0, 1]), ratings.where([2]), ratings.where([1]), "random")
    with pytest.raises(BadData, match="user b has two ratings of item x"):
        Split(ratings.where([0, 2, 2]), ratings.where([]), ratings.where([]), "random")
    other = Ratings.of(["a"], ["z"], [1])
    with pytest.raises(BadData, match="different users or items"):
        Split(ratings, other, other, "random")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"test": 1.0}, "a test share of 1"),
        ({"validation": -0.1}, "a validation share of -0.1"),
        ({"test": float("nan")}, "a test share of nan"),
        ({"test": 0, "validation": 0}, "nothing is held out"),
        ({"test": 0.01, "validation": 0.2}, "test part is empty"),
        ({"test": 0.2, "validation": 0.1}, "validation part is empty"),
        ({"kind": "time"}, "no times to split by"),
        ({"kind": "lats"}, "unknown kind of split 'lats'"),
        ({"kind": "last"}, "part is empty"),
    ],
)
def test_what_cannot_be_split_is_said(arguments, says):
    ratings = Ratings.of("abcdefgh", "xxxxxxxx", range(8))
    with pytest.raises(BadData, match=says) as error:
        split(ratings, **arguments)
    assert error.value.hint


def test_a_share_of_zero_leaves_a_part_empty():
    ratings = generate(20, 10, 5)
    for kind in ("random", "time", "last"):
        assert len(split(ratings, kind, validation=0).validation) == 0
        assert len(split(ratings, kind, test=0).test) == 0
    with pytest.raises(BadData, match="1 folds"):
        next(folds(ratings, 1))
    with pytest.raises(BadData, match="101 folds"):
        next(folds(ratings, 101))
    with pytest.raises(BadData, match="0 repeats"):
        next(repeated_folds(ratings, 2, 0))


def test_a_given_split_shares_one_vocabulary():
    train = replace(Ratings.of(["2", "10", "10", "3"], ["a", "b", "c", "a"], [1, 2, 3, 4]), titles=None)
    test = Ratings.of(["10", "7"], ["a", "d"], [5, 5])
    train = replace(train, titles=np.array(["A", "", "C"], dtype=object))
    test = replace(test, titles=np.array(["Not A", "D"], dtype=object), genres=np.array(["x", "y"], dtype=object))
    made = given_split(train, test, validation=0.25, seed=3)
    assert made.train.users.ids.tolist() == ["2", "3", "7", "10"]
    assert made.train.items.ids.tolist() == list("abcd")
    assert set(pairs(made.test)) == {("10", "a"), ("7", "d")}
    assert len(made.validation) == 1
    assert parts_of(made)[0] | parts_of(made)[1] == set(pairs(train))
    assert made.test.titles.tolist() == ["A", "", "C", "D"]
    assert made.test.genres.tolist() == ["x", "", "", "y"]
    assert made.train.scale == (1, 5)
    assert made.kind == "given"
    with pytest.raises(BadData, match="1 test ratings are training ratings too, that of user '2' and item 'a'"):
        given_split(train, Ratings.of(["2"], ["a"], [5]), validation=0)


def read_tabs(path):
    """Four columns by tabs, as MovieLens 100K has them."""
    columns = [line.split("\t") for line in Path(path).read_text().splitlines()]
    user, item, value, time = zip(*columns, strict=True)
    return Ratings.of(user, item, [float(v) for v in value], [int(t) for t in time])


def test_parts_of_somebody_else_become_a_split():
    train = Ratings.of(["2", "1"], ["a", "b"], [5, 4])
    held_back, test = Ratings.of(["3"], ["a"], [1]), Ratings.of(["1", "4"], ["c", "a"], [2, 3])
    made = split(train=train, test=test, validation=held_back)
    assert [len(part) for part in made.parts.values()] == [2, 1, 2]
    for part in made.parts.values():
        assert part.users.ids.tolist() == ["1", "2", "3", "4"]
        assert part.items.ids.tolist() == ["a", "b", "c"]
        assert part.scale == (1, 5)
    assert pairs(made.train) == pairs(train)
    assert pairs(made.validation) == pairs(held_back)
    assert pairs(made.test) == pairs(test)
    whole = split(train=train, test=test)
    assert [len(part) for part in whole.parts.values()] == [2, 0, 2]
    share = split(train=train, test=test, validation=0.5, seed=1)
    assert share.fingerprint == given_split(train, test, validation=0.5, seed=1).fingerprint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing to split"),
        ({"train": RATINGS}, "nothing to split"),
        ({"test": RATINGS}, "nothing to split"),
        ({"ratings": RATINGS, "train": RATINGS}, "both ratings to split and parts"),
        ({"ratings": RATINGS, "test": RATINGS}, "both ratings to split and parts"),
        ({"ratings": RATINGS, "validation": RATINGS}, "both ratings to split and parts"),
        ({"train": RATINGS, "test": RATINGS}, "2 test ratings are training ratings too"),
    ],
)
def test_what_is_neither_ratings_nor_parts_is_refused(arguments, message):
    with pytest.raises(BadData, match=message):
        split(**arguments)


def test_movielens_own_folds_are_given_splits(real_data):
    folder = real_data / "ml-100k"
    base, test = read_tabs(folder / "u1.base"), read_tabs(folder / "u1.test")
    made = given_split(base, test, kind="u1")
    assert (len(made.train), len(made.validation), len(made.test)) == (72_000, 8_000, 20_000)
    assert set(pairs(made.test)) == set(pairs(test))
    assert len(made.train.users) == 943
    assert len(made.train.items) == 1682


def test_movielens_splits_by_name(real_data):
    folder = real_data / "ml-100k"
    made = movielens_split(folder, "u1")
    assert (
        made.fingerprint
        == given_split(read_tabs(folder / "u1.base"), read_tabs(folder / "u1.test"), kind="u1").fingerprint
    )
    assert made.train.titles[made.train.items.row("50")] == "Star Wars (1977)"
    assert len(movielens_split(folder, "ua").test) == 9430
    tested = [set(pairs(one.test)) for one in movielens_folds(folder)]
    assert len(set.union(*tested)) == sum(map(len, tested)) == 100_000


# ------------------------------------------------------------------------------------------------------- folders


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    made = split(generate(60, 30, 10, seed=2))
    path = tmp_path_factory.mktemp("saved") / "split"
    save_split(made, path)
    return made, path


def same(one, other):
    return (
        (one.kind, one.seed, one.fingerprint) == (other.kind, other.seed, other.fingerprint)
        and all(
            np.array_equal(getattr(one.parts[p], c), getattr(other.parts[p], c)) for p in one.parts for c in COLUMNS
        )
        and (one.train.users, one.train.items) == (other.train.users, other.train.items)
        and (one.test.scale, one.test.step, one.test.origin) == (other.test.scale, other.test.step, other.test.origin)
    )


def test_a_split_comes_back_as_it_was(saved):
    made, path = saved
    loaded = load_split(path)
    assert same(made, loaded)
    assert loaded.train.titles.tolist() == made.train.titles.tolist()
    assert loaded.train.genres.tolist() == made.train.genres.tolist()
    assert {part.split for part in loaded.parts.values()} == {made.fingerprint}
    assert {p.name for p in path.iterdir()} == {
        "split.json", "train.parquet", "validation.parquet", "test.parquet", "users.parquet", "items.parquet",
    }  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(ratings=tables(), ids=st.sets(any_ids("aé'%漢 0", 4), min_size=12, max_size=12))
def test_any_ids_any_row_order_and_missing_columns_come_back(tmp_path_factory, ratings, ids):
    path = tmp_path_factory.mktemp("any") / "a [split]*'s"
    items = Vocabulary.of(sorted(ids)[: len(ratings.items)], "item")
    ratings = replace(ratings, items=items, origin=Origin("x", 5, duplicates=2, rejected_file=Path("there")))
    made = split(ratings, validation=0)
    save_split(made, path)
    loaded = load_split(path)
    assert pairs(loaded.train) == pairs(made.train)
    assert loaded.fingerprint == made.fingerprint
    assert loaded.train.titles is None
    assert (loaded.train.time is None) == (ratings.time is None)
    assert loaded.train.origin == Origin("x", 5, duplicates=2)
    assert len(loaded.validation) == 0


def test_the_order_of_many_rows_survives(tmp_path):
    ratings = generate(20_000, 40, 20)
    made = split(ratings.where(np.random.default_rng(0).permutation(len(ratings))))
    save_split(made, tmp_path / "s")
    assert same(made, load_split(tmp_path / "s"))


def test_any_tool_can_read_the_ids(saved):
    made, path = saved
    columns = read_parquet(path / "test.parquet")
    assert list(columns) == ["user", "item", "rating", "timestamp", "user_row", "item_row"]
    assert list(zip(columns["user"].astype(str), columns["item"].astype(str), strict=True)) == pairs(made.test)
    assert np.array_equal(columns["rating"], made.test.value)


def test_saving_again_replaces_a_split_and_nothing_else(tmp_path, saved):
    other = split(generate(60, 30, 10, seed=9))
    save_split(saved[0], tmp_path / "s")
    save_split(other, tmp_path / "s")
    assert load_split(tmp_path / "s").fingerprint == other.fingerprint
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for taken in ("mine", "mine/letter.txt"):
        with pytest.raises(BadData, match="not a saved split"):
            save_split(other, tmp_path / taken)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    with pytest.raises(BadData, match="cannot write"):
        save_split(other, tmp_path / "mine" / "letter.txt" / "s")
    assert {p.name for p in tmp_path.iterdir()} == {"s", "mine"}


def test_a_split_behind_a_link_is_replaced_there(tmp_path, saved):
    save_split(saved[0], tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    other = split(generate(60, 30, 10, seed=9))
    save_split(other, tmp_path / "link")
    assert load_split(tmp_path / "real").fingerprint == other.fingerprint
    assert {p.name for p in tmp_path.iterdir()} == {"real", "link"}


def test_a_failed_save_leaves_the_old_split(tmp_path, saved, monkeypatch):
    save_split(saved[0], tmp_path / "s")

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("cofactor.atomic_folders.replace_folder", full)
    with pytest.raises(BadData, match="no space left"):
        save_split(split(generate(60, 30, 10, seed=9)), tmp_path / "s")
    assert same(saved[0], load_split(tmp_path / "s"))
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def edit_manifest(path, **changes):
    manifest = json.loads((path / "split.json").read_text())
    (path / "split.json").write_text(json.dumps(manifest | changes))


def rewrite(path, name, change):
    """A file changed by somebody who also brings its digest up to date."""
    from cofactor.atomic_folders import sha256

    columns = read_parquet(path / name)
    change(columns)
    write_parquet(path / name, columns)
    files = json.loads((path / "split.json").read_text())["files"]
    edit_manifest(path, files=files | {name: sha256(path / name)})


def swap_ids(columns):
    columns["id"] = columns["id"][::-1]


def move_a_pair(columns):
    columns["item_row"] = (columns["item_row"] + 1) % 30


def row_out_of_range(columns):
    columns["user_row"][0] = 60


def drop_a_column(columns):
    del columns["rating"]


def drop_a_row(columns):
    for name in list(columns):
        columns[name] = columns[name][1:]


DAMAGE = {
    "train.parquet": lambda p: (p / "train.parquet").write_bytes(b"PAR1" + (p / "train.parquet").read_bytes()[4:-1]),
    "test.parquet is missing": lambda p: (p / "test.parquet").unlink(),
    "items.parquet is not the file": lambda p: (p / "items.parquet").write_bytes(b""),
    "validation.parquet is not the file": lambda p: shutil.copy(p / "test.parquet", p / "validation.parquet"),
    "has no split.json": lambda p: (p / "split.json").unlink(),
    "split.json cannot be read": lambda p: (p / "split.json").write_text('{"format'),
    "not of the format": lambda p: edit_manifest(p, format="cofactor split 99"),
    "split.json is not": lambda p: (p / "split.json").write_text("[]"),
    "is not of the": lambda p: edit_manifest(p, files=["train.parquet"]),
    "the split is": lambda p: edit_manifest(p, fingerprint="0" * 64),
    "the split is .*, not": lambda p: edit_manifest(p, seed=1),
    "scale": lambda p: edit_manifest(p, scale=[]),
    "origin|argument": lambda p: edit_manifest(p, origin={"nose": 1}),
    "int": lambda p: edit_manifest(p, seed="one"),
    "holds 60 ratings": lambda p: edit_manifest(p, counts={"train": 486, "validation": 54, "test": 61}),
    "users.parquet|the split is": lambda p: rewrite(p, "users.parquet", swap_ids),
    "two ratings|the split is": lambda p: rewrite(p, "test.parquet", move_a_pair),
    "test.parquet: a rating of user row 60": lambda p: rewrite(p, "test.parquet", row_out_of_range),
    "test.parquet has no column 'rating'": lambda p: rewrite(p, "test.parquet", drop_a_column),
    "test.parquet holds 59": lambda p: rewrite(p, "test.parquet", drop_a_row),
}


@pytest.mark.parametrize("culprit", DAMAGE)
def test_a_damaged_folder_is_refused_and_the_culprit_named(tmp_path, saved, culprit):
    path = tmp_path / "split"
    shutil.copytree(saved[1], path)
    DAMAGE[culprit](path)
    with pytest.raises(BadArtifact, match=culprit) as error:
        load_split(path)
    assert error.value.hint
    assert "\n" not in error.value.message


def test_no_folder_at_all(tmp_path):
    with pytest.raises(BadArtifact, match="no split at"):
        load_split(tmp_path / "nowhere")
