"""JSON, workbooks, sparse and wide tables, other encodings, and files that are no tables, called by their name."""

import gzip
import json
import pickle
import sqlite3
import sys
import zipfile
from pathlib import Path

import duckdb
import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.errors import BadData, Unavailable

ROWS = [("ann", "x1", 4.0), ("ann", "x2", 2.5), ("bob", "x1", 1.0)]
RECORDS = [{"user": user, "item": item, "rating": value, "text": 'so "so"\n{['} for user, item, value in ROWS]
BY_ROW = {name: {str(n): record[name] for n, record in enumerate(RECORDS)} for name in RECORDS[0]}
COLUMNS = {name: [record[name] for record in RECORDS] for name in RECORDS[0]}


def rows(ratings: Ratings) -> list[tuple[str, str, float]]:
    users, items = ratings.users.ids[ratings.user].tolist(), ratings.items.ids[ratings.item].tolist()
    return list(zip(users, items, ratings.value.tolist(), strict=True))


JSON = {
    "lines": "\n".join(map(json.dumps, RECORDS)),
    "lines with blank ones": "\n\n".join(map(json.dumps, RECORDS)) + "\n\n",
    "byte order mark": "\ufeff" + "\n".join(map(json.dumps, RECORDS)),
    "array": json.dumps(RECORDS),
    "array of indented objects": json.dumps(RECORDS, indent=2),
    "indented objects": "\n".join(json.dumps(record, indent=1) for record in RECORDS),
    "columns of lists": json.dumps(COLUMNS),
    "columns by row": json.dumps(BY_ROW),
    "columns by row, indented": json.dumps(
        {name: dict(enumerate(column)) for name, column in COLUMNS.items()}, indent=2
    ),
    "rows by number": json.dumps(dict(enumerate(RECORDS))),
    "split": json.dumps({"columns": list(COLUMNS), "index": [0, 1, 2], "data": [list(r.values()) for r in RECORDS]}),
    "table": json.dumps({"schema": {"fields": []}, "data": RECORDS}),
    "records in an object": json.dumps({"count": 3, "results": RECORDS}),
    "arrays": json.dumps(ROWS),
    "arrays with names": json.dumps([["user", "item", "rating"], *ROWS]),
    "records among other tables": json.dumps({"users": [{"id": 1}], "ratings": RECORDS}),
    "nested": "\n".join(json.dumps({"user": {"id": u}, "item": {"id": i}, "rating": r}) for u, i, r in ROWS),
    "MongoDB": "\n".join(
        json.dumps({"_id": {"$oid": "a1"}, "user": {"$oid": u}, "item": i, "rating": {"$numberDouble": str(r)}})
        for u, i, r in ROWS
    ),
}


@pytest.mark.parametrize("form", JSON)
def test_forms_of_json_are_the_same_table(tmp_path: Path, form: str) -> None:
    (tmp_path / "r.json").write_text(JSON[form], encoding="utf-8")
    assert rows(read(tmp_path / "r.json")) == ROWS


def test_large_numbers_in_json_keep_their_digits(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"user": 90071992547409931, "item": "007", "rating": 5}\n')
    assert rows(read(tmp_path / "r.json")) == [("90071992547409931", "007", 5.0)]


def test_a_bad_record_of_json_is_named(tmp_path: Path) -> None:
    records = ['{"user": 1, "item": 2, "rating": 3}', '{"user": [1], "item": 2, "rating": 3}', '{"user": 2, "item": 2}']
    (tmp_path / "r.jsonl").write_text("\n".join(records))
    with pytest.raises(BadData, match="row 2: no user id; row 3: no rating"):
        read(tmp_path / "r.jsonl")
    assert len(read(tmp_path / "r.jsonl", bad_rows="skip", rejected=tmp_path / "bad.csv")) == 1


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(RECORDS)[:-20],
        JSON["lines"][:-20],
        '{"user": 1, "item"',
        "[1, 2, 3]",
        '[{"user": 1}, 2]',
        '{"a": {"b": {"c": 1}}, "d": [1]}',
        "[" * 100_000,
        '{"user":' * 5_000 + "1" + "}" * 5_000,
        '{"user": [1, 2], "item": [1], "rating": [1, 2]}',
        '[["user", "item"], [1]]',
        "[]",
        "{}",
    ],
)
def test_json_without_a_whole_table_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(BadData) as refused:
        read(tmp_path / "r.json")
    assert str(tmp_path / "r.json") in str(refused.value)


# --- workbooks

SHEET = """<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>"""
BOOK = """<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"
 xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>{}</sheets></workbook>"""
RELATIONS = """<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>"""
TYPE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def workbook(path: Path, **sheets: list[list[object]]) -> Path:
    def cell(value: object) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    listed, related = "", ""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, table) in enumerate(sheets.items(), 1):
            lines = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in table)
            archive.writestr(f"xl/worksheets/sheet{number}.xml", SHEET.format(lines))
            listed += f'<sheet name="{name}" sheetId="{number}" r:id="r{number}"/>'
            related += f'<Relationship Id="r{number}" Type="{TYPE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        archive.writestr("xl/workbook.xml", BOOK.format(listed))
        archive.writestr("xl/_rels/workbook.xml.rels", RELATIONS.format(related))
        main = f'<Relationship Id="r1" Type="{TYPE}/officeDocument" Target="xl/workbook.xml"/>'
        archive.writestr("_rels/.rels", RELATIONS.format(main))
        archive.writestr("[Content_Types].xml", "<Types/>")
    return path


TABLE: list[list[object]] = [["user", "item", "rating"], [207, "x1", 4], [207.0, "x2", 2.5], ["bob", "x1", 1]]
FOUND = [("207", "x1", 4.0), ("207", "x2", 2.5), ("bob", "x1", 1.0)]


def test_a_workbook_with_one_sheet_of_ratings(tmp_path: Path) -> None:
    assert rows(read(workbook(tmp_path / "r.xlsx", Ratings=TABLE))) == FOUND
    about: list[list[object]] = [["made", "by nobody"]]
    titled: list[list[object]] = [["Ratings of 2026"], [], *TABLE]
    assert rows(read(workbook(tmp_path / "r.xlsx", About=about, Data=titled))) == FOUND


def test_a_sheet_of_a_workbook_is_named_after_a_colon(tmp_path: Path) -> None:
    path = workbook(tmp_path / "r.xlsx", First=TABLE, Second=TABLE[:2])
    with pytest.raises(BadData, match="2 sheets may be the ratings: First, Second"):
        read(path)
    assert rows(read(f"{path}:Second")) == FOUND[:1]
    with pytest.raises(BadData, match="no sheet 'Third'"):
        read(f"{path}:Third")


def test_without_the_package_for_workbooks_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(Unavailable, match="python-calamine") as refused:
        read(workbook(tmp_path / "r.xlsx", Ratings=TABLE))
    assert "cofactor[excel]" in refused.value.hint


def test_a_sheet_over_many_empty_cells_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = workbook(tmp_path / "r.xlsx", Ratings=TABLE)
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/worksheets/sheet9.xml", SHEET.format(far))
    with pytest.raises(BadData, match="a sheet over 17,179,869,184 cells"):
        read(path)


def test_a_damaged_workbook_is_an_error(tmp_path: Path) -> None:
    path = workbook(tmp_path / "r.xlsx", Ratings=TABLE)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(BadData):
        read(path)
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"\0" * (1 << 26))
    with pytest.raises(BadData, match="unpacks to"):
        read(tmp_path / "bomb.xlsx")


# --- sparse and wide tables

MATRIX = "%%MatrixMarket matrix coordinate real general\n% made up\n3 2 3\n1 1 4\n1 2 2.5\n3 1 1\n"


def test_matrix_market(tmp_path: Path) -> None:
    (tmp_path / "r.mtx").write_text(MATRIX)
    assert rows(read(tmp_path / "r.mtx")) == [("1", "1", 4.0), ("1", "2", 2.5), ("3", "1", 1.0)]
    (tmp_path / "r.mtx").write_text("%%MatrixMarket matrix coordinate pattern general\n3 2 2\n1 1\n3 1\n")
    assert read(tmp_path / "r.mtx").kind == "pairs"


@pytest.mark.parametrize(
    ("old", "new"),
    [("3 1 1\n", ""), ("general", "symmetric"), ("real", "complex"), ("coordinate", "array"), ("3 2 3\n", "")],
)
def test_another_or_a_damaged_matrix_is_an_error(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "r.mtx").write_text(MATRIX.replace(old, new))
    with pytest.raises(BadData, match="MatrixMarket"):
        read(tmp_path / "r.mtx")


WIDE = {
    "names": "userId,x1,x2,x3\nann,4,2.5,\nbob,1,,\n",
    "an index": ",x1,x2,x3\nann,4,2.5,NaN\nbob,1.0,NA,null\n",
    "semicolons": "userId;x1;x2;x3\nann;4;2.5;\nbob;1;;\n",
    "blanks": "user  x1  x2\nann   4   2.5\nbob   1   NA\n",
    "R's write.table": '"x1" "x2"\n"ann" 4 2.5\n"bob" 1 NA\n',
    "R": '"x1" "x2"\n'.replace(" ", ",") + '"ann",4,2.5\n"bob",1,NA\n',
    "items in rows": "item,ann,bob\nx1,4,1\nx2,2.5,\n",
}


@pytest.mark.parametrize("form", WIDE)
def test_forms_of_a_wide_table(tmp_path: Path, form: str) -> None:
    (tmp_path / "r.csv").write_text(WIDE[form])
    assert sorted(rows(read(tmp_path / "r.csv", layout="wide"))) == ROWS


def test_a_wide_table_without_names(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("5,3,,1\n4,,,1\n1,1,,5\n5,,2,\n")
    ratings = read(tmp_path / "r.csv", layout="wide")
    assert rows(ratings)[:3] == [("1", "1", 5.0), ("1", "2", 3.0), ("1", "4", 1.0)]
    assert ratings.origin is not None
    assert "no ids" in ratings.origin.notes[0]
    with pytest.raises(BadData, match="wide table"):
        read(tmp_path / "r.csv")


def test_a_first_column_that_may_be_ids_or_ratings_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("5,3,1\n3,4,5\n1,1,2\n")
    with pytest.raises(BadData, match="may hold ids of users or ratings"):
        read(tmp_path / "r.csv", layout="wide")
    assert read(tmp_path / "r.csv", layout="wide", columns={"user": "1"}).users.ids.tolist() == ["1", "3", "5"]
    assert len(read(tmp_path / "r.csv", layout="wide", columns={"user": ""})) == 9


def test_a_first_column_that_counts_ratings_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("2,4,,5\n1,,3,\n3,1,2,3\n")
    assert read(tmp_path / "r.csv", layout="wide").items.ids.tolist() == ["1", "2", "3"]
    (tmp_path / "r.csv").write_text("2,4,99,5\n1,99,3,99\n3,1,2,3\n")
    with pytest.raises(BadData, match="99"):
        read(tmp_path / "r.csv", layout="wide")


def test_two_columns_of_a_wide_table_have_two_names(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("user,x1,x1\nann,4,2\n")
    with pytest.raises(BadData, match="2 columns are called 'x1'"):
        read(tmp_path / "r.csv", layout="wide")


def test_a_wide_table_of_another_delimiter(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("user::x1::x2\nann::4::2.5\nbob::1::\n")
    assert rows(read(tmp_path / "r.csv", layout="wide", delimiter="::")) == ROWS


def test_wide_tables_with_types(tmp_path: Path) -> None:
    query = "SELECT * FROM (VALUES ('ann', 4, 2.5), ('bob', 1, NULL), ('eve', 99, 99)) t(member, x1, x2)"
    duckdb.connect().execute(f"COPY ({query}) TO '{tmp_path / 'r.parquet'}' (FORMAT parquet)")
    assert rows(read(tmp_path / "r.parquet", layout="wide", missing=99)) == ROWS
    lines = ['{"user": "ann", "x1": 4, "x2": 2.5}', '{"user": "bob", "x1": 1}']
    (tmp_path / "r.json").write_text("\n".join(lines))
    assert rows(read(tmp_path / "r.json", layout="wide")) == ROWS
    (tmp_path / "r.json").write_text("\n".join(lines).replace("user", "x0").replace('"ann"', "1").replace('"bob"', "2"))
    with pytest.raises(BadData, match="without a column of ids"):
        read(tmp_path / "r.json", layout="wide")


def test_lists_and_structs_are_no_ids(tmp_path: Path) -> None:
    for user in ("[1, 2]", "{'id': 1}"):
        query = f"SELECT {user} AS user, 1 AS item, 3 AS rating"
        duckdb.connect().execute(f"COPY ({query}) TO '{tmp_path / 'r.parquet'}' (FORMAT parquet)")
        with pytest.raises(BadData, match="column 'user' for the user holds"):
            read(tmp_path / "r.parquet")


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("1:\n10,3\n2:\n20,5\n", [("10", "1", 3.0), ("20", "2", 5.0)]),
        ("1:\n10\n20\n", [("10", "1", 1.0), ("20", "1", 1.0)]),
        ("1:\n10,2005-12-19\n2:\n20,2005-12-20\n", [("10", "1", 1.0), ("20", "2", 1.0)]),
    ],
)
def test_lines_under_their_movie(tmp_path: Path, lines: str, found: list[tuple[str, str, float]]) -> None:
    (tmp_path / "r.txt").write_text(lines)
    assert rows(read(tmp_path / "r.txt")) == found


def test_rows_of_a_wide_table_have_one_length(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("user,x1,x2\nann,4,2\nbob,1\n")
    with pytest.raises(BadData, match="row 3 has 2 cells instead of 3"):
        read(tmp_path / "r.csv", layout="wide")


# --- encodings


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_text_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    text = "user\titem\trating\n" + "".join(f"{user}\t{item}\t{value}\n" for user, item, value in ROWS)
    (tmp_path / "r.tsv").write_text(text.replace("ann", "änne"), encoding=encoding)
    assert rows(read(tmp_path / "r.tsv"))[0] == ("änne", "x1", 4.0)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_json_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    records = [{"user": user.replace("ann", "änne"), "item": item, "rating": value} for user, item, value in ROWS]
    (tmp_path / "r.json").write_text(json.dumps(records, ensure_ascii=False), encoding=encoding)
    assert rows(read(tmp_path / "r.json"))[0] == ("änne", "x1", 4.0)


# --- delimiters


@pytest.mark.parametrize("delimiter", ["~", "||", "^", ",", " ", "\t", ":"])
def test_a_delimiter_can_be_named(tmp_path: Path, delimiter: str) -> None:
    text = "user,item,rating\n" + "".join(f"{user},{item},{value}\n" for user, item, value in ROWS)
    (tmp_path / "r.txt").write_text(text.replace(",", delimiter))
    assert rows(read(tmp_path / "r.txt", delimiter=delimiter)) == ROWS


@pytest.mark.parametrize("delimiter", ["", "\n", '"', "12345", 3])
def test_other_delimiters_are_refused(tmp_path: Path, delimiter: object) -> None:
    with pytest.raises(BadData, match="delimiter is"):
        read(tmp_path / "r.txt", delimiter=delimiter)  # type: ignore[arg-type]


# --- files that are called by their name


def foreign(path: Path, kind: str) -> None:
    if kind == "an SQLite database":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE ratings (user, item, rating)")
        connection.close()
    elif kind == "a pickle":
        path.write_bytes(pickle.dumps({"user": [1], "item": [2]}))
    elif kind == "a pickle, which":
        path.write_bytes(pickle.dumps({"user": [1], "item": [2]}, protocol=0))
    elif kind == "a NumPy array":
        np.save(path.with_suffix(".npy"), np.zeros((3, 3)))
        path.with_suffix(".npy").rename(path)
    else:
        path.write_bytes(HEADS[kind])


HEADS = {
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n",
    "a PDF document": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
    "an HTML page": b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>",
    "an XML file": b'<?xml version="1.0"?><ratings><rating/></ratings>',
    "an HDF5 file": b"\x89HDF\r\n\x1a\n\0\0\0\0",
    "an Avro file": b"Obj\x01\x02\x16avro.schema",
    "an Arrow IPC": b"ARROW1\0\0\xff\xff\xff\xff",
    "an Arrow stream": b"\xff\xff\xff\xff\x10\0\0\0",
    "an ORC file": b"ORC\x0a\x00\x12",
    "a MATLAB file": b"MATLAB 5.0 MAT-file, Platform: posix" + b" " * 88 + b"\0\1IM",
    "a 7-Zip archive": b"7z\xbc\xaf\x27\x1c\0\4",
    "a RAR archive": b"Rar!\x1a\x07\x01\0",
    "a PNG picture": b"\x89PNG\r\n\x1a\n\0",
    "an RDS file": b"X\n\0\0\0\3",
    "a DuckDB database": b"\0" * 8 + b"DUCK" + b"\0" * 100,
    "an old Excel workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100,
}


@pytest.mark.parametrize("kind", ["an SQLite database", "a pickle", "a pickle, which", "a NumPy array", *HEADS])
def test_a_file_that_is_no_table_is_called_what_it_is(tmp_path: Path, kind: str) -> None:
    foreign(tmp_path / "ratings.csv", kind)
    with pytest.raises(BadData) as refused:
        read(tmp_path / "ratings.csv")
    assert kind in refused.value.message
    assert refused.value.hint


def test_a_page_in_gzip_is_a_page(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv.gz").write_bytes(gzip.compress(HEADS["an HTML page"]))
    with pytest.raises(BadData, match="an HTML page"):
        read(tmp_path / "ratings.csv.gz")


def test_ids_that_begin_like_a_format_are_ids(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("ORC1,i1,4\nGIF89,i1,3\nRDX3,i2,5\n")
    assert len(read(tmp_path / "r.csv")) == 3
