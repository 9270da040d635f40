"""/metrics beyond the devices: open faults and tickets, the daemon, metric names, formats."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

import secmon
from secmon.adapters.exposition import Exposition
from secmon.adapters.exposition.negotiation import wants_gzip, wants_openmetrics
from secmon.core.model import (
    Clock,
    Device,
    Fault,
    FaultKey,
    FaultState,
    Mark,
    Observation,
    Op,
    Part,
    Policy,
    ProbePlan,
    Reading,
    Rule,
    Severity,
    Sla,
    Ticket,
    TicketState,
    Way,
    arrange,
)
from secmon.core.world import World
from secmon.standard.tables import vocabulary

AT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SW = Device(
    "sw-1",
    "switch",
    "network",
    "switch",
    parts={"2": Part("2", severity=Severity.CRITICAL)},
    probes=(ProbePlan("snmp", "snmp", 30.0, 5.0),),
)
DOWN = Rule("port-down", "interface_up", Op.IS, False, severity=Severity.MINOR)


def policy(**changes) -> Policy:
    known = Policy(
        site="lab",
        timezone="Asia/Shanghai",
        sla=Sla(HOUR, HOUR, HOUR),
        devices={SW.id: SW},
        rules=(DOWN,),
        channels=("mq", "hook"),
        words=vocabulary(),
    )
    return replace(known, **changes)


def page_of(**changes) -> Exposition:
    return Exposition(policy(**changes), CollectorRegistry())


def samples(page: Exposition, name: str, world: World | None = None, now: datetime = AT):
    """[(labels without those of site and device, value)], the same by both parsers."""
    both = []
    for openmetrics, parse in ((False, parse_text), (True, parse_openmetrics)):
        text = page.render(world or World(), openmetrics, now).decode()
        found = [s for family in parse(text) for s in family.samples if s.name == name]
        assert all(s.labels["site"] == "lab" for s in found)
        usual = {"site", "system", "kind", "device"}
        both.append(
            [({k: v for k, v in s.labels.items() if k not in usual}, s.value) for s in found]
        )
    assert both[0] == both[1]
    return both[0]


def world_of(*faults: Fault, tickets: tuple[Ticket, ...] = ()) -> World:
    return World(
        faults={fault.key: fault for fault in faults},
        tickets={ticket.id: ticket for ticket in tickets},
    )


def fault(state: FaultState, part: str = "1", **changes) -> Fault:
    key = FaultKey("sw-1", "port-down", part)
    return replace(Fault(key, state, AT, 0.0, 0.0), **changes)


def ticket(number: int, state: TicketState = TicketState.OPEN, **changes) -> Ticket:
    made = Ticket(
        id=f"t{number}",
        number=f"WX-2026-{number:04}",
        version=1,
        device="sw-1",
        device_name="switch",
        location="",
        system="network",
        rule="port-down",
        part="1",
        severity=Severity.MAJOR,
        state=state,
        opened_at=AT,
        detected_at=AT,
        due=dict(zip(Clock, (AT + HOUR, AT + 2 * HOUR, AT + 3 * HOUR), strict=True)),
    )
    return replace(made, **changes)


# --- faults and tickets ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "hidden_by", "shown"),
    [
        (FaultState.SUSPECT, "", False),
        (FaultState.ACTIVE, "", True),
        (FaultState.CLEARING, "", True),
        (FaultState.ACTIVE, "sw-0", False),
    ],
)
def test_a_fault_is_shown_while_it_is_active_and_not_hidden(state, hidden_by, shown):
    found = samples(page_of(), "secmon_fault_active", world_of(fault(state, hidden_by=hidden_by)))
    expected = ({"rule": "port-down", "severity": "minor", "part": "1"}, 1.0)
    assert found == ([expected] if shown else [])


def test_a_part_has_the_severity_that_the_site_file_gives_it():
    world = world_of(fault(FaultState.ACTIVE, "2"), fault(FaultState.ACTIVE, ""))
    assert samples(page_of(), "secmon_fault_active", world) == [
        ({"rule": "port-down", "severity": "critical", "part": "2"}, 1.0),
        ({"rule": "port-down", "severity": "minor"}, 1.0),
    ]


def test_faults_of_removed_devices_and_rules_are_not_shown():
    world = world_of(fault(FaultState.ACTIVE))
    for page in (page_of(devices={}), page_of(rules=())):
        assert samples(page, "secmon_fault_active", world) == []


def test_tickets_are_counted_and_open_states_are_there_with_zeros():
    quiet = samples(page_of(), "secmon_tickets")
    assert [value for _, value in quiet] == [0.0] * 20
    states = {labels["state"] for labels, _ in quiet}
    assert states == {"open", "acknowledged", "on_site", "repaired", "verified"}
    assert {la["severity"] for la, _ in quiet} == {"critical", "major", "minor", "warning"}

    tickets = (ticket(1), ticket(2), ticket(3, TicketState.ON_SITE, severity=Severity.WARNING))
    busy = samples(page_of(), "secmon_tickets", world_of(tickets=tickets))
    assert [one for one in busy if one[1]] == [
        ({"state": "open", "severity": "major"}, 2.0),
        ({"state": "on_site", "severity": "warning"}, 1.0),
    ]


def test_overdue_counts_clocks_that_run_though_their_time_has_passed():
    answered = ticket(2, marks={TicketState.ACKNOWLEDGED: Mark(AT, "li")})
    tickets = (ticket(1), answered, ticket(3, way=Way.PHONE), ticket(4, cleared_at=AT))
    world, page = world_of(tickets=tickets), page_of()
    for hours, late in ((0.9, (0, 0, 0)), (1.5, (2, 0, 0)), (2.5, (2, 2, 0)), (9, (2, 2, 3))):
        found = samples(page, "secmon_tickets_overdue", world, AT + hours * HOUR)
        clocks = ("respond", "arrive", "repair")
        assert found == [({"clock": c}, n) for c, n in zip(clocks, late, strict=True)]


def test_a_decided_clock_is_counted_once():
    page = page_of()
    assert {value for _, value in samples(page, "secmon_ticket_clock_total")} == {0.0}
    opened = ticket(1)
    answered = replace(opened, settled={Clock.RESPOND: True})
    there = replace(opened, settled={Clock.RESPOND: True, Clock.ARRIVE: False})
    for before, after in ((None, opened), (opened, answered), (answered, there), (there, there)):
        page.daemon.ticket_changed(before, after)
    assert [one for one in samples(page, "secmon_ticket_clock_total") if one[1]] == [
        ({"clock": "respond", "met": "true"}, 1.0),
        ({"clock": "arrive", "met": "false"}, 1.0),
    ]


# --- the daemon ------------------------------------------------------------------------------


def test_the_daemons_own_series_carry_the_site_and_stand_on_the_same_page():
    page = page_of()
    page.skipped()
    page.skipped(2)
    page.late(0.003)
    page.daemon.store_up.set(1)
    page.daemon.outbox_pending.set(3)
    page.daemon.reloaded(True, AT)
    page.daemon.reloaded(False, AT + HOUR)
    for name, value in (
        ("polls_skipped_total", 3),
        ("poll_lateness_seconds_sum", 0.003),
        ("store_up", 1),
        ("outbox_pending", 3),
        ("config_last_reload_successful", 0),
        ("config_last_reload_success_timestamp_seconds", AT.timestamp()),
    ):
        assert samples(page, f"secmon_{name}") == [({}, value)]
    assert samples(page, "secmon_build_info") == [({"version": secmon.__version__}, 1.0)]
    buckets = {la["le"]: n for la, n in samples(page, "secmon_poll_lateness_seconds_bucket")}
    assert (buckets["0.001"], buckets["0.005"], buckets["+Inf"]) == (0, 1, 1)
    assert len(samples(page, "process_resident_memory_bytes")) == 1


def test_when_a_counter_was_made_is_not_shown():
    assert b"_created" not in page_of().render(World(), True, AT)


def test_every_channel_has_its_series_until_it_is_taken_away():
    page = page_of()
    page.daemon.notifications.labels("mq", "told").inc()
    page.set_policy(policy(channels=("mq",)))
    assert samples(page, "secmon_notifications_total") == [
        ({"channel": "mq", "outcome": "told"}, 1.0),
        ({"channel": "mq", "outcome": "later"}, 0.0),
        ({"channel": "mq", "outcome": "never"}, 0.0),
    ]


# --- the vocabulary --------------------------------------------------------------------------


def test_the_whole_vocabulary_makes_a_page_that_both_parsers_take():
    page = page_of()
    readings = [Reading(name, 1, "a") for name, word in vocabulary().items() if word.metric]
    layout, values = arrange(readings)
    page.observe(Observation("sw-1", "snmp", AT, 0.0, layout, values), 0.01)
    for word in vocabulary().values():
        if word.metric:
            assert ({**word.labels, "part": "a"}, 1.0) in samples(page, f"secmon_{word.metric}")
            assert (word.type == "counter") == word.metric.endswith("_total")


# --- what a scraper asks for -----------------------------------------------------------------

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("text/html, application/xhtml+xml, */*;q=0.8", False),
        (PROMETHEUS_2, True),
        ("text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5", False),
        ('Application/OpenMetrics-Text; version="1.0.0"', True),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;version=1.0.0;q=0", False),
        ("application/openmetrics-text;q=much", False),
        (";;,=,;q=nan,\x00", False),
    ],
)
def test_openmetrics_only_when_it_is_asked_for_and_liked_no_less(accept, openmetrics):
    assert wants_openmetrics(accept) is openmetrics


@pytest.mark.parametrize(
    ("accept", "gzip"),
    [
        ("", False),
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("identity", False),
        ("gzip;q=0, *", False),
        ("*", True),
        ("*;q=0", False),
    ],
)
def test_gzip_only_when_it_is_allowed(accept, gzip):
    assert wants_gzip(accept) is gzip
