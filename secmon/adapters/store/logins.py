"""How people logged in: their last time, wrong passwords since, locks, and their sessions."""

from __future__ import annotations

from datetime import datetime

from secmon.adapters.store.codec import moment, plain, read, stamp
from secmon.adapters.store.connection import Row, Session
from secmon.api import LastLogin, Login, SeatRow

COLUMNS = "person, wrong, locked_until, last_at, last_address, must_change"
ALL = f"SELECT {COLUMNS} FROM login WHERE site = $1"
ONE = f"SELECT {COLUMNS} FROM login WHERE site = $1 AND person = $2"
WRONG = """INSERT INTO login
    (site, person, wrong, locked_until, last_at, last_address, must_change)
    VALUES ($1, $2, 1, $3, NULL, '', 0)
    ON CONFLICT (site, person) DO UPDATE SET
    wrong = login.wrong + 1, locked_until = excluded.locked_until"""
RIGHT = """INSERT INTO login
    (site, person, wrong, locked_until, last_at, last_address, must_change)
    VALUES ($1, $2, 0, NULL, $3, $4, 0)
    ON CONFLICT (site, person) DO UPDATE SET wrong = 0, locked_until = NULL,
    last_at = excluded.last_at, last_address = excluded.last_address"""
UNLOCK = "UPDATE login SET wrong = 0, locked_until = NULL WHERE site = $1 AND person = $2"
MUST = """INSERT INTO login
    (site, person, wrong, locked_until, last_at, last_address, must_change)
    VALUES ($1, $2, 0, NULL, NULL, '', $3)
    ON CONFLICT (site, person) DO UPDATE SET must_change = excluded.must_change,
    wrong = 0, locked_until = NULL"""
DROP = "DELETE FROM login WHERE site = $1 AND person = $2"
SEATS = """SELECT sha256, created_at, used_at, address, agent FROM session
    WHERE site = $1 AND person = $2 AND used_at > $3 AND created_at > $4
    ORDER BY used_at DESC, sha256"""
END_OTHERS = """DELETE FROM session WHERE site = $1 AND person = $2 AND sha256 <> $3
    RETURNING sha256"""
END_ONE = """DELETE FROM session WHERE site = $1 AND person = $2 AND sha256 LIKE $3
    RETURNING sha256"""
SHORT = 16  # signs of a session's digest that name it to people


async def every(session: Session) -> dict[str, Login]:
    """Name → how that person logged in; who never tried is not among them."""
    return {row["person"]: _login(row) for row in await session.fetch(ALL, session.site)}


async def one(session: Session, person: str) -> Login:
    row = await session.one(ONE, session.site, plain(person))
    return _login(row) if row else Login()


async def wrong(session: Session, person: str, until: datetime | None) -> None:
    """One more wrong password; locked until then, if at all."""
    await session.fetch(WRONG, session.site, plain(person), stamp(until) if until else None)


async def right(session: Session, person: str, now: datetime, address: str) -> LastLogin:
    """Logged in; what was known before."""
    before = await one(session, person)
    await session.fetch(RIGHT, session.site, plain(person), stamp(now), plain(address))
    return LastLogin(before.last_at, before.last_address, before.wrong)


async def unlock(session: Session, person: str) -> None:
    await session.fetch(UNLOCK, session.site, plain(person))


async def must_change(session: Session, person: str, must: bool) -> None:
    """Whether the password is to be changed at the next log-in; a new password also unlocks."""
    await session.fetch(MUST, session.site, plain(person), int(must))


async def forget(session: Session, person: str) -> None:
    await session.fetch(DROP, session.site, plain(person))


async def seats(
    session: Session, person: str, idle_since: datetime, begun_since: datetime
) -> list[SeatRow]:
    """The sessions that are not over, the one used last first."""
    times = (stamp(idle_since), stamp(begun_since))
    rows = await session.fetch(SEATS, session.site, plain(person), *times)
    return [
        SeatRow(
            row["sha256"][:SHORT],
            moment(row["created_at"]),
            moment(row["used_at"]),
            row["address"],
            row["agent"],
        )
        for row in rows
    ]


async def end_others(session: Session, person: str, but: str) -> int:
    """Ends a person's sessions but the one with that digest; how many there were."""
    return len(await session.fetch(END_OTHERS, session.site, plain(person), but))


async def end_one(session: Session, person: str, short: str) -> int:
    """Ends the session that `seats` names so."""
    if len(short) != SHORT or not short.isalnum():
        return 0
    return len(await session.fetch(END_ONE, session.site, plain(person), f"{short}%"))


def before(text: str) -> LastLogin | None:
    """What a session's row holds."""
    return read(LastLogin, text) if text else None


def _login(row: Row) -> Login:
    return Login(
        wrong=row["wrong"],
        locked_until=moment(row["locked_until"]) if row["locked_until"] else None,
        last_at=moment(row["last_at"]) if row["last_at"] else None,
        last_address=row["last_address"],
        must_change=bool(row["must_change"]),
    )
