"""What people ask of the duty book and of plans, and what the outbox says: inputs of `decide`.

`deputy`: the person may act for others by role (manager, administrator), whoever is on duty.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from secmon.core.model import Notice
from secmon.core.windows import Do


@dataclass(frozen=True, slots=True)
class Swap:
    """`user` wants to stand in for `replaces`, from `start` to `end` (roster.Override)."""

    by: str
    at: datetime
    start: datetime
    end: datetime
    replaces: str
    user: str
    note: str = ""
    deputy: bool = False


@dataclass(frozen=True, slots=True)
class Confirm:
    """Somebody else than who asked agrees to an override."""

    override: str
    by: str
    at: datetime
    deputy: bool = False


@dataclass(frozen=True, slots=True)
class Withdraw:
    """An override is taken back."""

    override: str
    by: str
    at: datetime
    deputy: bool = False


@dataclass(frozen=True, slots=True)
class Relieve:
    """The next hand-over is to begin now, a little before the shift ends."""

    by: str
    at: datetime
    deputy: bool = False


@dataclass(frozen=True, slots=True)
class Sign:
    """A signature under a hand-over: `side` is outgoing or incoming, empty: the person's own."""

    hand_over: str
    by: str
    at: datetime
    side: str = ""
    note: str = ""
    deputy: bool = False


@dataclass(frozen=True, slots=True)
class Train:
    """A person was trained (4.2.1; App. A, 现场培训). Days are YYYY-MM-DD; `until` may be empty."""

    user: str
    what: str
    day: str
    by: str
    at: datetime
    until: str = ""
    removed: bool = False  # it was entered by mistake


@dataclass(frozen=True, slots=True)
class Mute:
    """Something is to be silenced (windows.Silence); without device and system the whole site."""

    by: str
    at: datetime
    start: datetime
    end: datetime
    note: str
    do: Do = Do.MUTE
    device: str = ""
    system: str = ""
    part: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Unmute:
    """A silence is to end now."""

    silence: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A channel gave up on this notice: whoever it was meant for does not know."""

    notice: Notice
    why: str
    at: datetime
    by: str = "secmon"


@dataclass(frozen=True, slots=True)
class BeginPlan:
    """An emergency plan is to be followed on this ticket (its number)."""

    ticket: str
    plan: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TickStep:
    """A step of it, counted from 1, is done; `undone`: it was ticked by mistake."""

    ticket: str
    plan: str
    step: int
    by: str
    at: datetime
    undone: bool = False


DutyWish = Swap | Confirm | Withdraw | Relieve | Sign | Train | Mute | Unmute | Undelivered
PlanWish = BeginPlan | TickStep
Wish = DutyWish | PlanWish
