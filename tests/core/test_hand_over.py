"""Hand-overs (4.4.1.4): frozen when the shift ends, signed by both, sealed; what is remarked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from secmon.core.handover import HandOver, is_intact
from secmon.core.model import Refusal
from secmon.core.wishes import Mute, Relieve, Sign, Train
from tests.core.duty import manned, on_duty, roster, wish
from tests.core.world import HOUR, MINUTE, Site, at, device, opened, policy, seconds

EVENING = 11 * HOUR  # 20:00, wang goes and li comes
MORNING = 23 * HOUR


def evening(site: Site | None = None) -> Site:
    """The change of shift of the first evening has just passed."""
    site = site or manned()
    site.sleep(EVENING + 1)
    return site


def only(site: Site) -> HandOver:
    (one,) = site.hand_overs.values()
    return one


def sign(site: Site, by: str, when: float = EVENING + 60, **more):
    given = Sign(list(site.hand_overs)[-1], by, at(when), **more)
    return wish(site, given)


def unsigned(site: Site) -> list[tuple[float, tuple[str, ...]]]:
    """(minutes after the evening, people) of the reminders."""
    return [
        ((seconds(one.at) - EVENING) / MINUTE, one.people)
        for one in site.notices
        if one.reason == "unsigned"
    ]


# --- what is frozen --------------------------------------------------------------------------


def test_one_hand_over_per_change_of_shift() -> None:
    site = manned()
    site.sleep(3 * 24 * HOUR)
    found = [(seconds(one.due_at), one.outgoing, one.incoming) for one in site.hand_overs.values()]
    assert found == [
        (EVENING, ("wang",), ("li",)),
        (MORNING, ("li",), ("zhao",)),
        (EVENING + 24 * HOUR, ("zhao",), ("qian",)),
        (MORNING + 24 * HOUR, ("qian",), ("wang",)),
        (EVENING + 48 * HOUR, ("wang",), ("li",)),
        (MORNING + 48 * HOUR, ("li",), ("zhao",)),
    ]
    assert all(one.frozen_at == one.due_at for one in site.hand_overs.values())
    assert next(iter(site.hand_overs)) == "20260302T120000Z"


def a_whole_site() -> Site:
    devices = [
        device("room", kind="machine-room"),
        device("hall", kind="machine-room", probes=()),
        device("cam", kind="camera"),
        device("ups", kind="ups"),
    ]
    site = Site(on_duty(policy(devices)))
    site.adopt(site.policy, 0.0)
    return site


def test_the_state_of_the_site_is_frozen_as_it_is() -> None:
    site = opened(a_whole_site())
    site.fails("cam", 10 * HOUR)
    site.fails("cam", 10 * HOUR + 90)
    site.good("room", EVENING - 20, temperature_celsius=26.5, humidity_ratio=0.4)
    site.good("ups", EVENING - 10, on_battery=False, battery_charge_ratio=0.9)
    content = only(evening(site)).content
    tickets = content["tickets"]
    assert isinstance(tickets, dict)
    assert [(row["number"], row["device"], row["state"]) for row in tickets["rows"]] == [
        ("WX-2026-0001", "room", "open"),
        ("WX-2026-0002", "cam", "open"),
    ]
    assert (tickets["rows"][0]["value"], tickets["rows"][0]["acknowledged_by"]) == (26.0, "")
    assert content["devices_down"] == {
        "monitored": True,
        "count": 1,
        "rows": [
            {
                **{"device": "cam", "name": "the cam", "location": ""},
                "since": "2026-03-02T11:00:00.000Z",
            }
        ],
    }
    assert content["power"] == {
        "monitored": True,
        "count": 1,
        "rows": [
            {
                **{"device": "ups", "name": "the ups", "location": "", "monitored": True},
                "at": "2026-03-02T11:59:50.000Z",
                "readings": [
                    {"reading": "on_battery", "part": "", "value": False},
                    {"reading": "battery_charge_ratio", "part": "", "value": 0.9},
                ],
            }
        ],
    }


def test_what_is_not_there_says_that_it_is_not_monitored() -> None:
    site = a_whole_site()
    content = only(evening(site)).content
    assert content["recordings"] == {"monitored": False, "count": 0, "rows": []}
    assert content["silences"] == {"monitored": True, "count": 0, "rows": []}
    rooms = content["rooms"]
    assert isinstance(rooms, dict)
    assert rooms["monitored"] is False  # nobody has brought a value
    assert [(row["device"], row["monitored"], row["readings"]) for row in rooms["rows"]] == [
        ("room", True, []),
        ("hall", False, []),
    ]


def test_a_value_of_a_poll_that_failed_since_is_not_shown() -> None:
    site = a_whole_site()
    site.good("room", EVENING - 60, temperature_celsius=21.0)
    site.fails("room", EVENING - 30)
    rooms = only(evening(site)).content["rooms"]
    assert isinstance(rooms, dict)
    assert rooms["rows"][0]["readings"] == []


# --- signatures ------------------------------------------------------------------------------


def test_both_sign_and_it_is_sealed_for_ever() -> None:
    site = evening()
    assert sign(site, "wang", note="all quiet") == "20260302T120000Z"
    assert only(site).missing == ("incoming",) and not only(site).seal
    sign(site, "li", EVENING + 120)
    done = only(site)
    assert [(side, s.by, s.note, s.deputy) for side, s in done.signed.items()] == [
        ("outgoing", "wang", "all quiet", False),
        ("incoming", "li", "", False),
    ]
    assert is_intact(done) and done.calls == {} and site.world.book.hand_overs == {}
    lines = [(one.what, one.by) for one in site.journal if one.what != "untrained"]
    assert lines == [
        *(("hand-over", "secmon"), ("signed outgoing", "wang"), ("signed incoming", "li")),
        ("sealed", "secmon"),
    ]
    assert done.seal in site.journal[-1].why and done.digest in site.journal[0].why
    assert isinstance(sign(site, "sun", EVENING + 180, side="incoming", note="late"), Refusal)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, content={**one.content, "at": "yesterday"}),
        lambda one: replace(one, remark="nothing"),
        lambda one: replace(one, due_at=one.due_at + timedelta(seconds=1)),
        lambda one: replace(
            one, signed={**one.signed, "incoming": replace(one.signed["incoming"], by="zhao")}
        ),
        lambda one: replace(one, outgoing=("zhao",)),
        lambda one: replace(one, seal=""),
    ],
)
def test_whatever_is_changed_afterwards_shows(change) -> None:
    site = evening()
    sign(site, "wang")
    sign(site, "li")
    assert is_intact(only(site))
    assert not is_intact(change(only(site)))


def test_one_person_cannot_sign_for_both() -> None:
    site = evening()
    sign(site, "sun", side="outgoing", note="wang fell ill")
    refused = sign(site, "sun", side="incoming", note="and li too")
    assert isinstance(refused, Refusal) and refused.code == "forbidden"


def test_a_side_is_signed_once() -> None:
    site = evening()
    sign(site, "wang")
    refused = sign(site, "zhou", side="outgoing", note="again")
    assert isinstance(refused, Refusal) and "signed as outgoing by wang already" in refused.text


@pytest.mark.parametrize("by", ["sun", "zhou"])
def test_lead_and_manager_sign_for_others_with_a_word(by: str) -> None:
    site = evening()
    refused = sign(site, by, side="outgoing")
    assert isinstance(refused, Refusal) and refused.code == "invalid"
    sign(site, by, side="outgoing", note="wang fell ill")
    assert only(site).signed["outgoing"].deputy


def test_who_is_on_neither_shift_cannot_sign() -> None:
    refused = sign(evening(), "zhao", side="incoming", note="why not")
    assert isinstance(refused, Refusal)
    assert refused.text == (
        "zhao is not on the incoming shift: expected li, the lead or the manager"
    )


def test_a_deputy_by_role_must_say_for_whom() -> None:
    site = evening()
    refused = sign(site, "os:root", deputy=True, note="x")
    assert isinstance(refused, Refusal) and refused.text.startswith("side: expected")


def test_there_must_be_such_a_hand_over() -> None:
    refused = wish(manned(), Sign("20260302T120000Z", "wang", at(60)))
    assert isinstance(refused, Refusal) and refused.code == "state"


# --- unsigned --------------------------------------------------------------------------------


def test_an_unsigned_one_is_told_of_again_and_to_the_lead_and_for_a_day() -> None:
    site = manned(roster(({"day": ("wang",), "night": ("li",)},) * 9))
    site.sleep(EVENING + 1)
    site.sleep(MORNING - 1)
    assert unsigned(site) == [
        *((15.0, ("wang", "li")), (30.0, ("wang", "li", "sun"))),
        *((270.0, ("li", "sun")), (510.0, ("li", "sun"))),  # wang has gone home
    ]
    first = next(one for one in site.notices if one.reason == "unsigned")
    assert (first.subject, first.facts["names"]) == ("duty/20260302T120000Z", "wang, li")


def test_reminders_of_one_hand_over_end_after_a_day() -> None:
    site = manned()
    site.sleep(EVENING + 3 * 24 * HOUR)
    mine = [one for one in site.notices if one.subject == "duty/20260302T120000Z"]
    assert len(mine) == 7  # 15 min, 30 min, then every 4 h
    assert seconds(mine[-1].at) <= EVENING + 24 * HOUR


def test_only_who_has_not_signed_is_reminded() -> None:
    site = evening()
    sign(site, "wang")
    site.sleep(EVENING + 16 * MINUTE)
    assert unsigned(site) == [(15.0, ("li",))]
    sign(site, "li", EVENING + 17 * MINUTE)
    site.sleep(EVENING + 5 * HOUR)
    assert len(unsigned(site)) == 1


def test_the_grace_is_the_site_file_s() -> None:
    site = manned(roster(grace=timedelta(minutes=5)))
    site.sleep(EVENING + 11 * MINUTE)
    assert unsigned(site) == [(5.0, ("wang", "li")), (10.0, ("wang", "li", "sun"))]


# --- early, late, and not at all --------------------------------------------------------------


def test_it_may_begin_a_little_early_and_then_not_again() -> None:
    site = manned()
    made = wish(site, Relieve("wang", at(EVENING - 20 * MINUTE)))
    assert made == "20260302T120000Z"
    assert only(site).remark == "begun early by wang"
    assert only(site).frozen_at == at(EVENING - 20 * MINUTE)
    site.sleep(EVENING + HOUR)
    assert len(site.hand_overs) == 1
    assert unsigned(site)[0] == (15.0, ("wang", "li"))  # from the end of the shift
    site.sleep(MORNING + 1)
    assert len(site.hand_overs) == 2


@pytest.mark.parametrize(
    ("by", "when", "code"),
    [
        ("li", EVENING - 600, "forbidden"),
        ("wang", EVENING - 3 * HOUR, "state"),
    ],
)
def test_not_by_anybody_and_not_hours_before(by: str, when: float, code: str) -> None:
    refused = wish(manned(), Relieve(by, at(when)))
    assert isinstance(refused, Refusal) and refused.code == code


def test_two_who_begin_it_at_the_same_moment_begin_one() -> None:
    site = manned()
    change = site.take(
        Relieve("wang", at(EVENING - 60)), Relieve("sun", at(EVENING - 60)), now=EVENING - 60
    )
    assert change.outcomes[0] == "20260302T120000Z"
    refused = change.outcomes[1]
    assert isinstance(refused, Refusal) and refused.code == "state"
    assert len(site.hand_overs) == 1


def test_one_that_fell_due_while_we_were_away_is_frozen_after_the_start() -> None:
    site = manned()
    site.sleep(HOUR)
    site.restart(EVENING + 31 * MINUTE, alive=HOUR)
    assert site.hand_overs == {}  # the first polls come first
    site.sleep(EVENING + 33 * MINUTE)
    assert only(site).remark == "frozen 32 min late: secmon did not run"
    assert seconds(only(site).frozen_at) == EVENING + 32 * MINUTE
    site.sleep(EVENING + 48 * MINUTE)
    assert unsigned(site) == [(47.0, ("wang", "li"))]


def test_of_several_that_were_missed_only_the_last_is_frozen_and_says_so() -> None:
    site = manned()
    site.sleep(HOUR)
    site.restart(EVENING + 49 * HOUR, alive=HOUR)
    site.sleep(EVENING + 50 * HOUR)
    assert seconds(only(site).due_at) == EVENING + 48 * HOUR
    assert only(site).remark == (
        "frozen 61 min late: secmon did not run; "
        "4 earlier hand-overs since 2026-03-02T12:00+00:00 were not recorded"
    )


@pytest.mark.parametrize("killed", [EVENING - 2, EVENING + 2])
def test_a_restart_in_the_moment_of_the_change_makes_one_hand_over(killed: float) -> None:
    site = manned()
    site.sleep(killed)
    site.restart(EVENING + 20, alive=killed)
    site.sleep(EVENING + 20 * MINUTE)
    assert len(site.hand_overs) == 1
    assert len(unsigned(site)) == 1


def test_restarts_again_and_again_change_nothing() -> None:
    site = evening()
    for n in range(5):
        site.restart(EVENING + 60 + n * 10, alive=EVENING + 55 + n * 10)
    sign(site, "wang", EVENING + 200)
    site.restart(EVENING + 240, alive=EVENING + 235)
    sign(site, "li", EVENING + 300)
    site.restart(EVENING + 360, alive=EVENING + 355)
    assert is_intact(only(site)) and only(site).seal
    site.sleep(MORNING + 1)
    assert len(site.hand_overs) == 2


def test_killed_again_before_the_late_one_was_frozen() -> None:
    site = manned()
    site.sleep(HOUR)
    site.restart(EVENING + 600, alive=HOUR)
    site.restart(EVENING + 630, alive=EVENING + 620)
    site.sleep(EVENING + HOUR)
    assert len(site.hand_overs) == 1


def test_a_first_start_makes_none_of_the_past() -> None:
    site = Site(on_duty(policy([])))
    site.restart(EVENING + HOUR, alive=EVENING + HOUR)
    site.sleep(MORNING + 1)
    assert [seconds(one.due_at) for one in site.hand_overs.values()] == [MORNING]


def test_a_roster_that_comes_with_a_new_site_file_begins_then() -> None:
    site = Site(policy([]))
    site.adopt(on_duty(policy([])), EVENING + HOUR)
    site.sleep(MORNING + 1)
    assert [seconds(one.due_at) for one in site.hand_overs.values()] == [MORNING]
    site.adopt(policy([]), MORNING + 2)
    site.sleep(EVENING + 24 * HOUR + 1)
    assert len(site.hand_overs) == 1
    site.adopt(on_duty(policy([])), EVENING + 30 * HOUR)
    site.sleep(MORNING + 24 * HOUR + 1)
    assert [seconds(one.due_at) for one in site.hand_overs.values()] == [
        MORNING,
        MORNING + 24 * HOUR,
    ]


def test_a_hand_over_to_nobody_is_signed_by_the_lead() -> None:
    site = manned(roster(({"day": ("wang",)},)))
    evening(site)
    assert only(site).incoming == ()
    sign(site, "wang")
    sign(site, "sun", side="incoming", note="nobody came")
    assert only(site).seal


# --- training --------------------------------------------------------------------------------


def untrained(site: Site) -> list[tuple[float, str, tuple[str, ...]]]:
    return [
        (seconds(one.at), str(one.facts["names"]), one.people)
        for one in site.notices
        if one.reason == "untrained"
    ]


def test_somebody_untrained_on_duty_is_told_to_the_lead_once_a_week() -> None:
    site = manned()
    for name in ("wang", "zhao", "qian"):
        wish(site, Train(name, "现场培训", "2026-01-05", "zhou", at(60)))
    site.sleep(13 * 24 * HOUR)
    assert untrained(site) == [
        (EVENING, "li", ("sun", "li")),
        (EVENING + 8 * 24 * HOUR, "li", ("sun", "li")),  # li has every other night
    ]


def test_a_training_runs_out() -> None:
    site = manned(roster(training_valid=timedelta(days=30)))
    wish(site, Train("li", "现场培训", "2026-02-01", "zhou", at(60)))
    evening(site)
    assert [one for one in untrained(site) if one[1] == "li"] == []
    site.sleep(EVENING + 2 * 24 * HOUR + 1)  # 2026-03-04: its last day was 03-03
    assert [one[0] for one in untrained(site) if one[1] == "li"] == [EVENING + 2 * 24 * HOUR]


def test_a_certificate_says_itself_how_long_it_holds() -> None:
    site = manned(roster(training_valid=timedelta(days=1)))
    wish(site, Train("li", "消控证", "2020-02-01", "zhou", at(60), until="2030-01-01"))
    assert untrained(evening(site)) == []
    struck = Train("li", "消控证", "2020-02-01", "zhou", at(EVENING + 60), removed=True)
    wish(site, struck)
    site.sleep(EVENING + 2 * 24 * HOUR + 1)
    assert "li" in [one[1] for one in untrained(site)]
    assert isinstance(wish(site, replace(struck, at=at(site.now))), Refusal)


def test_windows_and_silences_stand_in_it() -> None:
    site = a_whole_site()
    given = Mute("wang", at(60), at(60), at(24 * HOUR), "换电池", device="room")
    site.take(given, now=60)
    section = only(evening(site)).content["silences"]
    assert isinstance(section, dict)
    (row,) = section["rows"]
    assert (row["devices"], row["by"], row["note"], row["do"]) == (
        ["room"],
        "wang",
        "换电池",
        "mute",
    )
