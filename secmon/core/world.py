"""What is true now: open faults and tickets, the latest polls, and when time alone matters.

`apply` alone mutates the World. Closed tickets and the journal stay in the store. What can be
derived (who is in trouble, who is hidden, which ticket a group has) is kept as an index beside it.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from secmon.core import sla
from secmon.core.book import Book
from secmon.core.change import Change, ProbeKey, ProbeState
from secmon.core.model import Fault, FaultKey, Ticket, Word
from secmon.core.windows import WINDOWS

Group = tuple[str, str, str]  # device, reading, part: faults that share one ticket

PASSED = 10_000  # faults of which it is known when the journal last said that they passed

LADDER = "*"  # the group of all readings that say how deep a device is lost


def group_of(words: Mapping[str, Word], device: str, reading: str, part: str) -> Group:
    """Faults of one group share a ticket: the ladder from no answer upwards is one group."""
    word = words.get(reading)
    if word is not None and word.depth:
        return device, LADDER, ""
    return device, reading, part


@dataclass(slots=True)
class World:
    """The present. Its two heaps may hold stale entries, but none of a time that has passed."""

    probes: dict[ProbeKey, ProbeState] = field(default_factory=dict)
    faults: dict[FaultKey, Fault] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    facts: dict[str, dict[str, str]] = field(default_factory=dict)
    troubled: dict[str, set[FaultKey]] = field(default_factory=dict)  # device → not clear
    hidden: dict[str, set[FaultKey]] = field(default_factory=dict)  # root device → behind it
    numbers: dict[str, str] = field(default_factory=dict)  # ticket number → id
    groups: dict[Group, str] = field(default_factory=dict)  # → id of the open ticket
    book: Book = field(default_factory=Book)
    edge: datetime | None = None  # when a window begins or ends next
    passed: dict[FaultKey, datetime] = field(default_factory=dict)  # as in Change
    due: list[tuple[datetime, str]] = field(default_factory=list)
    """Heap: when, and the id of the ticket, hand-over or silence, or WATCH, or WINDOWS."""
    waits: list[tuple[datetime, FaultKey]] = field(default_factory=list)
    """Heap: till when a silence awaits its parents' word."""


def apply(world: World, change: Change, words: Mapping[str, Word]) -> World:
    """Makes the change true, in place. Every index follows."""
    world.probes.update(change.probes)
    for key, fault in change.touched.items():
        _put_fault(world, key, fault)
    for key, kept in change.faults.items():
        _put_fault(world, key, kept)
    for ticket in change.tickets.values():
        _put_ticket(world, ticket, words)
    for device, facts in change.facts.items():
        world.facts.setdefault(device, {}).update(facts)
    if change.pages:
        for moment in world.book.take(change.pages, change.at):
            heapq.heappush(world.due, moment)
    if change.edge is not None and change.edge != world.edge:
        world.edge = change.edge
        heapq.heappush(world.due, (change.edge, WINDOWS))
    for key, at in change.passed.items():
        world.passed.pop(key, None)
        world.passed[key] = at
    while len(world.passed) > PASSED:
        del world.passed[next(iter(world.passed))]
    while world.due and world.due[0][0] <= change.at:
        heapq.heappop(world.due)
    while world.waits and world.waits[0][0] <= change.at:
        heapq.heappop(world.waits)
    return world


def wake(world: World) -> datetime | None:
    """The next moment at which time alone matters."""
    moments = [heap[0][0] for heap in (world.due, world.waits) if heap]
    return min(moments, default=None)


def _put_fault(world: World, key: FaultKey, fault: Fault | None) -> None:
    old = world.faults.get(key)
    if old is not None and old.hidden_by and (fault is None or fault.hidden_by != old.hidden_by):
        _discard(world.hidden, old.hidden_by, key)
    if fault is None:
        world.faults.pop(key, None)
        _discard(world.troubled, key.device, key)
        return
    world.faults[key] = fault
    world.troubled.setdefault(key.device, set()).add(key)
    if fault.hidden_by:
        world.hidden.setdefault(fault.hidden_by, set()).add(key)
    if fault.wait_until is not None and (old is None or old.wait_until != fault.wait_until):
        heapq.heappush(world.waits, (fault.wait_until, key))


def _discard(index: dict[str, set[FaultKey]], at: str, key: FaultKey) -> None:
    keys = index.get(at)
    if keys is not None:
        keys.discard(key)
        if not keys:
            del index[at]


def _put_ticket(world: World, ticket: Ticket, words: Mapping[str, Word]) -> None:
    if ticket.rule:
        group = group_of(words, ticket.device, ticket.reading, ticket.part)
        if not ticket.ended:
            world.groups[group] = ticket.id
        elif world.groups.get(group) == ticket.id:
            del world.groups[group]
    if ticket.ended:
        world.tickets.pop(ticket.id, None)
        world.numbers.pop(ticket.number, None)
        return
    world.tickets[ticket.id] = ticket
    world.numbers[ticket.number] = ticket.id
    for when, _, _ in sla.moments(ticket):
        heapq.heappush(world.due, (when, ticket.id))
    if ticket.clears_at is not None:
        heapq.heappush(world.due, (ticket.clears_at, ticket.id))
    for when in ticket.calls.values():
        heapq.heappush(world.due, (when, ticket.id))
