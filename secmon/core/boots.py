"""When a device started, told from its uptime: restarts, how many of late, over our own too.

Facts: `booted_at`, and once it restarted `rebooted_at` and `reboots`, the moments of the last day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from secmon.core.model import Observation

REBOOTED = "rebooted_at"
RESTARTS = "restarts_per_day"
UPTIME = "uptime_seconds"
SLACK = 10.0  # s by which two clocks may disagree over one poll
DRIFT = 120.0  # s by which they may disagree over a restart of ours
WRAP = 2.0**32 / 100  # s after which sysUpTime begins anew, with no restart (497 days)
DAY = timedelta(days=1)
KEPT = 20  # restarts of one day


class Boots:
    """Follows one device. `known`: its facts of before; `alive_at`: when we last saw anything, if
    we were away since."""

    def __init__(self, known: Mapping[str, str], alive_at: datetime | None = None) -> None:
        self._booted_at = _moment(known.get("booted_at", ""))
        self._alive_at = alive_at
        said = known.get("reboots", "").split()
        self._reboots = [at for text in said if (at := _moment(text)) is not None]
        self._last: tuple[float, float] | None = None  # tick, uptime

    def follow(self, seen: Observation) -> dict[str, str]:
        """Facts that this good poll adds; none as long as the device runs on."""
        place = seen.layout.index(UPTIME)
        uptime = seen.values[place] if place is not None else None
        if not isinstance(uptime, int | float) or not 0 <= uptime < 1e10:
            return {}
        booted_at = seen.at - timedelta(seconds=uptime)
        before, self._last = self._last, (seen.tick, float(uptime))
        if before is not None:
            restarted = _restarted(before, self._last)
        else:
            restarted = self._while_away(booted_at)
        if restarted:
            self._reboots = [*(at for at in self._reboots if at > seen.at - DAY), booted_at][-KEPT:]
        elif before is not None or self._near(booted_at):
            return {}
        self._booted_at = booted_at
        facts = {"booted_at": _stamp(booted_at)}
        if restarted:
            facts[REBOOTED] = _stamp(booted_at)
            facts["reboots"] = " ".join(map(_stamp, self._reboots))
        return facts

    def of_late(self, now: datetime) -> int:
        """How often it restarted in the last 24 hours."""
        return sum(at > now - DAY for at in self._reboots)

    def _near(self, booted_at: datetime) -> bool:
        known = self._booted_at
        return known is not None and abs((booted_at - known).total_seconds()) <= DRIFT

    def _while_away(self, booted_at: datetime) -> bool:
        """Did it start while we were away? A clock of ours that was set meanwhile makes none: it
        would have started before we went."""
        known, alive_at = self._booted_at, self._alive_at
        if known is None or alive_at is None or self._near(booted_at):
            return False
        later = (booted_at - known).total_seconds()
        turns = round(later / WRAP)
        if turns > 0 and abs(later - turns * WRAP) <= 5 * DRIFT:
            return False
        return booted_at > max(alive_at - timedelta(seconds=DRIFT), known)


def _restarted(before: tuple[float, float], now: tuple[float, float]) -> bool:
    """It is younger than the time since the last good poll, and did not just run on. A count that
    stands still tells nothing."""
    passed, older = now[0] - before[0], now[1] - before[1]
    return now[1] <= passed + SLACK and older < min(passed / 2, passed - SLACK) and older != 0


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
