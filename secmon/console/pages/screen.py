"""Wall mode (大屏): the control room's screen, read from across the room, with an audible alarm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest

from aiohttp import web

from secmon.console.access import USER
from secmon.console.clocks import Face, nearest
from secmon.console.daemon import DAEMON
from secmon.console.duty_api import WATCHROOM
from secmon.console.pages.duty import on_duty
from secmon.console.pages.frame import render, speech_of
from secmon.console.pages.wall import daemon_troubles
from secmon.console.status import Level, Standing, standings
from secmon.core import escalation
from secmon.core.model import SEVERITIES, Severity, Ticket, TicketState
from secmon.standard import tables

SHOWN = 60  # tickets: ten pages or so; the rest is a number
LOUD = frozenset((Severity.CRITICAL, Severity.MAJOR))


@dataclass(frozen=True, slots=True)
class Row:
    """An open ticket; `calls`: nobody has acknowledged it, `loud`: so the alarm sounds."""

    ticket: Ticket
    wrong: str
    face: Face | None
    calls: bool
    loud: bool


def routes() -> list[web.RouteDef]:
    return [web.get("/wall", screen, name="page.screen")]


async def screen(request: web.Request) -> web.Response:
    daemon, room, words = request.app[DAEMON], request.app[WATCHROOM], speech_of(request)
    now, cover = daemon.clock.now(), room.cover()
    systems = _systems(standings(daemon.world, daemon.policy, daemon.clock.tick()))
    tickets = list(daemon.world.tickets.values())
    loud = [one for one in tickets if is_loud(one)]
    rows = [
        Row(one, words.wrong(one), nearest(one, now), _calls(one), is_loud(one))
        for one in _first(tickets, loud)
    ]
    relief = cover.next_relief(now) if cover else None
    return render(
        request,
        "screen.html",
        title=words.say("screen.title"),
        live=("ticket", "device"),
        every=15,
        values={
            "rows": rows,
            "more": len(tickets) - len(rows),
            "loud": len(loud),
            "total": {level: sum(one[level] for one in systems.values()) for level in Level},
            "systems": systems,
            "cover": cover,
            "begun": cover is not None and now >= cover.duty.begins,
            "here": await on_duty(room, request[USER], cover.on(now) if cover else ()),
            "coming": await on_duty(room, request[USER], relief.incoming if relief else ()),
            "until": relief.at if relief else None,
            "troubles": daemon_troubles(request),
        },
    )


def is_loud(ticket: Ticket) -> bool:
    """Does the alarm sound for it? Critical or major, not over, and nobody has taken it up."""
    return ticket.severity in LOUD and _calls(ticket)


def _calls(ticket: Ticket) -> bool:
    waits = ticket.state is TicketState.OPEN or escalation.awaits(ticket)
    return ticket.cleared_at is None and not ticket.removed and waits


def _first(every: Sequence[Ticket], loud: Sequence[Ticket]) -> list[Ticket]:
    """What sounds the alarm, then what is wrong still, by gravity and age."""
    known = {one.id for one in loud}
    rank = {severity: place for place, severity in enumerate(SEVERITIES)}

    def key(one: Ticket) -> tuple[bool, bool, int, datetime, str]:
        over = one.cleared_at is not None
        return one.id not in known, over, rank[one.severity], one.detected_at, one.number

    return nsmallest(SHOWN, every, key)


def _systems(every: Sequence[Standing]) -> Mapping[str, Mapping[Level, int]]:
    """System → how many of its devices stand how; those without devices are left out."""
    found: dict[str, dict[Level, int]] = {
        code: dict.fromkeys(Level, 0) for code in tables.systems()
    }
    for one in every:
        found.setdefault(one.device.system, dict.fromkeys(Level, 0))[one.level] += 1
    return {code: counts for code, counts in found.items() if any(counts.values())}
