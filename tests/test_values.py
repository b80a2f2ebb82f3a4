"""What values and ids mean: decimal commas, true and false, values that mean no rating, counts, floats, missing ids."""

import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from cofactor.data.exporting.export import export
from cofactor.data.ratings import Ratings
from cofactor.data.reading.meaning.value_notes import find_value_without_meaning, looks_like_counts
from cofactor.data.reading.meaning.value_rules import DECIMAL_COMMA, NUMBERS, TRUE_FALSE, find_value_rule
from cofactor.data.reading.read import read
from cofactor.errors import BadData
from tests.test_read import rows, written


def valued(path: Path, *values: object, delimiter: str = ";", **options: object) -> Ratings:
    """Ratings with these values, each of another item."""
    lines = [delimiter.join(("u", f"i{number}", str(value))) for number, value in enumerate(values)]
    header = delimiter.join(("user", "item", "rating"))
    return read(written(path / "v.csv", "\n".join((header, *lines))), **options)


def notes(ratings: Ratings) -> str:
    assert ratings.origin is not None
    return "; ".join(ratings.origin.notes)


# --- how numbers are written


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_comma_between_digits_is_a_decimal_one(tmp_path: Path, delimiter: str) -> None:
    ratings = valued(tmp_path, "3,5", "4", "0,25", delimiter=delimiter)
    assert ratings.value.tolist() == [3.5, 4, 0.25]
    assert ratings.origin is not None
    assert ratings.origin.columns["rating"] == "rating (decimal commas)"
    late = valued(tmp_path, *["4"] * 3000, "3,5", delimiter=delimiter)
    assert late.value[-1] == 3.5


def test_a_point_among_decimal_commas_and_a_comma_that_may_separate_thousands(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="line 4: rating '3,5' is not a number"):
        valued(tmp_path, "2.5", "4", "3,5")
    with pytest.raises(BadData, match="the comma in '1,234' may be"):
        valued(tmp_path, "1,234", "17")
    assert valued(tmp_path, "1,234", "1,5").value.tolist() == pytest.approx([1.234, 1.5])
    few, most = 'user,item,rating\na,x,"3,5"\na,y,4\n', 'user,item,rating\na,x,"3,5"\na,y,"4,5"\na,z,2\n'
    with pytest.raises(BadData, match="rating '3,5' is not a number"):
        read(written(tmp_path / "r.csv", few))
    assert read(written(tmp_path / "r.csv", most)).value.tolist() == [3.5, 4.5, 2]


def test_true_and_false_are_one_and_zero(tmp_path: Path) -> None:
    for ratings in (
        valued(tmp_path, "True", "false", "TRUE"),
        read({"user": list("abc"), "item": list("xyz"), "rating": [True, False, True]}),
    ):
        assert ratings.value.tolist() == [1, 0, 1]
        assert ratings.origin is not None
        assert ratings.origin.columns["rating"] == "rating (true is 1, false is 0)"


def test_digits_with_signs_that_only_programs_read(tmp_path: Path) -> None:
    for text in ("1_0", "0x10", "4 stars", "4/5"):
        with pytest.raises(BadData, match=f"rating '{text}' is not a number"):
            valued(tmp_path, "3", text)


def test_the_rule_of_a_few_texts() -> None:
    assert find_value_rule(["1", "2,5"], commas=True) is DECIMAL_COMMA
    assert find_value_rule(["1", "2,5"], commas=False) is NUMBERS
    assert find_value_rule(["1", "2.5"], commas=True) is NUMBERS
    assert find_value_rule(["true", "FALSE", ""], commas=True) is TRUE_FALSE
    assert find_value_rule([], commas=True) is NUMBERS


# --- values that mean no rating


@pytest.mark.parametrize(
    ("values", "odd", "share"),
    [
        ([-1, 7, 8, 9, 10], -1, "20%"),
        ([0, 0, 1, 5, 8, 10], 0, "33%"),
        ([99, -9.5, 3.25, 8.75, 1.5], 99, "20%"),
    ],
)
def test_a_value_that_may_mean_no_rating_is_named_with_its_share(tmp_path, values, odd, share) -> None:
    ratings = valued(tmp_path, *values)
    assert ratings.value.tolist() == values  # nothing is left out unasked
    assert f"{odd} is {share} of the ratings" in notes(ratings)
    assert f"--missing={odd}" in notes(ratings)
    kept = [value for value in values if value != odd]
    n = len(values) - len(kept)
    without = valued(tmp_path, *values, missing=odd)
    assert without.value.tolist() == kept
    assert without.origin is not None
    assert (without.origin.rows, without.origin.missing) == (len(values), n)
    assert without.origin.remarks() == [f"{n} row{'s' * (n > 1)} without a rating left out"]


@pytest.mark.parametrize("values", [[1, 2, 3, 4, 5], [-1, 1], [-1, 0, 1], [-9.5, -1, 3, 7.25, 10], [0, 1]])
def test_scales_that_are_as_they_should_be(tmp_path: Path, values: list[float]) -> None:
    assert notes(valued(tmp_path, *values)) == ""


def test_a_zero_that_is_rarer_than_its_neighbour_is_the_lowest_rating() -> None:
    assert find_value_without_meaning(np.arange(11), np.arange(1, 12)) is None
    assert find_value_without_meaning(np.arange(11), np.array([9, *range(1, 11)])) == 0


@given(st.sets(st.integers(1, 10), min_size=4), st.integers(1, 100))
def test_ratings_from_one_have_no_value_without_a_meaning(values: set[int], count: int) -> None:
    assert find_value_without_meaning(np.array(sorted(values)), np.full(len(values), count)) is None


def test_values_to_leave_out_may_be_text_or_empty(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="line 3: no rating") as caught:
        valued(tmp_path, 3, "", 5)
    assert "--missing ''" in caught.value.hint
    for missing, text in (
        ("NR", "NR"),
        ("", ""),
        (float("nan"), ""),
        ("nan", "nan"),
        (["-1", "NULL"], "NULL"),
        ([-1, 99], "99.0"),
        ("-1", "-1.00"),
    ):
        ratings = valued(tmp_path, 3, text, 5, missing=missing)
        assert rows(ratings) == [("u", "i0", 3.0, None), ("u", "i2", 5.0, None)]
        assert "i1" not in ratings.items
    frame = pandas.DataFrame({"user": list("aab"), "item": list("xyz"), "rating": [3.0, -1.0, 5.0]})
    assert len(read(frame, missing=-1)) == 2
    assert len(read(frame.assign(rating=[3.0, None, 5.0]), missing=float("nan"))) == 2


def test_bad_rows_beside_values_that_are_left_out(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="line 4: rating 'x' is not a number"):
        valued(tmp_path, 3, -1, "x", missing=-1)
    kept = valued(tmp_path, 3, -1, "x", missing=-1, bad_rows="skip", rejected=tmp_path / "left.csv")
    assert kept.origin is not None
    assert (len(kept), kept.origin.rows, kept.origin.rejected, kept.origin.missing) == (1, 3, 1, 1)
    with pytest.raises(BadData, match="no column of ratings"):
        read({"user": ["a"], "item": ["x"]}, missing=-1)
    with pytest.raises(BadData, match="missing is"):
        valued(tmp_path, 3, missing=[None])


def test_ratings_that_are_all_one_may_be_interactions(tmp_path: Path) -> None:
    assert "--columns rating=" in notes(valued(tmp_path, 1, 1, 1))
    assert notes(valued(tmp_path, 5, 5, 5)) == ""


# --- counts


def test_counts_are_not_negative(tmp_path: Path) -> None:
    for delimiter in (",", ";"):
        with pytest.raises(BadData, match="line 3: count '-2' is negative"):
            valued(tmp_path, 3, -2, delimiter=delimiter, implicit=True)


def test_whole_numbers_with_a_long_tail_may_be_counts(tmp_path: Path) -> None:
    plays = [1, 1, 2, 3, 7, 40, 352_698]
    assert "half of the ratings are at most 3 and the highest is 352698" in notes(valued(tmp_path, *plays))
    assert "--implicit" in notes(valued(tmp_path, *plays))
    assert notes(valued(tmp_path, *plays, implicit=True)) == ""
    assert not looks_like_counts(np.array([1, 50, 100]), np.ones(3))  # per cent
    assert not looks_like_counts(np.array([1, 2, 500.5]), np.ones(3))


def test_a_sparse_matrix_of_whole_numbers_may_hold_counts() -> None:
    def said(*values: float, **options: Any) -> str:
        matrix = csr_matrix((np.array(values, dtype=np.float64), (range(len(values)), range(len(values)))))
        return notes(read(matrix, **options))

    assert "at most 3 and the highest is 11: if they are counts, read them with" in said(1, 1, 3, 4, 11)
    assert "(in Python implicit=True)" in said(1, 1, 3, 4, 11)
    assert said(1, 2, 3, 40_000).count("if they are counts") == 1
    for ratings in ((1, 2, 3, 10), (1, 2, 3.5, 11), (-1, 2, 3, 4, 11)):
        assert "counts" not in said(*ratings)
    assert said(1, 1, 3, 4, 11, implicit=True) == said(1, 1, 3, 4, 11, scale=(1, 20)) == ""
    assert notes(read({"user": ["a", "b"], "item": ["x", "y"], "rating": [1, 11]})) == ""


# --- ids


FLOATS = {"user": [1.0, 2.0], "item": [100.0, 101.0], "rating": [3, 4]}


def test_whole_floats_are_integers_in_a_frame_in_parquet_and_in_text(tmp_path: Path) -> None:
    frame = pandas.DataFrame(FLOATS)
    frame.to_csv(tmp_path / "r.csv", index=False)
    text = pandas.DataFrame({name: map(str, column) for name, column in FLOATS.items()})
    duckdb.execute(f"COPY (SELECT * FROM frame) TO '{tmp_path / 'r.parquet'}'")
    wanted = [("1", "100", 3.0, None), ("2", "101", 4.0, None)]
    for source in (frame, text, tmp_path / "r.csv", tmp_path / "r.parquet"):
        assert rows(read(source)) == wanted


@pytest.mark.parametrize("kind", ["float64", "Int64", "text", "whole text"])
def test_one_missing_id_among_numbers_is_one_bad_row(tmp_path: Path, kind: str) -> None:
    users = pandas.Series([5, None, 6], dtype="Int64" if kind == "Int64" else "float64")
    if "text" in kind:
        users = pandas.Series(["5.0", None, "6.0"] if kind == "whole text" else ["5", None, "6"])
    frame = pandas.DataFrame({"user": users, "item": [7, 8, 9]})
    with pytest.raises(BadData, match=r": row 2: no user id\n"):
        read(frame)
    pairs = read(frame, bad_rows="skip", rejected=tmp_path / "left.csv")
    assert rows(pairs) == [("5", "7", 1.0, None), ("6", "9", 1.0, None)]


def test_floats_among_other_ids_are_the_text_they_are(tmp_path: Path) -> None:
    for others in (["1", "01"], ["1.5"], ["a"], ["1.00"]):
        users = ["1.0", "2.0", *others]
        text = written(tmp_path / "r.csv", "user,item,rating\n" + "".join(f"{one},x,3\n" for one in users))
        assert sorted(read(text).users.ids) == sorted(users)
    frame = pandas.DataFrame({"user": [1.0, 2.0, 1.5], "item": ["x"] * 3, "rating": [1, 2, 3]})
    assert read(frame).users.ids.tolist() == ["1.0", "1.5", "2.0"]
    late = "".join(f"{number}.0,x{number},3\n" for number in range(3000)) + "7,x,3\n"
    users = read(written(tmp_path / "r.csv", "user,item,rating\n" + late)).users
    assert len(users) == 3001
    assert "7" in users
    assert "7.0" in users


def test_floats_that_stand_for_several_integers_are_no_ids(tmp_path: Path) -> None:
    large = 9007199254740993.0 * 4
    for ids in ([large, 1.0], [large, 1.5]):
        frame = pandas.DataFrame({"user": ids, "item": ["x", "y"], "rating": [1, 2]})
        with pytest.raises(BadData, match=r"row 1: user id .* is a float too large to be exact"):
            read(frame)
    single = pandas.DataFrame({"user": np.array([2**24 + 2, 1], np.float32), "item": ["x", "y"], "rating": [1, 2]})
    with pytest.raises(BadData, match="too large to be exact"):
        read(single)
    for text in ("36028797018963972.0", "3.6028797018963972e+16"):
        with pytest.raises(BadData, match=r"line 2: user id .* is a float too large to be exact"):
            read(written(tmp_path / "r.csv", f"user,item,rating\n{text},x,3\n7.0,x,3\n"))
    exact = pandas.DataFrame({"user": [2**60 + 1, 2**60 + 2], "item": ["x", "y"], "rating": [1, 2]})
    assert read(exact).users.ids.tolist() == [str(2**60 + 1), str(2**60 + 2)]


@pytest.mark.parametrize("word", ["NULL", r"\N", "nan", "None", "NA", "<NA>"])
def test_words_for_a_missing_id_are_no_ids(tmp_path: Path, word: str) -> None:
    for others in ("a", "7"):
        file = written(tmp_path / "r.csv", f"user,item,rating\n{others},x,3\n{word},y,4\n{others},{word},4\n")
        with pytest.raises(BadData) as caught:
            read(file)
        assert f"line 3: user id '{word}' stands for a missing id" in caught.value.message
        assert f"line 4: item id '{word}' stands for a missing id" in caught.value.message
        assert len(read(file, bad_rows="skip", rejected=tmp_path / "left.csv")) == 1
    with pytest.raises(BadData, match="stands for a missing id"):
        read({"user": ["a", word], "item": ["x", "y"], "rating": [1, 2]})


def test_ids_of_bytes_are_utf8_or_named(tmp_path: Path) -> None:
    good = pandas.DataFrame({"user": [b"a", "é".encode()], "item": ["x", "y"], "rating": [1, 2]})
    assert read(good).users.ids.tolist() == ["a", "é"]
    bad = pandas.DataFrame({"user": [b"ok", b"\xff\x01", b"\xfe\x01"], "item": ["x"] * 3, "rating": [1, 2, 3]})
    with pytest.raises(BadData, match=r"user ids that are not UTF-8: row 2: .*; row 3: "):
        read(bad)
    file = tmp_path / "r.parquet"
    duckdb.execute(f"COPY (SELECT encode('é') AS user, 'x' AS item, 3 AS rating) TO '{file}'")
    assert read(file).users.ids.tolist() == ["é"]
    duckdb.execute(f"COPY (SELECT '\\xFF'::BLOB AS user, 'x' AS item, 3 AS rating) TO '{file}'")
    with pytest.raises(BadData, match="UTF-8"):
        read(file)


some_ids = st.sampled_from(["1.0", "2.0", "13.0", "7", "007", "a", "NULL", "1e+05", "é", "x y"])
some_values = st.sampled_from(["3", "4.5", "-1", "0", "1e2", "true", "FALSE", "NA", "3,5", "99"])
some_times = st.sampled_from(["1500000000", "1500000000123", "20170714", "14/7/2017", "2017-07-14", "0", "2017", "x"])
some_rows = st.lists(st.tuples(some_ids, some_ids, some_values, some_times), min_size=1, max_size=6)


def outcome(source: object) -> object:
    """What is read, or why it is not, whatever the numbers of the rows are."""
    try:
        return rows(read(source))
    except BadData as error:
        return re.sub(r"(row|line) [0-9,]+|lines|rows", "row", error.message.partition(": ")[2])


@settings(deadline=None, max_examples=30)
@given(some_rows)
def test_a_file_a_frame_and_parquet_are_read_by_one_rule(tmp_path_factory: pytest.TempPathFactory, table: list) -> None:
    folder = tmp_path_factory.mktemp("one")
    frame = pandas.DataFrame(table, columns=["user", "item", "rating", "time"], dtype=object)
    frame.to_csv(folder / "r.csv", index=False, sep=";")
    frame.to_parquet(folder / "r.parquet")
    assert outcome(frame) == outcome(folder / "r.parquet") == outcome(folder / "r.csv")


@pytest.mark.parametrize("option", [{"missing": -1}, {"time_format": "s"}])
def test_options_for_cells_are_refused_where_there_are_none(tmp_path: Path, option: dict) -> None:
    lists = written(tmp_path / "lists.txt", "a x y\nb x\n")
    export(Ratings.of(["a", "b"], ["x", "y"], [3, 4], [5, 6]), tmp_path / "out")
    for source, layout in ((lists, "lists"), (tmp_path / "out", None)):
        with pytest.raises(BadData, match="has no cells that missing or time_format could be about"):
            read(source, layout=layout, **option)
