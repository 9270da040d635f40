"""The three clocks of DB33/T 830-2011, 5.1.1: when they are due, when they stop, who is late.

All start at `detected_at` and none is ever paused. A clock stops at its mark or when the fault
clears, whichever comes first; the arrive clock applies only where somebody has to come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from secmon.core.model import Clock, Sla, Ticket, TicketState, Way

STOPS = {
    Clock.RESPOND: TicketState.ACKNOWLEDGED,
    Clock.ARRIVE: TicketState.ON_SITE,
    Clock.REPAIR: TicketState.REPAIRED,
}
SOON = 0.8  # ours: the share of a clock at which people are told


def due(detected_at: datetime, sla: Sla) -> Mapping[Clock, datetime]:
    """When each clock runs out."""
    return {
        Clock.RESPOND: detected_at + sla.respond,
        Clock.ARRIVE: detected_at + sla.arrive,
        Clock.REPAIR: detected_at + sla.repair,
    }


def applies(ticket: Ticket, clock: Clock) -> bool:
    """Nobody arrives by phone, post or remote login."""
    return clock is not Clock.ARRIVE or ticket.way is Way.ON_SITE


def stopped(ticket: Ticket, clock: Clock) -> datetime | None:
    """When the clock stopped; None while it runs."""
    mark = ticket.marks.get(STOPS[clock])
    moments = [mark.at] if mark else []
    if ticket.cleared_at is not None:
        moments.append(ticket.cleared_at)
    return min(moments, default=None)


def overdue(ticket: Ticket, now: datetime) -> tuple[Clock, ...]:
    """Clocks that still run though their time has passed."""
    if ticket.ended:
        return ()
    return tuple(
        clock
        for clock, moment in ticket.due.items()
        if now >= moment and applies(ticket, clock) and stopped(ticket, clock) is None
    )


def kept(ticket: Ticket, clock: Clock, now: datetime) -> bool:
    """Was the clock stopped in time, as far as `now` knows?"""
    return (stopped(ticket, clock) or now) <= ticket.due[clock]


def moments(ticket: Ticket) -> Iterator[tuple[datetime, Clock, str]]:
    """(when, clock, word) of every notice that time alone will bring; words as in `told`."""
    if ticket.ended:
        return
    for clock, end in ticket.due.items():
        if not applies(ticket, clock) or stopped(ticket, clock) is not None:
            continue
        soon = ticket.detected_at + (end - ticket.detected_at) * SOON
        for when, word in ((soon, f"{clock} due_soon"), (end, f"{clock} overdue")):
            if word not in ticket.told:
                yield when, clock, word
