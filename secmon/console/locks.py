"""Names that have to wait after wrong passwords: longer each time, never for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FIRST = timedelta(minutes=1)  # the wait after the last allowed try; doubled by each further one
LONGEST = timedelta(minutes=15)
FORGOTTEN = timedelta(days=1)  # without any further try
NAMES = 10_000  # remembered at most
FROM = "\n"  # between a name and where it came from: what a name cannot hold


@dataclass(frozen=True, slots=True)
class Tried:
    """Wrong passwords for one name, and until when it waits."""

    wrong: int
    at: datetime
    until: datetime | None = None


class Locks:
    """Counts wrong passwords. `tries`: how many a name has before it waits."""

    def __init__(self, now: Callable[[], datetime], tries: Callable[[], int]) -> None:
        self._now = now
        self._tries = tries
        self._names: dict[str, Tried] = {}

    def wait(self, name: str) -> int:
        """Seconds this name has to wait; 0: it may try. A clock that went back adds nothing."""
        known = self._known(name)
        if known is None or known.until is None:
            return 0
        left = min(known.until - self._now(), LONGEST)
        return max(int(left.total_seconds()) + 1, 0) if left > timedelta(0) else 0

    def wrong(self, name: str) -> datetime | None:
        """One more wrong password; until when the name waits now, if it does."""
        known, now = self._known(name), self._now()
        count = (known.wrong if known else 0) + 1
        beyond = count - self._tries()
        until = None
        if beyond >= 0:
            until = now + min(FIRST * 2 ** min(beyond, 10), LONGEST)
        if len(self._names) >= NAMES:
            self._names.clear()  # what a known person had is in the store too
        self._names[name] = Tried(count, now, until)
        return until

    def forgive(self, name: str) -> None:
        """The latest try was no wrong one after all."""
        if known := self._names.get(name):
            left = known.wrong - 1
            until = known.until if left >= self._tries() else None
            self._names[name] = replace(known, wrong=left, until=until)

    def right(self, name: str) -> None:
        self._names.pop(name, None)

    def unlock(self, person: str) -> None:
        """The name may try again at once, from wherever."""
        for name in [one for one in self._names if one.partition(FROM)[0] == person]:
            del self._names[name]

    def remember(self, name: str, wrong: int, until: datetime | None) -> None:
        """What was known before a restart; what is known now counts more."""
        if name not in self._names and wrong:
            self._names[name] = Tried(wrong, self._now(), until)

    def _known(self, name: str) -> Tried | None:
        known = self._names.get(name)
        if known is not None and abs(self._now() - known.at) > FORGOTTEN:
            del self._names[name]
            return None
        return known
