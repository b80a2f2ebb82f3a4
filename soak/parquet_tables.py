"""Valid Parquet tables with contents that no model writes; DuckDB writes them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cofactor.data.duckdb_connection import shared_connection

ROW = "range::INT AS row"
BOTH = f"SELECT {ROW}, range::VARCHAR AS id"  # and no more: what every table of ids has
FEATURE = "SELECT {of} AS of, {name} AS name, {column} AS column, {kind} AS kind, {value} AS value, {edge} AS edge"
NOTHING = {"column": "NULL::VARCHAR", "kind": "NULL::VARCHAR", "value": "NULL::VARCHAR", "edge": "NULL::DOUBLE"}
TIMESTAMP = "'1000-01-01 00:00:00+00'::TIMESTAMPTZ"

IDS = {  # what stands in the column of ids
    "other ids": "'u' || range",
    "odd ids": "chr((range + 1)::INT) || repeat('ä', range::INT * 40)",
    "long ids": "range || repeat('x', 100_000)",
    "one id": "'same'",
    "empty id": "CASE range WHEN 3 THEN '' ELSE range::VARCHAR END",
    "missing id": "nullif(range, 3)::VARCHAR",
    "id of BLOB": "('\\xff' || chr(65 + range::INT % 9))::BLOB",
    "id of lists": "[range, NULL]",
    "id of lists of texts": "[range::VARCHAR]",
    "id of structures": "{'a': range}",
    "id of maps": "MAP {range: 'a'}",
    "id of UUID": "md5(range::VARCHAR)::UUID",
    "id of TIME": "'12:00:00'::TIME",
    "id of TIMESTAMPTZ": TIMESTAMP,
    "id of INTERVAL": "INTERVAL 1 DAY",
    "id of DECIMAL": "range::DECIMAL(38, 2)",
    "id of ENUM": "CASE WHEN range > 1 THEN 'a' ELSE 'b' END::ENUM('a', 'b')",
}
ROWS = {  # what stands in the column of rows
    "backwards": "99 - range::INT",
    "missing row": "nullif(range, 3)::INT",
    "row of BIGINT": "range",
    "row of HUGEINT": "range::HUGEINT",
    "row of DOUBLE": "range::DOUBLE",
    "row of DECIMAL": "range::DECIMAL(18, 3)",
    "row of text": "range::VARCHAR",
    "row of DATE": "'2020-01-01'::DATE",
    "row of lists": "[range]",
    "row of BOOLEAN": "range > 0",
}
MORE = {  # what stands beside rows and ids
    "titles": "repeat('t', range::INT) AS title, '|||' AS genres",
    "long titles": "repeat('ä', 50_000) AS title",
    "control characters": "chr(range::INT) || chr(8238) AS title",
    "lists of titles": "[NULL] AS title",
    "structures of genres": "{'a': 'b'} AS genres",
    "numbers of titles": "range AS title",
    "unknown column": "'x' AS more",
    "odd column": """'x' AS "a""'; DROP TABLE x --" """,
    "many columns": ", ".join(f"{number} AS c{number}" for number in range(300)),
}
FEATURES = {
    "features": FEATURE.format(
        of="'item'", name="'k=' || v", column="'k'", kind="'category'", value="v", edge=NOTHING["edge"]
    )
    + " FROM (VALUES ('x'), ('y')) t(v)",
    "features of nobody": FEATURE.format(of="NULL", name="'n'", **NOTHING),
    "features by number": FEATURE.format(
        of="'user'",
        name="'n' || range",
        column="'c'",
        kind="'number'",
        value=NOTHING["value"],
        edge="CASE range WHEN 0 THEN NULL ELSE 1e308 * range END::DOUBLE",
    )
    + " FROM range(3)",
    "features of both": FEATURE.format(of="['user', 'item', 'user'][range + 1]", name="'n'", **NOTHING)
    + " FROM range(3)",
    "features of lists": FEATURE.format(of="['user']", name="['n']", column="[1]", kind="[1]", value="[1]", edge="1.0"),
}
QUERIES = (  # for n rows
    {name: f"SELECT {ROW}, {one} AS id FROM range(:n)" for name, one in IDS.items()}
    | {name: f"SELECT {one} AS row, range::VARCHAR AS id FROM range(:n)" for name, one in ROWS.items()}
    | {name: f"{BOTH}, {one} FROM range(:n)" for name, one in MORE.items()}
    | FEATURES
    | {
        "fewer rows": f"{BOTH} FROM range(:n - 1)",
        "more rows": f"{BOTH} FROM range(:n + 1)",
        "no rows": f"{BOTH} FROM range(0)",
        "missing everything": "SELECT NULL::INT AS row, NULL::VARCHAR AS id FROM range(:n)",
        "only rows": f"SELECT {ROW} FROM range(:n)",
        "no column of ours": "SELECT 1 AS x FROM range(:n)",
    }
)
BOMBS = {  # tables that are small on the disk and large in memory
    "thirty million rows": "SELECT 0::INT AS row, 'x' AS id FROM range(30_000_000)",
    "a text of 300 MB": "SELECT 0::INT AS row, repeat('x', 300_000_000) AS id",
    "a thousand texts of 1 MB": f"SELECT {ROW}, repeat('x', 1_000_000) AS id FROM range(1000)",
    "thirty texts of 30 MB": f"SELECT {ROW}, repeat('x', 30_000_000) AS id FROM range(30)",
    "ten million features": FEATURE.format(
        of="'user'", name="'n'", column="'c'", kind="'category'", value="'v'", edge="1.0::DOUBLE"
    )
    + " FROM range(10_000_000)",
}
BOMBS_SHARE = 0.04  # of odd tables: they take a second each
CODECS = ("zstd", "snappy", "gzip", "uncompressed", "lz4_raw", "brotli")


def odd_table(rng: np.random.Generator, bombs: Mapping[str, bytes]) -> tuple[str, bytes]:
    """A description and the bytes of a table that replaces one of a model."""
    if rng.random() < BOMBS_SHARE and bombs:
        name = sorted(bombs)[int(rng.integers(len(bombs)))]
        return name, bombs[name]
    name = sorted(QUERIES)[int(rng.integers(len(QUERIES)))]
    n, codec = (20, 30, 20, 30, 0)[int(rng.integers(5))], CODECS[int(rng.integers(len(CODECS)))]
    return name, written(QUERIES[name].replace(":n", str(n)), codec)


def write_bombs(scratch: Path) -> None:
    """Writes all decompression bombs to a folder, which takes seconds and more memory than a case may use."""
    (scratch / "bombs").mkdir()
    for name, query in BOMBS.items():
        (scratch / "bombs" / name).write_bytes(written(query, "zstd"))


def read_bombs(scratch: Path) -> dict[str, bytes]:
    """Bombs in a folder by name; empty if none were written."""
    return {one.name: one.read_bytes() for one in sorted(scratch.glob("bombs/*"))}


@cache
def written(query: str, codec: str) -> bytes:
    """The rows of a query as a Parquet file."""
    with TemporaryDirectory() as folder, shared_connection() as database:
        path = Path(folder) / "t.parquet"
        database.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION {codec})")
        return path.read_bytes()
