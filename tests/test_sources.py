"""What `read` takes besides files: streams, sparse matrices, wide frames; titles that a caller names."""

import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from click.testing import CliRunner
from scipy.sparse import coo_array, csr_matrix

from cofactor.cli import cofactor
from cofactor.data.data_source import DataSource
from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.errors import BadData

TEXT = "user,item,rating\nann,x1,4\nann,x2,2.5\nbob,x1,1\n"
ROWS = [("ann", "x1", 4.0), ("ann", "x2", 2.5), ("bob", "x1", 1.0)]


def rows(ratings: Ratings) -> list[tuple[str, str, float]]:
    users, items = ratings.users.ids[ratings.user].tolist(), ratings.items.ids[ratings.item].tolist()
    return list(zip(users, items, ratings.value.tolist(), strict=True))


# --- streams


def test_standard_input_and_streams_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rows(read(io.BytesIO(TEXT.encode()))) == ROWS
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(TEXT.encode()), isatty=lambda: False))
    assert rows(DataSource("-").read()) == ROWS
    with pytest.raises(BadData, match=r"^standard input: line 2"):
        read(io.BytesIO(TEXT.replace("4", "much").encode()))
    with pytest.raises(BadData, match="a stream of text"):
        read(io.StringIO(TEXT))


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit((tmp_path / "pipe").write_text, TEXT)
        assert rows(read(tmp_path / "pipe")) == ROWS
        written.result()


@pytest.mark.parametrize("name", ["", "x" * 300, "x.zip:" + "y" * 300, "a\0b", "none.zip:a.csv", "none-*.csv", "none"])
def test_a_name_of_nothing_is_an_error(name: str) -> None:
    with pytest.raises(BadData):
        read(name)
    with pytest.raises(BadData):
        DataSource(name or "/none").path()


def test_a_command_reads_standard_input(tmp_path: Path) -> None:
    run = CliRunner().invoke(
        cofactor, ["export", "-", "--format", "csv", "-o", str(tmp_path / "out")], input=TEXT.encode()
    )
    assert run.exit_code == 0, run.output
    assert len(read(tmp_path / "out")) == 3


# --- sparse matrices


def test_a_sparse_matrix_of_ratings() -> None:
    matrix = csr_matrix(([4.0, 2.5, 1.0], ([0, 0, 2], [1, 3, 1])), shape=(3, 5))
    assert rows(read(matrix)) == [("0", "1", 4.0), ("0", "3", 2.5), ("2", "1", 1.0)]
    named = read(matrix, users=["ann", "eve", "bob"], items=[f"x{n}" for n in range(5)])
    assert rows(named) == [("ann", "x1", 4.0), ("ann", "x3", 2.5), ("bob", "x1", 1.0)]
    assert named.kind == "ratings"


def test_a_sparse_matrix_of_pairs_and_one_with_repeated_entries() -> None:
    assert read(coo_array((np.ones(2, bool), ([0, 1], [1, 0])), shape=(2, 2))).kind == "pairs"
    repeated = coo_array(([1.0, 1.0, 1.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    assert rows(read(repeated)) == [("1", "0", 1.0), ("0", "1", 2.0)] or len(read(repeated)) == 2
    assert repeated.nnz == 3  # the caller's matrix stays as it is


@pytest.mark.parametrize("options", [{"users": ["a"]}, {"items": ["a", "b", "c"]}])
def test_ids_of_another_number_than_rows_are_refused(options: dict[str, list[str]]) -> None:
    with pytest.raises(BadData, match="ids of"):
        read(csr_matrix(np.eye(2)), **options)  # type: ignore[arg-type]
    with pytest.raises(BadData, match="ids of a sparse matrix"):
        read({"user": [1], "item": [1]}, **options)  # type: ignore[arg-type]


# --- wide frames


def test_wide_data_frames() -> None:
    frame = pd.DataFrame({"x1": [4.0, 1.0], "x2": [2.5, np.nan]}, index=["ann", "bob"])
    assert rows(read(frame, layout="wide")) == ROWS
    assert rows(read(frame.reset_index(names="member"), layout="wide", columns={"user": "member"})) == ROWS
    wide = pl.DataFrame({"user": ["ann", "bob"], "x1": [4, 1], "x2": [2.5, None]})
    assert rows(read(wide, layout="wide")) == ROWS
    with pytest.raises(BadData, match="without ids of users"):
        read(frame.reset_index(drop=True), layout="wide")
    with pytest.raises(BadData, match="holds no numbers"):
        read(pd.DataFrame({"x1": ["good"]}, index=["ann"]), layout="wide")


# --- titles


@pytest.fixture
def ratings_file(tmp_path: Path) -> Path:
    (tmp_path / "ratings.csv").write_text(TEXT)
    return tmp_path / "ratings.csv"


def titles(ratings: Ratings) -> list[str] | None:
    return None if ratings.titles is None else ratings.titles.tolist()


TABLES = {
    "movies.csv": "movieId,title\nx1,One\nx2,Two\n",
    "movie.csv": '"movieId","title","genres"\n"x1","One","A"\n"x2","Two","B"\n',
    "books.csv": "isbn;book_id;title\ny1;x1;One\ny2;x2;Two\n",
    "Books.csv": "isbn,book_id,title\nx1,y1,One\nx2,y2,Two\n",
    "anime.csv": "name,anime_id\nOne,x1\nTwo,x2\n",
    "movies.dat": "id\ttitle\timdbID\r\nx1\tOne\t7\r\nx2\tTwo\t8\r\n",
    "items.csv": "title|product_code|id\nOne|x1|1\nTwo|x2|2\n",
    "ratings.item": "item_id:token\tname:token_seq\nx1\tOne\nx2\tTwo\n",
    "artists.dat": 'id\tname\turl\nx1\tOne\t"\nx2\tTwo\t\n',
    "books.json": '{"book_id": "x1", "title": "One"}\n{"book_id": "x2", "title": "Two"}\n',
    "bx-books.csv": '"ISBN";"Book-Title"\r\n"x1";"One"\r\n"x2";"Two"\r\n"x3";"\\"Three\\"; or 3"\r\n',
    "movies.csv ": "movieId,title\nx1,One\nx2,Two\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_titles_next_to_the_ratings_are_found_by_the_ids_in_them(ratings_file: Path, name: str) -> None:
    (ratings_file.parent / name.strip()).write_text(TABLES[name], encoding="utf-16" if name[-1] == " " else "utf-8")
    assert titles(read(ratings_file)) == ["One", "Two"]


def test_titles_that_cannot_be_read_are_a_note(ratings_file: Path) -> None:
    (ratings_file.parent / "movies.dat").write_text("x1::One\n")
    (ratings_file.parent / "movies.csv").write_text("movieId,title\nx1\n")
    (ratings_file.parent / "items.csv").write_text("item,title\nx1,One\nx2,Two\n")
    ratings = read(ratings_file)
    assert titles(ratings) == ["One", "Two"]
    assert ratings.origin is not None
    assert [note.partition(":")[0] for note in ratings.origin.notes] == [
        "no titles are read from movies.dat",
        "no titles are read from movies.csv",
    ]


def test_users_that_cannot_be_read_are_a_note(ratings_file: Path) -> None:
    (ratings_file.parent / "users.dat").write_text("id\tage\nann\t3\n")
    ratings = read(ratings_file)
    assert rows(ratings) == ROWS
    assert ratings.origin is not None
    assert "no features of users are read from users.dat" in ratings.origin.notes[0]


def test_titles_from_a_file_or_a_frame(ratings_file: Path, tmp_path: Path) -> None:
    (tmp_path / "movies.csv").write_text("movieId,title\nx1,Wrong\n")
    (tmp_path / "names.tsv").write_text("code\tname\nx1\tOne\nx2\tTwo\n")
    assert titles(read(ratings_file, titles=tmp_path / "names.tsv")) == ["One", "Two"]
    frame = pd.DataFrame({"item": ["x2", "x1"], "title": ["Two", "One"]})
    assert titles(read(ratings_file, titles=frame)) == ["One", "Two"]
    assert titles(DataSource(str(ratings_file), titles=tmp_path / "names.tsv").read()) == ["One", "Two"]


@pytest.mark.parametrize("text", ["item,title\nz9,None\n", "a,b\n1,2\n", ""])
def test_named_titles_without_a_title_of_an_item_are_an_error(ratings_file: Path, text: str) -> None:
    (ratings_file.parent / "names.csv").write_text(text)
    with pytest.raises(BadData, match=r"names\.csv"):
        read(ratings_file, titles=ratings_file.parent / "names.csv")
    with pytest.raises(BadData, match="no such file"):
        read(ratings_file, titles=ratings_file.parent / "other.csv")


def test_columns_in_the_index_of_a_frame_are_named_with_the_way_to_a_table() -> None:
    events = pd.DataFrame({"customer": [1, 1, 2], "product_id": [7, 7, 8]})
    pairs = events.groupby(["customer", "product_id"])
    with pytest.raises(BadData, match="no column for the user and the item among n") as refused:
        read(pairs.agg(n=("product_id", "size")))
    assert "its index is customer, product_id" in refused.value.hint
    assert read(pairs.agg(n=("product_id", "size")).reset_index()).value.tolist() == [2, 1]
    with pytest.raises(BadData, match="a Series of pandas is one column") as refused:
        read(pairs.size())
    assert "reset_index" in refused.value.hint
    assert read(pairs.size().reset_index(name="count")).kind == "counts"
    with pytest.raises(BadData, match="no column for the user among") as refused:
        read(pd.DataFrame({"item": [1], "rating": [1]}))
    assert "index" not in refused.value.hint
    both = pd.DataFrame({"user": [1], "item": [1], "plays": [1], "clicks": [1]}, index=pd.Index([5], name="row"))
    with pytest.raises(BadData, match="2 columns may be the rating") as refused:
        read(both)
    assert "index" not in refused.value.hint
