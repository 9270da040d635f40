"""Commands that ask the daemon over its socket, or work on the store itself where none runs."""

from __future__ import annotations

import argparse
import asyncio
import os
import pwd
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from secmon.api import AuditLine, StoreDown
from secmon.app.listeners import socket_path
from secmon.app.office import with_office
from secmon.cli import access, output, people, windows
from secmon.cli.access import Ask, Refused
from secmon.cli.link import Answer, CannotReach, ask
from secmon.loading import ConfigError, Loaded, load

GOOD, WRONG = 0, 2
OPEN = "open,acknowledged,on_site,repaired,verified"
HEAD = ("number", "state", "severity", "device", "summary", "overdue")


def carry_out(args: argparse.Namespace) -> int:
    """`ticket`, `user`, `audit`, `window`, `notify`, `db`."""
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
        case ("user", "contact" | "training") | ("window", _):
            (windows if args.command == "window" else people).carry_out(args, call)
        case "user", _:
            access.people(args, call)
        case "audit", _:
            access.audit(args, call, socket)
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
            asyncio.run(_note_restore(loaded, args.file))
            kept = f", the old one is {aside}" if aside else ""
            output.say(f"restored from {args.file}{kept}")
        else:
            with_office(loaded, lambda _: GOOD)
            output.say("the store's schema is up to date")
    except StoreDown as down:
        raise CannotReach(str(down)) from None
    return GOOD


async def _note_restore(loaded: Loaded, source: Path) -> None:
    """The audit is the copy's own from now on, with a line that says so."""
    from secmon.adapters.store.sqlite import SqliteStore  # noqa: PLC0415

    policy = loaded.policy
    who = f"os:{pwd.getpwuid(os.geteuid()).pw_name}"
    async with SqliteStore(loaded.site.store, site=policy.site, timezone=policy.timezone) as store:
        await store.access.note(AuditLine(who, "", "restore", source.name, "done", ""))
