"""Numbers as people read them: rounded by unit, never so far that value and limit look alike."""

from __future__ import annotations

import math
from collections.abc import Mapping

Words = Mapping[str, str]

MOST_DIGITS = 6
STEPS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
SCALES = (("G", 1e9), ("M", 1e6), ("k", 1e3))


def quantity(value: float, unit: str, units: Words, durations: Words, *, more: int = 0) -> str:
    """`27.1 °C`, `13.50 V`, `85%`, `10 min`; `more` adds digits behind the point."""
    if not math.isfinite(value):
        return units["none"]
    match unit:
        case "ratio":
            percent = value * 100
            return f"{_decimal(percent, (0 if abs(percent) >= 10 else 1) + more)}%"
        case "s":
            return duration(value, durations) if not more else f"{_decimal(value, more)} s"
        case "V" if abs(value) < 100:
            return f"{value:.{2 + more}f} V"
        case "B" | "B/s":
            return f"{_scaled(value, more)}{unit}"
        case "1/s":
            return units["per_second"].format(n=_decimal(value, 2 + more))
        case "°C/min":
            return units["per_minute"].format(n=_decimal(value, 1 + more))
        case "":
            return _decimal(value, _significant(value) + more)
    return f"{_decimal(value, 1 + more)} {unit}"


def pair(value: float, limit: float, unit: str, units: Words, durations: Words) -> tuple[str, str]:
    """Value and limit, with as many digits as it takes to tell them apart."""
    shown = ("", "")
    for more in range(MOST_DIGITS):
        shown = (
            quantity(value, unit, units, durations, more=more),
            quantity(limit, unit, units, durations, more=more),
        )
        if shown[0] != shown[1] or value == limit:
            break
    return shown


def duration(seconds: float, words: Words) -> str:
    """The two greatest units: `1 h 20 min`, `45 s`."""
    left = round(abs(seconds))
    if left >= 3600:
        left = round(left / 60) * 60
    parts = []
    for name, length in STEPS:
        count, left = divmod(left, length)
        if count:
            parts.append(words[name].format(n=count))
        elif parts:
            break
        if len(parts) == 2:
            break
    sign = "-" if seconds <= -0.5 else ""
    return sign + (words["join"].join(parts) or words["s"].format(n=0))


def _decimal(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _significant(value: float) -> int:
    """Digits behind the point that make three significant ones."""
    if isinstance(value, int) or value == 0:
        return 0
    return max(0, min(MOST_DIGITS, 2 - math.floor(math.log10(abs(value)))))


def _scaled(value: float, more: int) -> str:
    for prefix, factor in SCALES:
        if abs(value) >= factor:
            return f"{_decimal(value / factor, 1 + more)} {prefix}"
    return f"{_decimal(value, more)} "
