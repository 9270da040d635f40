"""The store in one SQLite file: who asks for what, and in which transaction.

A method either writes, and then it is on the disk when it returns, or reads what was last
committed. Every method may raise StoreDown; then nothing of it was kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from zoneinfo import ZoneInfo

from secmon.adapters import clock as machine
from secmon.adapters.store import (
    changes,
    devices,
    duty,
    files,
    history,
    journal,
    keys,
    logins,
    migrations,
    outbox,
    people,
    sessions,
    spots,
    tickets,
    traces,
    watched,
)
from secmon.adapters.store.access import Access
from secmon.adapters.store.connection import Connections, open_connections, session
from secmon.adapters.store.files import Size
from secmon.adapters.store.journal import Line
from secmon.adapters.store.lock import StoreLock
from secmon.adapters.store.people import Token
from secmon.api import (
    Change,
    Clock,
    Contact,
    Delivery,
    Hour,
    Role,
    Spot,
    Stored,
    StoreDown,
    Trace,
    User,
)
from secmon.core.book import Training
from secmon.core.handover import HandOver
from secmon.core.kpi import Watched
from secmon.core.model import Entry, Ticket, TicketState
from secmon.core.roster import Override
from secmon.core.windows import Silence

OUTBOX_KEPT = timedelta(days=30)  # rows that were told or given up


class SqliteStore:
    """`async with SqliteStore(path, site=…, timezone=…) as store:` keeps api.Store's promises.

    It holds the store's lock as long as it is open. `timezone` gives a ticket's year. `busy_s`:
    how long to wait for a stranger's lock. `known`: the schema, if not the one that is shipped.
    """

    def __init__(
        self,
        path: Path,
        *,
        site: str,
        timezone: str,
        clock: Clock | None = None,
        busy_s: float = 5.0,
        known: Sequence[migrations.Migration] | None = None,
    ) -> None:
        self.path = path
        self.upgraded: tuple[str, ...] = ()  # the migrations that `open` applied
        self._site = site
        self._zone = ZoneInfo(timezone)
        self._clock = clock or machine.Clock()
        self._busy_s = busy_s
        self._known = known or migrations.shipped()
        self._stack = AsyncExitStack()
        self._db: Connections
        self._lock: StoreLock

    # --- open and closed ---

    async def open(self) -> None:
        """Takes the lock, then opens the file and brings its schema up to date.

        Raises StoreTaken, WrongSchema or StoreDown, and then holds nothing.
        """
        async with AsyncExitStack() as stack:
            self._lock = StoreLock.take(self.path)
            stack.callback(self._lock.release)
            files.make(self.path)
            async with session(self.path, busy_s=self._busy_s) as first:
                await files.refuse_foreign(first, empty_too=False)
            self._db = await stack.enter_async_context(
                open_connections(self.path, self._site, self._busy_s)
            )
            self.upgraded = await migrations.upgrade(self._db, self._known, self._copy_before)
            self._stack = stack.pop_all()

    async def close(self) -> None:
        """Must be called: the connections' threads end only then."""
        await self._stack.aclose()

    async def __aenter__(self) -> SqliteStore:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def touch(self) -> None:
        """The daemon is alive: every 5 s, never by a command."""
        self._lock.touch(self._clock.now())

    async def _copy_before(self, number: str) -> None:
        await files.copy(self.path, self.path.with_name(f"{self.path.name}.before-{number}"))

    @property
    def access(self) -> Access:
        """Log-ins, tokens, audit lines, attachments; of an open store."""
        return Access(self._db, self._clock)

    # --- the core's changes ---

    async def load(self) -> Stored:
        """Open things, and when an earlier daemon was last alive."""
        stored = await changes.load(self._db.reader, self._clock.now())
        return replace(stored, alive_at=self._lock.alive_at)

    async def commit(self, change: Change) -> Change:
        """One transaction; a change that changes nothing writes nothing."""
        if not change.durable:
            return change
        async with self._db.writing() as session:
            return await changes.keep(session, self._zone, change)

    # --- tickets and journal ---

    async def tickets(
        self,
        states: Collection[TicketState] = (),
        device: str = "",
        limit: int = 100,
        after: str = "",
    ) -> list[Ticket]:
        """Newest first, those older than the ticket numbered `after`; empty fields match all."""
        return await tickets.page(self._db.reader, states, device, limit, after)

    async def ticket(self, number: str) -> Ticket | None:
        """The ticket, ended or not; None also for what is no ticket number."""
        return await tickets.by_number(self._db.reader, number)

    async def tickets_by_id(self, ids: Collection[str]) -> Mapping[str, Ticket]:
        """Those of these tickets that the store has."""
        return await tickets.by_id(self._db.reader, ids)

    async def journal(self, subject: str, limit: int = 1000) -> list[Entry]:
        """The newest `limit` lines of a ticket's id or a device, oldest first."""
        return await journal.of(self._db.reader, subject, limit)

    async def journals(self, subjects: Collection[str]) -> Mapping[str, list[Entry]]:
        """Every subject with all of its lines, oldest first."""
        return await journal.of_many(self._db.reader, subjects)

    async def lines(self, limit: int = 100, before: int | None = None) -> list[Line]:
        """The whole journal, newest first; `before` is the id of the last line seen."""
        return await journal.newest(self._db.reader, limit, before)

    async def evidence(self, ticket: str) -> list[tuple[datetime, bytes]]:
        """The pictures of a ticket's id, oldest first."""
        return await devices.evidence(self._db.reader, ticket)

    # --- outbox ---

    async def pending(
        self, now: datetime, limit: int, but: Collection[str] = ()
    ) -> Sequence[Delivery]:
        """Oldest first; of each channel the run up to the first row that waits. None of the
        channels in `but`."""
        return await outbox.pending(self._db.reader, now, limit, but)

    async def settle(
        self,
        deliveries: Collection[int],
        outcome: str,
        next_at: datetime | None = None,
        why: str = "",
    ) -> None:
        """`told` and `never` end the rows, `later` waits until `next_at`; each counts a try."""
        async with self._db.writing() as session:
            await outbox.settle(session, deliveries, outcome, next_at, why)

    async def outstanding(self) -> int:
        """How many deliveries are neither told nor given up."""
        return await outbox.outstanding(self._db.reader)

    async def given_up(self, limit: int = 100) -> list[Delivery]:
        """What could never be delivered, newest first."""
        return await outbox.given_up(self._db.reader, limit)

    async def count_given_up(self) -> int:
        return await outbox.count_given_up(self._db.reader)

    async def send_again(self, delivery: int) -> bool:
        """What was given up is pending once more. False: there is no such row."""
        async with self._db.writing() as session:
            return await outbox.again(session, delivery)

    async def link_key(self) -> bytes:
        """Signs the links that messages carry: made once, kept with the store."""
        async with self._db.writing() as session:
            return await keys.link_key(session)

    # --- devices ---

    def memory(self, device: str) -> DeviceMemory:
        """What a driver is given as `Target.memory`."""
        return DeviceMemory(self, device)

    async def recall(self, device: str, part: str, key: str) -> bytes | None:
        return await devices.recall(self._db.reader, device, part, key)

    async def remember(self, device: str, part: str, key: str, value: bytes) -> None:
        """ValueError beyond 64 kB a part or 4 MB a device. What is the same is not written."""
        if await self.recall(device, part, key) == value:
            return
        async with self._db.writing() as session:
            await devices.remember(session, device, part, key, value)

    async def add_hours(self, hours: Sequence[Hour]) -> None:
        """Adds to what is there of the same hours, all in one transaction."""
        async with self._db.writing() as session:
            await history.add_hours(session, hours)

    async def hours(
        self, device: str, reading: str, since: datetime, until: datetime
    ) -> list[Hour]:
        """All parts' hours that start in [since, until), oldest first."""
        return await history.span(self._db.reader, device, reading, since, until)

    # --- the month's figures ---

    async def add_watched(self, rows: Sequence[Watched]) -> None:
        """Adds to what is there of the same month, device and system, all in one transaction."""
        async with self._db.writing() as session:
            await watched.add(session, rows)

    async def watched(self, month: str) -> list[Watched]:
        """Every device that was looked at in this month (`2026-11`)."""
        return await watched.month(self._db.reader, month)

    async def ended(self, since: datetime, until: datetime) -> list[Ticket]:
        """Tickets opened in [since, until) that have ended, oldest first."""
        return await watched.ended(self._db.reader, since, until)

    # --- the duty book ---

    async def overrides(self, since: datetime, until: datetime) -> list[Override]:
        """Those that touch this time, those taken back too, by start."""
        return await duty.overrides(self._db.reader, since, until)

    async def hand_over(self, hand_over: str) -> HandOver | None:
        return await duty.hand_over(self._db.reader, hand_over)

    async def hand_overs(self, limit: int, before: datetime | None = None) -> list[HandOver]:
        """Newest first, those due before this moment."""
        return await duty.hand_overs(self._db.reader, limit, before)

    async def trainings(self) -> list[Training]:
        """Those not struck out."""
        return await duty.trainings(self._db.reader)

    async def silences_over(self, now: datetime, limit: int) -> list[Silence]:
        """The newest of those that are over."""
        return await duty.silences_over(self._db.reader, now, limit)

    # --- five-minute values ---

    async def put_traces(self, some: Sequence[Trace]) -> None:
        """In place of what is there of the same starts, all in one transaction; old ones go."""
        async with self._db.writing() as session:
            await traces.put(session, some, self._clock.now())

    async def traces(self, device: str, since: datetime, until: datetime) -> list[Trace]:
        """Those of a device that reach into [since, until), oldest first."""
        return await traces.span(self._db.reader, device, since, until)

    # --- floor plans ---

    async def spots(self) -> list[Spot]:
        """Where devices stand, on every floor plan."""
        return await spots.every(self._db.reader)

    async def put_spot(self, spot: Spot) -> None:
        async with self._db.writing() as session:
            await spots.put(session, spot)

    async def remove_spot(self, floor: str, device: str) -> bool:
        """False: it was not there."""
        async with self._db.writing() as session:
            return await spots.remove(session, floor, device)

    # --- people ---

    async def add_user(self, name: str, role: Role, password: str = "") -> User:
        """`password` is an scrypt text. ValueError if there is such a user."""
        async with self._db.writing() as session:
            return await people.add(session, User(name, role, password), self._clock.now())

    async def set_password(self, name: str, password: str, must_change: bool = False) -> None:
        """`password` is an scrypt text; all sessions of the user end. `must_change`: at the next
        log-in. ValueError if there is no such user."""
        async with self._db.writing() as session:
            await people.set_password(session, name, password)
            await sessions.end_all(session, name)
            await logins.must_change(session, name, must_change)

    async def set_contact(self, contact: Contact) -> None:
        """How a user is reached from now on. ValueError if there is no such user."""
        async with self._db.writing() as session:
            await people.set_contact(session, contact)

    async def contacts(self, names: Collection[str]) -> list[Contact]:
        """How these users are reached, in this order; who is no user is left out."""
        return await people.contacts(self._db.reader, names)

    async def users(self) -> list[User]:
        return await people.everybody(self._db.reader)

    async def user(self, name: str) -> User | None:
        return await people.one(self._db.reader, name)

    async def add_token(
        self, user: str, name: str, sha256: str, expires: datetime | None = None
    ) -> None:
        """`sha256`: hex digest of the token. ValueError if there is no such user."""
        token = Token(name, self._clock.now(), None, expires)
        async with self._db.writing() as session:
            await people.add_token(session, user, token, sha256)

    async def tokens(self, user: str) -> list[Token]:
        return await people.tokens(self._db.reader, user)

    async def token(self, sha256: str) -> User | None:
        """Whose token this is, unless it has expired. Notes its use, at most once an hour."""
        now = self._clock.now()
        found = await people.holder(self._db.reader, sha256, now)
        if found is None:
            return None
        user, note = found
        if note:
            with suppress(StoreDown):  # a full disk locks nobody out
                async with self._db.writing() as session:
                    await people.note_use(session, sha256, now)
        return user

    async def remove_token(self, user: str, name: str) -> int:
        """Removes the user's tokens of this name; how many there were."""
        async with self._db.writing() as session:
            return await people.remove_token(session, user, name)

    # --- sessions of the console ---

    async def begin_session(
        self, user: str, sha256: str, address: str = "", agent: str = ""
    ) -> None:
        """`sha256`: hex digest of what the cookie holds; `address` and `agent` say where it is.
        ValueError if there is no such user."""
        async with self._db.writing() as session:
            await sessions.add(
                session, user, sha256, self._clock.now(), address=address, agent=agent
            )

    async def session(self, sha256: str, idle: timedelta = sessions.IDLE) -> User | None:
        """Whose session this is, unless it is over. Notes its use, at most every 5 minutes."""
        now = self._clock.now()
        held = await sessions.holder(self._db.reader, sha256, now, idle)
        if held is not None and held.stale:
            with suppress(StoreDown):  # a full disk locks nobody out
                async with self._db.writing() as session:
                    await sessions.note_use(session, sha256, now)
        return held.user if held else None

    async def end_session(self, sha256: str) -> None:
        async with self._db.writing() as session:
            await sessions.end(session, sha256)

    async def add_link(self, user: str, sha256: str, expires: datetime) -> None:
        """A log-in that works once. ValueError if there is no such user."""
        async with self._db.writing() as session:
            await sessions.add_link(session, user, sha256, expires)

    async def take_link(self, sha256: str) -> str | None:
        """Uses a link up: its user's name; None if it was used, or is too old."""
        async with self._db.writing() as session:
            return await sessions.take_link(session, sha256, self._clock.now())

    # --- housekeeping ---

    async def prune(self, now: datetime, *, history_for: timedelta, pictures: timedelta) -> None:
        """Lets go of old hours and pictures, ended outbox rows, expired tokens, ended sessions.

        Tickets and the journal stay for ever. Short transactions: commits come in between.
        """
        before = {"evidence": now - pictures, "outbox": now - OUTBOX_KEPT, "token": now}
        for table, moment in before.items():
            async with self._db.writing() as session:
                await history.prune(session, table, moment)
        async with self._db.writing() as session:
            await sessions.prune(session, now)
        more = True
        while more:
            async with self._db.writing() as session:
                more = await history.drop_oldest_hour(session, now - history_for)
        more = True
        while more:
            async with self._db.writing() as session:
                more = await traces.drop_oldest(session, now - traces.KEPT)

    async def backup(self, dest: Path) -> None:
        """A copy of the committed state as one file, while work goes on. ValueError if `dest` is
        something else than an older copy."""
        await files.copy(self.path, dest)

    async def sizes(self) -> list[Size]:
        """Every table with its rows and bytes, by name."""
        return await files.sizes(self.path)


class DeviceMemory:
    """A device's part of the store: api.Memory."""

    def __init__(self, store: SqliteStore, device: str) -> None:
        self._store = store
        self._device = device

    async def get(self, part: str, key: str) -> bytes | None:
        return await self._store.recall(self._device, part, key)

    async def put(self, part: str, key: str, value: bytes) -> None:
        """ValueError beyond 64 kB a part or 4 MB a device."""
        await self._store.remember(self._device, part, key, value)
