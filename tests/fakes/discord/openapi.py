"""Checks requests and answers against Discord's own description of its API, where that file is at hand.

It lies outside the repository, in a folder `shared` beside it; without it there is nothing to check.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.fakes.discord.payloads import FORUM, MEDIA

FILE = Path(__file__).resolve().parents[4] / "shared" / "data" / "platforms" / "discord" / "openapi.json"

_URI = "urn:discord"
_ITEMS = 3
"""Of a long list so many elements are checked at either end: a hundred messages would take a tenth of a second."""
# What discord.py sends though the description says otherwise.
_ALLOWED_QUERY = {
    "POST /interactions/{interaction_id}/{interaction_token}/callback": {"with_response"},
}


def available() -> bool:
    return FILE.is_file()


class Contract:
    """Each problem is one sentence: where, and what is wrong."""

    def of_request(self, method: str, route: str, query: Mapping[str, str], body: Any) -> Iterator[str]:
        operation = _operation(method, route)
        if operation is None:
            yield "the description has no such route"
            return
        known = {parameter["name"] for parameter in _parameters(method, route) if parameter["in"] == "query"}
        for name in set(query) - known - _ALLOWED_QUERY.get(f"{method} {route}", set()):
            yield f"query {name} is not described"
        described = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if described is not None and body is not None:
            said = _without_media(_with_text_ids(body))
            yield from _problems(_pointer(method, route, "requestBody"), said, "request")

    def of_response(self, method: str, route: str, status: int, body: Any) -> Iterator[str]:
        operation = _operation(method, route)
        if operation is None:
            return
        key = next((key for key in (str(status), f"{status // 100}XX") if key in operation["responses"]), None)
        if key is None:
            yield f"status {status} is not described"
        elif body is not None:
            described = operation["responses"][key]
            pointer = described.get("$ref", "").removeprefix("#") or _pointer(method, route, "responses", key)
            yield from _problems(pointer, _without_media(_as_described(_shortened(body))), f"answer {status}")


@cache
def _description() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


@cache
def _registry() -> Registry:
    return Registry().with_resource(_URI, DRAFT202012.create_resource(_description()))


def _operation(method: str, route: str) -> dict[str, Any] | None:
    return _description()["paths"].get(route, {}).get(method.lower())


def _parameters(method: str, route: str) -> list[dict[str, Any]]:
    path = _description()["paths"][route]
    return [*path.get("parameters", ()), *path[method.lower()].get("parameters", ())]


def _pointer(method: str, route: str, *more: str) -> str:
    parts = ["paths", route, method.lower(), *more]
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


@cache
def _validator(pointer: str) -> Draft202012Validator:
    escaped = pointer.replace("{", "%7B").replace("}", "%7D")
    schema = {"$ref": f"{_URI}#{escaped}/content/application~1json/schema"}
    return Draft202012Validator(schema, registry=_registry())


def _problems(pointer: str, content: Any, what: str) -> Iterator[str]:
    error = best_match(_validator(pointer).iter_errors(content))
    if error is not None:
        place = ".".join(map(str, error.absolute_path))
        yield f"{what} {place or 'as a whole'}: {re.sub(r'{.*}', '{...}', error.message)[:200]}"


def _with_text_ids(body: Any) -> Any:
    """discord.py sends some ids as numbers, those of a reference and of a recipient: Discord takes both."""
    if not isinstance(body, dict):
        return body
    inner = {"message_reference": _with_text_ids(body["message_reference"])} if body.get("message_reference") else {}
    return {
        key: str(value) if key.endswith("_id") and isinstance(value, int) else value for key, value in body.items()
    } | inner


def _without_media(body: Any) -> Any:
    """An option of a command may offer media channels, which the description does not know."""
    if isinstance(body, list):
        return [_without_media(each) for each in body]
    if not isinstance(body, dict):
        return body
    said = {key: _without_media(value) for key, value in body.items()}
    if isinstance(said.get("channel_types"), list):
        said["channel_types"] = [kind for kind in said["channel_types"] if kind != MEDIA]
    return said


def _as_described(body: Any) -> Any:
    """What Discord has and its description lacks: media channels, forwards, words as codes in the tree of a 50035."""
    if isinstance(body, list):
        return [_as_described(each) for each in body]
    if not isinstance(body, dict):
        return body
    said = {key: _as_described(value) for key, value in body.items()}
    if "permission_overwrites" in said and said["type"] == MEDIA:
        said["type"] = FORUM
    if "channel_id" in (said.get("message_reference") or ()):
        said["message_reference"]["type"] = 0
    if "_errors" in said:
        said["_errors"] = [error | {"code": 0} for error in said["_errors"]]
    return said


def _shortened(body: Any) -> Any:
    if isinstance(body, list) and len(body) > 2 * _ITEMS:
        return body[:_ITEMS] + body[-_ITEMS:]
    return body
