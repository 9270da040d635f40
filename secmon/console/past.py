"""What a reading was: points in time out of five-minute or hourly values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isfinite
from operator import attrgetter

from secmon.api import SLOT_S, Hour, Trace
from secmon.core.model import PROBE_SUCCESS

HOUR_S = 3600.0
Series = tuple[str, str]  # (reading, part)


@dataclass(frozen=True, slots=True)
class Point:
    """Between `at` (seconds since 1970) and `at + span`: lowest, highest and mean."""

    at: float
    span: float
    low: float
    high: float
    mean: float


def series_of(traces: Iterable[Trace]) -> dict[Series, None]:
    """The series that traces hold, in their order."""
    return dict.fromkeys(one for trace in traces for one in trace.series)


def points(traces: Iterable[Trace], series: Series, since: float, until: float) -> list[Point]:
    """What of one series reaches into [since, until), oldest first."""
    found = [
        p for one in traces for p in _of(one, series) if since < p.at + p.span and p.at < until
    ]
    return _merged(found, _together)


def answered(traces: Iterable[Trace], since: float, until: float) -> list[Point]:
    """Did the device answer: the best of its probes at any time."""
    found = [
        point
        for trace in traces
        for name, part in trace.series
        if name == PROBE_SUCCESS
        for point in _of(trace, (name, part))
        if since < point.at + point.span and point.at < until
    ]
    return _merged(found, _best)


def by_hours(hours: Iterable[Hour], part: str) -> list[Point]:
    """One part's hours, oldest first."""
    return [
        Point(hour.at.timestamp(), HOUR_S, hour.low, hour.high, hour.total / hour.count)
        for hour in hours
        if hour.part == part and hour.count
    ]


def thinned(found: Sequence[Point], most: int) -> list[Point]:
    """At most so many points: neighbours joined, none of their extremes lost."""
    each = -(-len(found) // most) if found else 1
    return [_together(found[start : start + each]) for start in range(0, len(found), each)]


def runs(found: Sequence[Point]) -> Iterator[list[Point]]:
    """Points without a gap between them: a line is drawn through each run, and not across."""
    run: list[Point] = []
    for point in found:
        if run and point.at - run[-1].at > 1.5 * run[-1].span:
            yield run
            run = []
        run.append(point)
    if run:
        yield run


def _of(trace: Trace, series: Series) -> Iterator[Point]:
    if series not in trace.series:
        return
    place, width = 3 * trace.series.index(series), 3 * len(trace.series)
    start = trace.at.timestamp()
    columns = (trace.numbers[place + column :: width] for column in range(3))
    for slot, (low, high, mean) in enumerate(zip(*columns, strict=False)):
        if isfinite(low) and isfinite(high) and isfinite(mean):
            yield Point(start + slot * SLOT_S, SLOT_S, low, high, mean)


def _merged(found: list[Point], join: Callable[[Sequence[Point]], Point]) -> list[Point]:
    found.sort(key=attrgetter("at"))
    return [
        some[0] if len(some) == 1 else join(some)
        for some in (list(group) for _, group in groupby(found, attrgetter("at")))
    ]


def _together(some: Sequence[Point]) -> Point:
    """One point for neighbours, or for both halves of five minutes that a restart cut."""
    first, last = some[0], some[-1]
    return Point(
        first.at,
        last.at + last.span - first.at,
        min(point.low for point in some),
        max(point.high for point in some),
        sum(point.mean for point in some) / len(some),
    )


def _best(some: Sequence[Point]) -> Point:
    first = some[0]
    return Point(
        first.at,
        first.span,
        max(point.low for point in some),
        max(point.high for point in some),
        max(point.mean for point in some),
    )
