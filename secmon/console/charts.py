"""Where the lines of a small chart run: numbers for SVG, without a word of it.

A chart is drawn by `chart` of `templates/charts.html`; what it means stands beside it in words.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from secmon.console.past import Point, runs

WIDTH, HEIGHT = 640, 250
LEFT, RIGHT, TOP, BOTTOM = 76, 10, 24, 30  # around what is drawn
WIDE = 20  # a Chinese sign of a label, as large as phones show it
ROWS = 4  # labels at the side, about
TIMES = 6  # labels at the foot, at most
STEPS_MIN = (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14400)
SIGN = 24.0  # between the signs of two marks at least
MINUTE, DAY_MIN = 60.0, 1440

SPARK_WIDTH, SPARK_HEIGHT = 120, 28
SPARK_EDGE = 2.0


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened: a sign on the chart, its word beside it."""

    at: datetime
    sign: str
    word: str


@dataclass(frozen=True, slots=True)
class Tick:
    place: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Paths of the lowest to the highest, and of the mean; one of each for every run."""

    bands: Sequence[str]
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Chart:
    """`limit` is the height of the limit's line. `marks`: where each stands from the left, and
    where its sign does: not on top of another's."""

    drawing: Drawing
    limit: float | None
    rows: Sequence[Tick]
    times: Sequence[Tick]
    marks: Sequence[tuple[float, float, Mark]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places: `low` … `high` to `start` … `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def chart(
    found: Sequence[Point],
    since: datetime,
    until: datetime,
    *,
    say: Callable[[float], str],
    zone: tzinfo,
    limit: float | None = None,
    marks: Iterable[Mark] = (),
    flag: bool = False,
) -> Chart:
    """`say` gives the words of a value. A flag is drawn as its share of the time."""
    values = [value for point in found for value in (point.low, point.high)]
    low, high = (0.0, 1.0) if flag else reach([*values, *([] if limit is None else [limit])])
    up = Scale(low, high, HEIGHT - BOTTOM, TOP)
    places = [0.0, 1.0] if flag else round_values(low, high)
    rows = [Tick(up(value), say(value)) for value in places]
    left = max(LEFT, *(_wide(row.text) for row in rows)) if rows else LEFT
    across = Scale(since.timestamp(), until.timestamp(), left, WIDTH - RIGHT)
    within = [mark for mark in marks if since <= mark.at <= until]
    return Chart(
        drawing=draw(found, across, up, flag=flag),
        limit=None if limit is None or flag else up(limit),
        rows=rows,
        times=[Tick(across(at.timestamp()), text) for at, text in moments(since, until, zone)],
        marks=_placed(within, across),
        left=left,
    )


def _wide(text: str) -> int:
    """What a label takes at the side, within reason: Chinese signs are twice as wide."""
    signs = sum(WIDE if unicodedata.east_asian_width(one) in "WF" else WIDE / 2 for one in text)
    return min(round(signs) + 12, WIDTH // 3)


def spark(found: Sequence[Point], since: float, until: float, *, flag: bool = False) -> Drawing:
    """A line without labels, SPARK_WIDTH × SPARK_HEIGHT."""
    across = Scale(since, until, 0, SPARK_WIDTH)
    values = [value for point in found for value in (point.low, point.high)]
    low, high = (0.0, 1.0) if flag else reach(values)
    up = Scale(low, high, SPARK_HEIGHT - SPARK_EDGE, SPARK_EDGE)
    return draw(found, across, up, flag=flag)


def draw(found: Sequence[Point], across: Scale, up: Scale, *, flag: bool = False) -> Drawing:
    bands, lines = [], []
    for run in runs(found):
        places = [across(point.at + point.span / 2) for point in run]
        edges = [across(run[0].at), *places, across(run[-1].at + run[-1].span)]
        edges = [min(max(edge, across.start), across.end) for edge in edges]
        mean = _held([up(point.mean) for point in run])
        high = mean if flag else _held([up(point.high) for point in run])
        low = [up(0.0)] * len(mean) if flag else _held([up(point.low) for point in run])
        there = list(zip(edges, high, strict=True))
        back = list(zip(reversed(edges), reversed(low), strict=True))
        bands.append(_path([*there, *back]) + "Z")
        lines.append(_path(list(zip(edges, mean, strict=True))))
    return Drawing(bands, lines)


def reach(values: Sequence[float]) -> tuple[float, float]:
    """A little more than all values: never nothing."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = (high - low) * 0.08 or max(abs(high) * 0.02, 0.5)
    return low - room, high + room


def round_values(low: float, high: float) -> list[float]:
    """About ROWS round values within [low, high]."""
    rough = (high - low) / ROWS
    power = 10 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= 0.7 * rough)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def moments(since: datetime, until: datetime, zone: tzinfo) -> list[tuple[datetime, str]]:
    """At most TIMES round moments of the local day, with their words."""
    minutes = (until - since).total_seconds() / MINUTE
    step = next((each for each in STEPS_MIN if minutes / each <= TIMES), STEPS_MIN[-1])
    start = since.astimezone(zone)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    length = timedelta(minutes=step)
    count = -(-(start - midnight) // length)
    found: list[tuple[datetime, str]] = []
    while len(found) <= TIMES:
        at = (midnight + count * length).replace(tzinfo=zone)
        if at.astimezone(UTC) > until:
            break
        day = step >= DAY_MIN or (at.hour, at.minute) == (0, 0)
        found.append((at, f"{at:%m-%d}" if day else f"{at:%H:%M}"))
        count += 1
    return found


def _placed(marks: Sequence[Mark], across: Scale) -> list[tuple[float, float, Mark]]:
    places = [across(mark.at.timestamp()) for mark in marks]
    signs: list[float] = []
    for place in places:
        signs.append(max(place, signs[-1] + SIGN) if signs else place)
    edge = across.end
    for index in reversed(range(len(signs))):
        signs[index] = min(signs[index], edge)
        edge = signs[index] - SIGN
    return list(zip(places, signs, marks, strict=True))


def _held(values: Sequence[float]) -> list[float]:
    """The first and the last value hold to the edge of their time."""
    return [values[0], *values, values[-1]]


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in places)
