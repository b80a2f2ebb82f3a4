"""Reading ratings: every layout, the order of rows, ids, times, repeated pairs, titles."""

import gzip
import zipfile
from pathlib import Path

import duckdb
import numpy as np
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.data.vocabulary import natural_order
from cofactor.errors import BadData

ROWS = [("b", "x", 4.5, 30), ("a", "y", 1.0, 20), ("b", "y", 3.0, 10)]


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(ratings: Ratings) -> list[tuple[object, ...]]:
    """What was read, as tuples in order."""
    times = [None] * len(ratings) if ratings.time is None else ratings.time.tolist()
    ids = ratings.users.ids[ratings.user], ratings.items.ids[ratings.item]
    return list(zip(*ids, ratings.value.tolist(), times, strict=True))


def joined(delimiter: str, header: str = "", lines: list[tuple[object, ...]] | None = None, end: str = "\n") -> str:
    body = [delimiter.join(map(str, row)) for row in lines or ROWS]
    return end.join(([header] if header else []) + body) + end


# --- what a text file may look like


@pytest.mark.parametrize("delimiter", ["::", "\t", ",", ";", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_without_a_header_three_or_four_columns_are_user_item_rating_time(
    tmp_path: Path, delimiter: str, end: str
) -> None:
    assert rows(read(written(tmp_path / "r", joined(delimiter, end=end)))) == ROWS
    three = [row[:3] for row in ROWS]
    found = rows(read(written(tmp_path / "r", joined(delimiter, lines=three, end=end))))
    assert found == [(*row, None) for row in three]


@pytest.mark.parametrize(
    "header",
    [
        "userId,movieId,rating,timestamp",
        "user_id,item_id,score,ts",
        "USER,Item,Stars,Date",
        "uid,ISBN,Book-Rating,time",
        "user_id:token,item_id:token,rating:float,timestamp:float",
    ],
)
def test_columns_go_by_their_common_names(tmp_path: Path, header: str) -> None:
    assert rows(read(written(tmp_path / "r.csv", joined(",", header)))) == ROWS


def test_columns_in_any_order_among_others(tmp_path: Path) -> None:
    lines = [("no", time, value, item, user, "") for user, item, value, time in ROWS]
    file = written(tmp_path / "r.csv", joined(",", "comment,time,rating,item,user,else", lines))
    assert rows(read(file)) == ROWS


def test_columns_by_the_names_given(tmp_path: Path) -> None:
    file = written(tmp_path / "r.csv", joined(",", "who,what,how much,user"))
    assert rows(read(file, columns={"user": "who", "item": "what", "rating": "how much", "time": "user"})) == ROWS
    untimed = read(file, columns={"user": "who", "item": "what", "rating": "how much"})
    assert untimed.time is None


def test_a_time_column_can_be_left_out(tmp_path: Path) -> None:
    file = written(tmp_path / "r.csv", "user,item,rating,time\n1,2,3,yesterday\n")
    assert read(file, columns={"time": ""}).time is None


def test_a_mark_of_utf8_blank_lines_and_spaces_are_no_part_of_the_data(tmp_path: Path) -> None:
    file = written(tmp_path / "r.csv", b"\xef\xbb\xbfuser, item, rating\n\n7, 8, 4.5\n\n 9,8,3\n\n")
    assert rows(read(file)) == [("7", "8", 4.5, None), ("9", "8", 3.0, None)]


def test_quoted_cells_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    file = written(tmp_path / "r.csv", 'user,item,rating,review\n"a,""b""",x,4,"two\nlines"\nc,y,5,\n')
    assert rows(read(file)) == [('a,"b"', "x", 4.0, None), ("c", "y", 5.0, None)]


def test_line_ends_of_both_kinds_in_one_file(tmp_path: Path) -> None:
    file = written(tmp_path / "r.csv", b"user,item,rating\r\n1,2,3\n4,5,1\r\n")
    assert rows(read(file)) == [("1", "2", 3.0, None), ("4", "5", 1.0, None)]


def test_gzip_whatever_it_is_called(tmp_path: Path) -> None:
    packed = gzip.compress(joined(",", "user,item,rating,time").encode())
    assert rows(read(written(tmp_path / "r.csv.gz", packed))) == ROWS
    assert rows(read(written(tmp_path / "r.dat", packed))) == ROWS


def test_names_that_look_like_patterns_are_plain_names(tmp_path: Path) -> None:
    for number, name in enumerate(("r[1].csv", "r*.csv", "r?.csv", "r1.csv", "it's.csv")):
        written(tmp_path / name, f"user,item,rating\n{number},1,5\n")
    for number, name in enumerate(("r[1].csv", "r*.csv", "r?.csv", "r1.csv", "it's.csv")):
        assert read(tmp_path / name).users.ids.tolist() == [str(number)]


def test_a_path_may_be_text(tmp_path: Path) -> None:
    assert len(read(str(written(tmp_path / "r.csv", joined(","))))) == 3


# --- ids


@pytest.mark.parametrize("ids", [["10", "9", "100"], ["007", "7", "10"], ["1", "1.0", "01"], ["-1", "1", "+1"],
                                 ["1e2", "100", "1_0"], ["3000000000", "5", "20"], ["é", "z", "a"],
                                 ["999999999999999999", "2", "1234567890123456789"]])  # fmt: skip
def test_ids_stay_the_text_they_are_in_their_natural_order(tmp_path: Path, ids: list[str]) -> None:
    lines = [(id_, other, 3, 1) for id_ in ids for other in ids]
    ratings = read(written(tmp_path / "r.csv", joined(",", lines=lines)))
    assert ratings.users.ids.tolist() == natural_order(ids) == ratings.items.ids.tolist()
    assert [row[:2] for row in rows(ratings)] == [line[:2] for line in lines]


def test_an_id_that_is_no_number_late_in_a_file_of_numbers(tmp_path: Path) -> None:
    lines = [(number * 7 % 5000, number % 7, 3, 1) for number in range(5000)] + [("x", "007", 5, 1)]
    ratings = read(written(tmp_path / "r.csv", joined(",", lines=lines)))
    assert len(ratings.users) == 5001
    assert ratings.users.ids.tolist() == sorted(map(str, [*range(5000), "x"]))
    assert rows(ratings)[-1] == ("x", "007", 5.0, 1)


ids = st.one_of(st.integers(0, 30).map(str), st.text("ab1é\U0001f600z-", min_size=1, max_size=4))
table = st.lists(st.tuples(ids, ids, st.integers(0, 10).map(lambda n: n / 2), st.integers(0, 50)), min_size=1)


@settings(deadline=None, max_examples=15)
@given(table)
def test_a_file_and_memory_read_the_same(tmp_path_factory: pytest.TempPathFactory, lines: list) -> None:
    file = tmp_path_factory.mktemp("r") / "r.csv"
    ratings = read(written(file, joined(",", "user,item,rating,time", lines)))
    twin = Ratings.of(*zip(*lines, strict=True))
    assert rows(ratings) == rows(twin)
    assert ratings.users == twin.users
    assert ratings.items == twin.items
    assert ratings.origin is not None
    assert twin.origin is not None
    assert ratings.origin.duplicates == twin.origin.duplicates


def test_the_order_of_a_large_file_is_kept_by_ids_of_either_kind(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pairs = random.permutation(900 * 400)[:200_000]
    for prefix in ("", "u"):
        file = tmp_path / f"r{prefix}.csv"
        text = "".join(f"{prefix}{pair % 900},{pair // 900},{pair % 10}\n" for pair in pairs.tolist())
        ratings = read(written(file, "user,item,rating\n" + text))
        assert np.array_equal(ratings.users.ids[ratings.user], [f"{prefix}{pair % 900}" for pair in pairs.tolist()])
        assert np.array_equal(ratings.items.ids[ratings.item].astype(int), pairs // 900)
        assert np.array_equal(ratings.value, (pairs % 10).astype(np.float32))


# --- values and times


def test_the_scale_is_that_of_the_data(tmp_path: Path) -> None:
    assert read(written(tmp_path / "r.csv", "1,1,0.5\n1,2,5.0\n2,1,3.5\n")).scale == (0.5, 5.0)
    assert read(written(tmp_path / "r.csv", "1,1,0.5\n1,2,5.0\n2,1,4.5\n")).step == 0.5
    jokes = read(written(tmp_path / "r.csv", "1,1,-9.91\n1,2,7.83\n2,1,1e1\n"))
    assert jokes.value.tolist() == pytest.approx([-9.91, 7.83, 10.0])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1287532527", 1287532527),
        ("1287532527.9", 1287532527.9),
        ("1287532527123", 1287532527.123),
        ("1287532527123456", 1287532527.123456),
        ("1287532527123456789", 1287532527.123456),
        ("2010-10-19T23:55:27Z", 1287532527),
        ("2010-10-19 23:55:27", 1287532527),
        ("2010-10-19 23:55:27.750", 1287532527.75),
        ("2010-10-20 01:55:27+02:00", 1287532527),
        ("2010-10-19", 1287446400),
    ],
)
def test_times_become_seconds(tmp_path: Path, text: str, seconds: float) -> None:
    ratings = read(written(tmp_path / "r.csv", f"user,item,rating,timestamp\n1,1,5,{text}\n"))
    assert ratings.time is not None
    assert ratings.time.tolist() == [seconds]


def test_of_a_repeated_pair_the_latest_counts_and_of_equal_times_the_last(tmp_path: Path) -> None:
    lines = [("1", "1", 1.0, 50), ("1", "1", 2.0, 90), ("1", "1", 3.0, 90), ("1", "1", 4.0, 10), ("2", "1", 5.0, 10)]
    ratings = read(written(tmp_path / "r.csv", joined(",", lines=lines)))
    assert rows(ratings) == [("1", "1", 3.0, 90), ("2", "1", 5.0, 10)]
    assert ratings.origin is not None
    assert (ratings.origin.rows, ratings.origin.duplicates) == (5, 3)


def test_without_times_the_last_of_a_repeated_pair_counts(tmp_path: Path) -> None:
    ratings = read(written(tmp_path / "r.csv", "b,1,1\na,1,2\nb,1,3\n"))
    assert rows(ratings) == [("a", "1", 2.0, None), ("b", "1", 3.0, None)]


# --- Parquet and tables in memory


@pytest.mark.parametrize("kind", ["BIGINT", "UTINYINT", "VARCHAR", "DOUBLE"])
def test_parquet_with_ids_of_any_type(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "r.parquet"
    duckdb.execute(
        f"COPY (SELECT a::{kind} AS user_id, b::{kind} AS item_id, c AS rating, d AS timestamp FROM (VALUES "
        f"(10, 7, 4.5, TIMESTAMP '2010-10-19'), (9, 7, 3, '2010-10-20')) t(a, b, c, d)) TO '{file}'"
    )
    assert rows(read(file)) == [("10", "7", 4.5, 1287446400), ("9", "7", 3.0, 1287532800)]
    assert read(file).users.ids.tolist() == ["9", "10"]


FRAMES = {
    "pandas": pandas.DataFrame,
    "polars": polars.DataFrame,
    "lazy polars": lambda columns: polars.DataFrame(columns).lazy(),
    "arrow": pyarrow.table,
    "columns": lambda columns: columns,
    "arrays": lambda columns: {name: np.array(column) for name, column in columns.items()},
}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_table_in_memory(kind: str) -> None:
    users, items, values, times = (list(column) for column in zip(*ROWS, strict=True))
    frame = FRAMES[kind]({"when": times, "userId": users, "movieId": items, "rating": values})
    ratings = read(frame, columns={"time": "when"})
    assert rows(ratings) == ROWS
    assert ratings.origin is not None
    assert ratings.origin.name == "table"


@pytest.mark.parametrize("kind", FRAMES)
def test_a_table_in_memory_with_numbers_for_ids_and_repeated_pairs(kind: str) -> None:
    frame = FRAMES[kind]({"user": [10, 9, 10], "item": [1, 2, 1], "rating": [1, 2, 3]})
    ratings = read(frame)
    assert rows(ratings) == [("9", "2", 2.0, None), ("10", "1", 3.0, None)]
    assert ratings.origin is not None
    assert ratings.origin.duplicates == 1


def test_a_pandas_table_with_dates_categories_and_whole_floats() -> None:
    frame = pandas.DataFrame({"user": [1.0, 2.0], "item": pandas.Categorical(["x", "y"]), "rating": [1, 2]})
    frame["date"] = pandas.to_datetime(["2010-10-19", "2010-10-20"], utc=True)
    assert rows(read(frame)) == [("1", "x", 1.0, 1287446400), ("2", "y", 2.0, 1287532800)]


def test_what_is_no_table_is_refused() -> None:
    for thing in (None, 7, [1, 2], {"user": [1], "item": [1, 2], "rating": [1]}):
        with pytest.raises(BadData):
            read(thing)


# --- folders, zips, titles


def zipped(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


MOVIES = "1::Am\xe9lie (2001)::Comedy|Romance\n2::Space: 1999::Sci-Fi\n3::Nobody::\n".encode("latin-1")


def test_titles_and_genres_lie_beside_the_ratings(tmp_path: Path) -> None:
    written(tmp_path / "toy" / "ratings.dat", "5::2::3::1\n5::1::4::2\n6::4::1::3\n")
    written(tmp_path / "toy" / "movies.dat", MOVIES)
    for source in ("toy", "toy/ratings.dat"):
        ratings = read(tmp_path / source)
        assert ratings.items.ids.tolist() == ["1", "2", "4"]  # 3 has no rating, 4 no title
        assert ratings.titles is not None
        assert ratings.genres is not None
        assert ratings.titles.tolist() == ["Amélie (2001)", "Space: 1999", ""]
        assert ratings.genres.tolist() == ["Comedy|Romance", "Sci-Fi", ""]


def test_a_zip_reads_as_its_folder(tmp_path: Path) -> None:
    files = {"toy/ratings.dat": "5::2::3::1\n5::1::4::2\n", "toy/movies.dat": MOVIES, "toy/README": "x"}
    ratings = read(zipped(tmp_path / "toy.zip", files))
    assert rows(ratings) == [("5", "2", 3.0, 1), ("5", "1", 4.0, 2)]
    assert ratings.titles is not None
    assert ratings.titles.tolist() == ["Amélie (2001)", "Space: 1999"]
    assert ratings.origin is not None
    assert ratings.origin.name == "toy.zip"


def test_titles_from_tables_with_a_header(tmp_path: Path) -> None:
    written(tmp_path / "ratings.csv", "user,item,rating\n1,x,2\n1,y,3\n")
    written(tmp_path / "items.csv", 'title,item_id,genres\n"One, ""1""",x,(no genres listed)\nZwölf,y,A|B\n')
    ratings = read(tmp_path)
    assert ratings.titles is not None
    assert ratings.genres is not None
    assert ratings.titles.tolist() == ['One, "1"', "Zwölf"]
    assert ratings.genres.tolist() == ["", "A|B"]


def test_titles_from_the_parquet_file_that_made_data_comes_with(tmp_path: Path) -> None:
    for name, select in {
        "made.parquet": "SELECT 1 AS user, 2 AS item, 3.5 AS rating",
        "made.items.parquet": "SELECT 2 AS item, 'Two' AS title, 'Drama' AS genres",
    }.items():
        duckdb.execute(f"COPY ({select}) TO '{tmp_path / name}'")
    for source in ("made.parquet", ""):
        ratings = read(tmp_path / source)
        assert ratings.titles is not None
        assert ratings.titles.tolist() == ["Two"]


def test_a_table_beside_the_ratings_that_is_about_something_else_gives_no_titles(tmp_path: Path) -> None:
    written(tmp_path / "ratings.csv", "user,item,rating\n1,x,2\n")
    written(tmp_path / "items.csv", "item,price\nx,2\n")
    assert read(tmp_path).titles is None
    written(tmp_path / "items.csv", "item,title\nother,Other\n")
    assert read(tmp_path).titles is None


def test_a_folder_with_one_table_or_one_that_looks_like_ratings(tmp_path: Path) -> None:
    written(tmp_path / "a" / "train.csv", "1,1,5\n")
    assert len(read(tmp_path / "a")) == 1
    written(tmp_path / "a" / "ratings_small.csv", "1,1,5\n2,1,5\n")
    assert len(read(tmp_path / "a")) == 2
    written(tmp_path / "b" / "inner" / "u.data", "1\t1\t5\t1\n")
    assert len(read(tmp_path / "b")) == 1


def test_half_a_character_in_a_table_is_told() -> None:
    for users in (["a", "\ud800"], ["a", "\ud800", "b", "c"]):
        with pytest.raises(BadData, match="surrogate"):
            read({"user": users, "item": [1] * len(users), "rating": [3] * len(users), "time": [1] * len(users)})


# --- real data


def as_zip(folder: Path, into: Path) -> Path:
    with zipfile.ZipFile(into / f"{folder.name}.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"{folder.name}/{file.name}")
    return into / f"{folder.name}.zip"


@pytest.mark.parametrize(
    ("name", "file", "shape", "scale", "step"),
    [
        ("ml-100k", "u.data", (100_000, 943, 1_682), (1.0, 5.0), 1.0),
        ("ml-1m", "ratings_no_timestamps.csv", (1_000_209, 6_040, 3_706), (1.0, 5.0), 1.0),
        ("ml-latest-small", "ratings.csv", (100_836, 610, 9_724), (0.5, 5.0), 0.5),
    ],
)
def test_movielens_as_folder_file_and_zip(
    real_data: Path, tmp_path: Path, name: str, file: str, shape: tuple[int, int, int], scale: object, step: float
) -> None:
    folder = read(real_data / name)
    for ratings in (folder, read(real_data / name / file), read(as_zip(real_data / name, tmp_path))):
        assert (len(ratings), len(ratings.users), len(ratings.items)) == shape
        assert (ratings.scale, ratings.step) == (scale, step)
        assert np.array_equal(ratings.user, folder.user)
        assert np.array_equal(ratings.item, folder.item)
        assert np.array_equal(ratings.value, folder.value)
        assert ratings.users.ids.tolist() == [str(number) for number in range(1, shape[1] + 1)]
        assert ratings.titles is not None
        assert all(ratings.titles)
        assert ratings.titles[ratings.items.row("1")] == "Toy Story (1995)"


def test_movielens_100k_row_by_row(real_data: Path) -> None:
    ratings = read(real_data / "ml-100k")
    lines = [line.split("\t") for line in (real_data / "ml-100k" / "u.data").read_text().splitlines()]
    assert rows(ratings) == [(user, item, float(value), int(time)) for user, item, value, time in lines]
    assert ratings.titles is not None
    assert ratings.genres is not None
    assert ratings.titles[ratings.items.row("1")] == "Toy Story (1995)"
    assert ratings.genres[ratings.items.row("1")] == "Animation|Children's|Comedy"


@pytest.mark.parametrize("part", ["u1.base", "u1.test", "ua.base", "ub.test"])
def test_the_parts_of_movielens_100k_are_files_too(real_data: Path, part: str) -> None:
    ratings = read(real_data / "ml-100k" / part)
    assert len(ratings) == len((real_data / "ml-100k" / part).read_text().splitlines())
    assert ratings.titles is not None


def test_accents_in_the_latin1_titles_of_movielens_1m(real_data: Path) -> None:
    ratings = read(real_data / "ml-1m")
    assert ratings.titles is not None
    assert ratings.titles[ratings.items.row("73")] == "Misérables, Les (1995)"
    assert not any("�" in title or "Ã" in title for title in ratings.titles)
