"""The best items of every user into one file, in bounded memory."""

import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import duckdb
import numpy as np
from rich.console import Console
from rich.progress import Progress

from cofactor.arrays import Floats, Rows
from cofactor.cli.screen import messages, print_json
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData
from cofactor.models.base import Model

USERS_AT_A_TIME = 4_096
FORMATS = {".parquet": "(FORMAT parquet, COMPRESSION zstd)", ".csv": "(FORMAT csv, HEADER)"}

Lists = tuple[Rows, Rows, Floats]  # (m,) user rows, (m, n) item rows, (m, n) scores


def write_all(model: Model, out: Path, n: int, *, exclude_seen: bool, as_json: bool, quiet: bool) -> None:
    """A row (user, place, item, score) for each recommendation, by user and place, to a .parquet or .csv file.

    The file appears when it is complete. Memory holds a few thousand users' lists; what is written is kept on disk.
    """
    if out.suffix not in FORMATS:
        raise BadData(f"cannot write {out.name}", f"name a file that ends in {' or '.join(FORMATS)}")
    console = messages(quiet)
    started = time.perf_counter()
    users = np.arange(len(model.catalog.users), dtype=np.int32)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        with duckdb.connect(str(Path(scratch) / "lists.duckdb")) as database:
            _fill(database, _shown(_lists(model, users, n, exclude_seen), len(users), console))
            _ids(database, "users", model.catalog.users)
            _ids(database, "items", model.catalog.items)
            complete = Path(scratch) / f"complete{out.suffix}"
            rows = _write(database, complete, FORMATS[out.suffix])
        os.replace(complete, out)
    seconds = time.perf_counter() - started
    if as_json:
        print_json({"file": str(out), "users": len(users), "rows": rows, "seconds": seconds})
    console.print(f"{rows:,} recommendations for {len(users):,} users in {seconds:.1f} s: {out}")


def _lists(model: Model, users: Rows, n: int, exclude_seen: bool) -> Iterator[Lists]:
    """The lists of consecutive users, computed on all cores, a few blocks ahead of the reader."""
    blocks = (users[start : start + USERS_AT_A_TIME] for start in range(0, len(users), USERS_AT_A_TIME))
    workers = os.cpu_count() or 1

    def top(block: Rows) -> Lists:
        return block, *model.top(block, n, exclude_seen=exclude_seen)

    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(top, block) for block in islice(blocks, workers + 1)]
        while waiting:
            done = waiting.pop(0).result()
            waiting += [pool.submit(top, block) for block in islice(blocks, 1)]
            yield done


def _shown(lists: Iterator[Lists], n_users: int, console: Console) -> Iterator[Lists]:
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("recommending", total=n_users)
        for one in lists:
            bar.advance(task, len(one[0]))
            yield one


def _fill(database: duckdb.DuckDBPyConnection, lists: Iterator[Lists]) -> None:
    database.execute("CREATE TABLE lists (user_row INTEGER, place INTEGER, item_row INTEGER, score FLOAT)")
    for users, items, scores in lists:
        listed = items.ravel() >= 0  # a list that ended early is filled up with -1
        n = items.shape[1]
        columns = {
            "user_row": np.repeat(users, n)[listed],
            "place": np.tile(np.arange(1, n + 1, dtype=np.int32), len(users))[listed],
            "item_row": items.ravel()[listed],
            "score": scores.ravel()[listed],
        }
        database.register("block", columns)
        database.execute("INSERT INTO lists SELECT user_row, place, item_row, score FROM block")
        database.unregister("block")


def _ids(database: duckdb.DuckDBPyConnection, name: str, vocabulary: Vocabulary) -> None:
    database.register("ids", {"row": np.arange(len(vocabulary), dtype=np.int32), "id": vocabulary.ids.astype(str)})
    database.execute(f"CREATE TABLE {name} AS SELECT * FROM ids")
    database.unregister("ids")


def _write(database: duckdb.DuckDBPyConnection, path: Path, options: str) -> int:
    query = """
        SELECT users.id AS "user", place, items.id AS item, score
        FROM lists JOIN users ON user_row = users.row JOIN items ON item_row = items.row
        ORDER BY user_row, place"""
    quoted = str(path).replace("'", "''")
    written = database.execute(f"COPY ({query}) TO '{quoted}' {options}").fetchone()
    assert written is not None
    return int(written[0])
