"""Every user's list in one file."""

from dataclasses import replace

import duckdb
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from cofactor.errors import BadData
from cofactor.models.top_n import recommend_all as recommend_all_module
from cofactor.models.top_n.recommend_all import recommend_all
from tests.toys import factors, noise


@pytest.fixture(scope="module")
def model():
    return factors(noise())


def rows(path):
    with duckdb.connect() as database:  # the order is that of the file
        return database.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()


@pytest.mark.parametrize("n", [1, 4, 1000])
def test_the_file_is_everybodys_recommendations_in_order(model, tmp_path, monkeypatch, n):
    monkeypatch.setattr(recommend_all_module, "USERS_AT_A_TIME", 7)
    progress = []
    lines = recommend_all(
        model, tmp_path / "new" / "it's.parquet", n, on_progress=lambda done, all_: progress.append((done, all_))
    )
    found = rows(tmp_path / "new" / "it's.parquet")
    expected = [
        (user, line.item, rank, line.title)
        for user in model.training_data.users.ids
        for rank, line in enumerate(model.recommend(user, n), 1)
    ]
    known = dict(zip(model.training_data.items.ids, model.training_data.titles, strict=True))
    assert [(user, item, rank) for user, item, rank, _, _ in found] == [line[:3] for line in expected]
    assert all(title == known[item] for _, item, _, _, title in found)
    scores = [line.score for user in model.training_data.users.ids for line in model.recommend(user, n)]
    np.testing.assert_allclose([score for *_, score, _ in found], scores, rtol=1e-5)
    assert lines == len(found)
    assert progress == [(7, 30), (14, 30), (21, 30), (28, 30), (30, 30)]
    assert [f.name for f in (tmp_path / "new").iterdir()] == ["it's.parquet"]


def test_workers_do_not_start_threads_of_their_own(model, tmp_path, monkeypatch):
    seen = []
    recommend_rows = type(model).recommend_rows

    def watched(*asked, **how):
        seen.append(blas_threads())
        return recommend_rows(*asked, **how)

    monkeypatch.setattr(type(model), "recommend_rows", watched)
    with threadpool_limits(2, "blas"):
        recommend_all(model, tmp_path / "top.parquet", 2)
        assert blas_threads() == {2}  # as before
    assert seen == [{1}]


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_without_titles_and_with_the_seen(model, tmp_path):
    bare = replace(model, training_data=replace(model.training_data, titles=None))
    lines = recommend_all(bare, tmp_path / "top.parquet", 50, include_seen=True)
    assert lines == 30 * 19
    described = duckdb.sql(f"DESCRIBE SELECT * FROM '{tmp_path / 'top.parquet'}'").fetchall()
    assert [(name, kind) for name, kind, *_ in described] == [
        ("user", "VARCHAR"),
        ("item", "VARCHAR"),
        ("rank", "INTEGER"),
        ("score", "FLOAT"),
    ]


def test_an_interrupted_run_leaves_what_was_there(model, tmp_path):
    recommend_all(model, tmp_path / "top.parquet", 2)
    before = (tmp_path / "top.parquet").read_bytes()

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recommend_all(model, tmp_path / "top.parquet", 3, on_progress=interrupt)
    assert (tmp_path / "top.parquet").read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == ["top.parquet"]


def test_lists_of_none(model, tmp_path):
    with pytest.raises(BadData, match="lists of 0"):
        recommend_all(model, tmp_path / "top.parquet", 0)
