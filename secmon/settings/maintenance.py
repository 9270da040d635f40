"""`maintenance:` of the site file: planned work, once or again and again. CONTRACT, section 3.

Times are the site's wall clock. `every` is a day or days and a time of day: `day 03:00-04:00`,
`mon-fri 02:00-03:00`, `sat,sun 01:00-05:00`, `1st sun 03:00-05:00`, `last fri 22:00-02:00`,
`1,15 02:00-03:00` (days of the month).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, PlainValidator, model_validator

from secmon.settings.values import STRICT, Id, Name, Text, times_of_day

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NTH = {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "last": -1}
_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)", re.ASCII)
_EVERY = (
    'expected days and times like "sun 03:00-04:00", "1st sat …", "mon-fri …", "1,15 …", "day …"'
)


@dataclass(frozen=True, slots=True)
class Again:
    """As windows.Every, without a zone."""

    start: int
    end: int
    weekdays: frozenset[int] = frozenset(range(7))
    nth: int = 0
    days: frozenset[int] = frozenset()
    said: str = ""


def _moment(value: object) -> datetime:
    """Naive: the site's wall clock."""
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found:
        try:
            return datetime(*(int(part) for part in found.groups()))  # type: ignore[arg-type]
        except ValueError:
            pass
    raise ValueError('expected a local time like "2026-12-01 09:00", in quotes')


def _again(value: object) -> Again:
    words = value.lower().split() if isinstance(value, str) else []
    return replace(_parsed(words), said=" ".join(words))


def _parsed(words: list[str]) -> Again:
    if not 2 <= len(words) <= 3:
        raise ValueError(_EVERY)
    try:
        start, end = times_of_day(words[-1], whole_day=True)
    except ValueError:
        raise ValueError(_EVERY) from None
    if len(words) == 3:
        if words[0] not in NTH or words[1] not in DAYS:
            raise ValueError(_EVERY)
        return Again(start, end, frozenset((DAYS.index(words[1]),)), NTH[words[0]])
    if words[0] in ("day", "daily"):
        return Again(start, end)
    named = words[0].split(",")
    if all(one.isascii() and one.isdecimal() and 1 <= int(one[:3]) <= 31 for one in named):
        return Again(start, end, days=frozenset(int(one) for one in named))
    return Again(start, end, frozenset(day for one in named for day in _weekdays(one)))


def _weekdays(text: str) -> list[int]:
    """`mon`, or `fri-mon`, over the week's end too."""
    first, dash, last = text.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise ValueError(_EVERY)
    start, end = DAYS.index(first), DAYS.index(last or first)
    return [day % 7 for day in range(start, end + 1 if end >= start else end + 8)]


def _some(value: object) -> object:
    """One id may stand without brackets."""
    return value if isinstance(value, list) else [value]


Moment = Annotated[datetime, PlainValidator(_moment)]
Recurring = Annotated[Again, PlainValidator(_again)]


class WindowEntry(BaseModel):
    """One window: what, when, and what becomes of what it covers."""

    model_config = STRICT

    id: Name
    name: Text = ""
    devices: Annotated[list[Id], BeforeValidator(_some), Field(min_length=1, max_length=1000)] = []
    system: Text = ""
    site: Literal[True] | None = None
    start: Moment | None = None
    end: Moment | None = None
    every: Recurring | None = None
    do: Literal["mute", "skip"] = "mute"

    @model_validator(mode="after")
    def _is_whole(self) -> WindowEntry:
        if bool(self.devices) + bool(self.system) + bool(self.site) != 1:
            raise ValueError("expected one of the keys devices, system, and site: true")
        once = self.start is not None and self.end is not None
        half = (self.start is None) != (self.end is None)
        if half or once == (self.every is not None):
            raise ValueError("expected the keys start and end, or every")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("expected an end after the start")
        return self
