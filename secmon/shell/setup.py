"""What polling is given: each probe ready to run, the rest of the house, and the shared lines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from secmon.api import Credentials, Driver, Memory, Options, Part
from secmon.core.derive import Deriver
from secmon.core.model import Observation

DEAD_SHARE = 0.5  # the dead units of a bus get at most this share of its time
DEAD_FLOOR = 0.3  # seconds that even a dead unit is given to answer


@dataclass(frozen=True, slots=True)
class Setup:
    """One probe of one device, ready to run. `fingerprint` changes when anything about it does."""

    device: str
    label: str
    driver: Driver[Any, Any]
    options: Options
    profile: Options | None
    address: str
    interval: float
    timeout: float
    credentials: Credentials
    parts: Mapping[str, Part]
    bus: str | None
    fingerprint: str
    timezone: str = "UTC"  # IANA name of the site's


@dataclass(slots=True)
class Hooks:
    """What polling needs of the rest of the house."""

    observe: Callable[[Observation, float], None]  # an observation, and how long it took
    deriver: Callable[[str, str], Deriver]
    facts: Callable[[str], Mapping[str, str]]  # live view of a device's facts
    memory: Callable[[str], Memory]
    late: Callable[[float], None] = lambda _: None
    skipped: Callable[[int], None] = lambda _: None
    paused: Callable[[str], bool] = lambda _: False
    """Is a device left alone for now? A person may ask it all the same."""


@dataclass(slots=True)
class Bus:
    """Devices that share one line, and which of them did not answer the last time."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # first come, first served
    units: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)

    def heard(self, unit: str, *, answered: bool) -> None:
        """How the latest poll of a unit went."""
        (self.dead.discard if answered else self.dead.add)(unit)

    def patience(self, setup: Setup) -> float:
        """Seconds: all dead units together may use up only a share of the line's time."""
        if setup.device not in self.dead or len(self.units) < 2:
            return setup.timeout
        share = DEAD_SHARE * setup.interval / len(self.dead)
        return min(setup.timeout, max(share, DEAD_FLOOR))
