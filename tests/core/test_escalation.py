"""Who is told, who is told next, and when it ends (4.4.1.1, 5.1.1): a room too warm since 09:00."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from secmon.core.decide import decide
from secmon.core.model import Action, Notice, Reason, Refusal, Severity, Verb
from secmon.core.wishes import Undelivered
from tests.core.duty import GRAVE, START, on_duty, roster, step
from tests.core.world import (
    HOUR,
    MINUTE,
    PORT,
    REFUSING,
    SILENCE,
    Site,
    at,
    device,
    good,
    opened,
    policy,
    seconds,
)

OPENED = 2 * MINUTE  # 09:02, when the warm room's ticket opens


def site(duty=None, **more) -> Site:
    room = device("room", kind="machine-room")
    here = Site(on_duty(policy([room], channels=("mq", "hook"), **more), duty))
    here.adopt(here.policy, 0.0)
    return opened(here)


def told(site: Site, *reasons: str, to: str = "mq") -> list[tuple[float, str, tuple[str, ...]]]:
    """(minutes after the opening, reason, people) of each notice on a channel."""
    return [
        ((seconds(one.at) - OPENED) / MINUTE, one.reason, one.people)
        for one in site.notices
        if one.to == to and (not reasons or one.reason in reasons)
    ]


def answers(site: Site, until: float, celsius: float = 26.0) -> None:
    """The room goes on saying so; the timer rings in between."""
    when = site.now + 30
    while when <= until:
        site.sleep(when)
        site.good("room", when, temperature_celsius=celsius)
        when += 30


def test_the_opened_notice_is_for_who_is_on_duty_and_programs_get_it_as_ever() -> None:
    here = site()
    assert told(here) == [(0.0, "opened", ("wang",))]
    assert told(here, to="hook") == [(0.0, "opened", ())]


def test_without_a_roster_everybody_is_told_everything_and_nobody_is_called() -> None:
    room = device("room", kind="machine-room")
    here = opened(Site(replace(policy([room]), read_by_people=frozenset(("mq",)))))
    here.sleep(2 * HOUR)
    assert told(here) == [
        *((0.0, "opened", ()), (22.0, "due_soon", ()), (28.0, "overdue", ())),
    ]
    assert here.only().calls == {}


def test_before_the_roster_begins_it_is_as_without_one() -> None:
    here = site(roster(start=START + timedelta(days=1)))
    here.sleep(OPENED + 2 * HOUR)
    assert told(here, "opened", "escalated") == [(0.0, "opened", ())]


def test_next_then_lead_then_manager_then_again() -> None:
    here = site()
    here.sleep(OPENED + 95 * MINUTE)
    assert told(here, "escalated") == [
        (10.0, "escalated", ("li",)),  # of the next shift: wang alone is on this one
        (20.0, "escalated", ("sun",)),
        (30.0, "escalated", ("zhou",)),
        (90.0, "escalated", ("zhou",)),  # again every hour
    ]
    facts = [
        dict(one.facts) for one in here.notices if one.reason == "escalated" and one.to == "mq"
    ]
    assert facts[:2] == [{"step": 1, "to": "next"}, {"step": 2, "to": "lead"}]
    assert here.only().called == {"wang", "li", "sun", "zhou"}


def test_the_rest_of_the_shift_comes_before_the_next_one() -> None:
    here = site(roster(({"day": ("wang", "zhao"), "night": ("li",)},)))
    assert told(here) == [(0.0, "opened", ("wang", "zhao"))]
    late = site(roster(({"day": ("wang",), "night": ("li",)},), steps=(step(12 * 60, "next"),)))
    late.sleep(OPENED + 12.5 * HOUR)
    assert told(late, "escalated") == [(720.0, "escalated", ("li",))]  # 21:02: li is there now


def test_it_ends_at_the_acknowledgement() -> None:
    here = site()
    here.sleep(OPENED + 15 * MINUTE)
    here.act(Verb.ACKNOWLEDGE, OPENED + 16 * MINUTE, by="li")
    here.sleep(OPENED + 3 * HOUR)
    assert [one[0] for one in told(here, "escalated")] == [10.0]


def test_notes_and_an_assignment_do_not_end_it() -> None:
    here = site()
    here.act(Verb.ASSIGN, OPENED + 1 * MINUTE, to="zhao")
    here.act(Verb.NOTE, OPENED + 2 * MINUTE, note="seen")
    here.sleep(OPENED + 25 * MINUTE)
    assert [one[0] for one in told(here, "escalated")] == [10.0, 20.0]


def test_it_ends_when_the_fault_clears() -> None:
    here = site()
    here.good("room", OPENED + 5 * MINUTE, temperature_celsius=20.0)
    here.sleep(OPENED + 3 * HOUR)
    assert told(here, "escalated") == []
    assert told(here, "cleared") == [(5.0, "cleared", ("wang",))]


def test_whoever_was_called_hears_the_end() -> None:
    here = site()
    answers(here, OPENED + 21 * MINUTE)
    here.good("room", OPENED + 22 * MINUTE, temperature_celsius=20.0)
    assert told(here, "cleared") == [(22.0, "cleared", ("wang", "li", "sun"))]


def test_it_is_armed_anew_on_relapse() -> None:
    here = site()
    here.act(Verb.ACKNOWLEDGE, OPENED + 1 * MINUTE)
    here.good("room", OPENED + 2 * MINUTE, temperature_celsius=20.0)
    for minute in (60, 60.5, 61, 61.5, 62):
        here.good("room", OPENED + minute * MINUTE, temperature_celsius=26.0)
    here.sleep(OPENED + 83 * MINUTE)
    assert told(here, "relapsed", "escalated") == [
        (62.0, "relapsed", ("wang",)),
        (72.0, "escalated", ("li",)),
        (82.0, "escalated", ("sun",)),
    ]


def test_after_a_relapse_it_can_be_acknowledged_again_and_the_first_mark_stays() -> None:
    here = site()
    first = here.act(Verb.ACKNOWLEDGE, OPENED + 1 * MINUTE, by="wang")
    refused = here.act(Verb.ACKNOWLEDGE, OPENED + 1.5 * MINUTE, by="li")
    assert isinstance(refused, Refusal)
    here.good("room", OPENED + 2 * MINUTE, temperature_celsius=20.0)
    for minute in (60, 60.5, 61, 61.5, 62):
        here.good("room", OPENED + minute * MINUTE, temperature_celsius=26.0)
    again = here.act(Verb.ACKNOWLEDGE, OPENED + 63 * MINUTE, by="li")
    assert again.marks == first.marks
    here.sleep(OPENED + 100 * MINUTE)
    assert told(here, "escalated") == []


def test_only_severities_that_a_step_names() -> None:
    here = site(roster(steps=(step(10, "next", Severity.CRITICAL),)))
    here.sleep(OPENED + HOUR)
    assert told(here, "escalated") == []  # the room is major


@pytest.mark.parametrize(
    ("between", "is_called"),
    [
        ((9 * 60, 10 * 60), True),  # the step falls due at 09:12
        ((10 * 60, 33 * 60), False),  # 10:00 to 09:00: all but that hour
        ((22 * 60, 31 * 60), False),
        ((22 * 60, 34 * 60), True),
        ((9 * 60 + 12, 9 * 60 + 13), True),
        ((9 * 60 + 13, 9 * 60 + 14), False),
    ],
)
def test_only_at_times_of_day_that_a_step_names(between, is_called: bool) -> None:
    here = site(roster(steps=(step(10, "manager", between=between),)))
    here.sleep(OPENED + 11 * MINUTE)
    assert bool(told(here, "escalated")) is is_called


def test_while_nobody_is_on_duty_the_lead_is_told_at_once() -> None:
    here = site(roster(({"night": ("li",)},)))
    assert told(here) == [(0.0, "opened", ("sun",))]
    here.sleep(OPENED + 11 * MINUTE)
    assert told(here, "escalated") == [(10.0, "escalated", ("sun",))]


def test_a_roster_without_lead_and_manager_still_calls_somebody() -> None:
    here = site(roster(lead=(), manager=()))
    here.sleep(OPENED + 31 * MINUTE)
    assert told(here, "escalated") == [
        *((10.0, "escalated", ("li",)), (20.0, "escalated", ("wang",))),
        (30.0, "escalated", ("wang",)),
    ]


def test_steps_of_one_moment_are_one_notice() -> None:
    here = site(roster(steps=(step(10, "next"), step(10, "lead"))))
    here.sleep(OPENED + 11 * MINUTE)
    assert told(here, "escalated") == [(10.0, "escalated", ("li", "sun"))]


def test_respond_clocks_are_for_who_is_on_duty_the_assignee_and_the_lead() -> None:
    here = site()
    here.act(Verb.ASSIGN, OPENED + 1 * MINUTE, to="zhao")
    here.sleep(OPENED + 30 * MINUTE)
    assert told(here, "due_soon", "overdue") == [
        (22.0, "due_soon", ("wang", "zhao", "sun")),
        (28.0, "overdue", ("wang", "zhao", "sun")),
    ]


# --- forgotten ------------------------------------------------------------------------------


def test_an_acknowledgement_that_is_forgotten_is_brought_back() -> None:
    here = site()
    here.act(Verb.ACKNOWLEDGE, OPENED + 1 * MINUTE, by="wang")
    here.sleep(OPENED + 9 * HOUR)
    assert told(here, "reminded") == [
        *((241.0, "reminded", ("wang", "sun")), (481.0, "reminded", ("wang", "sun"))),
    ]


def test_every_word_about_it_begins_the_time_anew_and_the_assignee_is_reminded() -> None:
    here = site()
    here.act(Verb.ACKNOWLEDGE, OPENED, by="wang")
    here.act(Verb.ASSIGN, OPENED + 2 * HOUR, to="qian")
    here.sleep(OPENED + 7 * HOUR)
    assert told(here, "reminded") == [(360.0, "reminded", ("qian", "sun"))]
    here.act(Verb.ARRIVE, OPENED + 7 * HOUR)
    here.act(Verb.REPAIR, OPENED + 8 * HOUR)
    here.sleep(OPENED + 20 * HOUR)
    assert len(told(here, "reminded")) == 1


def test_reminders_come_to_an_end() -> None:
    here = site(roster(remind=timedelta(minutes=1)))
    here.act(Verb.ACKNOWLEDGE, OPENED)
    here.sleep(OPENED + 3 * HOUR)
    assert len(told(here, "reminded")) == 24


# --- restarts and new site files --------------------------------------------------------------


def test_a_restart_neither_loses_nor_repeats_a_step() -> None:
    here = site()
    here.sleep(OPENED + 12 * MINUTE)
    here.restart(OPENED + 14 * MINUTE, alive=OPENED + 13 * MINUTE)
    here.sleep(OPENED + 31 * MINUTE)
    assert [one[0] for one in told(here, "escalated")] == [10.0, 20.0, 30.0]


def test_steps_that_fell_due_while_we_were_away_are_one_notice_for_who_is_there_now() -> None:
    here = site()
    here.sleep(OPENED + 5 * MINUTE)
    here.restart(OPENED + 11.5 * HOUR, alive=OPENED + 5 * MINUTE)
    found = told(here, "escalated")
    assert [(one[1], one[2]) for one in found] == [("escalated", ("li", "sun", "zhou"))]
    assert found[0][0] == 11.5 * 60  # 20:32, li is on duty
    here.sleep(OPENED + 12 * HOUR)
    assert len(told(here, "escalated")) == 1


def test_a_new_site_file_does_not_move_a_ticket_s_deadlines() -> None:
    here = site()
    here.adopt(on_duty(here.policy, roster(steps=(step(1, "manager"),))), OPENED + 5 * MINUTE)
    here.sleep(OPENED + 21 * MINUTE)
    assert [one[0] for one in told(here, "escalated")] == [10.0, 20.0]


def test_a_roster_that_is_taken_away_ends_the_calls() -> None:
    here = site()
    here.adopt(replace(here.policy, duty=None), OPENED + 5 * MINUTE)
    here.sleep(OPENED + 2 * HOUR)
    assert told(here, "escalated") == []
    assert told(here, "overdue")[0][2] == ()


# --- a graver fault ---------------------------------------------------------------------------


def test_what_becomes_graver_calls_by_the_graver_s_steps() -> None:
    duty = roster(steps=(step(10, "lead", Severity.MINOR), step(20, "next", Severity.MAJOR)))
    room = device("room", kind="machine-room")
    here = Site(on_duty(policy([room], [SILENCE, REFUSING, PORT]), duty))
    here.adopt(here.policy, 0.0)
    for n in range(7):
        here.fails("room", 30 * n, reason=Reason.REFUSED)
    assert here.only().severity is Severity.MINOR
    opened_at = here.now
    for n in range(7, 11):
        here.fails("room", 30 * n)
    assert here.only().severity is Severity.MAJOR
    deepened_at = next(seconds(one.at) for one in here.journal if one.what == "deepened")
    here.sleep(opened_at + HOUR)
    calls = [(seconds(one.at), one.people) for one in here.notices if one.reason == "escalated"]
    assert calls[:2] == [
        (opened_at + 10 * MINUTE, ("sun",)),
        (deepened_at + 20 * MINUTE, ("li",)),
    ]


# --- what could not be delivered --------------------------------------------------------------


def given_up(here: Site, notice: Notice, when: float):
    return here.take(Undelivered(notice, "no such number", at(when)), now=when)


def test_whom_a_notice_did_not_reach_the_next_person_is_told_instead_of() -> None:
    here = site()
    (first,) = [one for one in here.notices if one.to == "mq"]
    given_up(here, first, OPENED + MINUTE)
    assert told(here, "undelivered") == [(1.0, "undelivered", ("li",))]
    line = here.journal[-1]
    assert (line.what, line.by) == ("undelivered", "secmon")
    assert line.why == "opened by mq: no such number -> li"


def test_once_per_notice_and_not_for_ever() -> None:
    here = site()
    first = here.notices[0]
    for minute in (1, 2):
        given_up(here, first, OPENED + minute * MINUTE)
    assert [one[2] for one in told(here, "undelivered")] == [("li",)]
    for _ in range(10):  # and that one is given up too, and so on
        last = next(one for one in reversed(here.notices) if one.to == "mq")
        given_up(here, last, here.now + 1)
    people = [one[2] for one in told(here, "undelivered")]
    assert people == [("li",), ("zhao",), ("qian",), ("sun",), ("zhou",)]
    assert here.journal[-1].why.endswith("nobody left to tell")


def test_a_program_s_channel_tells_nobody_else() -> None:
    here = site()
    (programs,) = [one for one in here.notices if one.to == "hook"]
    before = len(here.journal)
    given_up(here, programs, OPENED + MINUTE)
    assert told(here, "undelivered") == []
    assert len(here.journal) == before


def test_good_news_that_was_not_delivered_is_written_down_only() -> None:
    here = site()
    here.good("room", OPENED + 5 * MINUTE, temperature_celsius=20.0)
    cleared = next(one for one in here.notices if one.reason == "cleared" and one.to == "mq")
    given_up(here, cleared, OPENED + 6 * MINUTE)
    assert told(here, "undelivered") == []
    assert here.journal[-1].what == "undelivered"


def test_a_person_s_report_calls_too() -> None:
    here = Site(on_duty(policy([device("room")]), roster(steps=(step(10, "lead", *GRAVE),))))
    here.adopt(here.policy, 0.0)
    here.take(Action("room", Verb.REPORT, "wang", at(60), "smoke", severity=Severity.CRITICAL))
    here.sleep(60 + 11 * MINUTE)
    assert [one.people for one in here.notices] == [("wang",), ("sun",)]


def test_a_poll_that_changes_nothing_costs_the_roster_nothing() -> None:
    """The hot path: neither a look at the roster, nor a page of the book."""
    here = site()

    class Untouched:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(f"a poll asked the roster for {name}")

    watched = replace(here.policy, duty=Untouched())  # type: ignore[arg-type]  # on purpose
    change = decide(
        here.world, [good("room", OPENED + 60, temperature_celsius=26.0)], watched, at(OPENED + 60)
    )
    assert not change.durable and not change.dropped and change.pages is None
