"""Times: the unit or the format of a column is one, is told, and is checked for each value."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofactor.data.ratings import Ratings
from cofactor.data.reading.meaning.date_formats import find_formats
from cofactor.data.reading.meaning.time_rules import numbers_to_seconds
from cofactor.data.reading.read import read
from cofactor.data.splitting.split import load_split, save_split, split
from cofactor.errors import BadData
from tests.test_read import written


def timed(path: Path, *times: object, **options: object) -> Ratings:
    """Ratings with these times, one of another user each."""
    lines = "".join(f'u{number};i;{number % 5};"{time}"\n' for number, time in enumerate(times))
    return read(written(path / "t.csv", "user;item;rating;date\n" + lines), **options)


def seconds(path: Path, *times: object, **options: object) -> list[float]:
    found = timed(path, *times, **options).time
    assert found is not None
    return found.tolist()


def at(*moment: int) -> float:
    return datetime(*moment, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (("20170714", "20170715"), at(2017, 7, 14)),
        (("20170714102030", "20170715000000"), at(2017, 7, 14, 10, 20, 30)),
        (("201707141020", "201707150000"), at(2017, 7, 14, 10, 20)),
        (("20170714.0", "20170715.0"), at(2017, 7, 14)),
        (("2017", "1999"), at(2017, 1, 1)),
        (("14/7/2017", "2/1/2018"), at(2017, 7, 14)),
        (("14/7/17", "2/1/18"), at(2017, 7, 14)),
        (("7/14/2017", "1/2/2018"), at(2017, 7, 14)),
        (("14.07.2017", "02.01.2018"), at(2017, 7, 14)),
        (("14-07-2017 10:20", "02-01-2018 00:00"), at(2017, 7, 14, 10, 20)),
        (("7/14/2017 2:14:46 PM", "1/2/2018 1:00:00 AM"), at(2017, 7, 14, 14, 14, 46)),
        (("2017.07.14", "2018.01.02"), at(2017, 7, 14)),
        (("2017/7/14 10:20:30", "2018/1/2 00:00:00"), at(2017, 7, 14, 10, 20, 30)),
        (("Jul 14, 2017", "Jan 2, 2018"), at(2017, 7, 14)),
        (("14 July 2017", "2 January 2018"), at(2017, 7, 14)),
        (("07 14, 2017", "01 2, 2018"), at(2017, 7, 14)),
        (("Fri Jul 14 10:20:30 +0000 2017", "Tue Jan 02 00:00:00 +0000 2018"), at(2017, 7, 14, 10, 20, 30)),
        (("2017-07-14 10:20:30,5", "2018-01-02 00:00:00,0"), at(2017, 7, 14, 10, 20, 30) + 0.5),
        (("20170714T102030", "20180102T000000"), at(2017, 7, 14, 10, 20, 30)),
    ],
)
def test_dates_as_people_write_them(tmp_path: Path, texts: tuple[str, ...], first: float) -> None:
    assert seconds(tmp_path, *texts)[0] == first


@pytest.mark.parametrize(
    ("texts", "form", "first"),
    [
        (("3/4/2017", "5/6/2017"), "%d/%m/%Y", at(2017, 4, 3)),
        (("3/4/2017", "5/6/2017"), "%m/%d/%Y", at(2017, 3, 4)),
        (("42930", "42931.5"), "excel", at(2017, 7, 14)),
        (("42930", "42931"), "s", 42930),
        (("1500000000", "1500000001"), "ms", None),
        (("14-07/2017",), "%d-%m/%Y", at(2017, 7, 14)),
    ],
)
def test_the_form_can_be_stated(tmp_path: Path, texts: tuple[str, ...], form: str, first: float | None) -> None:
    if first is None:
        with pytest.raises(BadData, match="is not in milliseconds since 1970"):
            seconds(tmp_path, *texts, time_format=form)
    else:
        assert seconds(tmp_path, *texts, time_format=form)[0] == first


@pytest.mark.parametrize(
    ("texts", "message", "forms"),
    [
        (("3/4/2017", "5/6/2017"), "may have the day or the month first", ("%d/%m/%Y", "%m/%d/%Y")),
        (("3-4-17 10:20", "5-6-17 10:20"), "may have the day or the month first", ("%d-%m-%y %H:%M",)),
        (("42930", "42931"), "may be day numbers of Excel or seconds", ("excel", "s")),
    ],
)
def test_what_may_be_two_things_is_an_error_that_says_what_to_write(tmp_path, texts, message, forms) -> None:
    with pytest.raises(BadData, match=message) as caught:
        timed(tmp_path, *texts)
    for form in forms:
        assert form in caught.value.hint
        assert seconds(tmp_path, *texts, time_format=form)


def test_the_order_of_days_and_months_may_show_late_in_a_file(tmp_path: Path) -> None:
    early = [f"{1 + number % 12}/{1 + number % 11}/2017" for number in range(3000)]
    assert seconds(tmp_path, *early, "14/7/2017")[-1] == at(2017, 7, 14)
    assert seconds(tmp_path, *early, "7/14/2017")[-1] == at(2017, 7, 14)


@pytest.mark.parametrize(
    ("usual", "odd"),
    [
        ("1500000000", "1500000000123"),
        ("1500000000123", "1500000000"),
        ("1500000000", "253402214400"),
        ("14/7/2017", "7/14/2017"),
        ("2017-07-14", "14/7/2017"),
        ("20170714", "1500000000"),
    ],
)
def test_one_value_of_another_form_is_a_bad_row_and_changes_no_other(tmp_path: Path, usual: str, odd: str) -> None:
    times = [usual] * 400 + [odd] + [usual] * 3
    with pytest.raises(BadData, match=f"line 402: time '{odd}' is not in .*, as others are"):
        timed(tmp_path, *times)
    kept = timed(tmp_path, *times, bad_rows="skip", rejected=tmp_path / "left.csv")
    assert kept.time is not None
    assert len(kept) == 403
    assert set(kept.time.tolist()) == {seconds(tmp_path, usual)[0]}


def test_a_date_far_away_is_read_and_noted(tmp_path: Path) -> None:
    found = timed(tmp_path, "2017-07-14", "9999-12-31")
    assert found.time is not None
    assert found.time.tolist() == [at(2017, 7, 14), at(9999, 12, 31)]
    assert found.origin is not None
    assert found.origin.notes == ("1 of 2 times are after the year 2200, the latest 9999-12-31",)


@pytest.mark.parametrize(("odd", "day"), [("0", "1970-01-01"), ("-1", "1969-12-31")])
def test_a_time_long_before_the_others_is_noted(tmp_path: Path, odd: str, day: str) -> None:
    origin = timed(tmp_path, "1500000000", odd, "1500000001").origin
    assert origin is not None
    assert origin.notes == (f"1 of 3 times are before 1990, the earliest {day}",)


def test_zero_is_the_same_moment_in_every_unit(tmp_path: Path) -> None:
    assert seconds(tmp_path, "1500000000123", "0", "1500000000456") == [1500000000.123, 0, 1500000000.456]


def test_the_report_names_the_unit(tmp_path: Path) -> None:
    for text, told in (
        ("1500000000123", "date (milliseconds since 1970)"),
        ("14/7/2017", "date (dates of the form %d/%m/%Y)"),
    ):
        origin = timed(tmp_path, text).origin
        assert origin is not None
        assert origin.columns["time"] == told


def test_an_unknown_form(tmp_path: Path) -> None:
    for form in ("hours", "%Q", "", 3):
        with pytest.raises(BadData, match="time format"):
            timed(tmp_path, "1500000000", time_format=form)
    with pytest.raises(BadData, match="no column of times"):
        read(written(tmp_path / "r.csv", "user,item,rating\na,x,3\n"), time_format="s")


@given(st.dates(min_value=datetime(1950, 1, 1).date(), max_value=datetime(2090, 12, 31).date()))
def test_a_day_above_the_twelfth_says_which_is_the_day(day) -> None:
    text = f"{day.day}/{day.month}/{day.year}"
    if day.day > 12:
        assert find_formats([text]) == ["%d/%m/%Y"]
    elif day.day != day.month:
        with pytest.raises(BadData):
            find_formats([text])


# --- parts of a second


def test_parts_of_a_second_are_kept_and_decide_which_rating_is_the_latest(tmp_path: Path) -> None:
    for new, old in (
        ("1577836800999", "1577836800100"),
        ("1577836800.999", "1577836800.1"),
        ("2020-01-01T00:00:00.999Z", "2020-01-01T00:00:00.1Z"),
    ):
        content = f"user,item,rating,timestamp\na,x,3,{new}\na,x,5,{old}\nb,x,1,{old}\n"
        ratings = read(written(tmp_path / "r.csv", content))
        assert ratings.value.tolist() == [3, 1]
        assert ratings.time is not None
        assert ratings.time.tolist() == [1577836800.999, 1577836800.1]
    whole = read(written(tmp_path / "r.csv", "user,item,rating,timestamp\na,x,3,1577836800.0\n"))
    assert whole.time is not None
    assert whole.time.dtype == np.int64


def test_splits_by_time_see_parts_of_a_second(tmp_path: Path) -> None:
    clicks = [("m", 100), ("z", 1200), ("k", 1700), ("a", 1300)]
    lines = [f"{user},{item},{1577836800000 + after}" for user in "abcdefgh" for item, after in clicks]
    ratings = read(written(tmp_path / "r.csv", "user,item,timestamp\n" + "\n".join(lines)))
    last = split(ratings, "last", validation=0)
    assert {ratings.items.ids[item] for item in last.test.item} == {"k"}
    later = split(ratings, "time", test=0.5, validation=0)
    assert {ratings.items.ids[item] for item in later.test.item} == {"k", "a"}
    save_split(later, tmp_path / "s")
    again = load_split(tmp_path / "s")
    assert again.test.time is not None
    assert later.test.time is not None
    assert again.test.time.tolist() == later.test.time.tolist()


def test_typed_columns(tmp_path: Path) -> None:
    file = tmp_path / "r.parquet"
    for kind, value in (
        ("BIGINT", "1500000000250"),
        ("DOUBLE", "1500000000.25"),
        ("TIMESTAMP", "TIMESTAMP '2017-07-14 02:40:00.25'"),
        ("TIMESTAMPTZ", "TIMESTAMPTZ '2017-07-14 04:40:00.25+02:00'"),
        ("VARCHAR", "'1500000000250'"),
        ("INTEGER", "20170714"),
    ):
        duckdb.execute(f"COPY (SELECT 'a' AS user, 'x' AS item, 3 AS rating, {value}::{kind} AS timestamp) TO '{file}'")
        found = read(file).time
        assert found is not None
        assert found.tolist() == [1499990400 if kind == "INTEGER" else 1500000000.25]
    frame = pandas.DataFrame({"user": ["a"], "item": ["x"], "rating": [3], "date": ["14/7/2017"]})
    found = read(frame).time
    assert found is not None
    assert found.tolist() == [1499990400]


def test_numbers_of_one_unit() -> None:
    assert numbers_to_seconds(np.array([5, -7])).tolist() == [5, -7]
    assert numbers_to_seconds(np.array([10**11, 0])).tolist() == [10**8, 0]
    assert numbers_to_seconds(np.array([10**14 + 500_000])).tolist() == [10**8 + 0.5]
    assert numbers_to_seconds(np.array([10**17])).tolist() == [10**8]
    assert numbers_to_seconds(np.empty(0, np.int64)).tolist() == []
    with pytest.raises(BadData, match="time 5 is not in milliseconds"):
        numbers_to_seconds(np.array([10**12, 10**12, 5]))


def test_a_time_format_leaves_the_callers_duckdb_connection_alone(tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    file.write_text("user,item,rating,time\na,x,3,14/07/2017\n")
    duckdb.execute("SELECT 7")
    read(file, time_format="%d/%m/%Y")
    assert duckdb.fetchall() == [(7,)]
