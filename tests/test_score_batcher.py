"""Users are scored together where that is faster, and nobody's list depends on who else is there."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from cofactor.errors import UnknownId
from cofactor.feedback.store import RatingEvent
from cofactor.models.implicit import ImplicitModel
from cofactor.models.top_n import ranking
from cofactor.models.top_n.selection import EXCLUDED
from cofactor.serving.lists import user_scores
from cofactor.serving.lists.score_batcher import ScoreBatcher
from cofactor.serving.schemas.requests import BatchBody, ListBody, ListQuery
from cofactor.serving.service import RecommendationService
from cofactor.serving.unit_costs import UnitCosts
from tests.small_service import MemoryStore, bundle
from tests.toys import factors, noise, posterior

N_USERS, RANK = 40, 33
RATED = noise(N_USERS, 3000, 4000)
N_ITEMS = len(RATED.items)
ITEM, *SOME = RATED.items.ids[:4].tolist()
RNG = np.random.default_rng(5)


def vectors(n):
    return RNG.standard_normal((n, RANK), dtype=np.float32)


def catalogue(kind="factor"):
    """A model of random vectors, in which every item has a twin with the same vector."""
    q = np.repeat(vectors(N_ITEMS), 2, axis=0)[:N_ITEMS]
    if kind == "implicit":
        return ImplicitModel(RATED.training_data, None, vectors(N_USERS), q, 0.1, 0.1, 1.0)
    small = factors(RATED, rank=RANK, sweeps=0)
    biases = {"user_bias": np.zeros(N_USERS, np.float32), "item_bias": np.zeros(N_ITEMS, np.float32)}
    return replace(small, user_vectors=vectors(N_USERS), item_vectors=q, **biases)


@pytest.fixture(scope="module", params=["factor", "implicit"])
def model(request):
    return catalogue(request.param)


@pytest.fixture
def together(monkeypatch):
    monkeypatch.setattr(ranking, "MIN_ITEMS_TOGETHER", 1)


def record_sizes(monkeypatch):
    """The numbers of users of the products that follow."""
    sizes = []

    def score_users(model, rows):
        sizes.append(len(rows))
        return user_scores.score_users(model, rows)

    monkeypatch.setattr("cofactor.serving.lists.score_batcher.score_users", score_users)
    return sizes


def exact(model, user, n):
    """The n best items by scores of single pairs, without those rated; ties: the lower row first."""
    items = np.arange(N_ITEMS, dtype=np.int32)
    scores = model.score_pair_rows(np.full(N_ITEMS, user, dtype=np.int32), items)
    scores[model.training_data.rated(user)[0]] = EXCLUDED
    scores[~model.rankable] = EXCLUDED
    return np.argsort(-scores, kind="stable")[:n].tolist()


@pytest.mark.parametrize("users", [[7], [7, 3], [3, 7, 9], list(range(31)), [7] * 12])
@pytest.mark.parametrize("n", [1, 50, N_ITEMS])
def test_a_list_does_not_depend_on_who_is_scored_with_the_user(model, users, n):
    for one in user_scores.score_users(model, users):
        seen = model.training_data.rated(one.user)[0]
        rows, scores = model.top_n_of_user(one.user, one.scores, n, seen=seen)
        wanted = exact(model, one.user, n)[: len(rows)]
        assert rows.tolist() == wanted
        assert scores.tolist() == model.score_pair_rows(np.full(len(rows), one.user, np.int32), rows).tolist()


@pytest.mark.parametrize("of", [factors(noise()), posterior()], ids=["factor", "posterior"])
def test_the_error_of_a_score_is_bounded(of):
    n_users, n_items = len(of.training_data.users), len(of.training_data.items)
    for m in (1, 2, 5, n_users):
        scores = of.score_rows(np.arange(m, dtype=np.int32)).astype(np.float64)
        for user in range(m):
            pairs = of.score_pair_rows(np.full(n_items, user, np.int32), np.arange(n_items, dtype=np.int32))
            assert np.abs(scores[user] - pairs).max() <= of.score_error(user) < 1e-3


def test_without_a_bound_of_the_error_users_are_scored_alone(together):
    huge = replace(catalogue(), mean=1e38)
    assert huge.score_error(0) is None
    assert not huge.is_scored_with_others(0)
    assert RecommendationService(bundle(huge)).find_scored_row("0") is None


def test_a_batch_is_the_lists_of_its_users(model, together, monkeypatch):
    monkeypatch.setattr(ranking, "CELLS_TOGETHER", 3 * N_ITEMS)  # three users at a time
    store = MemoryStore(RatingEvent("2", ITEM, 4.0, 1))
    service = RecommendationService(bundle(model), store=store)
    users = ["3", "2", "nobody", "3", "9", "11", "3", "2"]
    for options in ({"n": 7}, {"n": 5, "why": 1, "diversity": 0.4}, {"candidates": SOME}):
        batch = service.batch(BatchBody(users=users, **options))["lists"]
        assert [one["user"] for one in batch] == users
        assert batch[1]["source"] == "folded-in"
        assert "problem" in batch[2]
        for user, listed in zip(users, batch, strict=True):
            if user != "nobody":
                alone = service.recommendations(user, ListBody(**options))
                assert listed == {key: alone[key] for key in listed}


@pytest.mark.parametrize("costs", [UnitCosts(), UnitCosts(trained=1.0)], ids=["in the loop", "in a thread"])
def test_concurrent_requests_are_gathered(model, together, monkeypatch, costs):
    sizes, score = [], user_scores.score_users
    monkeypatch.setattr(
        "cofactor.serving.lists.score_batcher.score_users", lambda m, rows: sizes.append(len(rows)) or score(m, rows)
    )
    service, batcher = RecommendationService(bundle(model), costs=replace(costs)), ScoreBatcher()
    plain = replace(service, costs=UnitCosts())
    users = [str(user) for user in range(N_USERS)]

    async def one(user):
        scored = await batcher.scores(service, user)
        return plain.recommendations(user, ListQuery(n=9), scored)

    async def everybody():
        return await asyncio.gather(*map(one, users))

    for _ in range(2):
        answers = asyncio.run(everybody())
        assert answers == [plain.recommendations(user, ListQuery(n=9)) for user in users]
    assert sum(sizes) == 2 * N_USERS
    assert max(sizes) > N_USERS / 2


def test_who_is_not_scored_with_others(model, together):
    store = MemoryStore(RatingEvent("2", ITEM, 4.0, 1), RatingEvent("new", ITEM, 4.0, 1))
    service, batcher = RecommendationService(bundle(model), store=store), ScoreBatcher()
    store.forget("4")
    found = [asyncio.run(batcher.scores(service, user)) for user in ("2", "new", "nobody", "4")]
    assert found == [None] * 4
    assert asyncio.run(batcher.scores(service, "3")).user == 3
    with pytest.raises(UnknownId):
        service.recommendations("nobody", ListQuery())


def test_scores_of_another_user_are_not_used(model):
    service = RecommendationService(bundle(model))
    (other,) = user_scores.score_users(model, [5])
    assert service.recommendations("3", ListQuery(), other) == service.recommendations("3", ListQuery())


def test_a_small_catalogue_is_scored_at_once():
    assert asyncio.run(ScoreBatcher().scores(RecommendationService(bundle()), "40")) is None


def test_an_error_of_a_product_reaches_everybody_who_waits(model, together, monkeypatch):
    def fail(*_):
        raise MemoryError("no room")

    monkeypatch.setattr("cofactor.serving.lists.score_batcher.score_users", fail)
    service, batcher = RecommendationService(bundle(model)), ScoreBatcher()

    async def both():
        return await asyncio.gather(*(batcher.scores(service, user) for user in "12"), return_exceptions=True)

    assert [type(one) for one in asyncio.run(both())] == [MemoryError, MemoryError]


def test_a_client_that_is_gone_is_left_out(model, together, monkeypatch):
    sizes, score = [], user_scores.score_users
    monkeypatch.setattr(
        "cofactor.serving.lists.score_batcher.score_users", lambda m, rows: sizes.append(len(rows)) or score(m, rows)
    )
    service, batcher = RecommendationService(bundle(model)), ScoreBatcher()

    async def two():
        gone, stays = (asyncio.create_task(batcher.scores(service, user)) for user in "12")
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asyncio.run(two()).user == 2
    assert sizes == [1]
