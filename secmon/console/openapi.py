"""The OpenAPI 3.1 description of the JSON API, built from the same words as the core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from secmon.api import Role
from secmon.core.model import Clock, Content, Severity, TicketState, Verb, Way

Schema = dict[str, object]

TEXT: Schema = {"type": "string"}
TIME: Schema = {"type": "string", "format": "date-time"}
MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
VALUE: Schema = {"type": ["string", "number", "boolean", "null"]}
FLAG: Schema = {"type": "boolean"}
MAYBE: Schema = {"type": ["boolean", "null"]}
WHOLE: Schema = {"type": "integer"}


def document(version: str) -> Schema:
    """The whole document, as `GET /api/v1/openapi.json` gives it."""
    from secmon.console import openapi_duty  # noqa: PLC0415 # it is made of the words below

    return {
        "openapi": "3.1.0",
        "info": {
            "title": "secmon",
            "version": version,
            "description": "Devices, faults and tickets of a security installation. Times are "
            "RFC 3339 in UTC; errors are RFC 9457 problem documents.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}],
        "paths": {**_paths(), **openapi_duty.paths()},
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "secmon-SITE",
                    "description": "the console's log-in, `SITE` being `site.id`; a POST must come "
                    "from a page of the console (Origin)",
                },
            },
            "schemas": {**_schemas(), **openapi_duty.schemas()},
        },
    }


def _paths() -> Schema:
    device = _parameter("id", "path", TEXT)
    number = _parameter("number", "path", TEXT)
    verbs = [word for word in Verb if word is not Verb.REPORT]
    listing = [
        _parameter("state", "query", TEXT, "one or several states, comma-separated; or all"),
        _parameter("device", "query", TEXT, "a device's id"),
        _parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 5000}),
    ]
    return {
        "/api/v1/openapi.json": {
            "get": _call("openapi", "This document", {"type": "object"}, errors=()),
        },
        "/api/v1/devices": {
            "get": _call("devices", "All devices", _list("devices", "Device")),
        },
        "/api/v1/devices/{id}": {
            "parameters": [device],
            "get": _call("device", "One device with its readings", _ref("DevicePage"), (404,)),
        },
        "/api/v1/devices/{id}/poll": {
            "parameters": [device],
            "post": _call(
                "poll",
                "Poll every probe of the device now",
                _list("observations", "Observation"),
                (404,),
            ),
        },
        "/api/v1/faults": {
            "get": _call("faults", "All faults that are not clear", _list("faults", "Fault")),
        },
        "/api/v1/tickets": {
            "get": _call(
                "tickets",
                "Tickets, newest first",
                _list("tickets", "Ticket"),
                (400,),
                parameters=listing,
            ),
            "post": _call(
                "report", "Report a fault", _ref("Ticket"), (400, 404), body="Report", good=201
            ),
        },
        "/api/v1/tickets/{number}": {
            "parameters": [number],
            "get": _call("ticket", "One ticket with its journal", _ref("Ticket"), (404,)),
        },
        "/api/v1/tickets/{number}/{verb}": {
            "parameters": [number, _parameter("verb", "path", _enum(verbs))],
            "post": _call("act", "Apply a verb", _ref("Ticket"), (400, 404, 409), body="Action"),
        },
        "/api/v1/kpi": {
            "get": _call(
                "kpi",
                "The figures of a month, by system and of the whole site",
                _ref("Kpi"),
                (400,),
                parameters=[_parameter("month", "query", TEXT, "like 2026-11; else this month")],
            ),
        },
        **_admin_paths(),
        **_notice_paths(),
        "/api/v1/events": {
            "get": {
                "operationId": "events",
                "summary": "Every lasting change, as server-sent events",
                "responses": {
                    "200": {
                        "description": "a stream that does not end",
                        "content": {"text/event-stream": {"schema": TEXT}},
                    },
                    **_errors((401, 403, 429)),
                },
            }
        },
    }


def _admin_paths() -> Schema:
    """For administrators: people, channels, the store."""
    name = _parameter("name", "path", TEXT)
    channel = _parameter("id", "path", TEXT)
    user = _object({"name": TEXT, "role": _enum(Role), "password": FLAG, "created_at": MAYBE_TIME})
    told = _object({"name": TEXT, "role": _enum(Role), "token": TEXT}, required=["name", "role"])
    size: Schema = {"type": "object"}
    return {
        "/api/v1/users": {
            "get": _call("users", "All users", _object({"users": _array(user)})),
            "post": _call("add_user", "Add a user", told, (400, 409), body="NewUser", good=201),
        },
        "/api/v1/users/{name}/password": {
            "parameters": [name],
            "post": _call(
                "set_password",
                "Set a password",
                _object({"name": TEXT}),
                (400, 404),
                body="Password",
            ),
        },
        "/api/v1/users/{name}/link": {
            "parameters": [name],
            "post": _call(
                "login_link",
                "A log-in to the console that works once, within a quarter of an hour",
                _object({"name": TEXT, "url": TEXT, "expires_at": TIME}),
                (400, 404, 413, 415),
                good=201,
            ),
        },
        "/api/v1/channels/{id}/test": {
            "parameters": [channel],
            "post": _call(
                "notify_test",
                "Send one real message through a channel",
                _object({"channel": TEXT, "outcome": TEXT}),
                (400, 404, 409, 502),
                body="ChannelTest",
            ),
        },
        "/api/v1/store/backup": {
            "post": _call(
                "backup", "Copy the store", _object({"path": TEXT}), (400,), body="Backup"
            ),
        },
        "/api/v1/store/sizes": {
            "get": _call("sizes", "Rows and bytes", _object({"tables": _array(size)})),
        },
    }


def _notice_paths() -> Schema:
    """Notices that wait or were given up."""
    states = _parameter("state", "query", _enum(("never", "pending")), "given up, or not yet told")
    texts = ("key", "channel", "reason", "ticket", "why", "text")
    notice = _object(
        {
            **dict.fromkeys(texts, TEXT),
            **dict.fromkeys(("id", "tries"), WHOLE),
            "people": _array(TEXT),
            "at": TIME,
            "next_at": MAYBE_TIME,
        }
    )
    again = _object({"id": WHOLE, "state": TEXT})
    return {
        "/api/v1/notices": {
            "get": _call(
                "notices",
                "Notices that were given up, or wait",
                _object({"notices": _array(notice)}),
                (400,),
                parameters=[states],
            ),
        },
        "/api/v1/notices/{id}/resend": {
            "parameters": [_parameter("id", "path", WHOLE)],
            "post": _call("resend", "Send once more what was given up", again, (404,)),
        },
    }


def _call(
    name: str,
    summary: str,
    answer: Schema,
    more_errors: tuple[int, ...] = (),
    *,
    parameters: list[Schema] | None = None,
    body: str = "",
    good: int = 200,
    errors: tuple[int, ...] = (401, 403, 429, 503),
) -> Schema:
    call: Schema = {
        "operationId": name,
        "summary": summary,
        "responses": {
            str(good): {
                "description": "done" if body else "as asked",
                "content": {"application/json": {"schema": answer}},
            },
            **_errors((*errors, *more_errors, *((413, 415) if body else ()))),
        },
    }
    if name == "openapi":
        call["security"] = []
    if parameters:
        call["parameters"] = parameters
    if body:
        call["requestBody"] = {"content": {"application/json": {"schema": _ref(body)}}}
    return call


def _errors(codes: tuple[int, ...]) -> Mapping[str, object]:
    said = {
        400: "the request is wrong; says what was expected",
        401: "no or an unknown token or session",
        403: "the role may not do this, or another site's page sent it",
        404: "there is no such thing",
        409: "the present state does not allow it; of a ticket it carries the present one",
        413: "the body is longer than 64 KiB",
        415: "the body is not application/json",
        429: "too many wrong tokens",
        502: "the channel did not take it",
        503: "the store is away",
    }
    schema = {"application/problem+json": {"schema": _ref("Problem")}}
    return {
        str(code): {"description": said[code], "content": schema} for code in sorted(set(codes))
    }


def _schemas() -> Schema:
    return {
        "Problem": _object(
            {
                "type": TEXT,
                "title": TEXT,
                "status": WHOLE,
                "detail": TEXT,
                "code": TEXT,
                "ticket": _ref("Ticket"),
                "errors": _array(TEXT),
            },
            required=["type", "title", "status", "detail"],
        ),
        "Fault": _object(
            {
                **dict.fromkeys(("device", "part", "rule", "reading", "hidden_by"), TEXT),
                "severity": TEXT,
                "state": _enum(["suspect", "active", "clearing"]),
                "since": TIME,
                "value": VALUE,
                "limit": VALUE,
                "facts": {"type": "object"},
            }
        ),
        "Probe": _object(
            {
                "probe": TEXT,
                "success": MAYBE,
                "at": MAYBE_TIME,
                "good_at": MAYBE_TIME,
                "failure": _failure(),
            }
        ),
        "Reading": _object({"reading": TEXT, "part": TEXT, "value": VALUE, "unit": TEXT}),
        "Observation": _object(
            {
                "probe": TEXT,
                "at": TIME,
                "failure": _failure(),
                "facts": {"type": "object"},
                "readings": _array(_ref("Reading")),
            }
        ),
        "Device": _object(_device()),
        "DevicePage": _object(
            {
                **_device(),
                **dict.fromkeys(("address", "maker", "model", "serial"), TEXT),
                "parent": _array({}),
                "facts": {"type": "object"},
                "readings": _array(_ref("Reading")),
            }
        ),
        "Ticket": _object(_ticket()),
        "Kpi": _object(_kpi()),
        "Report": _object(
            {"device": TEXT, "note": TEXT, "part": TEXT, "severity": _enum(Severity)},
            required=["device", "note"],
        ),
        "NewUser": _object(
            {"name": TEXT, "role": _enum(Role), "password": TEXT, "token": FLAG},
            required=["name", "role"],
        ),
        "ChannelTest": _object({"to": TEXT}, required=[]),
        "Password": _object({"password": TEXT}),
        "Backup": _object({"path": TEXT}),
        "Action": _object(
            {
                "note": TEXT,
                "version": WHOLE,
                "way": _enum(Way),
                "to": TEXT,
                "content": _enum(Content),
            },
            required=[],
        ),
    }


def _device() -> Schema:
    return {
        **dict.fromkeys(("id", "name", "system", "kind", "location"), TEXT),
        "up": MAYBE,
        "faults": _array(_ref("Fault")),
        "tickets": _array(TEXT),
        "probes": _array(_ref("Probe")),
    }


def _ticket() -> Schema:
    texts = (
        *("number", "device", "device_name", "location", "part", "system", "rule", "summary"),
        *("reading", "way", "assignee", "reported_by", "previous"),
    )
    moment = _object({"at": TIME, "by": TEXT})
    line = _object({"at": TIME, "by": TEXT, "what": TEXT, "why": TEXT})
    return {
        **dict.fromkeys(texts, TEXT),
        "version": WHOLE,
        "severity": _enum(Severity),
        "state": _enum(TicketState),
        "value": VALUE,
        "limit": VALUE,
        "facts": {"type": "object"},
        "opened_at": TIME,
        "detected_at": TIME,
        "cleared_at": MAYBE_TIME,
        "due": _object({str(clock): MAYBE_TIME for clock in Clock}),
        "marks": {"type": "object", "additionalProperties": moment},
        "overdue": _array(_enum(Clock)),
        "content": {"enum": [*map(str, Content), None]},
        "suppressed": _array(TEXT),
        "removed": FLAG,
        "calls": _array(_object({"at": TIME, "to": TEXT})),
        "called": _array(TEXT),
        "journal": _array(line),
    }


def _kpi() -> Schema:
    maybe: Schema = {"type": ["number", "null"]}
    clock = _object({"kept": WHOLE, "of": WHOLE, "ratio": maybe})
    figures: Schema = {
        **dict.fromkeys(("devices", "tickets", "cancelled", "unrestored"), WHOLE),
        **dict.fromkeys(("online_ratio", "intact_ratio", "mtta_seconds", "mttr_seconds"), maybe),
        "clocks": _object({str(one): clock for one in Clock}),
    }
    return {
        **{"month": TEXT, "from": TIME, "to": TIME, "site": _object(figures)},
        "systems": _array(_object({"system": TEXT, **figures})),
    }


def _failure() -> Schema:
    return {
        "anyOf": [
            _object({"reason": TEXT, "cause": TEXT, "text": TEXT, "facts": {"type": "object"}}),
            {"type": "null"},
        ]
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(properties: Schema, required: list[str] | None = None) -> Schema:
    wanted = [key for key in properties if key != "journal"] if required is None else required
    return {"type": "object", "properties": properties, "required": wanted}


def _enum(words: Iterable[str]) -> Schema:
    return {"enum": [str(word) for word in words]}


def _list(key: str, item: str) -> Schema:
    return _object({key: _array(_ref(item))})


def _parameter(name: str, place: str, schema: Schema, about: str = "") -> Schema:
    more: Schema = {"description": about} if about else {}
    return {"name": name, "in": place, "required": place == "path", "schema": schema, **more}
