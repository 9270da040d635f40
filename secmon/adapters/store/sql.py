"""Small pieces of portable SQL: lists of places, numbers that count up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from secmon.adapters.store.connection import Session

T = TypeVar("T")

COUNT_UP = """INSERT INTO counter (site, name, value) VALUES ($1, $2, $3)
    ON CONFLICT (site, name) DO UPDATE SET value = counter.value + excluded.value
    RETURNING value"""
AT_ONCE = 500  # values in one statement: far below what any engine takes


def places(first: int, count: int) -> str:
    """`$3, $4, $5` for (3, 3)."""
    return ", ".join(f"${number}" for number in range(first, first + count))


def chunks(values: Sequence[T], size: int = AT_ONCE) -> Iterator[Sequence[T]]:
    """The values in runs of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


async def count_up(session: Session, name: str, by: int) -> range:
    """The next `by` numbers of a counter, never given before; the first ever is 1."""
    row = await session.one(COUNT_UP, session.site, name, by)
    last: int = row["value"] if row else 0
    return range(last - by + 1, last + 1)
