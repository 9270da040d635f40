"""A head that a test plays in virtual time: it turns at a speed, and can be odd in many ways."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from probes.wire.onvif_ptz import Node, Preset, Status
from probes.wire.ptz import Position, Range, Ranges
from secmon.api import Refused, Unreachable

GENERIC = Ranges(
    {"generic": (Range(-1.0, 1.0), Range(-1.0, 1.0))},
    {"zoom": Range(0.0, 1.0)},
)
DEGREES = Ranges({"degrees": (Range(-180.0, 180.0), Range(-90.0, 0.0))}, {"zoom": Range(0, 1)})
HOME = Position(0.1, 0.2, 0.0)
GATE = Position(0.5, -0.4, 0.3)
DOOR = Position(-0.6, 0.1, 0.0)


@dataclass
class Head:
    """`speed`: of each axis, in its own units a second. `leads_to`: where a preset really is."""

    at: Position = HOME
    ranges: Ranges = GENERIC
    presets: tuple[Preset, ...] = (
        Preset("1", "gate", GATE),
        Preset("2", "door", DOOR),
        Preset("3", "", None),
    )
    leads_to: dict[str, Position] = field(default_factory=dict)
    speed: float = 0.4
    circle: float = 0.0  # span of an endless pan
    absolute: bool = True
    says_position: bool = True
    says_moving: Callable[[bool], bool] = lambda really: really
    says: Callable[[Position], Position] = lambda place: place
    stuck: bool = False
    refuses: set[str] = field(default_factory=set)
    denies: set[str] = field(default_factory=set)
    ignores: set[str] = field(default_factory=set)
    promise: bool = True
    dies_after: int | None = None  # moves
    asked: list[str] = field(default_factory=list)
    wishes: int = 0
    before_look: Callable[["Head"], None] | None = None
    _from: Position = HOME
    _to: Position = HOME
    _since: float = 0.0

    def __post_init__(self) -> None:
        self._from = self._to = self.at

    # What the driver asks.

    async def node(self) -> Node:
        return Node(self.ranges, self.absolute, self.absolute)

    async def look(self) -> Status:
        self._alive()
        if self.before_look is not None:
            self.before_look(self)
        place = self.where()
        moving = self.says_moving(place != self._to)
        return Status(self.says(place) if self.says_position else None, moving)

    async def recall(self, preset: str) -> None:
        self._order("recall", f"recall {preset}")
        known = {one.token: one.position for one in self.presets}
        to = self.leads_to.get(preset) or known.get(preset)
        if to is not None and "recall" not in self.ignores:
            self.go(to)

    async def move(self, to: Position) -> None:
        self._order("move", f"move {to.pan:g} {to.tilt:g}")
        if "move" not in self.ignores:
            self.go(replace(to, space=self.at.space, zoom_space=self.at.zoom_space))

    async def promises(self) -> bool:
        return self.promise

    async def wish(self, home: Position, way: str) -> None:
        self.wishes += 1
        await (self.recall(way) if way else self.move(home))

    # What happens to it.

    def go(self, to: Position) -> None:
        """It turns there; an operator may say so too."""
        self._from, self._since = self.where(), asyncio.get_running_loop().time()
        self._to = self._from if self.stuck else to

    def put(self, at: Position) -> None:
        self._from = self._to = at

    def where(self) -> Position:
        passed = asyncio.get_running_loop().time() - self._since
        pan, tilt, zoom = (
            None if a is None or b is None else self._axis(a, b, passed, axis == 0)
            for axis, (a, b) in enumerate(zip(self._from.axes, self._to.axes, strict=True))
        )
        return replace(self._to, pan=pan, tilt=tilt, zoom=zoom)

    def _axis(self, start: float, end: float, passed: float, pan: bool) -> float:
        step = end - start
        half = self.circle / 2
        if pan and half:
            step = (step + half) % self.circle - half
        far = self.speed * passed
        if far >= abs(step):
            return end
        place = start + (far if step > 0 else -far)
        return (place + half) % self.circle - half if pan and half else place

    def moves(self) -> list[str]:
        return [one for one in self.asked if one.startswith(("recall", "move"))]

    def _order(self, kind: str, words: str) -> None:
        self._alive()
        if kind in self.denies:
            raise Refused(f"{kind}: the log-in is refused", credentials=True)
        if kind in self.refuses:
            raise Refused(f"{kind}: the device refuses: NoToken")
        self.asked.append(words)

    def _alive(self) -> None:
        if self.dies_after is not None and len(self.moves()) >= self.dies_after:
            raise Unreachable("hung up without an answer")
