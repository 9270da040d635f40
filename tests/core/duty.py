"""Rosters for tests: wang by day and li by night, then zhao and qian; sun leads, zhou manages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from secmon.core.model import Policy, Severity
from secmon.core.roster import Cover, Duty, Override, Shift, Step
from secmon.core.wishes import Wish
from tests.core.world import Site, at, policy

DAY_AND_NIGHT = (Shift("day", 8 * 60, 20 * 60), Shift("night", 20 * 60, 32 * 60))
ROWS = ({"day": ("wang",), "night": ("li",)}, {"day": ("zhao",), "night": ("qian",)})
GRAVE = frozenset((Severity.CRITICAL, Severity.MAJOR))
START = date(2026, 3, 2)  # the day of tests.core.world.T0, which is 09:00 in Shanghai


def step(minutes: float, to: str, *severities: Severity, between: Any = None) -> Step:
    return Step(timedelta(minutes=minutes), to, frozenset(severities) or GRAVE, between)


STEPS = (step(10, "next"), step(20, "lead"), step(30, "manager"))


def roster(
    rows: Sequence[Mapping[str, tuple[str, ...]]] = ROWS,
    *,
    zone: str = "Asia/Shanghai",
    start: date = START,
    **more: Any,
) -> Duty:
    base = Duty(
        ZoneInfo(zone),
        DAY_AND_NIGHT,
        start,
        tuple(rows),
        lead=("sun",),
        manager=("zhou",),
        steps=STEPS,
    )
    return replace(base, **more)


def on_duty(known: Policy, duty: Duty | None = None, people: Iterable[str] = ("mq",)) -> Policy:
    """The policy with a roster; its channels are read by people."""
    return replace(known, duty=duty or roster(), read_by_people=frozenset(people))


def manned(duty: Duty | None = None, **more: Any) -> Site:
    """An empty site with a roster, started at T0: 09:00, wang is on duty."""
    site = Site(on_duty(policy([], **more), duty))
    site.adopt(site.policy, 0.0)
    return site


def wish(site: Site, given: Wish) -> Any:
    """The id that came of it, or the Refusal."""
    change = site.take(given, now=(given.at - at(0)).total_seconds())
    return change.outcomes[0]


def utc(text: str) -> datetime:
    """`2026-03-29 01:00`"""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def instead(
    replaces: str, user: str, start: str, end: str, *, order: int = 0, **more: Any
) -> Override:
    """A confirmed override; a higher `order` was confirmed later (and has a lower id)."""
    asked = utc("2026-01-01 00:00")
    base = Override(f"o{9 - order}", utc(start), utc(end), replaces, user, "sun", asked)
    confirmed = asked + timedelta(minutes=order)
    return replace(base, confirmed_by="sun", confirmed_at=confirmed, **more)


def people_at(cover: Cover, text: str) -> tuple[str, ...]:
    return cover.on(utc(text))
