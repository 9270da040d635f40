"""Where a head that pans, tilts and zooms stands, and how far two such places are apart.

Cameras tell degrees, −1..1, or a scale of their own: places are compared as shares of the range
that the camera names for the space in which it told them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

FULL_TURNS = (2.0, 360.0)  # spans of pan that are taken for a circle: its ends are one place
_ALIKE = 0.01  # 359.9 degrees are a circle too
BEYOND = 0.02  # of its span a value may lie outside of its range


@dataclass(frozen=True, slots=True)
class Range:
    low: float
    high: float

    @property
    def span(self) -> float:
        return self.high - self.low

    def holds(self, value: float | None) -> bool:
        """A little beyond its ends too; what is not there fits everywhere."""
        slack = BEYOND * self.span
        return value is None or self.low - slack <= value <= self.high + slack


GENERIC = Range(-1.0, 1.0), Range(-1.0, 1.0)  # PTZ 5.7.1: the generic position spaces
GENERIC_ZOOM = Range(0.0, 1.0)
DEGREES = Range(-360.0, 360.0), Range(-180.0, 180.0)  # any way of counting them
CIRCLE = 360.0
PAN = 0  # place of its axis


@dataclass(frozen=True, slots=True)
class Position:
    """As the camera told it. None: it has no such axis, or says nothing of it. A space is a URI, or
    empty where the camera named none."""

    pan: float | None = None
    tilt: float | None = None
    zoom: float | None = None
    space: str = ""
    zoom_space: str = ""

    @property
    def axes(self) -> tuple[float | None, float | None, float | None]:
        return self.pan, self.tilt, self.zoom

    @property
    def zero(self) -> bool:
        """Nothing but zeros: the middle of a scale, or a camera that does not know."""
        return not any(self.axes)


@dataclass(frozen=True, slots=True)
class Ranges:
    """What the camera's absolute spaces reach over, by URI; the first is the usual one."""

    pan_tilt: Mapping[str, tuple[Range, Range]] = field(default_factory=dict)
    zoom: Mapping[str, Range] = field(default_factory=dict)

    def apart(self, one: Position, other: Position) -> float | None:
        """The largest distance on any axis, as a share of that axis's range; None if the two do
        not compare: other spaces, other axes, or no scale that fits."""
        if _differ(one.space, other.space) or _differ(one.zoom_space, other.zoom_space):
            return None
        spans, found = self._spans((one, other)), []
        for axis, (a, b, span) in enumerate(zip(one.axes, other.axes, spans, strict=True)):
            if a is None and b is None:
                continue
            if a is None or b is None or span is None:
                return None
            if span > 0:
                found.append(abs(_step(a, b, span, axis == PAN)) / span)
        return max(found) if found else None

    def turned(self, path: Sequence[Position], share: float) -> bool:
        """Did an axis go more than `share` of its range one way, and then as far back?"""
        for axis, span in enumerate(self._spans(path)):
            track = [one.axes[axis] for one in path]
            known = [value for value in track if value is not None]
            if span and len(known) == len(track) and _turns(known, span, share * span, axis == PAN):
                return True
        return False

    def _spans(self, places: Sequence[Position]) -> tuple[float | None, float | None, float | None]:
        """Of pan, tilt, zoom: what the camera declares, if the places lie within."""
        return (*self._pan_tilt(places), self._zoom(places))

    def _pan_tilt(self, places: Sequence[Position]) -> tuple[float | None, float | None]:
        space = next((one.space for one in places if one.space), "")
        declared = self.pan_tilt.get(space) or next(iter(self.pan_tilt.values()), None)
        for pan, tilt in (*([declared] if declared else []), GENERIC, DEGREES):
            if all(pan.holds(one.pan) and tilt.holds(one.tilt) for one in places):
                return (CIRCLE, CIRCLE / 2) if pan is DEGREES[0] else (pan.span, tilt.span)
        return None, None

    def _zoom(self, places: Sequence[Position]) -> float | None:
        space = next((one.zoom_space for one in places if one.zoom_space), "")
        declared = self.zoom.get(space) or next(iter(self.zoom.values()), None)
        for zoom in (declared, GENERIC_ZOOM):
            if zoom is not None and all(zoom.holds(one.zoom) for one in places):
                return zoom.span
        return None


def _differ(one: str, other: str) -> bool:
    return bool(one and other and one != other)


def _step(before: float, after: float, span: float, circle: bool) -> float:
    """From one to the other, the shorter way where the axis is a circle."""
    step = after - before
    if circle and any(abs(span - full) <= _ALIKE * full for full in FULL_TURNS):
        step = (step + span / 2) % span - span / 2
    return step


def _turns(track: Sequence[float], span: float, least: float, circle: bool) -> bool:
    place = low = high = 0.0
    rose = fell = False
    for before, after in pairwise(track):
        place += _step(before, after, span, circle)
        low, high = min(low, place), max(high, place)
        if (rose and high - place > least) or (fell and place - low > least):
            return True
        rose = rose or place - low > least
        fell = fell or high - place > least
    return False
