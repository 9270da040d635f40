"""The head of a simulated dome: it takes its time to move, as real ones do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Position = tuple[float, float, float]  # pan and tilt from -1 to 1, zoom from 0 to 1
LEAST: Position = (-1.0, -1.0, 0.0)
MOST: Position = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Preset:
    """Where the head can be sent by a token."""

    name: str
    at: Position


class Head:
    """Every axis moves at `speed`, in units of its range per second; at 0 the head is stuck, and
    says for ever that it is on its way. `now` gives seconds of any steady clock."""

    def __init__(self, at: Position, speed: float, now: Callable[[], float]) -> None:
        self._from = self._to = within(at)
        self._speed = speed
        self._begun_at = now()
        self._now = now

    @property
    def position(self) -> Position:
        pan, tilt, zoom = (
            _between(start, end, self._travelled())
            for start, end in zip(self._from, self._to, strict=True)
        )
        return pan, tilt, zoom

    @property
    def moving(self) -> bool:
        return self.position != self._to

    def go(self, to: Position) -> None:
        """From wherever it is."""
        self._from, self._to, self._begun_at = self.position, within(to), self._now()

    def stop(self) -> None:
        self.go(self.position)

    def turn(self, speed: float) -> None:
        """Another speed from now on."""
        target = self._to
        self.stop()
        self._speed = speed
        self.go(target)

    def _travelled(self) -> float:
        return self._speed * (self._now() - self._begun_at)


def within(at: Position) -> Position:
    """ValueError for what lies outside the ranges."""
    for value, least, most in zip(at, LEAST, MOST, strict=True):
        if not least <= value <= most:
            raise ValueError(f"expected a position from {LEAST} to {MOST}, got {at}")
    return at


def _between(start: float, end: float, way: float) -> float:
    """From `start` so far towards `end`, which it reaches exactly."""
    if abs(end - start) <= way:
        return end
    return start + (way if end > start else -way)
