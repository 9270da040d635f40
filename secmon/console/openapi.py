"""The OpenAPI 3.1 description of the JSON API, built from the same words as the core."""

from __future__ import annotations

from secmon.console.openapi_access import access_paths, access_schemas, file_paths
from secmon.console.schema import FLAG, MAYBE, MAYBE_TIME, TEXT, TIME, VALUE, WHOLE, Schema
from secmon.console.schema import array as _array
from secmon.console.schema import call as _call
from secmon.console.schema import listed as _list
from secmon.console.schema import one_of as _enum
from secmon.console.schema import parameter as _parameter
from secmon.console.schema import problems as _errors
from secmon.console.schema import ref as _ref
from secmon.console.schema import thing as _object
from secmon.core.model import Clock, Content, Severity, TicketState, Verb, Way


def document(version: str) -> Schema:
    """The whole document, as `GET /api/v1/openapi.json` gives it."""
    from secmon.console import (  # noqa: PLC0415 # they are made of the words below
        openapi_duty,
        openapi_plans,
        openapi_windows,
    )

    beside = (openapi_duty, openapi_plans, openapi_windows)

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
        "paths": {**_paths(), **{k: v for one in beside for k, v in one.paths().items()}},
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
            "schemas": {**_schemas(), **{k: v for one in beside for k, v in one.schemas().items()}},
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
        **file_paths(number),
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
        **access_paths(),
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
    """For administrators: channels, the store."""
    channel = _parameter("id", "path", TEXT)
    size: Schema = {"type": "object"}
    return {
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


_FAULT_TEXTS = ("device", "part", "rule", "reading", "hidden_by", "muted_by")


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
                **dict.fromkeys(_FAULT_TEXTS, TEXT),
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
        **access_schemas(),
        "ChannelTest": _object({"to": TEXT}, required=[]),
        "Backup": _object({"path": TEXT}),
        "Action": _object(
            {
                "note": TEXT,
                "version": WHOLE,
                "way": _enum(Way),
                "to": TEXT,
                "content": _enum(Content),
                "spare": TEXT,
                "model": TEXT,
                "quantity": WHOLE,
                "serial": TEXT,
                "condition": TEXT,
            },
            required=[],
        ),
    }


def _device() -> Schema:
    return {
        **dict.fromkeys(("id", "name", "system", "kind", "location"), TEXT),
        "up": MAYBE,
        "maintenance": _array(_object({"id": TEXT, "name": TEXT, "do": TEXT, "until": TIME})),
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
        "unsteady": FLAG,
        "clears_at": MAYBE_TIME,
        "opened_at": TIME,
        "detected_at": TIME,
        "cleared_at": MAYBE_TIME,
        "due": _object({str(clock): MAYBE_TIME for clock in Clock}),
        "marks": {"type": "object", "additionalProperties": moment},
        "overdue": _array(_enum(Clock)),
        "content": {"enum": [*map(str, Content), None]},
        "spares": _array(
            _object(
                {
                    **dict.fromkeys(("name", "model", "serial", "condition"), TEXT),
                    "quantity": WHOLE,
                }
            )
        ),
        "suppressed": _array(TEXT),
        "removed": FLAG,
        "calls": _array(_object({"at": TIME, "to": TEXT})),
        "called": _array(TEXT),
        "plans": _array(
            _object({"plan": TEXT, "begun": moment, "steps": WHOLE, "done": WHOLE}),
        ),
        "journal": _array(line),
        "attachments": _array(_ref("Attachment")),
        "evidence": _array(TIME),
        "checklists": {"type": "object", "additionalProperties": _ref("Checklist")},
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
