"""The wall clock of a time zone: which instant it shows when, on any day of the year."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

MINUTES = 24 * 60  # of an ordinary day


def wall(day: date, minute: int, zone: tzinfo) -> datetime:
    """The instant, in UTC, at which the wall clock shows this minute of this day; `minute` may lie
    past midnight. Never earlier for a later minute."""
    naive = datetime.combine(day, time()) + timedelta(minutes=minute)
    first = naive.replace(tzinfo=zone).astimezone(UTC)
    second = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return first if first <= second else _jump(second, first, zone)


def _jump(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """The instant between two, in UTC, at which the zone's offset changes; whole seconds."""
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def minute_of(at: datetime, zone: tzinfo) -> int:
    """The minute of the local day."""
    local = at.astimezone(zone)
    return local.hour * 60 + local.minute


def uncovered(shifts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Minutes of the day, from and to, that are in no shift."""
    return _runs(shifts, lambda times: times == 0)


def doubled(shifts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Minutes of the day, from and to, that are in two shifts or more."""
    return _runs(shifts, lambda times: times > 1)


def _runs(
    shifts: Iterable[tuple[int, int]], wanted: Callable[[int], bool]
) -> list[tuple[int, int]]:
    times = [0] * MINUTES
    for start, end in shifts:
        for minute in range(start, end):
            times[minute % MINUTES] += 1
    found: list[tuple[int, int]] = []
    for minute, often in enumerate(times):
        if not wanted(often):
            continue
        if found and found[-1][1] == minute:
            found[-1] = (found[-1][0], minute + 1)
        else:
            found.append((minute, minute + 1))
    return found
