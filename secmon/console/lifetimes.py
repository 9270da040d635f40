"""How long a device's warranty and service life still last (DB33/T 830-2011, 5.1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from secmon.core.model import Device
from secmon.standard.tables import Kind, ServiceLife

SOON_DAYS = 90  # from here on a page says so in colour


class Pace(StrEnum):
    """How much is left."""

    LONG = "long"
    SOON = "soon"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Span:
    """Something that ends on a day. `left_days` < 0: it ended so long ago."""

    end: date
    left_days: int

    @property
    def pace(self) -> Pace:
        if self.left_days < 0:
            return Pace.OVER
        return Pace.SOON if self.left_days <= SOON_DAYS else Pace.LONG


@dataclass(frozen=True, slots=True)
class Life:
    """Years of service life and whose word that is; `span` is None where nobody says since when."""

    years: int
    printed: str  # the standard's name for this sort of device, with the row; empty: site's own
    suggested: bool  # the standard does not print this kind of device: ours
    span: Span | None


def warranty(device: Device, today: date) -> Span | None:
    end = day_of(device.warranty_until)
    return Span(end, (end - today).days) if end else None


def service_life(
    device: Device,
    kinds: Mapping[str, Kind],
    lives: Mapping[str, ServiceLife],
    today: date,
    language: str,
) -> Life | None:
    """The site file's years, else those of 5.1.2; None where neither says."""
    kind = kinds.get(device.kind)
    row = lives.get(kind.service_life) if kind and kind.service_life else None
    years = device.service_life or (row.years if row else None)
    if years is None:
        return None
    since = day_of(device.installed) or day_of(device.accepted)
    end = _years_on(since, years) if since else None
    span = Span(end, (end - today).days) if end else None
    if device.service_life or row is None or kind is None:
        return Life(years, "", False, span)
    name = row.zh if language == "zh" else row.en
    return Life(years, f"{row.clause} {name}", kind.suggested, span)


def day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _years_on(day: date, years: int) -> date | None:
    """None beyond the calendar's end."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        try:
            return day.replace(year=day.year + years, day=28)  # the 29th of February
        except ValueError:
            return None
