"""The only place that reads the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The machine's clock. Tests give their own object with the same two methods."""

    __slots__ = ()

    def now(self) -> datetime:
        """Wall time for people: aware, UTC. May step."""
        return datetime.now(UTC)

    def tick(self) -> float:
        """Seconds that only ever grow, for rates and soaks within one run of the daemon."""
        return time.monotonic()
