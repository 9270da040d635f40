"""Float charge of lead-acid batteries, judged against temperature (ours; see docs/rules.md).

Expected volts per cell = v25 + coefficient · (clamp(T, 5, 40) − 25). It is judged only on mains,
not discharging and settled; half the reading's resolution widens the band. Without a temperature
the whole range of 10 to 35 °C is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping

from secmon.core.model import Battery, Value

COLDEST, HOTTEST = 5.0, 40.0  # °C: chargers compensate no further
UNKNOWN = (10.0, 35.0)  # °C: accepted range where no temperature is known
WARN = 0.015  # ours: off by more than this is no longer right


def volts_per_cell(battery: Battery, celsius: float) -> float:
    """What a fully charged cell is floated at, in volts."""
    clamped = min(max(celsius, COLDEST), HOTTEST)
    return battery.v25 + battery.coefficient * (clamped - 25.0)


def expected(battery: Battery, celsius: float | None) -> tuple[float, float]:
    """Lowest and highest right voltage of the whole string, in volts, without tolerance."""
    temperatures = UNKNOWN if celsius is None else (celsius, celsius)
    cells = [volts_per_cell(battery, t) * battery.cells for t in temperatures]
    widen = battery.resolution / 2
    return min(cells) - widen, max(cells) + widen


def deviation(battery: Battery, volts: float, celsius: float | None) -> float:
    """How far the voltage lies outside what is expected, as a share of it; 0 inside."""
    low, high = expected(battery, celsius)
    if volts < low:
        return (volts - low) / low
    if volts > high:
        return (volts - high) / high
    return 0.0


def words(battery: Battery, volts: float, celsius: float | None) -> Mapping[str, Value]:
    """What a notice about the float charge is made of; volts of the string, with tolerance."""
    low, high = expected(battery, celsius)
    off = deviation(battery, volts, celsius)
    judged = "under_charged" if off < 0 else "over_charged" if off > 0 else "right"
    facts: dict[str, Value] = {
        "volts": volts,
        "low": low * (1 - WARN),
        "high": high * (1 + WARN),
        "judgement": judged,
    }
    if celsius is not None:
        facts["celsius"] = celsius
    return facts
