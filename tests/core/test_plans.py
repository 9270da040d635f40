"""Emergency plans on a ticket: begun once, ticked by several hands, kept as they were begun."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from secmon.adapters.store.codec import read, write
from secmon.core.decide import Input, adopt, apply, decide
from secmon.core.model import Action, Mark, Plan, Policy, Refusal, Ticket, Verb
from secmon.core.plans import fitting, local
from secmon.core.wishes import BeginPlan, TickStep
from secmon.core.world import World
from tests.core.duty import on_duty, roster
from tests.core.world import T0, at, device, policy

STEPS = ({"zh": "看", "en": "look"}, {"zh": "报", "en": "tell"}, {"zh": "修"})
PLANS = {
    "center": Plan("center", "center", {"zh": "机房", "en": "room"}, STEPS, ours=True),
    "video": Plan("video", "video", {"zh": "图像"}, STEPS),
    "fire": Plan("fire", "", {"zh": "火警"}, STEPS[:1]),
}
REPORT = Action("room-1", Verb.REPORT, "wang", T0, note="smoke")
NUMBER = "WX-1"


def site() -> tuple[World, Policy]:
    """A room with an open ticket."""
    here = replace(policy([device("room-1", system="center")]), plans=PLANS)
    world = World()
    change = decide(world, [REPORT], here, T0)
    (ticket,) = change.tickets.values()
    numbered = replace(change, tickets={ticket.id: replace(ticket, number=NUMBER)})
    return apply(world, numbered, here.words), here


def do(world: World, here: Policy, *inputs: Input) -> list[str | Refusal]:
    """What comes of these, each its own batch."""
    said = []
    for one in inputs:
        change = decide(world, [one], here, one.at)
        said.append(change.outcomes[0])
        apply(world, change, here.words)
    return said


def only(world: World) -> Ticket:
    (ticket,) = world.tickets.values()
    return ticket


def tick(step: int, by: str, seconds: float, **how: bool) -> TickStep:
    return TickStep(NUMBER, "center", step, by, at(seconds), **how)


BEGIN = BeginPlan(NUMBER, "center", "wang", at(60))


def test_a_plan_is_begun_and_ticked_by_two_people_at_once() -> None:
    world, here = site()
    inputs: Sequence[Input] = [BEGIN, tick(1, "wang", 70), tick(2, "li", 70), tick(1, "li", 71)]
    change = decide(world, inputs, here, at(71))
    assert [isinstance(change.outcomes[n], Refusal) for n in range(4)] == [
        False,
        False,
        False,
        True,
    ]
    refused = change.outcomes[3]
    assert isinstance(refused, Refusal) and refused.code == "state"
    assert "is ticked by wang already" in refused.text
    apply(world, change, here.words)
    done = only(world).checklists["center"].done
    assert done == {"1": Mark(at(70), "wang"), "2": Mark(at(70), "li")}
    assert [(line.what, line.why, line.by) for line in change.entries] == [
        ("plan begun", "center: 机房", "wang"),
        ("plan step", "center 1/3: 看", "wang"),
        ("plan step", "center 2/3: 报", "li"),
    ]


def test_neither_the_version_nor_the_state_moves() -> None:
    world, here = site()
    before = only(world)
    do(world, here, BEGIN, tick(1, "wang", 70))
    after = only(world)
    assert (after.version, after.state) == (before.version, before.state)
    assert not isinstance(
        do(world, here, Action(NUMBER, Verb.NOTE, "li", at(80), note="x", version=1))[0], Refusal
    )
    assert only(world).checklists["center"].done == {"1": Mark(at(70), "wang")}


def test_a_mistaken_tick_is_taken_back_and_both_are_written() -> None:
    world, here = site()
    do(world, here, BEGIN, tick(3, "wang", 70))
    change = decide(world, [tick(3, "li", 75, undone=True)], here, at(75))
    assert [(line.what, line.why, line.by) for line in change.entries] == [
        ("plan step undone", "center 3/3: 修", "li")
    ]
    apply(world, change, here.words)
    assert only(world).checklists["center"].done == {}


@pytest.mark.parametrize(
    ("wish", "code", "text"),
    [
        (BeginPlan(NUMBER, "center", "li", at(90)), "state", "was begun by wang"),
        (BeginPlan(NUMBER, "video", "li", at(90)), "unknown", "expected one of fire (got 'video')"),
        (BeginPlan("WX-9", "center", "li", at(90)), "state", "no open ticket WX-9"),
        (TickStep(NUMBER, "fire", 1, "li", at(90)), "unknown", "is not begun"),
        (tick(0, "li", 90), "unknown", "expected 1 to 3 (got 0)"),
        (tick(4, "li", 90), "unknown", "expected 1 to 3 (got 4)"),
        (tick(2, "li", 90, undone=True), "state", "is not ticked"),
    ],
)
def test_what_cannot_be_done_says_why(wish: Input, code: str, text: str) -> None:
    world, here = site()
    do(world, here, BEGIN)
    (said,) = do(world, here, wish)
    assert isinstance(said, Refusal)
    assert said.code == code
    assert text in said.text


def test_an_ended_ticket_takes_no_tick() -> None:
    world, here = site()
    do(world, here, BEGIN, Action(NUMBER, Verb.CANCEL, "sun", at(80), note="a drill"))
    assert isinstance(do(world, here, tick(1, "wang", 90))[0], Refusal)


def test_a_plan_stays_as_it_was_begun_whatever_the_site_file_says_later() -> None:
    world, here = site()
    do(world, here, BEGIN)
    other = replace(here, plans={"center": Plan("center", "center", {"zh": "新"}, STEPS[:1])})
    apply(world, adopt(world, other, at(70)), other.words)
    assert not isinstance(do(world, other, tick(3, "wang", 80))[0], Refusal)
    kept = only(world).checklists["center"]
    assert (kept.title["en"], len(kept.steps), kept.ours) == ("room", 3, True)


def test_the_store_gives_back_what_it_got() -> None:
    world, here = site()
    do(world, here, BEGIN, tick(1, "wang", 70))
    assert read(Ticket, write(only(world))) == only(world)


def test_ticking_is_a_word_about_the_ticket() -> None:
    """Whoever ticks need not be reminded, as after a note."""
    world, bare = site()
    here = on_duty(bare, roster(remind=timedelta(hours=4)))
    do(world, here, BEGIN, Action(NUMBER, Verb.ACKNOWLEDGE, "wang", at(65)))
    assert only(world).calls == {"1 reminded": at(65) + timedelta(hours=4)}
    do(world, here, tick(1, "wang", 3600))
    assert only(world).calls == {"1 reminded": at(3600) + timedelta(hours=4)}


def test_what_is_offered_is_the_systems_own_first() -> None:
    world, here = site()
    assert [one.id for one in fitting(here, only(world))] == ["center", "fire"]
    do(world, here, BEGIN)
    assert [one.id for one in fitting(here, only(world))] == ["fire"]
    assert (local({"zh": "火警"}, "en"), local(STEPS[0], "en")) == ("火警", "look")
