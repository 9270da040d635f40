"""How people write durations in every file of ours: `10s 5m 4h 14d`, never a bare number."""

from __future__ import annotations

from datetime import timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = 100 * 365 * 86400  # seconds


def duration(text: str) -> timedelta:
    """`90s`, `0.5h` → timedelta. Raises ValueError for anything else, a bare number too."""
    digits, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not digits.isascii() or not digits.replace(".", "", 1).isdecimal():
        raise ValueError("expected a duration like 10s, 5m, 4h or 14d")
    seconds = float(digits) * _UNITS[unit]
    if seconds > _LONGEST:
        raise ValueError("expected a duration of at most 36500d")
    return timedelta(seconds=seconds)


def written(length: timedelta) -> str:
    """The shortest text that `duration` reads back: 120 s is `2m`."""
    seconds = length.total_seconds()
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{int(seconds // _UNITS[unit])}{unit}"
    return f"{seconds:g}s"
