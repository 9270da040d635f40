"""The audit lines: each carries the digest of itself and of the line before, so that a line that
was changed, taken out or put in shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from secmon.adapters.store.codec import moment, plain, stamp
from secmon.adapters.store.connection import Row, Session
from secmon.adapters.store.sql import count_up
from secmon.api import AuditCheck, AuditLine, AuditWish

COUNTER = "audit"
ANCHOR = "audit_anchor"  # in `meta`: number and digest of the last line that was let go
AT_ONCE = 1000  # lines read at once
LAST = (1 << 63) - 1
MISTAKES = 20  # told at most

COLUMNS = "id, at, who, address, what, subject, outcome, why, sha256"
ADD = f"""INSERT INTO audit (site, {COLUMNS})
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""
NEWEST = "SELECT id, sha256 FROM audit WHERE site = $1 ORDER BY id DESC LIMIT 1"
PAGE = f"""SELECT {COLUMNS} FROM audit WHERE site = $1 AND id < $2 AND at >= $3 AND at < $4
    AND ($5 = '' OR who = $5) AND ($6 = '' OR what = $6) AND ($7 = '' OR subject = $7)
    ORDER BY id DESC LIMIT $8"""
FROM = f"SELECT {COLUMNS} FROM audit WHERE site = $1 AND id > $2 ORDER BY id LIMIT $3"
NOTE = """INSERT INTO meta (site, name, value) VALUES ($1, $2, $3)
    ON CONFLICT (site, name) DO UPDATE SET value = excluded.value"""
NOTED = "SELECT value FROM meta WHERE site = $1 AND name = $2"
COUNTED = "SELECT value FROM counter WHERE site = $1 AND name = $2"
KEPT = "SELECT MIN(id) AS id FROM audit WHERE site = $1 AND at >= $2"
LAST_BEFORE = "SELECT id, sha256 FROM audit WHERE site = $1 AND id < $2 ORDER BY id DESC LIMIT 1"
DROP = "DELETE FROM audit WHERE site = $1 AND id <= $2"
DAY_ONE, DAY_LAST = "0000", "9999"  # before and after every time


async def add(session: Session, line: AuditLine) -> AuditLine:
    """The line as it was kept: with its number and digest."""
    (number,) = await count_up(session, COUNTER, 1)
    before = await session.one(NEWEST, session.site)
    chained = before["sha256"] if before else (await _anchor(session))[1]
    texts = (line.who, line.address, line.what, line.subject, line.outcome, line.why)
    columns = (number, stamp(line.at), *map(plain, texts))
    await session.fetch(ADD, session.site, *columns, _digest(chained, columns))
    kept = (*columns, _digest(chained, columns))
    return _line(dict(zip(COLUMNS.split(", "), kept, strict=True)))


async def page(session: Session, wish: AuditWish) -> list[AuditLine]:
    """Newest first."""
    span = (
        stamp(wish.since) if wish.since else DAY_ONE,
        stamp(wish.until) if wish.until else DAY_LAST,
    )
    words = (plain(wish.who), plain(wish.what), plain(wish.subject))
    before = LAST if wish.before is None else wish.before
    rows = await session.fetch(PAGE, session.site, before, *span, *words, wish.limit)
    return [_line(row) for row in rows]


async def check(session: Session) -> AuditCheck:
    """Follows the chain from the oldest line that is kept to the newest one that was written."""
    last, digest = await _anchor(session)
    first, count, mistakes = last + 1, 0, list[str]()
    while rows := await session.fetch(FROM, session.site, last, AT_ONCE):
        for row in rows:
            if row["id"] != last + 1:
                mistakes.append(f"lines {last + 1} to {row['id'] - 1} are missing")
            elif _digest(digest, _columns(row)) != row["sha256"]:
                mistakes.append(f"line {row['id']} was changed, or the one before it")
            last, digest = row["id"], row["sha256"]
        count += len(rows)
    counted = await session.one(COUNTED, session.site, COUNTER)
    written = counted["value"] if counted else 0
    if written != last:
        mistakes.append(f"lines {last + 1} to {written} are missing")
    return AuditCheck(count, first, last, digest, tuple(mistakes[:MISTAKES]))


async def prune(session: Session, before: datetime) -> None:
    """Lets go of lines older than that, from the oldest on without a gap."""
    kept = await session.one(KEPT, session.site, stamp(before))
    end = kept["id"] if kept and kept["id"] is not None else LAST
    last = await session.one(LAST_BEFORE, session.site, end)
    if last is not None:
        await session.fetch(NOTE, session.site, ANCHOR, f"{last['id']} {last['sha256']}")
        await session.fetch(DROP, session.site, last["id"])


async def _anchor(session: Session) -> tuple[int, str]:
    """Number and digest of what stands before the oldest line; (0, "") before the first ever."""
    row = await session.one(NOTED, session.site, ANCHOR)
    number, _, digest = (row["value"] if row else "0 ").partition(" ")
    return int(number), digest


def _digest(before: str, columns: Sequence[object]) -> str:
    text = json.dumps([before, *columns], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _columns(row: Row) -> list[object]:
    return [row[name] for name in COLUMNS.split(", ")[:-1]]


def _line(row: Row) -> AuditLine:
    return AuditLine(
        at=moment(row["at"]),
        who=row["who"],
        address=row["address"],
        what=row["what"],
        subject=row["subject"],
        outcome=row["outcome"],
        why=row["why"],
        id=row["id"],
        sha256=row["sha256"],
    )
