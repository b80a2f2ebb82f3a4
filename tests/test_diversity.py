"""Lists with variety, beside the formula written as a loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.models.top_n import diversity
from cofactor.models.top_n.diversity import diversify
from cofactor.serving.schemas.requests import ListQuery
from cofactor.serving.service import RecommendationService
from tests.small_service import bundle
from tests.toys import factors, noise


@pytest.fixture(scope="module")
def model():
    return factors(noise())


def by_hand(relevance, alike, d):
    """argmax over what is left of (1 - d) · relevance - d · greatest similarity to what is chosen."""
    chosen, left = [], list(range(len(relevance)))
    while left:
        worth = {i: (1 - d) * relevance[i] - d * max((alike[i][j] for j in chosen), default=0.0) for i in left}
        best = min(left, key=lambda i: (-worth[i], i))
        chosen.append(best)
        left.remove(best)
    return chosen


@settings(max_examples=80, deadline=None)
@given(st.floats(0, 1), st.integers(0, 28), st.integers(1, 20))
def test_a_list_with_variety_is_that_of_the_formula(model, d, user, n):
    scores = model.score_rows(np.array([user], dtype=np.int32))[0]
    ranked, best = model.top_n_of_scores(scores, 20)
    relevance = (best.astype(np.float64) - best.min()) / float(best.max() - best.min())
    alike = np.where(np.isfinite(model.similarity_among_rows(ranked)), model.similarity_among_rows(ranked), 0).astype(
        np.float64
    )
    expected = by_hand(relevance, alike, d)
    assert diversify(model, ranked, best, d, 0, n).tolist() == expected[:n]
    assert diversify(model, ranked, best, d, 3, n).tolist() == expected[3 : 3 + n]


def test_no_variety_is_the_plain_list(model):
    answers = RecommendationService(bundle(model))
    ranked, best = model.top_n_of_scores(model.score_rows(np.array([3], dtype=np.int32))[0], 20)
    assert diversify(model, ranked, best, 0.0, 0, 20).tolist() == list(range(len(ranked)))
    assert answers.recommendations("3", ListQuery(diversity=0.0)) == answers.recommendations("3", ListQuery())


def test_the_more_variety_the_less_alike(model):
    def alike(d):
        answers, of_users = RecommendationService(bundle(model)), []
        for user in range(29):
            listed = answers.recommendations(str(user), ListQuery(n=4, diversity=d))["recommendations"]
            block = model.similarity_among_rows(np.array([int(one["item"]) for one in listed]))
            of_users.append(block[np.triu_indices(len(listed), 1)].mean())
        return np.mean(of_users)

    assert alike(1.0) < alike(0.5) - 0.05 < alike(0.0) - 0.1


def test_a_list_is_put_in_another_order_pool_by_pool(model, monkeypatch):
    monkeypatch.setattr(diversity, "POOL", 5)
    ranked, best = model.top_n_of_scores(model.score_rows(np.array([3], dtype=np.int32))[0], 13)
    whole = diversify(model, ranked, best, 0.7, 0, 20)
    assert [sorted(whole[at : at + 5]) for at in (0, 5, 10)] == [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
        list(range(10, len(ranked))),
    ]
    for start in range(len(ranked) + 1):
        for n in (1, 4, 9):
            assert diversify(model, ranked, best, 0.7, start, n).tolist() == whole[start : start + n].tolist()
