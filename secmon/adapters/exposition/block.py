"""One reading of one probe: its lines as a compiled format, so that a poll costs one `%`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from operator import pos

from secmon.adapters.exposition.text import Family, label

_WHOLE = frozenset((bool, int))
_NUMBERS = frozenset((bool, int, float))
_FLOATS = frozenset((float,))

Cells = Sequence[float]  # what should be numbers: int, float, bool; a driver's bug may be else


@dataclass(slots=True, eq=False)
class Block:
    """Values that stand side by side in a layout, and their lines in a family.

    The format holds as long as all values are of the compiled sort and finite; what is no finite
    number has no line, and costs a compilation at each change until it is one again.
    """

    family: Family
    labels: str  # all but `part`
    rivals: list[Block]  # blocks of this family with the same labels, this one too
    parts: tuple[str, ...] = ()
    start: int = 0  # in the layout
    end: int = 0
    form: bytes | None = None
    whole: bool = True  # no floats
    places: tuple[int, ...] | None = None  # which values have a line; None: all

    def __post_init__(self) -> None:
        self.rivals.append(self)

    def place(self, start: int, parts: tuple[str, ...]) -> None:
        """Where the values stand from now on."""
        self.start, self.end = start, start + len(parts)
        if parts != self.parts:
            self.hide()
            self.parts, self.form = parts, None

    def show(self, cells: Cells) -> None:
        """Encodes the values; takes the place of what was shown before."""
        form, kinds = self.form, set(map(type, cells))
        if form is None or self.places is not None or not self._fits(cells, kinds):
            form = self.form = self._compile(cells)
        if self.places is not None:
            cells = [cells[place] for place in self.places]
        if bool in kinds and not self.whole:
            cells = list(map(pos, cells))  # +True is 1
        if form:
            self.family.blocks[self] = form % tuple(cells)
        else:
            self.family.blocks.pop(self, None)

    def hide(self) -> None:
        """Shows nothing until the next `show`."""
        if self.family.blocks.pop(self, None) is not None:
            self._stir_rivals()

    def remove(self) -> None:
        """Shows nothing for ever."""
        self.hide()
        self.rivals.remove(self)

    def _fits(self, cells: Cells, kinds: set[type]) -> bool:
        if self.whole:
            return kinds <= _WHOLE and _finite(cells)
        if kinds == _FLOATS:  # infinities do not cancel each other: their sum is no number
            return isfinite(sum(cells))
        return kinds <= _NUMBERS and _finite(cells)

    def _compile(self, cells: Cells) -> bytes:
        before = self._shown() if len(self.rivals) > 1 else frozenset()
        taken = frozenset().union(*(r._shown() for r in self.rivals if r is not self))
        lines: dict[str, int] = {}  # labels of a part → place; a second one of a name is left out
        for place, (part, cell) in enumerate(zip(self.parts, cells, strict=True)):
            text = _part(part)
            if type(cell) in _NUMBERS and _finite((cell,)) and text not in taken:
                lines.setdefault(text, place)
        self.places = None if len(lines) == len(self.parts) else tuple(lines.values())
        self.whole = _WHOLE.issuperset(type(cells[place]) for place in lines.values())
        head = f"{self.family.name}{{{self.labels}".replace("%", "%%")
        mark = "%d" if self.whole else "%r"  # repr: all 17 digits
        if before != lines.keys():
            self._stir_rivals()
        return "".join(f"{head}{part.replace('%', '%%')}}} {mark}\n" for part in lines).encode()

    def _shown(self) -> frozenset[str]:
        """Labels of the parts that are shown now."""
        if self not in self.family.blocks:
            return frozenset()
        places = range(len(self.parts)) if self.places is None else self.places
        return frozenset(_part(self.parts[place]) for place in places)

    def _stir_rivals(self) -> None:
        """Two probes may bring one reading: the first keeps it until its poll lacks it; then it is
        the other's. So after a change of parts each rival looks anew at its next poll."""
        for rival in self.rivals:
            if rival is not self:
                rival.form = None


def _part(part: str) -> str:
    return "," + label("part", part) if part else ""


def _finite(numbers: Cells) -> bool:
    try:
        return isfinite(sum(map(abs, numbers)))
    except OverflowError:  # an int beyond any float: Prometheus refuses the whole page
        return False
