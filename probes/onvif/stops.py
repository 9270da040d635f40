"""What a walk is made of: stops, a pace, a head, a book that outlives it, and what it found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from probes.onvif.ledger import Away
from probes.wire.onvif_ptz import Node, Status
from probes.wire.ptz import Position

DONE = "done"
UNFINISHED = "the rest at the next poll"
MOVING = "still moving"
IN_USE = "in use"
DOUBTED = "the head stands elsewhere: looked at again before it is fetched back"


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds."""

    apart: float = 1.0  # between the two looks before the head is moved
    look: float = 0.5  # between two looks at a moving head
    still: float = 1.0  # so long at the place that was asked for: it has arrived
    stuck: float = 3.0  # so long anywhere else: it has stopped there, or never started
    leg: float = 20.0  # a move may last
    margin: float = 4.0  # for what is asked meanwhile

    @property
    def back(self) -> float:
        """What must be left of a poll's time before a head is told to go back."""
        return self.leg + self.margin

    @property
    def walk(self) -> float:
        """What must be left before a head is sent away."""
        return self.apart + self.leg + self.back


class InUse(Exception):
    """Somebody else moves the head."""


class Blind(Exception):
    """The camera does not say where its head stands, or not by a scale that is known."""


class Head(Protocol):
    """Raises ProbeError; Refused where the device says no."""

    async def node(self) -> Node: ...
    async def look(self) -> Status: ...
    async def recall(self, preset: str) -> None: ...
    async def move(self, to: Position) -> None: ...
    async def promises(self) -> bool:
        """Does the device say of itself that it knows where its head stands?"""
        ...

    async def wish(self, home: Position, way: str) -> None:
        """Sends the head home over a connection of its own, without waiting for it."""
        ...


@dataclass(frozen=True, slots=True)
class Stop:
    """One preset to be looked at. `told`, `known`: where it stands as the camera says, and as an
    earlier walk found it."""

    name: str
    token: str
    told: Position | None = None
    known: Position | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a stop was like. `reached` and `ratio`: None where nothing can be said of them.
    `learned`: the place to be remembered as the preset's, which the camera does not tell."""

    stop: Stop
    said: str
    reached: bool | None = None
    ratio: float | None = None
    learned: Position | None = None


class Book(Protocol):
    """Where it is written down how to end a walk that is cut off."""

    async def leave(self, stop: Stop, away: Away) -> bool:
        """The head is about to be sent to a stop. False: this would not be there after a crash."""
        ...

    async def note(self, away: Away | None) -> None:
        """Where the head is now; None: where it belongs."""
        ...


Watch = Callable[[Stop], Awaitable[None]]
"""Called at each stop where the head has arrived, before it goes on: a proof by picture's place."""


@dataclass(slots=True)
class Outcome:
    """What came of a walk, as far as it got. `returned`: None where nothing can be said."""

    found: list[Found] = field(default_factory=list)
    said: str = DONE
    returned: bool | None = None
    confirmed: tuple[str, float | None] | None = None  # preset of an earlier walk, and how far off
    under_way: Stop | None = None  # cut off on the way there
    denied: bool = False  # this log-in may not do that
    zero: bool = False  # the camera says zero wherever the head is sent
    told: bool = False  # the camera said another position than zero
