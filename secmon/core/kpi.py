"""The month in figures: how much was online and intact, which clocks were kept, how long it took.

The definitions are ours (docs/kpi.md); DB33/T 830-2011 names none of these figures but the three
times of 5.1.1. A ticket belongs to the month in which it was opened, as the site's clock has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from secmon.core import sla
from secmon.core.change import answers
from secmon.core.model import (
    SEVERITIES,
    Clock,
    Device,
    FaultState,
    Policy,
    Severity,
    Ticket,
    TicketState,
)
from secmon.core.rules import rule_of, severity_at
from secmon.core.world import World

GRAVE = frozenset(SEVERITIES) - {Severity.WARNING}  # a warning leaves a device intact
MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
MENDED = frozenset((TicketState.REPAIRED, TicketState.VERIFIED))


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a device found. `online` is None where nobody asks, or nothing is known."""

    online: bool | None
    intact: bool


@dataclass(frozen=True, slots=True)
class Watched:
    """The looks at one device in one month, one a minute; `asked` of them knew if it answers."""

    device: str
    system: str
    month: str  # 2026-11
    looks: int = 0
    intact: int = 0
    asked: int = 0
    online: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """One clock: how often it was decided, and how often in time."""

    kept: int = 0
    of: int = 0

    @property
    def ratio(self) -> float | None:
        return self.kept / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class Figures:
    """A system's month, or the site's. None where there was nothing to count."""

    devices: int = 0
    online_ratio: float | None = None
    intact_ratio: float | None = None
    tickets: int = 0  # opened in the month, without the cancelled ones
    cancelled: int = 0
    unrestored: int = 0  # of `tickets`: neither repaired nor cleared yet
    clocks: Mapping[Clock, Kept] = field(default_factory=dict)
    mtta: timedelta | None = None  # detected → acknowledged
    mttr: timedelta | None = None  # detected → repaired or cleared


def look(world: World, policy: Policy, device: Device) -> Look:
    """How a device stands now."""
    polls = [world.probes.get((device.id, plan.label)) for plan in device.probes]
    return Look(answers(polls) if polls else None, not _broken(world, policy, device))


def reported(world: World) -> frozenset[str]:
    """Devices with a fault that a person reported and nobody has mended."""
    return frozenset(
        ticket.device
        for ticket in world.tickets.values()
        if not ticket.rule and ticket.state not in MENDED and ticket.cleared_at is None
    )


def _broken(world: World, policy: Policy, device: Device) -> bool:
    """A fault that lasts and is more than a warning; a silence behind its root counts too, what a
    window covers does not."""
    for key in world.troubled.get(device.id, ()):
        if world.faults[key].state is FaultState.SUSPECT or world.faults[key].muted_by:
            continue
        rule = rule_of(policy, key.rule)
        if rule is not None and severity_at(device, rule, key.part) in GRAVE:
            return True
    return False


# --- months ----------------------------------------------------------------------------------


def month_of(moment: datetime, zone: tzinfo) -> str:
    """`2026-11`, as the site's clock has it."""
    return f"{moment.astimezone(zone):%Y-%m}"


def span(month: str, zone: tzinfo) -> tuple[datetime, datetime]:
    """The month's first moment, and the next month's. ValueError for what is no `YYYY-MM`."""
    found = MONTH.fullmatch(month)
    year, number = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 2000 <= year < 2100 or not 1 <= number <= 12:
        raise ValueError(f"expected a month like 2026-11 (got {month[:20]!r})")
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return datetime(year, number, 1, tzinfo=zone), datetime(*following, 1, tzinfo=zone)


# --- figures ---------------------------------------------------------------------------------


def by_system(
    watched: Sequence[Watched], tickets: Sequence[Ticket], now: datetime
) -> dict[str, Figures]:
    """System → its figures, in the order of their names; `*` is the whole site."""
    systems = sorted({row.system for row in watched} | {ticket.system for ticket in tickets})
    looked: dict[str, list[Watched]] = {system: [] for system in systems}
    judged: dict[str, list[_Judged]] = {system: [] for system in systems}
    for row in watched:
        looked[row.system].append(row)
    for ticket in tickets:
        judged[ticket.system].append(_judge(ticket, now))
    found = {system: _figures(looked[system], judged[system]) for system in systems}
    every = [one for system in systems for one in judged[system]]
    return {**found, "*": _figures(watched, every)}


def figures(watched: Sequence[Watched], tickets: Sequence[Ticket], now: datetime) -> Figures:
    """The figures of these devices and these tickets."""
    return _figures(watched, [_judge(ticket, now) for ticket in tickets])


@dataclass(frozen=True, slots=True)
class _Judged:
    """What one ticket says of the month; a cancelled one says nothing."""

    counts: bool
    answered: timedelta | None
    restored: timedelta | None
    verdicts: tuple[bool | None, ...]  # by Clock


def _judge(ticket: Ticket, now: datetime) -> _Judged:
    if ticket.state is TicketState.CANCELLED:
        return _Judged(False, None, None, ())
    return _Judged(
        True,
        _took(ticket, _acknowledged(ticket)),
        _took(ticket, _restored(ticket)),
        tuple([_verdict(ticket, clock, now) for clock in Clock]),
    )


def _figures(watched: Sequence[Watched], tickets: Sequence[_Judged]) -> Figures:
    counted = [one for one in tickets if one.counts]
    restored = [one.restored for one in counted]
    return Figures(
        devices=len({row.device for row in watched}),
        online_ratio=_share(sum(r.online for r in watched), sum(r.asked for r in watched)),
        intact_ratio=_share(sum(r.intact for r in watched), sum(r.looks for r in watched)),
        tickets=len(counted),
        cancelled=len(tickets) - len(counted),
        unrestored=restored.count(None),
        clocks={
            clock: _kept([one.verdicts[place] for one in counted])
            for place, clock in enumerate(Clock)
        },
        mtta=_mean(one.answered for one in counted),
        mttr=_mean(restored),
    )


def _kept(said: Sequence[bool | None]) -> Kept:
    return Kept(said.count(True), len(said) - said.count(None))


def _verdict(ticket: Ticket, clock: Clock, now: datetime) -> bool | None:
    """Was this clock kept? None: it does not apply, or is not decided yet."""
    if clock in ticket.settled:
        return ticket.settled[clock]
    if clock not in ticket.due or not sla.applies(ticket, clock):
        return None
    if sla.stopped(ticket, clock) is None and now < ticket.due[clock]:
        return None
    return sla.kept(ticket, clock, now)


def _acknowledged(ticket: Ticket) -> datetime | None:
    mark = ticket.marks.get(TicketState.ACKNOWLEDGED)
    return mark.at if mark else None


def _restored(ticket: Ticket) -> datetime | None:
    """A person's word, or the fault's own going: whichever came first."""
    mark = ticket.marks.get(TicketState.REPAIRED)
    moments = [moment for moment in (mark.at if mark else None, ticket.cleared_at) if moment]
    return min(moments, default=None)


def _took(ticket: Ticket, until: datetime | None) -> timedelta | None:
    return max(until - ticket.detected_at, timedelta(0)) if until else None


def _mean(spans: Iterable[timedelta | None]) -> timedelta | None:
    known = [one for one in spans if one is not None]
    return sum(known, timedelta(0)) / len(known) if known else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
