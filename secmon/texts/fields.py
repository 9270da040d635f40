"""Reads a ticket's JSON without trusting it: what is not there or odd is None, empty or false."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from secmon.core.model import Op


def moment_of(at: object) -> datetime | None:
    """A time or its RFC 3339 text, aware; None where it is neither."""
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            return None
    return at if isinstance(at, datetime) and at.tzinfo is not None else None


def guess_op(value: object, limit: object) -> Op | str:
    """The side on which value lies of limit, where the rule is no longer there to say it."""
    if is_number(value) and is_number(limit):
        return Op.ABOVE if cast("float", value) >= cast("float", limit) else Op.BELOW
    return Op.IS if value is not None else Op.MISSING


def mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def has_numbers(facts: Mapping[str, object], *names: str) -> bool:
    return all(is_number(facts.get(name)) for name in names)
