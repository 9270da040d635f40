"""No answer > service refused > no stream: one ticket, whose text changes (CONTRACT 5)."""

import pytest

from secmon.core.model import Op, ProbePlan, Reason, Severity
from tests.core.world import REFUSING, SILENCE, Site, at, device, policy, rule

NO_STREAM = rule("no-stream", "stream_up", Op.IS, False, soak=30, severity=Severity.MAJOR)
TWO = [ProbePlan("onvif", "onvif", 30, 5), ProbePlan("rtsp", "rtsp", 30, 5)]


def camera(*rules) -> Site:
    return Site(
        policy([device("cam", kind="camera", probes=TWO)], rules or (SILENCE, REFUSING, NO_STREAM))
    )


def refuses(site: Site, start: float, end: float) -> None:
    when = start
    while when <= end:
        site.fails("cam", when, "onvif", Reason.REFUSED)
        site.good("cam", when + 1, "rtsp", stream_up=True)
        when += 30


def is_gone(site: Site, start: float, end: float) -> None:
    when = start
    while when <= end:
        site.fails("cam", when, "onvif")
        site.fails("cam", when + 1, "rtsp")
        when += 30


def test_the_text_of_one_ticket_deepens() -> None:
    site = camera()
    refuses(site, 0, 180)
    first = site.only()
    assert (first.rule, first.severity, first.reading) == (
        "probe-failing",
        Severity.MINOR,
        "probe_success",
    )
    is_gone(site, 210, 300)
    ticket = site.only()
    assert ticket.number == first.number
    assert (ticket.rule, ticket.severity) == ("no-answer", Severity.MAJOR)
    assert ticket.detected_at == at(0), "work began when it was first seen"
    assert ticket.version > first.version
    assert [reason for _, reason in site.told()] == ["opened", "deepened"]


def test_a_deeper_cause_hides_what_would_follow() -> None:
    site = camera()
    is_gone(site, 0, 400)
    assert site.only().rule == "no-answer"
    assert site.told() == [(61, "opened")]


def test_when_it_answers_again_the_ticket_says_what_is_left() -> None:
    site = camera()
    is_gone(site, 0, 90)
    refuses(site, 120, 330)
    ticket = site.only()
    assert ticket.rule == "probe-failing"
    assert ticket.cleared_at is None
    assert site.told("cleared") == []


def test_all_is_well_again() -> None:
    site = camera()
    refuses(site, 0, 180)
    is_gone(site, 210, 300)
    site.good("cam", 330, "onvif")
    site.good("cam", 331, "rtsp", stream_up=True)
    ticket = site.only()
    assert ticket.cleared_at == at(330)
    assert [reason for _, reason in site.told()] == ["opened", "deepened", "cleared"]
    assert ticket.rule == "no-answer", "it keeps the name of what it was"


def test_the_service_refused_stands_over_no_stream() -> None:
    site = camera()
    for when in range(0, 61, 30):
        site.good("cam", when, "onvif")
        site.good("cam", when + 1, "rtsp", stream_up=False)
    assert site.only().rule == "no-stream"
    for when in range(90, 300, 30):
        site.good("cam", when, "onvif")
        site.fails("cam", when + 1, "rtsp", Reason.REFUSED)
    assert site.only().rule == "probe-failing"


def test_a_reading_fault_is_a_ticket_of_its_own() -> None:
    tamper = rule("tamper", "zone_tamper", Op.IS, True)
    site = camera(SILENCE, REFUSING, tamper)
    refuses(site, 0, 180)
    site.good("cam", 200, "rtsp", zone_tamper=True)
    assert sorted(ticket.rule for ticket in site.open()) == ["probe-failing", "tamper"]


# --- two levels of one reading ---------------------------------------------------------------

LOW = rule(
    "low", "battery_charge_ratio", Op.BELOW, 0.5, soak=30, clear=0.6, severity=Severity.MINOR
)
EMPTY = rule(
    "empty", "battery_charge_ratio", Op.BELOW, 0.2, soak=30, clear=0.25, severity=Severity.CRITICAL
)


def ups() -> Site:
    return Site(policy([device("ups", kind="ups")], (LOW, EMPTY)))


def test_two_rules_on_one_reading_share_a_ticket() -> None:
    site = ups()
    for when, charge in ((0, 0.45), (30, 0.44), (60, 0.15), (90, 0.14)):
        site.good("ups", when, battery_charge_ratio=charge)
    ticket = site.only()
    assert (ticket.rule, ticket.severity, ticket.limit) == ("empty", Severity.CRITICAL, 0.2)
    assert (ticket.value, ticket.detected_at) == (0.14, at(0))
    assert site.told() == [(30, "opened"), (90, "deepened")]


def test_falling_through_both_at_once_is_told_once() -> None:
    site = ups()
    for when in (0, 30):
        site.good("ups", when, battery_charge_ratio=0.1)
    assert site.only().severity is Severity.CRITICAL
    assert len(site.told("opened")) == 1
    assert len(site.notices) <= 2


def test_when_the_graver_clears_the_lighter_carries_on_untold() -> None:
    site = ups()
    for when in (0, 30):
        site.good("ups", when, battery_charge_ratio=0.1)
    told = len(site.notices)
    site.good("ups", 60, battery_charge_ratio=0.3)
    assert (site.only().rule, site.only().severity) == ("low", Severity.MINOR)
    assert site.only().cleared_at is None
    assert len(site.notices) == told
    site.good("ups", 90, battery_charge_ratio=0.7)
    assert site.only().cleared_at == at(90)


@pytest.mark.parametrize("first", ["zone 1", "zone 2"])
def test_parts_never_share_a_ticket(first) -> None:
    tamper = rule("tamper", "zone_tamper", Op.IS, True)
    site = Site(policy([device("panel")], [tamper]))
    site.good("panel", 0, zone_tamper={first: True})
    site.good("panel", 30, zone_tamper={"zone 1": True, "zone 2": True})
    assert len(site.open()) == 2
