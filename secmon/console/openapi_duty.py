"""The part of the OpenAPI document that describes the duty book."""

from __future__ import annotations

from secmon.console.schema import FLAG, MAYBE_TIME, TEXT, TIME, VALUE, WHOLE, Schema
from secmon.console.schema import array as _array
from secmon.console.schema import call as _call
from secmon.console.schema import listed as _list
from secmon.console.schema import one_of as _enum
from secmon.console.schema import parameter as _parameter
from secmon.console.schema import ref as _ref
from secmon.console.schema import thing as _object
from secmon.core.handover import SIDES

DATE: Schema = {"type": "string", "format": "date"}
NAMES: Schema = {"type": "array", "items": {"type": "string"}}


def paths() -> Schema:
    """Roster, overrides, hand-overs, contacts and trainings."""
    return {**_roster(), **_hand_overs(), **_people()}


def _roster() -> Schema:
    one = _parameter("id", "path", TEXT)
    span = [_parameter(key, "query", TIME, "RFC 3339") for key in ("from", "to")]
    return {
        "/api/v1/duty": {
            "get": _call(
                "duty", "Who is on duty when, and gaps", _ref("Roster"), (400,), parameters=span
            ),
        },
        "/api/v1/duty/now": {
            "get": _call("duty_now", "Who is on duty now, and who comes next", _ref("OnDuty")),
        },
        "/api/v1/duty/overrides": {
            "post": _call(
                "add_override",
                "Somebody stands in: in force when somebody else confirms it",
                _ref("Override"),
                (400, 409),
                body="NewOverride",
                good=201,
            ),
        },
        "/api/v1/duty/overrides/{id}": {
            "parameters": [one],
            "delete": _call(
                "remove_override", "Take an override back", _ref("Override"), (404, 409)
            ),
        },
        "/api/v1/duty/overrides/{id}/confirm": {
            "parameters": [one],
            "post": _call("confirm_override", "Agree to an override", _ref("Override"), (404, 409)),
        },
    }


def _hand_overs() -> Schema:
    one = _parameter("id", "path", TEXT)
    listing = [
        _parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 500}),
        _parameter("before", "query", TIME, "only those due before"),
    ]
    return {
        "/api/v1/hand-overs": {
            "get": _call(
                "hand_overs",
                "Hand-overs, newest first",
                _list("hand_overs", "HandOver"),
                (400,),
                parameters=listing,
            ),
            "post": _call(
                "begin_hand_over",
                "Freeze the next hand-over a little early",
                _ref("HandOverPage"),
                (400, 409, 413, 415),
                good=201,
            ),
        },
        "/api/v1/hand-overs/{id}": {
            "parameters": [one],
            "get": _call(
                "hand_over", "What was frozen, and who signed", _ref("HandOverPage"), (404,)
            ),
        },
        "/api/v1/hand-overs/{id}/sign": {
            "parameters": [one],
            "post": _call(
                "sign_hand_over",
                "Sign for the shift that goes or comes",
                _ref("HandOverPage"),
                (400, 404, 409),
                body="Signature",
            ),
        },
    }


def _people() -> Schema:
    name = _parameter("name", "path", TEXT)
    trained = _list("trainings", "Training")
    which = [_parameter("day", "query", DATE), _parameter("what", "query", TEXT)]
    return {
        "/api/v1/users/{name}/contact": {
            "parameters": [name],
            "get": _call("contact", "How a person is reached", _ref("Contact"), (404,)),
            "put": _call(
                "set_contact",
                "How a person is reached from now on",
                _ref("Contact"),
                (400, 404),
                body="NewContact",
            ),
        },
        "/api/v1/users/{name}/training": {
            "parameters": [name],
            "get": _call("trainings", "When a person was trained", trained, (404,)),
            "post": _call(
                "add_training",
                "Write down a training",
                trained,
                (400, 404, 409),
                body="NewTraining",
                good=201,
            ),
            "delete": _call(
                "remove_training",
                "Strike out a training",
                trained,
                (400, 404),
                parameters=which,
            ),
        },
    }


def schemas() -> Schema:
    stretch = _object({"from": TIME, "to": TIME, "shifts": NAMES, "people": NAMES})
    shift = _object({"name": TEXT, "start": TEXT, "end": TEXT})
    warning = _object({"code": TEXT, "user": TEXT, "text": TEXT})
    reached = _object({"user": TEXT, "name": TEXT, "phone": TEXT})
    person = _object(
        {
            "user": TEXT,
            "name": TEXT,
            "known": FLAG,
            "reachable": FLAG,
            "trained_until": {"type": ["string", "null"], "format": "date"},
        }
    )
    contact = dict.fromkeys(("name", "phone", "email", "language"), TEXT)
    ids: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
    training: Schema = {"what": TEXT, "day": DATE, "until": TEXT}
    return {
        "Roster": _object(
            {
                "configured": FLAG,
                "timezone": TEXT,
                "from": TIME,
                "to": TIME,
                "shifts": _array(shift),
                "holidays": _array(DATE),
                "lead": NAMES,
                "manager": NAMES,
                "stretches": _array(stretch),
                "gaps": _array(_object({"from": TIME, "to": TIME})),
                "overrides": _array(_ref("Override")),
                "people": _array(person),
                "warnings": _array(warning),
            }
        ),
        "OnDuty": _object(
            {
                "at": TIME,
                "configured": FLAG,
                "begun": FLAG,
                "people": _array(reached),
                "until": MAYBE_TIME,
                "next": _array(reached),
                "unsigned": NAMES,
            }
        ),
        "Override": _object(_override()),
        "NewOverride": _object(
            {
                **{"from": TIME, "to": TIME, "date": DATE},
                **dict.fromkeys(("shift", "replaces", "user", "note"), TEXT),
            },
            required=[],
        ),
        "HandOver": _object(_hand_over()),
        "HandOverPage": _object({**_hand_over(), **_frozen()}),
        "Signature": _object({"side": _enum(SIDES), "note": TEXT}, required=[]),
        "Contact": _object({"user": TEXT, **contact, "ids": ids}),
        "NewContact": _object({**contact, "ids": ids}, required=[]),
        "Training": _object({"user": TEXT, **training, "by": TEXT, "at": TIME}),
        "NewTraining": _object(training, required=["what", "day"]),
    }


def _override() -> Schema:
    texts = ("id", "replaces", "user", "note", "asked_by", "confirmed_by", "removed_by")
    return {
        **dict.fromkeys(texts, TEXT),
        **{"from": TIME, "to": TIME, "asked_at": TIME},
        **{"confirmed_at": MAYBE_TIME, "removed_at": MAYBE_TIME},
        "in_force": FLAG,
        "beats": NAMES,
        "beaten_by": NAMES,
    }


def _hand_over() -> Schema:
    signature = _object({"by": TEXT, "at": TIME, "note": TEXT, "deputy": FLAG})
    return {
        **dict.fromkeys(("id", "remark", "digest", "seal"), TEXT),
        **dict.fromkeys(("due_at", "frozen_at"), TIME),
        **dict.fromkeys(("shifts", "outgoing", "incoming"), NAMES),
        "signed": {"type": "object", "additionalProperties": signature},
        "missing": _array(_enum(SIDES)),
        "sealed": FLAG,
    }


def _frozen() -> Schema:
    place: Schema = {"device": TEXT, "name": TEXT, "location": TEXT}
    reading = _object({"reading": TEXT, "part": TEXT, "value": VALUE})
    read = _object({**place, "monitored": FLAG, "at": MAYBE_TIME, "readings": _array(reading)})
    down = _object({**place, "since": MAYBE_TIME})
    ticket: Schema = {"type": "object", "additionalProperties": True}
    content = {
        "tickets": ticket,
        "silences": ticket,
        "devices_down": down,
        **dict.fromkeys(("rooms", "power", "recordings"), read),
    }
    sections: Schema = {
        key: _object({"monitored": FLAG, "count": WHOLE, "rows": _array(row)})
        for key, row in content.items()
    }
    return {
        "content": _object({"at": TIME, **sections}),
        "summaries": {"type": "object", "additionalProperties": {"type": "string"}},
        "intact": FLAG,
    }
