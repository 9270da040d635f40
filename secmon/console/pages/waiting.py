"""Whose signature a hand-over waits for: the banner on every page, the buttons of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secmon.api import User
from secmon.console.duty_api import DEPUTIES, Watchroom
from secmon.console.rights import Right, may
from secmon.core import swaps
from secmon.core.duty import signers
from secmon.core.handover import SIDES, HandOver
from secmon.core.roster import Cover


@dataclass(frozen=True, slots=True)
class Side:
    """One half of a hand-over, and whether the reader may sign it: as who was meant, or for them
    (then a word is needed)."""

    code: str
    may_sign: bool
    own: bool


def side_of(one: HandOver, cover: Cover | None, user: User, side: str) -> Side:
    own = user.name in signers(one, cover, side)
    leads = cover is not None and swaps.leads(cover.duty, user.name, user.role in DEPUTIES)
    free = side in one.missing and all(s.by != user.name for s in one.signed.values())
    return Side(side, may(user, Right.DUTY) and free and (own or leads), own)


def to_sign(room: Watchroom, user: User | None) -> Sequence[HandOver]:
    """Hand-overs that lack the signature of this person, the oldest first."""
    if user is None or not room.world.book.hand_overs:
        return ()
    cover = room.cover()
    unsigned = sorted(room.world.book.hand_overs.values(), key=lambda one: one.due_at)
    return [one for one in unsigned if _mine(one, cover, user)]


def _mine(one: HandOver, cover: Cover | None, user: User) -> bool:
    sides = [side_of(one, cover, user, code) for code in SIDES]
    return any(side.may_sign and side.own for side in sides)
