"""Time passes: clock notices, calls of the next person, reminders, changes of shift.

Each at its own moment, in order, however late we are. What one of them brings about may fall due on
the same way and is taken in its turn, so that one long wait gives what many short ones give.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from datetime import datetime

from secmon.core import clearing, duty, escalation, muting, silences, sla
from secmon.core.book import WATCH
from secmon.core.draft import Draft
from secmon.core.model import Ticket
from secmon.core.windows import WINDOWS

CALL, STEADY = "call", "steady"

Ring = tuple[datetime, str, str]  # when, what of (as in World.due), word


def pass_time(draft: Draft, until: datetime) -> None:
    """All that falls due on the way to `until`."""
    due = draft.due.take(until)
    waiting: list[Ring] = []
    while due or waiting:
        _gather(draft, due, until, waiting)
        if waiting:
            when, subject, word = heapq.heappop(waiting)
            draft.now = max(draft.now, when)
            _ring(draft, when, subject, word)
        due = draft.due.take(until)
    draft.now = max(draft.now, until)


def _gather(draft: Draft, due: set[str], until: datetime, waiting: list[Ring]) -> None:
    for subject in due:
        for when, word in _moments(draft, subject):
            if when <= until:
                heapq.heappush(waiting, (when, subject, word))


def _moments(draft: Draft, subject: str) -> list[tuple[datetime, str]]:
    """When what is to be said of it. A stale entry of the heap says nothing."""
    if subject == WATCH:
        rings_at = draft.book.watch.rings_at
        return [] if rings_at is None else [(rings_at, WATCH)]
    if subject == WINDOWS:
        return [] if draft.edge is None else [(draft.edge, WINDOWS)]
    silence = draft.silences().get(subject)
    if silence is not None:
        return [(when, CALL) for when in silence.calls.values()]
    hand_over = draft.book.hand_over(subject)
    if hand_over is not None:
        return [(when, CALL) for when in hand_over.calls.values()]
    ticket = draft.ticket(subject)
    if ticket is None:
        return []
    clocks = [(when, word) for when, _, word in sla.moments(ticket)]
    if ticket.clears_at is not None:
        clocks.append((ticket.clears_at, STEADY))
    return clocks + [(when, CALL) for when in ticket.calls.values()]


def _ring(draft: Draft, when: datetime, subject: str, word: str) -> None:
    if subject == WATCH:
        if draft.book.watch.rings_at == when:
            duty.relieve(draft)
        return
    if subject == WINDOWS:
        if draft.edge == when:
            muting.turn(draft)
        return
    silence = draft.silences().get(subject)
    if silence is not None:
        silences.remind(draft, silence, when)
        return
    hand_over = draft.book.hand_over(subject)
    if hand_over is not None:
        duty.remind(draft, hand_over, when)
        return
    ticket = draft.ticket(subject)
    if ticket is None:
        return
    if word == STEADY:
        clearing.steady(draft, ticket, when)
    elif word == CALL:
        _call(draft, ticket, when)
    elif word not in ticket.told:
        clock, reason = word.split(" ")
        draft.save(replace(ticket, told=ticket.told | {word}))  # no version: nobody's page ages
        draft.write(ticket.id, reason, clock)
        draft.tell(draft.tickets[ticket.id], reason, clock=clock)


def _call(draft: Draft, ticket: Ticket, when: datetime) -> None:
    """The steps of one moment are one notice; it speaks of the last of them."""
    due = {key: moment for key, moment in ticket.calls.items() if moment <= when}
    cover = draft.cover()
    if not due:
        return
    until = draft.covered(ticket)
    if until is not None:  # a window covers it: who is called is called when that is over
        calls = {key: max(at, until) for key, at in ticket.calls.items()}
        draft.save(replace(ticket, calls=calls))
        return
    if cover is None:  # the roster is gone from the site file
        draft.save(escalation.called(ticket, None, due))
        return
    chosen = [escalation.whom(cover, when, escalation.to_of(key), ticket) for key in sorted(due)]
    people = escalation.unique(*chosen)
    last = max(due, key=escalation.number_of)
    number, to = escalation.number_of(last), escalation.to_of(last)
    ticket = replace(ticket, called=ticket.called | frozenset(people))
    draft.save(escalation.called(ticket, cover, due))
    reason = "reminded" if to == escalation.REMINDED else "escalated"
    named = ", ".join(people)
    draft.write(ticket.id, reason, f"step {number} to {to}: {named}" if to != reason else named)
    draft.tell_them(ticket.id, reason, people, step=number, to=to)
