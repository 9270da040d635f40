"""Bodies in and out: JSON objects with every key checked, all mistakes in one answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum

from aiohttp import web

from secmon.console.problems import Problem, as_bytes

BODY = 64 * 1024  # bytes of a request's body
TEXT = 10_000  # characters of one text

Kind = type[str] | type[int] | type[bool] | type[StrEnum] | type[dict[str, str]]


def json_response(data: object, status: int = 200) -> web.Response:
    """A JSON answer in UTF-8."""
    return web.Response(
        status=status, body=as_bytes(data), content_type="application/json", charset="utf-8"
    )


async def body_of(request: web.Request, keys: Mapping[str, Kind]) -> Mapping[str, object]:
    """The JSON object of a request; keys that are null count as absent."""
    try:
        raw = await request.text()
        data = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError, LookupError) as error:
        raise Problem(400, f"body: expected JSON in UTF-8 ({str(error)[:80]})") from None
    if raw.strip() and request.content_type != "application/json":
        raise Problem(415, f"expected application/json (got {request.content_type[:80]})")
    if not isinstance(data, dict):
        raise Problem(400, f"body: expected a JSON object (got {type(data).__name__})")
    return checked({key: value for key, value in data.items() if value is not None}, keys)


def checked(data: Mapping[str, object], keys: Mapping[str, Kind]) -> Mapping[str, object]:
    """The data, if every key is known and every value of its kind; else Problem 400."""
    wrong = [text for key, value in data.items() if (text := _wrong(key, value, keys))]
    if wrong:
        raise Problem(400, "; ".join(wrong[:20]), errors=wrong[:20])
    return data


def _wrong(key: str, value: object, keys: Mapping[str, Kind]) -> str:
    kind = keys.get(key)
    if kind is None:
        return f"{key[:40]}: unknown key, expected {', '.join(keys)}"
    if kind is int:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return "" if whole else f"{key}: expected a whole number (got {str(value)[:40]!r})"
    if kind is bool:
        said = isinstance(value, bool)
        return "" if said else f"{key}: expected true or false (got {str(value)[:40]!r})"
    if kind is dict:
        named = isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
        return "" if named else f"{key}: expected an object of texts"
    if not isinstance(value, str):
        return f"{key}: expected text (got {type(value).__name__})"
    if issubclass(kind, StrEnum):
        return _not_among(key, value, kind)
    return "" if len(value) <= TEXT else f"{key}: expected at most {TEXT} characters"


def _not_among(key: str, value: str, words: Iterable[str]) -> str:
    known = [str(word) for word in words]
    return "" if value in known else f"{key}: expected one of {known} (got {value[:40]!r})"
