"""A measured figure, the limit it is held to, and how both are printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

AT_MOST, AT_LEAST = "<=", ">="


@dataclass(frozen=True, slots=True)
class Limit:
    """What the figure must not pass: `op` is AT_MOST or AT_LEAST."""

    op: str
    value: float

    def kept(self, value: float) -> bool:
        return value <= self.value if self.op == AT_MOST else value >= self.value


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the output. Without a limit it only informs."""

    name: str
    value: float
    unit: str
    limit: Limit | None = None
    note: str = ""

    @property
    def missed(self) -> bool:
        return self.limit is not None and not self.limit.kept(self.value)

    def __str__(self) -> str:
        text = f"  {self.name}: {written(self.value)} {self.unit}"
        if self.limit is not None:
            verdict = "MISSED" if self.missed else "ok"
            text += f" (limit {self.limit.op} {written(self.limit.value)}) {verdict}"
        return text + (f" - {self.note}" if self.note else "")


Show = Callable[[Figure], None]  # prints a figure at once, and remembers a missed limit


def at_most(value: float) -> Limit:
    return Limit(AT_MOST, value)


def at_least(value: float) -> Limit:
    return Limit(AT_LEAST, value)


def written(value: float) -> str:
    """Three digits that count, more where the number is longer."""
    for digits, least in ((0, 100), (1, 10), (2, 1)):
        if abs(value) >= least:
            return f"{value:.{digits}f}"
    return f"{value:.3f}"


def best(values: Sequence[float]) -> tuple[float, str]:
    """The least of several rounds, since whatever else runs on the machine only adds; and a note
    of how far apart they were."""
    return min(values), f"best of {len(values)}, up to {written(max(values))}"


def rounds(values: Sequence[float]) -> tuple[float, str]:
    """The median of several rounds, and all of them."""
    return median(values), f"median of {', '.join(map(written, values))}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not pass."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]
