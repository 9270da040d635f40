"""Planned work: when a window or a silence is in force, and what it covers.

A window of the site file and a silence that somebody set are one thing here. Times are `[start,
end)`. A window on a device covers what hangs on it too, one on a part what hangs on that part; a
device with several parents only when all of them are covered. One that speaks of a rule is of that
rule alone and covers nothing that hangs on its device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import cast

from secmon.core.model import Device, Policy
from secmon.core.walltime import wall

WINDOWS = "the windows"  # in the heap of moments: look at them then
AHEAD = timedelta(days=8)  # how far the next beginning or end is looked for at a time
SHOWN_AHEAD = 400  # days in which a recurring window that comes at all is found
DEPTH = 32  # parents above parents
NO_EQUIPMENT = "duty"  # the kind of the watch: only a window that names it covers it

Span = tuple[datetime, datetime]


class Do(StrEnum):
    """What becomes of what is covered."""

    MUTE = "mute"  # polled, judged and shown, but no ticket opens and nobody is told
    SKIP = "skip"  # not polled at all


@dataclass(frozen=True, slots=True)
class Every:
    """A window that comes again, by the wall clock: on these weekdays (Monday is 0), or only on
    the first … fifth of them in the month (-1: the last), or on these days of the month."""

    start: int  # minutes of the day
    end: int  # … may lie past midnight
    zone: tzinfo
    weekdays: frozenset[int] = frozenset(range(7))
    nth: int = 0  # 0: each of them
    days: frozenset[int] = frozenset()  # empty: by weekday

    def on(self, day: date) -> bool:
        """Does it begin on this day?"""
        if self.days:
            return day.day in self.days
        if day.weekday() not in self.weekdays:
            return False
        if self.nth < 0:
            return (day + timedelta(days=7)).month != day.month
        return not self.nth or (day.day - 1) // 7 + 1 == self.nth

    def spans(self, since: datetime, days: int) -> Iterator[Span]:
        """Those that end after `since` and begin within so many days; a time that the clock skips
        altogether is none."""
        first = since.astimezone(self.zone).date() - timedelta(days=2)
        for ahead in range(days + 3):
            day = first + timedelta(days=ahead)
            if self.on(day):
                start, end = (wall(day, minute, self.zone) for minute in (self.start, self.end))
                if start < end and end > since:
                    yield start, end


@dataclass(frozen=True, slots=True)
class Window:
    """Planned work of the site file, or a silence. Without `devices` and `system`: the site."""

    id: str
    name: str
    do: Do
    devices: frozenset[str] = frozenset()
    system: str = ""
    part: str = ""
    rule: str = ""
    start: datetime | None = None
    end: datetime | None = None
    every: Every | None = None
    said: str = ""  # when it comes again, as the site file says it

    def spans(self, since: datetime, days: int = AHEAD.days + 1) -> Iterator[Span]:
        """When it is in force, in order, as far as it is not over by `since`."""
        if self.every is not None:
            yield from self.every.spans(since, days)
        elif self.start is not None and self.end is not None and since < self.end > self.start:
            yield self.start, self.end

    def at(self, moment: datetime) -> Span | None:
        """The span that this moment is in."""
        return next((one for one in self.spans(moment, 1) if one[0] <= moment), None)

    def names(self, device: Device) -> bool:
        """Does it speak of this device itself?"""
        if self.devices:
            return device.id in self.devices
        return self.system in ("", device.system) and device.kind != NO_EQUIPMENT


@dataclass(frozen=True, slots=True)
class Silence:
    """What somebody set while at work, kept in the store. Without device and system: the site."""

    id: str
    do: Do
    start: datetime
    end: datetime
    note: str
    by: str
    at: datetime
    device: str = ""
    system: str = ""
    part: str = ""
    rule: str = ""
    ended_at: datetime | None = None  # before its time
    ended_by: str = ""
    calls: Mapping[str, datetime] = field(default_factory=dict)  # "1 long" → who set it is asked

    @property
    def until(self) -> datetime:
        return self.end if self.ended_at is None else min(self.end, self.ended_at)

    @property
    def window(self) -> Window:
        devices = frozenset((self.device,)) if self.device else frozenset[str]()
        return Window(
            self.id,
            self.note,
            self.do,
            devices,
            self.system,
            self.part,
            self.rule,
            self.start,
            self.until,
        )


def every_window(policy: Policy, silences: Iterable[Silence]) -> list[Window]:
    """The site file's first."""
    return [*policy.windows, *(one.window for one in silences)]


def next_edge(windows: Iterable[Window], after: datetime) -> datetime | None:
    """When the next one begins or ends; None where there are none. Looked for within 8 days: if
    there is nothing, then that is the time to look again."""
    edges = [after + AHEAD]
    known = list(windows)
    for window in known:
        for span in window.spans(after):
            edges += [edge for edge in span if edge > after]
            if span[0] > after:
                break
    return min(edges) if known else None


# --- what is covered -------------------------------------------------------------------------


@dataclass(slots=True)
class Shade:
    """What the windows in force at one moment cover; answers are kept, for no time passes here."""

    policy: Policy
    active: Sequence[tuple[Window, datetime]]  # with the end of each
    _known: dict[str, tuple[tuple[Window, datetime], ...]] = field(default_factory=dict)

    def over(self, device: Device) -> tuple[tuple[Window, datetime], ...]:
        """The windows that cover all of a device, its own first, and when each ends."""
        return self._over(device, frozenset()) if self.active else ()

    def fault(self, device: Device, rule: str, part: str) -> tuple[Window, datetime] | None:
        """The window that covers a fault: of those that do the one that lasts longest."""
        if not self.active:
            return None
        narrow = [
            one
            for one in self.active
            if (one[0].rule or one[0].part)
            and one[0].names(device)
            and one[0].rule in ("", rule)
            and one[0].part in ("", part)
        ]
        return max((*self.over(device), *narrow), key=lambda one: one[1], default=None)

    def skips(self, device: Device) -> bool:
        """Is it not to be polled?"""
        return any(window.do is Do.SKIP for window, _ in self.over(device))

    def _over(self, device: Device, below: frozenset[str]) -> tuple[tuple[Window, datetime], ...]:
        known = self._known.get(device.id)
        if known is None:
            own = tuple(
                one
                for one in self.active
                if not one[0].rule and not one[0].part and one[0].names(device)
            )
            known = own + tuple(one for one in self._inherited(device, below) if one not in own)
            if not below:  # else a loop that was cut short may have left something out
                self._known[device.id] = known
        return known

    def _inherited(
        self, device: Device, below: frozenset[str]
    ) -> tuple[tuple[Window, datetime], ...]:
        """Through every parent, or not at all; what ends first ends it."""
        path = below | {device.id}
        if not device.parents or len(path) > DEPTH or device.kind == NO_EQUIPMENT:
            return ()
        ways = []
        for feed in device.parents:
            parent = self.policy.devices.get(feed.device)
            if parent is None or parent.id in path:
                return ()
            through = self._over(parent, path)
            if feed.part:
                through += tuple(
                    one
                    for one in self.active
                    if one[0].part == feed.part and not one[0].rule and one[0].names(parent)
                )
            if not through:
                return ()
            ways.append(through)
        if len(ways) == 1:
            return ways[0]
        shortest = min(ways, key=lambda way: max(end for _, end in way))
        if all(any(window.do is Do.SKIP for window, _ in way) for way in ways):
            return shortest
        return tuple((replace(window, do=Do.MUTE), end) for window, end in shortest)


def shade(policy: Policy, silences: Iterable[Silence], at: datetime) -> Shade:
    """What is covered at this moment."""
    found = [
        (window, span[1])
        for window in every_window(policy, silences)
        if (span := window.at(at)) is not None
    ]
    return Shade(policy, found)


class Shades:
    """The present shade, made anew only when something begins, ends or is changed."""

    def __init__(self) -> None:
        self._made: Shade | None = None
        self._of: tuple[Silence, ...] = ()
        self._good: Span | None = None

    def at(self, policy: Policy, silences: Mapping[str, Silence], now: datetime) -> Shade:
        same = tuple(silences.values())
        good, made = self._good, self._made
        if (
            made is None
            or good is None
            or made.policy is not policy
            or self._of != same
            or not good[0] <= now < good[1]
        ):
            made = shade(policy, same, now)
            edge = next_edge(every_window(policy, same), now) or now + AHEAD
            self._made, self._of, self._good = made, same, (now, edge)
        return made


def present(policy: Policy, silences: Mapping[str, Silence], now: datetime) -> Shade:
    """What is covered now; quick to ask again."""
    if not silences and not policy.windows:
        return Shade(policy, ())
    kept = policy.memo.setdefault("shades", Shades())
    return cast("Shades", kept).at(policy, silences, now)
