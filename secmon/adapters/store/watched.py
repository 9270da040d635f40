"""The looks at every device, counted by month; and the tickets of a month."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from secmon.adapters.store.codec import plain, read, stamp
from secmon.adapters.store.connection import Session
from secmon.adapters.store.sql import chunks
from secmon.core.kpi import Watched
from secmon.core.model import Ticket

AT_ONCE = 200  # tickets decoded without a break: some milliseconds

ADD = """INSERT INTO watched (site, month, device, system, looks, intact, asked, online)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (site, month, device, system) DO UPDATE SET
    looks = watched.looks + excluded.looks, intact = watched.intact + excluded.intact,
    asked = watched.asked + excluded.asked, online = watched.online + excluded.online"""
MONTH = """SELECT month, device, system, looks, intact, asked, online FROM watched
    WHERE site = $1 AND month = $2 ORDER BY device, system"""
ENDED = """SELECT data FROM ticket WHERE site = $1 AND opened_at >= $2 AND opened_at < $3
    AND ended_at IS NOT NULL ORDER BY ordinal"""


async def add(session: Session, rows: Sequence[Watched]) -> None:
    """Adds to what is there of the same month, device and system."""
    place = [(r.month, plain(r.device), plain(r.system)) for r in rows]
    counts = [(r.looks, r.intact, r.asked, r.online) for r in rows]
    await session.many(ADD, [(session.site, *a, *b) for a, b in zip(place, counts, strict=True)])


async def month(session: Session, name: str) -> list[Watched]:
    """Every device that was looked at in this month (`2026-11`)."""
    return [
        Watched(
            row["device"],
            row["system"],
            row["month"],
            row["looks"],
            row["intact"],
            row["asked"],
            row["online"],
        )
        for row in await session.fetch(MONTH, session.site, plain(name))
    ]


async def ended(session: Session, since: datetime, until: datetime) -> list[Ticket]:
    """Tickets opened in [since, until) that have ended, oldest first: the others are in memory."""
    rows = await session.fetch(ENDED, session.site, stamp(since), stamp(until))
    found: list[Ticket] = []
    for some in chunks(rows, AT_ONCE):
        found += [read(Ticket, row["data"]) for row in some]
        await asyncio.sleep(0)  # a month may have thousands: polls go on meanwhile
    return found
