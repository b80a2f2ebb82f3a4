"""The API as an OpenAPI 3.1 document, made from the list of routes and the classes of requests and answers."""

from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from cofactor.serving.api import problems
from cofactor.serving.api.access import OPEN
from cofactor.serving.api.context import REQUEST_ID
from cofactor.serving.api.request_body import FORM
from cofactor.serving.api.routes import ROUTES, Route
from cofactor.serving.schemas import requests, responses
from cofactor.serving.server_config import ServerConfig

API_VERSION = "2"
ABOUT = """Recommendations from trained models, which take each new rating into account at once.

Every response names the version of the model, in `model` and in the header `X-Model-Version`. Every response outside
2xx is a problem (RFC 9457) with a `detail` and a `hint`. Paths below `/models/{name}` are answered by that model, all
others by the first one. Unknown parameters and fields are errors.
"""
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer KEY"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "basic": {"type": "http", "scheme": "basic", "description": "any name, with the key as the password"},
}
KEYED: list[dict[str, list[str]]] = [{name: []} for name in SCHEMES]
HERE = [{"url": "/", "description": "the first model, and the service"}]
NAMED_MODEL = {
    "url": "/models/{name}",
    "description": "the model with that name; /models lists the names",
    "variables": {"name": {"default": "model"}},
}
SENT: dict[str, Any] = {  # headers of every answer
    "X-Model-Version": {"description": "the version of the model", "schema": {"type": "string"}},
    "X-Request-ID": {
        "description": "the request's own id if it is printable, otherwise a new one; also in the log",
        "schema": {"type": "string", "pattern": f"^{REQUEST_ID.pattern}$"},
    },
}
RETRY_AFTER = {
    "description": "seconds after which to ask again",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
OWN: dict[int, dict[str, Any]] = {  # headers of some problems
    401: {"WWW-Authenticate": {"description": "how to send a key", "schema": {"type": "string"}}},
    405: {"Allow": {"description": "the supported methods", "schema": {"type": "string"}}},
    429: {"Retry-After": RETRY_AFTER},
    503: {"Retry-After": RETRY_AFTER},
}
WHEN = {
    400: "The body is not JSON",
    401: "No key, or an unknown one",
    403: "The key does not permit this, or a page of another site sent it",
    404: "No such user, item, model or route",
    405: "The route does not support that method",
    408: "The body arrived too slowly",
    409: "The list has changed since the previous page; or the model in the folder cannot be served",
    413: "The body is too large",
    415: "The body is not application/json in UTF-8, or compressed",
    421: "The service does not have the name in Host",
    422: "A parameter or a field is out of bounds, unknown, repeated or of the wrong type",
    429: "More requests than the rate allows, or too many wrong keys",
    500: "An error of the service; its log has the details",
    503: "Not ready, too busy, or something that the service needs cannot be reached",
}
IDS = {"user": "196", "item": "50"}


@cache
def openapi(config: ServerConfig) -> dict[str, Any]:
    """The document of a service that is run with these settings: keys are asked for where there are any."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        own = {} if route.named else {"servers": HERE}
        paths.setdefault(route.path, own)[route.method.lower()] = _operation(route, config)
    names = [name for name, _ in config.models] or ["model"]
    named = {**NAMED_MODEL, "variables": {"name": {"default": names[0], "enum": names}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "cofactor", "version": API_VERSION, "description": ABOUT, "license": {"name": "Apache-2.0"}},
        "servers": [*HERE, named],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in ROUTES)],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "responses": {f"Problem{status}": _problem(status) for status in WHEN},
            "headers": SENT,
            "securitySchemes": SCHEMES,
        },
    }


def statuses(route: Route) -> list[int]:
    """Every status of a problem that a route can answer with."""
    found = {422, 500, *route.problems}
    if route.path not in OPEN:
        found |= {401, 421, 429}
    if route.answer is not None or route.operation in ("reload", "metrics"):
        found |= {404, 503}
    if route.body is not None or route.form:
        found |= {400, 408, 413, 415}
    if "cursor" in {**route.query.model_fields, **(route.body.model_fields if route.body else {})}:
        found.add(409)
    if route.method not in ("GET", "HEAD"):
        found.add(403)
    return sorted(found)


def _operation(route: Route, config: ServerConfig) -> dict[str, Any]:
    guarded = route.admin or (config.keys and route.path not in OPEN)
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "tags": [route.tag],
        "security": KEYED if guarded else [],
        "parameters": [*(_id(name) for name in route.ids), *([] if _is_form(route) else _parameters(route.query))],
        "responses": {
            "200": _success(route),
            **{str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in statuses(route)},
        },
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": _shown(route.body)}}
    if _is_form(route):
        content = {FORM: {"schema": route.query.model_json_schema()}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _is_form(route: Route) -> bool:
    return route.form and route.method == "POST"


def _success(route: Route) -> dict[str, Any]:
    if route.response is not None:
        content = {"application/json": _shown(route.response)}
    elif route.operation == "metrics":
        content = {"text/plain": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": {"type": "object"}}}
    return {"description": "The response", "headers": _headers(200), "content": content}


def _problem(status: int) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": WHEN[status].lower(),
        "hint": problems.SEE,
        "model": responses.VERSION,
    }
    if status == HTTPStatus.NOT_FOUND:
        (example,) = _examples(responses.Problem)
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {problems.MEDIA_TYPE: {"schema": schema, "examples": {"one": {"value": example}}}}
    return {"description": WHEN[status], "headers": {**_headers(status), **OWN.get(status, {})}, "content": content}


def _headers(status: int) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in SENT}


def _shown(of: type[BaseModel]) -> dict[str, Any]:
    """A class of ours as content, with its own examples."""
    return {
        "schema": {"$ref": f"#/components/schemas/{of.__name__}"},
        "examples": {f"example{number}": {"value": one} for number, one in enumerate(_examples(of), 1)},
    }


def _examples(of: type[BaseModel]) -> list[dict[str, Any]]:
    examples: list[dict[str, Any]] = of.model_json_schema()["examples"]
    return examples


def _id(name: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": requests.LONGEST_ID, "pattern": requests.NO_NUL}
    description = f"the id of the {name}, percent-encoded, slashes too"
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
        "example": IDS[name],
    }


def _parameters(query: type[BaseModel]) -> list[dict[str, Any]]:
    schema = query.model_json_schema()
    required = schema.get("required", [])
    return [_parameter(name, dict(one), name in required) for name, one in schema.get("properties", {}).items()]


def _parameter(name: str, schema: dict[str, Any], required: bool) -> dict[str, Any]:
    """A field as a parameter: nothing is said by leaving it out, so none of its kinds is null."""
    description = schema.pop("description", "")
    schema.pop("title", None)
    if "anyOf" in schema:
        schema = next(one for one in schema["anyOf"] if one.get("type") != "null")
    if schema.get("default", 0) in ([], ""):
        del schema["default"]
    listed = {"style": "form", "explode": True} if schema.get("type") == "array" else {}
    return {"name": name, "in": "query", "required": required, "description": description, "schema": schema, **listed}


def _schemas() -> dict[str, Any]:
    answers = {route.response for route in ROUTES if route.response} | {responses.Problem}
    bodies = {route.body for route in ROUTES if route.body}
    every = [(one, "serialization") for one in answers] + [(one, "validation") for one in bodies]
    every.sort(key=lambda one: one[0].__name__)
    _, document = models_json_schema(every, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    schemas: dict[str, Any] = document["$defs"]
    return schemas
