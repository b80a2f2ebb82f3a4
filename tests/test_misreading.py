"""Tables that would be misread in silence if a reader took the first meaning: they are read right, or are an error."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow
import pytest

from cofactor.data.reading.read import read
from cofactor.errors import BadData
from tests.test_read import rows, written

LARGE = [2**53 + 1, None, 2**53]  # of which a float makes one number

# --- data frames


@pytest.mark.parametrize("users", [
    pandas.array(LARGE, dtype="Int64"),
    pandas.array(LARGE, dtype="int64[pyarrow]"),
    polars.Series(LARGE),
    pyarrow.array(LARGE),
    pyarrow.chunked_array([LARGE[:1], LARGE[1:]]),
])  # fmt: skip
def test_integers_next_to_a_missing_one_keep_their_digits(tmp_path: Path, users: Any) -> None:
    table = {"user": users, "item": ["x", "y", "z"], "rating": [1, 2, 3]}
    ratings = read(table, bad_rows="skip", rejected=tmp_path / "rejected.csv")
    assert sorted(ratings.users.ids) == [str(2**53), str(2**53 + 1)]


def test_a_float_that_two_integers_become_is_no_id() -> None:
    with pytest.raises(BadData, match=r"row 1: user id '?9007199254740992\.0'? is a float too large"):
        read({"user": [2.0**53, 1.5], "item": ["x", "y"], "rating": [1, 2]})


def test_a_masked_value_is_missing() -> None:
    table = {"user": ["a", "b"], "item": ["x", "y"], "rating": np.ma.array([1, 2], mask=[False, True])}
    with pytest.raises(BadData, match="row 2: no rating"):
        read(table)
    assert rows(read(table, missing="")) == [("a", "x", 1.0, None)]


def test_integers_of_128_bits_are_ids() -> None:
    users = polars.Series([2**100, 2**100 + 1], dtype=polars.Int128)
    assert list(read({"user": users, "item": ["x", "y"], "rating": [1, 2]}).users.ids) == [str(2**100), str(2**100 + 1)]


def test_lists_in_a_frame_are_no_ids() -> None:
    with pytest.raises(BadData, match="a column of "):
        read(polars.DataFrame({"user": ["a"], "item": [["x", "y"]], "rating": [1]}))


# --- ids


def test_ids_that_a_spreadsheet_has_rounded_are_bad_rows(tmp_path: Path) -> None:
    lines = "user,isbn,rating\na,9.78014E+12,4\nb,9.78014E+12,5\nc,014303X,3\n"
    with pytest.raises(BadData, match=r"line 2: item id '9\.78014E\+12' is a number that a spreadsheet has rounded"):
        read(written(tmp_path / "ratings.csv", lines))
    whole = "user,isbn,rating\na,9.78014E+12,4\nb,9.78015E+12,5\n"
    with pytest.raises(BadData, match="that a spreadsheet has rounded"):
        read(written(tmp_path / "ratings.csv", whole))


def test_exact_numbers_with_an_exponent_are_ids(tmp_path: Path) -> None:
    assert list(read(written(tmp_path / "ratings.csv", "user,item,rating\n1e+05,x,4\n1.5e+10,y,5\n")).users.ids) == [
        "100000",
        "15000000000",
    ]


# --- columns


def test_no_ratings_by_number_leave_the_first_line_a_row(tmp_path: Path) -> None:
    lines = "".join(f"u{n}\t2009-05-0{n}T10:00:00Z\tartist{n}\t\tsong {n}\n" for n in range(1, 6))
    ratings = read(
        written(tmp_path / "ratings.csv", lines), columns={"user": "1", "item": "3", "time": "2", "rating": ""}
    )
    assert (len(ratings), ratings.kind) == (5, "pairs")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("points", ["4,5", "3,0", "1,5"]),
        ("points", ["80%", "75%", "10%"]),
        ("points", ["4", "", "3"]),
        ("points", ["★★", "★★★½", "★"]),
        ("liked", ["true", "false", "true"]),
        ("points", [str(n) for n in range(0, 100)]),
    ],
)
def test_a_column_that_may_be_the_ratings_is_not_left_out(tmp_path: Path, name: str, values: list[str]) -> None:
    lines = "".join(f"u{n};i{n};{value}\n" for n, value in enumerate(values))
    with pytest.raises(BadData, match=f"no column is known to hold ratings; it may be {name}"):
        read(written(tmp_path / "ratings.csv", f"user;item;{name}\n{lines}"))


def test_names_in_other_languages(tmp_path: Path) -> None:
    ratings = read(
        written(tmp_path / "ratings.csv", "Benutzer;Artikel;Bewertung;Datum\na;x;4,5;14.07.2017\nb;y;3;15.07.2017\n")
    )
    assert rows(ratings)[0] == ("a", "x", 4.5, 1_499_990_400)


# --- JSON


def in_json(folder: Path, value: object) -> Path:
    path = folder / "ratings.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_arrays_of_arrays_follow_the_rules_of_text_without_a_header(tmp_path: Path) -> None:
    assert rows(read(in_json(tmp_path, [["a", "x", 4.5], ["b", "y", None]]), missing="")) == [("a", "x", 4.5, None)]
    for table, message in (
        ([[n, n % 3, 10 + n, 4] for n in range(12)], "the first column counts the rows"),
        ([[n % 3, n, 1_500_000_000 + n] for n in range(12)], "the third column looks like times"),
        ([[n, f"u{n}", "x", 4, 5] for n in range(3)], "5 columns without a header"),
    ):
        with pytest.raises(BadData, match=message):
            read(in_json(tmp_path, table))


def test_rows_of_json_have_plain_cells(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="row 2 of the JSON array has an array or an object in it"):
        read(in_json(tmp_path, [["a", "x", 4], ["b", ["y"], 4]]))


def test_a_member_that_comes_late_is_read(tmp_path: Path) -> None:
    early = [{"user": f"u{n}", "item": "x"} for n in range(300)]
    lines = "\n".join(map(json.dumps, [*early, {"user": "v", "item": "y", "rating": 2}]))
    with pytest.raises(BadData, match="row 1: no rating"):
        read(in_json(tmp_path, lines))
    assert rows(read(in_json(tmp_path, lines), missing="")) == [("v", "y", 2.0, None)]


# --- long lines


def test_a_long_cell_is_a_cell(tmp_path: Path) -> None:
    lines = "".join(f'u{n},i{n},{n % 5},"{"x, " * 60_000}"\n' for n in range(4))
    assert len(read(written(tmp_path / "ratings.csv", f"user,item,rating,review\n{lines}"))) == 4


def test_a_file_of_one_endless_line_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="a line of 450,001 cells: a wide table, or a file without line ends"):
        read(written(tmp_path / "ratings.csv", "1,2,3," * 150_000))


# --- times


def timed(folder: Path, times: list[str]) -> Path:
    lines = "".join(f"u{n},i{n},{n % 5},{time}\n" for n, time in enumerate(times))
    return written(folder / "ratings.csv", f"user,item,rating,time\n{lines}")


def test_two_digits_at_both_ends_of_a_date_are_year_or_day(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="may have the year or the day first") as caught:
        read(timed(tmp_path, ["17-07-14", "18-07-16"]))
    assert "--time-format '%y-%m-%d' or --time-format '%d-%m-%y'" in str(caught.value)
    for times, form in (
        (["17-07-14", "18-07-16"], "%y-%m-%d"),  # stated
        (["17-07-14", "17-07-31"], None),  # no year is 2031
        (["14-07-17", "31-07-18"], None),
    ):
        ratings = read(timed(tmp_path, times), time_format=form)
        assert rows(ratings)[0][3] == 1_499_990_400


@pytest.mark.parametrize(
    ("times", "form"),
    [
        (["14072017", "1082017", "31122016"], "%d%m%Y"),
        (["07142017", "8012017", "12312016"], "%m%d%Y"),
        (["201707", "201708", "201612"], "%Y%m"),
        (["170714", "170801", "161231"], "%y%m%d"),
    ],
)
def test_digits_of_dates_are_not_seconds_of_1970_in_silence(tmp_path: Path, times: list[str], form: str) -> None:
    path = timed(tmp_path, times)
    with pytest.raises(BadData, match=f"may be dates of the form {form} or seconds since 1970"):
        read(path)
    assert rows(read(path, time_format="s"))[0][3] == int(times[0])
    assert rows(read(path, time_format=form, bad_rows="skip", rejected=tmp_path / "rejected.csv"))[0][3] > 1_480_000_000


@pytest.mark.parametrize("time", ["2017-07-14 02:40:00 AM", "20170714T044000+0200"])
def test_more_forms_of_dates(tmp_path: Path, time: str) -> None:
    assert rows(read(timed(tmp_path, [time])))[0][3] == 1_500_000_000


# --- values and ids


def test_a_point_may_separate_thousands(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"the point in '1\.234' may be a decimal one or separate thousands"):
        read(written(tmp_path / "plays.csv", "user;item;plays\na;x;1.234\nb;y;12\n"))
    for values in (["1.234", "2.500"], ["1.5", "12"], ["0.125", "12"]):
        lines = "".join(f"u{n};i{n};{value}\n" for n, value in enumerate(values))
        assert len(read(written(tmp_path / "plays.csv", f"user;item;plays\n{lines}"))) == 2


def test_ids_with_and_without_a_point_are_noted(tmp_path: Path) -> None:
    ratings = read(written(tmp_path / "ratings.csv", "user,item,rating\n7,x,4\n7.0,y,5\n"))
    assert "1 user with and without .0, such as 7 and 7.0" in ratings.origin.notes[0]


# --- hints lead to success


def test_words_for_no_rating_are_in_the_hint(tmp_path: Path) -> None:
    path = written(tmp_path / "ratings.csv", "user,item,rating\na,x,4\nb,y,NA\nc,z,\\N\n")
    with pytest.raises(BadData) as caught:
        read(path)
    assert r"--missing 'NA' --missing '\N' (missing=['NA', '\\N'])" in str(caught.value)
    assert len(read(path, missing=["NA", r"\N"])) == 1


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("user^item^rating\na^x^4\n", "--delimiter"),
        ("user,m1,m2\na,5,\nb,,4\n", "--layout wide"),
        ("Title,Rated on,Stars\nx,2017-07-14,4\n", "a table of a single user"),
        ("用户名,电影,评分\nа,б,4\n".encode("gb18030"), "iconv -f ENCODING"),
        ("user,item,rating\na,Müller,4\n".encode("cp1252"), "iconv -f ENCODING"),
        ("user,item,rating,time\na,x,4,14 juillet 2017\n", "--time-format"),
    ],
)
def test_a_hint_says_how_such_a_table_is_read(tmp_path: Path, content: str | bytes, hint: str) -> None:
    with pytest.raises(BadData, match=hint):
        read(written(tmp_path / "ratings.csv", content))


def test_ids_of_nine_digits_are_no_times_in_a_hint(tmp_path: Path) -> None:
    lines = "".join(f"15160306{n},Game {n},{what},{n}.5,0\n" for n in range(6) for what in ("buy", "play"))
    with pytest.raises(BadData, match="--columns user=1,item=2,rating=4 "):
        read(written(tmp_path / "ratings.csv", lines))


@pytest.mark.parametrize(
    "dump",
    [
        "-- MySQL dump 10.13\n--\nDROP TABLE IF EXISTS `r`;\nINSERT INTO `r` VALUES (1,101,5),(2,102,3);\n",
        "--\n-- PostgreSQL database dump\n--\nSET statement_timeout = 0;\nCOPY r (a, b) FROM stdin;\n1\t101\n",
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE r (a, b);\n",
    ],
)
def test_a_dump_with_comments_is_an_sql_script(tmp_path: Path, dump: str) -> None:
    with pytest.raises(BadData, match="an SQL script"):
        read(written(tmp_path / "dump.sql", dump))


def test_names_in_quotes_after_a_blank_are_names_without(tmp_path: Path) -> None:
    lines = '"User Id", "What", "Points"\n"a", "x", "3"\n"b", "y", "4"\n'
    ratings = read(written(tmp_path / "ratings.csv", lines), columns={"item": "What", "rating": "Points"})
    assert rows(ratings)[0] == ("a", "x", 3.0, None)


def test_arrays_in_json_are_no_ids(tmp_path: Path) -> None:
    path = in_json(tmp_path, '{"user": 1, "items": [1, 2]}\n{"user": 2, "items": [4]}\n')
    with pytest.raises(BadData, match="column 'items' for the item holds arrays"):
        read(path, columns={"item": "items"})


def test_parts_with_different_columns_are_called_so(tmp_path: Path) -> None:
    for number, name in enumerate(("rating", "stars")):
        frame = pandas.DataFrame({"user": ["a", "b"], "item": ["x", "y"], name: [1, 2]})
        frame.to_parquet(tmp_path / f"part-0000{number}.parquet")
    with pytest.raises(BadData, match="its parts have different columns"):
        read(tmp_path)


def test_an_endless_cell_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="a line of it is too long"):
        read(written(tmp_path / "ratings.csv", f'user,item,rating\nu,i,"{"x" * 3_000_000}"\n'))


@pytest.mark.parametrize("users", [["a", None, "b"], [5, None, 7]])
def test_a_null_in_a_dictionary_of_arrow_is_missing(users: list[Any]) -> None:
    table = pyarrow.table(
        {"user": pyarrow.array(users).dictionary_encode(), "item": ["x", "y", "z"], "rating": [1, 2, 3]}
    )
    with pytest.raises(BadData, match="row 2: no user id"):
        read(table)


@pytest.mark.parametrize("value", ["", "NA", "NaN"])
def test_a_first_row_without_a_rating_is_no_header(tmp_path: Path, value: str) -> None:
    path = written(tmp_path / "ratings.csv", f"a,x,{value}\nb,y,3\nc,z,4\n")
    with pytest.raises(BadData, match="line 1: "):
        read(path, columns={"user": "1", "item": "2", "rating": "3"})


@pytest.mark.parametrize(
    "text", ['[[%d, "x", 3], [%d, "y", 4]]', '{"user": [%d, %d], "item": ["x", "y"], "rating": [3, 4]}']
)
def test_integers_of_json_keep_their_digits(tmp_path: Path, text: str) -> None:
    ratings = read(in_json(tmp_path, text % (10**29 + 1, 10**29 + 2)))
    assert list(ratings.users.ids) == [str(10**29 + 1), str(10**29 + 2)]


@pytest.mark.parametrize("text", [r'[["\ud83d", "x", 3]]', r'{"user": ["\ud83d"], "item": ["x"], "rating": [3]}'])
def test_half_a_character_in_json_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadData):
        read(in_json(tmp_path, text))


def test_line_ends_in_cells_of_json_end_no_row(tmp_path: Path) -> None:
    table = [["a", "x", 4, "two\nlines"], ["b", "y", 5, "one"]]
    assert len(read(in_json(tmp_path, table), columns={"time": ""})) == 2
