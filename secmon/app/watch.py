"""The watch as a device: every half a minute it is asked how many people are on duty (4.4.1.1).

It is polled like any other, so that a gap is a fault, a series and a ticket by the same rules.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from secmon.api import Credentials, Driver, Options, Probe, Reading, Target
from secmon.core.model import Device
from secmon.core.roster import Cover
from secmon.loading import Loaded
from secmon.loading.duty import DEVICE
from secmon.shell.poller import Setup


class NoOptions(Options):
    """Nobody writes this probe down."""


@dataclass(frozen=True, slots=True)
class _Roster:
    """Reads nothing from the wire: `cover` is the roster as it is."""

    cover: Callable[[], Cover | None]
    now: Callable[[], datetime]

    async def read(self) -> Sequence[Reading]:
        """How many people are on duty; nothing before the roster's first day."""
        cover, now = self.cover(), self.now()
        if cover is None or now < cover.duty.begins:
            return ()
        return [Reading("duty_people", len(cover.on(now)))]


def is_equipment(device: Device) -> bool:
    """All but the watch itself, which no figure of the month counts."""
    return device.kind != DEVICE


def watch_setups(
    loaded: Loaded, cover: Callable[[], Cover | None], now: Callable[[], datetime]
) -> list[Setup]:
    """The watch's probe where the site file has a roster, else none."""
    device = loaded.policy.devices.get(DEVICE)
    if loaded.policy.duty is None or device is None:
        return []

    @asynccontextmanager
    async def connect(_: Target, __: NoOptions, ___: None) -> AsyncIterator[Probe]:
        yield _Roster(cover, now)

    plan = device.probes[0]
    driver: Driver[Any, Any] = Driver(DEVICE, NoOptions, None, connect, needs_address=False)
    return [
        Setup(
            device=DEVICE,
            label=plan.label,
            driver=driver,
            options=NoOptions(),
            profile=None,
            address="",
            interval=plan.interval,
            timeout=plan.timeout,
            credentials=Credentials(),
            parts={},
            bus=None,
            fingerprint=DEVICE,
        )
    ]
