"""The three clocks of a ticket as a page shows them: running down, stopped, or not applicable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from secmon.core import sla
from secmon.core.model import Clock, Ticket

HALF = 0.5  # CONTRACT 5: a colour from here on


class Pace(StrEnum):
    """How much of a clock is gone, or how it ended."""

    CALM = "calm"
    HALF = "half"
    SOON = "soon"
    LATE = "late"
    KEPT = "kept"
    MISSED = "missed"
    NONE = "none"  # it does not apply, or was never decided


RUNNING = frozenset((Pace.CALM, Pace.HALF, Pace.SOON, Pace.LATE))


@dataclass(frozen=True, slots=True)
class Face:
    """One clock now. `left_s` < 0: overdue by so much; `stopped` is when it ended."""

    clock: Clock
    pace: Pace
    start: datetime
    due: datetime
    left_s: float
    share: float  # 0 … 1 of its time
    stopped: datetime | None = None

    @property
    def running(self) -> bool:
        return self.pace in RUNNING


def faces(ticket: Ticket, now: datetime) -> list[Face]:
    """All three, in their order."""
    return [_face(ticket, clock, now) for clock in Clock if clock in ticket.due]


def nearest(ticket: Ticket, now: datetime) -> Face | None:
    """The running clock that is due first; None where none runs."""
    return min((f for f in faces(ticket, now) if f.running), key=lambda f: f.due, default=None)


def _face(ticket: Ticket, clock: Clock, now: datetime) -> Face:
    start, due = ticket.detected_at, ticket.due[clock]
    whole = max((due - start).total_seconds(), 1.0)
    stopped = sla.stopped(ticket, clock)
    if not sla.applies(ticket, clock):
        return Face(clock, Pace.NONE, start, due, 0.0, 0.0)
    if stopped is not None:
        pace = Pace.KEPT if stopped <= due else Pace.MISSED
        share = (stopped - start).total_seconds() / whole
        return Face(clock, pace, start, due, 0.0, _bounded(share), stopped)
    if ticket.ended:
        return Face(clock, Pace.NONE, start, due, 0.0, 0.0)
    left = (due - now).total_seconds()
    share = 1 - left / whole
    return Face(clock, _pace(share), start, due, left, _bounded(share))


def _pace(share: float) -> Pace:
    for least, pace in ((1.0, Pace.LATE), (sla.SOON, Pace.SOON), (HALF, Pace.HALF)):
        if share >= least:
            return pace
    return Pace.CALM


def _bounded(share: float) -> float:
    return round(min(max(share, 0.0), 1.0), 3)
