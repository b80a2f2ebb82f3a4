"""The lists of all users, written to a Parquet file."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
from threadpoolctl import threadpool_limits

from cofactor.argument_names import check_arguments
from cofactor.arrays import Array, Floats, Rows
from cofactor.data.duckdb_connection import new_connection, quoted, select_list, table_write_errors
from cofactor.errors import BadData, check_path, check_type
from cofactor.machine import cores
from cofactor.models.base import Model
from cofactor.models.checks import check_n
from cofactor.output_checks import check_free_space, check_output_file, new_folders

USERS_AT_A_TIME = 50_000  # users whose lists are in memory at the same time
ROW_BYTES = 2  # of a list on disk, at least: compressed
LISTS_FILE = "lists.parquet"
DATABASE_MEMORY = "1GB"  # DuckDB spills to disk beyond it

LISTS = """
    SELECT users.id AS user, items.id AS item, rank, score{title}
    FROM lists JOIN users ON users.row = lists.user JOIN items ON items.row = lists.item
    ORDER BY lists.user, rank
"""


@check_arguments()
def recommend_all(
    model: Model,
    path: str | Path,
    n: int = 10,
    *,
    include_seen: bool = False,
    on_progress: Callable[[int, int], object] | None = None,
) -> int:
    """Writes the top-n list of every user to a Parquet file, in order of users and ranks; returns the number of rows.

    Columns: user and item (ids), rank (from 1), score (clipped to the model's scale), and title if titles are known. A
    user for whom fewer than n items are left has fewer rows, or none. The file is written under a temporary name beside
    `path` and renamed when it is complete. `on_progress` is called with the number of users done and of all users.

    Cold start: a user without training ratings gets the model's fallback list. Raises BadData for n below 1,
    and for a file that cannot be written.
    """
    check_type("model", model, Model, "train one first: cofactor.SVD().fit(ratings)")
    check_path(path)
    check_n(n)
    if n < 1:
        raise BadData(f"lists of {n}", "ask for 1 or more")
    target = check_output_file(path, BadData)
    users, items = len(model.training_data.users), len(model.training_data.items)
    check_free_space(target, ROW_BYTES * users * min(n, items), "the lists of all users", BadData)
    prefix, near = f".{target.name[:100]}.", target.parent
    with table_write_errors(path), new_folders(near), TemporaryDirectory(prefix=prefix, dir=near) as folder:
        rows = _write_lists(model, Path(folder), n, include_seen, on_progress)
        Path(folder, LISTS_FILE).replace(target)
    return rows


def _write_lists(
    model: Model, folder: Path, n: int, include_seen: bool, on_progress: Callable[[int, int], object] | None
) -> int:
    """Writes the lists to LISTS_FILE in a folder; returns the number of rows."""
    with new_connection(folder / "lists.duckdb", {"memory_limit": DATABASE_MEMORY}) as database:
        _insert_ids(database, model)
        _insert_lists(database, model, n, include_seen, on_progress)
        title, file = "" if model.training_data.titles is None else ", title", quoted(str(folder / LISTS_FILE))
        database.execute(f"COPY ({LISTS.format(title=title)}) TO {file} (FORMAT parquet, COMPRESSION zstd)")
        return int(database.execute("SELECT count(*) FROM lists").fetchall()[0][0])


def _insert_ids(database: duckdb.DuckDBPyConnection, model: Model) -> None:
    for name, vocabulary in (("users", model.training_data.users), ("items", model.training_data.items)):
        columns: dict[str, Array] = {"row": np.arange(len(vocabulary), dtype=np.int32), "id": vocabulary.ids}
        if name == "items" and model.training_data.titles is not None:
            columns["title"] = model.training_data.titles
        _insert(database, f"CREATE TABLE {name} AS SELECT {select_list(columns)} FROM block", columns)


def _insert_lists(
    database: duckdb.DuckDBPyConnection,
    model: Model,
    n: int,
    include_seen: bool,
    on_progress: Callable[[int, int], object] | None,
) -> None:
    database.execute("CREATE TABLE lists (user INTEGER, item INTEGER, rank INTEGER, score FLOAT)")
    n_users, n = len(model.training_data.users), min(n, len(model.training_data.items))
    for users, items, scores in _lists(model, n, include_seen):
        filled = items >= 0
        user, rank = np.broadcast_to(users[:, None], items.shape), np.broadcast_to(np.arange(1, n + 1), items.shape)
        columns = {
            "user": user[filled],
            "item": items[filled],
            "rank": rank[filled].astype(np.int32),
            "score": scores[filled],
        }
        _insert(database, "INSERT INTO lists SELECT user, item, rank, score FROM block", columns)
        if on_progress is not None:
            on_progress(int(users[-1]) + 1, n_users)


def _lists(model: Model, n: int, include_seen: bool) -> Iterator[tuple[Rows, Rows, Floats]]:
    """Blocks of users with their lists, in order; further blocks are computed in threads while one is used."""
    n_users, workers = len(model.training_data.users), cores()

    def block(start: int) -> tuple[Rows, Rows, Floats]:
        users = np.arange(start, min(start + USERS_AT_A_TIME, n_users), dtype=np.int32)
        return users, *model.recommend_rows(users, n, include_seen=include_seen)

    # There are as many workers as processors: BLAS threads in each of them would compete for the processors.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[tuple[Rows, Rows, Floats]]] = deque()
        for start in range(0, n_users, USERS_AT_A_TIME):
            ahead.append(pool.submit(block, start))
            if len(ahead) > workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _insert(database: duckdb.DuckDBPyConnection, statement: str, block: Mapping[str, Array]) -> None:
    database.register("block", dict(block))
    try:
        database.execute(statement)
    finally:
        with suppress(duckdb.Error):  # an interrupted statement may have unregistered it
            database.unregister("block")
