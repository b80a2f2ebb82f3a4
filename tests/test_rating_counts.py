"""Counts and means of items that follow the ratings of a store, compared with a recount of everything."""

import threading
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cofactor.errors import Unavailable
from cofactor.feedback.open_store import open_store
from cofactor.feedback.store import RatingEvent, RatingStore
from cofactor.serving.item_table import ItemTable
from cofactor.serving.ratings import rating_counts
from cofactor.serving.ratings.rating_counts import ItemCounts, RatingCounts
from cofactor.serving.schemas.requests import ListQuery, PopularQuery
from cofactor.serving.service import RecommendationService
from tests.small_service import TITLES, USERS, MemoryStore, bundle, model

ITEMS = [*TITLES, "unrated", "new item"]
RATERS = [*USERS, "everything", "x"]
EVENTS = st.builds(
    RatingEvent, st.sampled_from(RATERS), st.sampled_from(ITEMS), st.sampled_from([None, 0.5, 5.0, 9.0]), st.just(1)
)


def counts_of(store: RatingStore) -> RatingCounts:
    table = ItemTable(model())
    return RatingCounts(table.model.training_data, table.trained_counts, store)


def recount(store: RatingStore) -> tuple[list[int], list[float], dict[str, int]]:
    training_data, rated = model().training_data, defaultdict(dict)
    for row, user in enumerate(training_data.users.ids):
        for item, value in zip(*training_data.rated(row), strict=True):
            rated[training_data.items.ids[item]][user] = float(value)
    for event in store.all_events():
        if event.rating is None:
            rated[event.item].pop(event.user, None)
        else:
            rated[event.item][event.user] = min(max(event.rating, 0.5), 5.0)
    known = [rated[item] for item in training_data.items.ids]
    new = {item: len(users) for item, users in rated.items() if item not in training_data.items and users}
    return [len(users) for users in known], [sum(users.values()) for users in known], new


def check(now: ItemCounts, store: RatingStore) -> None:
    counts, sums, new = recount(store)
    assert now.counts.tolist() == counts
    assert now.sums.tolist() == pytest.approx(sums)
    assert now.new_items == new
    assert now.by_popularity.tolist() == np.argsort(-np.array(counts), kind="stable").tolist()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(EVENTS, max_size=6), max_size=5), st.lists(EVENTS, max_size=12))
def test_counts_are_of_training_and_store(steps: list[list[RatingEvent]], before: list[RatingEvent]) -> None:
    store = MemoryStore(*before)
    counts = counts_of(store)
    counts.refresh()
    check(counts.current(), store)
    for events in steps:
        store.append(events)
        check(counts.current(), store)
    store.forget("everything")
    check(counts.current(), store)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_counts_follow_what_another_process_stores(kind, tmp_path, request) -> None:
    address = request.getfixturevalue("postgres").new_schema() if kind == "postgres" else str(tmp_path / "r.db")
    here, elsewhere = open_store(address), open_store(address)
    counts = counts_of(here)
    counts.refresh()
    first = counts.current()
    assert counts.current() is first, "nothing has changed"
    elsewhere.append([RatingEvent("x", "1", 5.0, 1), RatingEvent("y", "1", 3.0, 1), RatingEvent("40", "50", None, 1)])
    counts.refresh()
    check(counts.current(), here)
    elsewhere.append([RatingEvent("x", "1", None, 1), RatingEvent("40", "50", 2.0, 1), RatingEvent("x", "new", 2.0, 1)])
    counts.refresh()
    check(counts.current(), here)
    elsewhere.forget("x")
    counts.refresh()
    check(counts.current(), here)
    elsewhere.append([RatingEvent(str(n), "1", 5.0, 1) for n in range(12_000)])
    counts.refresh()
    check(counts.current(), here)
    here.close()
    elsewhere.close()


class SlowStore(MemoryStore):
    """A store that answers only when it is let go, or not at all."""

    fast_reads = False

    def __init__(self) -> None:
        super().__init__()
        self.go, self.fails = threading.Event(), False

    def snapshot(self):
        assert self.go.wait(10)
        if self.fails:
            raise Unavailable("the store does not answer", "")
        return super().snapshot()


def test_nobody_waits_for_a_slow_store(monkeypatch) -> None:
    monkeypatch.setattr(rating_counts, "RETRY", 0.0)
    store = SlowStore()
    counts = counts_of(store)
    store.append([RatingEvent("x", "1", 5.0, 1)])
    before = counts.current()
    assert before.counts.tolist() == model().training_data.item_counts.tolist()
    assert counts.current() is before
    store.fails = True
    store.go.set()
    assert counts._refreshed.wait(10)
    store.fails = False
    while counts.current() is before:
        pass
    check(counts.current(), store)


def test_what_came_in_is_in_the_answers() -> None:
    answers = RecommendationService(bundle(), store=MemoryStore())
    assert (answers.item("9")["ratings"], answers.item("9")["mean"]) == (1, 3.0)
    assert answers.store is not None
    answers.store.append([RatingEvent(f"x{n}", "9", 5.0, 1) for n in range(3)])
    assert (answers.item("9")["ratings"], answers.item("9")["mean"]) == (4, 4.5)
    assert answers.popular(PopularQuery(n=1))["items"][0]["item"] == "9"
    listed = answers.recommendations("nobody", ListQuery(n=1, stranger="popular"))
    assert listed["recommendations"][0]["item"] == "9"


def test_a_model_trained_with_the_store_counts_nothing_twice() -> None:
    training_data = model().training_data
    words = [
        RatingEvent(str(user), str(training_data.items.ids[item]), float(value), 1)
        for row, user in enumerate(training_data.users.ids)
        for item, value in zip(*training_data.rated(row), strict=True)
    ]
    counts = counts_of(MemoryStore(*words))
    counts.refresh()
    assert counts.current().counts.tolist() == training_data.item_counts.tolist()
