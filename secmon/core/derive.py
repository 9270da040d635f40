"""The observation before and this one → rates, utilization, rate of rise, float charge, schedule.

Which readings are derived, and from what, stands in the vocabulary (`derive` column):
`rate(counter)`, `utilization(counter, speed)`, `rise(reading, minutes m)`, `schedule(flag)`,
`float_deviation(volts)`, `float_ok(volts)`, `restarts(uptime)`. Derived values are appended to the
observation, so rules and `/metrics` see no difference. What cannot be known this time is left out,
never guessed.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo

from secmon.core import floating
from secmon.core.boots import Boots
from secmon.core.model import Battery, Device, Layout, Observation, Value, Word

_CALL = re.compile(r"(\w+)\(([^)]*)\)")
_SAMPLES = 32  # kept per window of a rate of rise
FINE = 1e6  # parts of a utilization: the clocks of two polls tell no more, and its text is short
_LAYOUTS = 50_000  # kept for others to share

RESTING = "resting_since"  # fact: the battery is on mains and not discharging since then

Got = list[float | bool | None]
Step = Callable[[Observation, float], Got]  # (observation, seconds since the last) → values
OVER_TIME = frozenset(("rate", "utilization"))  # derivations that compare two polls


def parse(text: str) -> tuple[str, tuple[str, ...]]:
    """`rise(temperature_celsius, 10m)` → ("rise", ("temperature_celsius", "10m"))."""
    found = _CALL.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"expected name(reading, …) (got {text!r})")
    return found[1], tuple(part.strip() for part in found[2].split(","))


class Layouts:
    """One object for equal layouts: a thousand devices of one model share theirs, and with it all
    that was compiled for it."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, ...], tuple[str, ...]], Layout] = {}

    def same(self, layout: Layout) -> Layout:
        """The first of all layouts that say what this one says."""
        if len(self._known) > _LAYOUTS:
            self._known.clear()
        return self._known.setdefault((layout.names, layout.parts), layout)


class Deriver:
    """Follows one probe of one device. Given the same observations it says the same."""

    def __init__(
        self,
        device: Device,
        words: Mapping[str, Word],
        zone: tzinfo,
        interval: float,
        resting_since: datetime | None = None,
        *,
        layouts: Layouts | None = None,
        boots: Boots | None = None,
    ) -> None:
        """`resting_since`: the fact of that name from before a short restart, else None.
        `layouts`: shared with the other devices. `boots`: what is known of its restarts."""
        self._device = device
        self._zone = zone
        self._interval = interval
        self._words = [word for word in words.values() if word.derive]
        self._last: Observation | None = None
        self._carried: Got = []
        self._layout: Layout | None = None
        self._steps: list[tuple[Step, slice | None]] = []  # slice: its place, if it is over time
        self._names: tuple[str, ...] = ()
        self._parts: tuple[str, ...] = ()
        self._layouts: dict[tuple[int, ...], Layout] = {}
        self._rises: dict[tuple[str, str], deque[tuple[float, float]]] = {}
        self._shared = layouts or Layouts()
        self._boots = boots or Boots({})
        self._resting_since = resting_since
        self._settled_from: float | None = None
        self._settled_tick: float | None = None

    def extend(self, seen: Observation) -> Observation:
        """The observation with all that can be derived from it and those before."""
        if seen.failure is not None:
            return seen
        seen = self._settle(seen)
        if booted := self._boots.follow(seen):
            seen = replace(seen, facts={**seen.facts, **booted})
        if seen.layout is not self._layout:
            self._compile(seen.layout)
        if not self._steps:
            return seen
        values = self._derive(seen)
        missing: tuple[int, ...] = ()
        if None in values:
            missing = tuple(i for i, value in enumerate(values) if value is None)
        layout = self._layouts.get(missing) or self._arrange(seen.layout, missing)
        known = values if not missing else [v for v in values if v is not None]
        return Observation(
            seen.device,
            seen.probe,
            seen.at,
            seen.tick,
            layout,
            [*seen.values, *known],
            None,
            seen.facts,
            seen.evidence,
            seen.repeated,
        )

    def _derive(self, seen: Observation) -> Got:
        last = self._last
        if last is not None and last.layout is seen.layout:
            passed = seen.tick - last.tick
            if 0 <= passed < self._interval / 2 and len(self._carried) == len(self._names):
                return self._again(seen)
            if not _restarted(last, seen):
                return self._remember(seen, self._all(seen, passed))
        return self._remember(seen, self._all(seen, 0.0))

    def _all(self, seen: Observation, passed: float) -> Got:
        out: Got = []
        for step, _ in self._steps:
            out += step(seen, passed)
        return out

    def _again(self, seen: Observation) -> Got:
        """Asked again at once: too short a time for a rate, so the last one holds."""
        out: Got = []
        for step, place in self._steps:
            out += self._carried[place] if place is not None else step(seen, 0.0)
        return out

    def _remember(self, seen: Observation, values: Got) -> Got:
        self._last = seen
        self._carried = values
        return values

    # --- one layout ---

    def _compile(self, layout: Layout) -> None:
        self._layout, self._last, self._layouts = layout, None, {}
        self._steps = []
        names: list[str] = []
        parts: list[str] = []
        for word in self._words:
            kind, args = parse(word.derive)
            if args[0] not in layout.spans:
                continue
            step = self._step(kind, args, layout)
            if step is None:
                continue
            start, end = layout.spans[args[0]]
            place = slice(len(names), len(names) + end - start) if kind in OVER_TIME else None
            self._steps.append((step, place))
            names += [word.name] * (end - start)
            parts += layout.parts[start:end]
        self._names, self._parts = tuple(names), tuple(parts)

    def _arrange(self, layout: Layout, missing: tuple[int, ...]) -> Layout:
        gone = frozenset(missing)
        keep = [i for i in range(len(self._names)) if i not in gone]
        made = self._shared.same(
            Layout(
                layout.names + tuple(self._names[i] for i in keep),
                layout.parts + tuple(self._parts[i] for i in keep),
            )
        )
        if len(self._layouts) > _SAMPLES:
            self._layouts.clear()
        self._layouts[missing] = made
        return made

    def _step(self, kind: str, args: tuple[str, ...], layout: Layout) -> Step | None:
        span = layout.spans[args[0]]
        match kind:
            case "rate":
                return lambda seen, passed: self._rates(seen, span, passed)
            case "utilization" if args[1] in layout.spans:
                return self._utilization(span, layout, args[1])
            case "rise":
                window = float(args[1].removesuffix("m")) * 60
                return lambda seen, _: self._rise(seen, args[0], span, window)
            case "schedule" if any(part.armed for part in self._device.parts.values()):
                return lambda seen, _: self._late(seen, span)
            case "float_deviation" | "float_ok" if self._device.battery is not None:
                ok = kind == "float_ok"
                return lambda seen, _: self._float(seen, span, ok)
            case "restarts":
                return lambda seen, _: [float(self._boots.of_late(seen.at))] * (span[1] - span[0])
        return None

    # --- the derivations ---

    def _rates(self, seen: Observation, span: tuple[int, int], passed: float) -> Got:
        start, end = span
        if passed <= 0 or self._last is None:
            return [None] * (end - start)
        before, now = self._last.values[start:end], seen.values[start:end]
        if before == now:  # errors and discards, most of the time
            return [0.0] * (end - start)
        return [
            (new - old) / passed if new >= old else None  # type: ignore[operator]
            for old, new in zip(before, now, strict=True)
        ]

    def _utilization(self, span: tuple[int, int], layout: Layout, speed: str) -> Step:
        first, after = layout.spans[speed]
        speed_of = {layout.parts[i]: i for i in range(first, after)}
        start, end = span
        places = [speed_of.get(part) for part in layout.parts[start:end]]
        aligned = places == list(range(first, after))

        def step(seen: Observation, passed: float) -> Got:
            if passed <= 0 or self._last is None:
                return [None] * (end - start)
            before, now = self._last.values[start:end], seen.values[start:end]
            speeds: Sequence[Value | None] = seen.values[first:after]
            if not aligned:
                speeds = [None if i is None else seen.values[i] for i in places]
            return [
                None
                if not speed or new < old  # type: ignore[operator]
                else int(full * FINE + 0.5) / FINE
                if (full := (new - old) / passed / speed) < 1.0  # type: ignore[operator]
                else 1.0
                for old, new, speed in zip(before, now, speeds, strict=True)
            ]

        return step

    def _rise(self, seen: Observation, name: str, span: tuple[int, int], window: float) -> Got:
        """Per minute, over the window; nothing before half of the window has passed."""
        out: Got = []
        for i in range(*span):
            value = seen.values[i]
            samples = self._rises.setdefault(
                (name, seen.layout.parts[i]), deque(maxlen=2 * _SAMPLES)
            )
            if isinstance(value, str):
                out.append(None)
                continue
            while samples and seen.tick - samples[0][0] > window:
                samples.popleft()
            passed = seen.tick - samples[0][0] if samples else 0.0
            out.append((value - samples[0][1]) * 60 / passed if passed >= window / 2 else None)
            if not samples or seen.tick - samples[-1][0] >= window / _SAMPLES:
                samples.append((seen.tick, float(value)))
        return out

    def _late(self, seen: Observation, span: tuple[int, int]) -> Got:
        local = seen.at.astimezone(self._zone)
        minute = local.hour * 60 + local.minute
        out: Got = []
        for i in range(*span):
            part = self._device.parts.get(seen.layout.parts[i])
            armed = part.armed if part else None
            out.append(None if armed is None else inside(minute, armed) and not seen.values[i])
        return out

    def _settle(self, seen: Observation) -> Observation:
        """Follows how long the battery has been on mains and not discharging; the moment it came
        to rest becomes a fact, so that a short restart need not wait another six hours."""
        battery = self._device.battery
        if battery is None or "battery_voltage_volts" not in seen.layout.spans:
            return seen
        resting = _value(seen, "on_battery") is False and not _value(seen, "battery_discharging")
        gap = self._settled_tick is not None and (
            seen.tick - self._settled_tick > 3 * self._interval
        )
        first, self._settled_tick = self._settled_tick is None, seen.tick
        if not resting:
            if self._settled_from is None and not first:
                return seen
            self._settled_from = None
            return replace(seen, facts={**seen.facts, RESTING: ""})
        if self._settled_from is not None and not gap:
            return seen
        since = self._resting_since if first and self._resting_since else seen.at
        self._settled_from = seen.tick - max((seen.at - since).total_seconds(), 0.0)
        return replace(seen, facts={**seen.facts, RESTING: since.isoformat()})

    def _float(self, seen: Observation, span: tuple[int, int], ok: bool) -> Got:
        battery = self._device.battery
        start = self._settled_from
        if battery is None or start is None or seen.tick - start < battery.settle:
            return [None] * (span[1] - span[0])
        celsius = battery_celsius(seen)
        out: Got = []
        for i in range(*span):
            volts = seen.values[i]
            off = None if isinstance(volts, str) else floating.deviation(battery, volts, celsius)
            out.append(off if off is None or not ok else abs(off) <= floating.WARN)
        return out


def inside(minute: int, window: tuple[int, int]) -> bool:
    """Is this minute of the day in the window? `18:00-07:00` reaches past midnight."""
    start, end = window
    return start <= minute < end if start <= end else minute >= start or minute < end


def battery_celsius(seen: Observation) -> float | None:
    """The battery's own temperature, if this observation has it."""
    value = _value(seen, "battery_temperature_celsius")
    return float(value) if isinstance(value, int | float) else None


def float_words(battery: Battery, seen: Observation, part: str) -> Mapping[str, Value]:
    """What is said of a float charge, as far as this observation has its voltage."""
    place = seen.layout.index("battery_voltage_volts", part)
    volts = seen.values[place] if place is not None else None
    if not isinstance(volts, int | float):
        return {}
    return floating.words(battery, float(volts), battery_celsius(seen))


def _value(seen: Observation, name: str) -> Value | None:
    span = seen.layout.spans.get(name)
    return seen.values[span[0]] if span else None


def _restarted(last: Observation, seen: Observation) -> bool:
    """Did the device start anew in between? Then no counter can be compared. One that is already
    older than it was at the last poll has still lived for less time than has passed."""
    before, now = _value(last, "uptime_seconds"), _value(seen, "uptime_seconds")
    if not isinstance(before, int | float) or not isinstance(now, int | float):
        return False
    return now - before < (seen.tick - last.tick) / 2
