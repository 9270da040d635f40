"""The ticket's life, written a second time from CONTRACT 5 and DB33/T 830-2011, 5.3.2 and 5.4.3."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from secmon.core import tickets
from secmon.core.model import (
    Action,
    Clock,
    Content,
    Mark,
    Refusal,
    Severity,
    Ticket,
    TicketState,
    Verb,
    Way,
)
from tests.core.world import HOUR, MINUTE, Site, at, device, opened, policy, warm_room

REMOTE_WAYS = (Way.PHONE, Way.REMOTE, Way.MAIL_IN)

# «States open → acknowledged → on_site → repaired → verified → closed, and cancelled»
ON_THE_WAY = ("open", "acknowledged", "on_site", "repaired", "verified")
ENDS = ("closed", "cancelled")

# What each verb does to a ticket that has a fault still there, state by state. A dash: refused.
# «acknowledge assign arrive repair verify reject transfer close cancel note»
ON_SITE_TABLE = """
              open          acknowledged  on_site    repaired      verified
acknowledge   acknowledged  -             -          -             -
assign        open          acknowledged  on_site    repaired      verified
arrive        -             on_site       -          -             -
repair        -             -             repaired   -             -
verify        -             -             -          verified      -
reject        -             -             -          acknowledged  acknowledged
transfer      open          acknowledged  on_site    repaired      verified
close         -             -             -          -             closed
cancel        cancelled     cancelled     cancelled  cancelled     cancelled
note          open          acknowledged  on_site    repaired      verified
"""

# «By phone, remote or mail-in `repair` follows `acknowledged`»: nobody arrives.
ELSEWHERE_TABLE = ON_SITE_TABLE.replace(
    "arrive        -             on_site       -          -  ",
    "arrive        -             -             -          -  ",
).replace(
    "repair        -             -             repaired   -  ",
    "repair        -             repaired      repaired   -  ",
)


def expected(table: str) -> dict[tuple[str, str], str | None]:
    header, *rows = table.strip("\n").splitlines()
    states = header.split()
    return {
        (state, verb): None if target == "-" else target
        for verb, *targets in (row.split() for row in rows)
        for state, target in zip(states, targets, strict=True)
    }


def ticket_in(state: str, way: Way = Way.ON_SITE, *, cleared: bool = False) -> Ticket:
    """A ticket that came to `state` the usual way."""
    reached = ON_THE_WAY[1 : ON_THE_WAY.index(state) + 1] if state in ON_THE_WAY else ()
    marks = {TicketState(one): Mark(at(60), "li") for one in reached}
    return Ticket(
        id="t",
        number="WX-2026-0007",
        version=5,
        device="room",
        device_name="the room",
        location="",
        system="center",
        rule="room-too-warm",
        part="",
        severity=Severity.MAJOR,
        state=TicketState(state),
        opened_at=at(0),
        detected_at=at(0),
        due={clock: at(HOUR) for clock in Clock},
        cleared_at=at(90) if cleared else None,
        reading="temperature_celsius",
        marks=marks,
        way=way,
    )


def apply_verb(ticket: Ticket, verb: str, **said: Any) -> Ticket | Refusal:
    """The verb with all that it needs, so that only the state may speak against it."""
    given: dict[str, object] = {"note": "a word", "to": "zhao"}
    if verb == "transfer":
        given["way"] = ticket.way
    return tickets.move(
        ticket,
        Action(ticket.number, Verb(verb), "wang", at(120), **{**given, **said}),
    )


PAIRS = [
    (way, state, verb, target)
    for way in Way
    for (state, verb), target in expected(
        ON_SITE_TABLE if way is Way.ON_SITE else ELSEWHERE_TABLE
    ).items()
]


def test_the_tables_speak_of_every_state_and_verb() -> None:
    assert {state for _, state, _, _ in PAIRS} | set(ENDS) == {str(state) for state in TicketState}
    assert {verb for _, _, verb, _ in PAIRS} | {"report"} == {str(verb) for verb in Verb}
    assert len(PAIRS) == 4 * 5 * 10


@pytest.mark.parametrize(("way", "state", "verb", "target"), PAIRS)
def test_every_move(way, state, verb, target) -> None:
    before = ticket_in(state, way)
    after = apply_verb(before, verb)
    if target is None:
        assert isinstance(after, Refusal)
        assert after.code == "state"
        assert after.ticket is before, "it carries the present ticket"
        assert "WX-2026-0007" in after.text
        assert state in after.text or str(way) in after.text
    else:
        assert isinstance(after, Ticket)
        assert str(after.state) == target
        assert after.version == before.version + 1
        assert before == ticket_in(state, way), "the old ticket is not touched"


@pytest.mark.parametrize("state", ENDS)
@pytest.mark.parametrize("verb", [str(verb) for verb in Verb if verb is not Verb.REPORT])
def test_an_ended_ticket_is_over(state, verb) -> None:
    refusal = apply_verb(ticket_in(state, cleared=True), verb)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "state"
    assert refusal.text == f"ticket WX-2026-0007 is {state}: cannot {verb}"


@pytest.mark.parametrize(
    ("verb", "state", "target"),
    [
        ("acknowledge", "open", "acknowledged"),
        ("arrive", "acknowledged", "on_site"),
        ("repair", "on_site", "repaired"),
        ("verify", "repaired", "verified"),
        ("close", "verified", "closed"),
        ("cancel", "open", "cancelled"),
    ],
)
def test_a_move_leaves_its_mark(verb, state, target) -> None:
    after = apply_verb(ticket_in(state), verb)
    assert isinstance(after, Ticket)
    assert after.marks[TicketState(target)] == Mark(at(120), "wang")


# --- closing in one step ---------------------------------------------------------------------


@pytest.mark.parametrize("state", ON_THE_WAY)
def test_a_cleared_ticket_closes_in_one_step_with_a_word(state) -> None:
    after = apply_verb(ticket_in(state, cleared=True), "close", note="自行恢复")
    assert isinstance(after, Ticket)
    assert after.state is TicketState.CLOSED


@pytest.mark.parametrize("state", ON_THE_WAY[:-1])
@pytest.mark.parametrize("note", ["", "  "])
def test_it_does_not_without_a_word(state, note) -> None:
    refusal = apply_verb(ticket_in(state, cleared=True), "close", note=note)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid"


def test_a_verified_ticket_closes_without_a_word() -> None:
    after = apply_verb(ticket_in("verified", cleared=True), "close", note="")
    assert isinstance(after, Ticket)


# --- ways, contents, names -------------------------------------------------------------------


@pytest.mark.parametrize("way", REMOTE_WAYS)
def test_a_repair_may_name_its_way_itself(way) -> None:
    after = apply_verb(ticket_in("acknowledged"), "repair", way=way, content=Content.SOFTWARE)
    assert isinstance(after, Ticket)
    assert (after.state, after.way, after.content) == (TicketState.REPAIRED, way, Content.SOFTWARE)


@pytest.mark.parametrize("way", REMOTE_WAYS)
def test_the_arrive_clock_is_not_applicable(way) -> None:
    ticket = ticket_in("acknowledged", way)
    late = tickets.as_json(ticket, at(10 * HOUR))
    assert late["overdue"] == ["repair"], "neither met nor overdue"
    assert late["due"]["arrive"] is None  # type: ignore[index]
    repaired = apply_verb(ticket, "repair")
    assert isinstance(repaired, Ticket)
    closed = apply_verb(replace(repaired, cleared_at=at(130)), "close")
    assert isinstance(closed, Ticket)
    assert set(closed.settled) == {Clock.RESPOND, Clock.REPAIR}


def test_transfer_changes_the_way_only() -> None:
    before = ticket_in("on_site")
    after = apply_verb(before, "transfer", way=Way.MAIL_IN, to="", note="不能解决")
    assert isinstance(after, Ticket)
    assert after == replace(before, way=Way.MAIL_IN, version=6)


def test_transfer_needs_a_way() -> None:
    refusal = apply_verb(ticket_in("open"), "transfer", way=None)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid"


def test_assign_names_the_assignee_only() -> None:
    before = ticket_in("open")
    after = apply_verb(before, "assign", to="zhao")
    assert isinstance(after, Ticket)
    assert after == replace(before, assignee="zhao", version=6)


@pytest.mark.parametrize(("verb", "said"), [("assign", {"to": " "}), ("note", {"note": ""})])
def test_assign_needs_a_name_and_note_needs_words(verb, said) -> None:
    refusal = apply_verb(ticket_in("open"), verb, **said)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid"


@pytest.mark.parametrize("state", ON_THE_WAY)
def test_cancel_needs_a_reason(state) -> None:
    refusal = apply_verb(ticket_in(state), "cancel", note="")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid"
    assert "reason" in refusal.text


def test_reject_takes_the_repair_back() -> None:
    after = apply_verb(ticket_in("repaired"), "reject", note="评估不合格")
    assert isinstance(after, Ticket)
    assert set(after.marks) == {TicketState.ACKNOWLEDGED, TicketState.ON_SITE}
    again = apply_verb(after, "arrive")
    assert isinstance(again, Ticket)
    assert again.marks[TicketState.ON_SITE] == Mark(at(60), "li"), "the first arrival counts"


# --- versions, second operators --------------------------------------------------------------


@pytest.mark.parametrize("verb", ["acknowledge", "note", "cancel", "assign"])
@pytest.mark.parametrize("version", [4, 6])
def test_a_stale_version_is_refused_and_carries_the_present_ticket(verb, version) -> None:
    ticket = ticket_in("open")
    refusal = apply_verb(ticket, verb, version=version)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.ticket) == ("version", ticket)
    assert isinstance(apply_verb(ticket, verb, version=5), Ticket)


def test_the_second_operator_is_refused_and_sees_who_was_first() -> None:
    site = opened()
    site.act(Verb.ACKNOWLEDGE, 130, by="wang")
    refusal = site.act(Verb.ACKNOWLEDGE, 131, by="li")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "state"
    assert refusal.ticket == site.only()
    assert refusal.ticket.marks[TicketState.ACKNOWLEDGED] == Mark(at(130), "wang")
    assert [(e.what, e.by) for e in site.journal] == [
        ("opened", "secmon"),
        ("acknowledge", "wang"),
    ], "the refused one wrote nothing"


def test_a_refused_action_changes_nothing_at_all() -> None:
    site = opened()
    before = site.only()
    from tests.core.world import action

    change = site.take(action(before.number, Verb.ARRIVE, 130))
    assert not change.durable
    assert site.only() == before


def test_an_action_on_no_ticket() -> None:
    refusal = warm_room().act(Verb.NOTE, 0, "WX-2026-9999", note="hello")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "unknown"
    assert "WX-2026-9999" in refusal.text


# --- the whole way, and what people are told -------------------------------------------------


def test_the_whole_way() -> None:
    site = opened()
    site.act(Verb.ACKNOWLEDGE, 200)
    site.act(Verb.ASSIGN, 210, to="zhao")
    site.act(Verb.ARRIVE, HOUR, by="zhao")
    site.act(Verb.REPAIR, 2 * HOUR, by="zhao", content=Content.HARDWARE)
    site.good("room", 2 * HOUR + 30, temperature_celsius=22.0)
    site.act(Verb.VERIFY, 2 * HOUR + 40)
    number = site.only().number
    ticket = site.act(Verb.CLOSE, 2 * HOUR + 50)
    assert isinstance(ticket, Ticket)
    assert site.open() == []
    assert {str(state): (mark.at, mark.by) for state, mark in ticket.marks.items()} == {
        "acknowledged": (at(200), "wang"),
        "on_site": (at(HOUR), "zhao"),
        "repaired": (at(2 * HOUR), "zhao"),
        "verified": (at(2 * HOUR + 40), "wang"),
        "closed": (at(2 * HOUR + 50), "wang"),
    }
    assert ticket.settled == {Clock.RESPOND: True, Clock.ARRIVE: True, Clock.REPAIR: True}
    assert site.told("opened", "cleared", "closed") == [
        (120, "opened"),
        (2 * HOUR + 30, "cleared"),
        (2 * HOUR + 50, "closed"),
    ]
    assert (ticket.assignee, ticket.content, ticket.number) == ("zhao", Content.HARDWARE, number)


def test_a_fault_after_closing_is_a_new_ticket_that_names_the_previous() -> None:
    site = opened()
    site.good("room", 150, temperature_celsius=22.0)
    first = site.act(Verb.CLOSE, 160, note="自行恢复")
    assert isinstance(first, Ticket)
    opened(site, 300)
    second = site.only()
    assert second.id != first.id
    assert (second.previous, second.detected_at) == (first.number, at(300))
    assert site.told("opened", "relapsed") == [(120, "opened"), (420, "opened")]


def test_one_open_ticket_per_fault() -> None:
    site = opened()
    for when in range(150, 3600, 30):
        site.good("room", when, temperature_celsius=26.0 + when % 4)
    assert len(site.open()) == 1


def test_a_ticket_that_cleared_never_vanishes() -> None:
    site = opened()
    site.good("room", 150, temperature_celsius=22.0)
    site.sleep(100 * HOUR)
    assert site.only().state is TicketState.OPEN


def test_a_relapse_reuses_the_ticket() -> None:
    site = opened()
    number = site.only().number
    site.act(Verb.ACKNOWLEDGE, 130)
    site.act(Verb.ARRIVE, 135)
    site.act(Verb.REPAIR, 140)
    site.good("room", 150, temperature_celsius=22.0)
    site.act(Verb.VERIFY, 160)
    assert site.only().state is TicketState.VERIFIED
    opened(site, 300)
    ticket = site.only()
    assert ticket.number == number
    assert (ticket.cleared_at, ticket.state) == (None, TicketState.ACKNOWLEDGED)
    assert TicketState.REPAIRED not in ticket.marks
    assert TicketState.VERIFIED not in ticket.marks
    assert ticket.due[Clock.REPAIR] == at(8 * HOUR), "from the first due"
    assert site.told("relapsed") == [(420, "relapsed")]


@pytest.mark.parametrize("state", ["open", "acknowledged", "on_site"])
def test_a_relapse_leaves_the_earlier_states_alone(state) -> None:
    site = opened()
    for verb in (Verb.ACKNOWLEDGE, Verb.ARRIVE)[: ("open", "acknowledged", "on_site").index(state)]:
        site.act(verb, 130)
    site.good("room", 150, temperature_celsius=22.0)
    opened(site, 300)
    assert str(site.only().state) == state


def test_a_short_bad_spell_after_clearing_is_no_relapse() -> None:
    site = opened()
    site.good("room", 150, temperature_celsius=22.0)
    site.good("room", 180, temperature_celsius=26.0)
    site.good("room", 210, temperature_celsius=22.0)
    assert site.told() == [(120, "opened"), (150, "cleared")]


def test_a_cancelled_ticket_does_not_come_back_while_its_fault_stands() -> None:
    site = opened()
    site.act(Verb.CANCEL, 130, note="known, being rebuilt")
    for when in range(150, 600, 30):
        site.good("room", when, temperature_celsius=27.0)
    assert site.open() == []
    site.good("room", 600, temperature_celsius=22.0)
    opened(site, 700)
    assert site.only().previous == "WX-2026-0001"


# --- reported by a person --------------------------------------------------------------------


def test_a_person_reports() -> None:
    from tests.core.world import action

    site = warm_room()
    change = site.take(action("room", Verb.REPORT, 50, by="li", note="空调漏水"))
    ticket = change.tickets[str(change.outcomes[0])]
    assert (ticket.summary, ticket.reported_by, ticket.rule) == ("空调漏水", "li", "")
    assert ticket.due[Clock.RESPOND] == at(50) + timedelta(minutes=30)
    assert site.told() == [(50, "opened")]


@pytest.mark.parametrize(("subject", "note"), [("ghost", "words"), ("room", " ")])
def test_a_report_needs_a_device_and_words(subject, note) -> None:
    from tests.core.world import action

    site = warm_room()
    change = site.take(action(subject, Verb.REPORT, 50, note=note))
    assert isinstance(change.outcomes[0], Refusal)
    assert not change.durable


def test_two_reports_of_one_moment_are_two_tickets() -> None:
    from tests.core.world import action

    one = action("room", Verb.REPORT, 50, note="空调漏水")
    site = warm_room()
    site.take(one)
    site.take(one)
    site.take(one, one)
    assert len(site.open()) == 4


# --- as JSON ---------------------------------------------------------------------------------


def test_as_json_has_the_contracts_fields() -> None:
    site = opened()
    site.act(Verb.ACKNOWLEDGE, 130)
    shown = tickets.as_json(site.only(), at(5 * HOUR))
    promised = (
        "number version device device_name location part system rule severity state summary value"
        " limit opened_at detected_at cleared_at due marks overdue way content assignee"
        " reported_by previous suppressed"
    )
    assert set(promised.split()) <= set(shown)
    assert shown["detected_at"] == "2026-03-02T01:00:00.000Z"
    assert shown["due"] == {
        "respond": "2026-03-02T01:30:00.000Z",
        "arrive": "2026-03-02T05:00:00.000Z",
        "repair": "2026-03-02T09:00:00.000Z",
    }
    assert shown["marks"] == {"acknowledged": {"at": "2026-03-02T01:02:10.000Z", "by": "wang"}}
    assert shown["overdue"] == ["arrive"]
    assert shown["cleared_at"] is None


def test_two_devices_have_two_tickets() -> None:
    rooms = [device(name, kind="machine-room") for name in ("east", "west")]
    site = Site(policy(rooms))
    for when in (0, 60, 120):
        for name in ("east", "west"):
            site.good(name, when, temperature_celsius=26.0)
    assert sorted(ticket.device for ticket in site.open()) == ["east", "west"]
    assert sorted(ticket.number for ticket in site.open()) == ["WX-2026-0001", "WX-2026-0002"]
    assert site.told() == [(2 * MINUTE, "opened")] * 2
