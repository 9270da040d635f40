"""How many messages a channel may still send: the vendor's limits, as sliding windows.

A bucket that refills would allow twice its size within one minute; a robot that is silenced for
ten minutes for one message too many needs the strict form.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` messages within any `span_s` seconds."""

    limit: int
    span_s: float


@dataclass(slots=True)
class Allowance:
    """Times are monotonic seconds."""

    windows: Sequence[Window]
    _sent: deque[float] = field(default_factory=deque)
    _rests_until: float = 0.0

    def room(self, now: float) -> tuple[int, float]:
        """How many may go now; and if none may, seconds until one does."""
        if now < self._rests_until:
            return 0, self._rests_until - now
        room, wait_s = self.windows[0].limit, 0.0
        for window in self.windows:
            within = [at for at in self._sent if at + window.span_s > now]
            left = window.limit - len(within)
            room = min(room, left)
            if left <= 0:
                wait_s = max(wait_s, within[-window.limit] + window.span_s - now)
        return max(room, 0), wait_s

    def take(self, now: float) -> None:
        """One message goes out now."""
        longest_s = max(window.span_s for window in self.windows)
        while self._sent and self._sent[0] + longest_s <= now:
            self._sent.popleft()
        self._sent.append(now)

    def rest(self, now: float, span_s: float) -> None:
        """The vendor wants silence."""
        self._rests_until = max(self._rests_until, now + span_s)
