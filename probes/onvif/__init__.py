"""ONVIF cameras, encoders, recorders: do they answer, log us in, keep time, offer their channels.

Plain HTTP only: no password is sent, and nothing that is asked here is a secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from probes.onvif.presets import Presets
from probes.onvif.probe import Known, OnvifProbe
from probes.onvif.recall import Recall
from probes.onvif.session import log_in
from probes.onvif.stops import Pace
from secmon.api import Driver, Part, Probe, Target
from secmon.api import Options as ApiOptions

ASKING_S = 15.0  # for the clock, profiles and presets, before a walk

Channel = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]


class Options(ApiOptions):
    port: int = Field(default=80, ge=1, le=65535)
    channels: tuple[Channel, ...] = Field(default=(), max_length=256)
    """Tokens or names of media profiles that the device must offer; the first is the main one.
    Empty: whatever it offers."""
    presets: Presets | None = None

    @field_validator("channels")
    @classmethod
    def _each_once(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(channels)) != len(channels):
            raise ValueError("each channel once")
        return channels


class Profile(ApiOptions):
    """Nothing of the driver's own: ONVIF devices describe themselves."""


class Shared:
    """What is known of each device while the daemon runs. `turn` is held by the one camera of the
    site whose head moves."""

    def __init__(self, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self.turn = asyncio.Lock()
        self._known: dict[tuple[str, str, int], Known] = {}

    def known(self, target: Target, port: int) -> Known:
        """All is forgotten when the credentials change."""
        key, fresh = (target.device, target.address, port), log_in(target.credentials)
        found = self._known.get(key)
        if found is None or not found.log_in.same(fresh):
            found = self._known[key] = Known(fresh)
        return found


@asynccontextmanager
async def shared() -> AsyncIterator[Shared]:
    """The one of the daemon."""
    yield Shared()


@asynccontextmanager
async def connect(
    target: Target, options: Options, profile: Profile | None
) -> AsyncIterator[Probe]:
    """A probe of one device; each poll opens its own connection. Raises Refused for credentials
    that cannot be sent."""
    if target.now is None:
        raise ValueError("onvif needs the time: it signs by the device's clock, and judges it")
    ours = target.shared if isinstance(target.shared, Shared) else Shared()
    known = ours.known(target, options.port)
    recall = None
    if options.presets is not None:
        recall = Recall(options.presets, target, target.now, ours.turn, ours.pace)
    yield OnvifProbe(target, options.port, options.channels, known, target.now, recall=recall)


def brings(options: Options, profile: Profile | None, parts: Mapping[str, Part]) -> list[str]:
    """A device that tells no time at all is one to look at."""
    wanted = [options.channels and "channel_present", options.presets and "preset_present"]
    return ["clock_offset_seconds", *(name for name in wanted if isinstance(name, str))]


def least_timeout(options: Options) -> float:
    """Seconds: a walk to one preset and back must fit into a poll, whatever is asked before it."""
    moves = options.presets is not None and options.presets.recall
    return Pace().walk + ASKING_S if moves else 0.0


DRIVER = Driver(
    "onvif", Options, Profile, connect, brings=brings, shared=shared, least_timeout=least_timeout
)
