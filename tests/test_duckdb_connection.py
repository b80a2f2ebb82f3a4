"""DuckDB: connections that print nothing, and paths and columns taken as they are."""

import os
from pathlib import Path

import duckdb
import numpy as np
import pytest

from cofactor.data.duckdb_connection import new_connection, reading_connection, shared_connection
from cofactor.data.parquet import join_parquet, read_parquet, write_parquet
from cofactor.data.reading.read import read
from cofactor.errors import BadData

NAMES = ("it's.parquet", "r[1]*?.parquet", "rank=8/r.parquet", ".r[1].part/r.parquet", "~/r.parquet")


@pytest.mark.parametrize("which", ["brief", "file", "reading"])
def test_no_connection_draws_a_progress_bar(which: str, tmp_path: Path) -> None:
    opened = {
        "brief": lambda: shared_connection(),
        "file": lambda: new_connection(tmp_path / "lists.duckdb"),
        "reading": lambda: reading_connection(tmp_path, "ratings"),
    }[which]()
    with opened as connection:
        assert connection.execute("SELECT current_setting('enable_progress_bar')").fetchone() == (False,)


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_no_pattern_and_names_no_column(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(name)  # relative: a ~ in front would be the home folder
    path.parent.mkdir(exist_ok=True)
    write_parquet(path, {"row": np.arange(3)})
    write_parquet(path.with_name("r1.parquet"), {"row": np.arange(5)})  # what r[1].parquet would match
    join_parquet([path, path], path.with_name("joined.parquet"))
    assert {key: column.tolist() for key, column in read_parquet(path).items()} == {"row": [0, 1, 2]}
    assert read_parquet(path.with_name("joined.parquet"))["row"].tolist() == [0, 1, 2, 0, 1, 2]


def test_columns_of_objects_are_text_even_where_all_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    write_parquet(path, {"missing": np.array([None, None], object), 'odd "name"': np.array(["1", "é"], object)})
    kinds = duckdb.sql(f"DESCRIBE FROM '{path}'").fetchall()
    assert [(name, kind) for name, kind, *_ in kinds] == [("missing", "VARCHAR"), ('odd "name"', "VARCHAR")]


def test_a_path_that_is_not_utf_8_is_an_error_with_a_hint(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    (folder / "r.csv").write_text("user,item,rating\n1,2,3\n")
    with pytest.raises(BadData, match="is not UTF-8") as caught:
        read(folder / "r.csv")
    assert caught.value.hint == "rename it"
