"""A technician's own tickets, by what is due first, with one big button for what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest

from aiohttp import web

from secmon.console.access import USER
from secmon.console.clocks import Face, nearest
from secmon.console.daemon import DAEMON
from secmon.console.pages.frame import is_mine, render, speech_of
from secmon.console.pages.ticket import done_words, next_step
from secmon.core import sla
from secmon.core.model import Device, Ticket, TicketState, Verb
from secmon.core.tickets import possible

SHOWN = 100  # of one's own
FREE = 20  # of those that nobody has
# Steps that need no more than a press; the others ask for words on the ticket's page.
AT_ONCE = frozenset((Verb.ACKNOWLEDGE, Verb.ARRIVE, Verb.VERIFY))


@dataclass(frozen=True, slots=True)
class Job:
    """One ticket as a job to go to."""

    ticket: Ticket
    wrong: str
    device: Device | None
    face: Face | None  # the clock that is due first
    step: Verb | None
    at_once: bool


def routes() -> list[web.RouteDef]:
    return [web.get("/my", my, name="page.my")]


async def my(request: web.Request) -> web.Response:
    user = request[USER]
    daemon, words = request.app[DAEMON], speech_of(request)
    now, every = daemon.clock.now(), daemon.world.tickets.values()
    own = [one for one in every if is_mine(user, one)]
    free = [one for one in every if not one.assignee and one.cleared_at is None]
    done = request.query.get("done", "")
    return render(
        request,
        "my.html",
        title=words.say("my.title"),
        url="/my",
        live=("ticket",),
        values={
            "jobs": [_job(request, one, now) for one in nsmallest(SHOWN, own, key=_due)],
            "total": len(own),
            "free": [_job(request, one, now) for one in nsmallest(FREE, free, key=_due)],
            "free_total": len(free),
            "devices": daemon.policy.devices,
            "said": done_words(words, done) if done else "",
        },
    )


def _due(one: Ticket) -> tuple[bool, datetime, str]:
    """By what is due first; where no clock runs any more at the end."""
    running = [
        due
        for clock, due in one.due.items()
        if sla.applies(one, clock) and sla.stopped(one, clock) is None
    ]
    return not running, min(running, default=one.detected_at), one.number


def _job(request: web.Request, ticket: Ticket, now: datetime) -> Job:
    verbs = possible(ticket)
    step = next_step(ticket, verbs)
    at_once = step in AT_ONCE or (step is Verb.CLOSE and ticket.state is TicketState.VERIFIED)
    return Job(
        ticket,
        speech_of(request).wrong(ticket),
        request.app[DAEMON].policy.devices.get(ticket.device),
        nearest(ticket, now),
        step,
        at_once,
    )
