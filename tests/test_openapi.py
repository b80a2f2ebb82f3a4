"""The document of the API: valid, complete, and true."""

import json
import re
from http import HTTPStatus

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from cofactor.serving.api.api_keys import read_keys
from cofactor.serving.api.application import create_app
from cofactor.serving.api.openapi import KEYED, openapi, statuses
from cofactor.serving.api.routes import ROUTES
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.schemas import requests, responses
from cofactor.serving.server_config import ServerConfig
from tests.recording_service import Models
from tests.small_service import MemoryStore, ask, bundle

KEY, ADMIN = "key-of-the-tests-123", "key-of-the-admin-123"
ANY_HOST = ServerConfig(models=(), hosts=("*",))
KEPT = ServerConfig(models=(), hosts=("*",), keys=read_keys(KEY), admin_keys=read_keys(ADMIN))


@pytest.fixture(scope="module")
def documented():
    return ask(create_app(Models()), "/openapi.json").json()


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method != "servers":
                yield method.upper(), path, operation


@pytest.mark.parametrize("of", [ANY_HOST, KEPT], ids=["open", "with keys"])
def test_it_is_valid_by_the_meta_schema_of_openapi_and_every_reference_resolves(of):
    document = openapi(of)
    OPENAPI_31_VALIDATOR.validate(document)
    references = set(re.findall(r'"\$ref": ?"#/([^"]+)"', json.dumps(document)))
    assert len(references) > 10
    for reference in references:
        found = document
        for part in reference.split("/"):
            assert part in found, reference
            found = found[part]


def test_every_route_is_there_with_every_parameter_and_every_problem(documented):
    found = {(method, path): operation for method, path, operation in operations(documented)}
    assert set(found) == {(route.method, route.path) for route in ROUTES}
    for route in ROUTES:
        operation = found[route.method, route.path]
        named = {(one["in"], one["name"]) for one in operation["parameters"]}
        form = route.form and route.method == "POST"
        fields = {} if form else route.query.model_fields
        expected = {("path", one) for one in route.ids} | {("query", one.alias or name) for name, one in fields.items()}
        assert named == expected
        assert set(operation["responses"]) == {"200"} | {str(status) for status in statuses(route)}
        assert ("requestBody" in operation) is (route.body is not None or form)
        assert operation["summary"]
        assert all(one["description"] for one in operation["parameters"])
        assert {"url": "/", "description": "the first model, and the service"} in documented["servers"]
        assert ("servers" in documented["paths"][route.path]) is not route.named
    assert len({operation["operationId"] for operation in found.values()}) == len(found)


def test_every_answer_says_what_headers_it_has_and_every_problem_is_one(documented):
    components = documented["components"]
    for _, _, operation in operations(documented):
        for status, response in operation["responses"].items():
            response = components["responses"][response["$ref"].rsplit("/", 1)[1]] if "$ref" in response else response
            assert {"X-Request-ID", "X-Model-Version"} <= response["headers"].keys()
            assert ("Retry-After" in response["headers"]) is (status in ("429", "503"))
            if status != "200":
                (kind,) = response["content"]
                assert kind == "application/problem+json"
                example = response["content"][kind]["examples"]["one"]["value"]
                assert responses.Problem.model_validate(example).status == int(status)
                assert HTTPStatus(int(status)).phrase


def test_every_documented_example_is_one(documented):
    seen = 0
    for name, schema in documented["components"]["schemas"].items():
        kind = getattr(responses, name, None) or getattr(requests, name)
        for example in schema.get("examples", []):
            kind.model_validate(example, strict=True)
            seen += 1
        assert schema.get("examples") or name in ("Rated", "GivenRating"), name
    assert seen >= len(documented["components"]["schemas"]) - 2


@pytest.mark.parametrize("route", [one for one in ROUTES if one.body], ids=lambda one: one.path)
def test_every_documented_request_is_answered_by_what_is_documented(route):
    examples = openapi(ANY_HOST)["components"]["schemas"][route.body.__name__]["examples"]
    for example in examples:
        answer = ask(create_app(Models()), route.path.format(user="1"), "POST", json=example)
        assert answer.status_code == 200, answer.text
        route.response.model_validate(answer.json())


def test_keys_are_asked_for_where_there_are_any():
    for of, everywhere in ((ANY_HOST, False), (KEPT, True)):
        for method, path, operation in operations(openapi(of)):
            admin = path.startswith("/admin/") or (method, path) == ("DELETE", "/users/{user}")
            guarded = admin or (everywhere and path not in ("/live", "/ready"))
            assert operation["security"] == (KEYED if guarded else [])


# Thousands of requests, good and bad, made from the document itself ---------------------------------------------------


class NoTimes:
    """Times of a rate limit that limits nothing: wrong keys are what is tried here."""

    def get(self, name):
        return 0.0

    def put(self, name, time):
        pass


def app(of: ServerConfig):
    service = ModelRegistry(bundle(), MemoryStore())
    service.warm_up()
    return create_app(service, of, metrics=lambda: b"up 1\n", times=NoTimes())


CONFIG = schemathesis.config.SchemathesisConfig.from_dict(
    {
        # A body may be of the documented shape and yet name an item that the model does not know (422), or go on with a
        # list that has changed (409): what a schema cannot say.
        "checks": {
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", 401, 403, 404, 409, 422],
            },
        },
    }
)
schema = schemathesis.openapi.from_asgi("/openapi.json", app(ANY_HOST), config=CONFIG)
HEALTH = [HealthCheck.too_slow, HealthCheck.filter_too_much]


@schema.parametrize()
@settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=HEALTH)
def test_what_is_documented_is_what_is_answered(case):
    case.call_and_validate()


guarded = schemathesis.openapi.from_asgi("/openapi.json", app(KEPT), config=CONFIG, headers={"x-api-key": KEY})
SOME = ["/genres", "/users/{user}/ratings/{item}"]


@guarded.auth()
class WithKey:
    def get(self, case, context):
        return ADMIN

    def set(self, case, data, context):
        case.headers["x-api-key"] = data


@guarded.include(path=SOME).parametrize()
@settings(max_examples=2, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=HEALTH)
def test_nothing_is_answered_without_a_key(case):
    case.call_and_validate()
