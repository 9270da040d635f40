"""What `decide` returns and `apply` takes: everything that one batch of inputs changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from secmon.core.book import Pages
from secmon.core.model import (
    Effect,
    Entry,
    Failure,
    Fault,
    FaultKey,
    Layout,
    Refusal,
    Ticket,
    Value,
)

ProbeKey = tuple[str, str]  # device, probe label


@dataclass(frozen=True, slots=True)
class ProbeState:
    """The latest poll of one probe, as far as later decisions need it. Lives in memory only."""

    at: datetime
    tick: float
    reached: bool | None
    failure: Failure | None
    layout: Layout  # of the latest good poll
    values: Sequence[Value]
    good_at: datetime | None  # when the latest good poll was
    plan: object = None  # what was compiled for this layout
    watched: tuple[Value, ...] = ()  # the values that rules look at
    moved: Mapping[int, tuple[float, datetime]] = field(default_factory=dict)
    """Position in `watched` → when its value last changed; only where a rule asks for stuck."""
    repeated: Collection[tuple[str, str]] = ()  # readings and parts that this poll did not take


def answers(polls: Iterable[ProbeState | None]) -> bool | None:
    """Did a device answer any of its probes last time? One entry per probe, None: never polled.
    None comes back where nothing is known: not all were asked yet, or only our own bug."""
    said = list(polls)
    known = [state.reached for state in said if state is not None]
    if True in known:
        return True
    if len(known) < len(said) or all(reached is None for reached in known):
        return None
    return False


@dataclass(frozen=True, slots=True)
class Change:
    """One batch, judged. What is under «kept» is committed before any of it is applied."""

    at: datetime
    # kept
    faults: Mapping[FaultKey, Fault | None] = field(default_factory=dict)  # None: clear
    tickets: Mapping[str, Ticket] = field(default_factory=dict)  # by id: new and changed ones
    entries: tuple[Entry, ...] = ()
    effects: tuple[Effect, ...] = ()
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # device → changed facts
    evidence: Mapping[str, bytes] = field(default_factory=dict)  # ticket id → JPEG
    pages: Pages | None = None  # of the duty book
    # in memory only
    probes: Mapping[ProbeKey, ProbeState] = field(default_factory=dict)
    touched: Mapping[FaultKey, Fault] = field(default_factory=dict)  # same state, newer value
    asks: frozenset[str] = frozenset()  # devices to poll at once
    edge: datetime | None = None  # when the windows are to be looked at next, where that changed
    passed: Mapping[FaultKey, datetime] = field(default_factory=dict)
    """Faults that came and went inside a window → when the journal was told."""
    outcomes: Mapping[int, str | Refusal] = field(default_factory=dict)
    """Place of an action or wish in the inputs → id of what it changed, or why it did not."""
    dropped: Mapping[int, str] = field(default_factory=dict)
    """Place of an input that broke the judge → what happened (our own bug)."""

    @property
    def durable(self) -> bool:
        """Does any of it have to outlive the process?"""
        return bool(
            self.faults
            or self.tickets
            or self.entries
            or self.effects
            or self.facts
            or self.evidence
            or self.pages
        )
