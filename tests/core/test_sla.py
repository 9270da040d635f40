"""The clocks of DB33/T 830-2011, 5.1.1 as CONTRACT 5 runs them: from detection, never paused."""

from datetime import timedelta

import pytest

from secmon.core import sla
from secmon.core.model import Clock, Sla, TicketState, Verb, Way
from secmon.core.tickets import as_json
from tests.core.world import HOUR, MINUTE, Site, at, device, opened, policy, warm_room

# detected at 0: 0.5 h, 4 h, 8 h, and 80 % of each
ALL = [
    (0.8 * 30 * MINUTE, "respond", "due_soon"),
    (30 * MINUTE, "respond", "overdue"),
    (0.8 * 4 * HOUR, "arrive", "due_soon"),
    (4 * HOUR, "arrive", "overdue"),
    (0.8 * 8 * HOUR, "repair", "due_soon"),
    (8 * HOUR, "repair", "overdue"),
]


def test_due_is_detected_at_plus_the_sla() -> None:
    site = opened(start=1000)
    ticket = site.only()
    assert ticket.detected_at == at(1000)
    assert ticket.due == {
        Clock.RESPOND: at(1000) + timedelta(minutes=30),
        Clock.ARRIVE: at(1000) + timedelta(hours=4),
        Clock.REPAIR: at(1000) + timedelta(hours=8),
    }


def test_a_stricter_contract() -> None:
    strict = Sla(timedelta(minutes=10), timedelta(hours=1), timedelta(hours=2))
    site = Site(policy([device("room", kind="machine-room")], sla=strict))
    opened(site)
    assert [site.only().due[clock] for clock in Clock] == [at(600), at(HOUR), at(2 * HOUR)]
    site.sleep(3 * HOUR)
    assert site.rings()[:2] == [(480, "respond", "due_soon"), (600, "respond", "overdue")]


def test_notices_at_exactly_their_moments_by_time_alone() -> None:
    site = opened()
    site.sleep(48 * HOUR)
    assert site.rings() == ALL


def test_a_late_timer_still_tells_each_at_its_own_moment() -> None:
    site = opened()
    site.time(48 * HOUR)
    assert site.rings() == ALL


@pytest.mark.parametrize("moment", [24 * MINUTE, 30 * MINUTE, 8 * HOUR])
def test_not_a_moment_too_early(moment) -> None:
    site = opened()
    site.sleep(moment - 0.001)
    before = len(site.rings())
    site.sleep(moment)
    assert len(site.rings()) == before + 1
    site.sleep(moment + 0.001)
    assert len(site.rings()) == before + 1, "told once"


def test_overdue_begins_at_the_due_moment() -> None:
    ticket = opened().only()
    assert sla.overdue(ticket, at(30 * MINUTE - 0.001)) == ()
    assert sla.overdue(ticket, at(30 * MINUTE)) == (Clock.RESPOND,), "as the notice says"
    assert sla.overdue(ticket, at(4 * HOUR + 1)) == (Clock.RESPOND, Clock.ARRIVE)


def test_each_mark_stops_its_clock() -> None:
    site = opened()
    site.act(Verb.ACKNOWLEDGE, 10 * MINUTE)
    site.act(Verb.ARRIVE, 2 * HOUR)
    site.sleep(7 * HOUR)
    assert site.rings() == [(0.8 * 8 * HOUR, "repair", "due_soon")]
    site.act(Verb.REPAIR, 7 * HOUR)
    site.sleep(48 * HOUR)
    assert site.rings() == [(0.8 * 8 * HOUR, "repair", "due_soon")]
    assert as_json(site.only(), at(48 * HOUR))["overdue"] == []


def test_arriving_does_not_respond_for_anybody_else() -> None:
    """Marks are of one ticket: each clock stops at its own mark only."""
    site = opened()
    site.act(Verb.ACKNOWLEDGE, 10 * MINUTE)
    site.sleep(5 * HOUR)
    assert [ring for ring in site.rings() if ring[1] == "respond"] == []
    assert [ring for ring in site.rings() if ring[1] == "arrive"] == ALL[2:4]


def test_no_clock_is_ever_paused() -> None:
    site = opened()
    site.act(Verb.NOTE, 5 * MINUTE, note="waiting for the owner")
    site.act(Verb.ASSIGN, 6 * MINUTE, to="zhao")
    site.act(Verb.TRANSFER, 7 * MINUTE, way=Way.ON_SITE)
    site.sleep(48 * HOUR)
    assert site.rings() == ALL


def test_cleared_stops_all() -> None:
    site = opened()
    site.good("room", 10 * MINUTE, temperature_celsius=22.0)
    site.sleep(48 * HOUR)
    assert site.rings() == []
    assert sla.overdue(site.only(), at(48 * HOUR)) == ()
    assert sla.stopped(site.only(), Clock.REPAIR) == at(10 * MINUTE)


def test_a_relapse_runs_on_from_the_first_due() -> None:
    site = opened()
    site.good("room", 10 * MINUTE, temperature_celsius=22.0)
    site.sleep(15 * MINUTE)
    opened(site, 16 * MINUTE)
    site.sleep(48 * HOUR)
    assert site.rings() == ALL


def test_a_relapse_after_the_due_moment_is_overdue_at_once() -> None:
    site = opened()
    site.good("room", 10 * MINUTE, temperature_celsius=22.0)
    site.sleep(HOUR)
    opened(site, HOUR)
    assert (HOUR + 120, "respond", "overdue") in site.rings()
    assert sla.overdue(site.only(), at(HOUR + 121)) == (Clock.RESPOND,)


def test_a_relapse_takes_the_repair_back_and_its_clock_runs_on() -> None:
    site = opened()
    for verb, minute in ((Verb.ACKNOWLEDGE, 3), (Verb.ARRIVE, 4), (Verb.REPAIR, 5)):
        site.act(verb, minute * MINUTE)
    site.good("room", 6 * MINUTE, temperature_celsius=22.0)
    opened(site, 30 * MINUTE)
    assert site.only().state is TicketState.ACKNOWLEDGED
    site.sleep(48 * HOUR)
    assert site.rings() == ALL[4:], "it was answered and arrived at; only the repair is owed"


def test_by_phone_nobody_arrives() -> None:
    site = opened()
    site.act(Verb.ACKNOWLEDGE, 5 * MINUTE)
    site.act(Verb.TRANSFER, 6 * MINUTE, way=Way.PHONE)
    site.sleep(48 * HOUR)
    assert site.rings() == ALL[4:]


def test_back_on_site_the_arrive_clock_applies_again() -> None:
    site = opened()
    site.act(Verb.ACKNOWLEDGE, 5 * MINUTE)
    site.act(Verb.TRANSFER, 6 * MINUTE, way=Way.PHONE)
    site.act(Verb.TRANSFER, 7 * MINUTE, way=Way.ON_SITE)
    site.sleep(48 * HOUR)
    assert site.rings() == ALL[2:]


def test_an_ended_ticket_rings_no_more() -> None:
    site = opened()
    site.act(Verb.CANCEL, 10 * MINUTE, note="a test of the sensor")
    site.sleep(48 * HOUR)
    assert site.rings() == []


@pytest.mark.parametrize(("minute", "kept"), [(29, True), (30, True), (31, False)])
def test_a_clock_that_was_kept(minute, kept) -> None:
    site = opened()
    ticket = site.act(Verb.ACKNOWLEDGE, minute * MINUTE)
    assert ticket.settled == {Clock.RESPOND: kept}


def test_at_the_end_every_clock_is_settled() -> None:
    site = opened()
    site.good("room", 5 * HOUR, temperature_celsius=22.0)
    ticket = site.act(Verb.CLOSE, 9 * HOUR, note="自行恢复")
    assert ticket.settled == {Clock.RESPOND: False, Clock.ARRIVE: False, Clock.REPAIR: True}


def test_every_channel_is_told() -> None:
    site = Site(policy([device("room", kind="machine-room")], channels=("mq", "hook")))
    opened(site)
    site.sleep(25 * MINUTE)
    assert [(n.to, n.reason) for n in site.notices] == [
        ("mq", "opened"),
        ("hook", "opened"),
        ("mq", "due_soon"),
        ("hook", "due_soon"),
    ]


def test_a_ticket_that_opens_late_rings_for_what_has_passed() -> None:
    """A soak longer than the time to respond: nothing of the clocks may be lost."""
    from tests.core.world import WARM, rule

    slow = rule("slow", WARM.reading, WARM.op, 25, soak=45 * MINUTE)
    site = Site(policy([device("room", kind="machine-room")], [slow]))
    for minute in range(46):
        site.good("room", minute * MINUTE, temperature_celsius=26.0)
    assert (45 * MINUTE, "respond", "overdue") in site.rings()


def test_the_timer_sleeps_till_the_next_notice() -> None:
    from secmon.core.decide import wake

    site = warm_room()
    assert wake(site.world) is None
    opened(site)
    for moment, _, _ in ALL:
        assert wake(site.world) == at(moment)
        site.time(moment)
