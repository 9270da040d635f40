"""Another device at the address: by serial, by MAC, by the site file; and who may say that it is
the right one."""

from dataclasses import replace

import pytest

from secmon.core.model import Op, ProbePlan, Severity, TicketState, Verb, Way
from tests.core.world import NO_STREAM, OTHER, REFUSING, SILENCE, Site, device, good, policy, rule

TAMPER = rule("tamper", "zone_tamper", Op.IS, True)
PROBES = [
    ProbePlan("onvif", "onvif", 30, 5),
    ProbePlan("rtsp", "rtsp", 30, 5, brings=frozenset(["stream_up"])),
]
A, B = "SN-0000-A", "SN-0000-B"
MAC_A, MAC_B = "00:00:5e:00:53:0a", "00:00:5e:00:53:0b"


def site_with(serial: str = "", *rules) -> Site:
    camera = replace(device("cam", kind="camera", probes=PROBES), serial=serial)
    return Site(policy([camera], rules or (OTHER, SILENCE, REFUSING, NO_STREAM, TAMPER)))


def says(site: Site, when: float, serial: str = "", mac: str = "", **brought) -> None:
    facts = {"serial": serial, "mac": mac, "model": "X100"}
    seen = good("cam", when, "onvif", tick=site.ticks + when, **brought)
    site.take(replace(seen, facts={name: text for name, text in facts.items() if text}))


def swapped(serial: str = "") -> Site:
    """A for a while, then B: its ticket is open at 90 s."""
    site = site_with(serial)
    says(site, 0, A, MAC_A)
    for when in (30, 60, 90):
        says(site, when, B, MAC_B)
    return site


@pytest.mark.parametrize("serial", ["", A])
def test_another_serial_is_another_device(serial) -> None:
    site = swapped(serial)
    ticket = site.only()
    assert (ticket.rule, ticket.severity, ticket.part) == ("other-device", Severity.MAJOR, "onvif")
    assert ticket.facts == {
        "cause": "another_device",
        "probe": "onvif",
        "expected": A,
        "found": B,
        "model": "X100",
        "op": "==",
    }


@pytest.mark.parametrize(
    ("first", "then", "other"),
    [
        ((A, MAC_A), (A, MAC_B), False),  # a second port, or a new one
        ((A, MAC_A), (B, MAC_A), False),  # its firmware counts otherwise
        ((A, MAC_A), (B, MAC_B), True),
        ((A, ""), (B, ""), True),
        (("", MAC_A), ("", MAC_B), True),
        ((A, ""), ("", MAC_A), False),  # nothing to compare
        (("sn 0000 a", ""), (A, ""), False),
        (("457894655", ""), ("DS-2CD2032-I20140411CCWR457894655", ""), False),
        (("465", ""), ("457894655", ""), True),  # too short to stand for another
    ],
)
def test_who_is_the_same(first, then, other) -> None:
    site = site_with()
    says(site, 0, *first)
    says(site, 30, *then)
    says(site, 60, *then)
    assert bool(site.open()) is other


def test_the_site_file_s_serial_is_not_outvoted_by_a_mac() -> None:
    site = site_with("SN-0000-C")
    for when in (0, 30):
        says(site, when, A, MAC_A)
    assert site.only().facts["expected"] == "SN-0000-C"


def test_a_number_that_never_matched_is_told_and_hides_nothing() -> None:
    """An asset list with other numbers than the devices tell must not make a site blind."""
    site = site_with("ASSET-77")
    for when in (0, 30, 60):
        says(site, when, A, MAC_A, zone_tamper=when > 0)
        site.good("cam", when + 1, "rtsp", stream_up=False)
    assert {ticket.rule for ticket in site.open()} == {"other-device", "tamper"}
    assert site.world.facts["cam"]["serial"] == A
    assert site.fault("cam", "no-stream") is not None
    number = next(ticket.number for ticket in site.open() if ticket.rule == "other-device")
    site.act(Verb.CANCEL, 70, number, note="the list is wrong")
    says(site, 90, A, MAC_A)
    assert site.fault("cam", "other-device", "onvif") is None
    for when in (120, 150):
        says(site, when, B, MAC_B)
    assert site.world.facts["cam"]["serial"] == A, "from now on it is known"


def test_a_label_s_serial_may_stand_inside_the_device_s() -> None:
    site = site_with("457894655")
    for when in (0, 30, 60):
        says(site, when, "DS-2CD2032-I20140411CCWR457894655")
    assert site.open() == []


def test_what_the_stranger_says_is_no_health_of_ours() -> None:
    site = site_with()
    says(site, 0, A)
    site.good("cam", 1, "rtsp", stream_up=False)
    says(site, 30, B)
    for when in range(60, 400, 30):
        says(site, when, B, zone_tamper=True)
        site.good("cam", when + 1, "rtsp", stream_up=True)
    assert [ticket.rule for ticket in site.open()] == ["other-device"]
    assert site.fault("cam", "no-stream") is not None, "its picture says nothing of ours"
    assert site.world.facts["cam"]["serial"] == A
    assert site.world.facts["cam"]["found_serial/onvif"] == B


def test_the_stranger_falls_silent_and_the_right_one_comes_back() -> None:
    site = swapped()
    number = site.only().number
    for when in range(120, 240, 30):
        site.fails("cam", when, "onvif")
        site.fails("cam", when + 1, "rtsp")
    assert (site.only().number, site.only().rule) == (number, "no-answer")
    says(site, 240, A, MAC_A)
    assert site.only().cleared_at is not None
    assert site.world.facts["cam"]["found_serial/onvif"] == ""


@pytest.mark.parametrize("serial", ["", A])
def test_repair_accepts_the_new_device(serial) -> None:
    site = swapped(serial)
    site.act(Verb.ACKNOWLEDGE, 95, way=Way.REMOTE)
    ticket = site.act(Verb.REPAIR, 100, note="replaced")
    assert ticket.state is TicketState.REPAIRED
    assert (site.journal[-1].what, site.journal[-1].by) == ("accepted", "wang")
    assert site.journal[-1].why == f"{B} instead of {A}"
    says(site, 120, B, MAC_B)
    assert site.only().cleared_at is not None
    assert site.act(Verb.VERIFY, 130).state is TicketState.VERIFIED
    site.act(Verb.CLOSE, 140)
    site.restart(150, alive=149)
    for when in (180, 210, 240):
        says(site, when, B, MAC_B)
    assert site.open() == []
    for when in (270, 300):
        says(site, when, A, MAC_A)
    assert site.only().facts["expected"] == B


def test_cancel_accepts_it_too() -> None:
    """Else there would be no ticket, and nothing judged any more."""
    site = swapped()
    site.act(Verb.CANCEL, 100, note="was swapped on purpose")
    for when in (120, 150):
        says(site, when, B, MAC_B)
    assert site.open() == []
    says(site, 180, B, MAC_B, zone_tamper=True)
    assert site.only().rule == "tamper"


def test_a_new_serial_in_the_site_file_accepts_it() -> None:
    site = swapped(A)
    camera = replace(site.policy.devices["cam"], serial=B)
    site.adopt(policy([camera], site.policy.rules), 100)
    says(site, 120, B, MAC_B)
    assert site.only().cleared_at is not None


def test_the_site_file_s_next_serial_counts_again_after_an_acceptance() -> None:
    site = swapped(A)
    site.act(Verb.CANCEL, 100, note="on purpose")
    says(site, 120, B, MAC_B)
    camera = replace(site.policy.devices["cam"], serial="SN-0000-C")
    site.adopt(policy([camera], site.policy.rules), 130)
    for when in (150, 180):
        says(site, when, B, MAC_B)
    assert site.only().facts["expected"] == "SN-0000-C"


def test_switched_off_it_judges_nothing_and_keeps_nothing_from_being_judged() -> None:
    site = site_with("", TAMPER)
    says(site, 0, A)
    says(site, 30, B, zone_tamper=True)
    assert site.only().rule == "tamper"
    assert site.world.facts["cam"]["serial"] == B


def test_a_poll_that_says_the_same_again_keeps_nothing() -> None:
    site = site_with()
    says(site, 0, A, MAC_A)
    before = dict(site.world.facts["cam"])
    says(site, 30, A, MAC_A)
    assert site.world.facts["cam"] == before
