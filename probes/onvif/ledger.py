"""What is remembered of a head over restarts: where it must go back to, what each recall found.

Kept as JSON in the device's memory. What cannot be read there counts as nothing remembered, and a
memory that does not give back what was put there is none: then the head is never moved.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime

from probes.wire.ptz import Position
from secmon.api import Memory, StoreDown

KEY = "presets"
TRIES_SPARE = 3  # more recalls a day of one preset, where an operator or a crash cut it short
TRIES_BACK = 5  # times that the head is told to go back


@dataclass(slots=True)
class Away:
    """The head was sent from `home` and is not back yet, as far as is known. `left`: the places
    where a walk may have left it; `blindly`: it may also be where nobody can tell beforehand."""

    home: Position
    left: list[Position]
    blindly: bool = False
    tries: int = 0
    failed: bool = False
    way: str = ""  # token of a preset that stands at home, where no position can be gone to
    doubt: str = ""  # the preset that led elsewhere, unless somebody else moved the head
    doubt_ratio: float | None = None  # how far off


@dataclass(slots=True)
class Record:
    """Of one preset that may be recalled. `times` (verdicts), `tries` (moves): of `day`, local."""

    day: str = ""
    times: int = 0
    tries: int = 0
    at: str = ""  # of the latest recall, ISO 8601 in UTC
    fresh: bool = False  # not told yet: the poll that found it failed later on
    reached: bool | None = None  # None: it told nothing
    ratio: float | None = None
    baseline: Position | None = None
    baseline_of: str = ""  # token of the preset that stood there

    def on(self, day: date) -> Record:
        """The same, counted for this day."""
        if self.day != day.isoformat():
            self.day, self.times, self.tries = day.isoformat(), 0, 0
        return self

    @property
    def moment(self) -> datetime | None:
        return datetime.fromisoformat(self.at) if self.at else None


@dataclass(slots=True)
class Ledger:
    away: Away | None = None
    told: bool = False  # the camera has told a position other than zero
    blind: bool = False  # it told zero, wherever it was sent
    records: dict[str, Record] = field(default_factory=dict)

    def of(self, name: str) -> Record:
        return self.records.setdefault(name, Record())

    def keep_only(self, names: Iterable[str]) -> bool:
        """Forgets what is no longer recalled, its baseline too. True if there was such."""
        gone = self.records.keys() - set(names)
        for name in gone:
            del self.records[name]
        return bool(gone)


async def read(memory: Memory) -> Ledger:
    """Raises StoreDown."""
    raw = await memory.get("", KEY)
    try:
        return _ledger(json.loads(raw)) if raw else Ledger()
    except (ValueError, TypeError, KeyError, AttributeError):
        return Ledger()


async def write(memory: Memory, ledger: Ledger) -> bool:
    """True if it will be there after a crash."""
    made = json.dumps(asdict(ledger), ensure_ascii=False).encode()
    try:
        await memory.put("", KEY, made)
        return await memory.get("", KEY) == made
    except (StoreDown, ValueError):
        return False


def _ledger(made: Mapping[str, object]) -> Ledger:
    away, records = made["away"], made["records"]
    if not isinstance(records, dict):
        raise TypeError
    return Ledger(
        _away(away) if isinstance(away, dict) else None,
        bool(made["told"]),
        bool(made["blind"]),
        {name: _record(one) for name, one in records.items()},
    )


def _away(made: Mapping[str, object]) -> Away:
    values = dict(made)
    home, left = values.pop("home"), values.pop("left")
    if not isinstance(home, dict) or not isinstance(left, list):
        raise TypeError
    return Away(home=Position(**home), left=[Position(**one) for one in left], **values)  # type: ignore[arg-type]  # by its own writer


def _record(made: Mapping[str, object]) -> Record:
    values = dict(made)
    place = values.pop("baseline")
    record = Record(**values)  # type: ignore[arg-type]  # by its own writer
    record.baseline = Position(**place) if isinstance(place, dict) else None
    return record
