"""The published protocols as data: their splits are those of the literature, and counted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cofactor.data.datasets.published_splits import binarize
from cofactor.data.reading.read import read
from cofactor.errors import BadData
from cofactor.evaluation.sampled_negatives import read_cases
from cofactor.experiments.protocols.registry import PROTOCOLS, ExpectedCounts
from cofactor.trainers import TRAINERS


def test_what_is_listed_is_whole() -> None:
    for name, one in PROTOCOLS.items():
        assert one.name == name
        assert one.splits
        assert one.about.endswith(".")
        assert one.source
        assert one.origin
        lengths = {int(metric.partition("@")[2]) for metric in one.metrics if "@" in metric}
        assert lengths <= set(one.k), f"{name} shows lists that are not measured"
        assert one.published
        for other in one.published:
            assert other.figures
            assert set(other.figures) <= set(one.metrics), other.system
            assert all(0 < figure < 1 for figure in other.figures.values())
            assert other.source
        assert one.as_dict()["published"][0]["system"] == one.published[0].system


def test_the_page_lists_them_with_their_counts() -> None:
    page = (Path(__file__).parent.parent / "docs" / "protocols.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    listed = {row[0].strip("| `"): row[3] for row in rows}
    assert listed == {name: f"{one.counts.train:,}, {one.counts.test:,}" for name, one in PROTOCOLS.items()}


def test_figures_of_one_source_are_there() -> None:
    """Some by hand, from the papers and from the table of what was measured."""
    found = {(name, other.system): other for name, one in PROTOCOLS.items() for other in one.published}
    assert found["gowalla", "LightGCN"].figures == {"recall@20": 0.1830, "ndcg@20": 0.1554}
    neural = found["ncf-ml-1m", "NeuMF"]
    assert neural.figures == {"sampled_hit_rate@10": 0.7093, "sampled_ndcg@10": 0.4349}
    assert neural.how == "published"
    surprise = found["ml-1m-90-10", "SVD++"]
    assert (surprise.figures["rmse"], surprise.cpu_seconds, surprise.how) == (0.8574, 226, "measured here")


def test_files_that_are_not_those_of_the_protocol_are_an_error(tmp_path: Path) -> None:
    for part, text in (("train", "0 1 2 3 4 5 6 7 8 9 10\n1 0\n"), ("test", "0 0\n1 2 1\n")):
        (tmp_path / f"{part}.txt").write_text(text)
    protocol = PROTOCOLS["gowalla"]
    with pytest.raises(BadData, match="gowalla: 2 users, not 29,858") as error:
        next(protocol.plan(tmp_path).splits())
    assert "LightGCN" in error.value.hint
    for counts, said in (
        (ExpectedCounts(2, 12, 11, 3), "11 items, not 12"),
        (ExpectedCounts(2, 11, 10, 3), "11 training ratings, not 10"),
        (ExpectedCounts(2, 11, 11, 2), "3 test ratings, not 2"),
    ):
        with pytest.raises(BadData, match=said):
            next(replace(protocol, counts=counts).load_splits(tmp_path))
    ((name, parts),) = replace(protocol, counts=ExpectedCounts(2, 11, 11, 3)).load_splits(tmp_path, validation=0)
    assert (name, len(parts.validation)) == ("lightgcn", 0)
    (tmp_path / "test.txt").unlink()
    with pytest.raises(BadData, match=r"has no test\.txt"):
        next(protocol.load_splits(tmp_path))


def test_movielens_100k_keeps_its_folds_and_holds_back_a_tenth_of_train(real_data: Path) -> None:
    plan = PROTOCOLS["ml-100k-u1"].plan(real_data / "ml-100k")
    assert plan.refit
    assert plan.metrics == ("rmse", "mae")
    ((name, parts),) = plan.splits()
    lines = (real_data / "ml-100k" / "u1.test").read_text().splitlines()
    expected = {tuple(line.split("\t")[:2]) for line in lines}
    found = parts.test
    assert set(zip(found.users.ids[found.user], found.items.ids[found.item], strict=True)) == expected
    assert (name, len(parts.train), len(parts.validation)) == ("u1", 72_000, 8_000)
    report = plan.evaluate(TRAINERS["baseline"]().fit(parts.train), parts)
    assert set(plan.metrics) <= set(report.metrics)


def test_ml_1m_is_split_as_published(real_data: Path) -> None:
    ((name, parts),) = PROTOCOLS["ml-1m-90-10"].load_splits(real_data / "ml-1m", ("seed-1",), validation=0)
    lines = (real_data / "ml-1m" / "ratings_no_timestamps.csv").read_text().splitlines()[1:]
    expected = {lines[row] for row in np.random.default_rng(1).permutation(len(lines))[-(len(lines) // 10) :].tolist()}
    found = parts.test
    columns = found.users.ids[found.user], found.items.ids[found.item], found.value.astype(int).tolist()
    assert {f"{user},{item},{value}" for user, item, value in zip(*columns, strict=True)} == expected
    assert (name, parts.seed) == ("seed-1", 1)


def test_ml_1m_top_n_holds_out_a_fifth_of_each_user(real_data: Path) -> None:
    ((_, parts),) = PROTOCOLS["ml-1m-top-n"].load_splits(real_data / "ml-1m", ("seed-0",))
    learned = np.bincount(parts.train.user, minlength=6040) + np.bincount(parts.validation.user, minlength=6040)
    held_out = np.bincount(parts.test.user, minlength=6040)
    assert np.abs(held_out - (held_out + learned) / 5).max() <= 0.5
    assert set(parts.train.value.tolist()) == {1.0}
    assert parts.train.step is None


def test_ncf_by_the_most_popular(real_data: Path) -> None:
    """Its parts are all of MovieLens 1M, and its paper's figures of popularity come out."""
    home = real_data / "ncf-ml-1m"
    plan = PROTOCOLS["ncf-ml-1m"].plan(home)
    ((_, parts),) = plan.splits()
    users, counts = np.unique(parts.validation.user, return_counts=True)
    assert (len(users), set(counts.tolist())) == (6040, {1})
    movie = dict(np.loadtxt(home / "item_map_ncf_to_movieid.csv", delimiter=",", skiprows=1, dtype=str).tolist())
    whole = read(real_data / "ml-1m")
    rated = np.zeros((len(whole.users), len(whole.items)), dtype=np.int8)
    rated[whole.user, whole.item] = 1
    for part in parts.parts.values():  # users from 0 there, items by a number of their own
        user = whole.users.rows([str(1 + int(one)) for one in part.users.ids])
        item = whole.items.rows([movie[one] for one in part.items.ids])
        rated[user[part.user], item[part.item]] -= 1
    assert not rated.any()
    both = replace(
        parts.train,
        **{
            name: np.concatenate((getattr(parts.train, name), getattr(parts.validation, name)))
            for name in ("user", "item", "value")
        },
    )
    report = plan.evaluate(TRAINERS["popularity"]().fit(both), parts)
    assert report.metrics["sampled_hit_rate@10"] == pytest.approx(0.453, abs=0.001)
    assert report.metrics["sampled_ndcg@10"] == pytest.approx(0.254, abs=0.001)
    own = read_cases(home / "ml-1m.test.negative")
    assert np.count_nonzero((own.negatives < 0).any(axis=1)) >= 156  # some name the test item itself


def test_every_rating_is_a_positive() -> None:
    made = binarize(read({"user": ["a", "b"], "item": ["x", "x"], "rating": [1.5, 4.0]}))
    assert made.value.tolist() == [1, 1]
    assert (made.scale, made.step) == ((1, 1), None)
