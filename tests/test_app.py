"""The service over HTTP, in process: the right answers, the documented shapes, and a problem for every error."""

import asyncio
import itertools
import json
import re
import threading
import time
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cofactor.ids import find_id_fault, normalize_id
from cofactor.models.baseline import BaselineModel
from cofactor.serving.api import endpoints
from cofactor.serving.api.application import create_app
from cofactor.serving.api.executors import WRITERS
from cofactor.serving.api.request_body import MAX_BYTES
from cofactor.serving.api.routes import ROUTES
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.schemas import responses
from cofactor.serving.schemas.requests import FoldedBody
from cofactor.serving.server_config import ServerConfig
from cofactor.serving.service import RecommendationService
from cofactor.serving.unit_costs import UnitCosts
from tests.small_service import TITLES, USERS, MemoryStore, ask, bundle, model, ratings, service

ITEMS = list(TITLES)


@pytest.fixture(scope="module")
def running():
    ready = ModelRegistry(bundle(), MemoryStore())
    ready.warm_up()
    return ready


@pytest.fixture(scope="module")
def app(running):
    return create_app(running)


def is_problem(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    responses.Problem.model_validate(body)
    assert body["status"] == status
    assert body["model"] == response.headers["x-model-version"]
    assert "Traceback" not in response.text
    return body


# Answers -------------------------------------------------------------------------------------------------------------

GOOD = [
    ("/users/40/recommendations?n=3&why=2", responses.UserList),
    ("/users/nobody/recommendations?stranger=popular", responses.UserList),
    ("/users/40/explanations/1?n=3", responses.Explanation),
    ("/users/40/similar?n=3", responses.SimilarUsers),
    ("/users/40/ratings", responses.UserRatings),
    ("/users?offset=2&n=3", responses.Users),
    ("/items/50/similar?n=3", responses.Similar),
    ("/items/50", responses.OneItem),
    ("/items?query=matrix", responses.Items),
    ("/items", responses.Items),
    ("/popular?genre=Action", responses.Popular),
    ("/search?q=matirx", responses.Found),
    ("/categs?input_str=matrix&n_recos=2", responses.Categs),
    ("/genres", responses.Genres),
    ("/map?n=3", responses.Map),
    ("/model", responses.Card),
    ("/models", responses.Models),
    ("/models/model/users/40/recommendations", responses.UserList),
    ("/reco?UsrID=40&n_recos=5", responses.Reco),
    ("/live", responses.Status),
    ("/ready", responses.Status),
]


@pytest.mark.parametrize(("path", "schema"), GOOD)
def test_an_answer_is_what_the_documentation_says_and_names_its_version(app, running, path, schema):
    response = ask(app, path)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    version = running.service().version
    assert response.json()["model"] == response.headers["x-model-version"] == version
    schema.model_validate(response.json(), strict=True)


@pytest.mark.parametrize("row", range(len(USERS)))
def test_an_answer_belongs_to_the_user_whatever_the_id_is_written_with(app, row):
    user, best = USERS[row], ITEMS[(row + 1) % len(ITEMS)]
    listed = ask(app, f"/users/{quote(user, safe='')}/recommendations").json()
    assert listed["user"] == user
    assert listed["recommendations"][0]["item"] == best
    explained = ask(app, f"/users/{quote(user, safe='')}/explanations/{quote(best, safe='')}").json()
    assert (explained["user"], explained["item"], explained["score"]) == (user, best, 5.0)


def test_a_slash_in_an_id_need_not_be_encoded_where_it_is_plain_what_is_meant(app):
    assert ask(app, "/users/a/b/recommendations").json()["user"] == "a/b"
    assert ask(app, "/items/a/b/similar").json()["title"] == "Amélie (2001)"


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), min_size=1, max_size=20),
        min_size=2,
        max_size=2,
        unique=True,
    )
)
def test_any_id_comes_through_an_address(running, app, users):
    assume(all(find_id_fault(normalize_id(user)) is None for user in users))
    assume(len(set(map(normalize_id, users))) == len(users))
    before = running.service().loaded_model
    running.replace(bundle(model(ratings(users))))
    try:
        for row, user in enumerate(users):
            answer = ask(app, f"/users/{quote(user, safe='')}/recommendations?n=1")
            assert answer.json()["recommendations"][0]["item"] == ITEMS[row + 1]
    finally:
        running.replace(before)


def test_reco_answers_for_the_user_with_numbers_on_the_scale_and_nothing_seen(app):
    answer = ask(app, "/reco?UsrID=40&n_recos=5").json()
    assert len(answer["ratings"]) == len(answer["labels"]) == 5
    assert answer["labels"][0] == TITLES["1"]
    assert TITLES["50"] not in answer["labels"]
    assert all(isinstance(one, float) and 0.5 <= one <= 5.0 for one in answer["ratings"])


def test_titles_come_as_utf_8_and_unescaped(app):
    answer = ask(app, "/users/everything/recommendations?n=100")
    assert answer.json()["recommendations"] == []
    text = ask(app, "/items?n=100").content.decode("utf-8")
    for title in ("Cité des enfants perdus, La (1995)", "攻殻機動隊 (1995)", "<script>alert('title')</script>"):
        assert title in text


def test_a_fold_in_uses_the_ratings_it_is_given(app, running):
    given_ratings = [{"item": "50", "rating": 5}, {"item": "a/b", "rating": 0.5}]
    answer = ask(app, "/recommendations", "POST", json={"ratings": given_ratings, "n": 4, "why": 1})
    responses.FoldedList.model_validate(answer.json(), strict=True)
    direct = running.service().recommendations_for_ratings(
        FoldedBody.model_validate({"ratings": given_ratings, "n": 4})
    )
    listed = [one["item"] for one in answer.json()["recommendations"]]
    assert listed == [one["item"] for one in direct["recommendations"]]
    assert not {"50", "a/b"} & set(listed)


def test_a_rating_that_was_taken_is_seen_at_once_and_gone_once_it_is_taken_back(app):
    best = ask(app, "/users/40/recommendations?n=1").json()["recommendations"][0]["item"]
    given_rating = {"user": "40", "item": best, "rating": 1.0}
    taken = ask(app, "/ratings", "POST", json={"ratings": [given_rating]})
    assert taken.json()["taken"] == 1
    try:
        after = ask(app, "/users/40/recommendations?n=100").json()
        assert after["source"] == "folded-in"
        assert best not in [one["item"] for one in after["recommendations"]]
        kept = ask(app, "/users/40/ratings").json()["ratings"][0]
        assert (kept["item"], kept["rating"], kept["source"]) == (best, 1.0, "service")
    finally:
        back = ask(app, f"/users/40/ratings/{quote(best, safe='')}", "DELETE")
    assert back.json()["taken_back"] is True
    assert ask(app, "/users/40/recommendations?n=1").json()["recommendations"][0]["item"] == best


def test_many_lists_come_in_the_order_of_their_users_and_one_unknown_spoils_none(app):
    users = ["7", "nobody", "40"]
    lists = ask(app, "/batch/recommendations", "POST", json={"users": users, "n": 2}).json()["lists"]
    assert [one["user"] for one in lists] == users
    for one in (lists[0], lists[2]):
        alone = ask(app, f"/users/{one['user']}/recommendations?n=2").json()["recommendations"]
        assert one["recommendations"] == alone
    assert "nobody" in lists[1]["problem"]["detail"]


# Errors --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/users/4O/recommendations", "/users/4O/explanations/50", "/reco?UsrID=4O"])
def test_an_unknown_user_is_404_with_did_you_mean(app, path):
    problem = is_problem(ask(app, path), 404)
    assert problem["title"] == "Unknown id"
    assert "unknown user '4O'" in problem["detail"]
    assert "did you mean 40" in problem["hint"]


@pytest.mark.parametrize("path", ["/items/51/similar", "/users/40/explanations/51", "/items/51", "/models/nope/items"])
def test_an_unknown_item_or_model_is_404(app, path):
    problem = is_problem(ask(app, path), 404)
    assert "unknown item" in problem["detail"] or "nope" in problem["detail"]


def test_the_hint_for_a_misspelt_name_has_the_right_one(app):
    found = is_problem(ask(app, "/users/40/recommendations?genres=Drama"), 422)
    assert (found["detail"], found["hint"].partition("?")[0]) == (
        "query genres: there is no such name here",
        "did you mean genre",
    )
    found = is_problem(ask(app, "/ratings", "POST", json={"user": "1", "item": 2, "rating": 3}), 422)
    assert found["detail"].startswith("body ratings: is missing; body ")
    assert found["hint"].startswith(("did you mean ratings?", "known are ratings;"))
    found = is_problem(ask(app, "/ratings", "POST", json={"ratings": [{"user": "1", "item": 2, "rating": 3}]}), 422)
    assert found["detail"] == 'body ratings[0].item: must be text, as in "12"'


@pytest.mark.parametrize(
    "path",
    [
        "/users/40/recommendations?n=0",
        "/users/40/recommendations?n=101",
        "/users/40/recommendations?n=ten",
        "/users/40/recommendations?why=11",
        "/users/40/recommendations?count=3",
        "/users//recommendations",
        f"/users/{'x' * 201}/recommendations",
        "/users/40/explanations/",
        "/items/",
        "/users/%FF%00/recommendations",
        "/users/a%00b/recommendations",
        "/users/40/recommendations?n=5&n=6",
        "/users/40/recommendations?n=%35%20",
        "/users/40/recommendations?n=1_0",
        "/users/40/recommendations?n=%2B5",
        "/users/40/recommendations?seen=yes",
        "/users/40/recommendations?diversity=nan",
        "/users/40/recommendations?diversity=.5",
        "/users/40/recommendations?n=05",
        "/users/40/recommendations?n=%D9%A3",
        "/users/40/recommendations?genre=" + "&genre=x" * 51,
        "/users/40/recommendations?" + "&".join(f"deny={n}" for n in range(401)),
        "/search?q=%FF",
        "/search?q=%C3%28",
        "/search?q=a&q=b",
        "/search",
        "/genres?n=1",
        "/live?n=1",
        "/map?n=2001",
        "/users?offset=-1",
        "/users?offset=99999999999999999999999",
        "/items?query=" + "x" * 101,
        "/items?q=x",
        "/reco",
        "/reco?UsrID=40&n_recos=0",
        "/reco?usrid=40",
    ],
)
def test_what_is_out_of_bounds_or_misspelt_is_422(app, path):
    assert is_problem(ask(app, path), 422)["hint"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "ratings"),
        ({"ratings": [], "extra": 1}, "extra"),
        ({"ratings": [{"item": "50", "rating": 4, "time": 1}]}, "ratings[0].time"),
        ({"ratings": [{"item": "50", "rating": "4"}]}, "ratings[0].rating"),
        ({"ratings": [{"item": 50, "rating": 4}]}, "ratings[0].item"),
        ({"ratings": [{"item": "50", "rating": 4}, {"item": "50", "rating": 5}]}, "twice"),
        ({"ratings": [{"item": "nope", "rating": 4}]}, "unknown item 'nope'"),
        ({"ratings": [{"item": "50", "rating": 6}]}, "6"),
        ({"ratings": [{"item": "50", "rating": 4}] * 1_001}, "1000"),
        ({"ratings": [], "n": 101}, "n:"),
        ([], "body"),
    ],
)
def test_a_history_that_cannot_be_is_422_and_names_the_culprit(app, body, words):
    assert words in is_problem(ask(app, "/recommendations", "POST", json=body), 422)["detail"]


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"{", b"\xff\xfe", b'{"ratings": [{"item": "50", "rating": NaN}]}', b"[" * 200_000, b'{"a":' * 50_000),
        b'{"ratings": [], "n": ' + b"9" * 200_000 + b"}",
        b'\xef\xbb\xbf{"ratings": []}',
        '{"ratings": []}'.encode("utf-16"),
    ],
    ids=lambda raw: str(raw[:12]),
)
def test_a_body_that_is_not_json_is_refused(app, raw):
    answer = ask(app, "/recommendations", "POST", content=raw, headers={"content-type": "application/json"})
    is_problem(answer, answer.status_code)
    assert answer.status_code in (400, 422)


def test_half_a_character_in_a_body_is_refused(app):
    raw = b'{"ratings": [{"item": "\\ud800", "rating": 4}], "\\ud800": 1}'
    answer = ask(app, "/recommendations", "POST", content=raw, headers={"content-type": "application/json"})
    is_problem(answer, answer.status_code)
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json"}, 200),
        ({"content-type": 'Application/JSON; charset="UTF-8"'}, 200),
        ({"content-type": "application/json; charset=latin-1"}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({}, 415),
        ({"content-type": "application/json", "content-encoding": "gzip"}, 415),
        ({"content-type": "application/json", "content-encoding": "identity"}, 200),
        ([("content-type", "application/json"), ("content-type", "text/plain")], 415),
        ([("content-type", "text/plain"), ("content-type", "application/json")], 415),
        ([("content-type", "application/json"), *[("content-encoding", one) for one in ("identity", "br")]], 415),
        ({"content-type": "application/json", "content-length": "9" * 30}, 413),
    ],
)
def test_a_body_is_json_in_utf_8_and_nothing_else(app, headers, status):
    answer = ask(app, "/recommendations", "POST", content=b'{"ratings": []}', headers=headers)
    assert answer.status_code == status
    if status != 200:
        is_problem(answer, status)


def test_a_body_that_is_too_large_is_413_announced_or_not(app):
    large = b" " * (MAX_BYTES + 1)

    async def pieces():
        for start in range(0, len(large), 1 << 14):
            yield large[start : start + (1 << 14)]

    for content in (large, pieces()):
        answer = ask(app, "/recommendations", "POST", content=content, headers={"content-type": "application/json"})
        assert "larger" in is_problem(answer, 413)["detail"]


def test_a_route_or_method_that_is_not_there_is_a_problem_too(app):
    assert "/nowhere" in is_problem(ask(app, "/nowhere"), 404)["detail"]
    is_problem(ask(app, "/docs"), 404)
    refused = ask(app, "/recommendations")
    is_problem(refused, 405)
    assert refused.headers["allow"] == "OPTIONS, POST"
    is_problem(ask(app, "/users/40/ratings/50"), 405)
    is_problem(ask(app, "/models//genres"), 404)
    is_problem(ask(app, "/models/model/live"), 404)


@pytest.mark.parametrize("ranges", ["bytes=0-9", "bytes=999999-", "bytes=10-1", "lines=1", "bytes=" + "0-0," * 5000])
def test_the_files_of_the_page_come_whole(app, ranges):
    whole = ask(app, "/page.css")
    answer = ask(app, "/page.css", headers={"range": ranges})
    assert (answer.status_code, answer.content) == (200, whole.content)
    assert ask(app, "/page.css", headers={"range": ranges, "if-none-match": whole.headers["etag"]}).status_code == 304


def test_a_fault_inside_is_500_and_tells_nothing_but_the_log(caplog):
    broken = service()
    app = create_app(broken)

    class Broken(BaselineModel):
        def score_rows(self, users):
            raise RuntimeError("a secret of the inside")

    rated = ratings()
    biases = np.zeros(len(rated.users), np.float32), np.zeros(len(rated.items), np.float32)
    faulty = bundle(Broken(rated.training_data, rated.scale, 3.0, *biases, 1.0))
    broken.put(RecommendationService(faulty))  # past the check that would refuse it
    answer = ask(app, "/users/40/recommendations")
    is_problem(answer, 500)
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "a secret of the inside" in caplog.text


def test_not_ready_before_the_warm_up_but_live():
    cold = ModelRegistry(bundle())
    app = create_app(cold)
    assert "warming" in is_problem(ask(app, "/ready"), 503)["detail"]
    assert ask(app, "/live").status_code == 200
    cold.warm_up()
    assert ask(app, "/ready").json()["status"] == "ready"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([*ITEMS, "ratings", "item", "rating"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["ratings", "item", "rating", "n", "x"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(json_values)
def test_no_body_is_a_fault(app, value):
    answer = ask(
        app, "/recommendations", "POST", content=json.dumps(value), headers={"content-type": "application/json"}
    )
    assert answer.status_code in (200, 400, 422)
    if answer.status_code != 200:
        is_problem(answer, answer.status_code)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([at.path for at in ROUTES if at.method == "GET"]), st.binary(max_size=30), st.binary(max_size=30)
)
def test_no_address_is_a_fault(app, path, id_, query):
    path = re.sub(r"\{.*?\}", lambda _: quote(id_, safe=""), path)
    answer = ask(app, f"{path}?{quote(query, safe='&=')}")
    assert answer.status_code in (200, 404, 409, 422)
    if answer.status_code != 200:
        is_problem(answer, answer.status_code)


# One version an answer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("brief", [-1.0, 10.0], ids=["in a thread", "in the loop"])
def test_answers_do_not_mix_versions_while_bundles_are_swapped(monkeypatch, brief):
    monkeypatch.setattr(endpoints, "FAST", brief)
    kinds = []
    for name in ("old", "new"):
        titles = {item: f"{name} {title}" for item, title in TITLES.items()}
        kinds.append(bundle(model(ratings(titles=titles), shift=1 + len(kinds)), name=name))
    names = {one.version: name for one, name in zip(kinds, ("old", "new"), strict=True)}
    running = ModelRegistry(kinds[0])
    running.warm_up()
    app = create_app(running)
    stop = threading.Event()

    def swap():
        swaps = 0
        while not stop.wait(0.001):
            swaps += 1
            running.replace(kinds[swaps % 2])

    async def client(seen):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
            end = time.monotonic() + 20
            for asked in itertools.count():
                if (asked >= 15 and len(seen) == 2) or time.monotonic() > end:
                    return
                answer = await http.get("/users/40/recommendations?n=3&why=1")
                body = answer.json()
                assert answer.status_code == 200, body
                name = names[body["model"]]
                assert answer.headers["x-model-version"] == body["model"]
                assert body["recommendations"][0]["item"] == ITEMS[1 if name == "old" else 2]
                assert all(one["title"].startswith(name) for one in body["recommendations"])
                seen.add(name)

    async def clients(seen):
        await asyncio.gather(*(client(seen) for _ in range(4)))

    seen: set[str] = set()
    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        asyncio.run(clients(seen))
    finally:
        stop.set()
        swapping.join()
    assert seen == {"old", "new"}


def test_others_are_answered_while_a_long_list_is_made(monkeypatch):
    asked, release = threading.Event(), threading.Event()

    class Slow(BaselineModel):
        def score_rows(self, users):
            asked.set()
            assert release.wait(10)
            return super().score_rows(users)

    rated = ratings()
    biases = np.zeros(len(rated.users), np.float32), np.zeros(len(rated.items), np.float32)
    running = ModelRegistry(bundle(Slow(rated.training_data, rated.scale, 3.0, *biases, 1.0)))
    running.put(RecommendationService(running.service().loaded_model, costs=UnitCosts(trained=1.0)))
    app = create_app(running)

    async def both():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
            slow = asyncio.create_task(http.get("/users/40/recommendations"))
            while not asked.is_set():
                await asyncio.sleep(0.001)
            live = await http.get("/live")
            release.set()
            return live, await slow

    live, slow = asyncio.run(both())
    assert (live.status_code, slow.status_code) == (200, 200)


def test_metrics_are_answered_while_every_thread_waits_for_the_store():
    release = threading.Event()

    class Hanging(MemoryStore):
        def append(self, events):
            assert not events or release.wait(10)

    registry = ModelRegistry(bundle(), store=Hanging())
    app = create_app(registry, ServerConfig(models=(), waiting=1), metrics=lambda: b"figures")
    body = {"ratings": [{"user": "40", "item": "1", "rating": 4.0}]}

    async def together():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
            waiting = [asyncio.create_task(http.post("/ratings", json=body)) for _ in range(WRITERS + 1)]
            done, pending = await asyncio.wait(
                [*waiting, asyncio.create_task(http.post("/ratings", json=body))],
                timeout=5,
                return_when="FIRST_COMPLETED",
            )
            (refused,) = (one.result() for one in done)
            metrics = await http.get("/metrics")
            release.set()
            return refused, metrics, await asyncio.gather(*pending)

    refused, metrics, stored = asyncio.run(together())
    assert "waiting" in is_problem(refused, 503)["detail"]
    assert (metrics.status_code, metrics.content) == (200, b"figures")
    assert {one.status_code for one in stored} == {200}
