"""The cost of a request: estimated from its size before the work starts, bounded, and ended by a deadline."""

from dataclasses import fields, replace

import pytest

from cofactor.errors import DeadlineExceeded, RequestTooCostly
from cofactor.feedback.store import RatingEvent
from cofactor.serving.costs import cost_of
from cofactor.serving.deadline import Deadline, check_deadline
from cofactor.serving.schemas.requests import (
    BatchBody,
    CategsQuery,
    ExplanationQuery,
    FoldedBody,
    ItemsQuery,
    ListBody,
    ListQuery,
    MapQuery,
    Page,
    PopularQuery,
    RatingsBody,
    RecoQuery,
    SearchQuery,
    SimilarQuery,
    SimilarUsersQuery,
)
from cofactor.serving.service import RecommendationService
from cofactor.serving.unit_costs import MAX_SECONDS, UnitCosts
from cofactor.serving.warm_up import warm
from tests.small_service import TITLES, MemoryStore, bundle

COSTS = UnitCosts(*[2.0**-n for n in range(20, 20 + len(fields(UnitCosts)))])


def folded(n, **options):
    return FoldedBody.model_construct(ratings=[None] * n, **options)


def service(store=None, costs=COSTS):
    return RecommendationService(bundle(), store=store, costs=costs)


def rated(n, user="40"):
    return MemoryStore(*(RatingEvent(user, f"new {k}", 3.0, k) for k in range(n)))


LARGER = {
    "ratings in the body": ("recommendations_for_ratings", [], folded(10), folded(1000)),
    "explained ratings in the body": ("recommendations_for_ratings", [], folded(10, why=1), folded(1000, why=1)),
    "explanations": ("recommendations", ["40"], ListQuery(), ListQuery(why=1)),
    "explained items": ("recommendations", ["40"], ListQuery(n=10, why=1), ListQuery(n=100, why=1)),
    "training ratings": ("recommendations", [""], ListQuery(why=1), ListQuery(why=1)),
    "items": ("recommendations", ["40"], ListQuery(), ListQuery(n=100)),
    "filters": ("recommendations", ["40"], ListQuery(), ListQuery(year_from=1990)),
    "genres": ("recommendations", ["40"], ListQuery(genre=["a"]), ListQuery(genre=["a", "b"])),
    "ids of filters": ("recommendations", ["40"], ListBody(deny=["1"]), ListBody(deny=["1", "2"])),
    "candidates": ("recommendations", ["40"], ListBody(candidates=["1"]), ListBody(candidates=["1", "2"])),
    "diversity": ("recommendations", ["40"], ListQuery(), ListQuery(diversity=0.5)),
    "users of a batch": ("batch", [], BatchBody(users=["40"]), BatchBody(users=["40", "7"])),
    "items of /popular": ("popular", [], PopularQuery(n=1), PopularQuery(n=2)),
    "similar items": ("similar", ["50"], SimilarQuery(n=1), SimilarQuery(n=2)),
    "items of /reco": ("reco", [], RecoQuery(UsrID="40", n_recos=1), RecoQuery(UsrID="40", n_recos=2)),
    "words of a search": ("search", [], SearchQuery(q="a"), SearchQuery(q="a b")),
    "words of /categs": ("categs", [], CategsQuery(input_str="a"), CategsQuery(input_str="a b")),
    "words without spaces between them": ("search", [], SearchQuery(q="a"), SearchQuery(q="a-b")),
    "words of a search in titles": ("items", [], ItemsQuery(query="a"), ItemsQuery(query="a b")),
    "titles in which words are looked for": ("items", [], ItemsQuery(), ItemsQuery(query="a")),
    "ratings to store": (
        "rate",
        [],
        RatingsBody(ratings=[{"user": "7", "item": "1", "rating": 3.0}]),
        RatingsBody(ratings=[{"user": "7", "item": "1", "rating": 3.0}] * 2),
    ),
}


@pytest.mark.parametrize("name", LARGER)
def test_a_larger_request_has_a_higher_estimate(name):
    method, ids, small, large = LARGER[name]
    users = (["40"], ["everything"]) if ids == [""] else (ids, ids)
    one = service()
    assert 0 < cost_of(one, method, users[0], small) < cost_of(one, method, users[1], large)


HISTORIES = {
    "recommendations": (["40"], ListQuery(why=1)),
    "explanation": (["40", "1"], ExplanationQuery()),
    "reco": ([], RecoQuery(UsrID="40")),
    "similar_users": (["40"], SimilarUsersQuery()),
    "ratings": (["40"], Page()),
    "batch": ([], BatchBody(users=["40"])),
}


@pytest.mark.parametrize("method", HISTORIES)
def test_ratings_given_while_serving_count(method):
    ids, asked = HISTORIES[method]
    few, many = (cost_of(service(rated(n)), method, ids, asked) for n in (10, 100))
    assert 0 < few < many


def test_a_method_may_be_given_itself_and_other_questions_cost_nothing():
    one = service()
    assert cost_of(one, one.popular, [], PopularQuery()) == cost_of(one, "popular", [], PopularQuery())
    assert cost_of(one, "card", [], None) == 0
    assert cost_of(one, "items", [], ItemsQuery()) > 0
    assert cost_of(one, "genres", [], None) > 0


def test_what_a_search_ignores_costs_nothing():
    one, letters = service(), " ".join("abcdefghijklmnopqrstuvwxyz")
    assert cost_of(one, "search", [], SearchQuery(q=letters)) == cost_of(one, "search", [], SearchQuery(q=letters[:23]))
    assert cost_of(one, "items", [], ItemsQuery(query="a a A á")) == cost_of(one, "items", [], ItemsQuery(query="a"))


def test_a_map_costs_seconds_until_it_is_computed():
    one = service()
    assert cost_of(one, "map", [], MapQuery(n=5)) > 0.1
    one.map(MapQuery(n=5))
    assert cost_of(one, "map", [], MapQuery(n=5)) == 0


def test_a_store_on_another_machine_is_not_asked_for_an_estimate():
    class Remote(MemoryStore):
        fast_reads = False

        def events_of(self, user):
            raise AssertionError

    assert cost_of(service(Remote()), "recommendations", ["40"], ListQuery()) > 0


SLOW = UnitCosts(trained=MAX_SECONDS / 2)


def test_what_would_take_too_long_is_refused_with_its_bound_and_what_to_do():
    one = service(costs=SLOW)
    assert cost_of(one, "batch", [], BatchBody(users=["40", "7"])) == MAX_SECONDS
    with pytest.raises(RequestTooCostly, match=f"8 seconds.*at most {MAX_SECONDS:g}") as refused:
        cost_of(one, "batch", [], BatchBody(users=["40"] * 3))
    assert "fewer users" in refused.value.hint
    assert refused.value.status == 413


def test_a_history_that_the_estimate_could_not_see_is_refused_once_it_is_read():
    class Remote(MemoryStore):
        fast_reads = False

    store, slow = Remote(RatingEvent("40", "1", 3.0, 1)), UnitCosts(folded=MAX_SECONDS + 1, explained=MAX_SECONDS + 1)
    one = service(store, slow)
    assert cost_of(one, "recommendations", ["40"], ListQuery()) == 0
    with pytest.raises(RequestTooCostly):
        one.recommendations("40", ListQuery())
    with pytest.raises(RequestTooCostly):
        one.explanation("40", "1", ExplanationQuery())
    with pytest.raises(RequestTooCostly):
        one.recommendations_for_ratings(FoldedBody(ratings=[{"item": "50", "rating": 4.0}]))


def test_a_batch_ends_at_its_deadline_and_not_before():
    one = service()
    with Deadline(60):
        assert len(one.batch(BatchBody(users=["40", "7"]))["lists"]) == 2
    with Deadline(-1), pytest.raises(DeadlineExceeded, match="too long") as ended:
        one.batch(BatchBody(users=["40", "7"]))
    assert ended.value.status == 503
    assert "fewer users" in ended.value.hint
    one.batch(BatchBody(users=["40"]))  # outside of a deadline there is none


def test_explanations_end_at_the_deadline_and_are_the_same_in_blocks(monkeypatch):
    one, asked = service(), ListQuery(n=5, why=2, seen=True)
    whole = one.recommendations("everything", asked)
    monkeypatch.setattr("cofactor.serving.lists.ranked_lists.MAX_PAIRS", 1)
    assert one.recommendations("everything", asked) == whole
    assert any(line["because"] for line in whole["recommendations"])
    with Deadline(-1), pytest.raises(DeadlineExceeded):
        one.recommendations("everything", asked)


def test_an_inner_deadline_cannot_extend_an_outer_one():
    with Deadline(-1), Deadline(60), pytest.raises(DeadlineExceeded):
        check_deadline()


def test_warming_up_measures_the_costs():
    costs = warm(RecommendationService(bundle())).costs
    assert all(0 <= value < 1 for value in vars(costs).values())
    assert costs.trained > 0
    assert costs.folded > 0
    assert costs.word > 0
    assert costs.title > 0
    assert cost_of(replace(service(), costs=costs), "recommendations", ["40"], ListQuery(n=len(TITLES), why=1)) < 1
