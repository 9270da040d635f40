"""Which of a channel's waiting notices go out in its next message: one, or several in a digest.

Channels for programs get each notice, in order. Channels that people read (api.Joiner) get the
first at once, what comes after it in a digest 5 s later, then one a minute after the first, and one
every minute while it lasts. What waited while the channel or the daemon was away goes out at once
and together. What is urgent waits 5 s at most.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from secmon.api import Delivery, Joiner, Notifier
from secmon.texts.digest import rank

SOON_S, MINUTE_S = 5.0, 60.0
OLD = timedelta(seconds=60)  # what waited for so long waited for the channel
URGENT = frozenset(("overdue", "escalated", "undelivered"))


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent now; no rows: nothing, for `rest_s` seconds."""

    rows: Sequence[Delivery] = ()
    rest_s: float = 0.0


@dataclass(slots=True)
class Pace:
    """How often people are told. Times are the loop's, in seconds."""

    began: float | None = None  # the first message of the present series
    next_at: float = 0.0
    last: float = 0.0
    sent: int = 0
    waited: bool = False  # something has been waiting for its turn since the last message

    def calm(self, now: float) -> bool:
        """Is there no series, or is it over? Then the next notice is a first one."""
        if self.began is None:
            return True
        return not self.waited and now >= max(self.next_at, self.began + MINUTE_S)

    def wait_s(self, now: float, *, urgent: bool) -> float:
        """Seconds until a message may go, at most 5: by then something urgent may have come."""
        if self.calm(now):
            return 0.0
        turn = min(self.next_at, self.last + SOON_S) if urgent else self.next_at
        return min(max(turn - now, 0.0), SOON_S)

    def told(self, now: float) -> None:
        """A message has just gone."""
        began = self.began
        if began is None or self.calm(now):
            self.began, self.sent, self.next_at = now, 1, now + SOON_S
        elif now >= self.next_at:
            self.sent += 1
            minute = began + MINUTE_S if self.sent == 2 else now + MINUTE_S
            self.next_at = minute if minute > now else now + MINUTE_S
        self.last, self.waited = now, False


def next_message(
    waiting: Sequence[Delivery],
    notifier: Notifier,
    pace: Pace,
    tick: float,
    *,
    now: datetime,
    after_outage: bool = False,
    alone: Collection[int] = (),
) -> Message:
    """`waiting` is not empty and in order; `tick` is the loop's time, `now` the wall clock's.
    `after_outage`: these could not be told until now. `alone`: ids of rows that must not be
    joined."""
    first = waiting[0]
    if not isinstance(notifier, Joiner):
        return Message((first,))
    room, rest_s = notifier.room()
    if room <= 0:
        return Message(rest_s=max(rest_s, 0.05))
    if first.id in alone:
        return Message((first,))
    rest_s = pace.wait_s(tick, urgent=any(row.notice.reason in URGENT for row in waiting))
    if rest_s > 0:
        pace.waited = True
        return Message(rest_s=rest_s)
    able = [row for row in waiting if row.id not in alone]
    if pace.calm(tick) and not after_outage and now - first.at < OLD:
        return Message((_telling(able),))
    return Message(tuple(row for row in able if _alike(row, first)))


def _telling(rows: Sequence[Delivery]) -> Delivery:
    """The one that says most: a root before what comes of it, then the gravest. Of one ticket the
    earlier notice goes first."""
    firsts: dict[str, Delivery] = {}
    for row in rows:
        firsts.setdefault(row.notice.subject, row)
    return min(firsts.values(), key=lambda row: (rank(row), row.id))


def _alike(row: Delivery, first: Delivery) -> bool:
    """Some channels reach persons in another way than whoever reads the channel."""
    return bool(row.notice.people) == bool(first.notice.people)
