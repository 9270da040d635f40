"""When planned work is in force, and what it covers: values, days on which clocks move, laws."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.model import Feed, Policy
from secmon.core.windows import Do, Every, Shade, Silence, Window, next_edge, shade
from tests.core.test_decide import LAWS
from tests.core.world import T0, at, device, policy

BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")
HOUR = timedelta(hours=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(name: str = "w", *devices: str, do: Do = Do.MUTE, **more: object) -> Window:
    """In force from T0 for an hour, unless `more` says otherwise."""
    base = Window(name, name, do, frozenset(devices), start=T0, end=T0 + HOUR)
    return replace(base, **more)  # type: ignore[arg-type]


def again(**more: object) -> Window:
    base = Every(3 * 60, 4 * 60, SHANGHAI)
    return Window("w", "", Do.MUTE, every=replace(base, **more))  # type: ignore[arg-type]


# --- when ------------------------------------------------------------------------------------


def test_once_and_to_the_moment() -> None:
    one = window()
    assert one.at(T0 - timedelta(microseconds=1)) is None
    assert one.at(T0) == one.at(T0 + HOUR - timedelta(microseconds=1)) == (T0, T0 + HOUR)
    assert one.at(T0 + HOUR) is None
    assert list(one.spans(T0 + HOUR)) == []


def test_every_sunday_by_the_wall_clock() -> None:
    one = again(weekdays=frozenset((6,)))
    monday = utc("2026-03-02 01:00")
    assert list(one.spans(monday, 14)) == [
        (utc("2026-03-07 19:00"), utc("2026-03-07 20:00")),  # Sunday 03:00 in Shanghai
        (utc("2026-03-14 19:00"), utc("2026-03-14 20:00")),
    ]


def test_over_midnight_it_is_in_force_on_the_next_day() -> None:
    one = again(start=22 * 60, end=26 * 60, weekdays=frozenset((4,)))  # Friday 22:00-02:00
    assert one.at(utc("2026-03-06 17:59")) == (utc("2026-03-06 14:00"), utc("2026-03-06 18:00"))
    assert one.at(utc("2026-03-06 18:00")) is None
    assert one.at(utc("2026-03-05 17:00")) is None


@pytest.mark.parametrize(
    ("nth", "days"), [(1, [1, 5]), (3, [15, 19]), (-1, [29, 26]), (5, [29])], ids=str
)
def test_the_nth_sunday_of_a_month(nth, days) -> None:
    one = again(weekdays=frozenset((6,)), nth=nth)
    found = [
        start.astimezone(SHANGHAI).day
        for start, _ in one.spans(utc("2026-02-28 12:00"), 62)
        if start.astimezone(SHANGHAI).month in (3, 4)
    ]
    assert found == days


def test_days_of_the_month_that_some_months_lack() -> None:
    one = again(days=frozenset((15, 31)))
    starts = [start.astimezone(SHANGHAI) for start, _ in one.spans(utc("2026-03-20 00:00"), 62)]
    assert [(day.month, day.day) for day in starts] == [(3, 31), (4, 15), (5, 15)]


def test_on_the_days_on_which_the_clock_moves() -> None:
    night = again(start=60, end=4 * 60, zone=BERLIN)  # 01:00-04:00
    spring = next(iter(night.spans(utc("2026-03-28 22:00"), 1)))
    assert spring == (utc("2026-03-29 00:00"), utc("2026-03-29 02:00"))  # two hours
    autumn = next(iter(night.spans(utc("2026-10-24 22:00"), 1)))
    assert autumn == (utc("2026-10-24 23:00"), utc("2026-10-25 03:00"))  # four
    skipped = again(start=2 * 60, end=2 * 60 + 30, zone=BERLIN)
    starts = [start for start, _ in skipped.spans(utc("2026-03-27 12:00"), 4)]
    assert starts == [utc("2026-03-28 01:00"), utc("2026-03-30 00:00"), utc("2026-03-31 00:00")]


@LAWS
@given(
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.sampled_from([BERLIN, SHANGHAI]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
)
def test_edges_are_where_it_changes(start, length, zone, when) -> None:
    one = again(start=start, end=start + length, zone=zone)
    now = when.replace(tzinfo=UTC)
    edge = next_edge([one], now)
    assert edge is not None and edge > now
    tiny = timedelta(microseconds=1)
    assert one.at(edge - tiny) == one.at(now) or one.at(now) is None is one.at(edge - tiny)
    changed = (one.at(edge) is None) != (one.at(edge - tiny) is None)
    assert changed or one.at(edge) != one.at(edge - tiny)  # one that lasts a day meets the next


# --- what ------------------------------------------------------------------------------------


def tree() -> Policy:
    """ups → sw (two ports) → cameras; nvr hangs on sw and on sw-2."""
    return policy(
        [
            device("ups"),
            device("sw", "ups"),
            device("sw-2"),
            device("cam-1", Feed("sw", "p1"), kind="camera", system="video"),
            device("cam-2", Feed("sw", "p2"), kind="camera", system="video"),
            device("nvr", Feed("sw"), Feed("sw-2"), system="video"),
            device("duty", kind="duty", system="center"),
        ]
    )


def covered(shadow: Shade) -> set[str]:
    return {one.id for one in shadow.policy.devices.values() if shadow.over(one)}


@pytest.mark.parametrize(
    ("of", "devices"),
    [
        (window("w", "cam-1"), {"cam-1"}),
        (window("w", "sw"), {"sw", "cam-1", "cam-2"}),
        (window("w", "ups"), {"ups", "sw", "cam-1", "cam-2"}),
        (window("w", "sw", "sw-2"), {"sw", "sw-2", "cam-1", "cam-2", "nvr"}),
        (window("w", "sw", part="p1"), {"cam-1"}),
        (window("w", "sw", rule="no-answer"), set()),
        (window("w", system="video"), {"cam-1", "cam-2", "nvr"}),
        (window("w"), {"ups", "sw", "sw-2", "cam-1", "cam-2", "nvr"}),
        (window("w", "duty"), {"duty"}),
    ],
    ids=["device", "below", "far-below", "both-parents", "port", "rule", "system", "site", "watch"],
)
def test_what_a_window_covers(of, devices) -> None:
    known = replace(tree(), windows=(of,))
    assert covered(shade(known, (), T0)) == devices
    assert covered(shade(known, (), T0 + HOUR)) == set()


def test_faults_of_one_part_or_one_rule() -> None:
    known = tree()
    switch = known.devices["sw"]
    port = shade(replace(known, windows=(window("w", "sw", part="p1"),)), (), T0)
    assert port.fault(switch, "port-down", "p1") is not None
    assert port.fault(switch, "port-down", "p2") is None
    ruled = shade(replace(known, windows=(window("w", rule="port-down"),)), (), T0)
    assert ruled.fault(switch, "port-down", "p2") is not None
    assert ruled.fault(switch, "no-answer", "") is None


def test_the_longest_one_says_till_when() -> None:
    longer = window("long", "sw", end=T0 + 2 * HOUR)
    known = replace(tree(), windows=(window("w", "sw"), longer))
    found = shade(known, (), T0).fault(known.devices["sw"], "no-answer", "")
    assert found == (longer, T0 + 2 * HOUR)


def test_a_device_is_skipped_only_where_all_its_parents_are() -> None:
    known = tree()
    mixed = replace(known, windows=(window("a", "sw", do=Do.SKIP), window("b", "sw-2")))
    shadow = shade(mixed, (), T0)
    assert shadow.skips(known.devices["cam-1"])
    assert shadow.over(known.devices["nvr"]) and not shadow.skips(known.devices["nvr"])
    both = replace(known, windows=(window("a", "sw", "sw-2", do=Do.SKIP),))
    assert shade(both, (), T0).skips(known.devices["nvr"])


def test_parents_in_a_circle_end() -> None:
    known = policy([device("a", "b"), device("b", "a"), device("c", "a")])
    assert covered(shade(replace(known, windows=(window("w", "a"),)), (), T0)) == {"a", "b", "c"}


def test_a_silence_ends_before_its_time() -> None:
    one = Silence("s", Do.MUTE, T0, T0 + HOUR, "why", "wang", T0, device="sw")
    assert one.window.at(at(1800)) == (T0, T0 + HOUR)
    ended = replace(one, ended_at=at(600))
    assert ended.window.at(at(599)) == (T0, at(600))
    assert ended.window.at(at(600)) is None
    never = replace(one, start=T0 + HOUR, end=T0 + 2 * HOUR, ended_at=at(600))
    assert list(never.window.spans(T0)) == []
