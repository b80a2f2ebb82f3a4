"""What stands in an address: ids in the path, parameters behind the question mark."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl, unquote_to_bytes

from pydantic import BaseModel, TypeAdapter, ValidationError

from cofactor.serving.http.problems import invalid, misasked
from cofactor.serving.schemas import requests

MOST_PARAMETERS = 400  # more than any route takes, every list full
MOST_KEPT = 256  # parameters as they were sent, for each route, with what they mean …
LONGEST_KEPT = 200  # … of so many bytes at most: reading them takes as long as everything else here
NOT_UTF_8 = "what is percent-encoded in the address is not UTF-8"

_id = TypeAdapter(requests.Id).validate_python


def segment(encoded: str, name: str) -> str:
    """An id out of a path. Raises Problem (422) where it is empty, too long, or not UTF-8."""
    try:
        return _id(unquote_to_bytes(encoded.encode("latin-1")).decode() if _encoded(encoded) else encoded)
    except UnicodeDecodeError:
        raise invalid(f"path {name}: {NOT_UTF_8}") from None
    except ValidationError as error:
        raise misasked(error, f"path {name}") from None


def reader(query: type[BaseModel]) -> Callable[[bytes], Any]:
    """What reads the parameters that a class names: each once, or as often as one likes where it is a list.

    Numbers and switches are written as in JSON: `n=1_0` and `seen=yes` are errors.
    """
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
            elif name in numbers and not _plain(value):
                raise invalid(f"query {name}: Input should be a number, written as in JSON")
            else:
                given[name] = value
        try:
            return query.model_validate(given)
        except ValidationError as error:
            raise misasked(error, "query") from None

    kept = lru_cache(MOST_KEPT)(read)  # what was read never changes
    return lambda sent: (kept if len(sent) <= LONGEST_KEPT else read)(sent)


def _pairs(sent: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(sent.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise invalid(f"query: {NOT_UTF_8}") from None
    except ValueError:
        raise invalid(f"query: more than {MOST_PARAMETERS} parameters") from None


def _encoded(part: str) -> bool:
    return "%" in part or not part.isascii()


def _alias(query: type[BaseModel], name: str) -> str:
    return query.model_fields[name].alias or name


def _is_number(annotation: Any) -> bool:
    return bool({int, float} & {annotation, *get_args(annotation)})


def _plain(value: str) -> bool:
    """Whether a number is free of what Python would let pass and JSON would not: spaces, underscores, a plus sign."""
    return value.isascii() and not set(value) & set(" \t\r\n\f\v_") and not value.startswith("+")
