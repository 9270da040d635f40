"""Builders for tests of the core: words, rules, devices, a policy, and a site judged in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from secmon.core.book import Pages, Training, Watch
from secmon.core.change import Change
from secmon.core.decide import Input, adopt, apply, decide, revive, wake
from secmon.core.handover import HandOver
from secmon.core.model import (
    EMPTY_LAYOUT,
    Action,
    Battery,
    Cause,
    Content,
    Device,
    Entry,
    Failure,
    Fault,
    FaultKey,
    Feed,
    Layout,
    Notice,
    Observation,
    Op,
    Part,
    Policy,
    ProbePlan,
    Reason,
    Refusal,
    Rule,
    Severity,
    Sla,
    Spare,
    Ticket,
    Value,
    Verb,
    Way,
    Where,
    Word,
)
from secmon.core.roster import Override
from secmon.core.windows import Silence
from secmon.core.world import World

T0 = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai, a Monday
MINUTE, HOUR = 60.0, 3600.0
STANDARD_SLA = Sla(timedelta(minutes=30), timedelta(hours=4), timedelta(hours=8))  # 5.1.1
TICKS = 1_000.0  # the monotonic clock shows this at T0: it is no wall clock


def at(seconds: float) -> datetime:
    """The moment so many seconds after the start of the story."""
    return T0 + timedelta(seconds=seconds)


def seconds(moment: datetime) -> float:
    return (moment - T0).total_seconds()


def word(
    name: str,
    *,
    depth: int = 0,
    watched: bool = False,
    feeds: bool = False,
    derive: str = "",
    type: str = "gauge",  # noqa: A002
) -> Word:
    return Word(name, name, {}, "", type, False, depth, watched, feeds, derive, {})


WORDS: Mapping[str, Word] = {
    one.name: one
    for one in (
        word("device_up", depth=1, type="flag"),
        word("identity_matches", depth=2, type="flag"),
        word("probe_success", depth=3, type="flag"),
        word("stream_reached", depth=4, type="flag"),
        word("stream_up", depth=4, type="flag"),
        word("stream_loss_ratio", depth=5),
        word("clock_offset_seconds", depth=5),
        word("temperature_celsius"),
        word("humidity_ratio"),
        word("battery_charge_ratio"),
        word("on_battery", type="flag"),
        word("zone_tamper", type="flag"),
        word("interface_up", watched=True, feeds=True, type="flag"),
        word("relay_closed", feeds=True, type="flag"),
    )
}

SILENCE = Rule("no-answer", "device_up", Op.IS, False, timedelta(minutes=1))
REFUSING = Rule(
    "probe-failing",
    "probe_success",
    Op.IS,
    False,
    timedelta(minutes=3),
    severity=Severity.MINOR,
)
OTHER = Rule("other-device", "identity_matches", Op.IS, False, timedelta(seconds=10))
STREAM_LOST = Rule("stream-failing", "stream_reached", Op.IS, False, timedelta(minutes=1))
NO_STREAM = Rule("no-stream", "stream_up", Op.IS, False, timedelta(minutes=1))
CLOCK = Rule(
    "clock-behind",
    "clock_offset_seconds",
    Op.BELOW,
    -60,
    timedelta(minutes=10),
    -30,
    Severity.MINOR,
)
PORT = Rule("port-down", "interface_up", Op.IS, False, timedelta(seconds=30))
WARM = Rule(  # clause 4.4.1.2: below 25 °C
    "room-too-warm",
    "temperature_celsius",
    Op.ABOVE,
    25,
    timedelta(minutes=2),
    24.5,
    Severity.MAJOR,
    Where(kind="machine-room"),
)


def rule(
    id: str,  # noqa: A002
    reading: str,
    op: Op,
    limit: Value = 0,
    *,
    soak: float = 0,
    clear: Value | None = None,
    severity: Severity = Severity.MAJOR,
    where: Where | None = None,
    off: bool = False,
) -> Rule:
    """`soak` in seconds."""
    length = timedelta(seconds=soak)
    return Rule(id, reading, op, limit, length, clear, severity, where or Where(), off=off)


def device(
    id: str,  # noqa: A002
    *parents: str | Feed,
    kind: str = "switch",
    probes: Sequence[ProbePlan] | None = None,
    parts: Iterable[Part] = (),
    watched: Iterable[str] = (),
    battery: Battery | None = None,
    every: float = 30,
    timeout: float = 5,
    brings: Iterable[str] = (),
    system: str = "network",
) -> Device:
    """A device with one probe, `tcp`, unless `probes` says otherwise."""
    plan = ProbePlan("tcp", "tcp", every, timeout, brings=frozenset(brings))
    return Device(
        id,
        f"the {id}",
        system,
        kind,
        parents=tuple(one if isinstance(one, Feed) else Feed(one) for one in parents),
        parts={part.id: part for part in parts},
        watched=frozenset(watched),
        probes=(plan,) if probes is None else tuple(probes),
        battery=battery,
    )


def policy(
    devices: Iterable[Device],
    rules: Iterable[Rule] = (SILENCE, WARM),
    *,
    sla: Sla = STANDARD_SLA,
    channels: tuple[str, ...] = ("mq",),
    words: Mapping[str, Word] = WORDS,
    timezone: str = "Asia/Shanghai",
) -> Policy:
    known = {one.id: one for one in devices}
    children: dict[str, list[str]] = {}
    for one in known.values():
        for feed in one.parents:
            children.setdefault(feed.device, []).append(one.id)
    below = {above: tuple(some) for above, some in children.items()}
    return Policy("lab", timezone, sla, known, tuple(rules), channels, words, below)


@cache
def layout(names: tuple[str, ...], parts: tuple[str, ...]) -> Layout:
    """One object per shape, as a driver keeps it."""
    return Layout(names, parts)


def good(
    device: str, when: float, probe: Any = "tcp", *, tick: Any = None, **brought: Any
) -> Observation:
    """A good poll at `when` seconds: `temperature_celsius=26` or `interface_up={"p1": False}`.

    `probe` is a text, `tick` a number; a reading is one value, or a value per part.
    """
    flat = [
        (name, part, value)
        for name, given in brought.items()
        for part, value in (given.items() if isinstance(given, Mapping) else (("", given),))
    ]
    shape = layout(tuple(n for n, _, _ in flat), tuple(p for _, p, _ in flat))
    ticked = TICKS + when if tick is None else tick
    return Observation(device, probe, at(when), ticked, shape, [value for _, _, value in flat])


def failed(
    device: str,
    when: float,
    probe: str = "tcp",
    *,
    reason: Reason = Reason.TIMEOUT,
    text: str = "",
    cause: str = "",
    tick: float | None = None,
) -> Observation:
    ticked = TICKS + when if tick is None else tick
    failure = Failure(reason, text or f"expected an answer (got {reason})", Cause(cause))
    return Observation(device, probe, at(when), ticked, EMPTY_LAYOUT, (), failure)


def action(
    subject: str,
    verb: Verb,
    when: float,
    *,
    by: str = "wang",
    note: str = "",
    version: int | None = None,
    way: Way | None = None,
    to: str = "",
    content: Content | None = None,
    spare: Spare | None = None,
) -> Action:
    return Action(subject, verb, by, at(when), note, version, way, to, content, spare=spare)


@dataclass
class Site:
    """A world with the store's part done in memory: numbers, `previous`, the whole journal."""

    policy: Policy
    world: World = field(default_factory=World)
    tickets: dict[str, Ticket] = field(default_factory=dict)  # every one, ended ones too
    stored: dict[FaultKey, Fault] = field(default_factory=dict)  # as the store has them
    journal: list[Entry] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    overrides: dict[str, Override] = field(default_factory=dict)  # of the duty book, every one
    hand_overs: dict[str, HandOver] = field(default_factory=dict)
    trainings: dict[str, Training] = field(default_factory=dict)
    watch: Watch | None = None
    silences: dict[str, Silence] = field(default_factory=dict)
    now: float = 0.0
    ticks: float = TICKS

    def take(self, *inputs: Input, now: float | None = None) -> Change:
        """Judges one batch, at the moment of its last input unless told otherwise."""
        if now is None:
            now = max([seconds(given.at) for given in inputs], default=self.now)
        return self.commit(decide(self.world, inputs, self.policy, at(now)), now)

    def commit(self, change: Change, now: float) -> Change:
        self.now = max(self.now, now)
        tickets: dict[str, Ticket] = {}
        for ticket_id, ticket in change.tickets.items():
            self.tickets[ticket_id] = tickets[ticket_id] = self._numbered(ticket)
        for key, fault in change.faults.items():
            self.stored.pop(key, None)
            if fault is not None:
                self.stored[key] = fault
        self.journal += change.entries
        if change.pages:
            self.overrides.update(change.pages.overrides)
            self.hand_overs.update(change.pages.hand_overs)
            self.trainings.update(change.pages.trainings)
            self.silences.update(change.pages.silences)
            self.watch = change.pages.watch or self.watch
        self.notices += [effect for effect in change.effects if isinstance(effect, Notice)]
        kept = replace(change, tickets=tickets)
        apply(self.world, kept, self.policy.words)
        return kept

    def _numbered(self, ticket: Ticket) -> Ticket:
        known = self.tickets.get(ticket.id)
        if known is not None:
            return replace(ticket, number=known.number, previous=known.previous)
        ended = [t.number for t in self.tickets.values() if t.ended and t.fault == ticket.fault]
        number = f"WX-2026-{len(self.tickets) + 1:04d}"
        return replace(ticket, number=number, previous=ended[-1] if ended and ticket.rule else "")

    def good(self, device: str, when: float, probe: Any = "tcp", **brought: Any) -> Change:
        return self.take(good(device, when, probe, tick=self.ticks + when, **brought))

    def fails(
        self,
        device: str,
        when: float,
        probe: str = "tcp",
        reason: Reason = Reason.TIMEOUT,
        cause: str = "",
    ) -> Change:
        seen = failed(device, when, probe, reason=reason, cause=cause, tick=self.ticks + when)
        return self.take(seen)

    def time(self, when: float) -> Change:
        """Time alone passes, with no timer in between."""
        return self.take(now=when)

    def sleep(self, until: float) -> None:
        """Time alone passes, and the timer rings whenever the world asks for it."""
        for _ in range(1000):
            moment = wake(self.world)
            if moment is None or moment > at(until):
                self.time(until)
                return
            self.time(seconds(moment))
        raise AssertionError(f"the timer rang 1000 times before {until} s: it never sleeps")

    def act(self, verb: Verb, when: float, number: str = "", **said: Any) -> Any:
        """The Ticket after the verb, or its Refusal; one ticket that is open needs no number."""
        subject = number or self.only().number
        change = self.take(action(subject, verb, when, **said))
        outcome = change.outcomes[0]
        return outcome if isinstance(outcome, Refusal) else change.tickets[outcome]

    def adopt(self, policy: Policy, when: float) -> Change:
        change = adopt(self.world, policy, at(when))
        self.policy = policy
        return self.commit(change, when)

    def restart(self, when: float, *, alive: float, policy: Policy | None = None) -> Change:
        """The daemon was last seen running at `alive` and starts again at `when`; ticks anew."""
        self.policy = policy or self.policy
        self.ticks = 7.0 - when  # a new boot: the monotonic clock shows 7 s now
        open_ones = [ticket for ticket in self.tickets.values() if not ticket.ended]
        self.world, change = revive(
            list(self.stored.values()),
            open_ones,
            {device: dict(facts) for device, facts in self.world.facts.items()},
            self.policy,
            now=at(when),
            tick=self.ticks + when,
            alive_at=at(alive),
            pages=self._pages(),
        )
        return self.commit(change, when)

    def _pages(self) -> Pages:
        """The duty book as the store has it."""
        return Pages(
            {key: one for key, one in self.overrides.items() if one.removed_at is None},
            {key: one for key, one in self.hand_overs.items() if not one.seal},
            {key: one for key, one in self.trainings.items() if not one.removed},
            self.watch,
            dict(self.silences),
        )

    def open(self) -> list[Ticket]:
        return list(self.world.tickets.values())

    def only(self) -> Ticket:
        """The one ticket that is open."""
        (ticket,) = self.world.tickets.values()
        return ticket

    def fault(self, device: str, rule: str, part: str = "") -> Any:
        """The Fault, or None where it is clear."""
        return self.world.faults.get(FaultKey(device, rule, part))

    def told(self, *reasons: str) -> list[tuple[float, str]]:
        """(second, reason) of every notice, or of those with these reasons."""
        return [
            (seconds(notice.at), notice.reason)
            for notice in self.notices
            if not reasons or notice.reason in reasons
        ]

    def rings(self) -> list[tuple[float, str, str]]:
        """(second, clock, reason) of the notices about clocks."""
        return [
            (seconds(notice.at), str(notice.facts["clock"]), notice.reason)
            for notice in self.notices
            if notice.reason in ("due_soon", "overdue")
        ]


def warm_room(**options: Any) -> Site:
    """A machine room whose sensor is asked every 30 s."""
    room = device("room", kind="machine-room", **options)
    return Site(policy([room]))


def opened(site: Site | None = None, start: float = 0.0) -> Site:
    """The room is at 26 °C from `start` on: its ticket opens two minutes later."""
    site = site or warm_room()
    for step in range(5):
        site.good("room", start + 30 * step, temperature_celsius=26.0)
    return site


def silent(site: Site, name: str, start: float, end: float, every: float = 30) -> None:
    """`name` answers nothing from `start` to `end`."""
    when = start
    while when <= end:
        site.fails(name, when)
        when += every
