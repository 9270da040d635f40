"""One try to deliver, and what came of it: told, later, never. Whatever a notifier does, it ends
within its time and breaks nothing but its own delivery."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from secmon.api import Delivery, Joiner, Later, Missed, Never, Notifier
from secmon.shell.wording import Wording
from secmon.texts.clean import clean
from secmon.texts.digest import present

log = logging.getLogger(__name__)

FIRST_S, LONGEST_S = 1.0, 300.0  # pauses after a failed delivery, doubled each time
SHORTEST_S = 0.05
BROKEN_S = 30.0  # longest pause after an error that is no Later or Never: our bug, or poison
BROKEN_TRIES = 10


@dataclass(frozen=True, slots=True)
class Came:
    """What came of one try: told, later, never; apart: each of them has to go alone."""

    outcome: str
    why: str = ""
    pause_s: float = 0.0
    missed: tuple[str, ...] = ()  # told, but not to these people


@dataclass(slots=True)
class Trier:
    """Tries for one channel; `send_s` is the deadline of a try in seconds."""

    channel: str
    notifier: Notifier
    wording: Wording
    send_s: float
    _broken: tuple[int, int] = field(default=(0, 0))  # delivery, how often it broke the notifier

    async def attempt(self, rows: Sequence[Delivery]) -> Came:
        """Sends one row, or several in one message."""
        tries = rows[0].tries
        try:
            async with asyncio.timeout(self.send_s):
                await self._send(rows)
        except TimeoutError:
            why = f"expected an answer within {self.send_s:g} s (got none)"
            return Came("later", why, backoff_s(tries))
        except Later as later:
            pause_s = backoff_s(tries) if later.after_s is None else later.after_s
            return Came("later", clean(later), min(max(pause_s, SHORTEST_S), LONGEST_S))
        except Missed as missed:
            return Came("told", clean(missed), missed=missed.people)
        except Never as never:
            return Came("apart" if len(rows) > 1 else "never", clean(never))
        except Exception as bug:  # one of three such places: one poison row must not end us all
            return self._broke(rows, bug)
        return Came("told")

    async def _send(self, rows: Sequence[Delivery]) -> None:
        if len(rows) == 1 or not isinstance(self.notifier, Joiner):
            await self.notifier.send(*await self.wording.of(rows[0]))
            return
        left = present(rows)
        if len(left.rows) == 1 and not left.passed:  # all of one ticket: its latest state
            await self.notifier.send(*await self.wording.of(left.rows[0]))
            return
        ready, text = await self.wording.of_many(rows, self.notifier.longest)
        await self.notifier.send_many(ready, text)

    def _broke(self, rows: Sequence[Delivery], bug: Exception) -> Came:
        row = rows[0]
        if len(rows) > 1:
            log.exception("digest broke its notifier channel=%s", self.channel)
            return Came("apart", clean(repr(bug)))
        times = self._broken[1] + 1 if self._broken[0] == row.id else 1
        self._broken = (row.id, times)
        why = f"broke the notifier {times} times: {clean(repr(bug))}"
        if times == 1:
            log.exception("delivery broke its notifier channel=%s key=%s", self.channel, row.key)
        if times >= BROKEN_TRIES:
            return Came("never", why)
        return Came("later", why, min(backoff_s(times - 1), BROKEN_S))


def backoff_s(tries: int) -> float:
    """Seconds to wait after `tries` earlier failures and one more: 1, 2, 4 … 300."""
    return min(FIRST_S * 2.0 ** min(tries, 20), LONGEST_S)
