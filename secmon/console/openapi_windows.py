"""The part of the OpenAPI document that describes planned work."""

from __future__ import annotations

from secmon.console.schema import FLAG, MAYBE_TIME, TEXT, TIME, Schema
from secmon.console.schema import call as _call
from secmon.console.schema import listed as _list
from secmon.console.schema import one_of as _enum
from secmon.console.schema import parameter as _parameter
from secmon.console.schema import ref as _ref
from secmon.console.schema import thing as _object
from secmon.core.windows import Do


def paths() -> Schema:
    """Windows and silences."""
    over = _parameter("over", "query", TEXT, "1: those that are over too")
    return {
        "/api/v1/windows": {
            "get": _call(
                "windows",
                "Maintenance windows and silences",
                _list("windows", "Window"),
                parameters=[over],
            ),
            "post": _call(
                "add_window",
                "Silence a device, a part or rule of it, a system, or the site",
                _ref("Window"),
                (400, 409),
                body="NewWindow",
                good=201,
            ),
        },
        "/api/v1/windows/{id}": {
            "parameters": [_parameter("id", "path", TEXT)],
            "delete": _call("end_window", "End a silence now", _ref("Window"), (404, 409)),
        },
    }


def schemas() -> Schema:
    names: Schema = {"type": "array", "items": {"type": "string"}}
    texts = ("id", "name", "system", "part", "rule", "every", "note", "by", "ended_by")
    asked = ("device", "system", "part", "rule", "for", "note")
    return {
        "Window": _object(
            {
                **dict.fromkeys(texts, TEXT),
                "planned": FLAG,
                "active": FLAG,
                "do": _enum(Do),
                "devices": names,
                **dict.fromkeys(("from", "to", "at"), MAYBE_TIME),
            }
        ),
        "NewWindow": _object(
            {
                **dict.fromkeys(asked, TEXT),
                "from": TIME,
                "to": TIME,
                "site": FLAG,
                "do": _enum(Do),
            },
            required=["note"],
        ),
    }
