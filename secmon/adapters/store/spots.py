"""Where devices stand on floor plans."""

from __future__ import annotations

from secmon.adapters.store.codec import moment, plain, stamp
from secmon.adapters.store.connection import Session
from secmon.api import Spot

PUT = """INSERT INTO spot (site, floor, device, x, y, person, placed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (site, floor, device) DO UPDATE SET
    x = excluded.x, y = excluded.y, person = excluded.person, placed_at = excluded.placed_at"""
DROP = "DELETE FROM spot WHERE site = $1 AND floor = $2 AND device = $3 RETURNING device"
ALL = """SELECT floor, device, x, y, person, placed_at FROM spot
    WHERE site = $1 ORDER BY floor, device"""


async def put(session: Session, spot: Spot) -> None:
    """One spot of a device on a floor: the later one counts."""
    where = (plain(spot.floor), plain(spot.device), spot.x, spot.y)
    await session.fetch(PUT, session.site, *where, plain(spot.by), stamp(spot.at))


async def remove(session: Session, floor: str, device: str) -> bool:
    """False: it was not there."""
    return bool(await session.fetch(DROP, session.site, plain(floor), plain(device)))


async def every(session: Session) -> list[Spot]:
    return [
        Spot(
            row["floor"],
            row["device"],
            int(row["x"]),
            int(row["y"]),
            row["person"],
            moment(row["placed_at"]),
        )
        for row in await session.fetch(ALL, session.site)
    ]
