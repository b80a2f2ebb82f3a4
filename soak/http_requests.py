"""Random HTTP requests: well-formed ones with unusual values, and malformed ones.

`whole` gives one request that any server must be able to read; `broken` gives pieces of bytes that need not be one.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from cofactor.serving.api.routes import ROUTES
from soak.damage import CHANGES, Rng, change_json, choose

BODIES: list[Any] = [
    {"ratings": [{"item": "1", "rating": 3.0}, {"item": "2", "rating": 4.5}], "n": 5, "why": 1},
    {"ratings": [{"user": "new", "item": "1", "rating": 4.0}, {"user": "3", "item": "5", "rating": 1.0, "time": 9}]},
    {"users": ["0", "7", "nobody"], "n": 5, "stranger": "popular", "genre": ["Comedy"], "deny": ["4"]},
    {"candidates": ["1", "2", "3"], "n": 3, "why": 2, "seen": True, "diversity": 0.4, "year_from": 1990},
]
IDS = [
    *(
        "0",
        "7",
        "29",
        "1",
        "2",
        "nobody",
        "a/b",
        "..",
        ".",
        "%2e%2e",
        "ä",
        "\0",
        "%00",
        "%",
        "%zz",
        "%ff%fe",
        "x" * 300,
    ),
    *("12", "13", "14", "15"),
]
VALUES = [
    *(
        "",
        "1",
        "0",
        "-1",
        "1e9",
        "99999999999999999999",
        "NaN",
        "true",
        "null",
        "ä",
        "%00",
        "[]",
        "a" * 200,
        "1" * 5000,
    ),
    *("3", "5", "10", "0.5", "Comedy"),
]
PARAMETERS = ["n", "why", "seen", "cursor", "diversity", "genre", "year_from", "deny", "offset", "x", "n[]"]
NEEDED = {"search": "q=film", "categs": "input_str=comedy&n_recos=3", "reco": "UsrID=7&n_recos=3"}
ODD_QUERIES = ["&&&", "=", "a=%zz", "%ff=%fe", "n=1;n=2", "?" * 50, "n=1%00"]
PATHS = [
    *("/", "//", "/..", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/page/..%2f..%2fpyproject.toml", "/.env"),
    *("/static/../model", "/live/", "/LIVE", "/live;x", "/models//live", "/models/%2F/model", "/models/x/admin/reload"),
    *("/users//recommendations", "/users/%2F/recommendations", "/items/" + "a/" * 500, "/" + "%41" * 3000, "/\\..\\x"),
    *("/openapi.json?x", "/metrics", "/model", "/genres", "/users/1/recommendations#x", "/é", "/?" + "a=b&" * 4000),
]
HEADERS = [
    *(b"Host: evil.example", b"Host:", b"X-Forwarded-For: 1.2.3.4", b"X-Request-Id: a\xffb", b"X-Request-Id: ok-1"),
    *(b"Authorization: Bearer x", b"Authorization: Basic !!!", b"Authorization:", b"X-API-Key: \xff", b"Cookie: a=b"),
    *(b"Content-Type: text/plain", b"Content-Type: application/json; charset=utf-16", b"Content-Encoding: gzip"),
    *(b"Accept: nothing/atall", b"Range: bytes=0-1", b"If-None-Match: *", b"Expect: 100-continue", b"Origin: null"),
    *(b"Upgrade: websocket\r\nConnection: Upgrade", b"Upgrade: h2c", b"Connection: close", b"TE: trailers"),
    *(b"Accept-Encoding: gzip, br;q=9", b"X: " + b"y" * 8000, b"Origin: https://evil.example", b"Referer: \x80"),
]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"]
NESTED = [b"[" * 200_000, b'{"a":' * 40_000, b'{"ratings":' + b"[" * 5_000 + b"]" * 5_000 + b"}", b"[" * 300_000]


@dataclass(frozen=True)
class Request:
    method: str
    data: bytes


def well_formed_request(rng: Rng) -> Request:
    """A well-formed request with random route, ids, parameters, headers and body."""
    route = choose(rng, ROUTES)
    method = choose(rng, METHODS) if rng.random() < 0.06 else route.method
    path = route.path
    for name in route.ids:
        path = path.replace(f"{{{name}}}", _id(rng), 1)
    path = choose(rng, PATHS) if rng.random() < 0.08 else path
    if route.named and rng.random() < 0.1:
        path = f"/models/{_id(rng)}{path}"
    if route.body is None or rng.random() < 0.2:
        path += _query(rng, NEEDED.get(route.operation, ""))
    body = _body(rng) if route.body is not None or rng.random() < 0.05 else b""
    lines = [b"Host: 127.0.0.1"] * (rng.random() < 0.99)
    if body or method == "POST":
        lines += [b"Content-Type: application/json", b"Content-Length: %d" % len(body)]
    if rng.random() < 0.15:
        lines = [*lines, choose(rng, HEADERS)]
    if any(line.startswith(b"Expect") for line in lines):
        lines.remove(choose(rng, [line for line in lines if line.startswith(b"Expect")]))
    target = path.encode(errors="surrogateescape").replace(b" ", b"%20").replace(b"\0", b"%00")
    return Request(method, b"\r\n".join([b"%s %s HTTP/1.1" % (method.encode(), target), *lines, b"", b""]) + body)


def malformed_request(rng: Rng) -> list[bytes]:
    """Pieces of bytes that are no request, or two requests, or a request that never ends."""
    return BREAKS[int(rng.integers(len(BREAKS)))](rng)


def _id(rng: Rng) -> str:
    one = choose(rng, IDS)
    return one.encode().decode("latin-1") if rng.random() < 0.1 else quote(one, safe="")


def _query(rng: Rng, needed: str) -> str:
    if rng.random() < 0.1:
        return "?" + choose(rng, ODD_QUERIES)
    pairs = [(choose(rng, PARAMETERS), choose(rng, VALUES)) for _ in range(int(rng.choice([0, 0, 1, 1, 2, 3])))]
    if rng.random() < 0.02:
        pairs *= 300
    return "?" + "&".join(one for one in (needed, urlencode(pairs)) if one)


def _body(rng: Rng) -> bytes:
    what = rng.random()
    if what < 0.03:
        return bytes(choose(rng, NESTED))
    tree = json.loads(json.dumps(choose(rng, BODIES)))
    for _ in range(int(rng.choice([0, 0, 0, 1, 1, 2]))):
        tree = change_json(tree, rng)
    body = json.dumps(tree).encode()[: 1 << 18]
    for _ in range(int(rng.choice([0, 0, 0, 0, 0, 1, 2]))):
        body = choose(rng, CHANGES)(body, int(rng.integers(0, len(body) + 1)), rng)
    return body


# Malformed requests --------------------------------------------------------------------------------------------

LINES = [
    *(
        b"GET",
        b"GET /live",
        b"GET /live HTTP/9.9",
        b"GET /live HTTP/1.1 x",
        b"GET  /live  HTTP/1.1",
        b" GET /live HTTP/1.1",
    ),
    *(b"G\x00T /live HTTP/1.1", b"GET http://evil.example/live HTTP/1.1", b"GET * HTTP/1.1", b"CONNECT a:1 HTTP/1.1"),
    *(
        b"get /live HTTP/1.1",
        b"GET /\x80\xff HTTP/1.1",
        b"GET /live HTTP/1.0",
        b"PRI * HTTP/2.0",
        b"\x16\x03\x01\x02\x00\x01",
    ),
    *(b"GET /" + b"a" * 40_000 + b" HTTP/1.1", b"X" * 40_000, b"GET /a\rb HTTP/1.1", b"\r\n\r\nGET /live HTTP/1.1"),
    *(b"GET /live HTTP/1.1\nHost: a", b"POST /recommendations HTTP/1.1", b"GET live HTTP/1.1", b"GET ?x HTTP/1.1"),
]
ODD_HEADERS = [
    *(
        b"Host: a\r\nHost: b",
        b": no name",
        b"No-Colon",
        b"A: b\r\n folded",
        b"A : b",
        b"\x00: x",
        b"A: \x00",
        b"A: b\rc",
    ),
    *(
        b"X: " + b"a" * 70_000,
        b"\r\n".join(b"H%d: x" % n for n in range(5000)),
        b"A:" + b" " * 40_000,
        b"\xff\xfe: \xff",
    ),
    *(b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Content-Length: 5\r\nContent-Length: 6"),
    *(
        b"Content-Length: 5, 5",
        b"Content-Length: 0x10",
        b"Content-Length: +5",
        b"Content-Length: 1e2",
        b"Content-Length: ",
    ),
    *(b"Transfer-Encoding: chunked\r\nContent-Length: 4", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: x"),
    *(b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding : chunked", b"Transfer-Encoding:\x0bchunked"),
]
CHUNKS = [
    *(
        b"5\r\nhello\r\n0\r\n\r\n",
        b"zz\r\n",
        b"-1\r\n",
        b"ffffffffffffffff\r\n",
        b"5;ext=" + b"x" * 40_000 + b"\r\nhello",
    ),
    *(
        b"5\r\nhelloXX0\r\n\r\n",
        b"0\r\nTrailer: x\r\n\r\n",
        b"0\r\n" + b"T: x\r\n" * 20_000,
        b"1\r\na\r\n" * 3_000,
        b"5\r\nhe",
    ),
    *(
        b"fffff\r\n" + b"x" * 0xFFFFF + b"\r\n0\r\n\r\n",
        b"0\r\n\r\nGET /model HTTP/1.1\r\n\r\n",
        b"\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
    ),
]


def _request_line(rng: Rng) -> list[bytes]:
    return [choose(rng, LINES) + b"\r\nHost: 127.0.0.1\r\n\r\n"]


def _odd_header(rng: Rng) -> list[bytes]:
    odd = b"\r\n".join(choose(rng, ODD_HEADERS) for _ in range(int(rng.integers(1, 3))))
    return [
        b"POST /recommendations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        + odd
        + b"\r\n\r\n{}   "
    ]


def _chunked(rng: Rng) -> list[bytes]:
    head = b"POST /recommendations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return [head + b"Transfer-Encoding: chunked\r\n\r\n", choose(rng, CHUNKS)]


def _with_a_body(rng: Rng) -> bytes:
    """A well-formed request whose method is not HEAD, so that its response may have a body."""
    while (request := well_formed_request(rng)).method == "HEAD":
        pass
    return request.data


def _cut(rng: Rng) -> list[bytes]:
    data = _with_a_body(rng)
    return [data[: int(rng.integers(0, len(data)))]]


def _damaged(rng: Rng) -> list[bytes]:
    data = _with_a_body(rng)
    for _ in range(int(rng.integers(1, 5))):
        data = choose(rng, CHANGES)(data, int(rng.integers(0, min(len(data), 400) + 1)), rng)
    return [data]


def _noise(rng: Rng) -> list[bytes]:
    return [rng.bytes(int(rng.integers(1, 3000)))]


def _slowly(rng: Rng) -> list[bytes]:
    data = _with_a_body(rng)
    at = sorted(rng.integers(0, len(data) + 1, 4).tolist())
    return [data[start:stop] for start, stop in zip([0, *at], [*at, len(data)], strict=True)]


def _several(rng: Rng) -> list[bytes]:
    return [b"".join(_with_a_body(rng) for _ in range(int(rng.integers(2, 30))))]


BREAKS = [_request_line, _odd_header, _chunked, _cut, _damaged, _damaged, _noise, _slowly, _several]
