"""Finds the rows of tables: several columns side by side, each strictly upwards in its subtree."""

from __future__ import annotations

from collections.abc import Iterable

from probes.snmp.exchange import Declined, Silent
from probes.snmp.link import Link
from probes.wire import ber, snmp
from probes.wire.ber import Malformed
from probes.wire.snmp_values import END_OF_MIB_VIEW, NO_SUCH_INSTANCE, NO_SUCH_OBJECT, Raw

MAX_ROWS = 4096
TEXT_MAX = 256  # bytes kept of one value

ABSENT = frozenset((NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB_VIEW))

Rows = dict[bytes, dict[bytes, Raw]]
"""By column: index (the rest of the OID) → value."""


class Walk:
    """One discovery. It may be cut off at any await and run on later from where it stood."""

    __slots__ = ("_cursors", "_indexes", "_last", "_open", "rows", "urgent")

    def __init__(self, columns: Iterable[bytes], urgent: bool = True) -> None:
        """`urgent`: nothing can be polled before its end; for its caller to know."""
        self.urgent = urgent
        self._open = list(columns)
        self.rows: Rows = {column: {} for column in self._open}
        self._indexes: dict[bytes, bytes] = {}  # one object for an index, however many columns
        self._cursors = {column: column for column in self._open}
        self._last: dict[bytes, list[int]] = {column: [] for column in self._open}

    async def run(self, link: Link, most_steps: int | None = None) -> bool:
        """True: all rows are known; False: the steps were used up before. Every step adds a value,
        ends a column or asks for less: it ends."""
        while self._open:
            if most_steps is not None:
                if most_steps == 0:
                    return False
                most_steps -= 1
            group = self._open[: link.sizes.columns]
            try:
                answers = await link.walk([self._cursors[column] for column in group])
            except Declined as no:
                self._declined(link, group, no)
            except Silent:
                link.sizes.least_walk()
            else:
                if not answers and not link.sizes.shrink_walk():
                    self._close(group[0])
                for i, answer in enumerate(answers):
                    self._take(group[i % len(group)], *answer)
        return True

    def _take(self, column: bytes, name: bytes, tag: int, value: Raw) -> None:
        if column not in self._open:
            return
        if tag in ABSENT or not name.startswith(column):
            self._close(column)
            return
        index = name[len(column) :]
        try:
            arcs = ber.arcs(index)
        except Malformed:
            self._close(column)
            return
        rows = self.rows[column]
        if arcs <= self._last[column] or len(rows) >= MAX_ROWS:
            self._close(column)  # a walk in a circle, or without an end
            return
        self._last[column] = arcs
        self._cursors[column] = name
        rows[self._indexes.setdefault(index, index)] = kept(value)

    def _declined(self, link: Link, group: list[bytes], no: Declined) -> None:
        """v1 ends a column by noSuchName; any agent may fail at one variable (genErr)."""
        if no.status != snmp.TOO_BIG and 0 < no.index <= len(group):
            self._close(group[no.index - 1])
        elif not link.sizes.shrink_walk():
            self._close(group[0])

    def _close(self, column: bytes) -> None:
        self._open.remove(column)


def kept(value: Raw) -> Raw:
    """What is remembered of a value: a long text only up to TEXT_MAX."""
    return value[:TEXT_MAX] if isinstance(value, bytes | str) else value
