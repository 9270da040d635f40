"""Planned work from the command line: what is silenced, silence something, end a silence."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from secmon.cli import output
from secmon.cli.link import Answer

Ask = Callable[[str, str, Mapping[str, object] | None], Answer]

HEAD = ("id", "do", "what", "from", "to", "in force", "why")
KEYS = ("device", "part", "rule", "system", "do", "note")


def arguments(
    window: argparse.ArgumentParser,
    common: argparse.ArgumentParser,
) -> None:
    """`window list`, `window add` and `window end`."""
    actions = window.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", parents=[common], help="in force first, then what comes")
    listing.add_argument("--json", action="store_true")
    add = actions.add_parser("add", parents=[common], help="silence something for a time")
    what = add.add_mutually_exclusive_group(required=True)
    what.add_argument("--device", default="", help="with all that hangs on it")
    what.add_argument("--system", default="")
    what.add_argument("--site", action="store_true", help="everything")
    add.add_argument("--part", default="", help="of the device: a port, a zone …")
    add.add_argument("--rule", default="", help="only this rule")
    add.add_argument("--do", default="mute", choices=["mute", "skip"])
    add.add_argument("--for", required=True, dest="length", metavar="DURATION", help="like 2h")
    add.add_argument("--note", required=True, help="why")
    end = actions.add_parser("end", parents=[common], help="end a silence now")
    end.add_argument("id", metavar="ID")


def carry_out(args: argparse.Namespace, call: Ask) -> None:
    match args.action:
        case "list":
            _list(args, call)
        case "add":
            given = {key: getattr(args, key) for key in KEYS if getattr(args, key)}
            site = {"site": True} if args.site else {}
            made: Any = call("POST", "/api/v1/windows", {**given, **site, "for": args.length})[1]
            output.say(f"{made['id']} until {made['to']}")
        case _:
            call("DELETE", f"/api/v1/windows/{quote(args.id, safe='')}", None)
            output.say(f"{args.id} ended")


def _list(args: argparse.Namespace, call: Ask) -> None:
    answer: Any = call("GET", "/api/v1/windows", None)[1]
    if args.json:
        output.say(output.as_json(answer))
        return
    if not answer["windows"]:
        output.say("no windows")
        return
    rows = [
        (
            one["id"],
            one["do"],
            " ".join([*(one["devices"] or [one["system"] or "site"]), one["part"], one["rule"]]),
            one["from"],
            one["to"],
            "yes" if one["active"] else "",
            one["note"] or one["name"],
        )
        for one in answer["windows"]
    ]
    output.say(output.table(HEAD, rows))
