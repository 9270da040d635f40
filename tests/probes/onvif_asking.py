"""Polls an ONVIF device that a test plays."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from probes.onvif import DRIVER, Options, Shared
from secmon.api import Batch, Probe, ProbeError, Value
from tests.probes.loopback import serving, target
from tests.probes.onvif_device import PASSWORD, USER, Device

ORDINARY = ["GetSystemDateAndTime", "GetProfiles"]  # what all polls ask, and most no more
GOOD = {"username": USER, "password": PASSWORD}


def values(batch: object) -> dict[tuple[str, str], Value]:
    assert isinstance(batch, Batch)
    keys = zip(batch.layout.names, batch.layout.parts, strict=True)
    return dict(zip(keys, batch.values, strict=True))


def facts(batch: object) -> dict[str, str]:
    assert isinstance(batch, Batch)
    return dict(batch.facts)


@asynccontextmanager
async def asking(
    device: Device, *channels: str, shared: Shared | None = None, **credentials: str
) -> AsyncIterator[Probe]:
    async with serving(device.talk) as port:
        options = Options(port=port, channels=channels)
        aim = target(shared=shared, **(credentials or GOOD))
        async with DRIVER.connect(aim, options, None) as probe:
            yield probe


async def failure(device: Device, **credentials: str) -> ProbeError:
    async with asking(device, shared=None, **credentials) as probe:
        with pytest.raises(ProbeError) as caught:
            await probe.read()
        return caught.value
