"""What repairs used: added up by name, model and serial number; its opposite puts it right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from secmon.core.model import Spare, Verb

LINES = 50  # of one ticket at most
QUANTITY = 9999
LONGEST = 200  # characters of one text
WITH = frozenset((Verb.NOTE, Verb.REPAIR))  # verbs that bring a spare


def added(known: tuple[Spare, ...], spare: Spare | None) -> tuple[Spare, ...]:
    """The lines with one more; one of the same thing counts it up, or down to nothing."""
    if spare is None:
        return known
    if not any(_same(one, spare) for one in known):
        return (*known, spare)
    lines = (_counted(one, spare) if _same(one, spare) else one for one in known)
    return tuple(line for line in lines if line.quantity)


def wrong(known: Sequence[Spare], verb: Verb, spare: Spare | None) -> str:
    """Why this spare cannot be noted; empty: it can."""
    if spare is None:
        return ""
    if verb not in WITH:
        return f"needs no spare to {verb}: it goes with note or repair"
    if not spare.name.strip():
        return "needs the spare's name in `spare`"
    if any(len(text) > LONGEST for text in _texts(spare)):
        return f"needs a spare of at most {LONGEST} characters a field"
    there = next((one.quantity for one in known if _same(one, spare)), 0)
    if not spare.quantity or not 0 <= there + spare.quantity <= QUANTITY:
        return (
            f"needs a quantity of 1 to {QUANTITY}, or what was noted to take it back"
            f" (got {spare.quantity}, noted {there})"
        )
    if not there and len(known) >= LINES:
        return f"needs no more than {LINES} spares"
    return ""


def said(spare: Spare) -> str:
    """One line of the journal."""
    name = " ".join(filter(None, (spare.name, spare.model)))
    serial = f"SN {spare.serial}" if spare.serial else ""
    return ", ".join(filter(None, (f"{spare.quantity} × {name}", serial, spare.condition)))


def as_json(spare: Spare) -> Mapping[str, object]:
    return {
        "name": spare.name,
        "model": spare.model,
        "quantity": spare.quantity,
        "serial": spare.serial,
        "condition": spare.condition,
    }


def _same(one: Spare, other: Spare) -> bool:
    return (one.name, one.model, one.serial) == (other.name, other.model, other.serial)


def _counted(one: Spare, other: Spare) -> Spare:
    total = one.quantity + other.quantity
    return replace(one, quantity=total, condition=other.condition or one.condition)


def _texts(spare: Spare) -> tuple[str, ...]:
    return spare.name, spare.model, spare.serial, spare.condition
