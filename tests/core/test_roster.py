"""Who is on duty when: by the wall clock, round the year, with overrides (4.4.1.1)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secmon.core.roster import Cover, Relief, Shift
from secmon.core.walltime import doubled, uncovered, wall
from tests.core.duty import instead, people_at, roster, utc

LAWS = settings(max_examples=60, deadline=None, derandomize=True)
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]
HOUR = timedelta(hours=1)


# --- one roster ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "people"),
    [
        ("2026-03-01 23:59", ()),  # 07:59 of the first day in Shanghai: it has not begun
        ("2026-03-02 00:00", ("wang",)),  # 08:00
        ("2026-03-02 11:59", ("wang",)),
        ("2026-03-02 12:00", ("li",)),  # 20:00
        ("2026-03-02 23:59", ("li",)),
        ("2026-03-03 00:00", ("zhao",)),
        ("2026-03-03 12:00", ("qian",)),
        ("2026-03-04 00:00", ("wang",)),  # the rotation begins again
        ("2027-03-02 12:00", ("qian",)),  # 365 days later: an odd number
    ],
)
def test_the_rotation_goes_round(moment: str, people: tuple[str, ...]) -> None:
    assert people_at(Cover(roster()), moment) == people


def test_before_its_first_day_there_is_no_gap() -> None:
    cover = Cover(roster())
    assert cover.gaps(utc("2026-02-01 00:00"), utc("2026-03-02 12:00")) == []
    assert cover.gaps(utc("2026-03-01 00:00"), utc("2026-04-01 00:00")) == []


def test_a_holiday_has_a_rotation_of_its_own() -> None:
    rows = ({"day": ("sun",), "night": ("zhou", "wang")},)
    days = (date(2026, 3, 3), date(2026, 3, 4))
    cover = Cover(roster(holidays=days, holiday_rotation=rows))
    assert people_at(cover, "2026-03-02 12:00") == ("li",)
    assert people_at(cover, "2026-03-03 00:00") == ("sun",)
    assert people_at(cover, "2026-03-03 12:00") == ("zhou", "wang")
    assert people_at(cover, "2026-03-05 00:00") == ("zhao",)  # the ordinary one went on


def test_a_row_without_a_shift_is_a_gap() -> None:
    cover = Cover(roster(({"day": ("wang",)}, {"day": ("zhao",), "night": ("qian",)})))
    since, until = utc("2026-03-02 00:00"), utc("2026-03-05 00:00")
    assert cover.gaps(since, until) == [
        (utc("2026-03-02 12:00"), utc("2026-03-03 00:00")),
        (utc("2026-03-04 12:00"), utc("2026-03-05 00:00")),
    ]


def test_shifts_that_overlap_have_all_their_people() -> None:
    shifts = (Shift("early", 8 * 60, 15 * 60), Shift("late", 14 * 60, 32 * 60))
    cover = Cover(roster(({"early": ("wang",), "late": ("li", "wang")},), shifts=shifts))
    assert people_at(cover, "2026-03-02 05:59") == ("wang",)
    assert people_at(cover, "2026-03-02 06:00") == ("wang", "li")  # each once
    assert people_at(cover, "2026-03-02 07:00") == ("li", "wang")


def test_one_shift_may_be_the_whole_day() -> None:
    cover = Cover(roster(({"all": ("wang",)}, {"all": ("li",)}), shifts=(Shift("all", 480, 1920),)))
    assert people_at(cover, "2026-03-02 23:59") == ("wang",)
    assert people_at(cover, "2026-03-03 00:00") == ("li",)


def test_the_day_told_by_minutes() -> None:
    assert uncovered([(480, 1200), (1260, 1910)]) == [(470, 480), (1200, 1260)]
    assert doubled([(480, 1210), (1200, 1920)]) == [(1200, 1210)]
    assert uncovered([(480, 1920)]) == doubled([(480, 1920)]) == []


# --- the clock is moved ----------------------------------------------------------------------


def test_a_night_in_spring_is_an_hour_shorter_and_one_in_autumn_longer() -> None:
    cover = Cover(roster(zone="Europe/Berlin"))
    spring = list(cover.spans(utc("2026-03-29 00:30"), utc("2026-03-29 00:30")))
    assert [(one.start, one.end) for one in spring] == [
        (utc("2026-03-28 19:00"), utc("2026-03-29 06:00"))
    ]
    autumn = list(cover.spans(utc("2026-10-25 00:30"), utc("2026-10-25 00:30")))
    assert [(one.start, one.end) for one in autumn] == [
        (utc("2026-10-24 18:00"), utc("2026-10-25 07:00"))
    ]


def test_a_shift_that_changes_at_a_skipped_minute_changes_at_the_jump() -> None:
    zone = ZoneInfo("America/New_York")  # 02:00 becomes 03:00 on 2026-03-08, at 07:00 UTC
    assert wall(date(2026, 3, 8), 119, zone) == utc("2026-03-08 06:59")
    assert wall(date(2026, 3, 8), 150, zone) == utc("2026-03-08 07:00")
    assert wall(date(2026, 3, 8), 180, zone) == utc("2026-03-08 07:00")
    assert wall(date(2026, 3, 8), 181, zone) == utc("2026-03-08 07:01")


def test_a_shift_that_changes_at_a_minute_that_comes_twice_changes_at_the_first() -> None:
    zone = ZoneInfo("America/New_York")  # 02:00 becomes 01:00 on 2026-11-01, at 06:00 UTC
    assert wall(date(2026, 11, 1), 90, zone) == utc("2026-11-01 05:30")
    assert wall(date(2026, 11, 1), 120, zone) == utc("2026-11-01 07:00")


@LAWS
@given(
    st.sampled_from(ZONES),
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.lists(st.integers(0, 3000), min_size=2, max_size=12),
)
def test_a_later_minute_is_never_an_earlier_instant(zone: str, day: date, minutes) -> None:
    instants = [wall(day, minute, ZoneInfo(zone)) for minute in sorted(minutes)]
    assert instants == sorted(instants)


@LAWS
@given(
    st.sampled_from(ZONES),
    st.sets(st.integers(0, 1439), min_size=1, max_size=5),
    st.sampled_from([date(2026, 3, 7), date(2026, 3, 28), date(2026, 10, 24), date(2026, 10, 31)]),
)
def test_shifts_that_meet_leave_no_gap_and_never_two(zone: str, cuts, day: date) -> None:
    """Whatever the hours at which shifts change, on days on which the clock is moved too."""
    starts = sorted(cuts)
    ends = [*starts[1:], starts[0] + 1440]
    names = [f"s{n}" for n in range(len(starts))]
    shifts = tuple(Shift(*one) for one in zip(names, starts, ends, strict=True))
    rows = tuple({name: (f"{name}-{n}",) for name in names} for n in range(3))
    cover = Cover(roster(rows, shifts=shifts, zone=zone, start=date(2026, 1, 1)))
    since = datetime(day.year, day.month, day.day, tzinfo=UTC) - HOUR
    until = since + timedelta(days=3)
    assert cover.gaps(since, until) == []
    moment = since
    for stretch in cover.stretches(since, until):
        assert stretch.start == moment
        assert len(stretch.people) == 1, stretch
        moment = stretch.end
    assert moment == until


# --- overrides -------------------------------------------------------------------------------

NIGHT = ("2026-03-02 12:00", "2026-03-03 00:00")


def test_li_s_night_is_taken_by_wang() -> None:
    cover = Cover(roster(), (instead("li", "wang", *NIGHT),))
    assert people_at(cover, "2026-03-02 12:00") == ("wang",)
    assert people_at(cover, "2026-03-03 00:00") == ("zhao",)


def test_of_two_overrides_the_one_confirmed_later_wins() -> None:
    first, second = instead("li", "wang", *NIGHT, order=2), instead("li", "zhao", *NIGHT, order=1)
    assert people_at(Cover(roster(), (first, second)), "2026-03-02 13:00") == ("wang",)
    assert people_at(Cover(roster(), (second, first)), "2026-03-02 13:00") == ("wang",)


def test_who_stands_in_may_be_replaced_in_turn() -> None:
    first, second = instead("li", "wang", *NIGHT, order=1), instead("wang", "zhao", *NIGHT, order=2)
    assert people_at(Cover(roster(), (first, second)), "2026-03-02 13:00") == ("zhao",)
    earlier = instead("wang", "zhao", *NIGHT, order=0)  # said before wang had the night: not meant
    assert people_at(Cover(roster(), (first, earlier)), "2026-03-02 13:00") == ("wang",)


def test_who_is_replaced_is_replaced_in_all_that_they_do_then() -> None:
    """zhao has wang's post too, and then wang does all that zhao does."""
    duty = roster(({"day": ("wang", "zhao"), "night": ("li",)},))
    span = ("2026-03-02 00:00", "2026-03-02 12:00")
    swaps = (instead("wang", "zhao", *span, order=1), instead("zhao", "wang", *span, order=2))
    assert people_at(Cover(duty), "2026-03-02 01:00") == ("wang", "zhao")
    assert people_at(Cover(duty, swaps[:1]), "2026-03-02 01:00") == ("zhao",)
    assert people_at(Cover(duty, swaps), "2026-03-02 01:00") == ("wang",)


def test_one_more_person_and_nobody_instead() -> None:
    more = instead("", "zhao", *NIGHT)
    assert people_at(Cover(roster(), (more,)), "2026-03-02 13:00") == ("li", "zhao")
    nobody = instead("li", "", "2026-03-02 14:00", "2026-03-02 15:00")
    cover = Cover(roster(), (nobody,))
    assert cover.gaps(utc("2026-03-02 00:00"), utc("2026-03-04 00:00")) == [
        (utc("2026-03-02 14:00"), utc("2026-03-02 15:00"))
    ]


def test_what_is_not_confirmed_or_taken_back_changes_nothing() -> None:
    asked = instead("li", "wang", *NIGHT, removed_at=utc("2026-03-01 00:00"))
    assert people_at(Cover(roster(), (asked,)), "2026-03-02 13:00") == ("li",)


OVERRIDES = st.lists(
    st.tuples(
        st.sampled_from(["wang", "li", "zhao", "qian", ""]),
        st.sampled_from(["wang", "li", "zhao", "qian", ""]),
        st.integers(0, 100),
        st.integers(1, 40),
    ),
    max_size=6,
)


@LAWS
@given(OVERRIDES)
def test_nobody_is_on_duty_twice_and_stretches_say_what_every_moment_says(given_) -> None:
    start = utc("2026-03-02 00:00")
    overrides = tuple(
        instead(a, b, str(start + HOUR * h)[:16], str(start + HOUR * (h + n))[:16], order=i)
        for i, (a, b, h, n) in enumerate(given_)
        if a != b
    )
    cover = Cover(roster(), overrides)
    for stretch in cover.stretches(start, start + HOUR * 150):
        assert len(set(stretch.people)) == len(stretch.people)
        middle = stretch.start + (stretch.end - stretch.start) / 2
        assert cover.on(stretch.start) == cover.on(middle) == stretch.people


# --- who is relieved, who is next ------------------------------------------------------------


def test_a_relief_is_when_somebody_goes() -> None:
    cover = Cover(roster())
    since, until = utc("2026-03-02 00:00"), utc("2026-03-03 00:00")
    assert list(cover.reliefs(since, until)) == [
        Relief(utc("2026-03-02 12:00"), ("wang",), ("li",), ("day",)),
        Relief(until, ("li",), ("zhao",), ("night",)),
    ]


def test_who_goes_on_hands_nothing_over() -> None:
    cover = Cover(roster(), (instead("li", "wang", *NIGHT),))
    found = cover.next_relief(utc("2026-03-02 01:00"))
    assert found == Relief(utc("2026-03-03 00:00"), ("wang",), ("zhao",), ("night",))


def test_a_person_more_relieves_nobody_but_is_relieved() -> None:
    more = instead("", "zhou", "2026-03-02 02:00", "2026-03-02 04:00")
    reliefs = Cover(roster(), (more,)).reliefs(utc("2026-03-02 00:00"), utc("2026-03-02 12:00"))
    assert [(one.at, one.outgoing, one.incoming) for one in reliefs] == [
        (utc("2026-03-02 04:00"), ("zhou",), ("wang",)),
        (utc("2026-03-02 12:00"), ("wang",), ("li",)),
    ]


def test_the_next_person_is_who_was_not_told_yet() -> None:
    duty = roster(
        ({"day": ("wang", "sun"), "night": ("li",)}, {"day": ("zhao",), "night": ("li",)})
    )
    cover, at = Cover(duty), utc("2026-03-02 01:00")
    assert cover.next_people(at, frozenset(("wang",))) == ("sun",)
    assert cover.next_people(at, frozenset(("wang", "sun"))) == ("li",)
    assert cover.next_people(at, frozenset(("wang", "sun", "li"))) == ("zhao",)
    assert cover.next_people(at, frozenset(("wang", "sun", "li", "zhao"))) == ()


def test_while_nobody_is_on_duty_nobody_is_next() -> None:
    cover = Cover(roster(({"day": ("wang",)},)))
    assert cover.next_people(utc("2026-03-02 13:00"), frozenset()) == ()


def test_a_shift_in_pieces_as_its_people_change() -> None:
    cover = Cover(roster(), (instead("li", "wang", "2026-03-02 14:00", "2026-03-02 17:00"),))
    (night,) = cover.spans(utc("2026-03-02 13:00"), utc("2026-03-02 13:01"))
    assert [(one.start, one.end, one.people) for one in cover.pieces(night)] == [
        (utc("2026-03-02 12:00"), utc("2026-03-02 14:00"), ("li",)),
        (utc("2026-03-02 14:00"), utc("2026-03-02 17:00"), ("wang",)),
        (utc("2026-03-02 17:00"), utc("2026-03-03 00:00"), ("li",)),
    ]
    assert [one.people for one in Cover(roster()).pieces(night)] == [("li",)]
