"""What the service knows of a request while it is answered."""

import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers

from cofactor.serving.service import RecommendationService

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SCOPE_KEY = "cofactor"

Scope = Mapping[str, Any]


class RequestContext:
    """One request: who sent it, and which model answers.

    The service of the model is looked up once, so that a response never mixes two versions of a model.
    """

    __slots__ = (
        "address",
        "headers",
        "key",
        "method",
        "refused",
        "request_id",
        "route",
        "service",
        "sources",
        "version",
    )

    def __init__(self, scope: Scope, request_id: str, service: RecommendationService) -> None:
        self.method: str = scope["method"]
        self.headers = Headers(raw=list(scope["headers"]))  # a server may add trailers to its own list
        self.address: str = (scope.get("client") or ("",))[0]
        self.request_id = request_id
        self.service, self.version = service, service.version
        self.route = ""  # template of the route; empty for an unknown one
        self.key = ""  # name of the API key
        self.sources: list[str] = []  # of the lists in the response: trained, folded-in or popular
        self.refused = ""  # why the request was refused before it was processed


def context_of(scope: Scope) -> RequestContext:
    """The context of the request of an ASGI scope."""
    context: RequestContext = scope[SCOPE_KEY]
    return context
