"""Exports ratings to a folder for other programs: TFRecord shards, a CSV or a Parquet file, and a manifest.

cofactor-export.json     format, counts, scale, and the split and part that the ratings belong to, if any
part-00000-of-00008.tfrecord … | ratings.csv | ratings.parquet
items.csv       item, title, genres, where there are titles

A split is a folder with such a manifest and such a folder for each part: train, validation, test.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cofactor import atomic_folders
from cofactor.data.align_vocabularies import align, reindex
from cofactor.data.duckdb_connection import quoted, shared_connection, table_write_errors
from cofactor.data.exporting.export_manifest import CHANGED_HINT, FORMAT, MANIFEST, is_export, read_manifest
from cofactor.data.parquet import join_parquet, parquet_table, write_parquet
from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.data.splitting.split import PARTS, Split
from cofactor.data.tfrecord.record_files import frame_records, record_file
from cofactor.data.tfrecord.shards import shard_name
from cofactor.data.tfrecord.user_examples import encode_examples
from cofactor.errors import BadData
from cofactor.output_checks import check_output_folder, real_path, write_errors

FileFormat = Literal["tfrecord", "csv", "parquet"]
Progress = Callable[[int, int], object]  # ratings written, ratings in all

USERS_PER_SHARD = 100_000  # users in a shard by default
MAX_SHARDS = 99_999  # five digits number them
ROWS = 1 << 20  # rows of a table that are written at a time
BATCH = 1_000  # records that are written at a time


@dataclass(frozen=True)
class ExportOptions:
    """The format of an export; for TFRecord the number of shards, or of users in each; whether files are gzipped."""

    format: FileFormat = "tfrecord"
    shards: int | None = None
    per_shard: int | None = None
    gzipped: bool = False

    def __post_init__(self) -> None:
        if self.format != "tfrecord" and (self.shards or self.per_shard):
            raise BadData(f"shards are for tfrecord; {self.format} is a single file", "leave out the number of shards")
        if self.format == "parquet" and self.gzipped:
            raise BadData("parquet files are compressed already", "leave out the compression")
        if self.shards is not None and self.per_shard is not None:
            raise BadData("both a number of shards and a number of users in each", "give one of them")
        for number in (self.shards, self.per_shard):
            if number is not None and number < 1:
                raise BadData(f"shards of {number}", "give a number from 1")

    def bounds(self, users: int) -> list[int]:
        """The first user of each shard, and the number of users at the end."""
        shards = self.shards or max(1, -(-users // (self.per_shard or USERS_PER_SHARD)))
        if shards > MAX_SHARDS:
            raise BadData(f"{shards:,} shards", f"there may be {MAX_SHARDS:,}: put more users into each")
        if self.shards is None:
            return [*range(0, max(users, 1), self.per_shard or USERS_PER_SHARD), users]
        return [users * number // shards for number in range(shards + 1)]


def export(
    source: Ratings | Split, path: Path | str, options: ExportOptions | None = None, progress: Progress | None = None
) -> None:
    """Writes ratings or a split to a folder, completely or not at all; an earlier export there is replaced.

    Users are distributed to shards in the order of their ids: the same ratings and options give the same bytes. Raises
    BadData where the path is something else, or cannot be written.
    """
    options, path = options or ExportOptions(), Path(path)
    with write_errors(path, BadData):
        target = real_path(path, BadData)
    if path.exists() and not is_export(path) and not (path.is_dir() and not any(path.iterdir())):
        raise BadData(f"{path} exists and is not an export", "choose another name; nothing was overwritten")
    check_output_folder(path, BadData)
    working = atomic_folders.temporary_path(target)
    try:
        with table_write_errors(path):
            working.mkdir(parents=True)
            _fill(source, working, options, progress or (lambda done, total: None))
            atomic_folders.replace_folder(working, target)
    finally:
        shutil.rmtree(working, ignore_errors=True)


def load_exported_split(path: Path | str) -> Split:
    """The split that was exported to a folder.

    Raises BadData or BadArtifact, with the file, where something is missing, damaged or changed.
    """
    folder, manifest = Path(path), read_manifest(Path(path))
    try:
        counts = {name: int(manifest["parts"][name]) for name in PARTS}
        facts = str(manifest["kind"]), int(manifest["seed"]), str(manifest["split"])
    except (KeyError, TypeError, ValueError) as e:
        raise BadData(f"{folder / MANIFEST} describes no split: {e}", CHANGED_HINT) from None
    read_back = {name: read(folder / name) for name in PARTS if counts[name]}
    whole = reduce(lambda one, other: align(one, other)[0], read_back.values())
    parts = {
        name: reindex(whole, read_back[name]) if counts[name] else whole.where(np.empty(0, np.int64)) for name in PARTS
    }
    return Split(**parts, kind=facts[0], seed=facts[1], fingerprint=facts[2])


def _fill(source: Ratings | Split, folder: Path, options: ExportOptions, progress: Progress) -> None:
    if isinstance(source, Ratings):
        _write(source, folder, options, progress)
        return
    total, done = sum(map(len, source.parts.values())), 0
    for name, part in source.parts.items():
        (folder / name).mkdir()
        _write(part, folder / name, options, _after(progress, done, total), name)
        done += len(part)
    made = {"kind": source.kind, "seed": source.seed, "split": source.fingerprint}
    counts = {name: len(part) for name, part in source.parts.items()}
    _write_manifest(folder, {**made, "parts": counts})


def _after(progress: Progress, done: int, total: int) -> Progress:
    """The progress of one part in that of the whole split."""
    return lambda now, _: progress(done + now, total)


def _write(ratings: Ratings, folder: Path, options: ExportOptions, progress: Progress, part: str | None = None) -> None:
    records = {}
    if options.format == "tfrecord":
        records = {"records": _write_shards(ratings, folder, options, progress)}
    else:
        _write_table(ratings, folder, options, progress)
    if ratings.titles is not None:
        _write_titles(ratings, folder / "items.csv")
    used = len(np.unique(ratings.user)), len(np.unique(ratings.item))
    facts = {"of": options.format, "ratings": len(ratings), "users": used[0], "items": used[1]}
    scale = {"scale": list(ratings.scale), "step": ratings.step, "timed": ratings.time is not None}
    _write_manifest(folder, {**facts, "values": ratings.kind, **scale, "split": ratings.split, "part": part, **records})


def _write_manifest(folder: Path, facts: Mapping[str, Any]) -> None:
    text = json.dumps({"format": FORMAT, **facts}, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _write_shards(ratings: Ratings, folder: Path, options: ExportOptions, progress: Progress) -> dict[str, int]:
    """Writes the shards; the number of records by file."""
    users = len(np.unique(ratings.user))
    bounds = options.bounds(users)
    shards = len(bounds) - 1
    examples = (one for some in encode_examples(ratings) for one in some)
    written = {}
    for number, (first, stop) in enumerate(pairwise(bounds)):
        name = shard_name(number, shards, gzipped=options.gzipped)
        with record_file(folder / name, gzipped=options.gzipped) as file:
            for begin in range(first, stop, BATCH):
                some = [next(examples) for _ in range(min(BATCH, stop - begin))]
                file.write(frame_records(some))
                progress(len(ratings) * (begin + len(some)) // users, len(ratings))
        written[name] = stop - first
    return written


def _write_table(ratings: Ratings, folder: Path, options: ExportOptions, progress: Progress) -> None:
    """Writes some rows at a time to a file of their own, then joins the files: memory is that of these rows."""
    working = folder / ".parts"
    working.mkdir()
    parts: list[Path] = []
    for begin in range(0, max(len(ratings), 1), ROWS):
        here = slice(begin, begin + ROWS)
        ids = {"user": ratings.users.ids[ratings.user[here]], "item": ratings.items.ids[ratings.item[here]]}
        times = {} if ratings.time is None else {"time": ratings.time[here]}
        parts.append(working / f"{len(parts):06}.parquet")
        write_parquet(parts[-1], {**ids, "rating": ratings.value[here], **times}, compression="uncompressed")
        progress(min(begin + ROWS, len(ratings)), len(ratings))
    if options.format == "parquet":
        join_parquet(parts, folder / "ratings.parquet")
    else:
        _copy_csv(f"FROM {parquet_table(*parts)}", folder / f"ratings.csv{'.gz' if options.gzipped else ''}")
    shutil.rmtree(working)


def _write_titles(ratings: Ratings, path: Path) -> None:
    assert ratings.titles is not None
    genres = {} if ratings.genres is None else {"genres": ratings.genres}
    columns = {"item": ratings.items.ids, "title": ratings.titles, **genres}
    table = path.with_suffix(".parquet")
    write_parquet(table, columns)
    _copy_csv(f"FROM {parquet_table(table)}", path)
    table.unlink()


def _copy_csv(query: str, path: Path) -> None:
    packed = "gzip" if path.suffix == ".gz" else "none"
    with shared_connection() as database:
        database.execute(f"COPY ({query}) TO {quoted(str(path.absolute()))} (FORMAT csv, HEADER, COMPRESSION {packed})")
