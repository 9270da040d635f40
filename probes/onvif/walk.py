"""A walk of a head through its presets and back to where it was.

Rules that hold here:
- Before the first move the head stood still twice, a second apart, and was idle; else somebody
  uses it. What moves it during the walk and is not us ends the walk: nobody's move is undone.
- Before every move it is written down where the head was and where the move may leave it, so that a
  walk which is cut off at any point is ended by `resume`, by whoever comes next.
- A head that ends elsewhere than it was sent may be off, or in a person's hands. Then nothing is
  said and nothing done until a later poll: who holds it moves on, a head that is off stays.
- Where a head stands is what it says; it may never say that it moves, so it has arrived when its
  position stands still.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from probes.onvif.ledger import TRIES_BACK, Away
from probes.onvif.stops import (
    DOUBTED,
    IN_USE,
    MOVING,
    UNFINISHED,
    Blind,
    Book,
    Found,
    Head,
    InUse,
    Outcome,
    Pace,
    Stop,
    Watch,
)
from probes.wire.onvif_ptz import Node, Preset
from probes.wire.ptz import Position
from secmon.api import ProbeError, Refused

NEAR = 0.01  # share of an axis's range: so near to it is there (issue 3, point 5)
SAME = 0.001  # between two looks at a head that stands still
WISH_S = 1.0  # for the one message that a cancelled walk still sends


@dataclass(frozen=True, slots=True)
class _Rest:
    """How a move ended."""

    place: Position
    still: bool
    path: Sequence[Position]


class Walk:
    """One walk, or the end of an earlier one. `out` is filled as it goes on; `deadline`: loop time
    at which the poll is cut off."""

    def __init__(
        self,
        head: Head,
        node: Node,
        book: Book,
        out: Outcome,
        *,
        deadline: float,
        pace: Pace,
        watch: Watch | None = None,
    ) -> None:
        self._head = head
        self._node = node
        self._ranges = node.ranges
        self._book = book
        self._deadline = deadline
        self._pace = pace
        self._watch = watch
        self._sent = False
        self.out = out

    async def run(self, stops: Sequence[Stop], offered: Sequence[Preset]) -> None:
        """As many of the stops as there is time for, and back. Raises Blind before the head was
        moved, and ProbeError; then `out` holds what is known."""
        out = self.out
        try:
            home = await self._at_rest()
        except InUse:
            out.said = IN_USE
            return
        if not out.told and not await self._head.promises():
            out.said = "the camera says zero, and does not promise to know its position"
            return
        way = self._way_to(home, offered)
        if way is None:
            out.said = "no way back to where the head stands"
            return
        await self._guarded(Away(home, [home], way=way), self._round(stops, home, way))

    async def resume(self, away: Away) -> None:
        """Ends a walk that was cut off: the head goes back if it is still where that walk may have
        left it. Raises Blind, ProbeError."""
        await self._guarded(away, self._resume(away))

    async def _guarded(self, away: Away, doing: Awaitable[None]) -> None:
        """Whoever cancels a walk gets the head sent home, if that can be said in a second; whether
        it got there, the next poll sees."""
        try:
            await doing
        except InUse:
            await self._book.note(None)
            self.out.said, self.out.returned = IN_USE, None
        except (Blind, asyncio.CancelledError):
            if self._sent:
                with suppress(ProbeError, TimeoutError):
                    async with asyncio.timeout(WISH_S):
                        await self._head.wish(away.home, away.way)
            raise

    # --- there ---

    async def _round(self, stops: Sequence[Stop], home: Position, way: str) -> None:
        here, out = home, self.out
        for stop in stops:
            if self._left() < self._pace.leg + self._pace.back:
                out.said = UNFINISHED
                break
            expected = self._expected(stop, here)
            if out.found:
                await self._undisturbed(here)
            left = [here, expected] if expected is not None else [here]
            away = Away(home, left, blindly=expected is None, way=way)
            if not await self._book.leave(stop, away):
                out.said = "not moved: the store does not keep where it must go back to"
                break
            out.under_way = stop
            here = await self._visit(stop, away, here, expected)
            out.under_way = None if out.said != DOUBTED else stop
            if out.denied or out.zero:
                break
            if out.said in (MOVING, DOUBTED):
                return  # the next poll sees to it
        await self._undisturbed(here)
        out.returned = await self._back(Away(home, [here], way=way), here)

    async def _visit(
        self, stop: Stop, away: Away, here: Position, expected: Position | None
    ) -> Position:
        """Where the head stands after it."""
        out = self.out
        try:
            self._sent = True
            await self._head.recall(stop.token)
        except Refused as no:
            out.denied = no.credentials
            if no.credentials:
                out.said = str(no)
            else:
                out.found.append(Found(stop, str(no), reached=False))
            return here
        rest = await self._settle(here, expected)
        found = self._judge(stop, here, expected, rest)
        if found is None:
            away.left, away.blindly, away.doubt = [rest.place], False, stop.name
            if expected is not None:
                away.doubt_ratio = self._ranges.apart(rest.place, expected)
            await self._book.note(away)
            out.said = DOUBTED
            return rest.place
        out.found.append(found)
        if rest.still and self._watch is not None:
            await self._watch(stop)
        return rest.place

    def _judge(
        self, stop: Stop, here: Position, expected: Position | None, rest: _Rest
    ) -> Found | None:
        ratio = self._ranges.apart(rest.place, expected) if expected is not None else None
        near = ratio is not None and ratio <= NEAR
        if not near and self._ranges.turned(rest.path, NEAR):
            raise InUse
        if not rest.still:
            self.out.said = MOVING
            return Found(stop, f"still moving after {self._pace.leg:g} s", False)
        if not self.out.told:  # zero was told before the move, and still is
            self.out.zero = not near
            return Found(stop, "the camera says zero, wherever the head may be")
        moved = self._apart(here, rest.place) > NEAR
        if ratio is None and moved:
            return Found(stop, "its place is remembered from now on", learned=rest.place)
        if ratio is None:
            return Found(stop, "did not move, and where it should be is not known")
        if near:
            return Found(stop, "reached", True, ratio)
        return None if moved else Found(stop, "did not move", False, ratio)

    def _expected(self, stop: Stop, here: Position) -> Position | None:
        """Where it should be: as the camera says, else as remembered; in a space that compares."""
        for place in (stop.told, stop.known):
            if place is not None and self._ranges.apart(place, here) is not None:
                return place
        return None

    # --- and back ---

    def _way_to(self, home: Position, offered: Sequence[Preset]) -> str | None:
        """How a head gets there: empty, by its position; else the token of a preset that stands
        there; None: not at all."""
        if self._node.reaches(home):
            return ""
        for preset in offered:
            if preset.position is not None:
                apart = self._ranges.apart(preset.position, home)
                if apart is not None and apart <= SAME:
                    return preset.token
        return None

    async def _back(self, away: Away, here: Position) -> bool | None:
        """None: whether it is, or is in a person's hands, the next poll sees."""
        if self._apart(here, away.home) <= SAME:
            await self._book.note(None)
            return True
        away.left, away.blindly = [here, away.home], False
        away.tries += 1
        await self._book.note(away)
        said = "the head did not come back"
        try:
            self._sent = True
            if away.way:
                await self._head.recall(away.way)
            else:
                await self._head.move(away.home)
        except Refused as no:
            self.out.denied = no.credentials
            said = f"the head cannot be brought back: {no}"
        rest = await self._settle(here, away.home)
        if self._apart(rest.place, away.home) <= NEAR:
            await self._book.note(None)
            return True
        if self._ranges.turned(rest.path, NEAR):
            raise InUse
        stayed = rest.still and self._apart(rest.place, here) <= NEAR
        away.failed = away.failed or stayed or away.tries > 1
        self.out.said = said if away.failed else DOUBTED
        away.left = [here, rest.place] if rest.still else [here, rest.place, away.home]
        await self._book.note(away)
        return False if away.failed else None

    async def _resume(self, away: Away) -> None:
        out = self.out
        place = await self._come_to_rest()
        if place is None:
            out.said, out.returned = MOVING, False if away.failed else None
            return
        if self._apart(place, away.home) <= NEAR:
            await self._book.note(None)
            out.said, out.returned = "back from a walk that was cut off", True
        elif any(self._apart(place, one) <= NEAR for one in away.left):
            if away.doubt:
                out.confirmed = away.doubt, away.doubt_ratio
                away.doubt = ""
            out.returned = False
            out.said = "the head does not come back"
            if away.tries < TRIES_BACK:
                out.said = "back from a walk that was cut off"
                out.returned = await self._back(away, place)
        elif away.blindly:
            away.left, away.blindly, away.tries, away.failed = [place], False, TRIES_BACK, True
            await self._book.note(away)
            out.said, out.returned = (
                "a walk was cut off: who left the head here is not known",
                False,
            )
        else:
            await self._book.note(None)
            out.said, out.returned = "moved since by somebody else: left alone", True

    # --- looking ---

    async def _look(self) -> tuple[Position, bool]:
        status = await self._head.look()
        if status.position is None:
            raise Blind
        self.out.told = self.out.told or not status.position.zero
        return status.position, status.moving

    async def _at_rest(self) -> Position:
        first, moving = await self._look()
        if moving:
            raise InUse
        await asyncio.sleep(self._pace.apart)
        second, moving = await self._look()
        if moving or self._apart(first, second) > SAME:
            raise InUse
        return second

    async def _come_to_rest(self) -> Position | None:
        """Where the head stands, once it does; None: it moves on."""
        rest = await self._settle((await self._look())[0], None)
        return rest.place if rest.still else None

    async def _undisturbed(self, here: Position) -> None:
        if self._apart((await self._look())[0], here) > SAME:
            raise InUse

    async def _settle(self, start: Position, goal: Position | None) -> _Rest:
        """Until the head stands still: shortly at its goal, for longer anywhere else."""
        loop, pace = asyncio.get_running_loop(), self._pace
        path, since = [start], loop.time()
        until = since + pace.leg
        while True:
            await asyncio.sleep(pace.look)
            place, moving = await self._look()
            now = loop.time()
            if self._apart(place, path[-1]) > SAME:
                since = now
            path.append(place)
            there = goal is not None and self._apart(place, goal) <= NEAR
            if not moving and now - since >= (pace.still if there else pace.stuck):
                return _Rest(place, True, path)
            if now >= until:  # some say for ever that they move
                return _Rest(place, now - since >= pace.stuck, path)

    def _apart(self, one: Position, other: Position) -> float:
        found = self._ranges.apart(one, other)
        if found is None:
            raise Blind
        return found

    def _left(self) -> float:
        return self._deadline - asyncio.get_running_loop().time()
