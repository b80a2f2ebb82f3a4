"""Who is let in, asked as anybody would: over HTTP."""

import asyncio
import base64
from time import monotonic

import pytest
from starlette.requests import Request

from cofactor.serving.api import access
from cofactor.serving.api.api_keys import read_keys
from cofactor.serving.api.application import create_app
from cofactor.serving.api.request_body import JSON, BodyReader
from cofactor.serving.api.routes import ROUTES
from cofactor.serving.server_config import ServerConfig
from cofactor.serving.telemetry.answered_request import AnsweredRequest
from tests.recording_service import Models
from tests.small_service import ask

KEY, OTHER, ADMIN = "key-of-the-shop-123", "key-of-the-blog-123", "key-of-the-boss-123"
HERE = "http://localhost"


class Kept(list):
    def answered(self, one: AnsweredRequest) -> None:
        self.append(one)


def settings(**more) -> ServerConfig:
    keys = read_keys(f"shop: {KEY}\nblog: {OTHER}")
    return ServerConfig(**{"models": (), "keys": keys, "admin_keys": read_keys(f"boss: {ADMIN}"), **more})


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def is_problem(answer, status: int) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["detail"]
    assert body["hint"]
    assert body["model"] == answer.headers["x-model-version"]
    assert answer.headers["x-request-id"]
    return body


# Keys ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def app():
    return create_app(Models(), settings())


@pytest.mark.parametrize(
    "path", sorted({route.path for route in ROUTES} | {"/", "/page.css", "/nowhere", "/models/first/live", "//live"})
)
def test_without_a_key_nothing_is_open_but_live_and_ready(app, path):
    for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PATCH"):
        answer = ask(app, f"{HERE}{path.replace('{', '').replace('}', '')}", method)
        if path in access.OPEN:
            assert answer.status_code in (200, 204, 405)
        else:
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith('Basic realm="cofactor"')


@pytest.mark.parametrize(
    "headers",
    [
        bearer(KEY),
        {"x-api-key": KEY},
        {"authorization": "Basic " + base64.b64encode(f"me:{KEY}".encode()).decode()},
        {"x-api-key": ADMIN},
    ],
)
def test_a_key_opens_whatever_it_is_sent_as(headers):
    kept = Kept()
    app = create_app(Models(), settings(), [kept])
    assert ask(app, "/genres", headers=headers).status_code == 200
    assert ask(app, "/", headers=headers).status_code == 200
    assert {one.key for one in kept} == {"boss" if headers.get("x-api-key") == ADMIN else "shop"}


@pytest.mark.parametrize("wrong", [KEY[:-1], KEY + "x", KEY.upper(), "", ADMIN[:-1]])
def test_a_wrong_key_opens_nothing_and_is_never_said(app, wrong, caplog):
    answer = ask(app, "/genres", headers=bearer(wrong))
    is_problem(answer, 401)
    assert not wrong or wrong not in answer.text + str(answer.headers) + caplog.text


def test_admin_takes_an_admin_key_and_without_one_is_shut():
    app = create_app(Models(), settings())
    assert ask(app, "/admin/reload", "POST", headers=bearer(ADMIN)).status_code == 200
    assert ask(app, "/models/first/admin/reload", "POST", headers=bearer(ADMIN)).status_code == 200
    for path in ("/admin/reload", "/models/first/admin/reload", "/admin/anything"):
        is_problem(ask(app, path, "POST", headers=bearer(KEY)), 403)
        is_problem(ask(app, path, "POST"), 401)
    for none in (settings(admin_keys=()), ServerConfig(models=())):
        problem = is_problem(ask(create_app(Models(), none), "/admin/reload", "POST", headers=bearer(KEY)), 403)
        assert "admin key" in problem["hint"]


def test_an_admin_key_alone_leaves_the_rest_open():
    app = create_app(Models(), settings(keys=()))
    assert ask(app, "/genres").status_code == 200
    is_problem(ask(app, "/admin/reload", "POST"), 401)


def test_who_may_not_ask_does_not_learn_which_models_there_are(app):
    for name in ("first", "nope"):
        is_problem(ask(app, f"/models/{name}/genres"), 401)


def test_guessing_is_slowed_down_until_even_the_right_key_has_to_wait():
    app = create_app(Models(), settings())
    statuses = [ask(app, "/genres", headers=bearer(f"guess-{number:020}")).status_code for number in range(24)]
    assert statuses[:20] == [401] * 20
    assert statuses[-1] == 429
    refused = ask(app, "/genres", headers=bearer(KEY))
    is_problem(refused, 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert ask(app, "/live").status_code == 200
    assert ask(app, "/genres").status_code == 401  # whoever sends no key guesses none


# Names of the service, and pages from elsewhere ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(("localhost", 200), ("LOCALHOST:8000", 200), ("127.0.0.1:8000", 200), ("[::1]:8000", 200), ("[::1]", 200)),
        *(("evil.example", 421), ("localhost.evil.example", 421), ("127.0.0.1.evil.example:8000", 421), ("", 421)),
        *(("[::2]", 421), ("[", 421), (":8000", 421), ("evil.example:localhost", 421), ("user@localhost", 421)),
    ],
)
def test_a_name_that_is_not_the_services_is_421(host, status):
    answer = ask(create_app(Models()), "/genres", headers={"host": host})
    assert answer.status_code == status
    if status == 421:
        is_problem(answer, 421)
    assert ask(create_app(Models()), "/live", headers={"host": host}).status_code == 200
    every = ServerConfig(models=(), hosts=("*",))
    assert ask(create_app(Models(), every), "/genres", headers={"host": host}).status_code == 200


def test_a_page_from_elsewhere_may_read_nothing_and_change_nothing():
    app = create_app(Models(), settings(admin_keys=read_keys(f"boss: {ADMIN}")))
    elsewhere = {"origin": "https://evil.example", **bearer(ADMIN)}
    assert "access-control-allow-origin" not in ask(app, "/genres", headers=elsewhere).headers
    for method, path in (("POST", "/admin/reload"), ("DELETE", "/users/1/ratings/2"), ("POST", "/ratings")):
        is_problem(ask(app, path, method, headers=elsewhere), 403)
        is_problem(ask(app, path, method, headers={**elsewhere, "origin": "null"}), 403)
    own = {"origin": "http://localhost", **bearer(ADMIN)}
    assert ask(app, "/admin/reload", "POST", headers=own).status_code == 200


PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}


def test_a_page_of_an_origin_that_is_named_may_read_and_write():
    app = create_app(Models(), settings(origins=("https://shop.example",)))
    there = {"origin": "https://shop.example"}
    before = ask(app, "/ratings", "OPTIONS", headers={**there, **PREFLIGHT})
    assert before.status_code == 200
    assert before.headers["access-control-allow-origin"] == "https://shop.example"
    assert {"authorization", "content-type"} <= set(before.headers["access-control-allow-headers"].split(", "))
    assert "DELETE" in before.headers["access-control-allow-methods"]
    for key, status in ((KEY, 200), ("wrong", 401)):
        answer = ask(app, "/users/1/ratings/2", "DELETE", headers={**there, **bearer(key)})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        assert answer.headers["vary"].lower() == "origin"
    for origin in ("https://shop.example.evil", "http://shop.example", "https://SHOP.example", "null", "*"):
        answer = ask(app, "/genres", headers={"origin": origin, **bearer(KEY)})
        assert "access-control-allow-origin" not in answer.headers
        assert ask(app, "/ratings", "OPTIONS", headers={"origin": origin, **PREFLIGHT}).status_code == 400


# Rate, and the log ---------------------------------------------------------------------------------------------------


def test_each_key_has_its_rate():
    app = create_app(Models(), settings(rate=3.0))
    mine = [ask(app, "/genres", headers=bearer(KEY)) for _ in range(10)]
    assert [one.status_code for one in mine[:3]] == [200] * 3
    refused = [one for one in mine if one.status_code == 429]
    assert refused
    is_problem(refused[0], 429)
    assert int(refused[0].headers["retry-after"]) == 1
    assert ask(app, "/genres", headers=bearer(OTHER)).status_code == 200
    assert ask(app, "/live").status_code == 200


def test_without_keys_each_address_has_its_rate():
    app = create_app(Models(), ServerConfig(models=(), rate=0.5))
    assert [ask(app, "/genres").status_code for _ in range(3)] == [200, 429, 429]
    assert int(ask(app, "/genres").headers["retry-after"]) == 2


def test_an_answer_that_asks_to_retry_later_is_held_back():
    app = create_app(Models(), ServerConfig(models=(), rate=0.5), delay=0.2)
    seconds = []
    for _ in range(2):
        start = monotonic()
        ask(app, "/genres")
        seconds.append(monotonic() - start)
    assert seconds[0] < 0.2 <= seconds[1]


def test_every_request_is_noted_once_with_its_route_and_without_its_secrets():
    kept = Kept()
    app = create_app(Models(), settings(rate=2.0), [kept])
    ask(app, "/users/secret-user/recommendations?n=5", headers=bearer(KEY))
    ask(app, "/models/first/users/secret-user/similar", headers=bearer(KEY))
    ask(app, "/users/secret-user/ratings", headers=bearer(KEY))
    ask(app, "/users/secret-user/ratings")
    ask(app, "/nowhere", headers=bearer(OTHER))
    ask(app, "/users?n=0", "HEAD", headers=bearer(OTHER))
    noted = [(one.method, one.route, one.status, one.key, one.refused) for one in kept]
    assert noted == [
        ("GET", "/users/{user}/recommendations", 200, "shop", ""),
        ("GET", "/users/{user}/similar", 200, "shop", ""),
        ("GET", "", 429, "shop", "too-many-requests"),
        ("GET", "", 401, "", "no-key"),
        ("GET", "", 404, "blog", ""),
        ("HEAD", "/users", 422, "blog", ""),
    ]
    assert all(0 <= one.seconds < 5 for one in kept)
    assert "secret" not in str(kept)
    assert KEY not in str(kept) + repr(settings())


def test_the_methods_that_are_recorded_are_few_whatever_clients_send():
    kept = Kept()
    app = create_app(Models(), recorders=[kept])
    sent = ["GET", "HEAD", "OPTIONS", "DELETE", "BREW", "M" * 20_000, *(f"M{number}" for number in range(20))]
    for method in sent:
        ask(app, "/genres", method)
        ask(app, "/nowhere", method)
    assert len(kept) == 2 * len(sent)
    assert {one.method for one in kept} == {"GET", "HEAD", "OPTIONS", "DELETE", "other"}


@pytest.mark.parametrize(
    ("sent", "taken"),
    [("abc-1.X_2", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("a;b", False), ("", False)],
)
def test_a_request_keeps_its_id_where_it_is_fit_to_print(sent, taken):
    kept = Kept()
    app = create_app(Models(), recorders=[kept])
    answer = ask(app, "/nowhere", headers={"x-request-id": sent})
    assert (answer.headers["x-request-id"] == sent) is taken
    assert kept[0].request_id == answer.headers["x-request-id"]


def test_ids_of_requests_differ_also_between_processes():
    apps = [create_app(Models()) for _ in range(2)]
    ids = [ask(app, "/live").headers["x-request-id"] for app in apps for _ in range(5)]
    assert len(set(ids)) == 10


def test_a_slow_body_is_408_and_the_connection_ends(monkeypatch):
    monkeypatch.setattr(BodyReader.__init__, "__defaults__", (0.05, 1))
    app = create_app(Models())

    async def slow():
        yield b'{"ratings'
        await asyncio.sleep(5)

    headers = {"content-type": "application/json"}
    answer = ask(app, "/ratings", "POST", content=slow(), headers=headers)
    is_problem(answer, 408)
    assert answer.headers["connection"] == "close"


def test_bodies_are_read_so_many_at_a_time():
    bodies = BodyReader(max_seconds=5.0, max_bodies=2)
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", b"application/json")]}

    async def read_three():
        go = asyncio.Event()

        async def receive():
            await go.wait()
            return {"type": "http.request", "body": b"{}", "more_body": False}

        tasks = [asyncio.create_task(bodies.read(Request(scope, receive), JSON)) for _ in range(3)]
        await asyncio.sleep(0)
        go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    for _ in range(2):
        first, second, third = asyncio.run(read_three())
        assert (first, second, third.status) == (b"{}", b"{}", 503)
