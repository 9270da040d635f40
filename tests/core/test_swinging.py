"""Faults that come and go: what people hear, what the journal keeps, and how it ends."""

from hypothesis import given
from hypothesis import strategies as st

from secmon.core.model import Op, Verb, Way
from secmon.core.swinging import unsteady
from tests.core.test_decide import LAWS
from tests.core.world import HOUR, Site, at, device, policy, rule

DOWN = rule("port-down", "interface_up", Op.IS, False)
STEP = 60.0


def switch() -> Site:
    return Site(policy([device("sw", watched=["p"])], [DOWN]))


def look(site: Site, when: float, up: bool) -> None:
    if when > site.now:
        site.sleep(when)
    site.good("sw", when, interface_up={"p": up})


def swings(site: Site, start: float, times: int, period: float = 120.0) -> float:
    """Down and up again, so many times; when it came up last."""
    for number in range(times):
        look(site, start + number * period, up=False)
        look(site, start + number * period + period / 2, up=True)
    return start + (times - 1) * period + period / 2


def steady(site: Site, start: float, end: float, up: bool = True) -> None:
    while start <= end:
        look(site, start, up)
        start += STEP


def test_after_four_changes_nobody_hears_of_a_swing() -> None:
    site = switch()
    last = swings(site, 0, 12)
    assert site.told("opened", "cleared", "relapsed") == [
        (0, "opened"),
        (60, "cleared"),
        (120, "relapsed"),
    ]
    ticket = site.only()
    assert ticket.cleared_at is None and ticket.clears_at is not None
    steady(site, last + STEP, last + 2 * HOUR)
    assert site.told("cleared", "relapsed")[2:] == [(last + 3600, "cleared")]
    assert site.only().cleared_at == at(last + 3600)


def test_it_is_believed_after_ten_minutes_then_after_twenty() -> None:
    site = switch()
    first = swings(site, 0, 2)  # 0 down, 60 up, 120 down, 180 up: held
    assert site.only().clears_at == at(first + 600)
    look(site, first + 300, up=False)
    assert site.only().clears_at is None
    look(site, first + 360, up=True)
    assert site.only().clears_at == at(first + 360 + 1200)


def test_bad_at_the_end_it_is_open_and_no_longer_called_unsteady() -> None:
    site = switch()
    last = swings(site, 0, 6)
    steady(site, last + STEP, last + 3 * HOUR, up=False)
    ticket = site.only()
    assert ticket.cleared_at is None and ticket.clears_at is None
    assert site.told("cleared", "relapsed")[-1] == (120, "relapsed")
    assert unsteady(ticket, at(last + 600))
    assert not unsteady(ticket, at(last + 3 * HOUR))
    look(site, last + 3 * HOUR + 60, up=True)  # and what stayed bad for long clears at once
    assert site.only().cleared_at == at(last + 3 * HOUR + 60)


def test_the_journal_has_a_line_an_hour() -> None:
    site = switch()
    last = swings(site, 0, 150)  # five hours
    steady(site, last + STEP, last + 2 * HOUR)
    lines = [(entry.at - at(0)).total_seconds() / HOUR for entry in site.journal]
    assert len([entry for entry in site.journal if entry.what == "unsteady"]) <= 6
    assert len(lines) <= 6 + 4 + 6  # opened, cleared, relapsed, cleared; six words of clocks


def test_what_nobody_looked_at_did_not_stay_good() -> None:
    site = switch()
    last = swings(site, 0, 3)
    for minute in range(1, 40):
        site.sleep(last + 60 * minute)
        site.fails("sw", last + 60 * minute)
    (port,) = [one for one in site.open() if one.part == "p"]
    assert port.cleared_at is None
    steady(site, last + 2400, last + 4800)
    (port,) = [one for one in site.open() if one.part == "p"]
    assert port.cleared_at is not None


def test_a_restart_waits_anew() -> None:
    site = switch()
    last = swings(site, 0, 2)
    site.restart(last + 3 * HOUR, alive=last + 10)
    assert site.only().clears_at == at(last + 3 * HOUR + 600)
    steady(site, last + 3 * HOUR + 30, last + 3 * HOUR + 900)
    assert site.only().cleared_at == at(last + 3 * HOUR + 600)
    assert site.told("cleared") == [(60, "cleared"), (last + 3 * HOUR + 600, "cleared")]


def test_a_persons_word_is_believed() -> None:
    site = switch()
    look(site, 0, up=False)
    site.act(Verb.ACKNOWLEDGE, 10)
    look(site, 60, up=True)
    look(site, 120, up=False)
    look(site, 180, up=True)
    assert site.only().cleared_at is None
    ticket = site.act(Verb.REPAIR, 200, way=Way.REMOTE, note="plug changed")
    assert ticket.cleared_at == at(200)
    look(site, 240, up=True)
    assert site.act(Verb.VERIFY, 250).state == "verified"


@LAWS
@given(st.lists(st.booleans(), min_size=1, max_size=120), st.booleans())
def test_the_end_is_right_and_opening_never_late(ups, last) -> None:
    site = switch()
    for number, up in enumerate(ups):
        look(site, STEP * number, up)
        if not up:
            assert site.only().cleared_at is None, "bad and not open"
    end = STEP * len(ups)
    steady(site, end, end + 3 * HOUR, last)
    assert [one.cleared_at is None for one in site.open()] in ([], [not last])
    if not last:
        assert site.only().cleared_at is None
    told = site.told("opened", "cleared", "relapsed")
    words = [word for _, word in told]
    assert words == ["opened", *["cleared", "relapsed"] * 60][: len(words)], "in turn"
    for second, _ in told:
        near = [one for one, _ in told if second <= one < second + 1800]
        assert len(near) <= 4, "at most three changes in half an hour, then one clearing"


def test_a_device_that_is_not_asked_says_nothing() -> None:
    site = switch()
    last = swings(site, 0, 2)
    site.sleep(last + 3 * HOUR)
    assert site.only().cleared_at is None
    look(site, last + 3 * HOUR, up=True)
    site.sleep(last + 4 * HOUR)
    assert site.only().cleared_at is not None
