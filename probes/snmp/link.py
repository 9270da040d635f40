"""One device over the engine: asks as much at once as the device has shown to bear."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from probes.snmp.engine import SMALL
from probes.snmp.exchange import Declined, Request, Silent
from probes.wire import snmp
from probes.wire.snmp_values import Raw
from secmon.api import Refused

GET_VARBINDS = 60
REPLY_BYTES = 1300  # expected, so that no reply is cut into fragments
HEAD_BYTES = 36  # of a reply before its varbinds, what proves who asks not counted
VARBIND_BYTES = 6  # tags and lengths of one varbind
REPETITIONS = 5
WALK_COLUMNS = 9  # side by side: 45 values in one reply

Ask = Callable[[Sequence[Request]], Awaitable[list[Any]]]
"""Requests → the answers to all of them in a row; raises what `Engine.ask` does but Reported."""

REFUSALS = {
    snmp.NO_ACCESS: "noAccess",
    snmp.AUTHORIZATION_ERROR: "authorizationError",
}


class Sizes:
    """What a device bears, learned from what it did not. `version` counts the changes."""

    __slots__ = ("_repetitions", "columns", "denied", "get", "repetitions", "suspect", "version")

    def __init__(self, version: int) -> None:
        self._repetitions = 1 if version == snmp.V1 else REPETITIONS
        self.get = GET_VARBINDS
        self.suspect = 0  # varbinds: more than these met silence, and nothing was answered since
        self.repetitions = self._repetitions
        self.columns = WALK_COLUMNS
        self.denied: set[bytes] = set()  # names that made it refuse a whole request
        self.version = 0

    def deny(self, name: bytes) -> None:
        if name not in self.denied:
            self.denied.add(name)
            self.version += 1

    def get_at_most(self, varbinds: int) -> None:
        self.get = max(1, min(self.get, varbinds))
        self.version += 1

    def answered(self) -> None:
        """The device is there: if a big request met silence just now, that was for its size."""
        if self.suspect:
            self.get_at_most(self.suspect)
            self.suspect = 0

    def shrink_walk(self) -> bool:
        """Halves what one step of a walk asks for; False: it is the least already."""
        if self.repetitions > 1:
            self.repetitions //= 2
        elif self.columns > 1:
            self.columns //= 2
        else:
            return False
        return True

    def least_walk(self) -> None:
        """So little that silence is no longer for the size."""
        self.repetitions, self.columns = 1, SMALL // 2

    def forget(self) -> None:
        """A new start: what was lost on the way once need not be small for ever."""
        self.denied.clear()
        self.get = min(self.get * 2, GET_VARBINDS)
        self.repetitions = min(self.repetitions * 2, self._repetitions)
        self.columns = min(self.columns * 2, WALK_COLUMNS)


class Asking:
    """Values that are asked together, cut into requests. `names[0]` is the device's clock; it is
    asked again at the end if there is more than one request, to see a restart in between."""

    __slots__ = ("names", "requests")

    def __init__(self, link: Link, names: Sequence[bytes], widths: Sequence[int]) -> None:
        self.names = tuple(names)
        room = REPLY_BYTES - HEAD_BYTES - link.proof_bytes
        chunks = _chunks(names, widths, link.sizes.get, room)
        if len(chunks) > 1 and len(chunks[-1]) >= link.sizes.get:
            chunks.append([])
        if len(chunks) > 1:
            chunks[-1].append(names[0])
        self.requests = [snmp.Get(link.version, link.community, chunk) for chunk in chunks]


def _chunks(
    names: Sequence[bytes], widths: Sequence[int], most: int, room: int
) -> list[list[bytes]]:
    """`widths`: bytes that each value's content is likely to take; `room`: of a whole reply."""
    chunks: list[list[bytes]] = []
    left = 0
    for name, width in zip(names, widths, strict=True):
        size = len(name) + width + VARBIND_BYTES
        if not chunks or left < size or len(chunks[-1]) >= most:
            chunks.append([])
            left = room
        chunks[-1].append(name)
        left -= size
    return chunks


class Link:
    """How one device is asked: which way, in which version, as which community. A v3 user is the
    way's affair."""

    __slots__ = ("_ask", "community", "proof_bytes", "sizes", "version")

    def __init__(
        self, ask: Ask, version: int, community: bytes, *, sizes: Sizes, proof_bytes: int
    ) -> None:
        """`proof_bytes`: what a reply needs to say for whom it is."""
        self._ask = ask
        self.version = version
        self.community = community
        self.sizes = sizes
        self.proof_bytes = proof_bytes

    async def fetch(self, asking: Asking) -> tuple[list[Raw], bool]:
        """The values of all names, None for those that are not there; then, if it was asked again,
        the clock. And: are all of them whole numbers?"""
        requests = asking.requests
        try:
            answers = await self._ask(requests)
        except Declined:
            pass  # found out below, where each request stands alone
        except Silent:
            self.sizes.suspect = max(map(len, requests)) // 2
        else:
            self.sizes.suspect = 0
            return answers, all(request.plain for request in requests)
        again = () if len(requests) < 2 else asking.names[:1]
        return [*await self.get(asking.names), *await self.get(again)], False

    async def get(self, names: Sequence[bytes]) -> list[Raw]:
        """The values of `names`, found with whatever requests the device bears; else None."""
        found: dict[bytes, Raw] = {}
        size = self.sizes.suspect or self.sizes.get
        todo = [list(names[i : i + size]) for i in range(0, len(names), size)]
        todo.reverse()
        while todo:
            part = todo.pop()
            try:
                request = snmp.Get(self.version, self.community, part)
                answers = await self._ask((request,))
            except Declined as no:
                todo += self._smaller(part, no)
            except Silent:
                self.sizes.suspect = half = len(part) // 2
                todo += [part[half:], part[:half]]
            else:
                self.sizes.answered()
                found.update(zip(part, answers, strict=True))
        return [found.get(name) for name in names]

    async def walk(self, cursors: Sequence[bytes]) -> list[tuple[bytes, int, Raw]]:
        """One step: what follows each of `cursors`. Declined, Silent."""
        repetitions = 0 if self.version == snmp.V1 else self.sizes.repetitions
        request = snmp.Walk(self.version, self.community, cursors, repetitions)
        try:
            return await self._ask((request,))
        except Declined as no:
            self._refuse(no)
            raise

    def _smaller(self, part: list[bytes], no: Declined) -> list[list[bytes]]:
        """What to ask instead of a request that was declined."""
        self._refuse(no)
        if no.status != snmp.TOO_BIG and 0 < no.index <= len(part):
            self.sizes.deny(part[no.index - 1])
            rest = part[: no.index - 1] + part[no.index :]
            return [rest] if rest else []
        half = len(part) // 2
        if not half:
            self.sizes.deny(part[0])
            return []
        if no.status == snmp.TOO_BIG:
            self.sizes.get_at_most(half)
        return [part[half:], part[:half]]

    def _refuse(self, no: Declined) -> None:
        """Refused, if the agent said so outright."""
        if no.status in REFUSALS:
            who = "user" if self.version == snmp.V3 else "community"
            raise Refused(f"SNMP: the agent refuses this {who} ({REFUSALS[no.status]})")
