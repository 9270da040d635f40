"""Who may log in: persons, and the digests of their tokens."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from secmon.adapters.store.codec import moment, plain, read, stamp, write
from secmon.adapters.store.connection import Row, Session
from secmon.api import Contact, Role, User

USE_NOTED_EVERY = timedelta(hours=1)  # a write for every request would be too dear

ADD = """INSERT INTO person (site, name, role, password, created_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (site, name) DO NOTHING RETURNING name"""
SET_PASSWORD = "UPDATE person SET password = $3 WHERE site = $1 AND name = $2 RETURNING name"
SET_ROLE = "UPDATE person SET role = $3 WHERE site = $1 AND name = $2 RETURNING name"
REMOVE = "DELETE FROM person WHERE site = $1 AND name = $2 RETURNING name"
SET_CONTACT = "UPDATE person SET contact = $3 WHERE site = $1 AND name = $2 RETURNING name"
COLUMNS = "name, role, password, created_at, contact"
ALL = f"SELECT {COLUMNS} FROM person WHERE site = $1 ORDER BY name"
ONE = f"SELECT {COLUMNS} FROM person WHERE site = $1 AND name = $2"
ADD_TOKEN = """INSERT INTO token
    (site, sha256, person, name, created_at, used_at, expires_at, scopes)
    VALUES ($1, $2, $3, $4, $5, NULL, $6, $7)"""
TOKENS = """SELECT name, created_at, used_at, expires_at, scopes FROM token
    WHERE site = $1 AND person = $2 ORDER BY created_at, name"""
HOLDER = """SELECT p.name, p.role, p.password, p.created_at, p.contact, t.used_at, t.scopes
    FROM token t JOIN person p ON p.site = t.site AND p.name = t.person
    WHERE t.site = $1 AND t.sha256 = $2 AND (t.expires_at IS NULL OR t.expires_at > $3)"""
NOTE_USE = "UPDATE token SET used_at = $3 WHERE site = $1 AND sha256 = $2"
DROP_TOKEN = """DELETE FROM token WHERE site = $1 AND person = $2 AND name = $3
    RETURNING sha256"""
DROP_TOKENS = "DELETE FROM token WHERE site = $1 AND person = $2"


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token: never the token itself."""

    name: str
    created_at: datetime
    used_at: datetime | None  # within an hour
    expires_at: datetime | None
    scopes: tuple[str, ...] = ()  # empty: all that its user may


async def add(session: Session, user: User, now: datetime) -> User:
    """ValueError if there is such a person, or the name is empty or not plain text."""
    if not user.name.strip() or plain(user.name) != user.name:
        raise ValueError(f"expected a user's name (got {user.name!r})")
    columns = (user.name, str(user.role), user.password, stamp(now))
    if not await session.fetch(ADD, session.site, *columns):
        raise ValueError(f"user {user.name} exists")
    return replace(user, created_at=now)


async def set_password(session: Session, name: str, password: str) -> None:
    """ValueError if there is no such person."""
    if not await session.fetch(SET_PASSWORD, session.site, plain(name), password):
        raise ValueError(f"there is no user {name}")


async def set_role(session: Session, name: str, role: Role) -> None:
    """ValueError if there is no such person."""
    if not await session.fetch(SET_ROLE, session.site, plain(name), str(role)):
        raise ValueError(f"there is no user {name}")


async def remove(session: Session, name: str) -> None:
    """The person and all tokens. ValueError if there is no such person."""
    if not await session.fetch(REMOVE, session.site, plain(name)):
        raise ValueError(f"there is no user {name}")
    await session.fetch(DROP_TOKENS, session.site, plain(name))


async def set_contact(session: Session, contact: Contact) -> None:
    """ValueError if there is no such person."""
    kept = await session.fetch(SET_CONTACT, session.site, plain(contact.user), write(contact))
    if not kept:
        raise ValueError(f"there is no user {contact.user}")


async def contacts(session: Session, names: Collection[str]) -> list[Contact]:
    """In the order of `names`; who is no user is left out."""
    found = {user.name: user for user in await everybody(session)} if names else {}
    return [found[name].contact or Contact(name) for name in names if name in found]


async def everybody(session: Session) -> list[User]:
    return [_user(row) for row in await session.fetch(ALL, session.site)]


async def one(session: Session, name: str) -> User | None:
    row = await session.one(ONE, session.site, plain(name))
    return _user(row) if row else None


async def add_token(session: Session, person: str, token: Token, sha256: str) -> None:
    """ValueError if there is no such person."""
    if await one(session, person) is None:
        raise ValueError(f"there is no user {person}")
    expiry = stamp(token.expires_at) if token.expires_at else None
    values = (stamp(token.created_at), expiry, ",".join(token.scopes))
    await session.fetch(ADD_TOKEN, session.site, sha256, person, plain(token.name), *values)


async def tokens(session: Session, person: str) -> list[Token]:
    """What tokens a person has, expired ones too, oldest first."""
    rows = await session.fetch(TOKENS, session.site, plain(person))
    return [
        Token(
            row["name"],
            moment(row["created_at"]),
            _maybe(row["used_at"]),
            _maybe(row["expires_at"]),
            _scopes(row["scopes"]),
        )
        for row in rows
    ]


async def holder(session: Session, sha256: str, now: datetime) -> tuple[User, bool] | None:
    """Whose unexpired token this is, and whether its use is to be noted anew."""
    row = await session.one(HOLDER, session.site, sha256, stamp(now))
    if row is None:
        return None
    used_at = _maybe(row["used_at"])
    user = replace(_user(row), scopes=_scopes(row["scopes"]))
    return user, used_at is None or abs(now - used_at) >= USE_NOTED_EVERY


async def note_use(session: Session, sha256: str, now: datetime) -> None:
    await session.fetch(NOTE_USE, session.site, sha256, stamp(now))


async def remove_token(session: Session, person: str, name: str) -> int:
    """Removes the person's tokens of this name; how many there were."""
    return len(await session.fetch(DROP_TOKEN, session.site, plain(person), plain(name)))


def _user(row: Row) -> User:
    told = row["contact"]
    return User(
        row["name"],
        Role(row["role"]),
        row["password"],
        moment(row["created_at"]),
        read(Contact, told) if told else None,
    )


def _scopes(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def _maybe(text: str | None) -> datetime | None:
    return moment(text) if text else None
