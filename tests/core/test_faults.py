"""The life of one fault: clear, suspect, active, clearing (HOUSE 2, 6, 10; CONTRACT 3 and 5)."""

import pytest

from secmon.core.faults import Verdict, ripe, step, verdict
from secmon.core.model import FaultKey, FaultState, Op, Reason, Severity, TicketState, Where
from tests.core.world import (
    WARM,
    Site,
    at,
    device,
    failed,
    good,
    opened,
    policy,
    rule,
    warm_room,
)

KEY = FaultKey("room", WARM.id)


@pytest.mark.parametrize(
    ("op", "limit", "value", "broken"),
    [
        (Op.ABOVE, 25, 25.0, False),
        (Op.ABOVE, 25, 25.001, True),
        (Op.AT_LEAST, 25, 25, True),
        (Op.AT_LEAST, 25, 24.999, False),
        (Op.BELOW, 0.2, 0.2, False),
        (Op.BELOW, 0.2, 0.19, True),
        (Op.AT_MOST, 0.2, 0.2, True),
        (Op.AT_MOST, 0.2, 0.21, False),
        (Op.IS, True, True, True),
        (Op.IS, True, False, False),
        (Op.IS, True, 1, True),
        (Op.IS, "open", "open", True),
        (Op.IS_NOT, "ok", "ok", False),
        (Op.IS_NOT, "ok", "failed", True),
        (Op.ABOVE, 2**63, 2**63 + 1, True),
    ],
)
def test_a_limit_is_broken(op, limit, value, broken) -> None:
    said = verdict(rule("r", "temperature_celsius", op, limit), value)
    assert said is (Verdict.BAD if broken else Verdict.GOOD)


@pytest.mark.parametrize(
    ("op", "limit", "clear", "value", "said"),
    [
        (Op.ABOVE, 25, 24.5, 24.6, Verdict.BETWEEN),
        (Op.ABOVE, 25, 24.5, 24.5, Verdict.GOOD),
        (Op.BELOW, 0.2, 0.25, 0.22, Verdict.BETWEEN),
        (Op.BELOW, 0.2, 0.25, 0.25, Verdict.GOOD),
        (Op.AT_LEAST, 10, 8, 9, Verdict.BETWEEN),
        (Op.AT_MOST, 10, 12, 12, Verdict.GOOD),
        (Op.IS_NOT, "ok", "ok", "ok", Verdict.GOOD),
    ],
)
def test_hysteresis_keeps_a_value_between(op, limit, clear, value, said) -> None:
    assert verdict(rule("r", "temperature_celsius", op, limit, clear=clear), value) is said


@pytest.mark.parametrize("value", [float("nan"), "ERR", ""])
def test_what_is_no_number_is_neither_hot_nor_cool(value) -> None:
    assert verdict(WARM, value) is Verdict.BETWEEN
    site = opened()
    site.good("room", 150, temperature_celsius=value)
    assert site.only().cleared_at is None, "it must never read as cool"
    assert warm_room().good("room", 0, temperature_celsius=value).durable is False


def walk(*said: tuple[float, Verdict]):
    """The fault after these verdicts at these seconds, asked every 30 s."""
    fault = None
    for when, verdict_ in said:
        fault = step(fault, KEY, verdict_, value=when, at=at(when), tick=when, interval=30)
    return fault


def test_the_first_bad_value_makes_a_suspect() -> None:
    fault = walk((0, Verdict.BAD))
    assert (fault.state, fault.since, fault.value) == (FaultState.SUSPECT, at(0), 0)
    assert not ripe(fault, WARM)


def test_the_soak_is_counted_from_the_first_bad_value() -> None:
    almost = walk((0, Verdict.BAD), (60, Verdict.BAD), (119.9, Verdict.BAD))
    assert not ripe(almost, WARM)
    done = walk((0, Verdict.BAD), (60, Verdict.BAD), (120, Verdict.BAD))
    assert ripe(done, WARM)
    assert done.since == at(0)


def test_time_alone_ripens_nothing() -> None:
    site = warm_room()
    site.good("room", 0, temperature_celsius=30.0)
    site.sleep(3600)
    assert site.open() == []
    assert site.fault("room", WARM.id).state is FaultState.SUSPECT


@pytest.mark.parametrize("said", [Verdict.GOOD, Verdict.BETWEEN])
def test_one_value_that_is_not_bad_ends_the_run_of_a_suspect(said) -> None:
    assert walk((0, Verdict.BAD), (30, said)) is None
    again = walk((0, Verdict.BAD), (30, said), (60, Verdict.BAD), (150, Verdict.BAD))
    assert again.since == at(60)


@pytest.mark.parametrize(("gap", "since"), [(90, 0), (90.1, 90.1)])
def test_a_gap_of_over_three_intervals_starts_the_soak_anew(gap, since) -> None:
    assert walk((0, Verdict.BAD), (gap, Verdict.BAD)).since == at(since)


def test_the_soak_runs_on_ticks_so_a_step_of_the_wall_clock_makes_none() -> None:
    site = warm_room()
    site.take(good("room", 0, tick=50, temperature_celsius=30.0))
    site.take(good("room", 3600, tick=80, temperature_celsius=30.0))  # the clock was set an hour on
    assert site.open() == []
    site.take(good("room", 3690, tick=170, temperature_celsius=30.0))
    assert len(site.open()) == 1


def test_an_active_fault_waits_between_and_clears_past_it() -> None:
    site = opened()
    site.good("room", 150, temperature_celsius=24.8)
    assert site.fault("room", WARM.id).state is FaultState.CLEARING
    assert site.only().cleared_at is None
    site.good("room", 180, temperature_celsius=25.5)
    assert site.fault("room", WARM.id).state is FaultState.ACTIVE
    assert site.told() == [(120, "opened")], "it never was clear: no relapse"
    site.good("room", 210, temperature_celsius=24.5)
    assert site.fault("room", WARM.id) is None
    assert site.only().cleared_at == at(210)


def test_with_no_reading_a_fault_stays_where_it_is() -> None:
    site = opened()
    site.good("room", 150, humidity_ratio=0.4)  # the sensor answers without a temperature
    site.fails("room", 180)
    site.fails("room", 210, reason=Reason.GARBLED)
    assert site.fault("room", WARM.id).state is FaultState.ACTIVE
    assert site.only().cleared_at is None


def test_a_suspect_stays_over_a_failed_poll() -> None:
    site = warm_room()
    site.good("room", 0, temperature_celsius=26.0)
    site.fails("room", 30)
    site.good("room", 60, temperature_celsius=26.0)
    site.good("room", 120, temperature_celsius=26.0)
    assert site.only().detected_at == at(0)


def test_a_rule_without_a_soak_opens_at_once() -> None:
    tamper = rule("tamper", "zone_tamper", Op.IS, True)
    site = Site(policy([device("panel", kind="alarm-panel")], [tamper]))
    site.good("panel", 0, zone_tamper={"z1": False, "z2": True})
    ticket = site.only()
    assert (ticket.part, ticket.detected_at, ticket.state) == ("z2", at(0), TicketState.OPEN)


def test_every_part_is_a_fault_of_its_own() -> None:
    tamper = rule("tamper", "zone_tamper", Op.IS, True)
    site = Site(policy([device("panel", kind="alarm-panel")], [tamper]))
    site.good("panel", 0, zone_tamper={"z1": True, "z2": True, "z3": False})
    assert sorted(ticket.part for ticket in site.open()) == ["z1", "z2"]
    site.good("panel", 10, zone_tamper={"z1": False, "z2": True, "z3": False})
    assert {t.part: t.cleared_at is not None for t in site.open()} == {"z1": True, "z2": False}


def test_a_port_that_nobody_watches_is_no_fault() -> None:
    down = rule("port-down", "interface_up", Op.IS, False)
    site = Site(policy([device("sw", watched=["p1"])], [down]))
    site.good("sw", 0, interface_up={"p1": True, "p2": False})
    assert site.open() == []
    site.good("sw", 30, interface_up={"p1": False, "p2": False})
    assert site.only().part == "p1"


# --- which rule speaks -----------------------------------------------------------------------


def test_the_more_specific_rule_speaks_alone() -> None:
    wide = rule("wide", "temperature_celsius", Op.ABOVE, 25)
    room = rule("room", "temperature_celsius", Op.ABOVE, 30, where=Where(kind="machine-room"))
    site = Site(policy([device("room", kind="machine-room"), device("hall")], [wide, room]))
    site.good("room", 0, temperature_celsius=28.0)
    site.good("hall", 0, temperature_celsius=28.0)
    assert [(t.device, t.rule) for t in site.open()] == [("hall", "wide")]


def test_a_rule_of_the_other_direction_still_speaks() -> None:
    hot = rule("hot", "temperature_celsius", Op.ABOVE, 25, where=Where(kind="machine-room"))
    cold = rule("cold", "temperature_celsius", Op.BELOW, 5)
    site = Site(policy([device("room", kind="machine-room")], [hot, cold]))
    site.good("room", 0, temperature_celsius=1.0)
    assert site.only().rule == "cold"


@pytest.mark.parametrize(
    ("where", "speaks"),
    [
        (Where(device="room"), True),
        (Where(device="hall"), False),
        (Where(kind="switch"), False),
        (Where(system="center"), True),
        (Where(system="video"), False),
        (Where(profile="xy-md02"), False),
        (Where(kind="machine-room", system="center", device="room"), True),
        (Where(part="rack 1"), False),
    ],
)
def test_where(where, speaks) -> None:
    hot = rule("hot", "temperature_celsius", Op.ABOVE, 25, where=where)
    site = Site(policy([device("room", kind="machine-room", system="center")], [hot]))
    site.good("room", 0, temperature_celsius=28.0)
    assert bool(site.open()) is speaks


def test_a_rule_that_is_off_judges_nothing_and_silences_the_wider_one() -> None:
    wide = rule("wide", "temperature_celsius", Op.ABOVE, 25)
    off = rule("off", "temperature_celsius", Op.ABOVE, 25, where=Where(device="room"), off=True)
    site = Site(policy([device("room"), device("hall")], [wide, off]))
    site.good("room", 0, temperature_celsius=28.0)
    site.good("hall", 0, temperature_celsius=28.0)
    assert [ticket.device for ticket in site.open()] == ["hall"]


def test_the_site_file_weighs_one_part_otherwise() -> None:
    from secmon.core.model import Part

    tamper = rule("tamper", "zone_tamper", Op.IS, True, severity=Severity.MINOR)
    vault = Part("z9", severity=Severity.CRITICAL)
    site = Site(policy([device("panel", parts=[vault])], [tamper]))
    site.good("panel", 0, zone_tamper={"z1": True, "z9": True})
    assert {t.part: t.severity for t in site.open()} == {
        "z1": Severity.MINOR,
        "z9": Severity.CRITICAL,
    }


# --- is it there -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "rule_id"),
    [
        (Reason.UNREACHABLE, "no-answer"),
        (Reason.TIMEOUT, "no-answer"),
        (Reason.REFUSED, "probe-failing"),
        (Reason.GARBLED, "probe-failing"),
        (Reason.INTERNAL, None),
    ],
)
def test_what_a_failure_says_of_the_device(reason, rule_id) -> None:
    from tests.core.world import REFUSING, SILENCE

    site = Site(policy([device("sw")], [SILENCE, REFUSING]))
    for when in range(0, 600, 30):
        site.take(failed("sw", when, reason=reason))
    assert [ticket.rule for ticket in site.open()] == ([rule_id] if rule_id else [])
    if rule_id:
        assert site.only().facts["failure"] == str(reason)
        assert "expected an answer" in str(site.only().facts["text"])


def test_a_device_is_down_only_when_every_probe_says_so() -> None:
    from secmon.core.model import ProbePlan
    from tests.core.world import SILENCE

    two = [ProbePlan("icmp", "icmp", 10, 2), ProbePlan("snmp", "snmp", 30, 5)]
    site = Site(policy([device("sw", probes=two)], [SILENCE]))
    for when in range(0, 100, 10):
        site.fails("sw", when, "icmp")
    assert site.fault("sw", "no-answer") is None, "one probe was never asked: nothing is known"
    site.fails("sw", 100, "snmp")
    for when in range(110, 161, 10):
        site.fails("sw", when, "icmp")
    assert site.only().detected_at == at(100)
    site.good("sw", 165, "snmp")
    assert site.only().cleared_at == at(165), "any answer of one probe makes the device up"


def test_an_observation_of_a_device_or_probe_that_is_not_configured_is_nothing() -> None:
    site = warm_room()
    assert not site.fails("ghost", 0).durable
    assert not site.good("room", 0, "snmp", temperature_celsius=40.0).durable
    assert site.world.probes == {}
