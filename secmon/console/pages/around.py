"""The value around a ticket's fault: a chart, and the same in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from secmon.api import StoreDown
from secmon.console import past
from secmon.console.charts import Chart, Mark, chart
from secmon.console.daemon import DAEMON
from secmon.console.pages.frame import speech_of
from secmon.console.past import Point
from secmon.console.wording import Speech
from secmon.core.model import DEVICE_UP, PROBE_SUCCESS, Op, Ticket, TicketState
from secmon.core.rules import rule_of

BEFORE = AFTER = timedelta(hours=1)  # shown around the fault at least
FINE = timedelta(hours=47)  # so far back five minutes are kept
LONGEST = timedelta(days=30)  # of what is shown by hours
MOST = 400  # points drawn
SIGNS = "①②③④"


@dataclass(frozen=True, slots=True)
class Around:
    """`chart` is None where no values are kept; `about` says in words what there is."""

    title: str
    chart: Chart | None
    about: str
    marks: Sequence[Mark] = ()


async def around(request: web.Request, found: Ticket) -> Around | None:
    """None where the ticket is not about a reading, or the store cannot say."""
    if not found.reading:
        return None
    daemon, words = request.app[DAEMON], speech_of(request)
    title = words.texts.name(found.reading)
    since, until = _span(found, daemon.clock.now())
    try:
        points = await _points(request, found, since, until)
    except StoreDown:
        return Around(title, None, words.say("chart.away"))
    if not points:
        return Around(title, None, words.say("chart.nothing"))
    points = past.thinned(points, MOST)
    marks = _marks(words, found)
    flag = _is_flag(request, found.reading)
    drawn = chart(
        points,
        since,
        until,
        say=lambda value: _say(words, value, found.reading, flag),
        zone=ZoneInfo(daemon.policy.timezone),
        limit=_limit(found),
        marks=marks,
        flag=flag,
    )
    return Around(title, drawn, _about(request, found, points, flag), marks)


def _span(found: Ticket, now: datetime) -> tuple[datetime, datetime]:
    over = found.cleared_at or _ended(found)
    until = min(over + AFTER, now) if over else now
    since = max(found.detected_at - BEFORE, until - LONGEST)
    return since, max(until, since + BEFORE)


def _ended(found: Ticket) -> datetime | None:
    mark = found.marks.get(found.state) if found.ended else None
    return mark.at if mark else None


async def _points(
    request: web.Request, found: Ticket, since: datetime, until: datetime
) -> list[Point]:
    """By five minutes where they are kept, else by the hour."""
    daemon = request.app[DAEMON]
    start, end = since.timestamp(), until.timestamp()
    if daemon.clock.now() - since < FINE:
        traces = await daemon.traces(found.device, since, until)
        if found.reading == DEVICE_UP:
            return past.answered(traces, start, end)
        of_it = past.points(traces, (found.reading, found.part), start, end)
        return of_it or past.points(traces, (PROBE_SUCCESS, found.part), start, end)
    hours = await daemon.hours(found.device, found.reading, since, until)
    return past.by_hours(hours, found.part)


def _is_flag(request: web.Request, reading: str) -> bool:
    word = request.app[DAEMON].policy.words.get(reading)
    return word is not None and word.type == "flag"


def _limit(found: Ticket) -> float | None:
    limit = found.limit
    numeric = isinstance(limit, int | float) and not isinstance(limit, bool)
    return float(limit) if numeric and limit is not None else None


def _say(words: Speech, value: float, reading: str, flag: bool) -> str:
    return words.reading(bool(value) if flag else value, reading)


def _marks(words: Speech, found: Ticket) -> list[Mark]:
    acknowledged = found.marks.get(TicketState.ACKNOWLEDGED)
    repaired = found.marks.get(TicketState.REPAIRED)
    known = [
        (found.detected_at, words.say("ticket.detected_at")),
        (acknowledged.at if acknowledged else None, words.texts.word("states", "acknowledged")),
        (repaired.at if repaired else None, words.texts.word("states", "repaired")),
        (found.cleared_at, words.say("ticket.cleared_at")),
    ]
    there = sorted((at, word) for at, word in known if at is not None)
    return [Mark(at, sign, word) for sign, (at, word) in zip(SIGNS, there, strict=False)]


def _about(request: web.Request, found: Ticket, points: Sequence[Point], flag: bool) -> str:
    words = speech_of(request)
    reading = found.reading
    if flag:
        share = sum(p.mean * p.span for p in points) / sum(p.span for p in points)
        return words.say(
            "chart.about_flag",
            what=words.reading(True, reading),
            share=words.texts.value(share, "load_ratio"),
            n=len(points),
        )
    said = words.say(
        "chart.about",
        low=words.reading(min(point.low for point in points), reading),
        high=words.reading(max(point.high for point in points), reading),
    )
    limit, beyond = _limit(found), _beyond(request, found, points)
    if limit is not None:
        said += " " + words.say("chart.limit", limit=words.reading(limit, reading))
    if beyond:
        said += " " + words.say("chart.beyond", span=words.texts.duration(beyond))
    return said


def _beyond(request: web.Request, found: Ticket, points: Sequence[Point]) -> float:
    """Seconds of those points that were beyond the limit at least once."""
    rule, limit = rule_of(request.app[DAEMON].policy, found.rule), _limit(found)
    if rule is None or limit is None:
        return 0.0
    match rule.op:
        case Op.ABOVE | Op.AT_LEAST:
            return sum(point.span for point in points if point.high > limit)
        case Op.BELOW | Op.AT_MOST:
            return sum(point.span for point in points if point.low < limit)
    return 0.0
