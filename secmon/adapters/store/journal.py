"""The journal: lines are only ever added."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from secmon.adapters.store.codec import moment, plain, stamp
from secmon.adapters.store.connection import Row, Session
from secmon.adapters.store.sql import chunks, count_up, places
from secmon.core.model import Entry

ADD = """INSERT INTO journal (site, id, at, subject, what, why, who)
    VALUES ($1, $2, $3, $4, $5, $6, $7)"""
OF_ONE = """SELECT at, subject, what, why, who FROM journal WHERE site = $1 AND subject = $2
    ORDER BY id DESC LIMIT $3"""
OF_MANY = """SELECT at, subject, what, why, who FROM journal
    WHERE site = $1 AND subject IN ({subjects}) ORDER BY id"""
NEWEST = """SELECT j.id, j.at, j.subject, j.what, j.why, j.who, t.number
    FROM journal j LEFT JOIN ticket t ON t.site = j.site AND t.id = j.subject
    WHERE j.site = $1 AND j.id < $2 ORDER BY j.id DESC LIMIT $3"""
LAST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its place in the whole journal, and the number of the ticket it speaks of."""

    id: int
    entry: Entry
    number: str


async def add(session: Session, entries: Sequence[Entry]) -> None:
    if not entries:
        return
    ids = await count_up(session, "journal", len(entries))
    rows = [
        (session.site, line, *_columns(entry)) for line, entry in zip(ids, entries, strict=True)
    ]
    await session.many(ADD, rows)


async def of(session: Session, subject: str, limit: int) -> list[Entry]:
    """The newest `limit` lines of a ticket's id or a device, oldest first."""
    rows = await session.fetch(OF_ONE, session.site, plain(subject), limit)
    return [_entry(row) for row in reversed(rows)]


async def of_many(session: Session, subjects: Collection[str]) -> dict[str, list[Entry]]:
    """Subject → all of its lines, oldest first; a subject without lines has an empty list."""
    found: dict[str, list[Entry]] = {subject: [] for subject in subjects}
    for some in chunks(list(found)):
        sql = OF_MANY.format(subjects=places(2, len(some)))
        for row in await session.fetch(sql, session.site, *(plain(each) for each in some)):
            found.setdefault(row["subject"], []).append(_entry(row))
    return found


async def newest(session: Session, limit: int, before: int | None) -> list[Line]:
    """Lines of everything, newest first; `before` is the id of the last line seen."""
    rows = await session.fetch(NEWEST, session.site, LAST if before is None else before, limit)
    return [Line(row["id"], _entry(row), row["number"] or "") for row in rows]


def _columns(entry: Entry) -> tuple[str, ...]:
    texts = (entry.subject, entry.what, entry.why, entry.by)
    return stamp(entry.at), *(plain(text) for text in texts)


def _entry(row: Row) -> Entry:
    return Entry(moment(row["at"]), row["subject"], row["what"], row["why"], row["who"])
