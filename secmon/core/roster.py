"""Who is on duty when: shifts by the wall clock, a rotation by the calendar, and overrides.

Shifts are local wall time. Two shifts that meet at 08:00 meet in one instant, on the days on which
the clock is moved too: a time that is skipped is the instant of the jump, one that comes twice is
the first. So such a day has a longer or shorter shift, and never a gap or one person too many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise

from secmon.core.model import Severity
from secmon.core.walltime import wall

DAY = timedelta(days=1)
AHEAD = timedelta(days=8)  # how far the next change of shift is looked for

Row = Mapping[str, tuple[str, ...]]  # shift → user names


@dataclass(frozen=True, slots=True)
class Shift:
    """A part of every day, in minutes of it; the end may lie past midnight."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Step:
    """Who is told next of a ticket that nobody acknowledged for so long: next, lead, manager."""

    after: timedelta
    to: str
    severities: frozenset[Severity]
    between: tuple[int, int] | None = None  # only at these minutes of the local day


@dataclass(frozen=True, slots=True)
class Duty:
    """`duty:` of the site file."""

    zone: tzinfo
    shifts: tuple[Shift, ...]  # by start
    start: date  # the day of the rotation's first row
    rotation: tuple[Row, ...]  # one row per day, over and over
    holidays: tuple[date, ...] = ()  # in order
    holiday_rotation: tuple[Row, ...] = ()  # the first holiday has the first row
    lead: tuple[str, ...] = ()
    manager: tuple[str, ...] = ()
    grace: timedelta = timedelta(minutes=15)  # for the signatures of a hand-over
    steps: tuple[Step, ...] = ()
    repeat: timedelta = timedelta(hours=1)  # the last step again, while nobody acknowledges
    remind: timedelta = timedelta(hours=4)  # acknowledged, and nothing done since
    training_valid: timedelta = timedelta(days=365)

    def row(self, day: date) -> Row:
        """Who has which shift that begins on this day."""
        if day < self.start or not self.rotation:
            return {}
        if self.holiday_rotation and day in self.holidays:
            place = self.holidays.index(day)
            return self.holiday_rotation[place % len(self.holiday_rotation)]
        return self.rotation[(day - self.start).days % len(self.rotation)]

    @property
    def begins(self) -> datetime:
        """The first moment at which somebody has to be there."""
        starts = [shift.start for shift in self.shifts] or [0]
        return wall(self.start, min(starts), self.zone)

    def people(self) -> tuple[str, ...]:
        """Every name in it, once, in order."""
        rows = (*self.rotation, *self.holiday_rotation)
        named = [name for row in rows for names in row.values() for name in names]
        return tuple(dict.fromkeys([*named, *self.lead, *self.manager]))


@dataclass(frozen=True, slots=True)
class Override:
    """`user` stands in for `replaces` from `start` to `end`. An empty `replaces`: one more person;
    an empty `user`: nobody stands in. In force from its confirmation until it is removed."""

    id: str
    start: datetime
    end: datetime
    replaces: str
    user: str
    asked_by: str
    asked_at: datetime
    note: str = ""
    confirmed_by: str = ""
    confirmed_at: datetime | None = None
    removed_by: str = ""
    removed_at: datetime | None = None

    @property
    def in_force(self) -> bool:
        return self.confirmed_at is not None and self.removed_at is None


@dataclass(frozen=True, slots=True)
class Span:
    """One shift of one day, as the site file plans it. Times are UTC."""

    start: datetime
    end: datetime
    day: date
    shift: str
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which the same people are on duty; none: a gap."""

    start: datetime
    end: datetime
    shifts: tuple[str, ...]
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Relief:
    """A moment at which somebody goes off duty: who goes, and who is there from then on."""

    at: datetime
    outgoing: tuple[str, ...]
    incoming: tuple[str, ...]
    shifts: tuple[str, ...]  # that end, or during which it happens


@dataclass(frozen=True, slots=True)
class Cover:
    """The roster with its overrides. Of two overrides for one person the one confirmed later wins;
    whoever stands in may be replaced in turn, by one confirmed after that."""

    duty: Duty
    overrides: Sequence[Override] = field(default_factory=tuple)
    days: dict[date, list[Span]] = field(default_factory=dict, compare=False, repr=False)
    """Spans by the day on which they begin: a cache, for a storm asks 2,000 times who is there."""

    def on(self, at: datetime) -> tuple[str, ...]:
        """Who is on duty at this moment: in the order of the roster, each once."""
        return self._on(at, list(self.spans(at, at)), self.overrides)

    def spans(self, since: datetime, until: datetime) -> Iterator[Span]:
        """Planned shifts that touch [since, until], by day and start."""
        duty = self.duty
        day = since.astimezone(duty.zone).date() - DAY  # no shift is longer than a day
        last = until.astimezone(duty.zone).date()
        while day <= last:
            known = self.days.get(day)
            if known is None:
                known = self.days[day] = list(self._begun(day))
            yield from (one for one in known if one.start <= until and one.end > since)
            day += DAY

    def _begun(self, day: date) -> Iterator[Span]:
        duty = self.duty
        row = duty.row(day)
        for shift in duty.shifts if row else ():
            start = wall(day, shift.start, duty.zone)
            end = wall(day, shift.end, duty.zone)
            if start < end:
                yield Span(start, end, day, shift.name, tuple(row.get(shift.name, ())))

    def stretches(self, since: datetime, until: datetime) -> Iterator[Stretch]:
        """[since, until) cut wherever the shift or the people change."""
        spans = list(self.spans(since, until))
        edges = {since, until, self.duty.begins}
        edges.update(moment for span in spans for moment in (span.start, span.end))
        active = [one for one in self.overrides if one.start < until and one.end > since]
        edges.update(moment for one in active for moment in (one.start, one.end))
        cuts = sorted(edge for edge in edges if since <= edge <= until)
        before: Stretch | None = None
        for start, end in pairwise(cuts):
            shifts = tuple(one.shift for one in spans if one.start <= start < one.end)
            people = self._on(start, spans, active)
            if before and (before.shifts, before.people) == (shifts, people):
                before = Stretch(before.start, end, shifts, people)
                continue
            if before:
                yield before
            before = Stretch(start, end, shifts, people)
        if before:
            yield before

    def pieces(self, span: Span) -> list[Stretch]:
        """One planned shift as it is, cut wherever its people change."""
        active = [one for one in self.overrides if one.start < span.end and one.end > span.start]
        edges = {span.start, span.end, self.duty.begins}
        edges.update(moment for one in active for moment in (one.start, one.end))
        found: list[Stretch] = []
        for start, end in pairwise(sorted(e for e in edges if span.start <= e <= span.end)):
            people = self._on(start, [span], active)
            same = found.pop() if found and found[-1].people == people else None
            found.append(Stretch(same.start if same else start, end, (span.shift,), people))
        return found

    def gaps(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
        """When nobody is on duty, from the roster's beginning on (4.4.1.1: 24 h a day)."""
        found: list[tuple[datetime, datetime]] = []
        begins = self.duty.begins
        for one in self.stretches(since, until):
            if one.people or one.end <= begins:
                continue
            start = max(one.start, begins)
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], one.end)
            else:
                found.append((start, one.end))
        return found

    def reliefs(self, since: datetime, until: datetime) -> Iterator[Relief]:
        """Every moment in (since, until] at which somebody goes off duty."""
        before: Stretch | None = None
        instant = timedelta(microseconds=1)
        for one in self.stretches(since, until + instant):
            if before is not None and one.start > since:
                outgoing = tuple(name for name in before.people if name not in one.people)
                if outgoing:
                    yield Relief(one.start, outgoing, one.people, before.shifts)
            before = one

    def next_relief(self, after: datetime) -> Relief | None:
        """The first one after this moment, as far as one looks ahead."""
        last = after + AHEAD
        while after < last:  # a day at a time: mostly it is within the first
            found = next(self.reliefs(after, after + DAY), None)
            if found is not None:
                return found
            after += DAY
        return None

    def next_people(self, at: datetime, told: frozenset[str]) -> tuple[str, ...]:
        """The next to be told: who is on duty now and was not told yet, else who of the shifts to
        come was not. Nobody on duty: nobody, so that the lead is told at once."""
        now = self.on(at)
        fresh = tuple(name for name in now if name not in told)
        if fresh or not now:
            return fresh
        for one in self.stretches(at, at + AHEAD):
            fresh = tuple(name for name in one.people if name not in told and name not in now)
            if fresh:
                return fresh
        return ()

    def _on(
        self, at: datetime, spans: Sequence[Span], overrides: Sequence[Override]
    ) -> tuple[str, ...]:
        if at < self.duty.begins:
            return ()
        active = sorted(
            (one for one in overrides if one.in_force and one.start <= at < one.end),
            key=lambda one: (one.confirmed_at or one.asked_at, one.id),
        )
        planned = [name for span in spans if span.start <= at < span.end for name in span.people]
        named = [_stand_in(name, active, -1) for name in planned]
        named += [
            _stand_in(one.user, active, place)
            for place, one in enumerate(active)
            if not one.replaces
        ]
        return tuple(dict.fromkeys(name for name in named if name))


def _stand_in(person: str, active: Sequence[Override], place: int) -> str:
    """Who is there for this person; empty: nobody. `place`: only overrides after it count."""
    while person:
        later = [
            n for n, one in enumerate(active) if n > place and one.replaces == person != one.user
        ]
        if not later:
            break
        place = later[-1]
        person = active[place].user
    return person
