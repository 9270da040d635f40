"""The table of faults: a row for each that is not clear."""

from __future__ import annotations

from collections.abc import Mapping

from secmon.adapters.store.codec import plain, read, write
from secmon.adapters.store.connection import Session
from secmon.core.model import Fault, FaultKey

PUT = """INSERT INTO fault (site, device, rule, part, data) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (site, device, rule, part) DO UPDATE SET data = excluded.data"""
DROP = "DELETE FROM fault WHERE site = $1 AND device = $2 AND rule = $3 AND part = $4"
ALL = "SELECT data FROM fault WHERE site = $1 ORDER BY device, rule, part"


async def keep(session: Session, faults: Mapping[FaultKey, Fault | None]) -> None:
    """Writes those that are, removes those that are clear."""
    there = [
        (*_place(session.site, key), write(fault))
        for key, fault in faults.items()
        if fault is not None
    ]
    gone = [_place(session.site, key) for key, fault in faults.items() if fault is None]
    await session.many(PUT, there)
    await session.many(DROP, gone)


async def load(session: Session) -> list[Fault]:
    return [read(Fault, row["data"]) for row in await session.fetch(ALL, session.site)]


def _place(site: str, key: FaultKey) -> tuple[str, str, str, str]:
    return site, plain(key.device), plain(key.rule), plain(key.part)
