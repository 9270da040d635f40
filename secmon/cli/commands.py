"""The commands of CONTRACT 2, parsed here and carried out beside. Exit codes: 0 good, 1 something
is faulty (`run --once`, `probe` only), 2 wrong use or config, 3 can't reach."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from secmon import __version__
from secmon.cli import output, people, windows
from secmon.cli.link import CannotReach
from secmon.core.model import Content, Verb, Way

DEFAULT = Path("/etc/secmon/secmon.yaml")
SCOPES = ("read", "pictures", "tickets", "audit", "admin")
ROLES = ("viewer", "operator", "engineer", "manager", "auditor", "admin")
GOOD, FAULTY, WRONG, UNREACHED = 0, 1, 2, 3


def parser() -> argparse.ArgumentParser:
    """Every command and its options."""
    top = argparse.ArgumentParser(
        prog="secmon", description="Monitors security installations (DB33/T 830-2011)."
    )
    top.add_argument("--version", action="version", version=f"secmon {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "-c", "--config", type=Path, default=DEFAULT, metavar="FILE", help="the site file"
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", parents=[common], help="the daemon")
    run.add_argument("--once", action="store_true", help="poll everything once, print a table")
    run.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    check = commands.add_parser("check", parents=[common], help="check the site file")
    check.add_argument("--no-secrets", action="store_true", help="do not look for secrets")
    probe = commands.add_parser("probe", parents=[common], help="poll one device now")
    probe.add_argument("device", metavar="DEVICE")
    probe.add_argument("--json", action="store_true")
    _ticket(commands.add_parser("ticket", help="list, show and work on tickets"), common)
    _user(commands.add_parser("user", help="people and programs that may log in"), common)
    windows.arguments(commands.add_parser("window", help="planned work and silences"), common)
    notify = commands.add_parser("notify", help="channels").add_subparsers(
        dest="action", required=True
    )
    test = notify.add_parser("test", parents=[common], help="send one real message")
    test.add_argument("channel", metavar="CHANNEL")
    test.add_argument("--to", default="", metavar="USER", help="as if it were meant for this user")
    _audit(commands.add_parser("audit", help="who did what, from where"), common)
    _db(commands.add_parser("db", help="the store"), common)
    _demo(commands.add_parser("demo", help="a simulated site and the real daemon"))
    return top


def _ticket(ticket: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    actions = ticket.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", parents=[common], help="tickets that are not ended")
    listing.add_argument("--json", action="store_true")
    listing.add_argument("--all", action="store_true", help="ended ones too")
    listing.add_argument("--device", default="")
    listing.add_argument("--state", default="")
    show = actions.add_parser("show", parents=[common], help="one ticket with its journal")
    show.add_argument("number")
    show.add_argument("--json", action="store_true")
    for verb in Verb:
        if verb is Verb.REPORT:
            report = actions.add_parser("report", parents=[common], help="report a fault")
            report.add_argument("device")
            report.add_argument("--note", required=True)
            report.add_argument("--part", default="")
            report.add_argument(
                "--severity", default="minor", choices=["critical", "major", "minor", "warning"]
            )
            report.add_argument("--json", action="store_true")
            continue
        one = actions.add_parser(str(verb), parents=[common], help=f"{verb} a ticket")
        one.add_argument("number")
        one.add_argument("--note", default=None)
        one.add_argument("--version", type=int, default=None, dest="seen_version")
        one.add_argument("--way", choices=[str(way) for way in Way], default=None)
        one.add_argument("--to", default=None)
        one.add_argument("--content", choices=[str(word) for word in Content], default=None)
        one.add_argument("--json", action="store_true")


def _user(user: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    actions = user.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", parents=[common], help="password from standard input")
    add.add_argument("name")
    add.add_argument("--role", required=True, choices=ROLES)
    add.add_argument("--token", action="store_true", help="print an API token, once")
    passwd = actions.add_parser("passwd", parents=[common], help="password from standard input")
    passwd.add_argument("name")
    for one in (add, passwd):
        one.add_argument("--must-change", action="store_true", help="… at the next log-in")
    token = actions.add_parser("token", parents=[common], help="print a new API token, once")
    token.add_argument("name")
    token.add_argument("--as", default="", dest="called", help="what the token is called")
    token.add_argument("--scope", action="append", default=[], choices=SCOPES, help="only that")
    token.add_argument("--expires", default="", help="after so long, like 90d")
    tokens = actions.add_parser("tokens", parents=[common], help="a user's tokens")
    tokens.add_argument("name")
    revoke = actions.add_parser("revoke", parents=[common], help="end a token")
    revoke.add_argument("name")
    revoke.add_argument("token")
    role = actions.add_parser("role", parents=[common], help="another role")
    role.add_argument("name")
    role.add_argument("role", choices=ROLES)
    for word, about in (
        ("unlock", "let a locked user try again"),
        ("logout", "end all sessions of a user"),
        ("remove", "a user, with tokens and sessions"),
    ):
        actions.add_parser(word, parents=[common], help=about).add_argument("name")
    link = actions.add_parser("link", parents=[common], help="a log-in that works once, soon")
    link.add_argument("name")
    actions.add_parser("list", parents=[common], help="who may log in")
    people.arguments(actions, common)


def _audit(audit: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    actions = audit.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("verify", parents=[common], help="was a line changed or taken out?")
    export = actions.add_parser("export", parents=[common], help="lines to standard output")
    export.add_argument("--from", default="", dest="since", help="a day like 2026-11-01")
    export.add_argument("--to", default="", dest="until", help="a day, which is within")
    export.add_argument("--format", default="csv", choices=["csv", "jsonl"])


def _db(db: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    actions = db.add_subparsers(dest="action", required=True, metavar="ACTION")
    backup = actions.add_parser("backup", parents=[common], help="copy the store")
    backup.add_argument("file", type=Path)
    restore = actions.add_parser("restore", parents=[common], help="put a copy in its place")
    restore.add_argument("file", type=Path)
    actions.add_parser("upgrade", parents=[common], help="bring the schema up to date")
    actions.add_parser("sizes", parents=[common], help="rows and bytes of every table")


def _demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument("--seconds", type=float, default=None, help="end after so many from ready")
    demo.add_argument("--port", type=int, default=9840, help="where it answers (default 9840)")
    demo.add_argument("--lang", choices=["zh", "en"], default="zh", help="what people read")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    args = parser().parse_args(argv)
    try:
        return _dispatch(args)
    except CannotReach as error:
        output.complain(f"secmon: {error}")
        return UNREACHED
    except BrokenPipeError:
        sys.stderr.close()
        return GOOD
    except KeyboardInterrupt:
        return 130


def _dispatch(args: argparse.Namespace) -> int:
    """Commands are imported when asked for: `secmon ticket list` needs no event loop."""
    match args.command:
        case "run" | "check" | "probe":
            from secmon.cli import running  # noqa: PLC0415

            return running.carry_out(args)
        case "demo":
            from secmon.cli import demo  # noqa: PLC0415

            return demo.carry_out(args)
        case _:
            from secmon.cli import asking  # noqa: PLC0415

            return asking.carry_out(args)
