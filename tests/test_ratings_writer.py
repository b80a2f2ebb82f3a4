"""Ratings that come in: what is taken, what is refused, what is shown, and what a list makes of them at once."""

import time

import pytest

from cofactor.errors import BadData, Unavailable, UnknownId
from cofactor.feedback.delegating_store import DelegatingStore
from cofactor.feedback.store import RatingEvent
from cofactor.serving.ratings import ratings_writer
from cofactor.serving.schemas import responses
from cofactor.serving.schemas.requests import ListQuery, Page, RatingsBody
from cofactor.serving.service import OperatorRules, RecommendationService
from tests.small_service import MemoryStore, bundle

ITEM = "not released yet"


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def answers(store):
    return RecommendationService(bundle(), store=store)


def rate(answers, *rated):
    return answers.rate(
        RatingsBody(ratings=[dict(zip(("user", "item", "rating", "time"), one, strict=False)) for one in rated])
    )


def shown(answers, user, **page):
    return [
        (one["item"], one["rating"], one["time"], one["source"])
        for one in answers.ratings(user, Page(**page))["ratings"]
    ]


def test_a_rating_changes_the_list_at_once_and_its_item_is_in_it_no_more(answers):
    before = answers.recommendations("40", ListQuery(n=1))
    best = before["recommendations"][0]["item"]
    taken = rate(answers, ("40", best, 0.5))
    responses.Taken.model_validate(taken, strict=True)
    after = answers.recommendations("40", ListQuery(n=100))
    assert (before["source"], after["source"]) == ("trained", "folded-in")
    assert (before["ratings"], after["ratings"]) == (1, 2)
    assert best not in [one["item"] for one in after["recommendations"]]


def test_somebody_new_needs_no_registration(answers):
    with pytest.raises(UnknownId):
        answers.recommendations("new", ListQuery())
    rate(answers, ("new", "50", 5.0))
    listed = answers.recommendations("new", ListQuery(n=3, why=1))
    assert (listed["source"], listed["ratings"]) == ("folded-in", 1)
    assert listed["recommendations"][0]["because"][0]["item"] == "50"


def test_a_rating_taken_back_is_void_wherever_it_came_from(answers, store):
    rate(answers, ("40", "4", 5.0))
    back = answers.delete_rating("40", "4")
    responses.TakenBack.model_validate(back, strict=True)
    assert back["taken_back"] is True
    assert answers.recommendations("40", ListQuery())["source"] == "trained"
    assert answers.delete_rating("40", "4")["taken_back"] is False
    assert answers.delete_rating("40", "50")["taken_back"] is True, "one of training"
    with pytest.raises(UnknownId, match="all ratings of user '40' are deleted"):
        answers.recommendations("40", ListQuery())
    assert answers.recommendations("40", ListQuery(stranger="popular"))["source"] == "popular"
    assert shown(answers, "40") == []
    rate(answers, ("40", "50", 4.0))
    assert answers.recommendations("40", ListQuery())["source"] == "trained", "as it was"


def test_taking_back_what_never_was_leaves_nothing_in_the_store(answers, store):
    for user, item in (("40", "4"), ("nobody", "50"), ("40", "unheard of")):
        assert answers.delete_rating(user, item)["taken_back"] is False
    assert store.count() == 0


def test_ratings_are_shown_the_latest_first_and_then_those_of_training(answers):
    rate(answers, ("everything", "4", 5.0, 20), ("everything", "1", 0.5, 30), ("everything", "3", 3.0, 10))
    answers.delete_rating("everything", "2")
    answer = answers.ratings("everything", Page(n=5))
    responses.UserRatings.model_validate(answer, strict=True)
    assert answer["total"] == 7
    expected = [("1", 0.5, 30, "service"), ("4", 5.0, 20, "service"), ("3", 3.0, 10, "service")]
    expected += [(item, 3.0, None, "training") for item in ("50", "a/b", "x y", "9")]
    assert shown(answers, "everything") == expected
    assert shown(answers, "everything", offset=2, n=3) == expected[2:5]
    assert shown(answers, "everything", offset=7) == []
    assert answer["ratings"][0]["title"] == "Cité des enfants perdus, La (1995)"


def test_a_time_is_now_by_default(answers, store):
    before = int(time.time())
    rate(answers, ("40", "4", 5.0))
    assert before <= store.events_of("40")[0].time <= time.time()


def test_of_a_pair_rated_twice_at_once_the_last_counts(answers, store):
    assert rate(answers, ("40", "4", 5.0), ("7", "4", 1.0), ("40", "4", 2.0))["taken"] == 2
    assert [word.rating for word in store.events_of("40")] == [2.0]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (("40", "unheard of", 4.0), "unknown item 'unheard of'"),
        (("40", "4", 0.0), "rating of item '4' is 0.0"),
        (("40", "4", 5.5), "rating of item '4' is 5.5"),
    ],
)
def test_all_or_none_are_taken(answers, store, bad, words):
    with pytest.raises(BadData, match=words) as caught:
        rate(answers, ("40", "1", 4.0), bad)
    assert caught.value.hint
    assert store.count() == 0


def test_items_that_no_model_knows_are_taken_where_the_operator_says_so(store):
    answers = RecommendationService(bundle(), store=store, rules=OperatorRules(new_items=True))
    rate(answers, ("new", ITEM, 4.0))
    assert [word.item for word in store.events_of("new")] == [ITEM]
    with pytest.raises(UnknownId):
        answers.recommendations("new", ListQuery())
    answer = answers.ratings("new", Page())
    responses.UserRatings.model_validate(answer, strict=True)
    assert answer["waiting"] == 1
    [line] = answer["ratings"]
    assert (line["item"], line["title"], line["rating"], line["new_item"]) == (ITEM, ITEM, 4.0, True)
    assert answers.delete_rating("new", ITEM)["taken_back"] is True


def test_a_store_keeps_a_bounded_number_of_ratings_of_one_user(answers, store, monkeypatch):
    monkeypatch.setattr(ratings_writer, "MAX_EVENTS", 3)
    rate(answers, ("40", "1", 4.0), ("40", "2", 4.0), ("7", "1", 4.0))
    with pytest.raises(BadData, match="user '40' has 2 ratings in the store"):
        rate(answers, ("40", "3", 4.0), ("40", "4", 4.0), ("7", "2", 4.0))
    assert rate(answers, ("40", "3", 4.0), ("40", "1", 2.0))["taken"] == 2
    assert store.count() == 4


class NoHistories(DelegatingStore):
    """A store whose histories nobody may read."""

    def events_of(self, user):
        raise AssertionError(user)

    ratings_of = events_of


def test_storing_and_deleting_ratings_reads_no_history(store, monkeypatch):
    monkeypatch.setattr(ratings_writer, "MAX_EVENTS", 3)
    answers = RecommendationService(bundle(), store=NoHistories(store))
    rate(answers, ("40", "1", 4.0), ("40", "2", 4.0), ("40", "3", 4.0), ("7", "1", 4.0))
    rate(answers, ("40", "1", 3.0), ("40", "2", 3.0), ("7", "2", 4.0))
    with pytest.raises(BadData, match="user '40' has 3 ratings"):
        rate(answers, ("40", "1", 3.0), ("40", "4", 3.0))
    assert answers.delete_rating("40", "1")["taken_back"] is True


def test_without_a_store_no_rating_is_taken():
    answers = RecommendationService(bundle(), store=None)
    for ask in (lambda: rate(answers, ("40", "4", 5.0)), lambda: answers.delete_rating("40", "50")):
        with pytest.raises(Unavailable, match="stores no ratings") as caught:
            ask()
        assert "--store" in caught.value.hint
    assert shown(answers, "40") == [("50", 4.0, None, "training")]


def test_a_rating_of_another_scale_counts_as_the_end_of_this_one():
    answers = RecommendationService(bundle(), store=MemoryStore(RatingEvent("new", "50", 10.0, 1)))
    other = RecommendationService(bundle(), store=MemoryStore(RatingEvent("new", "50", 5.0, 1)))
    assert answers.recommendations("new", ListQuery()) == other.recommendations("new", ListQuery())
