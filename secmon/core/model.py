"""The nouns of secmon: frozen values and enums that every other file speaks of.

Wall times are aware UTC `datetime`s and serve people; `tick` is a monotonic clock in seconds and
serves rates and soaks within one run of the daemon.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secmon.core.roster import Duty
    from secmon.core.windows import Window

Value = int | float | bool | str  # int stays int: a 64-bit counter as float loses counts past 2**53

DEVICE_UP = "device_up"  # made by the core from all probes of a device
PROBE_SUCCESS = "probe_success"  # made by the core, one part per probe
STREAM_UP = "stream_up"
STREAM_REACHED = "stream_reached"  # made by the core, one part per probe that brings `stream_up`
IDENTITY = "identity_matches"  # made by the core, one part per probe that says who the device is


# --- from the wire ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reading:
    """One named value: what a small driver yields. The name stands in `secmon/vocabulary.csv`."""

    name: str
    value: Value
    part: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Which value stands where in an observation: readings of one name stand side by side.

    Compared by identity, so a probe that keeps its layout object keeps all that was compiled
    for it. `spans` maps a reading's name to the half-open range of its values.
    """

    names: tuple[str, ...]
    parts: tuple[str, ...]
    spans: Mapping[str, tuple[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        if len(self.names) != len(self.parts):
            raise ValueError(f"{len(self.names)} names but {len(self.parts)} parts")
        spans: dict[str, tuple[int, int]] = {}
        start = 0
        for i in range(1, len(self.names) + 1):
            if i == len(self.names) or self.names[i] != self.names[start]:
                name = self.names[start]
                if name in spans:
                    raise ValueError(f"values of {name} do not stand side by side")
                spans[name] = (start, i)
                start = i
        object.__setattr__(self, "spans", spans)

    def index(self, name: str, part: str = "") -> int | None:
        """Where the value of `name` at `part` stands, or None."""
        start, end = self.spans.get(name, (0, 0))
        try:
            return self.parts.index(part, start, end)
        except ValueError:
            return None


EMPTY_LAYOUT = Layout((), ())


def arrange(readings: Iterable[Reading], known: Layout | None = None) -> tuple[Layout, list[Value]]:
    """Readings in any order → a layout (names side by side, order kept within) and its values.

    `known`: the layout of last time, given back if it is the same again.
    """
    by_name: dict[str, list[Reading]] = {}
    for reading in readings:
        by_name.setdefault(reading.name, []).append(reading)
    flat = [reading for group in by_name.values() for reading in group]
    names, parts = tuple([r.name for r in flat]), tuple([r.part for r in flat])
    values = [r.value for r in flat]
    if known is not None and known.names == names and known.parts == parts:
        return known, values
    return Layout(names, parts), values


class Reason(StrEnum):
    """Why a poll brought nothing: the `reason` label of `secmon_probe_failures_total`."""

    UNREACHABLE = "unreachable"  # nothing answered; a refused TCP connection too
    REFUSED = "refused"  # the device said no: credentials, rights
    GARBLED = "garbled"  # an answer came and is not what the protocol allows
    TIMEOUT = "timeout"  # the shell's deadline passed
    INTERNAL = "internal"  # our own bug: says nothing about the device


ANSWERED = frozenset((Reason.REFUSED, Reason.GARBLED))


class Cause(StrEnum):
    """What a failure or a wrong value comes of, as far as it can be told: `cause` in the facts of
    faults and tickets, and a sentence in what people read. Finer than Reason, and no label."""

    UNKNOWN = ""
    # nobody is there
    SILENT = "silent"  # nothing came back
    NO_ROUTE = "no_route"  # the network says that there is no way to it
    NO_NAME = "no_name"  # its name has no address
    CLOSED = "closed"  # the machine refuses the connection: it lives, its service does not
    HUNG_UP = "hung_up"  # it takes the connection and ends it without a word
    # it is another one
    ANOTHER_DEVICE = "another_device"
    # it does not let us in
    LOGIN = "login"
    LOCKED = "locked"  # the account, after too many bad log-ins
    NO_LOGIN = "no_login"  # it wants one, and none is configured
    NO_RIGHT = "no_right"  # this user may not
    WRONG_SERVICE = "wrong_service"  # something answers there, but not what we ask for
    # no picture
    NO_STREAM = "no_stream"  # there is none where it should be
    BUSY = "busy"  # it has no session left
    NO_VIDEO = "no_video"  # a stream without a video track
    NO_MEDIA = "no_media"  # it plays, and nothing comes
    # its clock
    CLOCK_RESET = "clock_reset"  # it stands at the date of the factory


@dataclass(frozen=True, slots=True)
class Failure:
    """A poll that failed. `text` says what was expected and what came (English, secrets masked);
    `facts` is what else was learned, by the names of readings."""

    reason: Reason
    text: str
    cause: Cause = Cause.UNKNOWN
    facts: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """What one poll of one device by one probe brought: values by layout, or a failure."""

    device: str
    probe: str  # the probe's label: `snmp`, or `snmp:core` where a device has two of one driver
    at: datetime
    tick: float
    layout: Layout = EMPTY_LAYOUT
    values: Sequence[Value] = ()
    failure: Failure | None = None
    facts: Mapping[str, str] = field(default_factory=dict)  # serial, MAC, stream_uri …
    evidence: bytes | None = None  # a JPEG ≤ 64 kB, kept only if it opens or worsens a fault
    repeated: Collection[tuple[str, str]] = ()  # readings and parts of an earlier poll: not judged

    @property
    def reached(self) -> bool | None:
        """Did the device answer in its protocol at all? None: our own bug, nothing is known."""
        if self.failure is None:
            return True
        if self.failure.reason is Reason.INTERNAL:
            return None
        return self.failure.reason in ANSWERED


# --- rules and faults ------------------------------------------------------------------------


class Op(StrEnum):
    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="
    IS = "=="
    IS_NOT = "!="
    MISSING = "missing"
    STUCK = "stuck"


class Severity(StrEnum):
    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"


SEVERITIES = tuple(Severity)  # gravest first


@dataclass(frozen=True, slots=True)
class Where:
    """Which devices and parts a rule speaks of; an empty field matches all."""

    device: str = ""
    kind: str = ""
    system: str = ""
    profile: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which reading is wrong, for how long, how grave."""

    id: str
    reading: str
    op: Op
    limit: Value = 0
    soak: timedelta = timedelta(0)
    clear: Value | None = None  # hysteresis: the value at which it is good again
    severity: Severity = Severity.MAJOR
    where: Where = Where()
    text: Mapping[str, str] = field(default_factory=dict)  # {"zh": …, "en": …}: a title of its own
    clause: str = ""  # of DB33/T 830-2011, or "ours"
    off: bool = False


class FaultState(StrEnum):
    SUSPECT = "suspect"  # bad, but not yet for long enough
    ACTIVE = "active"
    CLEARING = "clearing"  # no longer bad, not yet good (inside the hysteresis)


@dataclass(frozen=True, slots=True, order=True)
class FaultKey:
    device: str
    rule: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule broken on one device part. A clear fault is no object at all."""

    key: FaultKey
    state: FaultState
    since: datetime  # first bad observation of the unbroken run
    since_tick: float
    bad_tick: float  # latest bad observation: a gap of over 3 intervals starts the soak anew
    value: Value | None = None  # latest bad value
    facts: Mapping[str, Value] = field(default_factory=dict)  # what the words are made of
    wait_until: datetime | None = None  # the parents were asked: their word is awaited till then
    hidden_by: str = ""  # device id of the root whose being down hides this silence
    hidden_part: str = ""  # … and its port or outlet, where that is the root
    turned_tick: float = 0.0  # first bad observation with the cause that the facts now name
    muted_by: str = ""  # id of the window that covers it: no ticket, nobody is told


# --- tickets ---------------------------------------------------------------------------------


class TicketState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ON_SITE = "on_site"
    REPAIRED = "repaired"
    VERIFIED = "verified"
    CLOSED = "closed"
    CANCELLED = "cancelled"


ENDED = frozenset((TicketState.CLOSED, TicketState.CANCELLED))


class Verb(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    ARRIVE = "arrive"
    REPAIR = "repair"
    VERIFY = "verify"
    REJECT = "reject"
    TRANSFER = "transfer"
    CLOSE = "close"
    CANCEL = "cancel"
    NOTE = "note"
    REPORT = "report"  # a person reports a fault: opens a ticket


class Way(StrEnum):
    """维修类别 of DB33/T 830-2011, 5.3.2."""

    ON_SITE = "on_site"
    MAIL_IN = "mail_in"
    PHONE = "phone"
    REMOTE = "remote"


class Content(StrEnum):
    """设备维修分类 of DB33/T 830-2011, 5.4.3."""

    HARDWARE = "hardware"
    SOFTWARE = "software"


class Clock(StrEnum):
    """The three times of DB33/T 830-2011, 5.1.1."""

    RESPOND = "respond"
    ARRIVE = "arrive"
    REPAIR = "repair"


@dataclass(frozen=True, slots=True)
class Mark:
    """A state of a ticket was reached: when, and by whom."""

    at: datetime
    by: str


Words = Mapping[str, str]  # language → text, the site's own language first


@dataclass(frozen=True, slots=True)
class Plan:
    """An emergency plan (4.1 b): what to do, step by step. `ours`: no site wrote it."""

    id: str
    system: str  # empty: of every system
    title: Words
    steps: tuple[Words, ...]
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Checklist:
    """A plan as it was when it was begun on a ticket; `done`: number of a step, from 1 → mark."""

    title: Words
    steps: tuple[Words, ...]
    begun: Mark
    done: Mapping[str, Mark] = field(default_factory=dict)
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Spare:
    """What a repair put in or took along: a line of the table in 表 B.2."""

    name: str  # 设备名称
    model: str = ""  # 规格型号
    quantity: int = 1  # 数量; below zero: takes back what was noted before
    serial: str = ""
    condition: str = ""  # 设备状态


@dataclass(frozen=True, slots=True)
class Ticket:
    """People's work on a fault. Its SLA clocks are `due`; `marks` say which states it reached."""

    id: str  # ours, unique for ever; `number` is given inside the commit that opens it
    number: str
    version: int
    device: str
    device_name: str
    location: str
    system: str
    rule: str  # empty: reported by a person
    part: str
    severity: Severity
    state: TicketState
    opened_at: datetime
    detected_at: datetime
    due: Mapping[Clock, datetime]
    cleared_at: datetime | None = None
    reading: str = ""
    value: Value | None = None
    limit: Value | None = None
    facts: Mapping[str, Value] = field(default_factory=dict)
    summary: str = ""  # a person's own words; else the text is rendered from the facts
    marks: Mapping[TicketState, Mark] = field(default_factory=dict)
    way: Way = Way.ON_SITE
    content: Content | None = None
    spares: tuple[Spare, ...] = ()
    assignee: str = ""
    reported_by: str = ""
    previous: str = ""  # number of the last ended ticket of the same fault, given in the commit
    suppressed: tuple[str, ...] = ()  # devices whose silence this ticket explains
    removed: bool = False  # its device or rule is no longer in the site file
    told: frozenset[str] = frozenset()  # notices not to be sent again: of clocks, of causes
    settled: Mapping[Clock, bool] = field(default_factory=dict)  # clocks decided: kept or not
    turns: int = 0  # how often its cause changed
    turned_at: datetime | None = None  # … and when that was last written into the journal
    calls: Mapping[str, datetime] = field(default_factory=dict)  # "2 lead" → when they are called
    called: frozenset[str] = frozenset()  # user names told of it since it opened or relapsed
    checklists: Mapping[str, Checklist] = field(default_factory=dict)  # plan id → begun
    swings: tuple[datetime, ...] = ()  # when it opened, cleared, relapsed or was held, of late
    clears_at: datetime | None = None  # good, and cleared then if it stays so: it is unsteady
    holds: int = 0  # how often it was held so and did not stay good
    swung_at: datetime | None = None  # when the journal was last told of that

    @property
    def fault(self) -> FaultKey:
        return FaultKey(self.device, self.rule, self.part)

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class Action:
    """A verb that a person applies to a ticket (`subject` = its number) or a device (report)."""

    subject: str
    verb: Verb
    by: str
    at: datetime
    note: str = ""
    version: int | None = None
    way: Way | None = None
    to: str = ""
    content: Content | None = None
    severity: Severity = Severity.MINOR  # of a report
    part: str = ""  # of a report
    spare: Spare | None = None  # of a note or a repair


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an action was not carried out: `text` is for the person, English, complete."""

    code: str  # state | version | unknown | unverified | invalid
    text: str
    ticket: Ticket | None = None


# --- effects ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal, only ever added. `subject` is a ticket's id or a device's."""

    at: datetime
    subject: str
    what: str
    why: str
    by: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Tell a channel about a ticket. Rendered late, in the reader's language.

    `people`: user names of those it is meant for; empty: whoever reads the channel.
    """

    to: str  # id of a channel
    subject: str  # a ticket's id, or `duty/…`: a hand-over, or whoever comes on duty
    reason: str  # opened, due_soon, overdue, cleared, relapsed, deepened, closed, cancelled …
    at: datetime
    facts: Mapping[str, Value] = field(default_factory=dict)
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """File a record (表 B.1–B.4). Kinds and fields come with the issue on forms."""

    kind: str
    subject: str
    fields: Mapping[str, str]


Effect = Notice | Form


# --- policy ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Feed:
    """What a device hangs on: another device, or one port or outlet of it."""

    device: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class Battery:
    """A lead-acid string as its profile or the site file gives it.

    Expected float voltage per cell at T °C: `v25 + coefficient · (clamp(T, 5, 40) − 25)`.
    """

    cells: int
    v25: float = 2.25  # V per cell at 25 °C
    coefficient: float = -0.003  # V per cell and kelvin
    resolution: float = 0.0  # V, smallest step of the voltage reading
    settle: float = 6 * 3600.0  # s on mains and not discharging before it is judged


@dataclass(frozen=True, slots=True)
class Part:
    """What the site file says of one port, zone or channel."""

    id: str
    name: str = ""
    reading: str = ""  # what a freely wired input stands for: zone_alarm, zone_tamper …
    watch: bool = False
    invert: bool = False
    armed: tuple[int, int] | None = None  # minutes of the local day, end may lie past midnight
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """What the core must know of one probe."""

    label: str
    driver: str
    interval: float  # seconds
    timeout: float  # seconds
    profile: str = ""
    brings: frozenset[str] = frozenset()  # names that a good poll should bring


@dataclass(frozen=True, slots=True)
class Device:
    """A thing on the wall, as the site file and its profiles describe it."""

    id: str
    name: str
    system: str
    kind: str
    location: str = ""
    maker: str = ""
    model: str = ""
    serial: str = ""
    address: str = ""
    installed: str = ""
    accepted: str = ""
    warranty_until: str = ""
    service_life: int | None = None  # years, when the site file says so
    parents: tuple[Feed, ...] = ()
    parts: Mapping[str, Part] = field(default_factory=dict)
    watched: frozenset[str] = frozenset()  # parts whose being down is a fault
    probes: tuple[ProbePlan, ...] = ()
    profiles: frozenset[str] = frozenset()
    battery: Battery | None = None

    def probe(self, label: str) -> ProbePlan | None:
        return next((plan for plan in self.probes if plan.label == label), None)


@dataclass(frozen=True, slots=True)
class Sla:
    """The three times of DB33/T 830-2011, 5.1.1, or a contract's stricter ones."""

    respond: timedelta
    arrive: timedelta
    repair: timedelta


@dataclass(frozen=True, slots=True)
class Word:
    """A row of the vocabulary: one reading's name and what it is."""

    name: str
    metric: str  # Prometheus name, empty: not exported
    labels: Mapping[str, str]  # fixed labels beside `part`
    unit: str
    type: str  # gauge | counter | flag | text
    log: bool  # hourly min/avg/max are kept
    depth: int  # 1 no answer … 5 a reading that all before explain (docs/operating.md); 0: apart
    watched: bool  # judged only on parts that are watched
    feeds: bool  # 0 means: what hangs on this part is cut off
    derive: str
    help: Mapping[str, str]  # {"zh": …, "en": …}


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything `decide` judges by; built once from the site file and the standard."""

    site: str
    timezone: str
    sla: Sla
    devices: Mapping[str, Device]
    rules: tuple[Rule, ...]
    channels: tuple[str, ...]  # who is told
    words: Mapping[str, Word]
    children: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # parent → devices
    read_by_people: frozenset[str] = frozenset()  # of `channels`: the others are for programs
    duty: Duty | None = None  # who is on duty when; None: everybody is told everything
    plans: Mapping[str, Plan] = field(default_factory=dict)  # emergency plans by id
    windows: tuple[Window, ...] = ()  # planned work
    memo: dict[object, object] = field(default_factory=dict, compare=False, repr=False)
    """What was compiled from this policy: a cache, never part of what it says."""
