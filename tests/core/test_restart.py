"""A restart and a reload: what is known goes on, what is gone leaves its tickets."""

import pytest

from secmon.core.decide import revive, wake
from secmon.core.model import (
    FaultState,
    Feed,
    Op,
    ProbePlan,
    Reason,
    Refusal,
    Ticket,
    TicketState,
    Verb,
    Where,
)
from tests.core.world import (
    HOUR,
    MINUTE,
    PORT,
    REFUSING,
    SILENCE,
    WARM,
    Site,
    at,
    device,
    opened,
    policy,
    rule,
    silent,
    warm_room,
)

ROOM = device("room", kind="machine-room")


# --- restart ---------------------------------------------------------------------------------


def test_the_same_tickets_and_clocks() -> None:
    site = opened()
    site.act(Verb.ACKNOWLEDGE, 130)
    before = site.only()
    change = site.restart(600, alive=130)
    assert not change.durable, "a restart alone changes nothing"
    assert site.only() == before
    assert wake(site.world) == at(0.8 * 4 * HOUR), "80 % of the time to arrive"
    site.sleep(48 * HOUR)
    assert [clock for _, clock, _ in site.rings()] == ["arrive", "arrive", "repair", "repair"]


def test_a_number_is_still_known() -> None:
    site = opened()
    number = site.only().number
    site.restart(600, alive=130)
    assert isinstance(site.act(Verb.ACKNOWLEDGE, 610, number), Ticket)


def test_what_fell_due_while_we_were_away_is_told_once() -> None:
    site = opened()
    site.sleep(25 * MINUTE)
    site.restart(5 * HOUR, alive=25 * MINUTE)
    site.sleep(6 * HOUR)
    assert [(clock, reason) for _, clock, reason in site.rings()] == [
        ("respond", "due_soon"),
        ("respond", "overdue"),
        ("arrive", "due_soon"),
        ("arrive", "overdue"),
    ]


def test_an_active_fault_neither_relapses_nor_opens_again() -> None:
    site = opened()
    site.restart(600, alive=130)
    site.good("room", 605, temperature_celsius=26.0)
    site.good("room", 635, temperature_celsius=26.0)
    assert site.told() == [(120, "opened")]
    site.good("room", 665, temperature_celsius=22.0)
    assert site.only().cleared_at == at(665)


def test_a_clearing_fault_is_still_between() -> None:
    site = opened()
    site.good("room", 150, temperature_celsius=24.8)
    site.restart(3600, alive=155)
    site.good("room", 3605, temperature_celsius=24.8)
    assert site.fault("room", WARM.id).state is FaultState.CLEARING
    assert site.only().cleared_at is None


def test_the_soak_goes_on_over_a_short_restart() -> None:
    site = warm_room()
    site.good("room", 0, temperature_celsius=26.0)
    site.good("room", 30, temperature_celsius=26.0)
    site.restart(60, alive=40)
    site.good("room", 90, temperature_celsius=26.0)
    assert site.open() == []
    site.good("room", 120, temperature_celsius=26.0)
    assert site.only().detected_at == at(0)


@pytest.mark.parametrize(("away", "detected"), [(89, 0), (90, 150)])
def test_it_begins_anew_when_we_were_away_for_three_intervals(away, detected) -> None:
    site = warm_room()
    for when in (0, 30, 60):
        site.good("room", when, temperature_celsius=26.0)
    site.restart(60 + away, alive=60)
    for when in range(60 + away, 320, 30):
        site.good("room", when, temperature_celsius=26.0)
    assert site.only().detected_at == at(detected)


def test_a_soak_that_is_lost_is_lost_in_the_store_too() -> None:
    site = warm_room()
    site.good("room", 0, temperature_celsius=26.0)
    assert len(site.stored) == 1
    site.restart(600, alive=10)
    assert site.stored == {}
    assert site.world.faults == {}


def test_never_seen_alive_counts_as_long_away() -> None:
    site = warm_room()
    site.good("room", 0, temperature_celsius=26.0)
    world, change = revive(
        list(site.stored.values()), [], {}, site.policy, now=at(10), tick=5, alive_at=None
    )
    assert list(change.faults.values()) == [None]
    assert world.tickets == {}


def test_a_lost_soak_does_not_hold_a_ticket_open() -> None:
    """The sensor died (ticket), came back hot (a suspect), and we were away: it is cool now."""
    dead = rule("dead", "temperature_celsius", Op.MISSING, soak=60)
    one = device("room", kind="machine-room", brings=["temperature_celsius"])
    site = Site(policy([one], [WARM, dead]))
    for when in (0, 30, 60):
        site.good("room", when, humidity_ratio=0.4)
    site.good("room", 90, temperature_celsius=27.0)
    assert site.only().cleared_at is None
    site.restart(600, alive=95)
    site.good("room", 605, temperature_celsius=22.0)
    assert site.only().cleared_at is not None


def test_hidden_children_stay_hidden_over_a_restart() -> None:
    site = Site(policy([device("sw"), device("cam", "sw")], [SILENCE]))
    for step in range(5):
        site.fails("cam", 30 * step)
        site.fails("sw", 30 * step + 2)
    site.restart(200, alive=125)
    for when in range(205, 500, 30):
        site.fails("cam", when)
        site.fails("sw", when + 2)
    assert site.only().device == "sw"
    assert site.told() == [(62, "opened")]
    site.good("sw", 510)
    assert site.fault("cam", "no-answer").state is FaultState.SUSPECT


def test_facts_are_known_after_a_restart() -> None:
    from dataclasses import replace

    from tests.core.world import good

    site = warm_room()
    site.take(replace(good("room", 0), facts={"serial": "S1"}))
    site.restart(10, alive=5)
    assert site.world.facts == {"room": {"serial": "S1"}}
    assert not site.take(replace(good("room", 20), facts={"serial": "S1"})).durable


def test_the_site_file_changed_while_we_were_away() -> None:
    site = opened()
    site.restart(600, alive=130, policy=policy([device("hall")]))
    assert site.world.faults == {}
    assert site.only().removed


# --- reload ----------------------------------------------------------------------------------


def test_a_reload_that_changes_nothing_writes_nothing() -> None:
    site = opened()
    site.good("room", 130, temperature_celsius=27.0)
    assert not site.adopt(policy([ROOM]), 140).durable


def test_a_removed_device() -> None:
    site = opened()
    site.adopt(policy([device("hall")]), 200)
    assert site.world.faults == {}
    assert site.stored == {}
    ticket = site.only()
    assert ticket.removed
    assert ticket.cleared_at is None
    assert [entry.what for entry in site.journal] == ["opened", "removed"]
    assert "device removed" in site.journal[-1].why


def test_a_removed_rule() -> None:
    site = opened()
    site.adopt(policy([ROOM], [SILENCE]), 200)
    assert site.world.faults == {}
    assert site.only().removed
    assert "rule removed" in site.journal[-1].why


def test_a_ticket_of_a_removed_device_waits_for_a_persons_word() -> None:
    site = opened()
    site.adopt(policy([device("hall")]), 200)
    site.sleep(300)
    refusal = site.act(Verb.CLOSE, 310)
    assert isinstance(refusal, Refusal)
    closed = site.act(Verb.CLOSE, 320, note="the room was given up")
    assert isinstance(closed, Ticket)
    assert closed.state is TicketState.CLOSED


def test_a_device_that_is_back_takes_its_ticket_up_again() -> None:
    site = opened()
    number = site.only().number
    site.adopt(policy([device("hall")]), 200)
    site.adopt(policy([ROOM]), 300)
    assert site.only().removed, "nobody has looked at it yet"
    opened(site, 310)
    assert (site.only().number, site.only().removed) == (number, False)
    site.good("room", 500, temperature_celsius=22.0)
    assert site.only().cleared_at == at(500)


def test_it_is_marked_once() -> None:
    site = opened()
    site.adopt(policy([device("hall")]), 200)
    assert not site.adopt(policy([device("hall")]), 210).durable


def test_a_removed_device_can_be_verified_by_a_persons_word() -> None:
    from secmon.core.model import Way

    site = opened()
    site.adopt(policy([device("hall")]), 200)
    site.act(Verb.ACKNOWLEDGE, 210)
    site.act(Verb.REPAIR, 220, way=Way.PHONE)
    assert isinstance(site.act(Verb.VERIFY, 230), Ticket)


@pytest.mark.parametrize(("limit", "open_"), [(27, False), (24, True)])
def test_a_changed_limit_is_judged_at_the_next_observation(limit, open_) -> None:
    site = warm_room() if open_ else opened()
    new = rule(WARM.id, WARM.reading, Op.ABOVE, limit, where=Where(kind="machine-room"))
    if open_:
        site.good("room", 120, temperature_celsius=24.9)
    site.adopt(policy([ROOM], [new]), 125)
    assert bool(site.open()) is not open_
    site.good("room", 150, temperature_celsius=24.9 if open_ else 26.0)
    assert (site.only().cleared_at is None) is open_


def test_a_soak_goes_on_over_a_reload() -> None:
    site = warm_room()
    for when in (0, 30, 60):
        site.good("room", when, temperature_celsius=26.0)
    site.adopt(policy([ROOM]), 70)
    site.good("room", 90, temperature_celsius=26.0)
    site.good("room", 120, temperature_celsius=26.0)
    assert site.only().detected_at == at(0)


def test_a_rule_that_no_longer_speaks_of_the_device_takes_its_fault_along() -> None:
    """The rule has the same id and speaks of another kind now: nobody could ever clear it."""
    site = opened()
    elsewhere = rule(WARM.id, WARM.reading, Op.ABOVE, 25, where=Where(kind="ups"))
    site.adopt(policy([ROOM], [elsewhere]), 200)
    assert site.world.faults == {}
    assert site.only().removed


def test_a_rule_that_was_switched_off_takes_its_fault_along() -> None:
    site = opened()
    off = rule(WARM.id, WARM.reading, Op.ABOVE, 25, where=WARM.where, off=True)
    site.adopt(policy([ROOM], [off]), 200)
    assert site.world.faults == {}
    assert site.only().removed


def test_a_port_that_is_watched_no_more_takes_its_fault_along() -> None:
    site = Site(policy([device("sw", watched=["p1"])], [PORT]))
    for when in (0, 30):
        site.good("sw", when, interface_up={"p1": False})
    assert site.only().part == "p1"
    site.adopt(policy([device("sw")], [PORT]), 40)
    assert site.world.faults == {}
    assert site.only().removed


def test_a_probe_that_is_gone_takes_its_fault_along() -> None:
    two = [ProbePlan("snmp", "snmp", 30, 5), ProbePlan("icmp", "icmp", 30, 5)]
    site = Site(policy([device("sw", probes=two)], [SILENCE, REFUSING]))
    for when in range(0, 181, 30):
        site.fails("sw", when, "snmp", Reason.REFUSED)
    assert site.only().part == "snmp"
    site.adopt(policy([device("sw", probes=two[1:])], [SILENCE, REFUSING]), 200)
    assert site.world.faults == {}
    assert site.only().removed


def test_a_device_that_is_no_longer_probed_takes_its_silence_along() -> None:
    site = Site(policy([device("sw")], [SILENCE]))
    silent(site, "sw", 0, 60)
    site.adopt(policy([device("sw", probes=[])], [SILENCE]), 100)
    assert site.world.faults == {}
    assert site.only().removed


def test_a_removed_parent_shows_the_child_and_its_soak_begins_anew() -> None:
    site = Site(policy([device("sw"), device("cam", "sw")], [SILENCE]))
    for step in range(5):
        site.fails("cam", 30 * step)
        site.fails("sw", 30 * step + 2)
    assert site.fault("cam", "no-answer").hidden_by == "sw"
    site.adopt(policy([device("cam")], [SILENCE]), 150)
    site.fails("cam", 155)
    site.fails("cam", 185)
    assert [ticket.device for ticket in site.open()] == ["sw"]
    site.fails("cam", 215)
    (cam,) = [ticket for ticket in site.open() if ticket.device == "cam"]
    assert at(150) <= cam.detected_at <= at(155), "when it stopped being hidden"


def test_a_child_that_was_moved_to_another_parent_shows() -> None:
    both = [device("sw"), device("other")]
    site = Site(policy([*both, device("cam", "sw")], [SILENCE]))
    for step in range(5):
        site.fails("cam", 30 * step)
        site.fails("sw", 30 * step + 2)
        site.good("other", 30 * step + 3)
    site.adopt(policy([*both, device("cam", Feed("other"))], [SILENCE]), 150)
    for step in range(5):
        site.good("other", 151 + 30 * step)
        site.fails("sw", 152 + 30 * step)
        site.fails("cam", 153 + 30 * step)
    assert sorted(ticket.device for ticket in site.open()) == ["cam", "sw"]


def test_an_untouched_device_keeps_what_it_did() -> None:
    site = opened()
    before = site.only()
    site.adopt(policy([ROOM, device("hall")]), 200)
    assert site.only() == before
    assert site.fault("room", WARM.id).state is FaultState.ACTIVE
