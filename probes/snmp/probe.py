"""The SNMP probe: one poll of one device, with what was learned of it at earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from probes.snmp import interfaces
from probes.snmp.engine import Engine
from probes.snmp.link import Link, Sizes
from probes.snmp.plan import CLOCK, Answers, Plan, walked
from probes.snmp.profile import Profile
from probes.snmp.secure import Replaced, Session
from probes.snmp.uptime import TICKS_PER_S, Uptime, is_ticks, unbroken
from probes.snmp.user import Vault
from probes.snmp.walk import Walk
from probes.wire import snmp
from probes.wire.snmp_values import Raw
from secmon.api import Batch, Garbled

SLOW_EVERY = 10  # polls
REDISCOVER_S = 3600  # by the device's clock, else by counting polls
STEPS_MAX = 16  # of a walk that looks again, in one poll: enough for 30 ports
FALSE_ALARMS_MAX = 3
DEVICES_MAX = 20_000  # of which something is remembered


class Known:
    """What was learned of a device: it outlives the connection, which a failed poll ends."""

    __slots__ = (
        "age_s",
        "failed",
        "false_alarms",
        "plan",
        "polls",
        "session",
        "sizes",
        "slow_age",
        "suspect",
        "uptime",
        "used",
        "walk",
    )

    def __init__(self, version: int) -> None:
        self.sizes = Sizes(version)
        self.session = Session()  # of v3
        self.used = False  # by a probe that is open
        self.failed = 0  # polls since the last good one
        self.forget()

    def forget(self) -> None:
        """Another device is there now: of the old one nothing holds, but that little was borne."""
        self.uptime = Uptime()
        self.plan: Plan | None = None
        self.walk: Walk | None = None  # a discovery under way
        self.polls = 0  # good ones since the discovery
        self.age_s = 0.0  # of the discovery
        self.slow_age = 0  # polls since the slow values were read, that one included
        self.false_alarms = 0  # the device said that ports changed, and they had not
        self.suspect = False  # values vanished: look which ports there are


@dataclass(frozen=True, slots=True)
class Shared:
    """What the daemon holds once: the sockets, what was learned of each device, users' keys."""

    engine: Engine
    known: dict[object, Known] = field(default_factory=dict)
    vault: Vault = field(default_factory=Vault)

    @contextmanager
    def using(self, key: object, version: int) -> Iterator[Known]:
        """What is known under this key, kept for later. Two probes never share it at a time: the
        second one starts from nothing."""
        known = self.known.get(key)
        if known is None:
            if len(self.known) >= DEVICES_MAX:
                del self.known[next(iter(self.known))]  # the oldest
            known = self.known[key] = Known(version)
        if known.used:
            yield Known(version)
            return
        known.used = True
        try:
            yield known
        finally:
            known.used = False


class Snmp:
    """Safe to cancel at any await: what is learned is kept, what was half read is dropped."""

    def __init__(
        self,
        link: Link,
        profile: Profile,
        known: Known,
        *,
        interval_s: float,
        timeout_s: float,
        facts: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """`facts`: what is known of the device besides what it is asked for."""
        self._link = link
        self._profile = profile
        self._known = known
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._facts = facts
        ports = interfaces.columns(wide=link.version != snmp.V1) if profile.interfaces else ()
        self._tables = (*ports, *(column for table in profile.tables for column in walked(table)))

    async def read(self) -> Batch:
        try:
            return await self._read()
        except Replaced:
            self._known.forget()
            return await self._read()

    async def _read(self) -> Batch:
        known = self._known
        if known.failed or known.plan is None:
            await self._link.get((CLOCK,))  # a cheap question first: is it there at all?
            known.sizes.answered()
        known.failed += 1
        batch = await self._poll()
        known.failed = 0
        return batch

    async def _poll(self) -> Batch:
        plan = await self._standing()
        fast, slow = await self._ask(plan)
        if self._news(plan, fast, slow):
            before, plan = plan, await self._discover()
            self._heed(before, plan, fast)
            fast, slow = await self._ask(plan)
            if not self._whole(plan, fast, slow):
                raise Garbled(
                    "SNMP: expected one uptime per poll (got sysUpTime going back, twice)"
                )
        return self._settle(plan, fast, slow)

    async def _standing(self) -> Plan:
        """The plan to poll by. From time to time it is looked, a few steps a poll, whether the
        device still is what it was."""
        known = self._known
        if known.plan is None:
            return await self._discover()
        looks = known.age_s >= REDISCOVER_S or (known.suspect and known.polls >= SLOW_EVERY)
        if (looks or known.walk is not None) and await self._walk(urgent=False):
            return self._planned()
        if known.plan.version != known.sizes.version:
            known.plan = Plan(self._profile, known.plan.rows, self._link, known.plan)
        return known.plan

    async def _discover(self) -> Plan:
        await self._walk(urgent=True)
        return self._planned()

    async def _walk(self, urgent: bool) -> bool:
        """Walks on from where a poll was cut off; a walk that is not urgent ends after some steps.
        True: all rows are known."""
        known = self._known
        if known.walk is None or (urgent and not known.walk.urgent):
            known.sizes.forget()
            known.walk = Walk(self._tables, urgent)
        return await known.walk.run(self._link, None if urgent else STEPS_MAX)

    def _planned(self) -> Plan:
        known = self._known
        rows = {} if known.walk is None else known.walk.rows
        known.walk, known.suspect, known.age_s, known.polls = None, False, 0.0, 0
        known.plan = Plan(self._profile, rows, self._link, known.plan)
        return known.plan

    async def _ask(self, plan: Plan) -> tuple[Answers, Answers | None]:
        fast = await self._link.fetch(plan.fast)
        if plan.fresh or self._known.slow_age >= SLOW_EVERY or plan.flipped(fast[0]):
            return fast, await self._link.fetch(plan.slow)
        return fast, None

    def _news(self, plan: Plan, fast: Answers, slow: Answers | None) -> bool:
        """Did the device start anew, or its ports change? Signs that moved for nothing are no
        longer heeded."""
        heeded = self._known.false_alarms < FALSE_ALARMS_MAX
        return (
            (heeded and plan.moved(fast[0]))
            or self._known.uptime.went_back(fast[0][0], self._gap_s)
            or not self._whole(plan, fast, slow)
            or (slow is not None and plan.renamed(slow[0]))
        )

    def _heed(self, before: Plan, plan: Plan, fast: Answers) -> None:
        """Counts how often in a row the device's signs moved though its ports are the same."""
        known = self._known
        restarted = known.uptime.went_back(fast[0][0], self._gap_s)
        alarmed = before.moved(fast[0]) and not restarted and before.ports == plan.ports
        known.false_alarms = known.false_alarms + 1 if alarmed else 0

    def _whole(self, plan: Plan, fast: Answers, slow: Answers | None) -> bool:
        """Were all answers given between two restarts of the device?"""
        clocks = [fast[0][0], *fast[0][len(plan.fast.names) :]]
        if slow is not None:
            clocks += [slow[0][0], *slow[0][len(plan.slow.names) :]]
        return unbroken([clock for clock in clocks if is_ticks(clock)], 2 * self._timeout_s + 60)

    @property
    def _gap_s(self) -> float:
        """About how long ago the last good poll was."""
        return self._interval_s * max(self._known.failed, 1)

    def _clock(self, raw: Raw) -> tuple[int | None, float | None]:
        """What `Column.take` is told of the time that passed, and the uptime in seconds."""
        known = self._known
        if not is_ticks(raw):
            return None, None
        passed: int | None = known.uptime.advance(raw, self._gap_s)
        # A young device that was away may have started anew and be older than it was before.
        away_s = self._interval_s * (known.failed - 1)
        if passed is not None and 0 <= passed < away_s / 2 * TICKS_PER_S:
            passed = None
        return passed, known.uptime.seconds

    def _settle(self, plan: Plan, fast: Answers, slow: Answers | None) -> Batch:
        """Learns the answers of a whole poll, in one go."""
        known = self._known
        answers, plain = fast
        passed, uptime_s = self._clock(answers[0])
        known.slow_age += 1
        if slow is not None:
            plan.take_slow(*slow)
            known.slow_age = 1
        plan.take_fast(answers, plain, passed)
        for name in plan.absent(answers):
            known.sizes.deny(name)
        known.suspect |= plan.lost(answers, plain)
        known.age_s += self._interval_s if passed is None else max(passed, 0) / TICKS_PER_S
        known.polls += 1
        return plan.batch(uptime_s, self._facts())
