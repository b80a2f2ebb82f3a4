"""Ratings wherever they go: Ratings, data frames, Arrow streams, sparse matrices and files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from scipy.sparse import coo_array, csr_array, csr_matrix

import cofactor
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, CofactorError, SplitMismatch
from tests.toys import noise

RATINGS = noise()
COLUMNS = RATINGS.columns()
PARTS = cofactor.split(RATINGS, seed=0)
TRAINER = cofactor.Baseline()
MODEL = TRAINER.fit(PARTS.train)


class Stream:
    """A table that has an Arrow stream and nothing else."""

    def __init__(self, frame: polars.DataFrame) -> None:
        self.frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)


class Interchange:
    """A table that has the interchange protocol of data frames and nothing else."""

    def __init__(self, frame: pandas.DataFrame) -> None:
        self.frame = frame

    def __dataframe__(self, nan_as_null: bool = False, allow_copy: bool = True) -> Any:
        return pyarrow.table(self.frame).__dataframe__(nan_as_null, allow_copy)


def tables(ratings: Ratings) -> dict[str, object]:
    columns = ratings.columns()
    return {
        "pandas": ratings.to_pandas(),
        "polars": ratings.to_polars(),
        "lazy": ratings.to_polars().lazy(),
        "arrow": ratings.to_arrow(),
        "mapping": columns,
        "stream": Stream(ratings.to_polars()),
        "interchange": Interchange(ratings.to_pandas()),
    }


def same(one: Ratings, other: Ratings) -> bool:
    """Whether two tables have the same ratings by id."""
    return all(np.array_equal(column, other.columns()[name]) for name, column in one.columns().items())


@pytest.mark.parametrize("kind", tables(RATINGS))
def test_a_table_reads_as_the_ratings_that_it_was_made_of(kind: str) -> None:
    assert same(cofactor.read(tables(RATINGS)[kind]), RATINGS)


@pytest.mark.parametrize("kind", tables(RATINGS))
def test_a_table_goes_wherever_ratings_go(kind: str) -> None:
    train, test = tables(PARTS.train)[kind], tables(PARTS.test)[kind]
    model = TRAINER.fit(train)
    pairs = COLUMNS["user"][:9], COLUMNS["item"][:9]
    np.testing.assert_allclose(model.predict(*pairs), TRAINER.fit(PARTS.train).predict(*pairs), rtol=1e-6)
    report = cofactor.evaluate(model, test)
    assert report.metrics["rmse"] == pytest.approx(cofactor.evaluate(MODEL, PARTS.test).metrics["rmse"], rel=1e-6)
    assert cofactor.compare({"a": model, "b": model}, test).metrics["a"]["rmse"] == report.metrics["rmse"]
    assert len(cofactor.split(train, "per-user", test=0.2).test) == len(
        cofactor.split(PARTS.train, "per-user", test=0.2).test
    )
    assert len(list(cofactor.folds(train, 3))) == 3


@pytest.mark.parametrize("kind", [csr_array, csr_matrix, coo_array])
def test_a_sparse_matrix_goes_wherever_ratings_go(kind: Any) -> None:
    matrix = kind(RATINGS.by_user())  # rows and columns are the ids 0, 1, …
    assert same(cofactor.read(matrix), cofactor.read(RATINGS.to_pandas().sort_values(["user", "item"], key=int_column)))
    parts = cofactor.split(matrix, seed=0)
    model = TRAINER.fit(matrix)
    assert model.training_data.interactions.nnz == len(RATINGS) == sum(map(len, parts.parts.values()))
    with pytest.raises(SplitMismatch, match="the model was trained on"):
        cofactor.evaluate(model, matrix)


def int_column(column: Any) -> Any:
    return column.astype(int)


def test_a_training_takes_a_table_of_validation_ratings() -> None:
    fitted = cofactor.SVD(rank=2, n_epochs=3).fit(PARTS.train.to_pandas(), PARTS.validation.to_polars())
    assert set(fitted.training_data.users.ids) == set(COLUMNS["user"])
    with pytest.raises(SplitMismatch, match="user"):
        cofactor.SVD(rank=2, n_epochs=3).fit(PARTS.train.to_pandas(), PARTS.train.where(slice(3)).to_pandas())


def test_fit_takes_a_table_with_all_ratings() -> None:
    assert cofactor.fit(cofactor.Popularity(), RATINGS.to_pandas()).model.training_data.interactions.nnz == len(RATINGS)


def test_a_model_is_not_evaluated_on_the_rows_of_a_frame_that_it_has_learned() -> None:
    with pytest.raises(SplitMismatch, match="the model was trained on"):
        cofactor.evaluate(MODEL, PARTS.train.to_pandas())


def test_a_path_is_read(tmp_path: Path) -> None:
    PARTS.test.to_pandas().to_csv(tmp_path / "test.csv", index=False)
    assert cofactor.evaluate(MODEL, tmp_path / "test.csv").counts["ratings"] == len(PARTS.test)
    with pytest.raises(BadData, match=r"test: .*nowhere\.csv: no such file"):
        cofactor.evaluate(MODEL, str(tmp_path / "nowhere.csv"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TRAINER.fit(3), "the training part is of type int"),
        (lambda: TRAINER.fit(Ratings), "the training part is the class Ratings"),
        (lambda: cofactor.evaluate(MODEL, MODEL), "test is of type BaselineModel"),
        (lambda: cofactor.evaluate(PARTS.test, MODEL), "model is of type Ratings"),
        (lambda: cofactor.split(None.__class__), "ratings is the class NoneType"),
        (lambda: cofactor.cross_validate(TRAINER, 3), "ratings is of type int"),
        (lambda: TRAINER.fit(pandas.DataFrame({"a": [1]})), "the training part: the table: no column for the user"),
    ],
)
def test_what_is_no_table_is_named(call: Any, message: str) -> None:
    with pytest.raises(CofactorError) as caught:
        call()
    assert message in caught.value.message
    assert caught.value.hint


# Ratings as tables ----------------------------------------------------------------------------------------------------


def test_the_head_of_ratings_is_a_table_with_titles() -> None:
    head = RATINGS.head(3)
    assert list(head.to_pandas().columns) == ["user", "item", "rating", "title"]
    assert len(head) == 3
    lines = repr(head).splitlines()
    assert lines[0].split() == ["user", "item", "rating", "title"]
    assert lines[1].split()[:3] == [COLUMNS["user"][0], COLUMNS["item"][0], f"{COLUMNS['rating'][0]:g}"]
    assert len(RATINGS.head(0)) == len(RATINGS.head(-1)) == 0
    assert len(RATINGS.head(10**6)) == len(RATINGS)


def test_ratings_are_a_stream_of_their_columns() -> None:
    table = pyarrow.table(RATINGS)
    assert table.column_names == ["user", "item", "rating"]
    assert same(cofactor.read(table), RATINGS)
    assert same(cofactor.read(RATINGS), RATINGS)


@pytest.mark.parametrize(("kind", "values"), [("pairs", [1.0, 1.0]), ("counts", [3.0, 1.0])])
def test_interactions_are_read_back_as_what_they_are(kind: Any, values: list[float]) -> None:
    given = Ratings.of(["a", "b"], ["x", "y"], values, kind=kind)
    again = cofactor.read(given.to_pandas())
    assert again.kind == kind
    assert again.value.tolist() == values


def test_ratings_in_a_notebook_are_their_first_rows_with_a_caption() -> None:
    shown = RATINGS._repr_html_()
    assert "250 ratings from 0.5 to 5 by 30 users on 20 items" in shown
    assert shown.count("<tr>") == 6
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown
