"""`secmon user …` and `secmon audit …`: who may log in, and who did what."""

from __future__ import annotations

import argparse
import codecs
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from secmon.cli import output
from secmon.cli.link import Answer, fetch

Ask = Callable[[str, str, Mapping[str, object] | None], Answer]


class Refused(Exception):
    """The daemon understood and said no; the text is for the person."""


def people(args: argparse.Namespace, call: Ask) -> None:
    """`secmon user ACTION`."""
    if args.action == "list":
        return _list(call)
    if args.action == "add":
        return _add(args, call)
    one = f"/api/v1/users/{quote(args.name, safe='')}"
    match args.action:
        case "passwd":
            body = {"password": _password(), "must_change": args.must_change}
            call("POST", f"{one}/password", body)
            output.say(f"password of {args.name} set")
        case "link":
            output.say(str(call("POST", f"{one}/link", {})[1]["url"]))
        case "token":
            asked = {"name": args.called, "scopes": ",".join(args.scope), "expires": args.expires}
            output.say(str(call("POST", f"{one}/tokens", asked)[1]["token"]))
        case "tokens":
            _tokens(call("GET", f"{one}/tokens", None)[1])
        case "revoke":
            call("DELETE", f"{one}/tokens/{quote(args.token, safe='')}", None)
            output.say(f"token {args.token} of {args.name} revoked")
        case "role":
            call("POST", f"{one}/role", {"role": args.role})
            output.say(f"{args.name} is {args.role}")
        case "unlock":
            call("POST", f"{one}/unlock", {})
            output.say(f"{args.name} may try again")
        case "logout":
            ended = call("DELETE", f"{one}/sessions", None)[1]["ended"]
            output.say(f"{ended} sessions of {args.name} ended")
        case _:
            call("DELETE", one, None)
            output.say(f"user {args.name} removed")
    return None


def audit(args: argparse.Namespace, call: Ask, socket: Path) -> None:
    """`secmon audit verify|export`. Refused where the chain is broken."""
    if args.action == "export":
        query = urlencode({"format": args.format, "from": args.since, "to": args.until})
        decoder = codecs.getincrementaldecoder("utf-8")()
        for piece in fetch(socket, f"/api/v1/audit?{query}"):
            sys.stdout.write(decoder.decode(piece))
        sys.stdout.flush()
        return
    _, answer = call("GET", "/api/v1/audit/check", None)
    found: Any = answer
    if not found["good"]:
        raise Refused("the audit was tampered with:\n  " + "\n  ".join(found["mistakes"]))
    output.say(
        f"{found['lines']} lines from {found['first']} to {found['last']} are whole, "
        f"head {found['head'] or 'none'}"
    )


def _list(call: Ask) -> None:
    _, answer = call("GET", "/api/v1/users", None)
    users: Any = answer["users"]
    head = ("name", "role", "password", "created", "last log-in", "from", "wrong", "locked until")
    keys = ("name", "role", "password", "created_at", "last_at", "last_address", "wrong")
    rows = [[*(one[key] for key in keys), one["locked_until"]] for one in users]
    output.say(output.table(head, rows) if rows else "no users")


def _tokens(answer: Mapping[str, Any]) -> None:
    rows = [
        (
            one["name"],
            ",".join(one["scopes"]) or "everything",
            one["created_at"],
            one["used_at"],
            one["expires_at"] or "never",
        )
        for one in answer["tokens"]
    ]
    head = ("token", "scopes", "created", "used", "expires")
    output.say(output.table(head, rows) if rows else "no tokens")


def _add(args: argparse.Namespace, call: Ask) -> None:
    body: dict[str, object] = {"name": args.name, "role": args.role, "token": args.token}
    password = "" if args.token and sys.stdin.isatty() else _password(optional=args.token)
    if password:
        body |= {"password": password, "must_change": args.must_change}
    _, answer = call("POST", "/api/v1/users", body)
    output.say(str(answer["token"]) if args.token else f"user {args.name} added ({args.role})")


def _password(optional: bool = False) -> str:
    """One line of standard input."""
    if sys.stdin.isatty():
        output.complain("password (one line): ")
    line = sys.stdin.readline(1024).rstrip("\r\n")
    if not line and not optional:
        raise Refused("expected a password on standard input (got nothing)")
    return line
