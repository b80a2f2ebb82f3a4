"""A held-out item among drawn ones, and files of lists."""

import gzip
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.data.read import read
from cofactor.data.split import given_split
from cofactor.errors import BadArtifact, BadData, SplitMismatch, UnknownId
from cofactor.evaluation.sampled import Case, evaluate_sampled, read_cases
from cofactor.models.baseline import BaselineModel
from cofactor.trainers.popularity import Popularity
from tests.conftest import Run


def popular() -> BaselineModel:
    """Scores of items a … d are 3, 2, 2, 1: how many rated them."""
    model = Popularity().fit(Ratings.of([*"uvwuvuwx"], [*"aaabbccd"], [1] * 8))
    assert isinstance(model, BaselineModel)
    return model


def test_the_rank_is_that_among_the_drawn() -> None:
    model = popular()
    cases = [
        Case("x", "a", ["b", "c"]),
        Case("w", "b", ["c"]),
        Case("v", "d", ["a", "b", "c", "?"]),
        Case("x", "?", ["d"]),
    ]
    ranks = [1, 2, 4, 2]  # a tie counts against the item; an unknown one is the last
    for k in (1, 2, 10):
        report = evaluate_sampled(model, cases, k)
        assert report.metrics[f"hit_rate@{k}"] == np.mean([rank <= k for rank in ranks])
        gains = [(rank <= k) / math.log2(1 + rank) for rank in ranks]
        assert report.metrics[f"ndcg@{k}"] == pytest.approx(np.mean(gains))
        assert report.errors[f"ndcg@{k}"] == pytest.approx(np.std(gains, ddof=1) / 2)
    assert report.users == 4


def test_what_was_trained_on_is_no_test() -> None:
    with pytest.raises(SplitMismatch, match="'u' and item 'b'"):
        evaluate_sampled(popular(), [Case("u", "b", ["d"])])
    with pytest.raises(UnknownId, match="'nobody'"):
        evaluate_sampled(popular(), [Case("nobody", "b", ["d"])])
    with pytest.raises(BadArtifact, match="NaN"):
        evaluate_sampled(replace(popular(), mean=math.nan), [Case("x", "b", ["d"])])


def test_published_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "n").write_text("(0,25)\t10\t25\t10\t7\n(1, 3)\t4\n")
    assert read_cases(tmp_path / "n")[0] == Case("0", "25", ["10", "7"])  # itself and a repeated one are no negatives


@pytest.mark.parametrize("text", ["", "(0,1)\t2\n0\t1\t2\n", "(0,1)\t2\n(0,1)\n", "(0,1)\t2\n\n"])
def test_a_line_that_is_no_case_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "n").write_text(text)
    with pytest.raises(BadData, match=r"line 2|empty"):
        read_cases(tmp_path / "n")


def test_the_protocol_on_movielens_1m(real_data: Path) -> None:
    train = read(real_data / "ncf-ml-1m" / "ml-1m.train.rating_no_timestamps")
    cases = read_cases(real_data / "ncf-ml-1m" / "ml-1m.test.negative")
    assert len(cases) == 6040
    assert sum(len(case.negatives) < 99 for case in cases) >= 156
    times = Counter(train.items.ids[train.item].tolist())
    ranks = [1 + sum(times[one] >= times[case.item] for one in case.negatives) for case in cases]
    report = evaluate_sampled(Popularity().fit(train), cases)
    assert report.metrics["hit_rate@10"] == pytest.approx(np.mean([rank <= 10 for rank in ranks]), abs=1e-12)
    assert report.metrics["ndcg@10"] == pytest.approx(
        np.mean([1 / math.log2(1 + rank) if rank <= 10 else 0 for rank in ranks]), abs=1e-12
    )


# --- lists


def test_lists_are_pairs_of_value_one(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("0 5 10 2 5\n7\n\n10 2\nx\t10\n")
    ratings = read(tmp_path / "train.txt", layout="lists")
    pairs = zip(ratings.users.ids[ratings.user], ratings.items.ids[ratings.item], strict=True)
    assert [*pairs] == [("0", "10"), ("0", "2"), ("0", "5"), ("10", "2"), ("x", "10")]
    assert ratings.items.ids.tolist() == ["2", "5", "10"]
    assert ratings.value.tolist() == [1] * 5
    assert (ratings.scale, ratings.time, ratings.step) == ((1, 1), None, None)
    assert ratings.origin is not None
    assert (ratings.origin.rows, ratings.origin.duplicates) == (6, 1)
    with gzip.open(tmp_path / "train.txt.gz", "wt") as file:
        file.write("\ufeff0 5\n")
    assert read(tmp_path / "train.txt.gz", layout="lists").users.ids.tolist() == ["0"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"1 2\n3 4\n1 5\n", "line 3: user '1' has a list in line 1"),
        (b"1 2\n3 \xff\n", "line 2: not UTF-8"),
        (b"", "no line has an item"),
        (b"user,item\n1,2\n", "no line has an item"),
    ],
)
def test_what_is_no_file_of_lists_is_said(tmp_path: Path, text: bytes, says: str) -> None:
    (tmp_path / "l.txt").write_bytes(text)
    with pytest.raises(BadData) as caught:
        read(tmp_path / "l.txt", layout="lists")
    assert caught.value.message.startswith(f"{tmp_path / 'l.txt'}: {says}")


def test_lists_take_no_other_options(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("1 2\n")
    for options in ({"columns": {"user": "x"}}, {"bad_rows": "skip"}):
        with pytest.raises(BadData, match="neither columns nor rows"):
            read(tmp_path / "l.txt", layout="lists", **options)
    with pytest.raises(BadData, match="no such file"):
        read(tmp_path, layout="lists")
    with pytest.raises(BadData, match="no layout called 'list'"):
        read(tmp_path / "l.txt", layout="list")  # type: ignore[arg-type]


def test_gowalla(real_data: Path) -> None:
    test = read(real_data / "gowalla" / "test.txt", layout="lists")
    assert (len(test), len(test.users), len(test.items)) == (217_242, 29_858, 38_546)


def test_two_files_of_lists_are_a_split(tmp_path: Path) -> None:
    for part, lines in (("train", "0 1 2 3\n1 2 4\n"), ("test", "1 9\n0 7\n")):
        (tmp_path / part).write_text(lines)
    parts = given_split(*(read(tmp_path / part, layout="lists") for part in ("train", "test")), validation=0)
    assert (len(parts.train), len(parts.test), len(parts.train.items)) == (5, 2, 6)


def test_the_command_takes_lists(run: Run, tmp_path: Path) -> None:
    lines = "".join(f"{user} {' '.join(str(user + step) for step in range(8))}\n" for user in range(20))
    (tmp_path / "lists.txt").write_text(lines)
    done = run("train", "popularity", "lists.txt", "--layout", "lists")
    assert done.exit_code == 0, done.stderr
    assert "160 ratings from 1 to 1" in done.stderr
    assert run("evaluate", "models/popularity", "lists.txt", "--layout=lists").exit_code == 0
