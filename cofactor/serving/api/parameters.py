"""Parameters of a request: ids in its path, and names and values in its query string."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl, unquote_to_bytes

from pydantic import BaseModel, TypeAdapter, ValidationError

from cofactor.serving.api.problems import from_validation, invalid
from cofactor.serving.schemas import requests

MAX_PARAMETERS = 400  # more than any route takes, with all lists full
CACHE_SIZE = 256  # query strings with their parameters, for each route …
MAX_CACHED = 200  # … of at most so many bytes: reading them takes as long as the rest of a short request
JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
NOT_UTF_8 = "the percent-encoded bytes are not UTF-8"

_id = TypeAdapter(requests.Id).validate_python


def segment(encoded: str, name: str) -> str:
    """The id that a segment of a path encodes; raises HttpProblem (422) if it is empty, too long, or not UTF-8."""
    try:
        return _id(unquote_to_bytes(encoded.encode("latin-1")).decode() if _encoded(encoded) else encoded)
    except UnicodeDecodeError:
        raise invalid(f"path {name}: {NOT_UTF_8}") from None
    except ValidationError as error:
        raise from_validation(error, f"path {name}") from None


def reader(query: type[BaseModel]) -> Callable[[bytes], Any]:
    """A function that reads the parameters of a query string into a class; only lists may be given more than once.

    Numbers and booleans are written as in JSON: `n=1_0`, `n=+1`, `diversity=nan` and `seen=yes` are errors.
    """
    names = [_alias(query, name) for name in query.model_fields]
    listed = {_alias(query, name) for name, field in query.model_fields.items() if get_origin(field.annotation) is list}
    switches = {_alias(query, name) for name, field in query.model_fields.items() if field.annotation is bool}
    numbers = {_alias(query, name) for name, field in query.model_fields.items() if _is_number(field.annotation)}

    def read(sent: bytes) -> Any:
        given: dict[str, Any] = {}
        for name, value in _pairs(sent):
            if name in listed:
                given.setdefault(name, []).append(value)
            elif name in given:
                raise invalid(f"query {name}: given more than once")
            elif name in switches and value not in ("true", "false"):
                raise invalid(f"query {name}: Input should be true or false")
            elif name in numbers and not JSON_NUMBER.fullmatch(value):
                raise invalid(f"query {name}: Input should be a number, written as in JSON")
            else:
                given[name] = value
        try:
            return query.model_validate(given)
        except ValidationError as error:
            raise from_validation(error, "query", names) from None

    cached = lru_cache(CACHE_SIZE)(read)  # the classes are frozen
    return lambda sent: (cached if len(sent) <= MAX_CACHED else read)(sent)


def _pairs(sent: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(sent.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError:
        raise invalid(f"query: {NOT_UTF_8}") from None
    except ValueError:
        raise invalid(f"query: more than {MAX_PARAMETERS} parameters") from None


def _encoded(part: str) -> bool:
    return "%" in part or not part.isascii()


def _alias(query: type[BaseModel], name: str) -> str:
    return query.model_fields[name].alias or name


def _is_number(annotation: Any) -> bool:
    return bool({int, float} & {annotation, *get_args(annotation)})
