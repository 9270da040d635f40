"""How people are reached and when they were trained, from the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from secmon.cli import output
from secmon.cli.link import Answer

Ask = Callable[[str, str, Mapping[str, object] | None], Answer]

KEYS = ("name", "phone", "email", "language")


def arguments(
    actions: Any,  # argparse has no public name for its group of commands
    common: argparse.ArgumentParser,
) -> None:
    """`user contact` and `user training`."""
    contact = actions.add_parser("contact", parents=[common], help="how a person is reached")
    contact.add_argument("user", metavar="NAME")
    contact.add_argument("--name", default=None, help="as people call them")
    contact.add_argument("--phone", default=None)
    contact.add_argument("--email", default=None)
    contact.add_argument("--language", choices=["zh", "en"], default=None)
    contact.add_argument(
        "--id",
        action="append",
        default=[],
        metavar="CHANNEL=ID",
        help="an id at a robot; may recur",
    )
    training = actions.add_parser("training", parents=[common], help="write down a training")
    training.add_argument("user", metavar="NAME")
    training.add_argument("--day", default=None, help="YYYY-MM-DD; without it: list them")
    training.add_argument("--what", default=None)
    training.add_argument("--until", default=None, help="YYYY-MM-DD, where a certificate says so")


def carry_out(args: argparse.Namespace, call: Ask) -> None:
    (contact if args.action == "contact" else training)(args, call)


def contact(args: argparse.Namespace, call: Ask) -> None:
    """Changes what is given and leaves the rest; shows it all."""
    path = f"/api/v1/users/{quote(args.user, safe='')}/contact"
    known: Any = call("GET", path, None)[1]
    given = {key: getattr(args, key) for key in KEYS if getattr(args, key) is not None}
    ids = dict(one.partition("=")[::2] for one in args.id)
    if given or ids:
        kept = {key: known[key] for key in KEYS}
        merged = {kind: one for kind, one in {**known["ids"], **ids}.items() if one}
        known = call("PUT", path, {**kept, **given, "ids": merged})[1]
    for key in ("user", *KEYS):
        if known[key]:
            output.say(f"{key}: {output.plain(known[key])}")
    for kind, one in known["ids"].items():
        output.say(f"id {output.plain(kind)}: {output.plain(one)}")


def training(args: argparse.Namespace, call: Ask) -> None:
    path = f"/api/v1/users/{quote(args.user, safe='')}/training"
    given = {key: getattr(args, key) for key in ("day", "what", "until")}
    body = {key: value for key, value in given.items() if value is not None}
    answer: Any = call("POST", path, body)[1] if body else call("GET", path, None)[1]
    rows = [(one["day"], one["what"], one["until"], one["by"]) for one in answer["trainings"]]
    head = ("day", "what", "until", "written by")
    output.say(output.table(head, rows) if rows else f"{args.user} was never trained")
