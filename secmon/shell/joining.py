"""Which of a channel's waiting notices go out in its next message: one, or several in a digest.

Only channels that people read can join notices (api.Joiner), and they do it when more is waiting
than the channel may still send. What is joined is meant for the same people.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from secmon.api import Delivery, Joiner, Notifier

KEPT = 4  # messages that a channel keeps back for what comes next, while it has that many


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent now; no rows: nothing, for `rest_s` seconds."""

    rows: Sequence[Delivery] = ()
    rest_s: float = 0.0


def next_message(
    waiting: Sequence[Delivery], notifier: Notifier, alone: Collection[int] = ()
) -> Message:
    """`waiting` is not empty and in order; `alone`: ids of rows that must not be joined."""
    first = waiting[0]
    if not isinstance(notifier, Joiner):
        return Message((first,))
    room, rest_s = notifier.room()
    if room <= 0:
        return Message(rest_s=max(rest_s, 0.05))
    if first.id in alone or len(waiting) <= max(room - KEPT, 1):
        return Message((first,))
    people = first.notice.people
    same = [row for row in waiting if row.notice.people == people and row.id not in alone]
    return Message(tuple(same))
