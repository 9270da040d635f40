"""When a device started: one restart is a line, three a day are a warning, our own are none."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from secmon.core.boots import KEPT, WRAP, Boots
from secmon.core.derive import Deriver
from secmon.core.model import Observation, Op, Severity
from tests.core.world import (
    HOUR,
    MINUTE,
    SILENCE,
    WORDS,
    Site,
    at,
    device,
    good,
    policy,
    rule,
    word,
)

DAY = 24 * HOUR
OFTEN = rule("restarting", "restarts_per_day", Op.AT_LEAST, 3, severity=Severity.WARNING)
VOCABULARY = {
    **WORDS,
    "uptime_seconds": word("uptime_seconds"),
    "restarts_per_day": word("restarts_per_day", depth=5, derive="restarts(uptime_seconds)"),
}


def seen(when: float, uptime: float) -> Observation:
    return good("cam", when, "tcp", uptime_seconds=uptime)


def followed(*polls: tuple[float, float], boots: Boots | None = None) -> list[bool]:
    """Was each of these (second, uptime) a restart?"""
    boots = boots or Boots({})
    return ["rebooted_at" in boots.follow(seen(*poll)) for poll in polls]


@pytest.mark.parametrize(
    ("uptimes", "restarts"),
    [
        ((5000, 5030, 5060), (False, False, False)),
        ((5000, 12, 42), (False, True, False)),
        ((5, 35, 12), (False, False, True)),
        ((5000, 4990, 5020), (False, False, False)),  # a clock that stumbled
        ((5000, 4000, 4030), (False, False, False)),  # went back, and far older than the time
        ((20, 20, 20), (False, False, False)),  # a count that stands still
    ],
)
def test_a_restart_is_an_uptime_younger_than_the_last_poll(uptimes, restarts) -> None:
    polls = [(30.0 * place, float(uptime)) for place, uptime in enumerate(uptimes)]
    assert followed(*polls) == list(restarts)


def test_a_young_device_that_was_away_may_be_older_than_before_and_have_restarted() -> None:
    assert followed((0, 60), (600, 200)) == [False, True]
    assert followed((0, 60), (600, 660)) == [False, False]


def test_the_facts_say_when() -> None:
    boots = Boots({})
    assert boots.follow(seen(0, 5000)) == {"booted_at": at(-5000).isoformat()}
    assert boots.follow(seen(30, 12)) == {
        "booted_at": at(18).isoformat(),
        "rebooted_at": at(18).isoformat(),
        "reboots": at(18).isoformat(),
    }
    assert boots.follow(seen(60, 42)) == {}
    assert (boots.of_late(at(60)), boots.of_late(at(18 + DAY))) == (1, 0)


def test_the_list_is_bounded() -> None:
    boots = Boots({})
    facts: dict[str, str] = {}
    for place in range(100):
        facts = boots.follow(seen(60.0 * place, 5000.0 if place % 2 else 5.0)) or facts
    assert len(facts["reboots"].split()) == KEPT


KNOWN = {"booted_at": at(-5000).isoformat()}


@pytest.mark.parametrize(
    ("alive", "when", "uptime", "restarted"),
    [
        (100, 200, 5200, False),  # it ran on
        (100, 200, 5260, False),  # the clocks drift
        (100, 600, 60, True),  # it started while we were away
        (100, 3800, 5200, False),  # our clock was set by an hour
        (100, 200 + WRAP, 5200, False),  # sysUpTime passed its end, and we were away
        (None, 600, 60, False),  # how long we were away, nobody knows
    ],
)
def test_over_our_own_restart(alive, when, uptime, restarted) -> None:
    boots = Boots(KNOWN, at(alive) if alive is not None else None)
    assert followed((when, uptime), boots=boots) == [restarted]


@pytest.mark.parametrize("text", ["", "yesterday", "2026-03-02T01:00:00", "x" * 100_000])
def test_odd_facts_are_none(text) -> None:
    boots = Boots({"booted_at": text, "reboots": f"{text} {text}"}, at(0))
    assert followed((0, 60), boots=boots) == [False]


@pytest.mark.parametrize("uptime", [-1.0, 1e30, "long", True])
def test_odd_uptimes_are_none(uptime) -> None:
    assert "rebooted_at" not in Boots({}).follow(good("cam", 0, "tcp", uptime_seconds=uptime))


# --- what people get -------------------------------------------------------------------------


def played(site: Site, deriver: Deriver, *polls: tuple[float, float]) -> None:
    for when, uptime in polls:
        site.take(deriver.extend(replace(seen(when, uptime), tick=site.ticks + when)))


def camera() -> tuple[Site, Deriver]:
    cam = device("cam")
    site = Site(policy([cam], [SILENCE, OFTEN], words=VOCABULARY))
    return site, Deriver(cam, VOCABULARY, ZoneInfo("UTC"), 30)


def test_one_restart_is_a_line_in_the_journal_and_no_ticket() -> None:
    site, deriver = camera()
    played(site, deriver, (0, 5000), (30, 12), (60, 42))
    assert [(e.subject, e.what, e.why) for e in site.journal] == [
        ("cam", "rebooted", f"started at {at(18).isoformat()}")
    ]
    assert site.open() == []


def test_the_third_in_a_day_is_a_warning_until_they_are_a_day_old() -> None:
    site, deriver = camera()
    played(site, deriver, *((MINUTE * place, 5.0) for place in range(3)))
    assert site.open() == [], "a count that stands still"
    played(site, deriver, (600, 605), (630, 4), (1200, 574), (1230, 3), (1800, 573), (1830, 2))
    assert (site.only().rule, site.only().severity) == ("restarting", Severity.WARNING)
    assert site.only().facts["rebooted_at"] == at(1828).isoformat()
    played(site, deriver, (700 + DAY, 700 + DAY - 1828))
    assert site.only().cleared_at == at(700 + DAY)


def test_a_silence_that_clears_says_that_the_device_restarted() -> None:
    site, deriver = camera()
    played(site, deriver, (0, 5000))
    for when in (30, 60, 90, 120):
        site.fails("cam", when)
    played(site, deriver, (150, 20))
    ticket = site.only()
    assert ticket.cleared_at == at(150)
    assert ticket.facts["rebooted_at"] == at(130).isoformat()
    assert [entry.what for entry in site.journal] == ["opened", "rebooted", "cleared"]


def test_a_silence_without_a_restart_says_nothing_of_one() -> None:
    site, deriver = camera()
    played(site, deriver, (0, 5000))
    for when in (30, 60, 90, 120):
        site.fails("cam", when)
    played(site, deriver, (150, 5150))
    assert "rebooted_at" not in site.only().facts
    assert [entry.what for entry in site.journal] == ["opened", "cleared"]


def test_a_restart_of_ours_doubles_nothing() -> None:
    site, deriver = camera()
    played(site, deriver, (0, 5000), (30, 12), (60, 42))
    site.restart(90, alive=85)
    again = Boots(site.world.facts["cam"], at(85))
    deriver = Deriver(device("cam"), VOCABULARY, ZoneInfo("UTC"), 30, boots=again)
    played(site, deriver, (120, 102), (150, 132))
    assert len(site.journal) == 1
    assert again.of_late(at(150)) == 1
    assert again.of_late(at(150) + timedelta(days=1)) == 0
