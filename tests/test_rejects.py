"""Bad input: what cannot be used is named, or left out and written down; never a traceback, never in silence."""

import csv
import gzip
import re
from pathlib import Path

import duckdb
import numpy as np
import pandas
import pytest

from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.errors import BadData
from tests.test_read import rows, written, zipped

HEADER = "user,item,rating,time\n"


def refused(path: Path, **options: object) -> BadData:
    """The error of reading it, which must be one line that names the file, with a hint."""
    with pytest.raises(BadData) as caught:
        read(path, **options)
    assert caught.value.message.startswith(str(path))
    assert caught.value.message.isprintable(), "one line"
    assert len(caught.value.message) < 600
    assert caught.value.hint
    return caught.value


def left_out(path: Path) -> list[list[str]]:
    """What a file of rejected rows says."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,2,good,3", "rating 'good' is not a number"),
        ("1,2,nan,3", "rating 'nan' is not a finite number"),
        ("1,2,-inf,3", "rating '-inf' is not a finite number"),
        ("1,2,1e39,3", "rating '1e39' is not a finite number"),
        ('1,2,"4,5",3', "rating '4,5' is not a number"),
        ("1,2,,3", "no rating"),
        (",2,4,3", "no user id"),
        ("1,  ,4,3", "no item id"),
        ('1,"",4,3', "no item id"),
        ("1,2,4,", "no time"),
        ("1,2,4,soon", "time 'soon' is neither a number nor a date"),
        ("1,2,4,1e300", "time '1e300' is neither a number nor a date"),
        ("1,2,4", "3 columns instead of 4"),
        ("1,2,4,5,6", "5 columns instead of 4"),
        ("1", "1 column instead of 4"),
        ('"1,2,4,5', "a quote that is not closed"),
    ],
)
@pytest.mark.parametrize("ids", ["7,8", "u,é"])
def test_a_bad_line_is_named_with_its_number_and_its_fault(tmp_path: Path, ids: str, line: str, reason: str) -> None:
    file = written(tmp_path / "r.csv", f"{HEADER}{ids},4,9\n\n{line}\n{ids}0,4,9\n")
    error = refused(file)
    assert error.message == f"{file}: line 4: {reason}"
    assert "--bad-rows skip" in error.hint
    out = tmp_path / "out" / "left.csv"
    ratings = read(file, bad_rows="skip", rejected=out)
    assert rows(ratings) == [(*ids.split(","), 4.0, 9), (*f"{ids}0".split(","), 4.0, 9)]
    assert ratings.origin is not None
    assert (ratings.origin.rows, ratings.origin.rejected, ratings.origin.rejected_file) == (3, 1, out)
    ((number, _, why, raw),) = left_out(out)[1:]
    assert (number, why, raw) == ("4", reason, line)


def test_the_first_culprits_are_named_and_the_others_counted(tmp_path: Path) -> None:
    bad = [3, 500, 7_000, 20_000, 29_999]
    lines = [f"{number},{number % 50},{'x' if number in bad else 3}" for number in range(2, 30_002)]
    file = written(tmp_path / "r.csv", "user,item,rating\n" + "\n".join(lines))
    assert refused(file).message == (
        f"{file}: line 3: rating 'x' is not a number; line 500: rating 'x' is not a number; "
        "line 7,000: rating 'x' is not a number; and 2 more"
    )
    ratings = read(file, bad_rows="skip", rejected=tmp_path / "left.csv")
    assert len(ratings) == 30_000 - len(bad)
    left = left_out(tmp_path / "left.csv")
    assert left[0] == ["line", "column", "reason", "raw"]
    assert [row[:2] + row[3:] for row in left[1:]] == [[str(n), "rating", f"{n},{n % 50},x"] for n in bad]


def test_a_clean_file_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "left.csv"
    ratings = read(written(tmp_path / "r.csv", f"{HEADER}1,2,3,4\n"), bad_rows="skip", rejected=out)
    assert not out.exists()
    assert ratings.origin is not None
    assert (ratings.origin.rejected, ratings.origin.rejected_file) == (0, None)


def test_what_was_left_out_lies_in_the_current_folder_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "in" / "r.csv", f"{HEADER}1,2,3,4\n1,2\n")
    ratings = read("in/r.csv", bad_rows="skip")
    assert ratings.origin is not None
    assert ratings.origin.rejected_file == tmp_path / "r.rejected.csv"
    assert (tmp_path / "r.rejected.csv").exists()


def test_left_out_rows_and_repeated_pairs_are_told_apart(tmp_path: Path) -> None:
    file = written(tmp_path / "r.csv", f"{HEADER}1,2,3,4\n1,2,x,9\n1,2,5,7\n1,2,4,6\n")
    ratings = read(file, bad_rows="skip", rejected=tmp_path / "left.csv")
    assert rows(ratings) == [("1", "2", 5.0, 7)]
    assert ratings.origin is not None
    assert (ratings.origin.rows, ratings.origin.rejected, ratings.origin.duplicates) == (4, 1, 2)


def test_a_quoted_cell_over_two_lines_is_no_fault_beside_a_real_one(tmp_path: Path) -> None:
    file = written(tmp_path / "r.csv", 'user,item,rating,review\n1,2,3,"a\nb"\n1,3,x,"c"\n1,4,5,"d\n\n1,5,4,e\n')
    message = refused(file).message
    assert message == f"{file}: line 4: rating 'x' is not a number; line 5: a quote that is not closed"
    ratings = read(file, bad_rows="skip", rejected=tmp_path / "left.csv")
    assert [row[1] for row in rows(ratings)] == ["2", "5"]


def test_ids_in_latin1_are_named_and_can_be_left_out(tmp_path: Path) -> None:
    file = written(tmp_path / "r.csv", "user,item,rating\nJosé,1,5\n".encode() + "Zoë,1,4\nx,1,3\n".encode("latin-1"))
    error = refused(file)
    assert error.message == f"{file}: line 3: not UTF-8 text"
    assert "UTF-8" in error.hint
    ratings = read(file, bad_rows="skip", rejected=tmp_path / "left.csv")
    assert rows(ratings) == [("José", "1", 5.0, None), ("x", "1", 3.0, None)]
    assert "Zoë,1,4" in (tmp_path / "left.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_bad_row_in_another_encoding_is_named_by_its_line(tmp_path: Path, encoding: str) -> None:
    file = written(tmp_path / "r.csv", (HEADER + "1,2,3,4\n" * 50 + "1,2,ü,4\n").encode(encoding))
    assert "line 52: rating 'ü'" in refused(file).message
    file.write_bytes(file.read_bytes()[:-1])
    assert "UTF-" in refused(file, bad_rows="skip").message


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_an_empty_file(tmp_path: Path, content: bytes) -> None:
    assert refused(written(tmp_path / "r.csv", content)).message.endswith("the file is empty")


def test_a_header_and_nothing_else(tmp_path: Path) -> None:
    assert "nothing but a header" in refused(written(tmp_path / "r.csv", HEADER)).message


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    error = refused(written(tmp_path / "r.csv", "user,thing,rating\n1,2,3\n"))
    assert "no column for the item among user, thing, rating" in error.message
    assert "--columns" in error.hint
    assert "user and the item" in refused(written(tmp_path / "r.csv", "hello\nworld\n")).message
    assert (
        "no column 'who'" in refused(written(tmp_path / "r.csv", HEADER + "1,2,3,4\n"), columns={"user": "who"}).message
    )
    with pytest.raises(BadData, match="'person' is not one of user, item, rating, time"):
        read(written(tmp_path / "r.csv", HEADER + "1,2,3,4\n"), columns={"person": "user"})
    with pytest.raises(BadData, match="named for user and item"):
        read(written(tmp_path / "r.csv", HEADER + "1,2,3,4\n"), columns={"item": "user", "user": "user"})


def test_a_file_of_which_nothing_can_be_used(tmp_path: Path) -> None:
    file = written(tmp_path / "r.csv", "user,item,rating\n1,2,a\n1,2,b\n")
    assert "none of the 2 lines can be used" in refused(file, bad_rows="skip", rejected=tmp_path / "left.csv").message
    assert "--columns rating=" in refused(file).hint
    assert len(read(file, columns={"rating": ""})) == 1


def test_dates_of_another_kind(tmp_path: Path) -> None:
    error = refused(written(tmp_path / "r.csv", "user,item,rating,date\n1,2,3,a week ago\n1,3,3,yesterday\n"))
    assert "time 'a week ago' is neither a number nor a date" in error.message
    assert "time=" in error.hint


def test_binary_files(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).bytes(100_000)
    assert "binary" in refused(written(tmp_path / "noise.csv", noise)).message
    refused(written(tmp_path / "noise.parquet", noise))
    assert "zip" in refused(written(tmp_path / "noise.zip", noise)).message
    refused(written(tmp_path / "noise.csv.gz", b"\x1f\x8b" + noise))


@pytest.mark.parametrize("kept", [0.2, 0.9, 0.999])
def test_a_file_cut_short(tmp_path: Path, kept: float) -> None:
    lines = "".join(f"{n % 997},{n},{n % 5},{n * 7919}\n" for n in range(20_000))
    table = tmp_path / "r.parquet"
    duckdb.execute(f"COPY (SELECT range AS user, range AS item, 3 AS rating FROM range(9999)) TO '{table}'")
    archive = zipped(tmp_path / "r.zip", {"ratings.csv": HEADER + lines})
    gzipped = written(tmp_path / "r.csv.gz", gzip.compress((HEADER + lines).encode(), 1))
    for whole in (table, archive, gzipped):
        content = whole.read_bytes()
        refused(written(whole, content[: int(len(content) * kept)]))


def test_paths_that_are_not_there_or_hold_no_ratings(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "nothing.csv").message
    (tmp_path / "r.csv").mkdir()
    assert "no ratings in it" in refused(tmp_path / "r.csv").message
    written(tmp_path / "r.csv" / "README", "hello")
    written(tmp_path / "r.csv" / "users.dat", "1::M\n")
    assert "README" in refused(tmp_path / "r.csv").message
    written(tmp_path / "r.csv" / "one.csv", "1,2,3\n")
    written(tmp_path / "r.csv" / "two.csv", "1,2,3\n")
    assert "one.csv, two.csv" in refused(tmp_path / "r.csv").message


def test_a_bad_line_in_a_zip_names_zip_and_member(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "toy.zip", {"toy/ratings.dat": "1::2::3::4\n1::2\n"})
    assert refused(archive).message == f"{archive}: toy/ratings.dat: line 2: 2 columns instead of 4"


def test_a_bad_table_of_titles_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "ratings.dat", "1::2::3::4\n")
    titles = written(tmp_path / "movies.dat", "2::Two::Drama\n3\n")
    origin = read(file).origin
    assert origin is not None
    assert origin.notes == ("no titles are read from movies.dat: line 2: 1 columns instead of 3",)
    with pytest.raises(BadData, match=re.escape(f"{titles}: line 2: 1 columns")):
        read(file, titles=titles)


def test_bad_rows_of_a_parquet_file_and_of_a_table(tmp_path: Path) -> None:
    file = tmp_path / "r.parquet"
    duckdb.execute(
        "COPY (SELECT * FROM (VALUES ('a', 1, 4.0::DOUBLE, 1), (NULL, 1, 3, 2), ('b', 1, 'nan', 3), ('c', 2, 5, NULL)) "
        f"t(user_id, item_id, rating, ts)) TO '{file}'"
    )
    assert (
        refused(file).message
        == f"{file}: row 2: no user id; row 3: rating 'nan' is not a finite number; row 4: no time"
    )
    ratings = read(file, bad_rows="skip", rejected=tmp_path / "left.csv")
    assert rows(ratings) == [("a", "1", 4.0, 1)]
    frame = pandas.DataFrame({"user": ["a", None, "b"], "item": [1, 2, 3], "rating": ["4", "2", "high"]})
    with pytest.raises(BadData, match=r"the table: row 2: no user id; row 3: rating 'high' is not a number"):
        read(frame)
    assert rows(read(frame, bad_rows="skip", rejected=tmp_path / "left.csv")) == [("a", "1", 4.0, None)]
    left = left_out(tmp_path / "left.csv")
    assert left[1:] == [
        ["2", "user", "no user id", ",2,2"],
        ["3", "rating", "rating 'high' is not a number", "b,3,high"],
    ]


def test_rows_that_cannot_be_written_down_are_not_dropped(tmp_path: Path) -> None:
    file = written(tmp_path / "r.csv", f"{HEADER}1,2,3,4\n1,2\n")
    with pytest.raises(BadData, match="cannot write the bad rows"):
        read(file, bad_rows="skip", rejected=file / "left.csv")


def test_an_option_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="bad_rows is 'ignore'"):
        read(written(tmp_path / "r.csv", HEADER), bad_rows="ignore")


def test_skipping_keeps_the_order_and_agrees_with_a_file_without_the_bad_rows(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    good = [f"{u},{i},{v}" for u, i, v in zip(*random.integers(0, 1000, (3, 20_000)).tolist(), strict=True)]
    mixed = [line for number, one in enumerate(good) for line in ([one, "1,2"] if number % 9 == 0 else [one])]
    clean: Ratings = read(written(tmp_path / "clean.csv", "user,item,rating\n" + "\n".join(good)))
    skipped = read(
        written(tmp_path / "mixed.csv", "user,item,rating\n" + "\n".join(mixed)),
        bad_rows="skip",
        rejected=tmp_path / "left.csv",
    )
    assert rows(skipped) == rows(clean)
    assert skipped.origin is not None
    assert skipped.origin.rejected == len(mixed) - len(good)


QUOTED_LINES = ['"a","x","3","two\nlines"', '"b","y","4",""', '"c, d","x","5","fine"']


@pytest.mark.parametrize(
    ("bad", "reason", "raw"),
    [
        ('"e","y","x","no\nway"', "rating 'x' is not a number", '"e","y","x","no\nway"'),
        ('"","y","3",""', "no user id", '"","y","3",""'),
        ('"NULL","y","3",""', "user id 'NULL' stands for a missing id", '"NULL","y","3",""'),
        ('"e","y"', "2 columns instead of 4", '"e","y"'),
        ('"e,"y","3",""', "a quote that is not closed", '"e,"y","3",""'),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_bad_record_among_quotes_is_named_by_its_first_line(tmp_path, bad: str, reason: str, raw: str, place) -> None:
    lines = [*QUOTED_LINES[:place], bad, *QUOTED_LINES[place:]]
    file = written(tmp_path / "r.csv", '"user","item","rating","review"\n\n' + "\n".join(lines) + "\n")
    line = 3 + sum(1 + one.count("\n") for one in QUOTED_LINES[:place])
    assert f"line {line}: {reason}" in refused(file).message
    kept = read(file, bad_rows="skip", rejected=tmp_path / "left.csv")
    assert [row[:3] for row in rows(kept)] == [("a", "x", 3.0), ("b", "y", 4.0), ("c, d", "x", 5.0)]
    assert left_out(tmp_path / "left.csv")[1][0::3] == [str(line), raw]
