"""The demo's equipment: one simulator per protocol, found by the entry points `secmon.simulators`.

A simulator listens on a free port of 127.0.0.1 and speaks its protocol as a real device does; the
demo's script breaks and mends it through `Running.set`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


class Running(Protocol):
    """A simulated device that answers at `port` until its context ends."""

    @property
    def port(self) -> int: ...

    async def set(self, **state: object) -> None:
        """Changes what it shows from now on; each simulator names its own keys. ValueError for a
        key or a value that it does not know."""
        ...


@dataclass(frozen=True, slots=True)
class Simulator:
    """What stands behind an entry point: `start` takes the simulator's own options by name."""

    name: str
    start: Callable[[dict[str, object]], AbstractAsyncContextManager[Running]]
