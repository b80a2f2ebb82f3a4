"""Text files as programs and people write them: delimiters, quotes, comments, names of rows, and formats to refuse."""

import gzip
from pathlib import Path

import duckdb
import pytest

from cofactor.data.reading.read import read
from cofactor.errors import BadData

ROWS = {("ann", "x1"): 4.0, ("ann", "x2"): 2.5, ("bob", "x1"): 1.0, ("cy", "x3"): 5.0, ("cy", "x1"): 3.0}
TEXT = "user,item,rating\nann,x1,4\nann,x2,2.5\nbob,x1,1\ncy,x3,5\ncy,x1,3\n"


def spaced(delimiter: str, text: str = TEXT) -> str:
    return text.replace(",", delimiter)


def quoted(quote: str, text: str = TEXT) -> str:
    lines = [[f"{quote}{cell}{quote}" for cell in line.split(",")] for line in text.splitlines()]
    return "".join(",".join(line) + "\n" for line in lines)


def numbered(text: str, delimiter: str) -> str:
    first, *rest = text.splitlines()
    lines = [f'"{number}",{line}' for number, line in enumerate(rest, 1)]
    return spaced(delimiter, "\n".join([first, *lines]) + "\n")


def values(path: Path, **options: object) -> dict[tuple[str, str], float]:
    ratings = read(path, **options)  # type: ignore[arg-type]
    users, items = ratings.users.ids[ratings.user], ratings.items.ids[ratings.item]
    return dict(zip(zip(users.tolist(), items.tolist(), strict=True), ratings.value.tolist(), strict=True))


BACKSLASHES = """user,item,rating,text
ann,x1,4,"so \\"good\\", no"
ann,x2,2.5,
bob,x1,1,""
cy,x3,5,-
cy,x1,3,"\\"\\""
"""
LINES_IN_QUOTES = """user,item,rating,text
ann,x1,4,"one

""two"", 3"
ann,x2,2.5,
bob,x1,1,"a
b"
cy,x3,5,c
cy,x1,3,d
"""
FORMS = {
    "one space": spaced(" "),
    "runs of spaces": spaced("   "),
    "spaces and tabs": spaced(" \t "),
    "spaces at both ends": "\n".join(f"  {line} " for line in spaced("  ").splitlines()),
    "spaces, no header": spaced(" ", TEXT.partition("\n")[2]),
    "R's write.table": numbered(TEXT, " "),
    "R's write.table with commas": numbered(TEXT, ","),
    "R's write.csv": '"",' + numbered(TEXT, ","),
    "single quotes": quoted("'"),
    "double quotes": quoted('"'),
    "quotes in some cells": TEXT.replace("ann", '"ann"').replace("2.5", '"2.5"'),
    "comments": "# of a shop\n#\n" + TEXT,
    "comments between rows": "# of a shop\n" + TEXT.replace("bob", "# half\nbob"),
    "percent signs": "% asymmetric\n% 5 3 3\n" + spaced(" ", TEXT.partition("\n")[2]),
    "header in a comment": "# user item rating\n" + spaced("\t", TEXT.partition("\n")[2]),
    "titles above": "Ratings of 2026\n\nby nobody, really\n" + TEXT,
    "Excel's separator": "sep=;\n" + spaced(";"),
    "Excel's separator, quoted": '"sep=|"\n' + spaced("|"),
    "trailing commas in rows": TEXT.replace("\n", ",\n").replace("rating,", "rating"),
    "trailing commas": TEXT.replace("\n", ",\n"),
    "trailing commas, no header": TEXT.partition("\n")[2].replace("\n", ",\n"),
    "empty rows": TEXT + ",,\n,,\n" * 150,
    "empty rows and quotes": TEXT.replace("ann", '"ann"') + ",,\n\n, ,\n",
    "lines that end in CR": TEXT.replace("\n", "\r"),
    "lines that end in CRLF": TEXT.replace("\n", "\r\n"),
    "byte order mark": "\ufeff" + TEXT,
    "backslashes": BACKSLASHES,
    "text of several lines": LINES_IN_QUOTES,
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_text_are_the_same_table(tmp_path: Path, form: str) -> None:
    (tmp_path / "r.txt").write_text(FORMS[form], newline="", encoding="utf-8")
    assert values(tmp_path / "r.txt") == ROWS


@pytest.mark.parametrize("form", [one for one in FORMS if one not in ("single quotes", "double quotes")])
def test_a_bad_row_is_named_by_its_line_in_every_form(tmp_path: Path, form: str) -> None:
    text = FORMS[form].replace("cy", "cy\n", 1) if "CR" not in form else FORMS[form].replace("cy", "cy\r", 1)
    (tmp_path / "r.txt").write_text(text, newline="", encoding="utf-8")
    kept = values(tmp_path / "r.txt", bad_rows="skip", rejected=tmp_path / "bad.csv")
    assert kept == {pair: value for pair, value in ROWS.items() if pair != ("cy", "x3")}
    first = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cut = next(number for number, line in enumerate(first, 1) if line.strip(" \"'").endswith("cy"))
    assert (tmp_path / "bad.csv").read_text().splitlines()[1].startswith(f"{cut},")


def test_a_line_that_may_be_a_rating_is_no_comment(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("#a,x1,4\nb,#1,3\n#c,x1,2\n")
    assert values(tmp_path / "r.csv") == {("#a", "x1"): 4, ("b", "#1"): 3, ("#c", "x1"): 2}
    (tmp_path / "r.csv").write_text("# made up\nuser,item,rating\n#a,x1,4\n# b,x1,3\n#c,x2,1\n#,x3,2\n")
    assert values(tmp_path / "r.csv") == {("#a", "x1"): 4, ("#c", "x2"): 1, ("#", "x3"): 2}
    (tmp_path / "r.txt").write_text("# made up\nuser item rating\n#a x1 4\n# b x1\n##c x2 1\n")
    assert values(tmp_path / "r.txt") == {("#a", "x1"): 4, ("##c", "x2"): 1}


def test_a_quote_that_is_alone_in_a_line_with_tabs_is_a_character(tmp_path: Path) -> None:
    (tmp_path / "r.tsv").write_text('user\titem\trating\tname\na\tx\t4\t5" disc\nb\tx\t3\t"so\nc\ty\t2\t"ok"\n')
    assert values(tmp_path / "r.tsv") == {("a", "x"): 4, ("b", "x"): 3, ("c", "y"): 2}
    (tmp_path / "r.csv").write_text('user,item,rating,name\na,x,4,fine\nb,x,3,"so\nc,y,2,"ok"\n')
    with pytest.raises(BadData, match="line 3: a quote that is not closed"):
        read(tmp_path / "r.csv")


def test_a_first_line_longer_than_what_is_looked_at(tmp_path: Path) -> None:
    long = "x" * 2_500_000
    (tmp_path / "r.csv").write_text(f"user,item,rating,text\nann,x1,4,{long}\nbob,x1,3,y\n")
    assert values(tmp_path / "r.csv") == {("ann", "x1"): 4, ("bob", "x1"): 3}


def test_numbers_with_exponents(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("  1.0000e+00   2.0000e+00   5.0000e+00\n  1.0000e+00   3.0000e+00   4.5000e+00\n")
    assert values(tmp_path / "r.txt") == {("1", "2"): 5, ("1", "3"): 4.5}


@pytest.mark.parametrize("header", ["user,item,rating", "user,item", "User ID,Item,Time"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_header_that_comes_again_is_no_rating(tmp_path: Path, header: str, quote: str) -> None:
    row = ",1500000000" if "Time" in header else ",4" if "rating" in header else ""
    lines = [header, f"{quote}ann{quote},x1{row}", header, f"bob,x1{row}", f"user,x2{row}", f"ann,item{row}"]
    (tmp_path / "r.csv").write_text("\n".join(lines))
    with pytest.raises(BadData, match="line 3: the header again"):
        read(tmp_path / "r.csv")
    ratings = read(tmp_path / "r.csv", bad_rows="skip", rejected=tmp_path / "bad.csv")
    assert len(ratings) == 4


@pytest.mark.parametrize("delimiter", [",", "  "])
@pytest.mark.parametrize(
    "ends", [("\r\n", "\r"), ("\n", "\r"), ("\r\n", "\n"), ("\n", "\r\n"), ("\r", "\n"), ("\r", "\r\n")]
)
def test_line_ends_of_two_systems_in_one_file(tmp_path: Path, delimiter: str, ends: tuple[str, str]) -> None:
    usual, other = ends
    text = TEXT.replace("\n", usual).replace(f"x2,2.5{usual}", f"x2,2.5{other}") + f"bad{usual}"
    (tmp_path / "r.txt").write_text(text.replace(",", delimiter), newline="")
    assert values(tmp_path / "r.txt", bad_rows="skip", rejected=tmp_path / "bad.csv") == ROWS


def test_a_gzipped_file_with_runs_of_spaces_after_the_first_lines(tmp_path: Path) -> None:
    lines = [f"u{n % 30} i{n} {n % 5 + 1}" for n in range(400)] + ["u1   i1000  5"]
    (tmp_path / "r.txt.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    assert values(tmp_path / "r.txt.gz")["u1", "i1000"] == 5
    assert len(read(tmp_path / "r.txt.gz")) == 401


def test_latin_1_matters_only_in_the_columns_that_are_read(tmp_path: Path) -> None:
    text = "user;item;rating;comment\nann;x1;4;tr\xe8s bon\nbob;x2;3;na\xefve\n"
    (tmp_path / "r.csv").write_bytes(text.encode("latin-1"))
    assert values(tmp_path / "r.csv") == {("ann", "x1"): 4, ("bob", "x2"): 3}
    (tmp_path / "r.csv").write_bytes(text.replace("bob", "j\xf6rg").encode("latin-1"))
    with pytest.raises(BadData, match=r"line 3: not UTF-8"):
        read(tmp_path / "r.csv")


def test_times_of_a_table_without_a_header_can_be_ignored(tmp_path: Path) -> None:
    lines = [f"u{n},i{n % 3},{n % 5},fine" for n in range(9)]
    (tmp_path / "r.csv").write_text("\n".join(lines))
    with pytest.raises(BadData):
        read(tmp_path / "r.csv")
    assert len(read(tmp_path / "r.csv", columns={"time": ""})) == 9


def test_parquet_with_a_time_zone(tmp_path: Path) -> None:
    columns = "SELECT 'ann' AS user, 'x1' AS item, 4.0 AS rating"
    path = tmp_path / "r.parquet"
    query = f"COPY ({columns}, TIMESTAMPTZ '2020-01-01 02:00:00+02' AS time) TO '{path}' (FORMAT parquet)"
    duckdb.connect().execute(query)
    ratings = read(path)
    assert ratings.time is not None
    assert ratings.time.tolist() == [1577836800]


FOREIGN = {
    "libsvm": "5 1:1 20:1\n4 1:1 21:0.5\n",
    "impressions": "1\tU1\t11/12/2019\tN1 N2\tN3-0 N4-1\n2\tU2\t11/12/2019\tN1\tN3-1\n",
    "layout lists": "1 5 6 7 8\n2 5 6\n3 9\n",
    "wide table": "user,a,b,c,d\n1,5,,3,\n2,,4,,1\n",
    "wide table ": "5,99,1,2,99\n4,1,99,3,4\n2,2,99,5,5\n",
    "four columns without a header": "5,3,0,1\n4,0,0,1\n1,1,0,5\n1,0,0,4\n0,1,5,4\n",
    "wide table (": "user," + ",".join(f"item{n}" for n in range(20_000)) + "\nu1" + ",4" * 20_000 + "\n",
    "an SQL script": "INSERT INTO ratings VALUES (1,2,3);\nINSERT INTO ratings VALUES (1,3,4);\n",
    "an ARFF file": "@relation r\n@attribute user numeric\n@data\n1,2,3\n",
    "as MySQL prints it": "+------+------+\n| user | item |\n+------+------+\n|    1 |    2 |\n",
    "as psql prints it": " user | item | rating\n------+------+--------\n 1 | 2 | 3\n(1 row)\n",
    "lines of tuples": "(1, 2, 3)\n(1, 3, 4)\n",
    "YAML": "- user: a\n  item: b\n  rating: 3\n",
    "blocks of lines": "product/id: B1\nreview/user: A1\nreview/score: 5.0\n\nproduct/id: B2\nreview/user: A2\n",
    "Python dictionaries": "{'user': 'a', 'item': 'b', 'rating': 3.0}\n{'user': 'a', 'item': 'c', 'rating': 3.0}\n",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_text_that_is_no_table_of_ratings_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "r.txt").write_text(FOREIGN[name])
    with pytest.raises(BadData) as refused:
        read(tmp_path / "r.txt")
    assert name.strip() in str(refused.value)
    assert refused.value.hint
