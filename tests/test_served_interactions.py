"""A service of interactions: what it takes as a value, what it answers, and how its page writes values."""

from collections.abc import Iterator

import numpy as np
import pytest

from cofactor.data.kind import Kind
from cofactor.data.merge_feedback import merge_events
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData
from cofactor.serving.api.application import create_app
from cofactor.serving.model_registry import ModelRegistry
from cofactor.trainers.ials import IALS
from cofactor.trainers.popularity import Popularity
from tests.small_service import MemoryStore, ask, bundle
from tests.test_page import Elements

KINDS: list[Kind] = ["counts", "pairs"]


def data(kind: Kind) -> Ratings:
    """Two camps of six users and five items; each user lacks one item of their camp."""
    cells = [(f"{camp}{u}", f"{camp.lower()}{i}") for camp in "AB" for u in range(6) for i in range(5) if i != u % 5]
    counts = [1.0 + (3 * place) % 7 if kind == "counts" else 1.0 for place in range(len(cells))]
    return Ratings.of(*zip(*cells, strict=True), counts, kind=kind)


@pytest.fixture(params=KINDS)
def kind(request) -> Kind:
    return request.param


@pytest.fixture
def app(kind) -> Iterator[object]:
    ready = ModelRegistry(bundle(IALS(rank=4).fit(data(kind))), MemoryStore())
    ready.warm_up()
    return create_app(ready)


def give(app, user: str, item: str, value: float):
    return ask(app, "/ratings", "POST", json={"ratings": [{"user": user, "item": item, "rating": value}]})


def listed(app, user: str) -> list[str]:
    return [one["item"] for one in ask(app, f"/users/{user}/recommendations?n=3").json()["recommendations"]]


def test_the_card_says_what_the_values_are(app, kind):
    card = ask(app, "/model").json()
    assert (card["values"], card["predicts_ratings"]) == (kind, False)


def test_the_page_has_no_filter_for_years_that_no_title_has_and_speaks_of_no_ratings(app, kind):
    page = ask(app, "/").text
    assert '<span class="years" hidden>' in page
    assert "include known titles" in page


def test_a_user_who_interacts_gets_another_list(app, kind):
    assert give(app, "new", "a0", 1).status_code == 200
    assert set(listed(app, "new")) == {"a1", "a2", "a3"} or set(listed(app, "new")) <= {"a1", "a2", "a3", "a4"}
    reasons = ask(app, "/users/new/explanations/a1").json()["because"]
    assert [(one["item"], one["rating"]) for one in reasons] == [("a0", 1)]
    assert {one["item"][0] for one in ask(app, "/items/a1/similar?n=4").json()["similar"]} == {"a"}
    assert ask(app, "/popular?n=1").json()["items"][0]["ratings"] >= 5


def test_a_value_that_is_none_is_refused(app, kind):
    for value, right in ((1, True), (0, kind == "counts"), (40, kind == "counts"), (-1, False), (1e13, False)):
        answer = give(app, "new", "a0", value)
        assert (answer.status_code == 200) is right, value
        if not right:
            hint = "numbers from 0" if kind == "counts" else "interactions without a rating: give 1"
            assert hint in answer.json()["hint"]
    asked = {"ratings": [{"item": "a0", "rating": 40}]}
    assert (ask(app, "/recommendations", "POST", json=asked).status_code == 200) is (kind == "counts")


def test_a_count_above_those_of_the_training_is_kept_as_it_is():
    store = MemoryStore()
    ready = ModelRegistry(bundle(IALS(rank=4).fit(data("counts"))), store)
    ready.warm_up()
    app = create_app(ready)
    give(app, "new", "a0", 5000)
    assert ask(app, "/users/new/ratings").json()["ratings"][0]["rating"] == 5000
    reasons = ask(app, "/users/new/explanations/a1").json()["because"]
    assert reasons[0]["rating"] == 5000
    assert ask(app, "/items/a0").json()["mean"] > 500


def test_the_page_writes_no_stars(app, kind):
    html = ask(app, "/?user=A1").text
    said = "".join(Elements(html).text)
    assert "★" not in said
    assert "Based on 4 interactions from the training data." in said
    assert "because of" in said
    assert "Interactions" in said
    assert ("×" in said) is (kind == "counts")
    assert ("Counts" in said) is (kind == "counts")
    assert "Scale" not in said
    assert "No interactions yet." in "".join(Elements(ask(app, "/?user=you-1").text).text)


def test_events_of_a_store_are_merged_as_values_of_their_kind(kind):
    table, times = data(kind), np.zeros(1, np.int64)
    if kind == "counts":
        merged = merge_events(table, "store", ["A0"], ["a1"], np.array([5000.0]), times)
        assert (merged.value.max(), merged.scale) == (5000, (1, 5000))
        with pytest.raises(BadData, match="outside the scale 0 to"):
            merge_events(table, "store", ["A0"], ["a1"], np.array([-1.0]), times)
    else:
        assert len(merge_events(table, "store", ["A0"], ["b1"], np.array([1.0]), times)) == len(table) + 1
        with pytest.raises(BadData, match="rated item 'a1' 4, outside the scale 1 to 1"):
            merge_events(table, "store", ["A0"], ["a1"], np.array([4.0]), times)
    gone = merge_events(table, "store", ["A0"], ["a1"], np.array([np.nan]), times)
    assert (len(gone), gone.kind) == (len(table) - 1, kind)


def test_popular_items_are_those_with_the_most_positives():
    """Nine users dislike x and three like y, and one of those who dislike x changes their mind."""
    rows = [(f"u{k}", "x", 1.0) for k in range(9)] + [(f"u{k}", "y", 5.0) for k in range(3)] + [("u9", "z", 4.0)]
    ratings, store = Ratings.of(*zip(*rows, strict=True)), MemoryStore()
    for trainer in (IALS(rank=2, positive_from=3.0), Popularity(positive_from=3.0)):
        ready = ModelRegistry(bundle(trainer.fit(ratings)), store)
        ready.warm_up()
        app = create_app(ready)
        popular = ask(app, "/popular?n=3").json()["items"]
        assert (popular[0]["item"], popular[0]["ratings"]) == ("y", 3)
    assert [one["item"] for one in popular] == ["y", "z", "x"]
    for user in ("u4", "u5"):
        give(app, user, "x", 4)
    popular = ask(app, "/popular?n=3").json()["items"]
    assert [(one["item"], one["ratings"]) for one in popular] == [("y", 3), ("x", 9), ("z", 1)]
    first = ask(app, "/users/nobody/recommendations?stranger=popular").json()["recommendations"][0]
    assert first["item"] == "y"
