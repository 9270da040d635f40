"""What the console needs of the daemon behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from aiohttp import web

from secmon.api import Clock, Hour, Trace, User
from secmon.console.admin import Office
from secmon.console.duty_api import Watchroom
from secmon.console.floors import Mapped
from secmon.console.kpi import Counted
from secmon.console.ledger import Ledger
from secmon.console.links import LinkDesk
from secmon.console.notices import NoticeDesk
from secmon.console.sessions import Lodge
from secmon.core.model import Action, Entry, Observation, Policy, Refusal, Ticket, TicketState
from secmon.core.windows import Shade
from secmon.core.world import World
from secmon.texts import Texts


@dataclass(frozen=True, slots=True)
class Health:
    """How the daemon itself is. Lateness is how long after its time a poll began."""

    started_at: datetime
    store_up: bool
    outbox_pending: int | None  # None: the store does not say
    reload_good: bool
    reload_at: datetime | None  # when a good site file was last read
    reload_mistakes: Sequence[str]
    warnings: Sequence[str]  # of the site file in force
    polls: int
    polls_skipped: int
    lateness_mean_s: float
    probes: int
    listeners: Sequence[str]  # addresses
    streams: int  # open event streams


class Daemon(Office, Lodge, Counted, LinkDesk, NoticeDesk, Watchroom, Mapped, Protocol):
    clock: Clock
    version: str

    @property
    def ledger(self) -> Ledger: ...
    @property
    def idle(self) -> timedelta:
        """How long a session may go unused."""
        ...

    @property
    def tries(self) -> int:
        """Wrong passwords after which a name waits."""
        ...

    @property
    def world(self) -> World: ...
    @property
    def policy(self) -> Policy: ...
    @property
    def language(self) -> str:
        """`site.language`."""
        ...

    @property
    def public_url(self) -> str:
        """`http.public_url`, or where we listen."""
        ...

    def shade(self) -> Shade:
        """What planned work covers now."""
        ...

    def speak(self, language: str) -> Texts: ...
    def summary(self, ticket: Ticket) -> str: ...
    def troubles(self) -> Sequence[str]:
        """What hinders the daemon itself: `starting`, `store`, `clock`, `reload`."""
        ...

    async def health(self) -> Health: ...
    def events(self) -> AbstractContextManager[asyncio.Queue[Mapping[str, object]]]: ...
    async def act(self, action: Action) -> Ticket | Refusal: ...
    async def poll(self, device: str) -> Sequence[Observation]: ...
    async def tickets(
        self,
        states: Collection[TicketState] | None,
        device: str,
        limit: int,
        after: str = "",
    ) -> Sequence[Ticket]: ...
    async def ticket(self, number: str) -> Ticket | None: ...
    async def journal(self, ticket: Ticket) -> Sequence[Entry]: ...
    async def pictures(self, ticket: Ticket) -> Sequence[tuple[datetime, bytes]]:
        """The evidence, oldest first."""
        ...

    def announce(self, ticket: Ticket) -> None:
        """Tells open pages that something about the ticket is new."""
        ...

    async def traces(self, device: str, since: datetime, until: datetime) -> Sequence[Trace]:
        """Five-minute values that reach into [since, until), up to now; of the last 48 hours."""
        ...

    async def hours(
        self, device: str, reading: str, since: datetime, until: datetime
    ) -> Sequence[Hour]: ...
    async def user(self, digest: str) -> User | None: ...


DAEMON: Final = web.AppKey("daemon", Daemon)
