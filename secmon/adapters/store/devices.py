"""What is kept of devices beside their faults: facts, pictures of a ticket, drivers' memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from secmon.adapters.store.codec import moment, plain, stamp
from secmon.adapters.store.connection import Session

PICTURES_PER_TICKET = 8  # the newest ones
MEMORY_PER_PART = 64 * 1024  # bytes, all keys of one device and part together
MEMORY_PER_DEVICE = 4 * 1024 * 1024  # bytes: a device may name as many parts as it likes

PUT_FACT = """INSERT INTO fact (site, device, name, value) VALUES ($1, $2, $3, $4)
    ON CONFLICT (site, device, name) DO UPDATE SET value = excluded.value"""
FACTS = "SELECT device, name, value FROM fact WHERE site = $1 ORDER BY device, name"
ADD_PICTURE = """INSERT INTO evidence (site, ticket, at, picture) VALUES ($1, $2, $3, $4)
    ON CONFLICT (site, ticket, at) DO UPDATE SET picture = excluded.picture"""
TRIM_PICTURES = """DELETE FROM evidence WHERE site = $1 AND ticket = $2 AND at NOT IN
    (SELECT at FROM evidence WHERE site = $1 AND ticket = $2 ORDER BY at DESC LIMIT $3)"""
PICTURES = "SELECT at, picture FROM evidence WHERE site = $1 AND ticket = $2 ORDER BY at"
RECALL = """SELECT value FROM memory
    WHERE site = $1 AND device = $2 AND part = $3 AND name = $4"""
OTHERS = """SELECT
    COALESCE(SUM(size), 0) AS device_bytes,
    COALESCE(SUM(CASE WHEN part = $3 THEN size ELSE 0 END), 0) AS part_bytes
    FROM memory WHERE site = $1 AND device = $2 AND NOT (part = $3 AND name = $4)"""
REMEMBER = """INSERT INTO memory (site, device, part, name, size, value)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (site, device, part, name) DO UPDATE SET
    size = excluded.size, value = excluded.value"""


async def keep_facts(session: Session, facts: Mapping[str, Mapping[str, str]]) -> None:
    rows = [
        (session.site, plain(device), plain(name), plain(value))
        for device, named in facts.items()
        for name, value in named.items()
    ]
    await session.many(PUT_FACT, rows)


async def load_facts(session: Session) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in await session.fetch(FACTS, session.site):
        found[row["device"]][row["name"]] = row["value"]
    return dict(found)


async def keep_evidence(session: Session, evidence: Mapping[str, bytes], at: datetime) -> None:
    """Adds a picture to each ticket; beyond the newest few the oldest go."""
    rows = [
        (session.site, plain(ticket), stamp(at), picture) for ticket, picture in evidence.items()
    ]
    await session.many(ADD_PICTURE, rows)
    await session.many(TRIM_PICTURES, [(*row[:2], PICTURES_PER_TICKET) for row in rows])


async def evidence(session: Session, ticket: str) -> list[tuple[datetime, bytes]]:
    """The pictures of a ticket's id, oldest first."""
    rows = await session.fetch(PICTURES, session.site, plain(ticket))
    return [(moment(row["at"]), bytes(row["picture"])) for row in rows]


async def recall(session: Session, device: str, part: str, key: str) -> bytes | None:
    row = await session.one(RECALL, session.site, plain(device), plain(part), plain(key))
    return bytes(row["value"]) if row else None


async def remember(session: Session, device: str, part: str, key: str, value: bytes) -> None:
    """Replaces what was under this key. ValueError if it is more than may be kept."""
    place = (plain(device), plain(part), plain(key))
    others = await session.one(OTHERS, session.site, *place)
    in_part = len(value) + (int(others["part_bytes"]) if others else 0)
    in_device = len(value) + (int(others["device_bytes"]) if others else 0)
    if in_part > MEMORY_PER_PART or in_device > MEMORY_PER_DEVICE:
        raise ValueError(
            f"memory of {device} {part!r}: expected at most {MEMORY_PER_PART} bytes a part and "
            f"{MEMORY_PER_DEVICE} a device (got {in_part} and {in_device} with {key!r})"
        )
    await session.fetch(REMEMBER, session.site, *place, len(value), value)
