"""A dead and a stuck sensor are faults, and never read as cool (4.4.1.2; HOUSE 10)."""

import pytest

from secmon.core.model import FaultState, Op, Reason
from tests.core.world import HOUR, WARM, Site, at, device, policy, rule

DEAD = rule("dead", "temperature_celsius", Op.MISSING, soak=120)
STUCK = rule("stuck", "temperature_celsius", Op.STUCK, soak=6 * HOUR)


def room(*rules) -> Site:
    one = device("room", kind="machine-room", brings=["temperature_celsius"], every=60)
    return Site(policy([one], rules or (WARM, DEAD, STUCK)))


def polls(site: Site, start: float, end: float, celsius: object, every: float = 60) -> None:
    """Polls from start to end; `celsius` is a number, None for no reading, or a function."""
    when = start
    while when <= end:
        value = celsius(when) if callable(celsius) else celsius
        if value is None:
            site.good("room", when, humidity_ratio=0.4)
        else:
            site.good("room", when, temperature_celsius=value, humidity_ratio=0.4)
        when += every


def wobbling(when: float) -> float:
    return 21.0 + (when // 60 % 7) / 10


# --- dead ------------------------------------------------------------------------------------


def test_a_dead_sensor() -> None:
    site = room()
    polls(site, 0, 600, wobbling)
    polls(site, 660, 720, None)
    assert site.open() == []
    polls(site, 780, 780, None)
    ticket = site.only()
    assert (ticket.rule, ticket.detected_at, ticket.value) == ("dead", at(660), None)


def test_it_comes_back() -> None:
    site = room()
    polls(site, 0, 300, None)
    assert site.only().rule == "dead"
    polls(site, 360, 360, 21.0)
    assert site.only().cleared_at == at(360)


def test_a_hot_room_whose_sensor_dies_is_still_hot() -> None:
    site = room()
    polls(site, 0, 180, 27.0)
    polls(site, 240, 1200, None)
    ticket = site.only()
    assert ticket.cleared_at is None
    assert site.fault("room", WARM.id).state is FaultState.ACTIVE
    assert site.fault("room", "dead").state is FaultState.ACTIVE
    polls(site, 1260, 1260, 22.0)
    assert site.only().cleared_at == at(1260)


def test_one_poll_without_it_is_nothing() -> None:
    site = room()
    polls(site, 0, 60, None)
    polls(site, 120, 120, 21.0)
    polls(site, 180, 240, None)
    assert site.open() == []


@pytest.mark.parametrize("reason", list(Reason))
def test_a_failed_poll_is_no_dead_sensor(reason) -> None:
    site = room()
    for when in range(0, 1200, 60):
        site.fails("room", when, reason=reason)
    assert site.fault("room", "dead") is None


def test_what_a_probe_need_not_bring_is_not_missed() -> None:
    site = Site(policy([device("room", kind="machine-room")], [DEAD]))
    polls(site, 0, 1200, None)
    assert site.open() == []


# --- stuck -----------------------------------------------------------------------------------


def test_a_stuck_sensor() -> None:
    site = room()
    polls(site, 0, 600, wobbling)
    polls(site, 660, 660 + 6 * HOUR - 60, 21.35)
    assert site.open() == []
    polls(site, 660 + 6 * HOUR, 660 + 6 * HOUR, 21.35)
    ticket = site.only()
    assert (ticket.rule, ticket.value, ticket.detected_at) == ("stuck", 21.35, at(660 + 6 * HOUR))


def test_it_moves_again() -> None:
    site = room()
    polls(site, 0, 7 * HOUR, 21.3)
    polls(site, 7 * HOUR + 60, 7 * HOUR + 60, 21.4)
    assert site.only().cleared_at == at(7 * HOUR + 60)


def test_a_value_that_moves_now_and_then_is_not_stuck() -> None:
    site = room()
    polls(site, 0, 24 * HOUR, lambda when: 21.0 + (when // (5 * HOUR)) / 10)
    assert site.open() == []


def test_it_is_stuck_at_a_hot_value_too() -> None:
    site = room()
    polls(site, 0, 7 * HOUR, 27.0)
    assert len(site.open()) == 1, "one reading, one ticket"
    assert {key.rule for key in site.world.faults} == {WARM.id, "stuck"}


def test_a_lost_poll_or_two_does_not_loosen_it() -> None:
    site = room()
    polls(site, 0, 3 * HOUR, 21.3)
    site.fails("room", 3 * HOUR + 60)
    site.fails("room", 3 * HOUR + 120)
    polls(site, 3 * HOUR + 180, 6 * HOUR, 21.3)
    assert site.only().detected_at == at(6 * HOUR)


def test_a_gap_starts_the_soak_anew() -> None:
    site = room()
    polls(site, 0, 5 * HOUR, 21.3)
    polls(site, 5 * HOUR + 600, 7 * HOUR, 21.3)
    assert site.open() == [], "it may have moved in between"
    polls(site, 7 * HOUR + 60, 11 * HOUR + 600, 21.3)
    assert site.only().detected_at == at(5 * HOUR + 600 + 6 * HOUR)


def test_a_gap_does_not_clear_a_sensor_that_is_stuck() -> None:
    site = room()
    polls(site, 0, 6 * HOUR, 21.3)
    assert site.only().rule == "stuck"
    polls(site, 7 * HOUR, 8 * HOUR, 21.3)
    assert site.only().cleared_at is None, "nothing says that it moves again"
    polls(site, 9 * HOUR, 9 * HOUR, 21.5)
    assert site.only().cleared_at == at(9 * HOUR), "this does"


def test_a_step_of_the_wall_clock_loosens_nothing() -> None:
    from tests.core.world import good

    site = room()
    polls(site, 0, 3 * HOUR, 21.3)
    for step in range(1, 182):
        ticked = site.ticks + 3 * HOUR + 60 * step
        when = 3 * HOUR + 60 * step + 1800  # the clock was set half an hour on
        site.take(good("room", when, tick=ticked, temperature_celsius=21.3, humidity_ratio=0.4))
    assert site.only().rule == "stuck"


def test_another_layout_loosens_nothing() -> None:
    """A reading that comes later (a rate, a float charge) must not hide that this one stands."""
    site = room()
    polls(site, 0, 1 * HOUR, 21.3)
    for when in range(3660, int(6 * HOUR) + 1, 60):
        site.good("room", when, temperature_celsius=21.3, on_battery=False)
    assert site.only().detected_at == at(6 * HOUR)


def test_stuck_over_a_restart() -> None:
    site = room()
    polls(site, 0, 4 * HOUR, 21.3)
    site.restart(4 * HOUR + 90, alive=4 * HOUR + 5)
    polls(site, 4 * HOUR + 120, 6 * HOUR, 21.3)
    assert site.only().detected_at == at(6 * HOUR)


def test_a_restart_does_not_make_a_moving_value_stuck() -> None:
    site = room()
    polls(site, 0, 4 * HOUR, 21.3)
    site.restart(4 * HOUR + 90, alive=4 * HOUR + 5)
    polls(site, 4 * HOUR + 120, 6 * HOUR + 300, 21.4)
    assert site.open() == []


def test_a_long_restart_starts_the_soak_anew() -> None:
    site = room()
    polls(site, 0, 4 * HOUR, 21.3)
    site.restart(5 * HOUR, alive=4 * HOUR + 5)
    polls(site, 5 * HOUR, 7 * HOUR, 21.3)
    assert site.open() == []


def test_a_stuck_ticket_outlives_a_long_restart() -> None:
    site = room()
    polls(site, 0, 6 * HOUR, 21.3)
    site.restart(9 * HOUR, alive=6 * HOUR + 5)
    polls(site, 9 * HOUR, 9 * HOUR + 300, 21.3)
    assert site.only().cleared_at is None
    polls(site, 9 * HOUR + 360, 9 * HOUR + 360, 21.4)
    assert site.only().cleared_at is not None
