"""Small changes of the core, made by hand, and the store they go to."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from secmon.adapters.store.sqlite import SqliteStore
from secmon.core.change import Change
from secmon.core.model import (
    Clock,
    Entry,
    Fault,
    FaultKey,
    FaultState,
    Mark,
    Notice,
    Severity,
    Ticket,
    TicketState,
)

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def store(folder: Path, **more: Any) -> SqliteStore:
    return SqliteStore(folder / "secmon.db", **{"site": "lab", "timezone": "Asia/Shanghai", **more})


def fault(device: str = "sw-1", rule: str = "no answer", part: str = "", **more: Any) -> Fault:
    key = FaultKey(device, rule, part)
    return replace(Fault(key, FaultState.ACTIVE, NOW, since_tick=10.0, bad_tick=20.0), **more)


def ticket(id: str = "t-1", device: str = "sw-1", rule: str = "no answer", **more: Any) -> Ticket:  # noqa: A002
    made = Ticket(
        id=id,
        number="",
        version=1,
        device=device,
        device_name="一楼接入交换机",
        location="一层弱电间",
        system="network",
        rule=rule,
        part="",
        severity=Severity.MAJOR,
        state=TicketState.OPEN,
        opened_at=NOW,
        detected_at=NOW - timedelta(seconds=30),
        due={Clock.RESPOND: NOW + timedelta(minutes=30)},
    )
    return replace(made, **more)


def ended(opened: Ticket, at: datetime = NOW, **more: Any) -> Ticket:
    marks: Mapping[TicketState, Mark] = {TicketState.CLOSED: Mark(at, "wang")}
    version = opened.version + 1
    return replace(opened, state=TicketState.CLOSED, marks=marks, version=version, **more)


def change(*tickets: Ticket, at: datetime = NOW, **more: Any) -> Change:
    return Change(at=at, tickets={each.id: each for each in tickets}, **more)


def notice(of: Ticket, to: str = "mq", reason: str = "opened", at: datetime = NOW) -> Notice:
    return Notice(to, of.id, reason, at)


def entry(subject: str, what: str = "opened", why: str = "", at: datetime = NOW) -> Entry:
    return Entry(at, subject, what, why, "secmon")
