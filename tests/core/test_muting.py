"""Faults inside a window: shown, without a ticket; what is still there at the end opens one."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from secmon.core.model import FaultState, Feed, Refusal
from secmon.core.windows import Do, Every, Silence, Window
from secmon.core.wishes import Mute, Unmute
from tests.core.duty import on_duty
from tests.core.test_decide import LAWS
from tests.core.test_windows import SHANGHAI, window
from tests.core.world import HOUR, MINUTE, PORT, SILENCE, T0, WARM, Site, at, device, good, policy

HOT = {"temperature_celsius": 27.0}
COOL = {"temperature_celsius": 21.0}


def room(*windows: Window, site: Site | None = None) -> Site:
    """The machine room with these windows, started a minute before T0."""
    made = site or Site(policy([device("room", kind="machine-room")]))
    made.policy = replace(made.policy, windows=windows)
    made.restart(-MINUTE, alive=-MINUTE)
    made.ticks = 1000.0
    return made


def polls(site: Site, start: float, end: float, every: float = 30, **brought: float) -> None:
    while start <= end:
        ring(site, start)
        site.good("room", start, **brought)
        start += every


def ring(site: Site, until: float) -> None:
    if until > site.now:
        site.sleep(until)


def test_no_ticket_opens_inside_and_the_fault_is_shown() -> None:
    site = room(window("ac", "room"))
    polls(site, 60, 1800, **HOT)
    assert site.open() == [] and site.notices == []
    fault = site.fault("room", "room-too-warm")
    assert (fault.state, fault.muted_by) == (FaultState.ACTIVE, "ac")


def test_what_is_still_there_opens_after_the_end_and_was_detected_at_the_end() -> None:
    site = room(window("ac", "room"))
    polls(site, 60, 3590, **HOT)
    ring(site, 3601)
    fault = site.fault("room", "room-too-warm")
    assert (fault.state, fault.since, fault.muted_by) == (FaultState.SUSPECT, at(3600), "")
    assert site.open() == []  # time alone opens nothing
    polls(site, 3605, 3700, **HOT)
    assert site.open() == []  # its soak of two minutes is counted anew
    polls(site, 3725, 3725, **HOT)
    ticket = site.only()
    assert (ticket.detected_at, ticket.opened_at) == (at(3600), at(3725))
    assert site.told() == [(3725, "opened")]


def test_what_came_and_went_leaves_a_line_an_hour() -> None:
    site = room(window("ac", "room"))
    for start in range(60, 3500, 300):
        polls(site, start, start + 150, **HOT)
        polls(site, start + 180, start + 270, **COOL)
    ring(site, 4000)
    assert site.tickets == {} and site.notices == []
    lines = [(entry.subject, entry.what) for entry in site.journal]
    assert lines == [
        ("maintenance", "window begins"),
        ("room", "passed"),
        ("maintenance", "window ends"),
    ]


def test_a_suspect_of_before_is_covered_when_it_would_open() -> None:
    site = room(window("ac", "room"))
    polls(site, -50, 600, **HOT)
    assert site.open() == []


def test_an_open_ticket_lives_on_its_clocks_and_its_end_are_told() -> None:
    start = T0 + timedelta(minutes=10)
    site = room(window("ac", "room", start=start, end=start + timedelta(hours=2)))
    polls(site, 0, 3600, **HOT)
    assert site.told() == [(120, "opened"), (1440, "due_soon"), (1800, "overdue")]
    polls(site, 3630, 3630, **COOL)
    assert site.told("cleared") == [(3630, "cleared")]
    polls(site, 3660, 4200, **HOT)  # it does not relapse inside
    assert site.only().cleared_at == at(3630)
    end = 600 + 2 * 3600
    polls(site, 4230, end + 180, every=60, **HOT)
    assert site.told("relapsed") == [(end + 150, "relapsed")]


def test_whom_a_step_calls_is_called_after_the_end() -> None:
    site = Site(on_duty(policy([device("room", kind="machine-room")])))
    start = T0 + timedelta(minutes=5)
    room(window("ac", "room", start=start, end=start + timedelta(minutes=40)), site=site)
    polls(site, 0, 3600, **HOT)
    assert site.told("opened") == [(120, "opened")]
    assert site.told("escalated") == [(2700, "escalated")]  # three steps in one
    assert site.only().detected_at == at(0)


def test_a_window_on_a_switch_covers_its_cameras() -> None:
    known = policy(
        [
            device("sw"),
            device("cam-1", "sw", kind="camera"),
            device("cam-2", Feed("sw", "p1"), kind="camera"),
        ]
    )
    site = room(window("w", "sw"), site=Site(known))
    for when in range(0, 3590, 30):
        for name in known.devices:
            site.fails(name, when + 1)
    assert site.open() == []
    assert {fault.muted_by for fault in site.world.faults.values()} == {"w"}
    for when in range(3600, 3900, 30):  # they are still away: one root, as ever
        for name in ("cam-1", "cam-2", "sw"):
            ring(site, when + 1)
            site.fails(name, when + 1)
    ticket = site.only()
    assert (ticket.device, sorted(ticket.suppressed)) == ("sw", ["cam-1", "cam-2"])
    assert [notice.reason for notice in site.notices] == ["opened"]


def test_a_port_that_is_off_inside_its_silence() -> None:
    known = policy([device("sw", watched=["p1", "p2"])], [PORT, SILENCE])
    site = room(window("w", "sw", part="p1"), site=Site(known))
    for when in (0, 30, 60):
        site.good("sw", when, interface_up={"p1": False, "p2": False})
    assert [ticket.part for ticket in site.open()] == ["p2"]


def test_a_restart_in_a_window_and_one_after_it() -> None:
    site = room(window("ac", "room"))
    polls(site, 60, 600, **HOT)
    site.restart(660, alive=655)
    assert site.fault("room", "room-too-warm").muted_by == "ac"
    assert site.open() == []
    site.restart(4000, alive=700)
    fault = site.fault("room", "room-too-warm")
    assert (fault.state, fault.since, fault.muted_by) == (FaultState.SUSPECT, at(4000), "")
    polls(site, 4010, 4130, **HOT)
    assert site.only().detected_at == at(4000)


def test_a_window_that_leaves_the_site_file_ends() -> None:
    site = room(window("ac", "room"))
    polls(site, 60, 600, **HOT)
    site.adopt(replace(site.policy, windows=()), 610)
    polls(site, 630, 750, **HOT)
    assert site.only().detected_at == at(610)


def test_a_recurring_one_covers_again() -> None:
    every = Every(9 * 60, 10 * 60, SHANGHAI)  # T0 is 09:00
    site = room(Window("daily", "", Do.MUTE, frozenset(("room",)), every=every))
    polls(site, 60, 300, **HOT)
    assert site.open() == []
    polls(site, 3600, 3900, **HOT)
    assert site.only().detected_at == at(3600)
    polls(site, 4000, 4000, **COOL)
    polls(site, 24 * HOUR + 60, 24 * HOUR + 600, **HOT)
    assert site.told() == [(3720, "opened"), (4000, "cleared")]


# --- silences --------------------------------------------------------------------------------


def mute(site: Site, when: float, hours: float, **more: object) -> object:
    wish = Mute("wang", at(when), at(when), at(when + hours * HOUR), "换电池", **more)  # type: ignore[arg-type]
    return site.take(wish, now=when).outcomes[0]


def test_a_silence_covers_till_it_is_ended() -> None:
    site = room()
    name = mute(site, 0, 8, device="room")
    polls(site, 60, 600, **HOT)
    assert site.open() == []
    assert site.take(Unmute(str(name), "li", at(610)), now=610).outcomes[0] == name
    polls(site, 630, 750, **HOT)
    assert site.only().detected_at == at(610)
    assert [entry.what for entry in site.journal][:2] == ["silenced", "silence ended"]
    again = site.take(Unmute(str(name), "li", at(800)), now=800).outcomes[0]
    assert isinstance(again, Refusal) and again.code == "state"


def test_a_silence_is_there_after_a_restart() -> None:
    site = room()
    mute(site, 0, 8, device="room")
    site.restart(60, alive=55)
    polls(site, 90, 600, **HOT)
    assert site.open() == [] and len(site.world.book.silences) == 1


def test_what_no_silence_can_be() -> None:
    site = room()
    said = [
        mute(site, 0, 1, device="nobody"),
        mute(site, 0, 1, system="parking"),
        mute(site, 0, 1, rule="none"),
        mute(site, 0, 1, part="p1"),
        mute(site, 0, -1, device="room"),
        mute(site, 0, 24 * 93, device="room"),
        mute(site, 0, 1, device="room", rule="no-answer", do=Do.SKIP),
        site.take(Mute("wang", at(0), at(0), at(60), " ", device="room"), now=0).outcomes[0],
        site.take(Mute("wang", at(0), at(-400), at(60), "x", device="room"), now=0).outcomes[0],
    ]
    assert [one.code if isinstance(one, Refusal) else one for one in said] == ["invalid"] * 9
    assert site.world.book.silences == {}


def test_who_forgets_a_silence_is_reminded() -> None:
    site = room()
    mute(site, 0, 60, device="room")
    mute(site, 1, 1, rule="no-answer")  # a short one needs no word
    ring(site, 61 * HOUR)
    told = [(seconds, reason) for seconds, reason in site.told()]
    assert told == [
        (24 * HOUR, "silence_long"),
        (48 * HOUR, "silence_long"),
        (59 * HOUR, "silence_ends"),
    ]
    assert site.notices[0].facts["text"] == "换电池"


def test_reminders_are_meant_for_who_set_it() -> None:
    site = Site(on_duty(policy([device("room", kind="machine-room")])))
    room(site=site)
    mute(site, 0, 30, device="room")
    ring(site, 25 * HOUR)
    mine = [one for one in site.notices if one.reason == "silence_long"]
    assert [one.people for one in mine] == [("wang",)]


# --- laws ------------------------------------------------------------------------------------

TEMPERATURES = st.lists(st.sampled_from([21.0, 24.8, 27.0]), min_size=1, max_size=60)


@LAWS
@given(TEMPERATURES, st.integers(0, 20), st.integers(1, 30))
def test_nothing_opens_inside_and_the_end_is_as_if_it_began_there(values, start, length) -> None:
    begin, end = start * 60.0, (start + length) * 60.0
    one = window("w", "room", start=at(begin), end=at(end))
    site = room(one)
    for step, value in enumerate(values):
        ring(site, 45.0 * step)
        site.good("room", 45.0 * step, temperature_celsius=value)
    opened = [second for second, reason in site.told("opened", "relapsed")]
    assert all(not begin <= second < end for second in opened)
    soak = WARM.soak.total_seconds()
    after = [second for second in opened if second >= end]
    assert all(second >= end + soak for second in after)


@LAWS
@given(TEMPERATURES, st.integers(0, 20), st.integers(1, 30))
def test_one_batch_equals_many(values, start, length) -> None:
    one = window("w", "room", start=at(start * 60), end=at((start + length) * 60))
    many, once = room(one), room(one)
    for step, value in enumerate(values):
        many.good("room", 45.0 * step, temperature_celsius=value)
    once.take(*(good("room", 45.0 * n, temperature_celsius=v) for n, v in enumerate(values)))
    assert once.world.faults == many.world.faults
    assert [(e.at, e.what, e.why) for e in once.journal] == [
        (e.at, e.what, e.why) for e in many.journal
    ]


def test_a_silence_says_what_it_is() -> None:
    one = Silence("s", Do.MUTE, T0, at(60), "why", "wang", T0, system="video")
    assert one.window.names(device("cam", system="video"))
    assert not one.window.names(device("cam", system="network"))
