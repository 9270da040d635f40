"""The laws of decide() hold with a roster: one batch equals many, a replay gives the same journal,
a restart loses no step. The stories are those of test_decide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from secmon.core.decide import Input
from secmon.core.model import Notice, Policy, Severity, Verb
from secmon.core.roster import Duty, Shift
from secmon.core.wishes import Confirm, Relieve, Sign, Swap, Train, Undelivered
from tests.core.duty import on_duty, roster, step
from tests.core.test_decide import STORIES, durable, small_site, told
from tests.core.world import MINUTE, Site, action, at, seconds

LAWS = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # a shrunk example of this size takes minutes
)
EVERY = tuple(Severity)
DIGEST = re.compile(r"sha256=\w+")
MORNING = [Shift(f"q{n}", 540 + n * 3, 543 + n * 3) for n in range(8)]  # from 09:00, T0, on
HOURS = [*MORNING, Shift("rest", 564, 1980)]


def busy() -> Duty:
    """Shifts of three minutes, steps of minutes: much falls due within one story."""
    names = ("wang", "li", "zhao", "qian")
    row = {shift.name: (names[n % 4],) for n, shift in enumerate(HOURS)}
    return roster(
        (row,),
        shifts=tuple(HOURS),
        start=at(0).date(),
        steps=(step(1, "next", *EVERY), step(3, "lead", *EVERY), step(3, "manager", *EVERY)),
        repeat=timedelta(minutes=2),
        remind=timedelta(minutes=1),
        grace=timedelta(minutes=2),
    )


def watched() -> Policy:
    return on_duty(small_site(), busy())


def book(site: Site) -> dict[str, object]:
    lines = [replace(one, why=DIGEST.sub("sha256=…", one.why)) for one in site.journal]
    numbers = {ticket.id: ticket.number for ticket in site.tickets.values()}
    # a ticket of the same commit has no number yet, so a hand-over's content may tell batches apart
    return {
        **durable(site),
        "journal": lines,
        "overrides": site.overrides,
        "hand-overs": {
            key: replace(one, content={}, digest="", seal="")
            for key, one in site.hand_overs.items()
        },
        "trainings": site.trainings,
        "watch": site.watch,
        "numbers": numbers,
    }


def played(inputs: Sequence[Input], cuts: Sequence[int] = ()) -> Site:
    site = Site(watched())
    site.adopt(site.policy, 0.0)
    edges = [0, *cuts, len(inputs)] if cuts else range(len(inputs) + 1)
    for first, after in pairwise(edges):
        if first < after:
            site.take(*inputs[first:after])
    return site


WISHES = st.lists(
    st.tuples(
        st.sampled_from(
            ["swap", "confirm", "sign", "sign", "begin", "train", "ack", "ack", "lost"]
        ),
        st.sampled_from(["wang", "li", "zhao", "qian", "sun"]),
        st.integers(0, 1000),
    ),
    min_size=4,
    max_size=10,
)


def with_people(inputs: list[Input], wishes) -> list[Input]:
    """The story, and what people do meanwhile; some of it is refused."""
    out = list(inputs)
    for kind, who, where in wishes:
        place = where % len(out)
        when = seconds(out[place].at)
        out.insert(place, _given(kind, who, when))
    return out


def _given(kind: str, who: str, when: float) -> Input:
    hand_over = f"20260302T01{3 * (int(when) // 180 % 8):02d}00Z"
    match kind:
        case "swap":
            return Swap(who, at(when), at(when + 60), at(when + 1200), "wang", "li")
        case "confirm":
            return Confirm("20260302T010000000000-0", who, at(when))
        case "sign":
            return Sign(hand_over, "sun", at(when), "incoming", "a word")
        case "begin":
            return Relieve(who, at(when))
        case "train":
            return Train(who, "现场培训", "2026-02-01", "sun", at(when))
        case "lost":
            return Undelivered(Notice("mq", "nobody's", "opened", at(when)), "gone", at(when))
    return action("WX-2026-0001", Verb.ACKNOWLEDGE, when, by=who)


def test_the_stories_are_worth_telling() -> None:
    seen: set[str] = set()

    @LAWS
    @given(STORIES, WISHES)
    def listen(story, wishes) -> None:
        site = played(with_people(list(told(story)), wishes))
        seen.update(entry.what for entry in site.journal)

    listen()
    wanted = {"escalated", "reminded", "hand-over", "unsigned", "untrained", "override", "training"}
    assert wanted | {"signed incoming"} <= seen


@LAWS
@given(STORIES, WISHES, st.lists(st.integers(1, 200), max_size=4))
def test_one_batch_equals_many(story, wishes, cuts) -> None:
    inputs = with_people(list(told(story)), [one for one in wishes if one[0] != "ack"])
    places = sorted({cut for cut in cuts if cut < len(inputs)}) or [len(inputs)]
    assert book(played(inputs, places)) == book(played(inputs))


@LAWS
@given(STORIES, WISHES)
def test_a_replay_gives_the_same_journal(story, wishes) -> None:
    inputs = with_people(list(told(story)), wishes)
    first, second = played(inputs), played(inputs)
    assert first.journal == second.journal
    assert first.notices == second.notices
    assert book(first) == book(second)


@LAWS
@given(STORIES, st.integers(1, 60))
def test_many_rings_of_the_timer_equal_one_long_sleep(story, step_s) -> None:
    inputs = told(story)
    one, many = played(inputs), played(inputs)
    end = one.now + 40 * MINUTE
    one.time(end)
    when = many.now
    while when < end:
        when = min(end, when + step_s * 7)
        many.time(when)
    assert book(one) == book(many)


@LAWS
@given(STORIES, st.integers(0, 600))
def test_a_short_restart_changes_nothing_of_what_people_are_told(story, pause) -> None:
    """Steps that are due later come at their moments, whatever lies between."""
    inputs = told(story)
    one, other = played(inputs), played(inputs)
    at_rest = one.now + pause
    one.sleep(at_rest)
    other.sleep(at_rest)
    before = len(other.notices)
    other.restart(at_rest + 1, alive=at_rest)
    kinds = ("escalated", "reminded", "unsigned")
    one.sleep(at_rest + 30 * MINUTE)
    other.sleep(at_rest + 30 * MINUTE)

    def calls(site: Site) -> list[tuple]:
        found = [each for each in site.notices[before:] if each.reason in kinds]
        return sorted((each.at, each.subject, each.reason, each.people) for each in found)

    late = at(at_rest + 1)
    mine, theirs = calls(one), calls(other)
    assert [each for each in mine if each[0] > late] == [each for each in theirs if each[0] > late]


@LAWS
@given(STORIES)
def test_nobody_is_called_after_an_acknowledgement(story) -> None:
    site = played(told(story))
    for ticket in list(site.open()):
        site.take(action(ticket.number, Verb.ACKNOWLEDGE, site.now, by="li"), now=site.now)
    before = len(site.notices)
    site.sleep(site.now + 30 * MINUTE)
    acknowledged = {t.id for t in site.open() if t.state != "open"}
    assert not [
        one
        for one in site.notices[before:]
        if one.reason == "escalated" and one.subject in acknowledged
    ]
