"""Whom a notice is meant for, and who is told next of a ticket that nobody takes up.

A ticket carries its own deadlines in `calls`: `2 lead` → when step 2 calls the lead. They are fixed
when it opens or relapses, so a restart or a new site file neither loses nor repeats one. The chain
ends at the acknowledgement; from then on `1 reminded` waits for the next word about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from secmon.core.model import Ticket, TicketState
from secmon.core.roster import Cover, Duty, Step
from secmon.core.walltime import minute_of

REMINDED = "reminded"
REPEATS = 24  # of the last step, then of a reminder: by then more of the same helps nobody
WORKED_ON = frozenset((TicketState.ACKNOWLEDGED, TicketState.ON_SITE))
WITH_LEAD = frozenset(("due_soon", "overdue"))
AFTERWARDS = frozenset(("cleared", "closed", "cancelled"))  # whoever was called hears the end


# --- a ticket's chain ------------------------------------------------------------------------


def arm(ticket: Ticket, cover: Cover | None, at: datetime) -> Ticket:
    """The chain from its beginning: the ticket has just been told to those on duty."""
    if cover is None or at < cover.duty.begins:
        return _still(ticket)
    if ticket.state is TicketState.ON_SITE:  # somebody is there
        return replace(ticket, calls={f"1 {REMINDED}": at + cover.duty.remind})
    calls = {
        f"{number} {step.to}": at + step.after
        for number, step in enumerate(cover.duty.steps, 1)
        if _applies(step, ticket, cover.duty, at)
    }
    return replace(ticket, calls=calls, called=frozenset(present(cover, at)))


def worsen(ticket: Ticket, cover: Cover | None, at: datetime) -> Ticket:
    """It has become graver: steps that are due earlier by its new severity come earlier."""
    if cover is None or ticket.state is not TicketState.OPEN:
        return ticket
    anew = arm(ticket, cover, at)
    calls = {**anew.calls, **ticket.calls}
    for key in anew.calls.keys() & ticket.calls.keys():
        calls[key] = min(anew.calls[key], ticket.calls[key])
    return replace(ticket, calls=calls, called=ticket.called | anew.called)


def hear(ticket: Ticket, cover: Cover | None, at: datetime) -> Ticket:
    """A person has said something about it: what time alone will bring from now on."""
    if cover is None or ticket.state not in WORKED_ON or ticket.cleared_at is not None:
        return ticket if ticket.state is TicketState.OPEN else quiet(ticket)
    return replace(ticket, calls={f"1 {REMINDED}": at + cover.duty.remind})


def quiet(ticket: Ticket) -> Ticket:
    """Nobody need be called any more; whoever was is known still."""
    return replace(ticket, calls={}) if ticket.calls else ticket


def awaits(ticket: Ticket) -> bool:
    """Is somebody being called who has not acknowledged it?"""
    return any(to_of(key) != REMINDED for key in ticket.calls)


def late(calls: Mapping[str, datetime], now: datetime) -> Mapping[str, datetime]:
    """What fell due while we were away is due now: it is for those who are on duty now."""
    return {key: max(when, now) for key, when in calls.items()}


def called(ticket: Ticket, cover: Cover | None, due: Mapping[str, datetime]) -> Ticket:
    """These calls are made: they are gone from the ticket, and the last one comes again later."""
    left = {key: when for key, when in ticket.calls.items() if key not in due}
    ticket = replace(ticket, calls=left)
    if cover is None or not due:
        return ticket
    last = max(due, key=number_of)
    number, to = number_of(last), to_of(last)
    reminder = to == REMINDED
    most = REPEATS if reminder else len(cover.duty.steps) + REPEATS
    if number < most and (reminder or not awaits(ticket)):
        pause = cover.duty.remind if reminder else cover.duty.repeat
        ticket = replace(ticket, calls={**left, f"{number + 1} {to}": due[last] + pause})
    return ticket


def _applies(step: Step, ticket: Ticket, duty: Duty, at: datetime) -> bool:
    if ticket.severity not in step.severities:
        return False
    if step.between is None:
        return True
    start, end = step.between
    return (minute_of(at + step.after, duty.zone) - start) % (24 * 60) < end - start


def _still(ticket: Ticket) -> Ticket:
    return (
        replace(ticket, calls={}, called=frozenset()) if ticket.calls or ticket.called else ticket
    )


def number_of(key: str) -> int:
    return int(key.partition(" ")[0])


def to_of(key: str) -> str:
    return key.partition(" ")[2]


# --- people ----------------------------------------------------------------------------------


def present(cover: Cover, at: datetime) -> tuple[str, ...]:
    """Who is on duty; where nobody is, the lead, else the manager."""
    return cover.on(at) or lead(cover)


def lead(cover: Cover) -> tuple[str, ...]:
    return cover.duty.lead or cover.duty.manager


def whom(cover: Cover, at: datetime, to: str, ticket: Ticket) -> tuple[str, ...]:
    """The people whom a step calls. Never nobody while there is anyone at all."""
    duty = cover.duty
    match to:
        case "next":
            people = cover.next_people(at, ticket.called) or lead(cover)
        case "manager":
            people = duty.manager or duty.lead
        case _ if to == REMINDED:
            people = unique((ticket.assignee or _acknowledged_by(ticket),), lead(cover))
        case _:
            people = lead(cover)
    return people or cover.on(at)


def meant_for(reason: str, ticket: Ticket, cover: Cover | None, at: datetime) -> tuple[str, ...]:
    """Whom a notice of this reason is for. Nobody: all who read the channel."""
    if cover is None or at < cover.duty.begins:
        return ()
    here = present(cover, at)
    if reason in WITH_LEAD:
        return unique(here, (ticket.assignee,), lead(cover))
    if reason in AFTERWARDS:
        return unique(here, (ticket.assignee,), tuple(sorted(ticket.called)))
    return unique(here, (ticket.assignee,))


def unique(*groups: tuple[str, ...]) -> tuple[str, ...]:
    """Every name once, in order."""
    return tuple(dict.fromkeys(name for group in groups for name in group if name))


def _acknowledged_by(ticket: Ticket) -> str:
    mark = ticket.marks.get(TicketState.ACKNOWLEDGED)
    return mark.by if mark else ""
