"""Pages, put together, are the long list; a list that has changed is not gone on with."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData, ListChanged
from cofactor.feedback.store import RatingEvent
from cofactor.models.factor import FactorModel
from cofactor.serving.lists import pagination
from cofactor.serving.schemas.requests import FoldedBody, ListBody, ListQuery, PopularQuery, Rated
from cofactor.serving.service import RecommendationService
from tests.small_service import MemoryStore, bundle
from tests.toys import factors, noise

N_ITEMS = 450


@pytest.fixture(scope="module")
def answers():
    """Four users and 450 items whose scores are whole numbers, so that many are equal."""
    rng = np.random.default_rng(1)
    item = np.concatenate([np.arange(N_ITEMS), rng.choice(N_ITEMS, 30, replace=False)])
    user = np.concatenate([np.full(N_ITEMS, 3), np.zeros(30, dtype=int)])
    rated = Ratings(
        Vocabulary(np.array(["a", "b", "c", "all"], dtype=object), "user"),
        Vocabulary(np.array([f"i{row}" for row in range(N_ITEMS)], dtype=object), "item"),
        user,
        item,
        np.full(len(user), 3.0),
        scale=(1.0, 5.0),
    )
    vectors = rng.integers(-1, 2, (N_ITEMS, 3)).astype(np.float32)
    nobody = np.zeros(4, np.float32), np.zeros(N_ITEMS, np.float32)
    return RecommendationService(
        bundle(
            FactorModel(
                rated.training_data, (1.0, 5.0), 3.0, *nobody, np.eye(4, 3, dtype=np.float32), vectors, 0.1, 0.1
            )
        )
    )


def pages(ask, sizes, cursor=""):
    """Items page by page, of the sizes in turn, to the end of the list."""
    listed = []
    while True:
        answer = ask(n=sizes[0], **({"cursor": cursor} if cursor else {}))
        listed += [one["item"] for one in answer.get("recommendations", answer.get("items"))]
        sizes, cursor = (*sizes[1:], sizes[0]), answer["next"]
        if cursor is None:
            return listed


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=3),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.booleans(),
    st.sampled_from(["a", "b"]),
)
def test_pages_of_any_sizes_are_the_long_list(answers, sizes, diversity, seen, user):
    if sum(sizes) / len(sizes) < 10:
        sizes = [min(size * 10, 100) for size in sizes]
    asked = {"diversity": diversity, "seen": seen}

    def ask(**page):
        return answers.recommendations(user, ListQuery(**page, **asked))

    listed = pages(ask, tuple(sizes))
    assert listed == pages(ask, (100,))
    left = N_ITEMS - (30 if user == "a" and not seen else 0)
    assert len(listed) == len(set(listed)) == left


def test_pages_of_the_most_rated_and_of_a_fold_in(answers):
    assert pages(lambda **page: answers.popular(PopularQuery(**page)), (7, 90)) == pages(
        lambda **page: answers.popular(PopularQuery(**page)), (100,)
    )
    rated = [Rated(item="i3", rating=5.0), Rated(item="i9", rating=1.0)]
    for more in ({}, {"diversity": 0.5}):
        short, long = (
            pages(lambda **page: answers.recommendations_for_ratings(FoldedBody(ratings=rated, **more, **page)), sizes)  # noqa: B023
            for sizes in ((13, 80), (100,))
        )
        assert short == long
        assert len(short) == N_ITEMS - 2


def first_cursor(answers, user="a", **asked):
    return answers.recommendations(user, ListQuery(n=5, **asked))["next"]


@pytest.mark.parametrize(
    "other",
    [
        {"seen": True},
        {"diversity": 0.1},
        {"year_from": 1990},
        {"deny": ["i1"]},
        {"allow": ["i1", "i2"]},
    ],
)
def test_another_list_is_not_gone_on_with(answers, other):
    with pytest.raises(ListChanged) as caught:
        answers.recommendations("a", ListQuery(cursor=first_cursor(answers), **other))
    assert caught.value.status == 409
    assert caught.value.hint == "ask for the first page again"


def test_what_does_not_decide_a_list_may_change_between_pages(answers):
    cursor = first_cursor(answers, deny=["i1", "i2"])
    page = answers.recommendations(
        "a", ListQuery(cursor=cursor, deny=["i2", "i1", "i1"], n=3, why=2, stranger="popular")
    )
    assert (
        page["recommendations"]
        == answers.recommendations("a", ListBody(deny=["i1", "i2"], n=8, why=2))["recommendations"][5:]
    )


def test_the_list_of_another_user_or_of_another_model_is_another_list(answers):
    with pytest.raises(ListChanged, match="another one"):
        answers.recommendations("b", ListQuery(cursor=first_cursor(answers)))
    newer = RecommendationService(bundle(answers.loaded_model.model, trainer="newer"))
    with pytest.raises(ListChanged, match="model has been replaced"):
        newer.recommendations("a", ListQuery(cursor=first_cursor(answers)))


def test_a_rating_in_between_changes_the_list():
    store = MemoryStore(RatingEvent("new", "3", 4.0, 1))
    answers = RecommendationService(bundle(factors(noise())), store=store)
    for user in ("new", "7"):
        cursor = first_cursor(answers, user)
        answers.recommendations(user, ListQuery(cursor=cursor))
        store.append([RatingEvent(user, "3", 4.5, 2)])
        with pytest.raises(ListChanged):
            answers.recommendations(user, ListQuery(cursor=cursor))


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "5",
        "5--",
        "-5-3f9c0a1b2d4e-5b1f09aa5b1f09aa",
        "1001-{version}-0123456789abcdef",
        "٣-{version}-0123456789abcdef",
    ],
)
def test_a_cursor_of_another_make_is_refused(answers, cursor):
    with pytest.raises(BadData, match="not one that this service returned"):
        answers.recommendations("a", ListQuery(cursor=cursor.format(version=answers.version)))


def test_lists_end_where_pages_may_not_begin(answers, monkeypatch):
    monkeypatch.setattr(pagination, "MAX_OFFSET", 40)
    page, offsets = answers.recommendations("a", ListQuery(n=20)), []
    while page["next"]:
        offsets.append(int(page["next"].split("-")[0]))
        page = answers.recommendations("a", ListQuery(n=20, cursor=page["next"]))
    assert offsets == [20, 40]
