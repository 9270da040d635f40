"""Commands that ask the daemon over its socket, or work on the store itself where none runs."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from secmon.api import StoreDown
from secmon.app.listeners import socket_path
from secmon.app.office import with_office
from secmon.cli import output, people
from secmon.cli.link import Answer, CannotReach, ask
from secmon.loading import ConfigError, Loaded, load

GOOD, WRONG = 0, 2
OPEN = "open,acknowledged,on_site,repaired,verified"
HEAD = ("number", "state", "severity", "device", "summary", "overdue")

Ask = Callable[[str, str, Mapping[str, object] | None], Answer]


class Refused(Exception):
    """The daemon understood and said no; the text is for the person."""


def carry_out(args: argparse.Namespace) -> int:
    """`ticket`, `user`, `notify`, `db`."""
    try:
        loaded = load(args.config, secrets=False)
        if args.command == "db" and args.action in ("restore", "upgrade"):
            return _store_itself(args, loaded)
        return _with_socket(loaded, lambda socket: _carry_out(args, socket))
    except ConfigError as error:
        for text in error.problems:
            output.complain(text)
    except Refused as error:
        output.complain(f"secmon: {error}")
    return WRONG


def _with_socket(loaded: Loaded, work: Callable[[Path], int]) -> int:
    """Through the daemon if it runs, else through the same code over the store."""
    path = socket_path(loaded.site.store)
    try:
        ask(path, "GET", "/api/v1/openapi.json")
    except OSError:
        try:
            return with_office(loaded, work)
        except StoreDown as down:
            raise CannotReach(f"no daemon at {path}, and the store: {down}") from None
    return work(path)


def _carry_out(args: argparse.Namespace, socket: Path) -> int:
    def call(method: str, url: str, body: Mapping[str, object] | None = None) -> Answer:
        try:
            status, answer = ask(socket, method, url, body)
        except OSError as error:
            raise CannotReach(f"the daemon broke off: {error.strerror or error}") from None
        if status in (502, 503):
            raise CannotReach(str(answer.get("detail")))
        if status >= 400:
            raise Refused(str(answer.get("detail")))
        return status, answer

    match args.command, args.action:
        case "ticket", "list":
            _tickets(args, call)
        case "ticket", "show":
            _show(call("GET", f"/api/v1/tickets/{_in_path(args.number)}", None)[1], args.json)
        case "ticket", "report":
            _report(args, call)
        case "ticket", _:
            _verb(args, call)
        case "user", "list":
            _users(call)
        case "user", "add":
            _add_user(args, call)
        case "user", "link":
            _, answer = call("POST", f"/api/v1/users/{_in_path(args.name)}/link", {})
            output.say(str(answer["url"]))
        case "user", "contact" | "training":
            people.carry_out(args, call)
        case "user", _:
            body = {"password": _password()}
            call("POST", f"/api/v1/users/{_in_path(args.name)}/password", body)
            output.say(f"password of {args.name} set")
        case "notify", _:
            call("POST", f"/api/v1/channels/{_in_path(args.channel)}/test", {"to": args.to or None})
            output.say(f"{args.channel}: told")
        case "db", "backup":
            call("POST", "/api/v1/store/backup", {"path": str(args.file.absolute())})
            output.say(f"copied to {args.file}")
        case _:
            _sizes(call)
    return GOOD


def _in_path(word: str) -> str:
    """What the caller typed as one segment of a path."""
    return quote(word, safe="")


# --- tickets ---


def _tickets(args: argparse.Namespace, call: Ask) -> None:
    state = args.state or ("all" if args.all else OPEN)
    query = urlencode({"state": state, "device": args.device})
    _, answer = call("GET", f"/api/v1/tickets?{query}", None)
    if args.json:
        output.say(output.as_json(answer))
        return
    tickets: Any = answer["tickets"]
    rows = [
        (
            one["number"],
            one["state"],
            one["severity"],
            one["device"],
            one["summary"],
            ",".join(one["overdue"]),
        )
        for one in tickets
    ]
    output.say(output.table(HEAD, rows) if rows else "no tickets")


def _show(ticket: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        output.say(output.as_json(ticket))
        return
    output.say(f"{ticket['number']}  {ticket['state']}  {ticket['severity']}")
    output.say(output.plain(ticket["summary"]))
    for key in ("device", "device_name", "location", "part", "rule", "value", "limit", "way"):
        if ticket[key] not in ("", None):
            output.say(f"  {key}: {output.plain(ticket[key])}")
    for key in ("assignee", "reported_by", "previous", "detected_at", "opened_at", "cleared_at"):
        if ticket[key]:
            output.say(f"  {key}: {output.plain(ticket[key])}")
    for clock, due in ticket["due"].items():
        late = "  OVERDUE" if clock in ticket["overdue"] else ""
        output.say(f"  due {clock}: {due or 'not applicable'}{late}")
    if ticket["suppressed"]:
        output.say(f"  explains the silence of: {', '.join(ticket['suppressed'])}")
    for line in ticket.get("journal", ()):
        why = output.plain(line["why"])
        output.say(f"  {line['at']}  {line['what']}  {why}  ({line['by']})")


def _report(args: argparse.Namespace, call: Ask) -> None:
    body = {
        "device": args.device,
        "note": args.note,
        "part": args.part,
        "severity": args.severity,
    }
    _, answer = call("POST", "/api/v1/tickets", body)
    _done(answer, args.json)


def _verb(args: argparse.Namespace, call: Ask) -> None:
    given = {
        "note": args.note,
        "version": args.seen_version,
        "way": args.way,
        "to": args.to,
        "content": args.content,
    }
    body = {key: value for key, value in given.items() if value is not None}
    _, answer = call("POST", f"/api/v1/tickets/{_in_path(args.number)}/{args.action}", body)
    _done(answer, args.json)


def _done(ticket: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        output.say(output.as_json(ticket))
    else:
        output.say(f"{ticket['number']}  {ticket['state']}  {output.plain(ticket['summary'])}")


# --- people ---


def _users(call: Ask) -> None:
    _, answer = call("GET", "/api/v1/users", None)
    users: Any = answer["users"]
    rows = [(one["name"], one["role"], one["password"], one["created_at"]) for one in users]
    output.say(output.table(("name", "role", "password", "created"), rows) if rows else "no users")


def _add_user(args: argparse.Namespace, call: Ask) -> None:
    body: dict[str, object] = {"name": args.name, "role": args.role, "token": args.token}
    password = "" if args.token and sys.stdin.isatty() else _password(optional=args.token)
    if password:
        body["password"] = password
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


# --- the store ---


def _sizes(call: Ask) -> None:
    _, answer = call("GET", "/api/v1/store/sizes", None)
    tables: Any = answer["tables"]
    if tables:
        head = list(tables[0])
        output.say(output.table(head, [[one[key] for key in head] for one in tables]))


def _store_itself(args: argparse.Namespace, loaded: Loaded) -> int:
    """Restore and upgrade need the store for themselves."""
    try:
        if args.action == "restore":
            from secmon.adapters.store import files, migrations  # noqa: PLC0415

            aside = asyncio.run(files.restore(args.file, loaded.site.store, migrations.shipped()))
            kept = f", the old one is {aside}" if aside else ""
            output.say(f"restored from {args.file}{kept}")
        else:
            with_office(loaded, lambda _: GOOD)
            output.say("the store's schema is up to date")
    except StoreDown as down:
        raise CannotReach(str(down)) from None
    return GOOD
