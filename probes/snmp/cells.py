"""Where readings stand: the names (OIDs) behind a column, and what a table's rows are called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from probes.snmp.columns import Column
from probes.snmp.values import PART_MAX

C_co = TypeVar("C_co", bound=Column, covariant=True)


@dataclass(frozen=True, slots=True)
class Cells(Generic[C_co]):
    """A column, and the name of each of its values on the wire, in the order of its parts."""

    column: C_co
    names: tuple[bytes, ...]
    width: int  # bytes that a value takes at most, as a rule
    slow: bool = False  # read at every tenth poll


def unique(rows: Iterable[tuple[str, str]]) -> list[str]:
    """(wished part, index) of each row → parts of at most 64 characters, each one once."""
    taken: set[str] = set()
    out: list[str] = []
    for wish, index in rows:
        part = wish[:PART_MAX]
        suffix = f"#{index}"[:PART_MAX]
        while part in taken:
            part = part[: PART_MAX - len(suffix)] + suffix
            suffix = f"{suffix}#{len(taken)}"[-PART_MAX:]
        taken.add(part)
        out.append(part)
    return out
