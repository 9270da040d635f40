"""The table of tickets, and their numbers: `WX-2026-0001`, per site and year of the site's zone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from secmon.adapters.store.codec import plain, read, stamp, write
from secmon.adapters.store.connection import Session
from secmon.adapters.store.sql import chunks, count_up, places
from secmon.api import Change
from secmon.core.model import FaultKey, Ticket, TicketState

YEAR = 1_000_000  # ordinal = year * YEAR + number within the year
NUMBER = re.compile(r"WX-(\d{4})-(\d{4,6})")

PUT = """INSERT INTO ticket
    (site, id, number, ordinal, version, device, rule, reading, part, state, opened_at, ended_at,
    data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (site, id) DO UPDATE SET
    version = excluded.version, device = excluded.device, rule = excluded.rule,
    reading = excluded.reading, part = excluded.part, state = excluded.state,
    ended_at = excluded.ended_at, data = excluded.data"""
OPEN = "SELECT data FROM ticket WHERE site = $1 AND ended_at IS NULL ORDER BY ordinal"
BY_ORDINAL = "SELECT data FROM ticket WHERE site = $1 AND ordinal = $2"
BY_ID = "SELECT id, data FROM ticket WHERE site = $1 AND id IN ({ids})"
NEWEST_ENDED = """SELECT device, rule, part, MAX(ordinal) AS ordinal FROM ticket
    WHERE site = $1 AND ended_at IS NOT NULL AND (device, rule, part) IN (VALUES {faults})
    GROUP BY device, rule, part"""


async def keep(session: Session, zone: ZoneInfo, change: Change) -> dict[str, Ticket]:
    """Writes new and changed tickets; all of them, the new ones numbered.

    The ended ones first: they make room for the one open ticket of a fault, and are `previous`.
    """
    known = [ticket for ticket in change.tickets.values() if ticket.number]
    known.sort(key=lambda ticket: not ticket.ended)
    await _put(session, known, change.at)
    fresh = [ticket for ticket in change.tickets.values() if not ticket.number]
    numbered = await _number(session, zone, fresh)
    await _put(session, numbered, change.at)
    given = {ticket.id: ticket for ticket in numbered}
    return {key: given.get(key, ticket) for key, ticket in change.tickets.items()}


async def load(session: Session) -> list[Ticket]:
    """Those that are not ended, oldest first."""
    return [read(Ticket, row["data"]) for row in await session.fetch(OPEN, session.site)]


async def by_number(session: Session, number: str) -> Ticket | None:
    """The ticket, ended or not; None also for what is no ticket number."""
    ordinal = _ordinal(number)
    row = await session.one(BY_ORDINAL, session.site, ordinal) if ordinal else None
    return read(Ticket, row["data"]) if row else None


async def by_id(session: Session, ids: Collection[str]) -> dict[str, Ticket]:
    """Those of these tickets that the store has."""
    found: dict[str, Ticket] = {}
    for some in chunks([plain(each) for each in ids]):
        sql = BY_ID.format(ids=places(2, len(some)))
        for row in await session.fetch(sql, session.site, *some):
            ticket = read(Ticket, row["data"])
            found[ticket.id] = ticket
    return found


async def page(
    session: Session,
    states: Collection[TicketState],
    device: str,
    limit: int,
    after: str,
) -> list[Ticket]:
    """Newest first, those older than the ticket numbered `after`; empty fields match all."""
    values: list[object] = [session.site]
    where = ""
    if states:
        where += f" AND state IN ({places(len(values) + 1, len(states))})"
        values += [str(state) for state in states]
    if device:
        values.append(plain(device))
        where += f" AND device = ${len(values)}"
    if after:
        values.append(_ordinal(after))
        where += f" AND ordinal < ${len(values)}"
    values.append(limit)
    sql = (
        f"SELECT data FROM ticket WHERE site = $1{where} ORDER BY ordinal DESC LIMIT ${len(values)}"
    )
    return [read(Ticket, row["data"]) for row in await session.fetch(sql, *values)]


def _ordinal(number: str) -> int:
    """The place of a ticket number, 0 if it is none."""
    found = NUMBER.fullmatch(number)
    return int(found[1]) * YEAR + int(found[2]) if found else 0


def _name(ordinal: int) -> str:
    year, number = divmod(ordinal, YEAR)
    return f"WX-{year:04d}-{number:04d}"


async def _put(session: Session, tickets: Iterable[Ticket], at: datetime) -> None:
    await session.many(PUT, [_row(session.site, ticket, at) for ticket in tickets])


def _row(site: str, ticket: Ticket, at: datetime) -> tuple[object, ...]:
    mark = ticket.marks.get(ticket.state)
    ended_at = (mark.at if mark else at) if ticket.ended else None
    return (
        site,
        plain(ticket.id),
        ticket.number,
        _ordinal(ticket.number),
        ticket.version,
        plain(ticket.device),
        plain(ticket.rule),
        plain(ticket.reading),
        plain(ticket.part),
        str(ticket.state),
        stamp(ticket.opened_at),
        stamp(ended_at) if ended_at else None,
        write(ticket),
    )


async def _number(session: Session, zone: ZoneInfo, fresh: Sequence[Ticket]) -> list[Ticket]:
    """New tickets with number and `previous`.

    One that is there already, from a commit whose end nobody heard, keeps what it was given.
    """
    if not fresh:
        return []
    there = await by_id(session, [ticket.id for ticket in fresh])
    previous = await _previous(session, fresh)
    new = [ticket for ticket in fresh if ticket.id not in there]
    ordinals = await _ordinals(session, zone, new)
    return [
        replace(ticket, number=there[ticket.id].number, previous=there[ticket.id].previous)
        if ticket.id in there
        else replace(
            ticket,
            number=_name(ordinals[ticket.id]),
            previous=previous.get(ticket.fault, ticket.previous),
        )
        for ticket in fresh
    ]


async def _ordinals(session: Session, zone: ZoneInfo, new: Sequence[Ticket]) -> Mapping[str, int]:
    """Ticket id → ordinal, counted up within the year in which it opened, as the site sees it."""
    by_year: dict[int, list[str]] = defaultdict(list)
    for ticket in new:
        by_year[ticket.opened_at.astimezone(zone).year].append(ticket.id)
    given: dict[str, int] = {}
    for year, ids in by_year.items():
        numbers = await count_up(session, f"ticket/{year}", len(ids))
        given.update(zip(ids, (year * YEAR + number for number in numbers), strict=True))
    return given


async def _previous(session: Session, fresh: Sequence[Ticket]) -> Mapping[FaultKey, str]:
    """Fault → number of its newest ended ticket; faults that people reported have none."""
    by_place = {
        tuple(plain(each) for each in (ticket.device, ticket.rule, ticket.part)): ticket.fault
        for ticket in fresh
        if ticket.rule
    }
    found: dict[FaultKey, str] = {}
    for some in chunks(list(by_place), 100):
        rows = ", ".join(f"({places(2 + 3 * row, 3)})" for row in range(len(some)))
        sql = NEWEST_ENDED.format(faults=rows)
        for row in await session.fetch(
            sql, session.site, *(each for place in some for each in place)
        ):
            place = (row["device"], row["rule"], row["part"])
            found[by_place[place]] = _name(row["ordinal"])
    return found
