"""Hours of logged readings, and what is let go of as time passes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import isfinite

from secmon.adapters.store.codec import moment, plain, stamp
from secmon.adapters.store.connection import Row, Session
from secmon.api import Hour

MERGE = """INSERT INTO hour (site, device, reading, part, at, low, high, total, times)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (site, device, reading, part, at) DO UPDATE SET
    low = CASE WHEN excluded.low < hour.low THEN excluded.low ELSE hour.low END,
    high = CASE WHEN excluded.high > hour.high THEN excluded.high ELSE hour.high END,
    total = hour.total + excluded.total, times = hour.times + excluded.times"""
SPAN = """SELECT device, part, reading, at, low, high, total, times FROM hour
    WHERE site = $1 AND device = $2 AND reading = $3 AND at >= $4 AND at < $5
    ORDER BY at, part"""
OLDEST_HOUR = "SELECT MIN(at) AS at FROM hour WHERE site = $1 AND at < $2"
DROP_HOUR = "DELETE FROM hour WHERE site = $1 AND at = $2"

PRUNES = {  # table → what goes: all that is older than $2
    "evidence": "DELETE FROM evidence WHERE site = $1 AND at < $2",
    "outbox": "DELETE FROM outbox WHERE site = $1 AND state IN ('told', 'never') AND at < $2",
    "token": "DELETE FROM token WHERE site = $1 AND expires_at < $2",
}


async def add_hours(session: Session, hours: Sequence[Hour]) -> None:
    """Adds to what is there of the same hour. Sums that are no finite number are left out."""
    rows = [
        (session.site, *_columns(hour))
        for hour in hours
        if isfinite(hour.low) and isfinite(hour.high) and isfinite(hour.total)
    ]
    await session.many(MERGE, rows)


async def span(
    session: Session, device: str, reading: str, since: datetime, until: datetime
) -> list[Hour]:
    """All parts' hours that start in [since, until), oldest first."""
    place = (plain(device), plain(reading), stamp(since), stamp(until))
    return [_hour(row) for row in await session.fetch(SPAN, session.site, *place)]


async def drop_oldest_hour(session: Session, before: datetime) -> bool:
    """Removes the oldest hour of all devices that lies before; False: there is none.

    One hour a transaction, so that no commit waits long.
    """
    row = await session.one(OLDEST_HOUR, session.site, stamp(before))
    if row is None or row["at"] is None:
        return False
    await session.fetch(DROP_HOUR, session.site, row["at"])
    return True


async def prune(session: Session, table: str, before: datetime) -> None:
    """Removes what is older in one of the tables of PRUNES."""
    await session.fetch(PRUNES[table], session.site, stamp(before))


def _columns(hour: Hour) -> tuple[object, ...]:
    place = (plain(hour.device), plain(hour.reading), plain(hour.part), stamp(hour.at))
    return (*place, hour.low, hour.high, hour.total, hour.count)


def _hour(row: Row) -> Hour:
    return Hour(
        device=row["device"],
        part=row["part"],
        reading=row["reading"],
        at=moment(row["at"]),
        low=row["low"],
        high=row["high"],
        total=row["total"],
        count=row["times"],
    )
