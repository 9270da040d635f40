"""What the site file says of presets: which must be there, which may be driven to, and when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Annotated

from pydantic import Field, PlainValidator, StringConstraints, field_validator, model_validator

from secmon.api import Options

PLAN_MAX = 256
RECALL_MAX = 64
_WINDOW = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of the local day, as minutes from midnight; `end` before `start` is the next day's. A
    night is named by the day on which it starts."""

    start: int
    end: int

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=(self.end - self.start) % (24 * 60))

    def holds(self, now: datetime, zone: tzinfo, for_s: float) -> bool:
        """Is it open now, and still `for_s` seconds on?"""
        later = now + timedelta(seconds=for_s)
        return self._open(now.astimezone(zone)) and self._open(later.astimezone(zone))

    def night(self, at: datetime, zone: tzinfo) -> date:
        """The latest one that had begun."""
        local = at.astimezone(zone)
        return local.date() if _minutes(local) >= self.start else local.date() - _DAY

    def over(self, now: datetime, zone: tzinfo) -> date:
        """The latest one that has ended."""
        local = now.astimezone(zone)
        ended = local.date() if _minutes(local) >= self.end else local.date() - _DAY
        return ended - _DAY if self.end < self.start else ended

    def _open(self, local: datetime) -> bool:
        minute = _minutes(local)
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


def _minutes(local: datetime) -> int:
    return local.hour * 60 + local.minute


def _window(value: object) -> Window:
    found = _WINDOW.fullmatch(value) if isinstance(value, str) else None
    if found:
        hour, minute, end_hour, end_minute = map(int, found.groups())
        start, end = hour * 60 + minute, end_hour * 60 + end_minute
        if max(minute, end_minute) < 60 and start < 24 * 60 >= end and start != end % (24 * 60):
            return Window(start, end % (24 * 60))
    raise ValueError('expected times of day like "01:00-05:00", in quotes')


Name = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]


class Presets(Options):
    """`presets` of a probe. The head moves only for what `recall` names, only inside `window`."""

    plan: tuple[Name, ...] = Field(min_length=1, max_length=PLAN_MAX)
    """Names or tokens that the device must offer."""
    recall: tuple[Name, ...] = Field(default=(), max_length=RECALL_MAX)
    window: Annotated[Window, PlainValidator(_window)] | None = None
    per_day: int = Field(default=1, ge=1, le=24)

    @field_validator("plan", "recall")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if twice := next((one for one in names if names.count(one) > 1), None):
            raise ValueError(f"expected each preset once: {twice!r} is there twice")
        return names

    @model_validator(mode="after")
    def _hang_together(self) -> Presets:
        if stray := next((one for one in self.recall if one not in self.plan), None):
            raise ValueError(f"expected `recall` to name presets of `plan`: {stray!r} is not there")
        if self.recall and self.window is None:
            raise ValueError(
                'expected `window`, the hours in which the head may move, like "01:00-05:00"'
            )
        return self
