"""`verify` is refused until a good observation later than `repaired` (CONTRACT 5)."""

import pytest

from secmon.core.model import ProbePlan, Reason, Refusal, Ticket, TicketState, Verb, Way
from tests.core.world import (
    REFUSING,
    SILENCE,
    WARM,
    Site,
    action,
    at,
    device,
    opened,
    policy,
    silent,
)


def repaired(site: Site, when: float) -> Site:
    site.act(Verb.ACKNOWLEDGE, when)
    site.act(Verb.REPAIR, when, way=Way.REMOTE)
    return site


def test_verify_is_refused_while_the_fault_is_there() -> None:
    site = repaired(opened(), 200)
    site.good("room", 230, temperature_celsius=26.0)
    refusal = site.act(Verb.VERIFY, 240)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.ticket) == ("unverified", site.only())
    assert site.only().number in refusal.text


def test_verify_is_refused_until_it_was_asked_again() -> None:
    site = opened()
    site.good("room", 150, temperature_celsius=22.0)
    repaired(site, 200)
    refusal = site.act(Verb.VERIFY, 210)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "unverified"
    site.good("room", 230, temperature_celsius=22.0)
    verified = site.act(Verb.VERIFY, 240)
    assert isinstance(verified, Ticket)
    assert verified.state is TicketState.VERIFIED


def test_an_observation_of_the_very_moment_is_not_later() -> None:
    site = repaired(opened(), 200)
    site.good("room", 200, temperature_celsius=22.0)
    assert isinstance(site.act(Verb.VERIFY, 210), Refusal)


@pytest.mark.parametrize("reason", list(Reason))
def test_a_failed_poll_verifies_nothing(reason) -> None:
    site = opened()
    site.good("room", 150, temperature_celsius=22.0)
    repaired(site, 200)
    site.fails("room", 230, reason=reason)
    assert isinstance(site.act(Verb.VERIFY, 240), Refusal)


def test_another_probe_says_nothing_about_the_temperature() -> None:
    two = [ProbePlan("modbus", "modbus", 30, 5), ProbePlan("icmp", "icmp", 30, 5)]
    site = Site(policy([device("room", kind="machine-room", probes=two)], [WARM]))
    for when in (0, 60, 120):
        site.good("room", when, "modbus", temperature_celsius=26.0)
    site.good("room", 150, "modbus", temperature_celsius=22.0)
    repaired(site, 200)
    site.good("room", 220, "icmp")
    assert isinstance(site.act(Verb.VERIFY, 230), Refusal)
    site.good("room", 240, "modbus", temperature_celsius=22.0)
    assert isinstance(site.act(Verb.VERIFY, 250), Ticket)


def test_a_poll_without_the_temperature_says_nothing_about_it() -> None:
    site = opened()
    site.good("room", 150, temperature_celsius=22.0)
    repaired(site, 200)
    site.good("room", 230, humidity_ratio=0.5)
    assert isinstance(site.act(Verb.VERIFY, 240), Refusal)


def test_a_silent_device_is_verified_by_any_good_answer() -> None:
    site = Site(policy([device("sw")], [SILENCE]))
    silent(site, "sw", 0, 60)
    repaired(site, 100)
    assert isinstance(site.act(Verb.VERIFY, 110), Refusal)
    site.good("sw", 120)
    assert isinstance(site.act(Verb.VERIFY, 130), Ticket)


def test_a_refusing_probe_is_verified_by_itself() -> None:
    two = [ProbePlan("snmp", "snmp", 30, 5), ProbePlan("icmp", "icmp", 30, 5)]
    site = Site(policy([device("sw", probes=two)], [SILENCE, REFUSING]))
    for when in range(0, 181, 30):
        site.fails("sw", when, "snmp", Reason.REFUSED)
    assert site.only().part == "snmp"
    repaired(site, 200)
    site.good("sw", 210, "icmp")
    assert isinstance(site.act(Verb.VERIFY, 220), Refusal)
    site.good("sw", 230, "snmp")
    assert isinstance(site.act(Verb.VERIFY, 240), Ticket)


def test_a_device_without_probes_is_verified_by_a_persons_word() -> None:
    site = Site(policy([device("duct", kind="camera", probes=[])]))
    site.take(action("duct", Verb.REPORT, 0, note="the lid is open"))
    repaired(site, 100)
    assert isinstance(site.act(Verb.VERIFY, 110), Ticket)
    assert isinstance(site.act(Verb.CLOSE, 120), Ticket)


def test_a_reported_fault_of_a_probed_device_waits_for_a_good_poll() -> None:
    site = Site(policy([device("sw")], [SILENCE]))
    site.take(action("sw", Verb.REPORT, 0, note="the fan is loud"))
    repaired(site, 100)
    assert isinstance(site.act(Verb.VERIFY, 110), Refusal)
    site.good("sw", 120)
    assert isinstance(site.act(Verb.VERIFY, 130), Ticket)


def test_a_refused_verify_still_is_a_matter_of_state_first() -> None:
    site = opened()
    refusal = site.act(Verb.VERIFY, 200)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "state"


def test_reject_sends_it_back_and_the_next_repair_counts() -> None:
    site = opened()
    site.good("room", 150, temperature_celsius=22.0)
    repaired(site, 200)
    site.good("room", 230, temperature_celsius=22.0)
    site.act(Verb.REJECT, 240, note="评估不合格")
    site.act(Verb.REPAIR, 300, way=Way.REMOTE)
    assert site.only().marks[TicketState.REPAIRED].at == at(300)
    assert isinstance(site.act(Verb.VERIFY, 310), Refusal), "the poll at 230 is older than this"
