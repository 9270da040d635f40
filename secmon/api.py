"""What a driver or an adapter may see of secmon: the words of the core, and who must do what."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, ConfigDict

from secmon.core.book import Pages
from secmon.core.change import Change
from secmon.core.model import (
    EMPTY_LAYOUT,
    Cause,
    Fault,
    Layout,
    Notice,
    Part,
    Reading,
    Reason,
    Ticket,
    Value,
    arrange,
)

__all__ = [
    "EMPTY_LAYOUT",
    "Attachment",
    "AuditCheck",
    "AuditLine",
    "AuditWish",
    "Batch",
    "Cause",
    "Change",
    "Clock",
    "Connection",
    "Contact",
    "Credentials",
    "Delivery",
    "Driver",
    "Garbled",
    "Hour",
    "Joiner",
    "LastLogin",
    "Later",
    "Layout",
    "Login",
    "Memory",
    "Missed",
    "Never",
    "Notifier",
    "Options",
    "Part",
    "Probe",
    "ProbeError",
    "Reading",
    "Reason",
    "Refused",
    "Role",
    "SeatRow",
    "Store",
    "StoreDown",
    "Stored",
    "Target",
    "Trace",
    "Unreachable",
    "User",
    "Value",
    "arrange",
]


# --- what a driver raises --------------------------------------------------------------------


class ProbeError(Exception):
    """A poll failed for a reason that lies with the device or the way to it.

    The text says what was expected and what came, without secrets. Any other exception is our bug.
    `cause`: what it comes of, where that can be told; the core reads silence into Unreachable
    without one. `facts`: what was learned all the same, by the names of readings.
    """

    reason = Reason.INTERNAL

    def __init__(self, text: str = "", *, cause: str = "") -> None:
        super().__init__(text)
        self.cause = Cause(cause)
        self.facts: dict[str, Value] = {}


class Unreachable(ProbeError):
    """Nothing answered: no route, connection refused, closed without a word, no such unit."""

    reason = Reason.UNREACHABLE


class Refused(ProbeError):
    """The device answered no: wrong credentials, missing rights.

    `credentials=True`: it is the log-in that was refused. Many devices lock an account after a few
    tries, so the shell does not ask again until the credentials change or a person says so.
    """

    reason = Reason.REFUSED

    def __init__(self, text: str, *, credentials: bool = False, cause: str = "") -> None:
        super().__init__(text, cause=cause or (Cause.LOGIN if credentials else Cause.UNKNOWN))
        self.credentials = credentials


class Garbled(ProbeError):
    """An answer came that the protocol does not allow, or that belongs to another request."""

    reason = Reason.GARBLED


# --- what a driver is given ------------------------------------------------------------------


class Options(BaseModel):
    """A driver's own keys in the site file, or a profile's: strict, so a misspelt key is told."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """One entry of `credentials:`, resolved. Never printed: `repr` shows only the names."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)

    def get(self, name: str, default: str = "") -> str:
        """`username`, `password`, `community`, `auth`, `auth_key`, `privacy`, `privacy_key`."""
        return self.values.get(name, default)


class Memory(Protocol):
    """Bounded bytes per (device, part, key), kept by the store and read on demand (≤ 64 kB)."""

    async def get(self, part: str, key: str) -> bytes | None: ...
    async def put(self, part: str, key: str, value: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Target:
    """The device a probe is to ask, as the site file and earlier observations know it."""

    device: str
    address: str
    timeout: float  # seconds; the shell ends the poll then, whatever the driver does
    interval: float  # seconds between two polls
    credentials: Credentials
    parts: Mapping[str, Part]
    facts: Mapping[str, str]  # live view: serial, stream_uri …, from this device's other probes
    memory: Memory
    shared: object = None  # what the driver's `shared` gave: sockets, gateways
    now: Callable[[], datetime] | None = None  # wall time, UTC: for a protocol that signs by it
    timezone: str = "UTC"  # IANA name of the site's: for what is allowed at certain hours only


@dataclass(frozen=True, slots=True)
class Batch:
    """What a fast driver yields instead of readings: values by a layout it keeps.

    Floats are finite: what a device sends as NaN or infinity is no value and is left out.
    """

    layout: Layout
    values: Sequence[Value]
    facts: Mapping[str, str] = field(default_factory=dict)
    evidence: bytes | None = None
    repeated: Collection[tuple[str, str]] = ()
    """Readings and their parts that this poll did not take, shown on since none was due: they are
    not judged again."""


class Probe(Protocol):
    async def read(self) -> Sequence[Reading] | Batch:
        """One poll. Raises Unreachable, Refused or Garbled; safe to cancel at any await."""
        ...


Connection = AbstractAsyncContextManager[Probe]
"""Opened before the first poll and after every cancelled or failed one; closed at the end."""

O = TypeVar("O", bound=Options)  # noqa: E741
P = TypeVar("P", bound=Options)


@dataclass(frozen=True, slots=True)
class Driver(Generic[O, P]):
    """The code for one protocol; the object behind an entry point of `secmon.probes`."""

    name: str
    options: type[O]
    profile: type[P] | None  # the driver's part of a profile file; None: it knows no profiles
    connect: Callable[[Target, O, P | None], Connection]
    default_profile: str | None = None  # used when the probe names none
    brings: Callable[[O, P | None, Mapping[str, Part]], Collection[str]] = lambda *_: ()
    """Names that a good poll must bring: their absence is what a `missing` rule judges."""
    watches: Callable[[P | None], Collection[str]] = lambda _: ()
    """Parts whose being down is a fault by profile (uplinks)."""
    bus: Callable[[str, O], str] | None = None
    """(address, options) → key of the bus: devices with one key are asked one at a time."""
    shared: Callable[[], AbstractAsyncContextManager[object]] | None = None
    """Entered once per daemon; what it gives reaches every target as `shared`."""
    needs_address: bool = True
    least_timeout: Callable[[O], float] = lambda _: 0.0
    """Seconds that a poll must be given with these options."""


class Clock(Protocol):
    """Wall time for people, monotonic seconds for waiting, rates and soaks."""

    def now(self) -> datetime: ...
    def tick(self) -> float: ...


# --- telling people --------------------------------------------------------------------------


class Later(Exception):
    """Not delivered, but worth trying again: the channel is away or busy.

    `after_s`: how long the channel wants to be left alone; None leaves it to the outbox.
    """

    def __init__(self, text: str, after_s: float | None = None) -> None:
        super().__init__(text)
        self.after_s = after_s


class Never(Exception):
    """Not delivered, and trying again is no use: the channel refused this notice."""


class Missed(Exception):
    """Delivered, but some of the people whom it is meant for can't be reached this way.

    `people`: their user names; the others were told and must not be told again.
    """

    def __init__(self, text: str, people: Sequence[str]) -> None:
        super().__init__(text)
        self.people = tuple(people)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a device stands on a floor plan: hundredths of a per cent from its top left corner."""

    floor: str
    device: str
    x: int
    y: int
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Contact:
    """How a person is reached. Empty texts: not that way."""

    user: str  # the name of the log-in
    name: str = ""  # as people call them
    phone: str = ""  # SMS, and @ in the robots of DingTalk and WeCom
    email: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)  # kind of channel → id there (Feishu …)
    language: str = ""  # zh | en; empty: the site's


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row of the outbox: a notice for one channel, and the ticket as it was then.

    `ticket` is empty where the notice is of no ticket: of a hand-over, a test, the store.

    `key` is the same at every try: a receiver that saw it already may drop it. `people`: how those
    are reached whom the notice is meant for, as known at this try. `links`: by user name, the
    address that lets this person act; under "" the one for whoever reads the channel.
    """

    id: int
    key: str
    notice: Notice
    ticket: Mapping[str, object]  # the ticket's JSON at the commit
    at: datetime
    tries: int = 0
    next_at: datetime | None = None
    people: Sequence[Contact] = ()
    title: str = ""  # the shortest that says why and what; made at this try, as `text` is
    links: Mapping[str, str] = field(default_factory=dict)  # empty: the site has no public address
    why: str = ""  # it was given up


@runtime_checkable
class Notifier(Protocol):
    async def send(self, delivery: Delivery, text: str) -> None:
        """Delivers `text` and the ticket. Raises Later, Never or Missed; `delivery.key` makes a
        repeat harmless."""
        ...


@runtime_checkable
class Joiner(Protocol):
    """A notifier that can tell several notices in one message: a channel that people read."""

    longest: int  # bytes of UTF-8 that fit into one message

    def room(self) -> tuple[int, float]:
        """How many messages may go out now; and if none may, seconds until one does."""
        ...

    async def send_many(self, deliveries: Sequence[Delivery], text: str) -> None:
        """Delivers `text`, which tells of all of them. What it raises holds for all of them."""
        ...


# --- keeping ---------------------------------------------------------------------------------


class StoreDown(Exception):
    """A commit or a read failed for an outer reason; nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a start needs of the store: open things only."""

    faults: Sequence[Fault] = ()
    tickets: Sequence[Ticket] = ()  # not ended
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    committed_at: datetime | None = None  # wall time of the last commit
    alive_at: datetime | None = None  # when the last daemon was last seen running (± 5 s)
    pages: Pages | None = None  # of the duty book


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of one logged reading. `at` is the hour's start, UTC."""

    device: str
    part: str
    reading: str
    at: datetime
    low: float
    high: float
    total: float
    count: int


SLOT_S = 300.0  # a trace has a place for each five minutes of the wall clock
TRACE_SLOTS = 12  # of one trace at most


@dataclass(frozen=True, slots=True)
class Trace:
    """Up to an hour of what one probe brought, by five minutes. `at` is the start of the first,
    UTC. `numbers`: for each five minutes, for each of `series`, lowest, highest and mean; where
    nothing was read they are not a number."""

    device: str
    probe: str
    at: datetime
    series: tuple[tuple[str, str], ...]  # (reading, part)
    numbers: array[float]


class Store(Protocol):
    """Everything that outlives the process. Every method may raise StoreDown."""

    async def load(self) -> Stored: ...
    async def commit(self, change: Change) -> Change:
        """One transaction. Gives the change back with ticket numbers and `previous` filled in."""
        ...

    async def pending(
        self, now: datetime, limit: int, but: Collection[str] = ()
    ) -> Sequence[Delivery]:
        """Deliveries whose turn has come, oldest first, at most one run per channel in order;
        none of the channels in `but`."""
        ...

    async def settle(
        self,
        deliveries: Collection[int],
        outcome: str,
        next_at: datetime | None = None,
        why: str = "",
    ) -> None:
        """`told`, `never` (ends the rows) or `later` (counts a try, waits until `next_at`), all in
        one transaction; `why` is kept for people."""
        ...

    async def outstanding(self) -> int:
        """How many deliveries are neither told nor given up."""
        ...

    async def contacts(self, names: Collection[str]) -> Sequence[Contact]:
        """How these users are reached, in this order; who is no user is left out."""
        ...


# --- who may ----------------------------------------------------------------------------------


class Role(StrEnum):
    """What a person is. What each may do stands in one table: secmon/console/rights.py."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"
    MANAGER = "manager"
    AUDITOR = "auditor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class User:
    """A person or a program that may log in. `password` is an scrypt text, or empty: none."""

    name: str
    role: Role
    password: str = field(default="", repr=False)
    created_at: datetime | None = None
    contact: Contact | None = None  # None: nobody said how they are reached
    scopes: tuple[str, ...] = ()  # of the token that was shown; empty: all that the role may
    must_change: bool = False  # the password, before anything else
    before: LastLogin | None = None  # of a session: the log-in before it


@dataclass(frozen=True, slots=True)
class LastLogin:
    """A log-in before this one; `wrong` passwords were tried since then."""

    at: datetime | None = None  # None: it is the first
    address: str = ""
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Login:
    """How a person logged in last, and what was tried in vain since."""

    wrong: int = 0
    locked_until: datetime | None = None
    last_at: datetime | None = None
    last_address: str = ""
    must_change: bool = False


@dataclass(frozen=True, slots=True)
class SeatRow:
    """One session of a person, named by a piece of its digest."""

    id: str
    created_at: datetime
    used_at: datetime  # within minutes
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class AuditLine:
    """Who did what, from where, and how it ended. `id`, `at` and `sha256` come from the store."""

    who: str
    address: str
    what: str
    subject: str
    outcome: str  # done, refused, failed
    why: str
    at: datetime = datetime.min
    id: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class AuditWish:
    """Which audit lines: those in [since, until) that are older than the line `before`."""

    limit: int
    before: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    who: str = ""
    what: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """What following the chain of audit lines brought. `head` is the newest line's digest."""

    count: int
    first: int
    last: int
    head: str
    mistakes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attachment:
    """What somebody put to a ticket; `kind` is jpeg, png or pdf, `size` in bytes."""

    id: int
    ticket: str  # its id
    at: datetime
    who: str
    name: str
    kind: str
    size: int
