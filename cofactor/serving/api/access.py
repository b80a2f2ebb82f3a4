"""Access control: which requests are accepted, decided before their parameters are read."""

import re
from time import monotonic

from starlette.types import ASGIApp, Receive, Scope, Send

from cofactor.serving.api import api_keys
from cofactor.serving.api.context import RequestContext, context_of
from cofactor.serving.api.problems import HttpProblem, retry_later
from cofactor.serving.api.rate_limit import RateLimit, Times, client_network
from cofactor.serving.server_config import ServerConfig

OPEN = frozenset({"/live", "/ready"})  # for everybody and by any host name: an orchestrator has no key
ASSETS = (".css", ".js", ".svg", ".png")  # files of the page: a dozen at once, from memory
ADMIN = re.compile("(/models/[^/]+)?/admin/")  # paths that require an admin key, also those without a route
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
GUESSES = 1.0  # wrong keys per second from one network …
MAX_GUESSES = 20.0  # … and at once
CHALLENGES = [  # one header each: browsers ask for a password only if a header has one challenge
    ("www-authenticate", 'Basic realm="cofactor", charset="UTF-8"'),
    ("www-authenticate", "Bearer"),
]
HOW = "send a key as Authorization: Bearer KEY, as X-API-Key: KEY, or as the password of HTTP Basic"


class AccessControl:
    """Middleware that checks the host, the API key, the origin and the rate of a request."""

    def __init__(self, app: ASGIApp, config: ServerConfig, times: Times | None = None) -> None:
        """times: shared with the other server processes, so that a rate holds for all of them together."""
        self._app = app
        self._hosts = None if "*" in config.hosts else frozenset(name.lower() for name in config.hosts)
        self._origins = frozenset(config.origins)
        self._admin_keys, self._all_keys = config.admin_keys, (*config.keys, *config.admin_keys)
        self._keys_required = bool(config.keys)
        self._rate = RateLimit(config.rate, times=times, kind="rate ") if config.rate else None
        self._guesses = RateLimit(GUESSES, MAX_GUESSES, times, "guess ")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers with 400, 401, 403, 421 or 429."""
        if scope["type"] == "http" and scope["path"] not in OPEN:
            context = context_of(scope)
            try:
                self._check(context, scope["path"])
            except HttpProblem as problem:
                context.refused = problem.refused
                await problem.response(context.version)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def check_admin(self, context: RequestContext) -> None:
        """Raises HttpProblem (401, 403 or 429) unless the request has an admin key."""
        if not self._admin_keys:
            hint = "start the service with an admin key (--admin-keys FILE)"
            raise HttpProblem(403, "no admin key is set, so this is refused", hint, name="Forbidden", refused="admin")
        context.key = self._key_name(context)
        if not api_keys.find_name(api_keys.read_from(context.headers) or b"", self._admin_keys):
            raise HttpProblem(403, "this requires an admin key", "send one", name="Forbidden", refused="admin")

    def _check(self, context: RequestContext, path: str) -> None:
        _check_framing(context)
        self._check_host(context)
        if ADMIN.match(path):
            self.check_admin(context)
        elif self._keys_required:
            context.key = self._key_name(context)
        if context.method not in SAFE:
            self._check_origin(context)
        if self._rate is not None and not path.endswith(ASSETS):
            wait = self._rate.take(context.key or client_network(context.address), monotonic())
            if wait:
                detail = "more requests than the rate limit allows"
                raise retry_later(detail, "ask less often", int(wait) + 1, "TooManyRequests", 429)

    def _check_host(self, context: RequestContext) -> None:
        """A page of another site can make its own name point here, but the browser sends that name (DNS rebinding)."""
        if self._hosts is None:
            return
        sent = [value.decode("latin-1").lower() for name, value in context.headers.raw if name == b"host"]
        if len(sent) != 1 or (sent[0] not in self._hosts and _host_name(sent[0]) not in self._hosts):
            hint = "use a name that the service has, or start it with --allowed-host NAME"
            raise HttpProblem(421, "the service does not have the name in Host", hint, refused="host")

    def _key_name(self, context: RequestContext) -> str:
        """The name of the key in a request; raises HttpProblem (401 or 429) without a known one."""
        key = api_keys.read_from(context.headers)
        if key is None:
            raise _unauthorized("no key was sent", "no-key")
        network = client_network(context.address)
        wait = self._guesses.wait(network, monotonic())
        if wait:
            raise retry_later("too many wrong keys from this address", HOW, int(wait) + 1, "TooManyGuesses", 429)
        name = api_keys.find_name(key, self._all_keys)
        if not name:
            self._guesses.take(network, monotonic())
            raise _unauthorized("the key is not known", "wrong-key")
        return name

    def _check_origin(self, context: RequestContext) -> None:
        """A browser adds a user's password to every request that a page of another site makes it send (CSRF)."""
        origins = context.headers.getlist("origin")
        if all(origin in self._origins for origin in origins):
            return
        host = context.headers.get("host", "").lower()
        if len(origins) != 1 or origins[0].partition("://")[2].lower() != host:
            hint = "open the page at the address of the service, or start it with --origin"
            raise HttpProblem(
                403, "pages of other sites may not change anything", hint, name="CrossOrigin", refused="origin"
            )


def _check_framing(context: RequestContext) -> None:
    """Raises HttpProblem (501) for a transfer coding that nobody decodes."""
    codings = [value.strip().lower() for name, value in context.headers.raw if name == b"transfer-encoding"]
    if codings and codings != [b"chunked"]:
        hint = "send the body with Content-Length, or chunked"
        raise HttpProblem(
            501, "the transfer coding is not supported", hint, headers=[("connection", "close")], refused="framing"
        )


def _host_name(host: str) -> str:
    """The name in a Host header in lower case, without its port; empty if it is malformed."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "0"
    brackets = name.startswith("[") and name.endswith("]")
    return name if (brackets or ":" not in name) and (port.isdecimal() and port.isascii()) else ""


def _unauthorized(detail: str, refused: str) -> HttpProblem:
    return HttpProblem(401, detail, HOW, name="Unauthorized", headers=CHALLENGES, refused=refused)
