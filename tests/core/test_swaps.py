"""Overrides of the roster: who may ask, who must agree, what two at once come to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from secmon.core.model import Refusal
from secmon.core.wishes import Confirm, Swap, Withdraw
from tests.core.duty import manned, wish
from tests.core.world import HOUR, Site, at, seconds

EVENING, MORNING = 11 * HOUR, 23 * HOUR  # li has that night


def swap(by: str = "li", user: str = "wang", when: float = 60, **more) -> Swap:
    return replace(Swap(by, at(when), at(EVENING), at(MORNING), "li", user), **more)


def here(site: Site, when: float) -> tuple[str, ...]:
    cover = site.world.book.cover(site.policy.duty)
    assert cover is not None
    return cover.on(at(when))


def what(site: Site) -> list[tuple[str, str]]:
    return [(one.what, one.by) for one in site.journal if one.subject == "duty"]


# --- asked and confirmed ---------------------------------------------------------------------


def test_it_is_in_force_when_the_other_one_agrees() -> None:
    site = manned()
    asked = wish(site, swap(note="a wedding"))
    assert here(site, EVENING) == ("li",)
    assert wish(site, Confirm(asked, "wang", at(120))) == asked
    assert here(site, EVENING) == ("wang",)
    assert here(site, MORNING) == ("zhao",)
    one = site.overrides[asked]
    assert (one.asked_by, one.asked_at) == ("li", at(60))
    assert (one.confirmed_by, one.confirmed_at) == ("wang", at(120))
    assert what(site) == [("override", "li"), ("override in force", "wang")]
    assert site.journal[0].why.endswith("a wedding")


@pytest.mark.parametrize("by", ["li", "zhao"])
def test_not_who_asked_and_not_a_stranger(by: str) -> None:
    site = manned()
    asked = wish(site, swap())
    refused = wish(site, Confirm(asked, by, at(120)))
    assert isinstance(refused, Refusal) and refused.code == "forbidden"
    assert refused.text.endswith("expected wang, the lead or the manager")
    assert here(site, EVENING) == ("li",)


@pytest.mark.parametrize(("by", "deputy"), [("sun", False), ("zhou", False), ("os:root", True)])
def test_the_lead_s_is_in_force_at_once(by: str, deputy: bool) -> None:
    site = manned()
    wish(site, swap(by, deputy=deputy))
    assert here(site, EVENING) == ("wang",)


def test_the_one_who_stands_in_asks_and_the_one_who_goes_agrees() -> None:
    site = manned()
    asked = wish(site, swap("wang"))
    assert isinstance(wish(site, Confirm(asked, "wang", at(90))), Refusal)
    wish(site, Confirm(asked, "li", at(120)))
    assert here(site, EVENING) == ("wang",)


def test_it_is_confirmed_once() -> None:
    site = manned()
    asked = wish(site, swap())
    change = site.take(Confirm(asked, "wang", at(90)), Confirm(asked, "sun", at(90)), now=90)
    assert change.outcomes[0] == asked
    refused = change.outcomes[1]
    assert isinstance(refused, Refusal) and "confirmed by wang already" in refused.text


def test_it_can_be_taken_back() -> None:
    site = manned()
    asked = wish(site, swap("sun"))
    assert isinstance(wish(site, Withdraw(asked, "qian", at(90))), Refusal)
    assert wish(site, Withdraw(asked, "li", at(120))) == asked
    assert here(site, EVENING) == ("li",)
    refused = wish(site, Withdraw(asked, "li", at(180)))
    assert isinstance(refused, Refusal) and refused.code == "unknown"
    assert site.overrides[asked].removed_by == "li"  # it stays written down


def test_what_is_over_stays_as_it_was() -> None:
    site = manned()
    asked = wish(site, swap("sun"))
    site.sleep(MORNING + 60)
    refused = wish(site, Withdraw(asked, "sun", at(MORNING + 60)))
    assert isinstance(refused, Refusal) and refused.code == "state"


# --- two at once -----------------------------------------------------------------------------


def test_the_same_twice_is_one() -> None:
    site = manned()
    change = site.take(swap("sun"), swap("zhou"), now=60)
    first, second = change.outcomes[0], change.outcomes[1]
    assert isinstance(second, Refusal) and f"override {first} says this already" in second.text
    assert len(site.overrides) == 1


def test_of_two_the_later_wins_and_the_journal_says_so() -> None:
    site = manned()
    first = wish(site, swap("sun", "wang", 60))
    second = wish(site, swap("zhou", "zhao", 90))
    assert here(site, EVENING) == ("zhao",)
    assert site.journal[-1].why.endswith(f"it wins over {first}")
    wish(site, Withdraw(second, "zhou", at(120)))
    assert here(site, EVENING) == ("wang",)


def test_two_of_one_moment_are_two() -> None:
    site = manned()
    change = site.take(swap("sun", "wang"), swap("sun", "zhao"), now=60)
    assert len({str(one) for one in change.outcomes.values()}) == 2
    assert here(site, EVENING) == ("zhao",)


# --- hand-overs follow -----------------------------------------------------------------------


def test_the_hand_over_is_with_who_really_comes() -> None:
    site = manned()
    wish(site, swap("sun", "zhao"))
    site.sleep(EVENING + 1)
    (one,) = site.hand_overs.values()
    assert (one.outgoing, one.incoming) == (("wang",), ("zhao",))


def test_who_stays_hands_nothing_over() -> None:
    site = manned()
    wish(site, swap("sun", "wang"))
    site.sleep(MORNING + 1)
    (one,) = site.hand_overs.values()
    assert (seconds(one.due_at), one.outgoing, one.incoming) == (MORNING, ("wang",), ("zhao",))


def test_a_part_of_a_shift_has_hand_overs_of_its_own() -> None:
    site = manned()
    wish(site, swap("sun", "zhao", start=at(EVENING + HOUR), end=at(EVENING + 3 * HOUR)))
    site.sleep(MORNING - 1)
    found = [
        (seconds(one.due_at) - EVENING, one.outgoing, one.incoming)
        for one in site.hand_overs.values()
    ]
    assert found == [
        (0, ("wang",), ("li",)),
        (HOUR, ("li",), ("zhao",)),
        (3 * HOUR, ("zhao",), ("li",)),
    ]


def test_one_that_is_written_down_afterwards_makes_no_hand_over_of_the_past() -> None:
    site = manned()
    site.sleep(EVENING + HOUR)
    wish(site, swap("sun", "qian", EVENING + HOUR, start=at(EVENING + 600)))
    assert here(site, EVENING + HOUR) == ("qian",)
    site.sleep(MORNING + 1)
    assert [seconds(one.due_at) for one in site.hand_overs.values()] == [EVENING, MORNING]
    assert [one.remark for one in site.hand_overs.values()] == ["", ""]


def test_an_override_survives_a_restart() -> None:
    site = manned()
    wish(site, swap("sun", "zhao"))
    site.restart(HOUR, alive=HOUR - 5)
    site.sleep(EVENING + 1)
    (one,) = site.hand_overs.values()
    assert one.incoming == ("zhao",)


# --- what makes no sense ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"end": at(EVENING)}, "to: expected a time after `from`"),
        ({"start": at(-2 * HOUR), "end": at(0)}, "from: expected a time that is not over"),
        ({"start": at(-25 * HOUR)}, "begun at most 24 h ago"),
        ({"end": at(63 * 24 * HOUR)}, "expected at most 62 d"),
        ({"start": at(500 * 24 * HOUR), "end": at(501 * 24 * HOUR)}, "within the next 400 d"),
        ({"replaces": "", "user": ""}, "user: expected who stands in"),
        ({"user": "li"}, "somebody else than `replaces`"),
        ({"replaces": "qian"}, "who is on duty then (got qian, who is not)"),
    ],
)
def test_it_is_refused_with_what_was_expected(more, said: str) -> None:
    site = manned()
    refused = wish(site, swap("sun", **more))
    assert isinstance(refused, Refusal) and refused.code == "invalid"
    assert said in refused.text
    assert site.overrides == {} and what(site) == []


def test_there_is_a_bound() -> None:
    site = manned()
    start = at(EVENING)
    for n in range(200):
        end = start + timedelta(seconds=60 + n)
        assert isinstance(wish(site, swap("sun", end=end)), str)
    refused = wish(site, swap("sun"))
    assert isinstance(refused, Refusal) and "200 overrides" in refused.text


def test_without_a_roster_there_is_nothing_to_swap() -> None:
    from tests.core.world import policy

    refused = wish(Site(policy([])), swap())
    assert isinstance(refused, Refusal) and "expected the key duty" in refused.text


def test_a_time_is_told_with_its_zone() -> None:
    site = manned()
    asked = wish(site, swap())
    start = site.journal[0].why.split(" ")[4]
    assert datetime.fromisoformat(start) == at(EVENING) and asked in site.journal[0].why


def test_nobody_is_replaced_in_a_shift_that_only_ends_as_theirs_begins() -> None:
    said = wish(manned(), swap("zhao", replaces="zhao"))  # on duty from MORNING on
    assert isinstance(said, Refusal)
    assert "got zhao, who is not" in said.text
