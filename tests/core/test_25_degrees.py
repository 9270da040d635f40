"""Clause 4.4.1.2 of DB33/T 830-2011: the machine room is kept below 25 °C.

Ours: above 25.0 °C for two minutes is a major fault, and it is good again at 24.5 °C or less.
"""

from datetime import timedelta

import pytest

from secmon.core.model import Clock, Severity
from secmon.standard.tables import shipped_rules, vocabulary
from tests.core.world import Site, at, device, policy, warm_room


def kept_at(celsius: float, site: Site, start: float = 0, minutes: float = 10) -> Site:
    for step in range(int(minutes * 2) + 1):
        site.good("room", start + 30 * step, temperature_celsius=celsius)
    return site


@pytest.mark.parametrize(("celsius", "bad"), [(24.6, False), (25.0, False), (25.1, True)])
def test_the_limit(celsius, bad) -> None:
    site = kept_at(celsius, warm_room())
    assert bool(site.open()) is bad


def test_two_minutes() -> None:
    site = kept_at(25.1, warm_room(), minutes=1.5)
    assert site.open() == []
    site.good("room", 119, temperature_celsius=25.1)
    assert site.open() == []
    site.good("room", 120, temperature_celsius=25.1)
    ticket = site.only()
    assert (ticket.severity, ticket.value, ticket.limit) == (Severity.MAJOR, 25.1, 25)
    assert (ticket.detected_at, ticket.opened_at) == (at(0), at(120))


@pytest.mark.parametrize(("celsius", "clear"), [(25.0, False), (24.6, False), (24.5, True)])
def test_good_again(celsius, clear) -> None:
    site = kept_at(25.1, warm_room(), minutes=2)
    site.good("room", 150, temperature_celsius=celsius)
    assert (site.only().cleared_at is not None) is clear


def test_a_dip_to_25_0_within_the_two_minutes_starts_them_anew() -> None:
    site = warm_room()
    for when, celsius in ((0, 25.1), (60, 25.1), (90, 25.0), (120, 25.1), (210, 25.1)):
        site.good("room", when, temperature_celsius=celsius)
    assert site.open() == []
    site.good("room", 240, temperature_celsius=25.1)
    assert site.only().detected_at == at(120)


def test_no_other_kind_of_device_is_a_machine_room() -> None:
    from tests.core.world import WARM

    site = Site(policy([device("ups", kind="ups")], [WARM]))
    site.good("ups", 0, temperature_celsius=38.0)
    site.good("ups", 120, temperature_celsius=38.0)
    assert site.open() == []


def test_the_rule_that_is_shipped_is_this_one() -> None:
    rules, words = shipped_rules(), vocabulary()
    room = device("room", kind="machine-room", system="center")
    site = Site(policy([room], rules, words=words))
    for when, celsius in ((0, 25.0), (30, 25.1), (90, 25.3), (149, 25.2)):
        site.good("room", when, temperature_celsius=celsius)
    assert site.open() == []
    site.good("room", 150, temperature_celsius=25.2)
    assert (site.only().severity, site.only().detected_at) == (Severity.MAJOR, at(30))
    assert site.only().due[Clock.RESPOND] == at(30) + timedelta(minutes=30)
    site.good("room", 180, temperature_celsius=24.6)
    assert site.only().cleared_at is None
    site.good("room", 210, temperature_celsius=24.5)
    assert site.only().cleared_at == at(210)
