"""What all Modbus probes of the daemon share: lines, compiled plans, what is known of each unit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from probes.modbus.line import Lines
from probes.modbus.plan import Plans, compiled
from probes.modbus.probe import Unit
from probes.modbus.profile import Options, Profile
from secmon.api import Part, Target

Wiring = frozenset[tuple[str, str, bool]]
"""Part, reading and inversion, where the site file says something of an input."""


class Shared:
    """Entered once per daemon."""

    def __init__(self) -> None:
        self.lines = Lines()
        self._plans: WeakValueDictionary[tuple[Profile, Wiring], Plans] = WeakValueDictionary()
        self._units: dict[tuple[str, str, int, int], Unit] = {}

    def unit(self, target: Target, options: Options, profile: Profile) -> Unit:
        """What is known of the target's unit; all is forgotten when its profile changes."""
        plans = self._compiled(profile, target.parts)
        key = (target.device, target.address, options.port, options.unit)
        known = self._units.get(key)
        if known is None or known.plans is not plans:
            known = self._units[key] = Unit(options.unit, plans)
        return known

    def _compiled(self, profile: Profile, parts: Mapping[str, Part]) -> Plans:
        """The same plans for all devices of one model that are wired alike."""
        wiring = (
            (name, part.reading, part.invert)
            for name, part in parts.items()
            if part.reading or part.invert
        )
        key = (profile, frozenset(wiring))
        plans = self._plans.get(key)
        if plans is None:
            plans = self._plans[key] = compiled(profile, parts)
        return plans


@asynccontextmanager
async def shared() -> AsyncIterator[Shared]:
    """The one of the daemon."""
    yield Shared()
