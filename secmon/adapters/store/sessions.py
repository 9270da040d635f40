"""Who is logged in to the console, and the links that log in once: kept as digests only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from secmon.adapters.store import logins
from secmon.adapters.store.codec import moment, plain, stamp, write
from secmon.adapters.store.connection import Row, Session
from secmon.api import Role, User

IDLE = timedelta(hours=8)  # a shift: a session that nobody used for so long is over, if not told
LONGEST = timedelta(days=7)  # and any session after so long
USE_NOTED_EVERY = timedelta(minutes=5)  # a write for every request would be too dear
NOTED_WITHIN = 6  # … and of a short idle time so many times within it
PER_PERSON = 50  # sessions of one person at most: the ones used longest ago end

PERSON = "SELECT name FROM person WHERE site = $1 AND name = $2"
ADD = """INSERT INTO session
    (site, sha256, person, created_at, used_at, address, agent, before)
    VALUES ($1, $2, $3, $4, $4, $5, $6, $7)"""
CROWD = """SELECT sha256 FROM session WHERE site = $1 AND person = $2
    ORDER BY used_at DESC, sha256 LIMIT 1000"""
HOLDER = """SELECT p.name, p.role, p.password, p.created_at, s.used_at, s.before,
    COALESCE(l.must_change, 0) AS must_change
    FROM session s JOIN person p ON p.site = s.site AND p.name = s.person
    LEFT JOIN login l ON l.site = p.site AND l.person = p.name
    WHERE s.site = $1 AND s.sha256 = $2 AND s.used_at > $3 AND s.created_at > $4"""
NOTE_USE = "UPDATE session SET used_at = $3 WHERE site = $1 AND sha256 = $2"
END = "DELETE FROM session WHERE site = $1 AND sha256 = $2"
END_ALL = "DELETE FROM session WHERE site = $1 AND person = $2"
PRUNE = "DELETE FROM session WHERE site = $1 AND (used_at <= $2 OR created_at <= $3)"
ADD_LINK = "INSERT INTO login_link (site, sha256, person, expires_at) VALUES ($1, $2, $3, $4)"
TAKE_LINK = "DELETE FROM login_link WHERE site = $1 AND sha256 = $2 RETURNING person, expires_at"
END_LINKS = "DELETE FROM login_link WHERE site = $1 AND person = $2"
PRUNE_LINKS = "DELETE FROM login_link WHERE site = $1 AND expires_at <= $2"


@dataclass(frozen=True, slots=True)
class Held:
    """A session's user, and whether its use is to be noted anew."""

    user: User
    stale: bool


async def add(
    session: Session, person: str, sha256: str, now: datetime, *, address: str = "", agent: str = ""
) -> None:
    """A new session: somebody logged in. ValueError if there is no such person."""
    if await session.one(PERSON, session.site, plain(person)) is None:
        raise ValueError(f"there is no user {person}")
    before = write(await logins.right(session, person, now, address))
    texts = (plain(address), plain(agent), before)
    await session.fetch(ADD, session.site, sha256, plain(person), stamp(now), *texts)
    for row in (await session.fetch(CROWD, session.site, plain(person)))[PER_PERSON:]:
        await session.fetch(END, session.site, row["sha256"])


async def holder(
    session: Session, sha256: str, now: datetime, idle: timedelta = IDLE
) -> Held | None:
    """Whose session this is, if it is not over."""
    times = (stamp(now - idle), stamp(now - LONGEST))
    row = await session.one(HOLDER, session.site, sha256, *times)
    if row is None:
        return None
    often = min(USE_NOTED_EVERY, idle / NOTED_WITHIN)
    return Held(_user(row), abs(now - moment(row["used_at"])) >= often)


async def note_use(session: Session, sha256: str, now: datetime) -> None:
    await session.fetch(NOTE_USE, session.site, sha256, stamp(now))


async def end(session: Session, sha256: str) -> None:
    await session.fetch(END, session.site, sha256)


async def end_all(session: Session, person: str) -> None:
    """All sessions and links of a person end."""
    await session.fetch(END_ALL, session.site, plain(person))
    await session.fetch(END_LINKS, session.site, plain(person))


async def add_link(session: Session, person: str, sha256: str, expires_at: datetime) -> None:
    """ValueError if there is no such person."""
    if await session.one(PERSON, session.site, plain(person)) is None:
        raise ValueError(f"there is no user {person}")
    await session.fetch(ADD_LINK, session.site, sha256, plain(person), stamp(expires_at))


async def take_link(session: Session, sha256: str, now: datetime) -> str | None:
    """Uses a link up: the name of its person, None if it was used or is too old."""
    row = await session.one(TAKE_LINK, session.site, sha256)
    return row["person"] if row is not None and moment(row["expires_at"]) > now else None


async def prune(session: Session, now: datetime, idle: timedelta = IDLE) -> None:
    """Lets go of what is over."""
    await session.fetch(PRUNE, session.site, stamp(now - idle), stamp(now - LONGEST))
    await session.fetch(PRUNE_LINKS, session.site, stamp(now))


def _user(row: Row) -> User:
    return User(
        row["name"],
        Role(row["role"]),
        row["password"],
        moment(row["created_at"]),
        must_change=bool(row["must_change"]),
        before=logins.before(row["before"]),
    )
