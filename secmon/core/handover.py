"""A hand-over between two shifts (DB33/T 830-2011, 4.4.1.4): frozen, signed by both, then sealed.

The content never changes after it is frozen; `digest` proves it. The second signature seals all of
it: `seal` is over the content, the people and both signatures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

OUTGOING, INCOMING = "outgoing", "incoming"
SIDES = (OUTGOING, INCOMING)


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed, when, with what remark; `deputy`: for those who should have."""

    by: str
    at: datetime
    note: str = ""
    deputy: bool = False


@dataclass(frozen=True, slots=True)
class HandOver:
    """`content` is JSON (core.snapshot); `calls` are the reminders that wait, as on a ticket."""

    id: str
    due_at: datetime  # when the shift ends
    frozen_at: datetime
    shifts: tuple[str, ...]
    outgoing: tuple[str, ...]
    incoming: tuple[str, ...]
    content: Mapping[str, object]
    digest: str
    remark: str = ""
    signed: Mapping[str, Signature] = field(default_factory=dict)
    calls: Mapping[str, datetime] = field(default_factory=dict)
    seal: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """The sides that have not signed."""
        return tuple(side for side in SIDES if side not in self.signed)

    def people(self, side: str) -> tuple[str, ...]:
        return self.outgoing if side == OUTGOING else self.incoming


def id_of(due_at: datetime) -> str:
    """`20261201T120000Z`: one change of shift, one hand-over."""
    return f"{due_at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def sign(one: HandOver, side: str, signature: Signature) -> HandOver:
    """With this signature; sealed and at rest when it is the second."""
    signed = replace(one, signed={**one.signed, side: signature})
    if signed.missing:
        return signed
    return replace(signed, calls={}, seal=_seal(signed))


def digest(content: Mapping[str, object]) -> str:
    """SHA-256 of the content as JSON with sorted keys, in hex."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_intact(one: HandOver) -> bool:
    """Is the content what was frozen, and are the signatures those that were given?"""
    if digest(one.content) != one.digest:
        return False
    return one.seal == (_seal(one) if not one.missing else "")


def _seal(one: HandOver) -> str:
    names = [
        [side, list(one.people(side)), s.by, s.at.astimezone(UTC).isoformat(), s.note, s.deputy]
        for side in SIDES
        if (s := one.signed.get(side)) is not None
    ]
    moments = [one.due_at.astimezone(UTC).isoformat(), one.frozen_at.astimezone(UTC).isoformat()]
    return digest(
        {
            "id": one.id,
            "at": moments,
            "content": one.digest,
            "signed": names,
            "shifts": list(one.shifts),
            "remark": one.remark,
        }
    )
