"""Ratings through TFRecord and back: ids, half stars, times, other people's records, missing and damaged shards."""

import json
import random
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.exporting.export import ExportOptions, export, load_exported_split
from cofactor.data.exporting.export_manifest import MANIFEST
from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.data.splitting.split import split
from cofactor.data.tfrecord.record_files import frame_records, read_records
from cofactor.data.tfrecord.shards import find_shards
from cofactor.data.tfrecord.user_examples import read_examples
from cofactor.data.tfrecord.varints import varint
from cofactor.errors import BadArtifact, BadData
from tests.any_ids import any_ids
from tests.test_tfrecord import entry, sized

FORMS = [
    ExportOptions(),
    ExportOptions(shards=3, gzipped=True),
    ExportOptions(per_shard=2),
    ExportOptions("csv"),
    ExportOptions("csv", gzipped=True),
    ExportOptions("parquet"),
]


def rows(ratings: Ratings) -> set[tuple[object, ...]]:
    """Each rating by the ids."""
    times = [None] * len(ratings) if ratings.time is None else ratings.time.tolist()
    ids = ratings.users.ids[ratings.user], ratings.items.ids[ratings.item]
    return set(zip(*ids, ratings.value.tolist(), times, strict=True))


def same(one: Ratings, other: Ratings) -> bool:
    """Whether two tables are the same, row for row."""
    columns = [(one.user, other.user), (one.item, other.item), (one.value, other.value)]
    if one.time is not None and other.time is not None:
        columns.append((one.time, other.time))
    equal = all(np.array_equal(a, b) for a, b in columns) and (one.time is None) == (other.time is None)
    known = one.users == other.users and one.items == other.items
    return equal and known and (one.scale, one.step, one.split) == (other.scale, other.step, other.split)


def example(user: str, *more: bytes, **lists: list[float] | list[int] | list[str]) -> bytes:
    """An Example as others write it: lists of numbers without packing."""
    packed = []
    for name, values in lists.items():
        if not values:
            packed.append(entry(name))
        elif all(isinstance(one, str) for one in values):
            packed.append(entry(name, sized(1, *(sized(1, one.encode()) for one in values))))
        elif all(isinstance(one, int) for one in values):
            packed.append(entry(name, sized(3, *(b"\x08" + varint(one % 2**64) for one in values))))
        else:
            packed.append(entry(name, sized(2, *(b"\x0d" + struct.pack("<f", one) for one in values))))
    return sized(1, entry("user_id", sized(1, sized(1, user.encode()))), *packed, *more)


def shard(path: Path, *records: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(frame_records(records))
    return path


def tried(path: Path) -> tuple[Ratings | None, str]:
    """The ratings, or the error."""
    try:
        return read(path), ""
    except BadData as error:
        return None, error.message


# --- there and back


@pytest.mark.parametrize("form", FORMS)
def test_made_ratings_come_back_with_their_titles_and_scale(
    movies: Ratings, tmp_path: Path, form: ExportOptions
) -> None:
    export(movies, tmp_path / "out", form)
    back = read(tmp_path / "out")
    assert movies.step == 0.5
    assert rows(back) == rows(movies)
    assert (back.scale, back.step) == (movies.scale, movies.step)
    assert back.titles is not None
    assert movies.titles is not None
    assert np.array_equal(back.titles, movies.titles[movies.items.rows(back.items.ids)])
    assert back.item_features is not None


ids = st.one_of(st.integers(0, 30).map(str), any_ids())
single = st.floats(width=32, allow_nan=False, allow_infinity=False)
table = st.lists(st.tuples(ids, ids, single, st.integers(-(10**10), 10**10)), min_size=1, max_size=30)


@settings(deadline=None, max_examples=30)
@given(table, st.sampled_from(FORMS[:3]), st.booleans())
def test_any_ids_any_values_and_any_times(
    tmp_path_factory: pytest.TempPathFactory, lines: list, form: ExportOptions, timed: bool
) -> None:
    users, items, values, times = zip(*lines, strict=True)
    ratings = Ratings.of(users, items, values, times if timed else None)
    folder = tmp_path_factory.mktemp("any") / "out"
    export(ratings, folder, form)
    back = read(folder)
    assert same(back, ratings.where(np.argsort(ratings.user, kind="stable")))


@pytest.mark.parametrize("form", [ExportOptions(), ExportOptions("csv"), ExportOptions("parquet")])
@pytest.mark.parametrize("times", [[2017, 1999, 2000], [42930, 42931, 50000], [20170714, 20170715, 20170716],
                                   [1500000000.25, 1500000001.5, 0], [253402214400, 5, 7]])  # fmt: skip
def test_an_export_is_read_as_it_was_written(tmp_path: Path, form: ExportOptions, times: list[float]) -> None:
    ratings = Ratings.of(["1.0", "2.0", "NULL"], ["nan", "7.0", "8.0"], [3, 4, 5], times)
    if form.format == "tfrecord" and 0 in times:
        with pytest.raises(BadData, match=r"time 0.0 cannot be written to the microsecond"):
            export(ratings, tmp_path / "out", form)
        return
    export(ratings, tmp_path / "out", form)
    back = read(tmp_path / "out")
    assert same(back, ratings.where(np.argsort(ratings.user, kind="stable")))


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_users_do_not_mix_where_chunks_end(
    movies: Ratings, tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cofactor.data.tfrecord.user_examples.CHUNK", chunk)
    monkeypatch.setattr("cofactor.data.tfrecord.user_examples.FLUSH", chunk)
    shuffled = movies.where(np.random.default_rng(0).permutation(len(movies)))
    export(shuffled, tmp_path / "out", ExportOptions(shards=5))
    back = read(tmp_path / "out")
    assert rows(back) == rows(movies)
    assert same(back, shuffled.where(np.argsort(shuffled.user, kind="stable")))


def test_the_same_ratings_make_the_same_bytes(movies: Ratings, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export(movies, tmp_path / name, ExportOptions(shards=4, gzipped=True))
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


@pytest.mark.parametrize(
    ("form", "sizes"),
    [
        (ExportOptions(shards=3), [100, 100, 100]),
        (ExportOptions(per_shard=140), [140, 140, 20]),
        (ExportOptions(shards=7), [42] + [43] * 6),
    ],
)
def test_users_are_shared_out_in_order(movies: Ratings, tmp_path: Path, form: ExportOptions, sizes: list[int]) -> None:
    export(movies, tmp_path / "out", form)
    paths = sorted((tmp_path / "out").glob("part-*"))
    assert [path.name for path in paths] == [f"part-{n:05}-of-{len(sizes):05}.tfrecord" for n in range(len(sizes))]
    assert sorted(len(list(read_records(path))) for path in paths) == sorted(sizes)
    of_each = [read_examples([path])[0].users.ids.astype(int) for path in paths]
    assert np.array_equal(np.concatenate(of_each), movies.users.ids.astype(int))


def test_more_shards_than_users_leave_some_empty(tmp_path: Path) -> None:
    ratings = Ratings.of(["a", "b"], ["x", "y"], [0.5, 5.0])
    export(ratings, tmp_path / "out", ExportOptions(shards=4))
    assert len(list((tmp_path / "out").glob("part-*"))) == 4
    assert same(read(tmp_path / "out"), ratings)


def test_users_without_ratings_have_no_record(movies: Ratings, tmp_path: Path) -> None:
    few = movies.where(movies.user >= 290)
    export(few, tmp_path / "out")
    back = read(tmp_path / "out")
    assert rows(back) == rows(few)
    assert len(back.users) == 10


# --- a split, and predecessor D's mistake


@pytest.mark.parametrize("form", [FORMS[1], FORMS[4], FORMS[5]])
def test_a_split_comes_back_with_its_fingerprint(movies: Ratings, tmp_path: Path, form: ExportOptions) -> None:
    parts = split(movies, seed=1)
    export(parts, tmp_path / "out", form)
    back = load_exported_split(tmp_path / "out")
    assert (back.fingerprint, back.kind, back.seed) == (parts.fingerprint, "random", 1)
    for name, part in parts.parts.items():
        alone = read(tmp_path / "out" / name)
        assert alone.split == parts.fingerprint
        assert (alone.scale, alone.step) == (movies.scale, movies.step)
        assert rows(alone) == rows(part) == rows(back.parts[name])


def test_an_empty_part(movies: Ratings, tmp_path: Path) -> None:
    parts = split(movies, validation=0)
    for number, form in enumerate((FORMS[0], FORMS[4], FORMS[5])):
        export(parts, tmp_path / str(number), form)
        back = load_exported_split(tmp_path / str(number))
        assert len(back.validation) == 0
        assert back.fingerprint == parts.fingerprint
        with pytest.raises(BadData):
            read(tmp_path / str(number) / "validation")


def test_records_are_paired_by_user_and_never_by_order(movies: Ratings, tmp_path: Path) -> None:
    """Shards and records of train and test, each in an order of its own: every user keeps their own ratings."""
    parts = split(movies, seed=2)
    export(parts, tmp_path / "out", ExportOptions(shards=4, gzipped=True))
    ordered = load_exported_split(tmp_path / "out")
    for name in parts.parts:
        folder = tmp_path / "out" / name
        paths = sorted(folder.glob("part-*"))
        records = [[record.data for record in read_records(path)] for path in paths]
        flat = [record for some in records for record in some]
        random.Random(name).shuffle(flat)
        for path, some in zip(paths, records, strict=True):
            path.write_bytes(frame_records(flat.pop() for _ in some))
    shuffled = load_exported_split(tmp_path / "out")
    assert shuffled.fingerprint == parts.fingerprint
    for name, part in shuffled.parts.items():
        assert same(part, ordered.parts[name])
        assert rows(part) == rows(parts.parts[name])


def test_a_split_with_a_part_of_another_is_refused(movies: Ratings, tmp_path: Path) -> None:
    for seed in (0, 1):
        export(split(movies, seed=seed), tmp_path / str(seed))
    shutil.rmtree(tmp_path / "0" / "test")
    (tmp_path / "1" / "test").rename(tmp_path / "0" / "test")
    with pytest.raises((BadData, BadArtifact), match=r"two ratings|the split is"):
        load_exported_split(tmp_path / "0")


# --- records of others


def test_names_of_others_numbers_as_ids_and_single_ratings(tmp_path: Path) -> None:
    one = [
        sized(1, entry("user_id", sized(3, b"\x08" + varint(user))), entry("movie_id", sized(1, sized(1, item))),
              entry("user_rating", sized(3, b"\x08\x04")), entry("timestamp", sized(3, b"\x08\x07")),
              entry("raw_user_age", sized(2, sized(1, bytes(4)))))
        for user, item in ((10, b"x"), (9, b"y"), (10, b"y"))
    ]  # fmt: skip
    ratings = read(shard(tmp_path / "movielens-train.tfrecord-00000-of-00001", *one))
    assert ratings.users.ids.tolist() == ["9", "10"]
    assert rows(ratings) == {("10", "x", 4, 7), ("9", "y", 4, 7), ("10", "y", 4, 7)}


def test_features_by_the_names_given(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.tfrecord", example("u", films=["a", "b"], stars=[0.5, 1.0], days=[3, 4], ratings=[9, 9]))
    named = {"item": "films", "rating": "stars"}
    assert rows(read(path, columns={**named, "time": "days"})) == {("u", "a", 0.5, 3), ("u", "b", 1, 4)}
    assert read(path, columns=named).time is None


def test_of_a_repeated_pair_the_latest_counts(tmp_path: Path) -> None:
    records = [
        example("u", item_ids=["a", "b", "a"], ratings=[1.0, 2.0, 3.0], times=[5, 5, 4]),
        example("u", item_ids=["b"], ratings=[4.0], times=[6]),
        example("v", item_ids=[], ratings=[], times=[]),
    ]
    ratings = read(shard(tmp_path / "a.tfrecord", *records))
    assert rows(ratings) == {("u", "a", 1, 5), ("u", "b", 4, 6)}
    assert ratings.origin is not None
    assert ratings.origin.duplicates == 2


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([example("u", item_ids=["a", "b"], ratings=[1.0])], "record 1 (byte 0): 1 values of 'ratings' instead of 2"),
        ([example("u", item_ids=["a"], ratings=[1.0]), example("v", ratings=[1.0])], "record 2 (byte 75): no feature"),
        ([example("u", item_ids=["a"], ratings=[float("nan")])], "a rating of nan"),
        ([example("u", item_ids=["a"], ratings=["5"])], "'ratings' is a list of bytes"),
        ([example("u", item_ids=[1.5], ratings=[1.0])], "'item_ids' is a list of floats"),
        ([example("u", item_ids=["a"], ratings=[1.0], times=[1.5])], "'times' is a list of floats"),
        ([example("", item_ids=["a"], ratings=[1.0])], "the id is empty"),
        ([example("u", item_ids=["a", ""], ratings=[1.0, 1.0])], "the id is empty"),
        ([example("u", entry("item_ids", sized(1, sized(1, b"\xff"))), ratings=[1.0])], "an id that is not UTF-8"),
        ([sized(1, entry("user_id", sized(1)), entry("item_ids"), entry("ratings"))], "0 values of 'user_id' instead"),
        ([example("u", item_ids=["a"], ratings=[1.0]), example("v", item_ids=["a"], ratings=[1.0], times=[1])],
         "record 2 (byte 75): times in it, and none in the records before"),
        ([example("u", item_ids=["a"], ratings=[1.0], times=[1]), example("v", item_ids=["a"], ratings=[1.0])],
         "record 2 (byte 90): no feature 'times'"),
        ([example("u", label=[1])], "no column for the item and the rating among user_id, label"),
        ([b"a picture, say"], "record 1 (byte 0): "),
        ([b""], "no features in it"),
        ([], "there are no ratings"),
    ],
)  # fmt: skip
def test_records_that_cannot_be_used(tmp_path: Path, records: list[bytes], said: str) -> None:
    with pytest.raises(BadData) as error:
        read(shard(tmp_path / "a.tfrecord", *records))
    assert said in error.value.message
    assert "a.tfrecord" in error.value.message
    assert error.value.hint


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_records_of_any_bytes_are_ratings_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    good = bytearray(example("u", item_ids=["a", "b"], ratings=[1.0, 2.0], times=[1, 2]))
    for place in data.draw(st.lists(st.integers(0, len(good) - 1), min_size=1, max_size=4)):
        good[place] = data.draw(st.integers(0, 255))
    kept = good[: data.draw(st.integers(0, len(good)))] if data.draw(st.booleans()) else good
    path = tmp_path_factory.getbasetemp() / "any.tfrecord"
    path.write_bytes(frame_records([bytes(kept)]))
    ratings, said = tried(path)
    assert "any.tfrecord" in said if ratings is None else 1 <= len(ratings) <= 2


# --- shards that are missing, cut short, changed


@pytest.fixture(scope="module")
def shards(movies: Ratings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `plain` and `gzipped` of a few users in three shards."""
    folder = tmp_path_factory.mktemp("shards")
    few = replace(movies.where(movies.user < 12), titles=None, genres=None)
    for name, gzipped in (("plain", False), ("gzipped", True)):
        export(few, folder / name, ExportOptions(shards=3, gzipped=gzipped))
    return folder


@settings(deadline=None, max_examples=250)
@given(st.data())
def test_damage_is_an_error_and_never_other_ratings(shards: Path, data: st.DataObject) -> None:
    folder = shards / data.draw(st.sampled_from(["plain", "gzipped"]))
    path = data.draw(st.sampled_from(sorted(folder.glob("part-*"))))
    whole = path.read_bytes()
    damaged = bytearray(whole)
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=3)):
        damaged[place] ^= data.draw(st.integers(1, 255))
    first, last = sorted((data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, len(whole)))))
    if data.draw(st.booleans()):
        del damaged[first:last]
    path.write_bytes(damaged)
    ratings, said = tried(folder)
    path.write_bytes(whole)
    assert str(folder) in said if ratings is None else same(ratings, read(folder))


def test_records_lost_at_the_end_of_a_shard_are_missed(shards: Path, tmp_path: Path) -> None:
    shutil.copytree(shards / "plain", tmp_path / "cut")
    path = tmp_path / "cut" / "part-00001-of-00003.tfrecord"
    records = [record.data for record in read_records(path)]
    path.write_bytes(frame_records(records[:-1]))
    for source in (tmp_path / "cut", path):
        with pytest.raises(BadData, match=r"3 records|11 records"):
            read(source)
    path.write_bytes(frame_records([*records[:-1], records[0]]))  # as many records, one of them twice
    with pytest.raises(BadData, match="ratings, but"):
        read(tmp_path / "cut")


def test_a_missing_shard_is_named(shards: Path, tmp_path: Path) -> None:
    shutil.copytree(shards / "gzipped", tmp_path / "few")
    (tmp_path / "few" / "part-00001-of-00003.tfrecord.gz").unlink()
    with pytest.raises(BadData, match="few: shard 00001 of 00003 is missing"):
        read(tmp_path / "few")
    assert len(read(tmp_path / "few" / "part-00002-of-00003.tfrecord.gz").users) == 4


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["a.tfrecord", "b.tfrecord.gz", "x.csv", "README", ".c.tfrecord", "below/d.tfrecord"], [0, 1]),
        (["t.tfrecord-00001-of-00002", "t.tfrecord-00000-of-00002"], [1, 0]),
        (["part-00000-of-00002.tfrecords", "part-00001-of-00002.tfrecords"], [0, 1]),
        (["notes.txt"], []),
    ],
)
def test_which_files_are_shards(names: list[str], chosen: list[int]) -> None:
    assert find_shards(names) == [names[place] for place in chosen]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["train-00000-of-00001.tfrecord", "test-00000-of-00001.tfrecord"], "2 sets of TFRecord shards"),
        (["a-00000-of-00002.tfrecord", "a-00001-of-00003.tfrecord"], "2 sets"),
        (["a-00000-of-00001.tfrecord", "a-00000-of-00001.tfrecord.gz"], "2 files for 1 shards"),
        (["a-00000-of-99999.tfrecord"], "shard 00001 of 99999 is missing"),
    ],
)
def test_shards_of_which_one_cannot_tell(names: list[str], said: str) -> None:
    with pytest.raises(BadData, match=said):
        find_shards(names)


@pytest.mark.parametrize(
    "changed",
    [{"format": "another"}, {"scale": [3, 4]}, {"scale": [1]}, {"scale": ["a", "b"]}, {"scale": [1, float("inf")]},
     {"step": "?"}, {"step": -1}, {"ratings": 7}, {"ratings": None}, {"records": None}, {"records": {"part": 3}}],
)  # fmt: skip
def test_a_manifest_that_says_something_else(shards: Path, tmp_path: Path, changed: dict[str, object]) -> None:
    shutil.copytree(shards / "plain", tmp_path / "other")
    file = tmp_path / "other" / MANIFEST
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))
    with pytest.raises(BadData, match=MANIFEST):
        read(tmp_path / "other")


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 10**5, "\xff", '{"format": "cofactor export 1"}'])
def test_a_manifest_that_is_none(shards: Path, tmp_path: Path, text: str) -> None:
    shutil.copytree(shards / "plain", tmp_path / "none")
    (tmp_path / "none" / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(BadData, match=MANIFEST):
        read(tmp_path / "none")


# --- what is in the way


def test_nothing_of_somebody_else_is_overwritten(movies: Ratings, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    export(movies, mine)  # an empty folder is free
    export(movies, mine, ExportOptions("csv"))  # an older export is replaced
    assert sorted(file.name for file in mine.iterdir()) == [MANIFEST, "items.csv", "ratings.csv"]
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "note.txt").write_text("keep")
    with pytest.raises(BadData, match="is not an export"):
        export(movies, tmp_path / "theirs")
    assert [file.name for file in (tmp_path / "theirs").iterdir()] == ["note.txt"]


def test_an_export_that_fails_leaves_nothing(movies: Ratings, tmp_path: Path) -> None:
    export(movies, tmp_path / "out")
    before = sorted((file.name, file.read_bytes()) for file in (tmp_path / "out").iterdir())

    def full(done: int, total: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(BadData, match="No space left"):
        export(movies, tmp_path / "out", ExportOptions(shards=2), progress=full)
    assert sorted((file.name, file.read_bytes()) for file in (tmp_path / "out").iterdir()) == before
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_an_id_that_utf8_cannot_say(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="item id 'a\\\\ud800' is not Unicode"):
        export(Ratings.of(["u"], ["a\ud800"], [1.0]), tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "csv", "shards": 2},
        {"format": "parquet", "gzipped": True},
        {"shards": 2, "per_shard": 2},
        {"shards": 0},
    ],
)
def test_a_form_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(BadData):
        ExportOptions(**wrong)  # type: ignore[arg-type]


def test_as_many_shards_as_five_digits_number() -> None:
    assert len(ExportOptions(shards=99_999).bounds(3)) == 100_000
    with pytest.raises(BadData, match="100,000 shards"):
        ExportOptions(shards=100_000).bounds(3)
    assert ExportOptions(per_shard=2).bounds(5) == [0, 2, 4, 5]
    assert ExportOptions(per_shard=2).bounds(0) == [0, 0]
    assert ExportOptions().bounds(100_001) == [0, 100_000, 100_001]
