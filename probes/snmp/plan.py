"""What one device is asked, and how its answers become a batch; made anew at each discovery."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from probes.snmp import interfaces
from probes.snmp.cells import Cells, unique
from probes.snmp.columns import Column, Combined, Convert, Counter32, Mapped
from probes.snmp.link import Asking, Link
from probes.snmp.profile import UPTIME, Field, Profile, Scalar, Table
from probes.snmp.values import number, text
from probes.snmp.walk import Rows
from probes.wire import ber
from probes.wire.snmp_values import Raw
from secmon.api import Batch, Layout
from secmon.api import Value as Reading

CLOCK = ber.oid("1.3.6.1.2.1.1.3.0")  # sysUpTime
SIGNS = (interfaces.NUMBER, interfaces.LAST_CHANGE)
"""Of ports that came or went; asked right after the clock."""

LAYOUTS_MAX = 16  # kept for values that come and go


class Plan:
    """Knows the place of every value in the answers, and keeps the layout while it can."""

    def __init__(
        self, profile: Profile, rows: Rows, link: Link, previous: Plan | None = None
    ) -> None:
        denied = link.sizes.denied
        self.version = link.sizes.version
        self.rows = rows
        self.fresh = True  # until the slow values were read
        self._lacking: int | None = None  # values that were not there at the first poll
        self._ports: interfaces.Ports | None = None
        cells = _scalars(profile.scalars, denied) + _tables(profile.tables, rows, denied)
        signs: list[bytes] = []
        if profile.interfaces is not None:
            bases = {} if previous is None else previous.bases()
            before = None if previous is None else previous._ports
            speeds = None if before is None else before.speeds
            self._ports = interfaces.make(rows, denied, bases, speeds)
            cells += self._ports.cells
            signs = [name for name in SIGNS if name not in denied]
        facts = {name: fact for fact, name in _facts(profile.scalars) if name not in denied}
        self._facts = tuple(facts.values())
        fast = [cell for cell in cells if not cell.slow]
        slow = [cell for cell in cells if cell.slow]
        self.fast, self._fast = _arranged(link, [CLOCK, *signs], 4, fast)
        self.slow, self._slow = _arranged(link, [CLOCK, *facts], 32, slow)
        self._sign_names = signs
        self._signs: dict[bytes, Raw] = {} if previous is None else previous._signs
        self._cells = cells
        ports = self._ports
        self._speeds = [place for place in self._fast if ports and place[0] in ports.speed]
        self._status = [place[1:] for place in self._fast if ports and place[0] is ports.status]
        self._names = [place[1:] for place in self._slow if ports and place[0] is ports.names]
        self._columns = [cell.column for cell in cells if cell.column.reading]
        self._facts_raw: list[Raw] = []
        self._facts_now: Mapping[str, str] = {}
        self._layouts: dict[object, Layout] = {}
        self._known_layouts: list[Layout] = [] if previous is None else previous._known_layouts

    def bases(self) -> dict[tuple[bytes, str], tuple[int, int]]:
        """Where the 32-bit counters stood at the last good poll."""
        return {
            (name, part): base
            for cell in self._cells
            if isinstance(cell.column, Counter32)
            for name, part, base in zip(
                cell.names, cell.column.parts, cell.column.bases(), strict=True
            )
            if base is not None
        }

    @property
    def ports(self) -> Sequence[interfaces.Row]:
        """The ports by index and part."""
        return () if self._ports is None else self._ports.rows

    def absent(self, answers: Sequence[Raw]) -> list[bytes]:
        """The signs that the device does not give: no use asking on."""
        return [name for name, raw in self._signs_in(answers) if raw is None]

    def moved(self, answers: Sequence[Raw]) -> bool:
        """Did ports come or go, by the device's own signs, since the last good poll?"""
        before = self._signs
        return any(before.get(name, raw) != raw for name, raw in self._signs_in(answers))

    def _signs_in(self, answers: Sequence[Raw]) -> Iterable[tuple[bytes, Raw]]:
        return zip(self._sign_names, answers[1:], strict=False)

    def flipped(self, answers: list[Raw]) -> bool:
        """Did a port go up or down? Then its speed may be another."""
        ports = self._ports
        return any(ports and ports.status.differs(answers[i:j]) for i, j in self._status)

    def renamed(self, answers: list[Raw]) -> bool:
        """Do ports have other names than those under which they are known?"""
        ports = self._ports
        return any(ports and ports.names.differs(answers[i:j]) for i, j in self._names)

    def lost(self, answers: list[Raw], plain: bool) -> bool:
        """Are more values missing than at the first poll?"""
        lacking = 0 if plain else answers.count(None)
        if self._lacking is None:
            self._lacking = lacking
        return lacking > self._lacking

    def take_fast(self, answers: list[Raw], plain: bool, passed: int | None) -> None:
        """The values of every poll. `passed`: as for `Column.take`."""
        self._signs = dict(self._signs_in(answers))
        if self._ports is not None and self._speeds:
            _take(self._speeds, answers, plain, passed)
            self._ports.note_speeds()  # before the counters, which are bounded by them
        _take(self._fast, answers, plain, passed)

    def take_slow(self, answers: list[Raw], plain: bool) -> None:
        """The values of every tenth poll."""
        _take(self._slow, answers, plain, None)
        raw = answers[1 : 1 + len(self._facts)]
        if raw != self._facts_raw:
            self._facts_raw = raw
            shown = zip(self._facts, map(text, raw), strict=True)
            self._facts_now = {fact: said for fact, said in shown if said}
        if self._ports is not None and not self._speeds:
            self._ports.note_speeds()
        self.fresh = False

    def batch(self, uptime_s: float | None, facts: Mapping[str, str]) -> Batch:
        """All values as they stand now, slow ones as they were read last. `facts`: more of them."""
        key = (uptime_s is None, *[column.holes for column in self._columns])
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._arrange(key, uptime_s is not None)
        values: list[Reading] = [] if uptime_s is None else [uptime_s]
        for column in self._columns:
            values += column.values
        return Batch(layout, values, {**self._facts_now, **facts} if facts else self._facts_now)

    def _arrange(self, key: object, clock: bool) -> Layout:
        """The layout for these holes."""
        names, parts = ([UPTIME], [""]) if clock else ([], [])
        for column in self._columns:
            gone = frozenset(column.holes)
            there = [part for i, part in enumerate(column.parts) if i not in gone]
            names += [column.reading] * len(there)
            parts += there
        made = self._layouts[key] = self._layout(tuple(names), tuple(parts))
        return made

    def _layout(self, names: tuple[str, ...], parts: tuple[str, ...]) -> Layout:
        """The same object for the same layout, also from plan to plan."""
        known = self._known_layouts
        for layout in known:
            if layout.names == names and layout.parts == parts:
                return layout
        if len(known) >= LAYOUTS_MAX:
            known.clear()
            self._layouts.clear()
        known.append(Layout(names, parts))
        return known[-1]


Answers = tuple[list[Raw], bool]  # of one asking; are all of them whole numbers?
Place = tuple[Column, int, int]  # a column, and where its values stand in the answers


def _take(places: Sequence[Place], answers: list[Raw], plain: bool, passed: int | None) -> None:
    for column, start, stop in places:
        column.take(answers[start:stop], plain, passed)


def _arranged(
    link: Link, lead: Sequence[bytes], width: int, cells: Sequence[Cells[Column]]
) -> tuple[Asking, list[Place]]:
    """`lead`: what is asked before the cells. → what to ask, and where the answers will stand."""
    names, widths = list(lead), [width] * len(lead)
    places: list[Place] = []
    for cell in cells:
        places.append((cell.column, len(names), len(names) + len(cell.names)))
        names += cell.names
        widths += [cell.width] * len(cell.names)
    return Asking(link, names, widths), places


def _facts(scalars: Sequence[Scalar]) -> list[tuple[str, bytes]]:
    return [(scalar.fact, ber.oid(scalar.oid)) for scalar in scalars if scalar.fact]


def _scalars(scalars: Sequence[Scalar], denied: set[bytes]) -> list[Cells[Column]]:
    named = [(scalar, ber.oid(scalar.oid)) for scalar in scalars if scalar.reading]
    return [
        Cells(Mapped(scalar.reading, ("",), _converter(scalar)), (name,), 4)
        for scalar, name in named
        if name not in denied
    ]


def _tables(tables: Sequence[Table], rows: Rows, denied: set[bytes]) -> list[Cells[Column]]:
    return [cell for table in tables for cell in _table(table, rows, denied)]


def _table(table: Table, rows: Rows, denied: set[bytes]) -> list[Cells[Column]]:
    parts = _parts(table, rows)
    out: list[Cells[Column]] = []
    for column in table.columns:
        name = table_column(table, column.column)
        there = [i for i in parts if i in rows.get(name, ()) and name + i not in denied]
        convert = _converter(column)
        made: Column
        if column.combine:
            made = Combined(column.reading, convert, column.combine)
        else:
            made = Mapped(column.reading, tuple(parts[i] for i in there), convert)
        if there:
            out.append(Cells(made, tuple(name + i for i in there), 4))
    return out


def _parts(table: Table, rows: Rows) -> dict[bytes, str]:
    """Index of each row → what it is called."""
    found = {index for column in walked(table) for index in rows.get(column, ())}
    titles = rows.get(table_column(table, table.name), {}) if table.name else {}
    wished = []
    for index in sorted(found, key=ber.arcs):
        dotted = ".".join(map(str, ber.arcs(index)))
        title = text(titles.get(index)) or dotted
        wished.append((index, table.part.format(index=dotted, name=title), dotted))
    parts = unique((wish, dotted) for _, wish, dotted in wished)
    return {index: part for (index, _, _), part in zip(wished, parts, strict=True)}


def walked(table: Table) -> list[bytes]:
    """The columns by which a table's rows are found."""
    numbers = [column.column for column in table.columns]
    return [table_column(table, n) for n in (*numbers, *([table.name] if table.name else ()))]


def table_column(table: Table, number: int) -> bytes:
    return ber.oid(f"{table.entry}.{number}")


def _converter(field: Field) -> Convert:
    """Raw value → reading by the profile; None where it says that nothing is known."""
    invalid, flag, scale = frozenset(field.invalid), frozenset(field.flag), field.scale

    def convert(raw: Raw) -> Reading | None:
        value = number(raw)
        if value is None or value in invalid:
            return None
        if flag:
            return value in flag
        return value if scale == 1 else round(value * scale, 9)

    return convert
