"""Who is let in: decided before a request is looked at any further."""

from time import monotonic

from cofactor.serving.http import keys
from cofactor.serving.http.exchange import Call, Header
from cofactor.serving.http.problems import Problem, later
from cofactor.serving.http.rate import Rate, Times, neighbourhood
from cofactor.serving.server_config import ServerConfig

OPEN = frozenset({"/live", "/ready"})  # for anybody, by any name of this machine: an orchestrator has no key
ADMIN = "/admin/"
FILES = (".css", ".js", ".svg", ".png")  # of the page: a dozen at once, from memory, are no requests to hold back
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
GUESSES = 1.0  # wrong keys a second from one address …
MOST_GUESSES = 20.0  # … and at once
CHALLENGES = [  # a header for each: browsers take a line for one challenge, and ask nobody where it is two
    (b"www-authenticate", b'Basic realm="cofactor", charset="UTF-8"'),
    (b"www-authenticate", b"Bearer"),
]
HOW = "send a key as Authorization: Bearer KEY, as X-API-Key: KEY, or as the password of HTTP Basic"

ALLOWED_HEADERS = b"authorization, content-type, x-api-key, x-request-id"
READABLE_HEADERS = b"retry-after, x-model-version, x-request-id"
PREFLIGHT_HOLDS = b"600"  # seconds


class Guard:
    """The checks of one application, from settings that never change."""

    def __init__(self, settings: ServerConfig, times: Times | None = None) -> None:
        """`times`: shared with the other processes that serve, so that a rate is one for all of them together."""
        self._hosts = None if "*" in settings.hosts else frozenset(name.lower() for name in settings.hosts)
        self._origins = frozenset(settings.origins)
        self._admin = settings.admin_keys
        self._any = (*settings.keys, *settings.admin_keys)
        self._keyed = bool(settings.keys)
        self._rate = Rate(settings.rate, full=times, of="rate ") if settings.rate else None
        self._guesses = Rate(GUESSES, MOST_GUESSES, times, "guess ")

    def admit(self, call: Call) -> None:
        """Lets a request pass and notes whose it is, or raises Problem: 401, 403, 421 or 429."""
        if call.path in OPEN and not call.name:
            return
        self._meant_for_us(call)
        admin = call.path.startswith(ADMIN)
        if admin or self._keyed:
            call.key = self._known(call, admin)
        if call.method not in SAFE:
            self._sent_from_here(call)
        self._in_time(call)

    def cors(self, call: Call) -> tuple[Header, ...]:
        """The headers that let a page from elsewhere read an answer; none where nobody from elsewhere may."""
        if not self._origins:
            return ()
        origin = call.headers.get(b"origin", b"")
        if origin.decode("latin-1") not in self._origins:
            return ((b"vary", b"origin"),)
        return (
            (b"vary", b"origin"),
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", READABLE_HEADERS),
        )

    def preflight(self, call: Call) -> tuple[Header, ...]:
        """What a browser asks before it sends a page's request, without a key; empty where that is not what it is."""
        origin = call.headers.get(b"origin", b"").decode("latin-1")
        if call.method != "OPTIONS" or b"access-control-request-method" not in call.headers:
            return ()
        if origin not in self._origins:
            return ()
        return (
            (b"access-control-allow-methods", b"GET, HEAD, POST, DELETE"),
            (b"access-control-allow-headers", ALLOWED_HEADERS),
            (b"access-control-max-age", PREFLIGHT_HOLDS),
        )

    def _meant_for_us(self, call: Call) -> None:
        """A page elsewhere can make its own name point here, but not make a browser send another (DNS rebinding)."""
        if self._hosts is None:
            return
        host = call.headers.get(b"host", b"").decode("latin-1").lower()
        name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
        if name not in self._hosts:
            hint = "ask by a name that the service was told it has, or start it with that name as a host"
            raise Problem(421, "this service does not go by the name in Host", hint, refused="host")

    def _known(self, call: Call, admin: bool) -> str:
        """The name of the key that a request brings; raises Problem (401, 403 or 429) where it does not open this."""
        if admin and not self._admin:
            hint = "start the service with an admin key to use /admin/"
            raise Problem(403, "no admin key is set, so nobody may do this", hint, name="Forbidden", refused="admin")
        key = keys.presented(call.headers)
        if key is None:
            raise _who("no key was sent", "no-key")
        address = neighbourhood(call.address)
        wait = self._guesses.wait(address, monotonic())
        if wait:
            raise later("too many wrong keys from this address", HOW, int(wait) + 1, "TooManyGuesses", 429)
        name = keys.whose(key, self._any)
        if not name:
            self._guesses.take(address, monotonic())
            raise _who("the key is not known", "wrong-key")
        if admin and not keys.whose(key, self._admin):
            raise Problem(403, "this takes an admin key", "send one of those", name="Forbidden", refused="admin")
        return name

    def _sent_from_here(self, call: Call) -> None:
        """A browser adds a person's password to whatever a page elsewhere makes it send (cross-site forgery)."""
        origin = call.headers.get(b"origin")
        if origin is None or origin.decode("latin-1") in self._origins:
            return
        if origin.partition(b"://")[2].lower() != call.headers.get(b"host", b"").lower():
            detail = "a page from elsewhere may not change anything here"
            hint = "open the page by the address of the service, or start it with that origin"
            raise Problem(403, detail, hint, name="CrossOrigin", refused="origin")

    def _in_time(self, call: Call) -> None:
        if self._rate is None or call.route.endswith(FILES):
            return
        wait = self._rate.take(call.key or neighbourhood(call.address), monotonic())
        if wait:
            raise later("more requests than the rate allows", "ask less often", int(wait) + 1, "TooManyRequests", 429)


def _who(detail: str, refused: str) -> Problem:
    return Problem(401, detail, HOW, name="Unauthorized", headers=CHALLENGES, refused=refused)
