"""The part of the OpenAPI document that describes emergency plans."""

from __future__ import annotations

from secmon.console.schema import FLAG, TEXT, TIME, Schema
from secmon.console.schema import array as _array
from secmon.console.schema import call as _call
from secmon.console.schema import listed as _list
from secmon.console.schema import parameter as _parameter
from secmon.console.schema import ref as _ref
from secmon.console.schema import thing as _object

WORDS: Schema = {"type": "object", "additionalProperties": TEXT}  # language → text


def paths() -> Schema:
    """The plans there are, and those of a ticket."""
    named = [_parameter(key, "path", TEXT) for key in ("number", "plan")]
    step = _parameter("step", "path", {"type": "integer", "minimum": 1}, "counted from 1")
    one = "/api/v1/tickets/{number}/plans/{plan}"
    return {
        "/api/v1/plans": {
            "get": _call("plans", "Emergency plans", _list("plans", "Plan")),
        },
        one: {
            "parameters": named,
            "post": _call(
                "begin_plan",
                "Follow a plan on this ticket",
                _ref("Ticket"),
                (400, 404, 409, 413, 415),
                good=201,
            ),
        },
        one + "/steps/{step}": {
            "parameters": [*named, step],
            "post": _call(
                "tick_step",
                "A step is done, or was ticked by mistake",
                _ref("Ticket"),
                (400, 404, 409),
                body="Tick",
            ),
        },
    }


def schemas() -> Schema:
    """What stands in them."""
    mark: Schema = {"anyOf": [_object({"at": TIME, "by": TEXT}), {"type": "null"}]}
    steps = _array(_object({"text": WORDS, "done": mark}))
    return {
        "Plan": _object(
            {"id": TEXT, "system": TEXT, "title": WORDS, "steps": _array(WORDS), "ours": FLAG}
        ),
        "Checklist": _object({"title": WORDS, "ours": FLAG, "steps": steps}),
        "Tick": _object({"done": FLAG}, required=[]),
    }
