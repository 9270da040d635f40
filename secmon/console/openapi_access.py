"""The OpenAPI description of people, accounts, the audit, and the files at tickets."""

from __future__ import annotations

from secmon.api import Role
from secmon.console.ledger import Outcome, What
from secmon.console.rights import Scope
from secmon.console.schema import (
    FLAG,
    MAYBE_TIME,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    array,
    call,
    listed,
    one_of,
    parameter,
    problems,
    ref,
    thing,
)

NAMED = thing({"name": TEXT})
ENDED = thing({"ended": WHOLE})
REMOVED = thing({"removed": WHOLE})


def access_schemas() -> Schema:
    return {
        "NewUser": thing(
            {
                "name": TEXT,
                "role": one_of(Role),
                "password": TEXT,
                "token": FLAG,
                "must_change": FLAG,
            },
            required=["name", "role"],
        ),
        "NewRole": thing({"role": one_of(Role)}),
        "Password": thing({"password": TEXT, "must_change": FLAG}, required=["password"]),
        "OwnPassword": thing({"old": TEXT, "password": TEXT}),
        "NewToken": thing({"name": TEXT, "scopes": TEXT, "expires": TEXT}, required=[]),
        "Token": thing(
            {
                "name": TEXT,
                "scopes": array(one_of(Scope)),
                "created_at": TIME,
                "used_at": MAYBE_TIME,
                "expires_at": MAYBE_TIME,
            }
        ),
        "MadeToken": thing(
            {
                "user": TEXT,
                "name": TEXT,
                "token": TEXT,
                "scopes": array(one_of(Scope)),
                "expires_at": MAYBE_TIME,
            }
        ),
        "Session": thing(_session()),
        "OwnSession": thing({**_session(), "this": FLAG}),
        "Attachment": thing(
            {
                "id": WHOLE,
                "name": TEXT,
                "kind": one_of(("jpeg", "png", "pdf")),
                "size": WHOLE,
                "at": TIME,
                "by": TEXT,
            }
        ),
        "AuditLine": thing(
            {
                "id": WHOLE,
                "at": TIME,
                "what": one_of(What),
                "outcome": one_of(Outcome),
                **dict.fromkeys(("who", "address", "subject", "why", "sha256"), TEXT),
            }
        ),
    }


def _session() -> Schema:
    return {"id": TEXT, "created_at": TIME, "used_at": TIME, "address": TEXT, "agent": TEXT}


def access_paths() -> Schema:
    return {**_people_paths(), **_account_paths(), **_audit_paths()}


def _people_paths() -> Schema:
    """For administrators."""
    name = [parameter("name", "path", TEXT)]
    user = thing(
        {
            "name": TEXT,
            "role": one_of(Role),
            "password": FLAG,
            "created_at": MAYBE_TIME,
            "last_at": MAYBE_TIME,
            "last_address": TEXT,
            "wrong": WHOLE,
            "locked_until": MAYBE_TIME,
            "must_change": FLAG,
        }
    )
    told = thing({"name": TEXT, "role": one_of(Role), "token": TEXT}, required=["name", "role"])
    link = thing({"name": TEXT, "url": TEXT, "expires_at": TIME})
    role = thing({"name": TEXT, "role": one_of(Role)})
    one = "/api/v1/users/{name}"
    sessions, tokens = listed("sessions", "Session"), listed("tokens", "Token")
    return {
        "/api/v1/users": {
            "get": call("users", "All users", thing({"users": array(user)})),
            "post": call("add_user", "Add a user", told, (400, 409), body="NewUser", good=201),
        },
        one: {
            "parameters": name,
            "delete": call("remove_user", "Remove a user", NAMED, (404, 409)),
        },
        one + "/role": {
            "parameters": name,
            "post": call("set_role", "Another role", role, (400, 404, 409), body="NewRole"),
        },
        one + "/password": {
            "parameters": name,
            "post": call("set_password", "Set a password", NAMED, (400, 404), body="Password"),
        },
        one + "/unlock": {
            "parameters": name,
            "post": call("unlock", "Let a locked user try again", NAMED, (404,)),
        },
        one + "/link": {
            "parameters": name,
            "post": call(
                "login_link",
                "A log-in to the console that works once, within a quarter of an hour",
                link,
                (400, 404, 413, 415),
                good=201,
            ),
        },
        one + "/sessions": {
            "parameters": name,
            "get": call("sessions", "A user's sessions", sessions, (404,)),
            "delete": call("end_sessions", "End them all", ENDED, (404,)),
        },
        one + "/tokens": {
            "parameters": name,
            "get": call("tokens", "A user's tokens", tokens, (404,)),
            "post": call(
                "add_token",
                "A token, told this once",
                ref("MadeToken"),
                (400, 404, 409),
                body="NewToken",
                good=201,
            ),
        },
        one + "/tokens/{token}": {
            "parameters": [*name, parameter("token", "path", TEXT)],
            "delete": call("remove_token", "Revoke a token", REMOVED, (404,)),
        },
    }


def _account_paths() -> Schema:
    """For everybody: what is one's own."""
    who = thing(
        {
            "name": TEXT,
            "role": one_of(Role),
            "scopes": array(one_of(Scope)),
            "must_change": FLAG,
            "last_at": MAYBE_TIME,
            "last_address": TEXT,
            "wrong": WHOLE,
            "sessions": array(ref("OwnSession")),
        }
    )
    return {
        "/api/v1/me": {"get": call("me", "Who asks", who)},
        "/api/v1/me/password": {
            "post": call(
                "own_password", "Change one's password", NAMED, (400,), body="OwnPassword"
            ),
        },
        "/api/v1/me/sessions": {
            "delete": call("end_other_sessions", "End all one's other sessions", ENDED),
        },
        "/api/v1/me/sessions/{id}": {
            "parameters": [parameter("id", "path", TEXT)],
            "delete": call("end_session", "End one of one's sessions", ENDED, (404,)),
        },
        "/api/v1/me/tokens": {
            "get": call("own_tokens", "One's tokens", listed("tokens", "Token")),
            "post": call(
                "add_own_token",
                "A token, told this once",
                ref("MadeToken"),
                (400, 409),
                body="NewToken",
                good=201,
            ),
        },
        "/api/v1/me/tokens/{token}": {
            "parameters": [parameter("token", "path", TEXT)],
            "delete": call("remove_own_token", "Revoke one's token", REMOVED, (404,)),
        },
    }


def _audit_paths() -> Schema:
    texts = {
        "from": "a day like 2026-11-01 (the site's), or a time in RFC 3339",
        "to": "the same; a day is within",
        "who": "",
        "what": "",
        "subject": "",
        "before": "lines older than that number",
        "limit": "1 to 1000",
        "format": "json, or jsonl or csv: all lines of the span as a file",
    }
    asked = [parameter(name, "query", TEXT, about) for name, about in texts.items()]
    lines = call("audit", "Who did what", listed("lines", "AuditLine"), (400,), parameters=asked)
    responses = lines["responses"]
    if isinstance(responses, dict):
        content = responses["200"]["content"]
        content |= {kind: {"schema": TEXT} for kind in ("text/csv", "application/jsonl")}
    checked = thing(
        {
            "good": FLAG,
            "lines": WHOLE,
            "first": WHOLE,
            "last": WHOLE,
            "head": TEXT,
            "mistakes": array(TEXT),
        }
    )
    return {
        "/api/v1/audit": {"get": lines},
        "/api/v1/audit/check": {
            "get": call("check_audit", "Was a line changed, taken out, put in?", checked),
        },
    }


def file_paths(number: Schema) -> Schema:
    """What people put to a ticket, and what its camera saw."""
    upload = call(
        "attach", "Put a picture or a PDF to a ticket", ref("Attachment"), (400, 404, 409), good=201
    )
    form = thing({"file": {"type": "string", "format": "binary"}})
    upload["requestBody"] = {"content": {"multipart/form-data": {"schema": form}}}
    responses = upload["responses"]
    if isinstance(responses, dict):
        responses |= problems((413, 415))
    base = "/api/v1/tickets/{number}"
    return {
        base + "/attachments": {"parameters": [number], "post": upload},
        base + "/attachments/{id}": {
            "parameters": [number, parameter("id", "path", TEXT)],
            "get": _file(
                "attachment", "One of them", ("image/jpeg", "image/png", "application/pdf")
            ),
        },
        base + "/evidence/{n}": {
            "parameters": [number, parameter("n", "path", TEXT)],
            "get": _file("evidence", "What the camera saw", ("image/jpeg", "image/png")),
        },
    }


def _file(name: str, summary: str, kinds: tuple[str, ...]) -> Schema:
    binary: Schema = {"schema": {"type": "string", "format": "binary"}}
    good = {"description": "as asked", "content": dict.fromkeys(kinds, binary)}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": good, **problems((401, 403, 404, 429, 503))},
    }
