"""Counts and pairs beside ratings: what `Ratings.kind` allows, and that nothing loses it."""

from dataclasses import replace

import numpy as np
import orjson
import pytest

from cofactor.data.align_vocabularies import align
from cofactor.data.exporting.export import ExportOptions, export, load_exported_split
from cofactor.data.merge_feedback import merge_events
from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.data.splitting.saved_split import MANIFEST
from cofactor.data.splitting.split import load_split, save_split, split
from cofactor.errors import BadArtifact, BadData
from cofactor.saved.manifest import write
from cofactor.saved.model_folder import load, load_manifest, save
from cofactor.trainers.popularity import Popularity
from cofactor.training.checkpoint import digest_ratings

KINDS = ["ratings", "counts", "pairs"]


def interactions(kind: str) -> Ratings:
    """Four users with five items each, a different item less for each."""
    cells = [(user, item) for user in range(4) for item in range(6) if user != item]
    values = [1.0 if kind == "pairs" else 1.0 + (3 * user + item) % 5 for user, item in cells]
    return Ratings.of(*zip(*cells, strict=True), values, range(len(cells)), kind=kind)


@pytest.mark.parametrize(
    ("kind", "values", "says"),
    [
        ("counts", [1, -2], "count 1 is -2"),
        ("counts", [1, np.inf], "rating 1 is inf"),
        ("pairs", [1, 2], "pair 1 has the value 2"),
        ("pairs", [0, 1], "pair 0 has the value 0"),
        ("stars", [1, 1], "unknown kind of values 'stars'"),
    ],
)
def test_values_that_are_none_of_their_kind(kind, values, says):
    with pytest.raises(BadData, match=says):
        Ratings.of(["a", "b"], ["x", "y"], values, kind=kind)


def test_a_count_may_be_zero_and_a_fraction():
    assert Ratings.of(["a", "b"], ["x", "y"], [0, 2.5], kind="counts").value.tolist() == [0, 2.5]


def test_counts_of_a_repeated_pair_are_added_up():
    table = Ratings.of(["a", "b", "a"], ["x", "x", "x"], [2, 5, 3.5], [3, 1, 2], kind="counts")
    assert {*zip(table.users.ids[table.user], table.value.tolist(), table.time.tolist(), strict=True)} == {
        ("a", 5.5, 3), ("b", 5.0, 1)
    }  # fmt: skip
    assert table.origin is not None
    assert (table.origin.duplicates, table.origin.repeats) == (1, "sum")
    assert Ratings.of(["a", "a"], ["x", "x"], [1, 1], kind="pairs").value.tolist() == [1]
    with pytest.raises(BadData, match="count 1 is -2"):
        Ratings.of(["a", "a"], ["x", "x"], [3, -2], kind="counts")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("ratings", "20 ratings from 1 to 5 by 4 users on 6 items"),
        ("counts", "20 interactions with counts from 1 to 5 by 4 users on 6 items"),
        ("pairs", "20 interactions by 4 users on 6 items"),
    ],
)
def test_a_summary_names_what_the_values_are(kind, said):
    table = interactions(kind)
    assert table.summary() == f"{said}, 1970-01-01"
    assert repr(table.training_data) == f"<training data: {said}>"
    assert repr(table).startswith(f"<20 {'ratings' if kind == 'ratings' else 'interactions'}, ")


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_kept_everywhere(kind, tmp_path):
    table = interactions(kind)
    parts = split(table, "last")
    assert {part.kind for part in parts.parts.values()} == {kind}
    save_split(parts, tmp_path / "split")
    assert {part.kind for part in load_split(tmp_path / "split").parts.values()} == {kind}
    model = Popularity().fit(parts.train)
    save(model, tmp_path / "model")
    assert model.training_data.kind == load(tmp_path / "model").training_data.kind == kind
    later = merge_events(table, "store", ["0", "1"], ["0", "0"], np.array([1.0, np.nan]), np.array([9, 9]))
    assert (later.kind, len(later)) == (kind, 20)
    assert {one.kind for one in align(table, table.where([0]))} == {kind}


@pytest.mark.parametrize("options", [ExportOptions(), ExportOptions("csv"), ExportOptions("parquet")])
@pytest.mark.parametrize("kind", KINDS)
def test_an_export_keeps_the_kind(kind, options, tmp_path):
    table = interactions(kind)
    if kind == "counts":
        table = replace(table, value=table.value**9, scale=(0.0, 0.0))
    export(table, tmp_path / "whole", options)
    again = read(tmp_path / "whole")
    assert (again.kind, again.value.sum()) == (kind, table.value.sum())
    assert again.origin is not None
    assert not [note for note in again.origin.notes if "rating" in note], "they are of another kind"
    export(split(table, "last"), tmp_path / "split", options)
    assert {part.kind for part in load_exported_split(tmp_path / "split").parts.values()} == {kind}


def test_folders_of_earlier_versions_hold_ratings(tmp_path):
    table = interactions("ratings")
    save_split(split(table, "last"), tmp_path / "split")
    facts = orjson.loads((tmp_path / "split" / MANIFEST).read_bytes())
    del facts["values"]
    (tmp_path / "split" / MANIFEST).write_bytes(orjson.dumps(facts))
    assert load_split(tmp_path / "split").train.kind == "ratings"
    save(Popularity().fit(table), tmp_path / "model")
    manifest = load_manifest(tmp_path / "model")
    del manifest["ratings"]["kind"], manifest["sha256"]
    write(tmp_path / "model" / "manifest.json", manifest)
    assert load(tmp_path / "model").training_data.kind == "ratings"


def test_a_model_of_an_unknown_kind_of_values_is_refused(tmp_path):
    save(Popularity().fit(interactions("pairs")), tmp_path / "model")
    manifest = load_manifest(tmp_path / "model")
    manifest["ratings"]["kind"] = "stars"
    del manifest["sha256"]
    write(tmp_path / "model" / "manifest.json", manifest)
    with pytest.raises(BadArtifact, match="unknown kind of ratings"):
        load(tmp_path / "model")


def test_pairs_beside_counts_are_counts_and_neither_goes_with_ratings():
    counts, pairs, ratings = (interactions(kind) for kind in ("counts", "pairs", "ratings"))
    assert {one.kind for one in align(counts, pairs)} == {"counts"}
    with pytest.raises(BadData, match="pairs and ratings cannot be parts of the same data"):
        align(pairs, ratings)


def test_a_checkpoint_of_counts_is_not_that_of_ratings():
    assert digest_ratings([interactions("counts")]) != digest_ratings([interactions("ratings")])
