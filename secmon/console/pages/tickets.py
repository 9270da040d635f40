"""The list of tickets: the open ones from memory, most urgent first; the ended ones by pages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from secmon.console.clocks import Face, faces
from secmon.console.daemon import DAEMON
from secmon.console.pages.frame import render, speech_of
from secmon.console.wording import Speech
from secmon.core import sla
from secmon.core.model import ENDED, SEVERITIES, Ticket, TicketState
from secmon.standard import tables

SHOWN = 50  # tickets of a page
SCANNED = 1000  # ended tickets that one page looks through at most
OPEN = tuple(state for state in TicketState if state not in ENDED)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the reader wants to see."""

    state: str = "open"  # open: all that are not ended; ended; or one state
    system: str = ""
    device: str = ""
    text: str = ""
    page: int = 1
    after: str = ""  # ended ones older than this number

    @property
    def ended(self) -> bool:
        return self.state in ("ended", *map(str, ENDED))

    @property
    def narrowed(self) -> bool:
        return bool(self.system or self.device or self.text or self.state not in ("open", "ended"))

    def link(self, **other: object) -> str:
        """The list with another page or state."""
        mine = {"state": self.state, "system": self.system, "device": self.device, "q": self.text}
        query = {key: value for key, value in {**mine, **other}.items() if value}
        return "/tickets?" + urlencode(query)


@dataclass(frozen=True, slots=True)
class Row:
    ticket: Ticket
    wrong: str
    clocks: Sequence[Face]


def routes() -> list[web.RouteDef]:
    return [web.get("/tickets", tickets, name="page.tickets")]


async def tickets(request: web.Request) -> web.Response:
    daemon, words = request.app[DAEMON], speech_of(request)
    wish, now = _wish(request), daemon.clock.now()
    if wish.ended:
        found, following = await _ended(request, wish)
        total = None
    else:
        every = _open(daemon.world.tickets.values(), wish, words, now)
        start = (wish.page - 1) * SHOWN
        found, total = every[start : start + SHOWN], len(every)
        following = wish.link(page=wish.page + 1) if start + SHOWN < total else ""
    return render(
        request,
        "tickets.html",
        title=words.say("tickets.title"),
        live=() if wish.ended else ("ticket",),
        values={
            "wish": wish,
            "rows": [rows(words, one, now) for one in found],
            "total": total,
            "following": following,
            "open_states": OPEN,
            "systems": tables.systems(),
            "devices": daemon.policy.devices,
        },
    )


def rows(words: Speech, ticket: Ticket, now: datetime) -> Row:
    return Row(ticket, words.wrong(ticket), faces(ticket, now))


def _wish(request: web.Request) -> Wish:
    query = request.query
    state = query.get("state", "open")
    page = query.get("page", "1")
    return Wish(
        state=state if state in ("open", "ended", *map(str, TicketState)) else "open",
        system=query.get("system", "")[:40],
        device=query.get("device", "")[:64],
        text=query.get("q", "").strip()[:100],
        page=int(page) if page.isdecimal() and 0 < len(page) < 5 and int(page) else 1,
        after=query.get("after", "")[:40],
    )


def _open(every: Collection[Ticket], wish: Wish, words: Speech, now: datetime) -> list[Ticket]:
    found = [one for one in every if _wanted(one, wish, words)]
    if wish.state == "open":
        return sorted(found, key=lambda one: _urgency(one, now))
    return sorted((one for one in found if one.state == wish.state), key=lambda o: _urgency(o, now))


def _urgency(ticket: Ticket, now: datetime) -> tuple[int, int, datetime, str]:
    """Overdue ones first, then what still runs by gravity and time, then what has cleared."""
    late = sla.overdue(ticket, now)
    running = [due for clock, due in ticket.due.items() if sla.stopped(ticket, clock) is None]
    group = 0 if late else 1 if running else 2
    due = min(running, default=ticket.detected_at)
    return group, SEVERITIES.index(ticket.severity), due, ticket.number


def _wanted(ticket: Ticket, wish: Wish, words: Speech) -> bool:
    if wish.system and ticket.system != wish.system:
        return False
    if wish.device and ticket.device != wish.device:
        return False
    if not wish.text:
        return True
    wanted = wish.text.casefold()
    said = (ticket.number, ticket.device, ticket.device_name, ticket.location, ticket.part)
    if any(wanted in one.casefold() for one in (*said, ticket.assignee, ticket.summary)):
        return True
    return wanted in words.wrong(ticket).casefold()


async def _ended(request: web.Request, wish: Wish) -> tuple[list[Ticket], str]:
    """A page of ended tickets, and the link to the next one, '' at the end."""
    daemon, words = request.app[DAEMON], speech_of(request)
    states = ENDED if wish.state == "ended" else (TicketState(wish.state),)
    found: list[Ticket] = []
    after, looked = wish.after, 0
    while looked < SCANNED:
        some = await daemon.tickets(states, wish.device, 2 * SHOWN, after)
        for one in some:
            if _wanted(one, wish, words):
                if len(found) == SHOWN:
                    return found, wish.link(after=found[-1].number)
                found.append(one)
            after = one.number
            looked += 1
        if len(some) < 2 * SHOWN:
            return found, ""
    return found, wish.link(after=after)
