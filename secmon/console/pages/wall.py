"""The wall: every device by the system it belongs to, what is wrong first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiohttp import web

from secmon.console.clocks import Face, nearest
from secmon.console.daemon import DAEMON
from secmon.console.pages.frame import render, speech_of
from secmon.console.status import RANK, Level, Standing, standings
from secmon.core import sla
from secmon.core.world import World
from secmon.standard import tables

SMALL = 60  # devices of a site that the wall shows all by name
FAULTY_SHOWN, UNKNOWN_SHOWN, GOOD_SHOWN = 30, 12, 60  # of one system


@dataclass(frozen=True, slots=True)
class Line:
    """A faulty device on the wall."""

    standing: Standing
    wrong: str
    more: int  # things that are wrong beside
    number: str  # of its ticket
    state: str
    face: Face | None  # the clock that is due first


@dataclass(frozen=True, slots=True)
class Card:
    """One system."""

    code: str
    faulty: int
    unknown: int
    good: int
    lines: Sequence[Line]
    unknowns: Sequence[Standing]
    goods: Sequence[Standing]

    @property
    def level(self) -> Level:
        """Green only where every device is known to be good."""
        if self.faulty:
            return Level.FAULTY
        return Level.UNKNOWN if self.unknown else Level.GOOD


def routes() -> list[web.RouteDef]:
    return [web.get("/", wall, name="page.wall")]


async def wall(request: web.Request) -> web.Response:
    daemon = request.app[DAEMON]
    every = standings(daemon.world, daemon.policy, daemon.clock.tick(), daemon.shade())
    by_system: dict[str, list[Standing]] = {code: [] for code in tables.systems()}
    for one in every:
        by_system.setdefault(one.device.system, []).append(one)
    return render(
        request,
        "wall.html",
        title=speech_of(request).say("wall.title"),
        live=("ticket", "device"),
        values={
            "cards": [_card(request, code, some) for code, some in by_system.items() if some],
            "empty": [code for code, some in by_system.items() if not some],
            "total": Counter([one.level for one in every]),
            "small": len(every) <= SMALL,
            "overdue": _overdue(request, daemon.world),
            "devices": daemon.policy.devices,
            "troubles": daemon_troubles(request),
        },
    )


def daemon_troubles(request: web.Request) -> list[str]:
    """What hinders the daemon itself, in the reader's words."""
    daemon, say = request.app[DAEMON], speech_of(request).say
    return [say(f"wall.trouble_{word}") for word in daemon.troubles()]


def _overdue(request: web.Request, world: World) -> int:
    now = request.app[DAEMON].clock.now()
    late = [one for one in world.tickets.values() if min(one.due.values(), default=now) <= now]
    return sum(1 for ticket in late if sla.overdue(ticket, now))


def _card(request: web.Request, code: str, some: Sequence[Standing]) -> Card:
    faulty = sorted((one for one in some if one.level is Level.FAULTY), key=_gravest)
    unknown = [one for one in some if one.level is Level.UNKNOWN]
    good = [one for one in some if one.level is Level.GOOD]
    return Card(
        code,
        len(faulty),
        len(unknown),
        len(good),
        [_line(request, one) for one in faulty[:FAULTY_SHOWN]],
        unknown[:UNKNOWN_SHOWN],
        good[:GOOD_SHOWN],
    )


def _gravest(one: Standing) -> tuple[int, str, str]:
    since = one.tickets[0].number if one.tickets else ""
    return RANK[one.severity], since, one.device.id


def _line(request: web.Request, one: Standing) -> Line:
    daemon, words = request.app[DAEMON], speech_of(request)
    now = daemon.clock.now()
    running = [t for t in one.tickets if t.cleared_at is None] or list(one.tickets)
    running.sort(key=lambda t: RANK[t.severity])
    if not running:
        said = list(_said(words.fault(daemon.policy, fault) for fault in one.faults))
        return Line(one, said[0] if said else "", len(said) - 1, "", "", None)
    first = running[0]
    more = len(running) - 1
    state = words.texts.word("states", first.state)
    return Line(one, words.wrong(first), more, first.number, state, nearest(first, now))


def _said(texts: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(texts)
