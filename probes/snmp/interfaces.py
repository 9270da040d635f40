"""IF-MIB (RFC 2863): every row of ifTable; 64-bit counters where ifXTable has them, else 32-bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from probes.snmp.cells import Cells, unique
from probes.snmp.columns import FRAME, Column, Convert, Counter32, Counter64, Mapped, Speeds
from probes.snmp.uptime import TICKS_PER_S
from probes.snmp.values import PART_MAX, number, text
from probes.snmp.walk import Rows, kept
from probes.wire import ber
from probes.wire.snmp_values import Raw
from secmon.api import Value

NUMBER = ber.oid("1.3.6.1.2.1.2.1.0")  # ifNumber
LAST_CHANGE = ber.oid("1.3.6.1.2.1.31.1.5.0")  # ifTableLastChange

_IF = ber.oid("1.3.6.1.2.1.2.2.1")  # ifEntry
_IFX = ber.oid("1.3.6.1.2.1.31.1.1.1")  # ifXEntry

INDEX, DESCR, SPEED, ADMIN, OPER, CHANGED = (_IF + bytes((n,)) for n in (1, 2, 5, 7, 8, 9))
IN, IN_DISCARDS, IN_ERRORS = (_IF + bytes((n,)) for n in (10, 13, 14))
OUT, OUT_DISCARDS, OUT_ERRORS = (_IF + bytes((n,)) for n in (16, 19, 20))
NAME, HC_IN, HC_OUT, HIGH_SPEED, ALIAS = (_IFX + bytes((n,)) for n in (1, 6, 10, 15, 18))

STATE = (INDEX, DESCR, SPEED, ADMIN, OPER, CHANGED)
TRAFFIC = (IN, IN_DISCARDS, IN_ERRORS, OUT, OUT_DISCARDS, OUT_ERRORS)
TABLE = STATE + TRAFFIC
MORE = (NAME, HIGH_SPEED, ALIAS)
WIDE = (HC_IN, HC_OUT)  # v1 knows no Counter64
UP = 1  # of ifOperStatus and ifAdminStatus
BEYOND = 0xFFFFFFFF  # ifSpeed of a port that is faster than it can say

Bases = Mapping[tuple[bytes, str], tuple[int, int]]
"""(name of a Counter32, part) → (raw, wide) at the last good poll."""


@dataclass(frozen=True, slots=True)
class Row:
    """One port: its index as it stands in an OID, and our name for it."""

    index: bytes
    part: str


def columns(wide: bool) -> tuple[bytes, ...]:
    """What is walked to find the ports and what each of them has."""
    return TABLE + MORE + (WIDE if wide else ())


def ports(rows: Rows) -> list[Row]:
    """All rows of ifTable in the order of ifIndex, named by ifName, else ifDescr, else ifIndex."""
    found = {index for column in TABLE for index in rows.get(column, ())}
    single = sorted((ber.arcs(index)[0], index) for index in found if len(ber.arcs(index)) == 1)
    wished = [
        (_text(rows, NAME, index) or _text(rows, DESCR, index) or str(n), str(n))
        for n, index in single
    ]
    parts = unique(wished)
    return [Row(index, part) for (_, index), part in zip(single, parts, strict=True)]


def _text(rows: Rows, column: bytes, index: bytes) -> str:
    return text(rows.get(column, {}).get(index), PART_MAX)


class Names:
    """No reading: sees whether the ports still have the names under which they are known."""

    __slots__ = ("_expected", "holes", "parts", "reading", "values")

    def __init__(self, expected: list[Raw]) -> None:
        self.reading = ""
        self.parts: tuple[str, ...] = ()
        self.values: list[Value] = []
        self.holes: tuple[int, ...] = ()
        self._expected = expected

    def take(self, _raw: list[Raw], _plain: bool, _passed: int | None) -> None:
        pass

    def differs(self, raw: list[Raw]) -> bool:
        return raw != self._expected and [kept(name) for name in raw] != self._expected


@dataclass(frozen=True, slots=True)
class Ports:
    """All that is read of the interfaces of one device."""

    rows: tuple[Row, ...]
    cells: tuple[Cells[Column], ...]
    status: Mapped
    speeds: Speeds
    speed: tuple[Mapped, ...]
    names: Names

    def note_speeds(self) -> None:
        """Tells the counters what the ports say of their speed."""
        self.speeds.note(self.speed)


class _Maker:
    """Makes the columns of the ports from what was found of them."""

    def __init__(self, rows: Rows, denied: set[bytes], bases: Bases, speeds: Speeds | None) -> None:
        self.rows = rows
        self.ports = ports(rows)
        self.denied = denied
        self.bases = bases
        self.speeds = Speeds(speeds)

    def having(
        self, column: bytes, among: Sequence[Row] | None = None
    ) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
        """The parts and names of the ports (of all, if none are given) with a value there."""
        known = self.rows.get(column, {})
        found = [
            (row.part, column + row.index)
            for row in (self.ports if among is None else among)
            if row.index in known and column + row.index not in self.denied
        ]
        return tuple(part for part, _ in found), tuple(name for _, name in found)

    def mapped(
        self,
        reading: str,
        column: bytes,
        convert: Convert,
        *,
        among: Sequence[Row] | None = None,
        width: int = 4,
        slow: bool = False,
    ) -> Cells[Mapped]:
        parts, names = self.having(column, among)
        return Cells(Mapped(reading, parts, convert), names, width, slow)

    def counter32(
        self, reading: str, column: bytes, frame: int, among: Sequence[Row] | None = None
    ) -> Cells[Counter32]:
        parts, names = self.having(column, among)
        bases = [self.bases.get(key) for key in zip(names, parts, strict=True)]
        made = Counter32(reading, parts, speeds=self.speeds, frame=frame, bases=bases)
        return Cells(made, names, 5 if frame == 1 else 3)

    def octets(
        self, reading: str, wide: bytes, narrow: bytes
    ) -> tuple[Cells[Counter64], Cells[Counter32]]:
        """64-bit counters of the ports that have them, 32-bit ones of the others."""
        parts, names = self.having(wide)
        rest = [row for row in self.ports if row.part not in parts]
        made = Cells(Counter64(reading, parts), names, 7)
        return made, self.counter32(reading, narrow, 1, rest)

    def speed(self, slow: bool) -> tuple[Cells[Mapped], Cells[Mapped]]:
        """ifHighSpeed where it says something, else ifSpeed."""
        name = "interface_speed_bytes_per_second"
        high, low = self.rows.get(HIGH_SPEED, {}), self.rows.get(SPEED, {})

        def coarse(row: Row) -> bool:
            fine = _bits(low.get(row.index))
            return row.index in high and bool(number(high[row.index]) or not fine)

        coarsely = [row for row in self.ports if coarse(row)]
        finely = [row for row in self.ports if not coarse(row)]
        return (
            self.mapped(name, HIGH_SPEED, _megabits, among=coarsely, slow=slow),
            self.mapped(name, SPEED, _bits, among=finely, slow=slow),
        )

    def titles(self) -> Cells[Names]:
        """The names of the ports as they came: ifName, else ifDescr."""
        column = NAME if self.rows.get(NAME) else DESCR
        _, names = self.having(column)
        return Cells(Names(self.said(column, names)), names, self.longest(column), slow=True)

    def longest(self, column: bytes) -> int:
        """Bytes of the longest text of a column."""
        texts = [raw for raw in self.rows.get(column, {}).values() if isinstance(raw, bytes)]
        return max(map(len, texts), default=0) + 1

    def said(self, column: bytes, names: Sequence[bytes]) -> list[Raw]:
        """What the walk found at these names of one column."""
        return [self.rows[column][name.removeprefix(column)] for name in names]


def make(rows: Rows, denied: set[bytes], bases: Bases, speeds: Speeds | None = None) -> Ports:
    """The columns of the vocabulary's `interface_…`, in its order; `rows` come from a walk, `bases`
    and `speeds` from what was known before."""
    maker = _Maker(rows, denied, bases, speeds)
    received = maker.octets("interface_receive_bytes_total", HC_IN, IN)
    sent = maker.octets("interface_transmit_bytes_total", HC_OUT, OUT)
    narrow = bool(received[1].names or sent[1].names)
    status = maker.mapped("interface_up", OPER, _is_up, width=1)
    speed = maker.speed(slow=not narrow)
    titles = maker.titles()
    cells: list[Cells[Column]] = [
        status,
        maker.mapped("interface_admin_up", ADMIN, _is_up, width=1),
        *speed,
        *received,
        *sent,
        maker.counter32("interface_receive_errors_total", IN_ERRORS, FRAME),
        maker.counter32("interface_transmit_errors_total", OUT_ERRORS, FRAME),
        maker.counter32("interface_receive_discards_total", IN_DISCARDS, FRAME),
        maker.counter32("interface_transmit_discards_total", OUT_DISCARDS, FRAME),
        maker.mapped("interface_alias", ALIAS, text, width=maker.longest(ALIAS), slow=True),
        maker.mapped("interface_last_change_seconds", CHANGED, _seconds, slow=True),
        titles,
    ]
    return Ports(
        rows=tuple(maker.ports),
        cells=tuple(cell for cell in cells if cell.names),
        status=status.column,
        speeds=maker.speeds,
        speed=tuple(cell.column for cell in speed),
        names=titles.column,
    )


def _is_up(raw: Raw) -> bool | None:
    state = number(raw)
    return None if state is None else state == UP


def _megabits(raw: Raw) -> Value | None:
    speed = number(raw)
    return None if speed is None or speed < 0 else speed * 125_000


def _bits(raw: Raw) -> Value | None:
    speed = number(raw)
    return None if speed is None or not 0 <= speed < BEYOND else speed / 8


def _seconds(raw: Raw) -> float | None:
    ticks = number(raw)
    return None if ticks is None or ticks < 0 else ticks / TICKS_PER_S
