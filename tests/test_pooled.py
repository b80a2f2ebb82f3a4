"""Models of pooled histories against their formulas, and the choice of what is pooled."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from cofactor.data.ratings import Ratings, make_histories
from cofactor.errors import BadArtifact
from cofactor.models.base import Model
from cofactor.models.pooled import PooledFactorModel, PooledModel, pooled_ratings
from cofactor.saved.model_folder import load, save
from tests.toys import noise

KINDS = (PooledFactorModel, PooledModel)
N_ITEMS, RANK = 20, 3


def made(kind: type[PooledFactorModel] = PooledFactorModel, most: float = 5.0) -> PooledFactorModel:
    """A model of random vectors over noise, in whose histories some users have more than `most` ratings."""
    ratings, rng = noise(), np.random.default_rng(4)
    p, q, y = (rng.normal(0, 0.6, (n, RANK)).astype(np.float32) for n in (30, N_ITEMS, N_ITEMS))
    b, c = (rng.normal(0, 0.2, n).astype(np.float32) for n in (30, N_ITEMS))
    model = kind(ratings.training_data, (0.5, 5), 2.75, b, c, p, q, 0.1, 0.05, y, most)
    return replace(model, user_vectors=p + model.pooled_vectors(ratings.by_user()))


def plain_pool(model: PooledFactorModel, items: list[int]) -> np.ndarray:
    counts = model.training_data.item_counts
    kept = sorted(items, key=lambda item: (counts[item] == 0, counts[item], item))[: int(model.most)]
    return sum((model.set_vectors[j].astype(np.float64) for j in kept), np.zeros(RANK)) / max(len(kept), 1) ** 0.5


@pytest.mark.parametrize("most", [1.0, 5.0, 20.0])
def test_a_pool_is_the_sum_of_the_kept_over_the_root_of_their_number(most: float) -> None:
    model, given = made(most=most), noise(seed=2).by_user()
    vectors = model.pooled_vectors(given)
    for user in range(30):
        items = given[[user]].indices.tolist()
        np.testing.assert_allclose(vectors[user], plain_pool(model, items), atol=1e-6)
        without = model.pooled_vectors_without_each(given[[user]])
        for place, item in enumerate(items):
            left = plain_pool(model, [j for j in items if j != item])
            np.testing.assert_allclose(without[place], left, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    cells=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), unique=True, max_size=40),
    counts=st.lists(st.integers(0, 3), min_size=10, max_size=10),
    most=st.integers(1, 10),
)
def test_the_rarest_items_are_pooled(cells: list[tuple[int, int]], counts: list[int], most: int) -> None:
    user, item = (np.array([cell[k] for cell in cells], dtype=int) for k in (0, 1))
    given = csr_array((np.ones(len(cells), np.float32), (user, item)), shape=(5, 10))
    given.sort_indices()

    def rarity(item: int) -> tuple[bool, int, int]:
        return counts[item] == 0, counts[item], item

    inside = pooled_ratings(given, np.array(counts, dtype=np.int32), most)
    for row in range(5):
        here = slice(given.indptr[row], given.indptr[row + 1])
        wanted = sorted(given.indices[here].tolist(), key=rarity)[:most]
        assert sorted(given.indices[here][inside[here]].tolist()) == sorted(wanted)


def test_a_fold_in_is_the_ridge_around_the_pool() -> None:
    model, given = made(), noise(seed=2).by_user()
    bias, vectors = model.fold_in_vectors(given)
    history, counts = model.training_data.interactions, model.training_data.user_counts
    own = np.column_stack([model.user_vectors - model.pooled_vectors(history), model.user_bias]).astype(np.float64)
    rated = np.flatnonzero(counts)
    spread = np.average(own[rated] ** 2, axis=0, weights=(counts / (counts + 10))[rated])
    caution = 2 * np.mean((model.score_rows(np.arange(30))[history.nonzero()] - history.data) ** 2) / spread
    for user in (0, 7, 28):
        items, ratings = given[[user]].indices, given[[user]].data
        x, n = plain_pool(model, items.tolist()), len(items)
        design = np.column_stack([model.item_vectors[items], np.ones(n)]).astype(np.float64)
        pull = np.sqrt(n * np.array([model.vector_l2] * RANK + [model.bias_l2]) + caution * (10 / (10 + n)) ** 2)
        target = np.concatenate([ratings - model.mean - model.item_bias[items], pull * np.append(x, 0)])
        expected = np.linalg.lstsq(np.vstack([design, np.diag(pull)]), target, rcond=None)[0]
        np.testing.assert_allclose(np.append(vectors[user], bias[user]), expected, atol=1e-5)


def test_without_own_vectors_a_fold_in_is_the_pool_and_the_shrunken_mean_error() -> None:
    model, given = made(PooledModel), noise(seed=2).by_user()
    bias, vectors = model.fold_in_vectors(given)
    for user in (0, 7, 28):
        items, ratings = given[[user]].indices, given[[user]].data
        x = plain_pool(model, items.tolist())
        error = ratings - model.mean - model.item_bias[items] - model.item_vectors[items].astype(np.float64) @ x
        np.testing.assert_allclose(vectors[user], x, atol=1e-6)
        assert bias[user] == pytest.approx(error.sum() / (len(items) * (1 + model.bias_l2)), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("most", [1.0, 5.0, 20.0])
def test_an_effect_is_what_leaving_a_rating_out_of_history_and_pool_changes(
    kind: type[PooledFactorModel], most: float
) -> None:
    model, items = made(kind, most), np.arange(N_ITEMS, dtype=np.int32)
    for rated in ({3: 4.5}, {3: 4.5, 11: 1.0}, {k: 0.5 + k % 5 for k in range(1, 19, 2)}):
        history = make_histories([rated], N_ITEMS)
        by_scoring = Model.attributions(model, history, items)
        np.testing.assert_allclose(model.attributions(history, items), by_scoring, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_somebody_of_whom_nothing_is_known_has_no_pool(kind: type[PooledFactorModel]) -> None:
    model = made(kind)
    scores = model.fold_in_scores(make_histories([{}, {2: 4.0}], N_ITEMS))
    np.testing.assert_allclose(scores[0], model.mean + model.item_bias, rtol=1e-6)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_set_vectors_are_saved_and_must_be_there(kind: type[PooledFactorModel], tmp_path) -> None:
    model, given = made(kind), noise(seed=2).by_user()
    save(model, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert type(loaded) is kind
    assert loaded.most == 5.0
    assert not loaded.set_vectors.flags.owndata, "mapped, not read"
    np.testing.assert_array_equal(loaded.fold_in_scores(given), model.fold_in_scores(given))
    arrays = {name: np.asarray(array) for name, array in model.arrays().items()}
    for name in ("set_vectors", "most"):
        with pytest.raises(BadArtifact, match=name):
            kind.from_arrays(model.training_data, None, {n: a for n, a in arrays.items() if n != name})
    with pytest.raises(BadArtifact, match="set_vectors"):
        kind.from_arrays(model.training_data, None, arrays | {"set_vectors": arrays["set_vectors"][:-1]})


def test_a_model_of_training_pools_new_users_as_the_trained_ones() -> None:
    ratings: Ratings = noise()
    model = made(PooledModel)
    trained = replace(model, user_vectors=model.pooled_vectors(ratings.by_user()))
    np.testing.assert_array_equal(trained.fold_in_vectors(ratings.by_user())[1], trained.user_vectors)
