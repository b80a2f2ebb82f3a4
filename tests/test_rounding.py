"""Scores in answers have the digits that mean something, in the order that they had before."""

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofactor.serving.lists.rounding import round_rating, round_score
from cofactor.serving.schemas.requests import ExplanationQuery, FoldedBody, ListQuery, RecoQuery, SimilarQuery
from cofactor.serving.service import RecommendationService
from tests.small_service import bundle
from tests.toys import factors, noise

numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
scales = st.sampled_from([None, (1.0, 5.0), (0.0, 1.0), (-10.0, 10.0), (0.0, 0.001), (1.0, 100.0), (0.0, 0.0)])


@pytest.mark.parametrize(
    ("score", "scale", "shown"),
    [
        (4.58363151550293, (1.0, 5.0), 4.5836),
        (2.03125, (1.0, 5.0), 2.0312),
        (2.09375, (1.0, 5.0), 2.0938),
        (-0.00001, (-1.0, 5.0), 0.0),
        (73.123456, (1.0, 100.0), 73.1235),
        (0.0001234567, (0.0, 0.001), 0.0001235),
        (123456.7, None, 123460.0),
        (0.912345678, None, 0.91235),
        (1.23456789e-7, None, 1.2346e-7),
        (-0.0, None, 0.0),
    ],
)
def test_scores_as_they_are_shown(score, scale, shown):
    assert repr(round_score(score, scale)) == repr(shown)


@given(numbers, numbers, scales)
def test_rounding_never_changes_the_order(one, other, scale):
    lower, higher = sorted((one, other))
    assert round_score(lower, scale) <= round_score(higher, scale)


@given(st.integers(-(10**6), 10**6).map(lambda n: n / 1000))
def test_a_rating_is_shown_as_it_was_given(rating):
    assert round_rating(float(np.float32(rating))) == rating


def test_every_score_of_an_answer_is_rounded():
    service = RecommendationService(bundle(factors(noise())))
    body = FoldedBody(ratings=[{"item": "3", "rating": 4.5}, {"item": "7", "rating": 1.0}], why=2)
    answers = [
        service.recommendations("3", ListQuery(why=2)),
        service.recommendations("nobody", ListQuery(stranger="popular")),
        service.recommendations_for_ratings(body),
        service.similar("3", SimilarQuery()),
        service.explanation("3", "5", ExplanationQuery()),
        service.reco(RecoQuery(UsrID="3")),
    ]
    for answer in answers:
        floats = [one for one in _numbers(orjson.loads(orjson.dumps(answer))) if isinstance(one, float)]
        assert floats
        assert all(len(f"{abs(one):.10g}".lstrip("0.").replace(".", "").partition("e")[0]) <= 5 for one in floats)


def _numbers(value):
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _numbers(one)
    else:
        yield value
