"""A batch being judged: what it changes so far, laid over a World that it does not touch."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Generic, TypeVar

from secmon.core import escalation, sla
from secmon.core.book import Writing
from secmon.core.change import Change, ProbeKey, ProbeState, answers
from secmon.core.model import (
    Device,
    Effect,
    Entry,
    Fault,
    FaultKey,
    FaultState,
    Notice,
    Policy,
    Refusal,
    Ticket,
    Value,
)
from secmon.core.roster import Cover
from secmon.core.windows import WINDOWS, Shade, Silence, present
from secmon.core.world import Group, World, group_of

OURSELVES = "secmon"  # who did it, where no person did


class Draft:
    """Reads see this batch first, then the World. `finish` makes the Change."""

    def __init__(
        self, world: World, policy: Policy, now: datetime, moment: datetime | None = None
    ) -> None:
        """`now` moves through the batch; `moment` is when the batch is judged and committed."""
        self.world = world
        self.policy = policy
        self.now = now
        self.moment = moment or now
        self.probes: dict[ProbeKey, ProbeState] = {}
        self.faults: dict[FaultKey, Fault | None] = {}
        self.touched: dict[FaultKey, Fault] = {}
        self.news: dict[str, set[FaultKey]] = {}  # device → its keys in `faults`
        self.newly_hidden: dict[str, set[FaultKey]] = {}  # root device → behind it
        self.due = _Moments(world.due)
        self.waits = _Moments(world.waits)
        self.tickets: dict[str, Ticket] = {}
        self.groups: dict[Group, str] = {}
        self.entries: list[Entry] = []
        self.effects: list[Effect] = []
        self.facts: dict[str, dict[str, str]] = {}
        self.evidence: dict[str, bytes] = {}
        self._book: Writing | None = None  # most batches are not about people
        self.edge = world.edge
        self.passed: dict[FaultKey, datetime] = {}
        self.asks: set[str] = set()
        self.outcomes: dict[int, str | Refusal] = {}
        self.dropped: dict[int, str] = {}

    # --- reading ---

    def probe(self, key: ProbeKey) -> ProbeState | None:
        return self.probes.get(key) or self.world.probes.get(key)

    def fault(self, key: FaultKey) -> Fault | None:
        if key in self.faults or key in self.touched:
            return self.touched.get(key) or self.faults.get(key)
        return self.world.faults.get(key)

    def troubles(self, device: str) -> list[Fault]:
        """Every fault of this device that is not clear, in a stable order."""
        if not self.faults and not self.touched:
            keys = self.world.troubled.get(device, ())
        else:
            keys = {
                *self.world.troubled.get(device, ()),
                *self.news.get(device, ()),
            }
        found = [self.fault(key) for key in sorted(keys)]
        return [fault for fault in found if fault is not None]

    def hidden_behind(self, device: str) -> list[Fault]:
        """Every silence that this device, or a part of it, explains."""
        keys = {*self.world.hidden.get(device, ()), *self.newly_hidden.get(device, ())}
        found = [self.fault(key) for key in sorted(keys)]
        return [fault for fault in found if fault is not None and fault.hidden_by == device]

    def tired(self) -> list[Fault]:
        """Silences that awaited their parents' word till now, each once."""
        found = [self.fault(key) for key in sorted(self.waits.take(self.now))]
        return [fault for fault in found if fault is not None and waits(fault)]

    def ticket(self, ticket_id: str) -> Ticket | None:
        found = self.tickets.get(ticket_id) or self.world.tickets.get(ticket_id)
        return None if found is None or found.ended else found

    def ticket_of(self, group: Group) -> Ticket | None:
        """The open ticket that the faults of this group share."""
        ticket_id = self.groups.get(group) or self.world.groups.get(group)
        return self.ticket(ticket_id) if ticket_id else None

    def group(self, fault: Fault, reading: str) -> Group:
        return group_of(self.policy.words, fault.key.device, reading, fault.key.part)

    def fact(self, device: str, name: str) -> str:
        """What is known of a device under this name; empty where nothing is."""
        news = self.facts.get(device, {}).get(name)
        return self.world.facts.get(device, {}).get(name, "") if news is None else news

    def up(self, device: Device) -> bool | None:
        """Did it answer any of its probes last time? None: not all were asked yet, or our bug."""
        return answers([self.probe((device.id, plan.label)) for plan in device.probes])

    @property
    def book(self) -> Writing:
        """The duty book, and what this batch writes into it."""
        if self._book is None:
            self._book = Writing(self.world.book)
        return self._book

    def cover(self) -> Cover | None:
        """Who is on duty when; None: the site file has no roster."""
        return self.book.cover(self.policy.duty)

    def silences(self) -> Mapping[str, Silence]:
        """What people silenced, what is over not long since too."""
        return self.world.book.silences if self._book is None else self._book.silences()

    def shade(self) -> Shade:
        """What the windows cover now."""
        return present(self.policy, self.silences(), self.now)

    def covered(self, ticket: Ticket) -> datetime | None:
        """Till when the ticket's fault is covered by a window; None: it is not."""
        device = self.policy.devices.get(ticket.device)
        found = self.shade().fault(device, ticket.rule, ticket.part) if device else None
        return found[1] if found else None

    def muted(self) -> list[Fault]:
        """Every fault that a window covers, in a stable order."""
        keys = {key for key, fault in self.world.faults.items() if fault.muted_by}
        keys |= {key for key, fault in self.faults.items() if fault and fault.muted_by}
        found = [self.fault(key) for key in sorted(keys)]
        return [fault for fault in found if fault is not None and fault.muted_by]

    # --- writing ---

    def put(self, key: FaultKey, old: Fault | None, new: Fault | None) -> None:
        """The fault after this. Only what must outlive the process is marked as such."""
        if new is old:
            return
        if new is not None and old is not None and _same(old, new) and key not in self.faults:
            self.touched[key] = new
            return
        self.touched.pop(key, None)
        self.faults[key] = new
        self.news.setdefault(key.device, set()).add(key)
        if new is not None and new.hidden_by:
            self.newly_hidden.setdefault(new.hidden_by, set()).add(key)
        if new is not None and new.wait_until is not None:
            self.waits.add(new.wait_until, key)

    def look_at_windows(self, edge: datetime | None) -> None:
        """One begins or ends then."""
        self.edge = edge
        if edge is not None:
            self.due.add(edge, WINDOWS)

    def save(self, ticket: Ticket, group: Group | None = None) -> None:
        self.tickets[ticket.id] = ticket
        for when, _, _ in sla.moments(ticket):
            self.due.add(when, ticket.id)
        if ticket.clears_at is not None:
            self.due.add(ticket.clears_at, ticket.id)
        for when in ticket.calls.values():
            self.due.add(when, ticket.id)
        if group is not None:
            self.groups[group] = ticket.id

    def learn(self, device: str, facts: Mapping[str, str]) -> dict[str, str]:
        """Keeps facts of a device; gives those that it had not, or others."""
        known = {**self.world.facts.get(device, {}), **self.facts.get(device, {})}
        news = {name: text for name, text in facts.items() if known.get(name) != text}
        if news:
            self.facts.setdefault(device, {}).update(news)
        return news

    def write(self, subject: str, what: str, why: str = "", by: str = OURSELVES) -> None:
        self.entries.append(Entry(self.now, subject, what, why, by))

    def tell(self, ticket: Ticket, reason: str, **facts: Value) -> None:
        """All channels; on those that people read it is meant for whoever is on duty."""
        self.tell_them(
            ticket.id,
            reason,
            escalation.meant_for(reason, ticket, self.cover(), self.now),
            **facts,
        )

    def tell_them(self, subject: str, reason: str, people: tuple[str, ...], **facts: Value) -> None:
        """As `tell`, of anything, and for these people."""
        by_people = self.policy.read_by_people
        for channel in self.policy.channels:
            meant = people if channel in by_people else ()
            self.effects.append(Notice(channel, subject, reason, self.now, facts, meant))

    def finish(self) -> Change:
        return Change(
            at=self.now,
            faults=self.faults,
            tickets=self.tickets,
            entries=tuple(self.entries),
            effects=tuple(self.effects),
            facts=self.facts,
            evidence=self.evidence,
            pages=self._book.pages() if self._book is not None else None,
            probes=self.probes,
            touched=self.touched,
            asks=frozenset(self.asks),
            edge=self.edge if self.edge != self.world.edge else None,
            passed=self.passed,
            outcomes=self.outcomes,
            dropped=self.dropped,
        )


def _same(old: Fault, new: Fault) -> bool:
    """Do they differ only in what may be lost with the process?"""
    return (
        old.state is new.state
        and old.since == new.since
        and old.hidden_by == new.hidden_by
        and old.hidden_part == new.hidden_part
        and old.muted_by == new.muted_by
    )


def waits(fault: Fault) -> bool:
    """Does this silence await its parents' word?"""
    return fault.wait_until is not None and fault.state is FaultState.SUSPECT


K = TypeVar("K", bound=str | FaultKey)


class _Moments(Generic[K]):
    """A heap of the World and what this batch adds to it, taken once each as time passes."""

    def __init__(self, known: list[tuple[datetime, K]]) -> None:
        self._known = known
        self._new: list[tuple[datetime, K]] = []
        self._passed: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self._known or self._new)

    def add(self, when: datetime, what: K) -> None:
        heapq.heappush(self._new, (when, what))

    def take(self, until: datetime) -> set[K]:
        """What fell due by then and was not taken before."""
        found: set[K] = set()
        if _later(self._known, until) and _later(self._new, until):
            return found
        if self._passed is None or self._passed < until:
            found = {what for when, what in _by(self._known, until) if self._fresh(when)}
            self._passed = until
        while self._new and self._new[0][0] <= until:
            found.add(heapq.heappop(self._new)[1])
        return found

    def _fresh(self, when: datetime) -> bool:
        return self._passed is None or self._passed < when


def _later(heap: list[tuple[datetime, K]], until: datetime) -> bool:
    """Does nothing of it fall due by then?"""
    return not heap or heap[0][0] > until


def _by(heap: list[tuple[datetime, K]], until: datetime) -> Iterator[tuple[datetime, K]]:
    """The entries due by then, without taking them out: a child is never before its parent."""
    places = [0]
    while places:
        place = places.pop()
        if place < len(heap) and heap[place][0] <= until:
            yield heap[place]
            places += (2 * place + 1, 2 * place + 2)
