"""The store's part of access: log-ins and locks, sessions and tokens, audit lines, attachments."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from secmon.adapters.store import attachments, audit, logins, people, sessions
from secmon.adapters.store.connection import Connections
from secmon.adapters.store.people import Token
from secmon.api import (
    Attachment,
    AuditCheck,
    AuditLine,
    AuditWish,
    Clock,
    Login,
    Role,
    SeatRow,
)


class Access:
    """Over an open store's connections. Every method may raise StoreDown."""

    def __init__(self, db: Connections, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    # --- log-ins ---

    async def login(self, name: str) -> Login:
        """How a person logged in; empty for who never tried."""
        return await logins.one(self._db.reader, name)

    async def logins(self) -> Mapping[str, Login]:
        return await logins.every(self._db.reader)

    async def wrong_password(self, name: str, until: datetime | None) -> None:
        """Counts one; locked until then, if at all."""
        async with self._db.writing() as session:
            await logins.wrong(session, name, until)

    async def unlock(self, name: str) -> None:
        async with self._db.writing() as session:
            await logins.unlock(session, name)

    async def sessions(self, name: str, idle: timedelta) -> Sequence[SeatRow]:
        """Those that are not over, the one used last first."""
        now = self._clock.now()
        return await logins.seats(self._db.reader, name, now - idle, now - sessions.LONGEST)

    async def end_sessions(self, name: str, but: str = "") -> int:
        """Ends all but the one with that digest; how many there were."""
        async with self._db.writing() as session:
            return await logins.end_others(session, name, but)

    async def end_session_named(self, name: str, short: str) -> int:
        """Ends the one that `sessions` calls so; how many there were."""
        async with self._db.writing() as session:
            return await logins.end_one(session, name, short)

    # --- people and tokens ---

    async def set_role(self, name: str, role: Role) -> None:
        """ValueError if there is no such person."""
        async with self._db.writing() as session:
            await people.set_role(session, name, role)

    async def remove_user(self, name: str) -> None:
        """With tokens, sessions and links; what they did stays in journal and audit. ValueError if
        there is no such person."""
        async with self._db.writing() as session:
            await people.remove(session, name)
            await sessions.end_all(session, name)
            await logins.forget(session, name)

    async def add_token(
        self,
        user: str,
        name: str,
        sha256: str,
        scopes: Collection[str] = (),
        expires: datetime | None = None,
    ) -> None:
        """ValueError if there is no such user, or the user has a token of that name."""
        token = Token(name, self._clock.now(), None, expires, tuple(sorted(scopes)))
        async with self._db.writing() as session:
            if any(one.name == name for one in await people.tokens(session, user)):
                raise ValueError(f"{user} has a token {name} already")
            await people.add_token(session, user, token, sha256)

    async def tokens(self, user: str) -> Sequence[Token]:
        return await people.tokens(self._db.reader, user)

    async def remove_token(self, user: str, name: str) -> int:
        """How many there were."""
        async with self._db.writing() as session:
            return await people.remove_token(session, user, name)

    # --- audit ---

    async def note(self, line: AuditLine) -> AuditLine:
        """Adds the line, at this moment."""
        async with self._db.writing() as session:
            return await audit.add(session, replace(line, at=self._clock.now()))

    async def audit(self, wish: AuditWish) -> Sequence[AuditLine]:
        """Newest first."""
        return await audit.page(self._db.reader, wish)

    async def check_audit(self) -> AuditCheck:
        return await audit.check(self._db.reader)

    # --- attachments ---

    async def attach(self, made: Attachment, body: bytes) -> Attachment:
        """Keeps it with a line in the journal. ValueError beyond what one ticket may hold."""
        async with self._db.writing() as session:
            return await attachments.add(session, made, body)

    async def attachments(self, ticket: str) -> Sequence[Attachment]:
        """Of a ticket's id, oldest first."""
        return await attachments.of(self._db.reader, ticket)

    async def attachment(self, ticket: str, number: int) -> tuple[Attachment, bytes] | None:
        return await attachments.body(self._db.reader, ticket, number)

    async def evidence_at(self, ticket: str) -> Sequence[datetime]:
        """When each picture of the evidence was taken, oldest first."""
        return await attachments.seen(self._db.reader, ticket)

    # --- housekeeping ---

    async def prune(self, *, audit_before: datetime, pictures_before: datetime) -> None:
        """Lets go of old audit lines, and of pictures of tickets that ended long ago."""
        async with self._db.writing() as session:
            await audit.prune(session, audit_before)
        async with self._db.writing() as session:
            await attachments.prune(session, pictures_before)
