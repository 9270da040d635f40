"""What people put to tickets: bounded in number and size, pictures let go of after their time."""

from __future__ import annotations

from datetime import datetime

from secmon.adapters.store import journal
from secmon.adapters.store.codec import moment, plain, stamp
from secmon.adapters.store.connection import Row, Session
from secmon.adapters.store.sql import count_up
from secmon.api import Attachment
from secmon.core.model import Entry

PER_TICKET = 20
BYTES_PER_TICKET = 50 << 20

COLUMNS = "id, ticket, at, who, name, kind, size"
ADD = f"""INSERT INTO attachment (site, {COLUMNS}, body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
OF_ONE = f"SELECT {COLUMNS} FROM attachment WHERE site = $1 AND ticket = $2 ORDER BY id"
HELD = """SELECT COUNT(*) AS number, COALESCE(SUM(size), 0) AS bytes FROM attachment
    WHERE site = $1 AND ticket = $2"""
BODY = f"""SELECT {COLUMNS}, body FROM attachment
    WHERE site = $1 AND ticket = $2 AND id = $3"""
SEEN = "SELECT at FROM evidence WHERE site = $1 AND ticket = $2 ORDER BY at"
PRUNE = """DELETE FROM attachment WHERE site = $1 AND kind <> 'pdf' AND at < $2
    AND ticket IN (SELECT id FROM ticket WHERE site = $1 AND ended_at < $2)"""


async def add(session: Session, made: Attachment, body: bytes) -> Attachment:
    """With its number, and a line in the ticket's journal. ValueError beyond what one ticket may
    hold."""
    held = await session.one(HELD, session.site, plain(made.ticket))
    if held and held["number"] >= PER_TICKET:
        raise ValueError(f"expected at most {PER_TICKET} files at one ticket")
    if held and held["bytes"] + len(body) > BYTES_PER_TICKET:
        raise ValueError(f"expected at most {BYTES_PER_TICKET >> 20} MB at one ticket")
    (number,) = await count_up(session, "attachment", 1)
    texts = (plain(made.ticket), stamp(made.at), plain(made.who), plain(made.name), made.kind)
    await session.fetch(ADD, session.site, number, *texts, made.size, body)
    why = f"{made.name} ({-(-made.size // 1024)} kB)"
    await journal.add(session, [Entry(made.at, made.ticket, "attached", why, made.who)])
    return Attachment(number, made.ticket, made.at, made.who, made.name, made.kind, made.size)


async def of(session: Session, ticket: str) -> list[Attachment]:
    """Of a ticket's id, oldest first."""
    rows = await session.fetch(OF_ONE, session.site, plain(ticket))
    return [_attachment(row) for row in rows]


async def body(session: Session, ticket: str, number: int) -> tuple[Attachment, bytes] | None:
    row = await session.one(BODY, session.site, plain(ticket), number)
    return (_attachment(row), bytes(row["body"])) if row else None


async def seen(session: Session, ticket: str) -> list[datetime]:
    """When each picture of the evidence was taken, oldest first."""
    return [moment(row["at"]) for row in await session.fetch(SEEN, session.site, plain(ticket))]


async def prune(session: Session, before: datetime) -> None:
    """Pictures of tickets that ended before; PDF (signed forms) stay for ever."""
    await session.fetch(PRUNE, session.site, stamp(before))


def _attachment(row: Row) -> Attachment:
    return Attachment(
        row["id"],
        row["ticket"],
        moment(row["at"]),
        row["who"],
        row["name"],
        row["kind"],
        row["size"],
    )
