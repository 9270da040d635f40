"""The past day of a device's readings, as small lines beside their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from secmon.api import StoreDown
from secmon.console import past
from secmon.console.charts import Drawing, spark
from secmon.console.daemon import DAEMON
from secmon.console.pages.frame import speech_of
from secmon.console.past import Point, Series
from secmon.console.wording import Speech
from secmon.core.model import Device

DAY = timedelta(hours=24)
DRAWN = 60  # lines of one page at most
MOST = 48  # points of one line


@dataclass(frozen=True, slots=True)
class Line:
    drawing: Drawing
    about: str  # the same in words


async def day_of(request: web.Request, device: Device) -> Mapping[Series, Line]:
    """(reading, part) → its past 24 hours; empty where the store cannot say."""
    daemon, words = request.app[DAEMON], speech_of(request)
    now = daemon.clock.now()
    try:
        traces = await daemon.traces(device.id, now - DAY, now)
    except StoreDown:
        return {}
    since, until = (now - DAY).timestamp(), now.timestamp()
    lines: dict[Series, Line] = {}
    for series in past.series_of(traces):
        points = past.points(traces, series, since, until)
        if points and len(lines) < DRAWN:
            word = daemon.policy.words.get(series[0])
            flag = word is not None and word.type == "flag"
            drawing = spark(past.thinned(points, MOST), since, until, flag=flag)
            lines[series] = Line(drawing, _about(words, series[0], points, flag))
    return lines


def _about(words: Speech, reading: str, points: list[Point], flag: bool) -> str:
    if flag:
        share = sum(point.mean * point.span for point in points) / sum(p.span for p in points)
        what, said = words.reading(True, reading), words.texts.value(share, "load_ratio")
        return words.say("chart.day_flag", what=what, share=said)
    low = words.reading(min(point.low for point in points), reading)
    high = words.reading(max(point.high for point in points), reading)
    return words.say("chart.day", low=low, high=high)
