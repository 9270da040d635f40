"""/metrics: what is on the page after which polls and reloads, and what has gone."""

from dataclasses import replace

import pytest

from secmon.core.model import (
    Feed,
    Observation,
    Reading,
    Reason,
    arrange,
)
from tests.adapters.exposition_page import (
    AT,
    HOUR,
    ICMP,
    NUT,
    SNMP,
    Labels,
    failed,
    lines,
    page_of,
    parts,
    policy,
    samples,
    seen,
    switch,
)

# --- vanishing -------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", Reason)
def test_a_failed_poll_takes_all_readings_away_and_the_next_good_one_brings_them_back(reason):
    page, good = page_of(), seen(Reading("temperature_celsius", 21.5))
    page.observe(good, 0.01)
    page.observe(failed(reason), 0.01)
    assert "secmon_temperature_celsius" not in samples(page)
    page.observe(good, 0.01)
    assert parts(page, "secmon_temperature_celsius") == {"": "21.5"}


def test_a_reading_or_part_that_a_poll_lacks_vanishes_at_once():
    page = page_of()
    both = (Reading("interface_up", True, "1"), Reading("interface_up", False, "2"))
    page.observe(seen(*both, Reading("temperature_celsius", 20)), 0.01)
    page.observe(seen(both[1]), 0.01)
    assert parts(page, "secmon_interface_up") == {"2": "0"}
    assert "secmon_temperature_celsius" not in samples(page)


def test_the_failure_of_one_probe_leaves_the_readings_of_another():
    page = page_of(switch(probes=(SNMP, NUT)))
    page.observe(seen(Reading("temperature_celsius", 21.5)), 0.01)
    page.observe(failed(Reason.TIMEOUT, "nut"), 0.01)
    assert "secmon_temperature_celsius" in samples(page)


def test_a_driver_may_fill_the_same_list_again():
    page = page_of()
    layout, values = arrange([Reading("temperature_celsius", 20)])
    for value in (20, 25):
        values[0] = value
        page.observe(Observation("sw-1", "snmp", AT, 0.0, layout, values), 0.01)
    assert parts(page, "secmon_temperature_celsius") == {"": "25"}


# --- two probes of one device ----------------------------------------------------------------


def test_a_reading_that_two_probes_bring_is_one_series_of_the_first_that_brought_it():
    page = page_of(switch(probes=(SNMP, NUT)))
    of_snmp = seen(Reading("temperature_celsius", 1, "a"), Reading("temperature_celsius", 2, "b"))
    of_nut = seen(
        Reading("temperature_celsius", 8, "b"), Reading("temperature_celsius", 9, "c"), probe="nut"
    )
    shown = []
    for poll in (of_snmp, of_nut, failed(Reason.TIMEOUT), of_nut, of_snmp):
        page.observe(poll, 0.01)
        samples(page)
        shown.append(parts(page, "secmon_temperature_celsius"))
    assert shown == [
        {"a": "1", "b": "2"},
        {"a": "1", "b": "2", "c": "9"},
        {"c": "9"},
        {"b": "8", "c": "9"},
        {"a": "1", "b": "8", "c": "9"},
    ]


def test_of_two_probes_with_one_reading_one_may_lose_parts():
    page = page_of(switch(probes=(SNMP, NUT)))

    def poll(probe: str, names: str) -> Labels:
        page.observe(seen(*(Reading("interface_up", 1, n) for n in names), probe=probe), 0.01)
        return parts(page, "secmon_interface_up")

    assert poll("snmp", "a").keys() == {"a"}
    assert poll("nut", "abc").keys() == {"a", "b", "c"}
    assert poll("nut", "b").keys() == {"a", "b"}
    assert poll("snmp", "bd").keys() == {"b", "d"}


def test_readings_of_two_probes_of_one_driver_carry_the_probe():
    twins = tuple(replace(NUT, label=f"nut:{name}") for name in ("a", "b"))
    page = page_of(switch(probes=twins))
    for value, twin in enumerate(twins):
        page.observe(seen(Reading("temperature_celsius", value), probe=twin.label), 0.01)
    found = samples(page)["secmon_temperature_celsius"]
    assert [(la["probe"], value) for la, value in found] == [("nut:a", 0.0), ("nut:b", 1.0)]


# --- polls -----------------------------------------------------------------------------------

UP = {  # CONTRACT 4, secmon_device_up; what the latest poll of (snmp, icmp) ended in
    ("good", "good"): 1,
    ("good", "never"): 1,
    ("never", "good"): 1,
    ("good", "timeout"): 1,
    ("refused", "timeout"): 1,
    ("garbled", "unreachable"): 1,
    ("unreachable", "unreachable"): 0,
    ("timeout", "unreachable"): 0,
    ("unreachable", "never"): None,
    ("never", "never"): None,
    ("internal", "internal"): None,
    ("internal", "timeout"): 0,
    ("internal", "never"): None,
    ("internal", "good"): 1,
}


@pytest.mark.parametrize(("ends", "up"), UP.items(), ids=str)
def test_device_up(ends, up):
    page = page_of(switch(probes=(SNMP, ICMP)))
    for probe, end in zip(("snmp", "icmp"), ends, strict=True):
        if end != "never":
            page.observe(seen(probe=probe), 0.01)
            page.observe(seen(probe=probe) if end == "good" else failed(Reason(end), probe), 0.01)
    assert [value for _, value in samples(page).get("secmon_device_up", [])] == (
        [] if up is None else [up]
    )


def test_the_series_of_a_poll():
    page = page_of()
    page.observe(seen(at=AT), 0.25)
    page.observe(failed(Reason.TIMEOUT, at=AT + HOUR), 5.0)
    found = {
        name: value
        for name, ((labels, value), *_) in samples(page).items()
        if labels.get("probe") == "snmp" and "failures" not in name
    }
    assert found == {
        "secmon_probe_success": 0,
        "secmon_probe_duration_seconds": 5.0,
        "secmon_probe_last_run_timestamp_seconds": (AT + HOUR).timestamp(),
        "secmon_probe_last_success_timestamp_seconds": AT.timestamp(),
    }


def test_failures_are_counted_by_reason_and_every_reason_stands_there_from_the_start():
    page = page_of()
    zero = {la["reason"]: value for la, value in samples(page)["secmon_probe_failures_total"]}
    assert zero == dict.fromkeys(map(str, Reason), 0)
    for reason in (Reason.TIMEOUT, Reason.REFUSED, Reason.TIMEOUT):
        page.observe(failed(reason), 0.01)
    found = {la["reason"]: value for la, value in samples(page)["secmon_probe_failures_total"]}
    assert found == zero | {"timeout": 2, "refused": 1}


def test_device_info_is_what_the_site_file_says_else_what_the_device_told():
    parents = (Feed("ups-1"), Feed("sw-0", "GE1/0/3"))
    page = page_of(switch(serial="S1", location='1F "west"', parents=parents))
    page.observe(seen(facts={"serial": "S2", "firmware": "7.1\n", "mac": "00"}), 0.01)
    page.learn({"sw-1": {"model": "S5130"}, "gone": {"model": "X"}})
    ((labels, value),) = samples(page)["secmon_device_info"]
    assert value == 1
    del labels["site"], labels["system"], labels["kind"], labels["device"]
    assert labels == {
        "name": "接入交换机",
        "model": "S5130",
        "serial": "S1",
        "firmware": "7.1\n",
        "location": '1F "west"',
        "parent": "ups-1,sw-0/GE1/0/3",
    }


# --- reload ----------------------------------------------------------------------------------


def test_a_reload_removes_what_is_gone_and_keeps_what_is_untouched():
    page = page_of(switch(), switch(id="sw-2"), switch(id="sw-3"))
    for device in ("sw-1", "sw-2", "sw-3"):
        page.observe(seen(Reading("temperature_celsius", 20), device=device), 0.01)
        page.observe(seen(Reading("temperature_celsius", 20), device="no-such"), 0.01)
    page.set_policy(policy(switch(name="new name"), switch(id="sw-3", system="platform")))
    found = samples(page)
    devices = {la["device"] for series in found.values() for la, _ in series if "device" in la}
    assert devices == {"sw-1", "sw-3"}
    assert [la["device"] for la, _ in found["secmon_temperature_celsius"]] == ["sw-1"]
    assert [la["device"] for la, _ in found["secmon_device_up"]] == ["sw-1"]
    assert [la["name"] for la, _ in found["secmon_device_info"]] == ["new name", "接入交换机"]


@pytest.mark.parametrize(
    "changed",
    [switch(address="192.0.2.9"), switch(probes=(replace(SNMP, profile="other"),))],
    ids=["address", "profile"],
)
def test_a_changed_probe_starts_afresh_but_its_failures_add_up(changed):
    page = page_of()
    page.observe(failed(Reason.TIMEOUT), 0.01)
    page.observe(seen(Reading("temperature_celsius", 20)), 0.01)
    page.set_policy(policy(changed))
    found = samples(page)
    assert not found.keys() & {
        "secmon_temperature_celsius",
        "secmon_device_up",
        "secmon_probe_success",
        "secmon_probe_last_success_timestamp_seconds",
    }
    assert sum(value for _, value in found["secmon_probe_failures_total"]) == 1
    page.observe(seen(Reading("temperature_celsius", 20)), 0.01)
    assert "secmon_temperature_celsius" in samples(page)


def test_a_removed_probe_leaves_nothing():
    page = page_of(switch(probes=(SNMP, NUT)))
    page.observe(seen(Reading("temperature_celsius", 20), probe="nut"), 0.01)
    page.set_policy(policy())
    assert not lines(page, "secmon_temperature_celsius")
    assert not [line for line in lines(page, "secmon_probe") if "nut" in line]
    page.observe(seen(probe="nut"), 0.01)
    assert not [line for line in lines(page, "secmon_probe") if "nut" in line]
