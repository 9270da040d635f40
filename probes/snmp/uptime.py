"""A device's own clock: sysUpTime as a count that goes on over its wrap after 497 days."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeGuard

from probes.wire.snmp_values import Raw

SPAN = 1 << 32  # TimeTicks are 32 bits wide
TICKS_PER_S = 100

STUMBLE = 500  # ticks by which a clock may step back without a restart

RESTARTED = -1
"""In place of the ticks that passed: the counters of the device may have begun anew."""


class Uptime:
    """Follows sysUpTime from good poll to good poll."""

    __slots__ = ("_raw", "_total")

    def __init__(self) -> None:
        self._raw: int | None = None
        self._total = 0

    @property
    def seconds(self) -> float:
        return self._total / TICKS_PER_S

    def went_back(self, raw: Raw, gap_s: float) -> bool:
        """Did the device start anew since the last good poll, about `gap_s` ago?

        Smaller than before means a restart, with two exceptions: the clock just passed its end
        (then hardly more time can have passed by it than for us), or it is an old clock that
        stumbled back by a moment.
        """
        if self._raw is None or not is_ticks(raw) or raw >= self._raw:
            return False
        likely_s = 4 * gap_s + 600
        stumbled = self._raw - raw <= STUMBLE and raw > likely_s * TICKS_PER_S
        return not stumbled and not forward(self._raw, raw, likely_s)

    def advance(self, raw: int, gap_s: float) -> int:
        """Ticks since the last good poll, or RESTARTED: at the first poll and after a restart."""
        before, back = self._raw, self.went_back(raw, gap_s)
        if before is None or back:
            self._raw = self._total = raw
            return RESTARTED
        passed = (raw - before) % SPAN
        if passed > SPAN - 1 - STUMBLE:
            return 0
        self._raw = raw
        self._total += passed
        return passed


def is_ticks(raw: Raw) -> TypeGuard[int]:
    return isinstance(raw, int) and 0 <= raw < SPAN


def unbroken(ticks: Sequence[int], within_s: float) -> bool:
    """Can all of these clock times of one poll be of one run of the device? A device that started
    anew during the poll cannot have run for longer than the poll took."""
    return all(
        after > within_s * TICKS_PER_S or forward(before, after, within_s)
        for before, after in pairwise(ticks)
    )


def forward(before: int, after: int, at_most_s: float) -> bool:
    """Did the clock go from `before` to `after`, over its end or not, in at most this time?"""
    return (after - before) % SPAN <= at_most_s * TICKS_PER_S
