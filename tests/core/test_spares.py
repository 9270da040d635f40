"""What a repair put in: kept with the ticket, journalled, bounded, put right by its opposite."""

from typing import Any

import pytest

from secmon.core.model import Refusal, Spare, Verb
from secmon.core.spares import LINES, LONGEST
from tests.core.world import Site, opened

DISK = Spare("硬盘", "WD 4T", 2, "SN-1", "新换")


def lines(site: Site) -> list[str]:
    return [entry.why for entry in site.journal if entry.what == "spare"]


def test_a_note_and_a_repair_bring_spares_and_the_journal_says_so() -> None:
    site = opened()
    site.act(Verb.NOTE, 130, spare=DISK)
    site.act(Verb.ACKNOWLEDGE, 140)
    site.act(Verb.ARRIVE, 150)
    site.act(Verb.REPAIR, 160, note="done", spare=Spare("网线", quantity=1))
    assert site.only().spares == (DISK, Spare("网线", quantity=1))
    assert lines(site) == ["2 × 硬盘 WD 4T, SN SN-1, 新换", "1 × 网线"]
    said = [(entry.what, entry.why) for entry in site.journal[-2:]]
    assert said == [("repair", "done"), ("spare", "1 × 网线")]


def test_the_same_thing_counts_up_and_its_opposite_takes_it_back() -> None:
    site = opened()
    site.act(Verb.NOTE, 130, spare=DISK)
    site.act(Verb.NOTE, 131, spare=Spare("硬盘", "WD 4T", 1, "SN-1"))
    assert site.only().spares == (Spare("硬盘", "WD 4T", 3, "SN-1", "新换"),)
    site.act(Verb.NOTE, 132, spare=Spare("硬盘", "WD 4T", -3, "SN-1"))
    assert site.only().spares == ()
    assert lines(site)[-1].startswith("-3 × 硬盘")


@pytest.mark.parametrize(
    ("verb", "spare"),
    [
        (Verb.ACKNOWLEDGE, DISK),
        (Verb.NOTE, Spare("  ")),
        (Verb.NOTE, Spare("x" * (LONGEST + 1))),
        (Verb.NOTE, Spare("x", serial="9" * (LONGEST + 1))),
        (Verb.NOTE, Spare("x", quantity=0)),
        (Verb.NOTE, Spare("x", quantity=10_000)),
        (Verb.NOTE, Spare("x", quantity=-1)),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(verb: Verb, spare: Spare) -> None:
    site = opened()
    before = site.only()
    said: Any = site.act(verb, 130, note="a word", spare=spare)
    assert isinstance(said, Refusal) and said.code == "invalid", said
    assert site.only() == before and not lines(site)


def test_lines_are_bounded() -> None:
    site = opened()
    for number in range(LINES):
        site.act(Verb.NOTE, 130 + number, spare=Spare(f"part {number}"))
    said: Any = site.act(Verb.NOTE, 999, spare=Spare("one more"))
    assert isinstance(said, Refusal) and len(site.only().spares) == LINES
    site.act(Verb.NOTE, 1000, spare=Spare("part 0"))
    assert site.only().spares[0].quantity == 2, "what is there already may be counted up"


def test_an_ended_ticket_takes_no_more() -> None:
    site = opened()
    number = site.only().number
    site.act(Verb.CANCEL, 130, note="a mistake")
    assert isinstance(site.act(Verb.NOTE, 140, number, spare=DISK), Refusal)
