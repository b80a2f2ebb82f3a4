"""TFRecord between cofactor and TensorFlow itself, both ways: `make interop`. Not a part of `make test`.

What we write is read with tf.data and tf.io, what TensorFlow writes is read with `cofactor.read`, plain and gzipped;
the example of docs/tfrecord.md is run as it stands.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import numpy as np
import tensorflow as tf

from cofactor.data.exporting.export import ExportOptions, export
from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.data.synthetic.generate import generate
from cofactor.data.tfrecord.record_files import frame_records, read_records
from cofactor.data.tfrecord.user_examples import NAMES, encode_examples

PAGE = Path(__file__).parent.parent / "docs" / "tfrecord.md"
COMPRESSION = {False: "", True: "GZIP"}

Row = tuple[str, str, float, int | None]


def tables() -> Iterator[tuple[str, Ratings]]:
    """Ratings of every kind: with half stars, without times, with ids of any letters, with extreme numbers."""
    made = generate(500, 200, 40, seed=1)
    yield "made, half stars", made
    yield "made, no times", Ratings(made.users, made.items, made.user, made.item, made.value)
    letters = ["ä", "日本", "\U0001f600", 'a,b\n"c"', "\x00", " "]
    yield "ids of any letters", Ratings.of(letters * 2, letters + letters[::-1], np.arange(12) / 2, range(12))
    values = np.array([1e-45, -0.0, 3.4028235e38, 0.1, 1 / 3, -9.91], np.float32)
    yield "extreme numbers", Ratings.of(["u"] * 6, list("abcdef"), values, [0, -1, 127, 128, 2**31, 10**10])


def rows(ratings: Ratings) -> list[Row]:
    times = [None] * len(ratings) if ratings.time is None else ratings.time.tolist()
    ids = ratings.users.ids[ratings.user], ratings.items.ids[ratings.item]
    return sorted(zip(*ids, ratings.value.tolist(), times, strict=True))


def rows_by_tensorflow(files: list[str], gzipped: bool, timed: bool) -> list[Row]:
    """The ratings of shards, by TFRecordDataset and parse_example."""
    features: dict[str, Any] = {
        NAMES["user"]: tf.io.FixedLenFeature([], tf.string),
        NAMES["item"]: tf.io.RaggedFeature(tf.string),
        NAMES["rating"]: tf.io.RaggedFeature(tf.float32),
    }
    if timed:
        features[NAMES["time"]] = tf.io.RaggedFeature(tf.int64)
    records = tf.data.TFRecordDataset(files, compression_type=COMPRESSION[gzipped]).batch(64)
    found = []
    for batch in records.map(lambda some: tf.io.parse_example(some, features)):
        for place, user in enumerate(batch[NAMES["user"]].numpy()):
            items = [item.decode() for item in batch[NAMES["item"]][place].numpy()]
            times = batch[NAMES["time"]][place].numpy().tolist() if timed else [None] * len(items)
            values = batch[NAMES["rating"]][place].numpy().tolist()
            found += [(user.decode(), *row) for row in zip(items, values, times, strict=True)]
    return sorted(found)


def feature(values: Any) -> Any:
    if isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def examples_by_tensorflow(ratings: Ratings) -> list[bytes]:
    """The same records as ours, by TensorFlow's own classes."""
    made = []
    for user in np.unique(ratings.user).tolist():
        here = ratings.user == user
        lists: dict[str, Any] = {
            "user": [ratings.users.ids[user].encode()],
            "item": [item.encode() for item in ratings.items.ids[ratings.item[here]]],
            "rating": ratings.value[here].tolist(),
        }
        if ratings.time is not None:
            lists["time"] = ratings.time[here].tolist()
        features = tf.train.Features(feature={NAMES[role]: feature(values) for role, values in lists.items()})
        made.append(tf.train.Example(features=features).SerializeToString(deterministic=True))
    return made


def check(ratings: Ratings, gzipped: bool, folder: Path) -> str:
    """Both directions for one table; what was found to be equal."""
    export(ratings, folder / "ours", ExportOptions(shards=3, gzipped=gzipped))
    files = sorted(map(str, (folder / "ours").glob("part-*")))
    assert rows_by_tensorflow(files, gzipped, ratings.time is not None) == rows(ratings), "TensorFlow reads ours"
    examples = examples_by_tensorflow(ratings)
    theirs = folder / "theirs.tfrecord"
    with tf.io.TFRecordWriter(str(theirs), COMPRESSION[gzipped]) as file:
        for one in examples:
            file.write(one)
    assert rows(read(theirs)) == rows(ratings), "we read TensorFlow's"
    assert [one for some in encode_examples(ratings) for one in some] == examples, "the same Examples"
    if not gzipped:
        assert frame_records(examples) == theirs.read_bytes(), "the same file, checksums and all"
    assert [one.data for one in read_records(theirs)] == examples
    return f"{len(ratings):,} ratings, {len(examples):,} records, {theirs.stat().st_size:,} bytes"


def run_page(folder: Path) -> None:
    """The TensorFlow example of the documentation, in a folder with `records`."""
    export(generate(500, 200, 40, seed=1), folder / "records", ExportOptions(shards=4, gzipped=True))
    (block,) = (one for one in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "tensorflow" in one)
    program = folder / "example.py"
    program.write_text(block)
    done = subprocess.run([sys.executable, program.name], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["(100,)"] * 5, done.stdout


def main() -> None:
    print(f"TensorFlow {tf.__version__}")
    for name, ratings in tables():
        for gzipped in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                said = check(ratings, gzipped, Path(folder))
            print(f"ok  {name}, {'gzip' if gzipped else 'plain'}: {said}")
    with tempfile.TemporaryDirectory() as folder:
        run_page(Path(folder))
    print(f"ok  the example of {PAGE.name}")


if __name__ == "__main__":
    main()
