"""Faults that come and go: opening is never delayed, but their clearing is believed only later.

After 4 changes within 30 min (the opening is one) a ticket that would clear is held: it clears when
the fault has stayed good for 10 min, 20 after it did not, then 40, then 60. Meanwhile the ticket is
open and says that it is unsteady; its swings are told to nobody, the journal has a line an hour.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from secmon.core.draft import Draft
from secmon.core.model import Ticket

CHANGES = 4
SPAN = timedelta(minutes=30)
HOLD, LONGEST = timedelta(minutes=10), timedelta(hours=1)
SELDOM = timedelta(hours=1)
KEPT = 16  # changes remembered of a ticket


def swung(ticket: Ticket, at: datetime) -> Ticket:
    """It has just opened, cleared or relapsed."""
    return replace(ticket, swings=(*_recent(ticket, at), at)[-KEPT:])


def held(draft: Draft, ticket: Ticket) -> bool:
    """Nothing is wrong any more. True: it swings too much for that to be believed at once."""
    changed = swung(ticket, draft.now)
    if len(changed.swings) < CHANGES:
        return False
    draft.save(_told(draft, replace(changed, clears_at=draft.now + hold(ticket))))
    return True


def again(draft: Draft, ticket: Ticket) -> Ticket:
    """It did not stay good. Its ticket was open all the time."""
    ticket = replace(swung(ticket, draft.now), clears_at=None, holds=ticket.holds + 1)
    ticket = _told(draft, ticket)
    draft.save(ticket)
    return ticket


def hold(ticket: Ticket) -> timedelta:
    """For how long it has to stay good now."""
    return min(HOLD * (1 << min(ticket.holds, 10)), LONGEST)


def believed(ticket: Ticket, at: datetime) -> Ticket:
    """A person says that it is mended, and it is good just now: that is enough."""
    return replace(swung(ticket, at), cleared_at=at, clears_at=None, holds=0)


def unsteady(ticket: Ticket, now: datetime) -> bool:
    """Does it come and go, as far as anybody saw of late?"""
    if ticket.ended or ticket.cleared_at is not None:
        return False
    if ticket.clears_at is not None:
        return True
    return ticket.holds > 0 and bool(ticket.swings) and now - ticket.swings[-1] < LONGEST


def looked(draft: Draft, ticket: Ticket) -> bool:
    """Was it seen to be good since it is held? A device that is not asked, or does not answer, says
    nothing."""
    device = draft.policy.devices.get(ticket.device)
    if device is None or not ticket.swings:
        return True
    polls = [draft.probe((device.id, plan.label)) for plan in device.probes]
    return any(
        state is not None and state.failure is None and state.at > ticket.swings[-1]
        for state in polls
    )


def held_till(ticket: Ticket, now: datetime) -> datetime | None:
    """After a start: what fell due while nobody looked waits once more."""
    if ticket.clears_at is None or ticket.clears_at > now:
        return ticket.clears_at
    return now + hold(ticket)


def _recent(ticket: Ticket, now: datetime) -> tuple[datetime, ...]:
    return tuple(at for at in ticket.swings if now - at < SPAN)


def _told(draft: Draft, ticket: Ticket) -> Ticket:
    """A line of the journal, at most once an hour."""
    if ticket.swung_at is not None and draft.now - ticket.swung_at < SELDOM:
        return ticket
    minutes = int(hold(ticket).total_seconds() // 60)
    changes = f"{len(ticket.swings)} changes within {int(SPAN.total_seconds() // 60)} min"
    words = f"{changes}: cleared once it stays good for {minutes} min"
    draft.write(ticket.id, "unsteady", words)
    return replace(ticket, swung_at=draft.now)
