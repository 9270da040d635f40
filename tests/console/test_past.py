"""Points of a reading out of traces and hours, and where a chart draws them."""

from array import array
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from math import inf, nan

import pytest

from secmon.api import Hour, Trace
from secmon.console import charts, past
from secmon.console.charts import Mark, chart
from secmon.console.past import Point

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
ZERO = AT.timestamp()
SHANGHAI = timezone(timedelta(hours=8))
SERIES = (("probe_success", "modbus"), ("temperature_celsius", ""))


def trace(minutes: float, *rows: tuple[float, float, float], probe: str = "modbus") -> Trace:
    """`rows`: lowest, highest and mean of the temperature, by five minutes."""
    numbers = array("f")
    for row in rows:
        numbers.extend((1, 1, 1, *row))
    at = AT + timedelta(minutes=minutes)
    return Trace("room-1", probe, at, (("probe_success", probe), SERIES[1]), numbers)


def test_points_are_read_out_of_traces() -> None:
    some = [trace(0, (20, 22, 21), (nan, nan, nan)), trace(10, (23, 24, 23.5), (1, inf, 2))]
    found = past.points(some, ("temperature_celsius", ""), ZERO, ZERO + 3600)
    assert found == [Point(ZERO, 300, 20, 22, 21), Point(ZERO + 600, 300, 23, 24, 23.5)]
    assert past.points(some, ("temperature_celsius", "other"), ZERO, ZERO + 3600) == []
    assert [p.at for p in past.points(some, SERIES[1], ZERO + 299, ZERO + 600)] == [ZERO]
    assert list(past.series_of(some)) == list(SERIES)


def test_five_minutes_that_a_restart_cut_are_one_point() -> None:
    found = past.points([trace(0, (20, 22, 21)), trace(0, (19, 20, 20))], SERIES[1], ZERO, inf)
    assert found == [Point(ZERO, 300, 19, 22, 20.5)]


def test_a_device_answered_if_one_of_its_probes_did() -> None:
    failed = Trace("room-1", "tcp", AT, (("probe_success", "tcp"),), array("f", [0, 0, 0] * 2))
    found = past.answered([failed, trace(0, (20, 20, 20))], ZERO, inf)
    assert [(point.at, point.mean) for point in found] == [(ZERO, 1), (ZERO + 300, 0)]


def test_hours_are_points_too() -> None:
    hours = [Hour("room-1", part, "t", AT, 20, 24, 44, 2) for part in ("", "other")]
    assert past.by_hours(hours, "") == [Point(ZERO, 3600, 20, 24, 22)]


def test_thinning_loses_no_extreme() -> None:
    many = [Point(300.0 * n, 300, -n % 7, n % 11, 5) for n in range(1000)]
    few = past.thinned(many, 48)
    assert len(few) <= 48 and sum(point.span for point in few) == 300_000
    assert min(p.low for p in few) == min(p.low for p in many)
    assert max(p.high for p in few) == max(p.high for p in many)
    assert past.thinned([], 48) == []


def test_no_line_is_drawn_across_a_gap() -> None:
    some = [Point(300.0 * n, 300, 1, 1, 1) for n in (0, 1, 2, 9, 10)]
    assert [len(run) for run in past.runs(some)] == [3, 2]


# --- where it is drawn ---


def test_a_chart_has_its_limit_and_marks_inside() -> None:
    found = [Point(ZERO + 300 * n, 300, 20 + n / 10, 21 + n / 10, 20.5 + n / 10) for n in range(12)]
    marks = [Mark(AT + timedelta(minutes=m), s, "") for m, s in ((30, "1"), (31, "2"), (60, "3"))]
    drawn = chart(
        found,
        AT,
        AT + timedelta(hours=1),
        say=lambda value: f"{value:g}",
        zone=SHANGHAI,
        limit=25,
        marks=[*marks, Mark(AT - timedelta(hours=1), "4", "before")],
    )
    assert drawn.limit is not None and drawn.top < drawn.limit < drawn.bottom
    clock = " ".join(tick.text for tick in drawn.times)
    assert clock == "10:00 10:10 10:20 10:30 10:40 10:50 11:00"
    assert [row.text for row in drawn.rows] == ["20", "22", "24"]
    assert [mark.sign for _, _, mark in drawn.marks] == ["1", "2", "3"]
    lines = [line for line, _, _ in drawn.marks]
    signs = [sign for _, sign, _ in drawn.marks]
    assert lines == pytest.approx([353, 362.2, 630], abs=0.2)
    assert all(b - a >= charts.SIGN for a, b in pairwise(signs))
    assert max(signs) <= drawn.right
    assert len(drawn.drawing.bands) == len(drawn.drawing.lines) == 1
    assert drawn.drawing.lines[0].startswith("M76 ") and "L630 " in drawn.drawing.lines[0]


def test_signs_at_the_right_edge_stay_apart_and_inside() -> None:
    end = AT + timedelta(hours=1)
    marks = [Mark(end - timedelta(seconds=s), str(s), "") for s in (3, 2, 1, 0)]
    drawn = chart([], AT, end, say=str, zone=UTC, marks=marks)
    signs = [sign for _, sign, _ in drawn.marks]
    assert max(signs) == drawn.right
    assert all(b - a >= charts.SIGN - 0.1 for a, b in pairwise(signs))


def test_a_flag_is_its_share_of_the_time() -> None:
    found = [Point(ZERO, 300, 0, 1, 0.25), Point(ZERO + 300, 300, 1, 1, 1)]
    drawn = chart(found, AT, AT + timedelta(minutes=10), say=str, zone=UTC, flag=True)
    assert [row.text for row in drawn.rows] == ["0.0", "1.0"]
    assert f" {drawn.bottom}" in drawn.drawing.bands[0], "a bar stands on the ground"


def test_long_labels_at_the_side_have_their_room() -> None:
    found = [Point(ZERO, 300, 0, 1, 0.25)]
    end = AT + timedelta(minutes=10)
    drawn = chart(found, AT, end, say=lambda _: "市电中断，电池供电", zone=UTC, flag=True)
    assert drawn.left == 9 * charts.WIDE + 12
    assert all(tick.place >= drawn.left for tick in drawn.times)
    endless = chart(found, AT, end, say=lambda _: "长" * 100, zone=UTC, flag=True)
    assert endless.left < charts.WIDTH / 2


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-5, 5), (0.001, 0.0012), (24.9, 25.1), (-1e9, 1e12)]
)
def test_round_values_lie_within(low: float, high: float) -> None:
    found = charts.round_values(low, high)
    assert 2 <= len(found) <= 8
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)


def test_a_line_that_stands_still_is_drawn_too() -> None:
    for value in (0.0, 25.0, -3.0, 1e12):
        low, high = charts.reach([value, value])
        assert low < value < high


def test_days_are_named_by_their_date() -> None:
    ticks = charts.moments(AT, AT + timedelta(days=5), SHANGHAI)
    assert [text for _, text in ticks] == ["11-24", "11-25", "11-26", "11-27", "11-28"]
    night = charts.moments(AT + timedelta(hours=13), AT + timedelta(hours=16), SHANGHAI)
    said = " ".join(text for _, text in night)
    assert said == "23:00 23:30 11-24 00:30 01:00 01:30 02:00"
