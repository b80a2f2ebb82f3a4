"""A held-out item among drawn ones, and files of lists."""

import gzip
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.data.splitting.split import Split, given_split, split
from cofactor.errors import BadArtifact, BadData, BadHyperparameter, SplitMismatch, UnknownId
from cofactor.evaluation.compare import compare_reports
from cofactor.evaluation.sampled_evaluation import evaluate_sampled
from cofactor.evaluation.sampled_negatives import Cases, draw_negatives, read_cases, read_split_cases
from cofactor.models.baseline import BaselineModel
from cofactor.trainers.ease import EASE
from cofactor.trainers.popularity import Popularity
from tests.conftest import Run


def popular() -> BaselineModel:
    """Scores of items a … d are 3, 2, 2, 1: how many rated them."""
    model = Popularity().fit(Ratings.of([*"uvwuvuwx"], [*"aaabbccd"], [1] * 8))
    assert isinstance(model, BaselineModel)
    return model


def cases(tmp_path: Path, *lines: str) -> Cases:
    (tmp_path / "negatives").write_text("\n".join(lines))
    return read_cases(tmp_path / "negatives")


def test_the_rank_is_that_among_the_drawn(tmp_path: Path) -> None:
    asked = cases(tmp_path, "(x,a)\tb\tc", "(w,b)\tc", "(v,d)\ta\tb\tc\t?", "(x,?)\td")
    ranks = [4, 2, 2, 1]  # of v's d, w's b, x's ? and a: a tie counts against the item; an unknown one is the last
    report = evaluate_sampled(popular(), asked, (1, 2, 10))
    assert report.ranks.tolist() == ranks
    for k in (1, 2, 10):
        gains = [(rank <= k) / math.log2(1 + rank) for rank in ranks]
        assert report.metrics[f"sampled_hit_rate@{k}"] == np.mean([rank <= k for rank in ranks])
        assert report.metrics[f"sampled_ndcg@{k}"] == pytest.approx(np.mean(gains))
    assert report.counts == {"ratings": 4, "users": 3, "items": 4, "negatives": 4}


def test_figures_are_the_means_of_their_samples(tmp_path: Path) -> None:
    asked = cases(tmp_path, "(x,a)\tb\tc", "(w,b)\tc", "(v,d)\ta\tb\tc", "(x,b)\td")
    report = evaluate_sampled(popular(), asked, (2,))
    assert all("sampled" in name for name in report.metrics)
    for name, value in report.metrics.items():
        found = report.samples(name)
        assert found is not None
        assert found.value == pytest.approx(value)
        assert found.weight.tolist() == [1, 1, 2]
        assert np.all(np.diff(found.user) > 0)
        assert report.standard_errors[name] > 0
    assert report.samples("ndcg@10") is None
    assert report.as_dict()["standard_errors"] == report.standard_errors
    lines = str(report).splitlines()
    assert [line.split()[0] for line in lines[1:3]] == list(report.metrics)
    assert lines[-1] == "evaluated on 4 interactions, 3 users, 3 items"
    assert ">sampled_ndcg@2<" in report._repr_html_()


def test_sampled_reports_compare_like_others() -> None:
    """EASE finds the two halves that rate different items, popularity nothing: a real difference, named as sampled."""
    cells = [(user, item) for user in range(40) for item in range(30) if (user + item) % 2 == 0 and (user * item) % 7]
    users, items = zip(*cells, strict=True)
    parts = split(Ratings.of(users, items, [1] * len(cells)), "one", validation=0)
    asked = draw_negatives(parts, 5)
    models = {"ease": EASE(l2=1.0).fit(parts.train), "popularity": Popularity().fit(parts.train)}
    found = compare_reports({name: [evaluate_sampled(model, asked)] for name, model in models.items()})
    differences = found.differences["sampled_ndcg@10"]
    assert differences["ease"].verdict == "the measure"
    assert differences["popularity"].verdict == "worse"
    assert set(found.as_dict()["models"]["ease"]["metrics"]) == {"sampled_hit_rate@10", "sampled_ndcg@10"}


def test_what_was_trained_on_is_no_test(tmp_path: Path) -> None:
    with pytest.raises(SplitMismatch, match="'u' and item 'b'"):
        evaluate_sampled(popular(), cases(tmp_path, "(u,b)\td"))
    with pytest.raises(UnknownId, match="'nobody'"):
        evaluate_sampled(popular(), cases(tmp_path, "(nobody,b)\td"))
    asked = cases(tmp_path, "(x,b)\td")
    with pytest.raises(BadArtifact, match="NaN"):
        evaluate_sampled(replace(popular(), mean=math.nan), asked)
    with pytest.raises(BadHyperparameter, match="k is"):
        evaluate_sampled(popular(), asked, ())
    other = replace(popular(), training_data=replace(popular().training_data, split="a" * 64))
    with pytest.raises(SplitMismatch, match="aaaaaaaaaaaa"):
        evaluate_sampled(other, Cases(replace(asked.test, split="b" * 64), asked.negatives))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), n=st.integers(1, 12))
def test_negatives_are_what_the_user_rated_nowhere(seed: int, n: int) -> None:
    cells = np.random.default_rng(seed).permutation(12 * 14)[:90]
    ratings = Ratings.of(cells // 14, cells % 14, [1] * 90)
    parts = split(ratings, "one", seed=seed)
    asked = draw_negatives(parts, n, seed)
    rated = ratings.by_user().toarray() != 0
    for user, row in zip(asked.test.user, asked.negatives, strict=True):
        negatives = row[row >= 0]
        assert len(set(negatives.tolist())) == len(negatives) == min(n, np.count_nonzero(~rated[user] & rated.any(0)))
        assert not rated[user, negatives].any()
    np.testing.assert_array_equal(asked.negatives, draw_negatives(parts, n, seed).negatives)
    assert len(asked.test) < 5 or n > 5 or (asked.negatives != draw_negatives(parts, n, seed + 1).negatives).any()


def test_every_free_item_is_drawn_equally_often() -> None:
    n_items, times = 12, 1000
    ratings = Ratings.of(["u", "u", *"v" * n_items], ["0", "1", *map(str, range(n_items))], [1] * (n_items + 2))
    held_out = (ratings.user == 0) & (ratings.item == 1)
    parts = Split(ratings.where(~held_out), ratings.where([]), ratings.where(held_out), "toy")
    counts = np.zeros(n_items)
    for seed in range(times):
        counts[draw_negatives(parts, 3, seed).negatives[0]] += 1
    assert counts[:2].sum() == 0  # the user's own
    expected = times * 3 / 10
    assert np.sum((counts[2:] - expected) ** 2 / expected) < 28  # χ² of nine degrees of freedom: p about 0.001


def test_published_files_are_read(tmp_path: Path) -> None:
    asked = cases(tmp_path, "(0,25)\t10\t25\t10\t7", "(1, 3)\t4")  # itself and a repeated one are no negatives
    ids = asked.test.items.ids
    assert [[ids[one] for one in row if one >= 0] for row in asked.negatives] == [["10", "7"], ["4"]]
    assert ids[asked.test.item].tolist() == ["25", "3"]


def test_a_file_must_be_of_the_split(tmp_path: Path) -> None:
    ratings = Ratings.of([*"aabbb"], ["1", "2", "1", "2", "3"], [1] * 5)
    parts = Split(ratings.where([0, 2, 4]), ratings.where([]), ratings.where([3, 1]), "toy")
    (tmp_path / "n").write_text("(a,2)\t3\t99\n(b,2)\t7\n")  # 99 and 7 are unknown to the split
    asked = read_split_cases(tmp_path / "n", parts)
    assert asked.test is parts.test
    assert asked.negatives.tolist() == [[-1, -1], [2, -1]]
    (tmp_path / "n").write_text("(a,2)\t3\n(b,3)\t1\n")
    with pytest.raises(BadData, match="not the test pairs of the split"):
        read_split_cases(tmp_path / "n", parts)


@pytest.mark.parametrize("text", ["", "(0,1)\t2\n0\t1\t2\n", "(0,1)\t2\n(0,1)\n", "(0,1)\t2\n\n"])
def test_a_line_that_is_no_case_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "n").write_text(text)
    with pytest.raises(BadData, match=r"line 2|empty"):
        read_cases(tmp_path / "n")


# --- lists


def test_lists_are_pairs_of_value_one(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("0 5 10 2 5\n7\n\n10 2\nx\t10\n")
    ratings = read(tmp_path / "train.txt", layout="lists")
    pairs = zip(ratings.users.ids[ratings.user], ratings.items.ids[ratings.item], strict=True)
    assert [*pairs] == [("0", "10"), ("0", "2"), ("0", "5"), ("10", "2"), ("x", "10")]
    assert ratings.items.ids.tolist() == ["2", "5", "10"]
    assert (ratings.value.tolist(), ratings.kind, ratings.time) == ([1, 1, 2, 1, 1], "counts", None)
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
        read(tmp_path / "none.txt", layout="lists")
    assert len(read(tmp_path, layout="lists")) == 1
    with pytest.raises(BadData, match="unknown layout 'list'"):
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
    assert "160 interactions by 20 users on 27 items" in done.stderr
    assert run("evaluate", "models/popularity", "lists.txt", "--layout=lists").exit_code == 0
