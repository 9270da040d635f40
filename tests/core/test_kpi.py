"""The month's figures as docs/kpi.md defines them, on tickets whose life is known to the second."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from secmon.core import kpi
from secmon.core.kpi import Kept, Look, Watched
from secmon.core.model import Clock, Reason, Severity, Ticket, Verb, Way
from tests.core.world import HOUR, MINUTE, SILENCE, WARM, Site, at, device, opened, policy, silent

SHANGHAI = ZoneInfo("Asia/Shanghai")


def repaired(acknowledged: float, repaired: float) -> Ticket:
    """A ticket detected at 0, worked on by phone; seconds."""
    site = opened()
    site.act(Verb.ACKNOWLEDGE, acknowledged)
    ticket: Ticket = site.act(Verb.REPAIR, repaired, way=Way.PHONE)
    return ticket


# --- looks ---


def two_switches() -> Site:
    core, access = device("core", timeout=5), device("access", "core")
    return Site(policy([core, access, device("mute", probes=())], (SILENCE, WARM)))


def test_a_look_at_what_answers_what_does_not_and_what_was_never_asked() -> None:
    site = two_switches()
    devices = site.policy.devices

    def seen(name: str) -> Look:
        return kpi.look(site.world, site.policy, devices[name])

    assert seen("core") == Look(None, True)
    site.good("core", 0)
    silent(site, "access", 0, 30)
    assert seen("core") == Look(True, True)
    assert seen("access") == Look(False, True), "a soak is no fault yet"
    site.good("core", 50)
    silent(site, "access", 60, 120)
    assert seen("access") == Look(False, False)
    assert seen("mute") == Look(None, True)


def test_a_silence_behind_its_root_is_not_intact() -> None:
    site = two_switches()
    for when in (1, 31, 61, 91):
        site.fails("core", when)
        site.fails("access", when + 1)
    assert site.fault("access", "no-answer").hidden_by == "core"
    assert kpi.look(site.world, site.policy, site.policy.devices["access"]) == Look(False, False)


def test_a_warning_leaves_a_device_intact_and_our_own_bug_says_nothing() -> None:
    mild = replace(WARM, severity=Severity.WARNING)
    site = opened(Site(policy([device("room", kind="machine-room")], [mild])))
    assert kpi.look(site.world, site.policy, site.policy.devices["room"]) == Look(True, True)
    site.fails("room", 500, reason=Reason.INTERNAL)
    assert kpi.look(site.world, site.policy, site.policy.devices["room"]).online is None


def test_what_a_person_reported_counts_until_it_is_mended() -> None:
    site = two_switches()
    ticket = site.act(Verb.REPORT, 0, "mute", note="no light")
    assert kpi.reported(site.world) == {"mute"}
    site.act(Verb.ACKNOWLEDGE, 10, ticket.number)
    assert kpi.reported(site.world) == {"mute"}
    site.act(Verb.REPAIR, 20, ticket.number, way=Way.REMOTE)
    assert kpi.reported(site.world) == frozenset()


# --- figures ---


def test_the_ratios_are_shares_of_minutes() -> None:
    rows = [
        Watched("cam-1", "video", "2026-11", looks=100, intact=90, asked=80, online=60),
        Watched("cam-2", "video", "2026-11", looks=300, intact=300, asked=120, online=120),
        Watched("door", "access", "2026-11", looks=50, intact=0),
    ]
    found = kpi.by_system(rows, [], at(0))
    assert list(found) == ["access", "video", "*"]
    video = found["video"]
    assert (video.devices, video.online_ratio, video.intact_ratio) == (2, 180 / 200, 390 / 400)
    assert (found["access"].online_ratio, found["access"].intact_ratio) == (None, 0.0)
    assert found["*"].intact_ratio == 390 / 450


def test_nothing_to_count_is_no_figure() -> None:
    none = kpi.by_system([], [], at(0))["*"]
    assert (none.online_ratio, none.intact_ratio, none.mtta, none.mttr) == (None,) * 4
    assert none.clocks[Clock.REPAIR] == Kept(0, 0) and none.clocks[Clock.REPAIR].ratio is None


def test_means_run_from_detection() -> None:
    quick, slow = repaired(10 * MINUTE, HOUR), repaired(20 * MINUTE, 3 * HOUR)
    found = kpi.figures([], [quick, slow], at(4 * HOUR))
    assert found.mtta == timedelta(minutes=15)
    assert found.mttr == timedelta(hours=2)
    assert (found.tickets, found.unrestored) == (2, 0)


def test_a_fault_that_went_by_itself_was_restored_then() -> None:
    site = opened()
    site.good("room", HOUR, temperature_celsius=20.0)
    found = kpi.figures([], list(site.tickets.values()), at(2 * HOUR))
    assert (found.mtta, found.mttr) == (None, timedelta(hours=1))


def test_clocks_in_time_late_running_and_not_applicable() -> None:
    kept = repaired(29 * MINUTE, HOUR)
    late = repaired(31 * MINUTE, 9 * HOUR)
    running = opened().only()
    now = at(2 * HOUR)  # the running one: respond is over, arrive and repair are not decided
    clocks = kpi.figures([], [kept, late, running], now).clocks
    assert clocks[Clock.RESPOND] == Kept(1, 3)
    assert clocks[Clock.ARRIVE] == Kept(0, 0), "by phone nobody arrives"
    assert clocks[Clock.REPAIR] == Kept(1, 2)


def test_cancelled_tickets_are_counted_apart() -> None:
    site = opened()
    site.act(Verb.CANCEL, HOUR, note="false alarm")
    found = kpi.figures([], list(site.tickets.values()), at(9 * HOUR))
    assert (found.tickets, found.cancelled) == (0, 1)
    assert found.clocks[Clock.RESPOND] == Kept(0, 0)


# --- months ---


def test_a_month_is_the_sites_own() -> None:
    since, until = kpi.span("2026-12", SHANGHAI)
    assert since.astimezone(UTC) == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert until.astimezone(UTC) == datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert kpi.month_of(since, SHANGHAI) == "2026-12"
    assert kpi.month_of(since - timedelta(seconds=1), SHANGHAI) == "2026-11"


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026", "2026-1", "20a6-11", "٢٠٢٦-11", "1"]
)
def test_what_is_no_month_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="expected a month like 2026-11"):
        kpi.span(text, SHANGHAI)
