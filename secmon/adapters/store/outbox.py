"""The outbox: notices committed with what they tell of, and not yet delivered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from secmon.adapters.store import tickets
from secmon.adapters.store.codec import moment, plain, read, read_mapping, stamp, write
from secmon.adapters.store.connection import Row, Session
from secmon.adapters.store.sql import count_up
from secmon.api import Change, Delivery
from secmon.core.model import Notice, Ticket
from secmon.core.tickets import as_json

COLUMNS = "id, key, channel, at, data, snapshot, tries, next_at, why"
ADD = """INSERT INTO outbox (site, id, key, channel, at, data, snapshot, tries, next_at, state)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 0, NULL, 'pending') ON CONFLICT (site, key) DO NOTHING"""
CHANNELS = """SELECT channel, MIN(CASE WHEN next_at > $2 THEN id END) AS barrier FROM outbox
    WHERE site = $1 AND state = 'pending' GROUP BY channel"""
PENDING = f"""SELECT {COLUMNS} FROM outbox
    WHERE site = $1 AND channel = $2 AND state = 'pending' AND id < $3 ORDER BY id LIMIT $4"""
NEVER = f"""SELECT {COLUMNS} FROM outbox
    WHERE site = $1 AND state = 'never' ORDER BY id DESC LIMIT $2"""
OUTSTANDING = "SELECT COUNT(*) AS left_over FROM outbox WHERE site = $1 AND state = 'pending'"
NEVERS = "SELECT COUNT(*) AS given_up FROM outbox WHERE site = $1 AND state = 'never'"
AGAIN = """UPDATE outbox SET tries = 0, next_at = NULL, state = 'pending', why = ''
    WHERE site = $1 AND id = $2 AND state = 'never' RETURNING id"""
END = """UPDATE outbox SET tries = tries + 1, next_at = NULL, state = $3, why = $4
    WHERE site = $1 AND id = $2 AND state = 'pending'"""
WAIT = """UPDATE outbox SET tries = tries + 1, next_at = $3
    WHERE site = $1 AND id = $2 AND state = 'pending'"""
LAST = (1 << 63) - 1
DUTY = "duty/"  # subjects of the duty book
NO_TICKET = "{}"  # the snapshot of a notice that tells of a hand-over, or of no one thing


async def add(session: Session, change: Change) -> None:
    """A row for each notice, in order, with its ticket as it is after the change, if it has one.

    A key that is there already comes from a commit whose end nobody heard: one row is enough.
    """
    notices = [effect for effect in change.effects if isinstance(effect, Notice)]
    if len(notices) < len(change.effects):
        raise TypeError("the store keeps notices only: forms come with the issue on forms")
    if not notices:
        return
    told_of = await _tickets(session, change, notices)
    snapshots = {key: write(as_json(ticket, change.at)) for key, ticket in told_of.items()}
    ids = await count_up(session, "outbox", len(notices))
    keys = _keys(notices, told_of)
    rows = [
        (
            session.site,
            row,
            key,
            plain(n.to),
            stamp(n.at),
            write(n),
            snapshots.get(n.subject, NO_TICKET),
        )
        for row, key, n in zip(ids, keys, notices, strict=True)
    ]
    await session.many(ADD, rows)


async def pending(
    session: Session, now: datetime, limit: int, but: Collection[str] = ()
) -> list[Delivery]:
    """Oldest first; of each channel the run up to the first row that waits for its `next_at`.

    Each channel has its share of `limit`, so that a long queue keeps no other channel waiting.
    """
    known = await session.fetch(CHANNELS, session.site, stamp(now))
    channels = [row for row in known if row["channel"] not in but]
    share = max(1, limit // max(1, len(channels)))
    found: list[Delivery] = []
    for row in channels:
        barrier = LAST if row["barrier"] is None else row["barrier"]
        rows = await session.fetch(PENDING, session.site, row["channel"], barrier, share)
        found += [_delivery(each) for each in rows]
    return sorted(found, key=lambda delivery: delivery.id)[:limit]


async def settle(
    session: Session,
    deliveries: Collection[int],
    outcome: str,
    next_at: datetime | None,
    why: str,
) -> None:
    """`told` and `never` end the rows, `later` waits until `next_at`; each counts a try."""
    match outcome:
        case "told" | "never":
            said = plain(why)
            await session.many(END, [(session.site, one, outcome, said) for one in deliveries])
        case "later":
            until = stamp(next_at) if next_at else None
            await session.many(WAIT, [(session.site, one, until) for one in deliveries])
        case _:
            raise ValueError(f"expected told, never or later (got {outcome})")


async def outstanding(session: Session) -> int:
    row = await session.one(OUTSTANDING, session.site)
    return int(row["left_over"]) if row else 0


async def given_up(session: Session, limit: int) -> list[Delivery]:
    """What could never be delivered, newest first."""
    return [_delivery(row) for row in await session.fetch(NEVER, session.site, limit)]


async def count_given_up(session: Session) -> int:
    row = await session.one(NEVERS, session.site)
    return int(row["given_up"]) if row else 0


async def again(session: Session, delivery: int) -> bool:
    """What was given up waits for its turn once more. False: there is no such row."""
    return bool(await session.fetch(AGAIN, session.site, delivery))


async def _tickets(
    session: Session, change: Change, notices: Sequence[Notice]
) -> Mapping[str, Ticket]:
    """The ticket of each notice, by id."""
    subjects = {notice.subject for notice in notices}
    found = {key: ticket for key, ticket in change.tickets.items() if key in subjects}
    found |= await tickets.by_id(session, subjects - found.keys())
    missing = {subject for subject in subjects - found.keys() if not subject.startswith(DUTY)}
    if missing:
        raise ValueError(f"a notice tells of tickets that do not exist: {sorted(missing)}")
    return found


def _keys(notices: Sequence[Notice], told_of: Mapping[str, Ticket]) -> list[str]:
    """`WX-2026-0001/3/overdue/mq`; a second such notice in one change ends in `/2`."""
    seen: Counter[str] = Counter()
    keys = []
    for notice in notices:
        ticket = told_of.get(notice.subject)
        said = [str(notice.facts[name]) for name in ("clock", "step") if name in notice.facts]
        reason = "-".join([notice.reason, *said])  # what time brings changes no version
        about = f"{ticket.number}/{ticket.version}" if ticket else notice.subject
        key = plain(f"{about}/{reason}/{notice.to}")
        seen[key] += 1
        keys.append(key if seen[key] == 1 else f"{key}/{seen[key]}")
    return keys


def _delivery(row: Row) -> Delivery:
    notice, ticket = _content(row)
    return Delivery(
        id=row["id"],
        key=row["key"],
        notice=notice,
        ticket=ticket,
        at=moment(row["at"]),
        tries=row["tries"],
        next_at=moment(row["next_at"]) if row["next_at"] else None,
        why=row["why"],
    )


def _content(row: Row) -> tuple[Notice, Mapping[str, object]]:
    """A row that cannot be read is told as such: it must neither vanish nor stop the others."""
    try:
        return read(Notice, row["data"]), read_mapping(row["snapshot"])
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        facts = {"text": f"{row['key']}: {error}"}
        return Notice(row["channel"], "", "unreadable", moment(row["at"]), facts), {}
