"""The whole page of /metrics: polls are encoded as they come, a scrape only joins blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry

from secmon.adapters.exposition.catalogue import Catalogue
from secmon.adapters.exposition.daemon import DaemonMetrics, daemon_text
from secmon.adapters.exposition.device import DeviceSeries
from secmon.adapters.exposition.present import (
    World,
    faults_text,
    maintenance_text,
    tickets_text,
)
from secmon.adapters.exposition.text import labels
from secmon.core.model import Device, Observation, Policy

BREATH_BYTES = 1 << 18  # so much is joined at most times before the loop gets its turn


class Exposition:
    """Takes every observation as it comes and renders the page at any moment."""

    def __init__(self, policy: Policy, registry: CollectorRegistry) -> None:
        self.daemon = DaemonMetrics.register(registry)
        self._registry = registry
        self._catalogue = Catalogue()
        self._devices: dict[str, DeviceSeries] = {}
        self._labels: dict[str, str] = {}
        self._channels: frozenset[str] = frozenset()
        self.covered: Callable[[datetime], Mapping[str, str]] = lambda _: {}
        """Devices that a window covers now → `mute` or `skip`."""
        self.set_policy(policy)

    def set_policy(self, policy: Policy) -> None:
        """At start and after a reload: what is gone vanishes, what is untouched stays."""
        self._policy = policy
        self._catalogue.learn(policy.words)
        channels = frozenset(policy.channels)
        self.daemon.know_channels(self._channels - channels, channels)
        self._channels = channels
        self._labels = {id_: _labels(policy.site, dev) for id_, dev in policy.devices.items()}
        for id_, series in list(self._devices.items()):
            if series.labels != self._labels.get(id_):
                self._devices.pop(id_).remove()
        for id_, device in policy.devices.items():
            known = self._devices.get(id_)
            if known is None:
                made = DeviceSeries(self._catalogue, device, self._labels[id_])
                self._devices[id_] = made
            elif known.device != device:
                known.update(device)

    def observe(self, obs: Observation, duration_s: float) -> None:
        """One poll; that of a device that was removed meanwhile is dropped."""
        device = self._devices.get(obs.device)
        if device is not None:
            device.observe(obs, duration_s)

    def pause(self, device: str) -> None:
        """It is left alone for now: what it said vanishes, as if it had never been asked."""
        if device in self._devices:
            self._devices[device].pause()

    def learn(self, facts: Mapping[str, Mapping[str, str]]) -> None:
        """Facts by device that the store kept: `secmon_device_info` is whole from the start."""
        for id_, known in facts.items():
            if id_ in self._devices:
                self._devices[id_].learn(known)

    def skipped(self, polls: int = 1) -> None:
        """Polls were left out: the one before was not done in time."""
        self.daemon.polls_skipped.inc(polls)

    def late(self, seconds: float) -> None:
        """How long after its time a poll began."""
        self.daemon.poll_lateness.observe(seconds)

    def render(self, world: World, openmetrics: bool, now: datetime) -> bytes:
        """The page in one piece and one go."""
        return b"".join(self._pieces(world, openmetrics, now))

    async def render_slowly(self, world: World, openmetrics: bool, now: datetime) -> list[bytes]:
        """The page in pieces; between them the loop goes on, and polls may come in."""
        page: list[bytes] = []
        since = 0
        for piece in self._pieces(world, openmetrics, now):
            page.append(piece)
            since += len(piece)
            if not piece or since > BREATH_BYTES:
                since = 0
                await asyncio.sleep(0)
        return page

    def _pieces(self, world: World, openmetrics: bool, now: datetime) -> Iterator[bytes]:
        """Whole families, or nothing as a breather after some work."""
        for family in self._catalogue.families():
            if family.blocks:
                yield family.text(openmetrics)
        policy = self._policy
        yield from faults_text(world, policy, self._labels, openmetrics)
        yield maintenance_text(self.covered(now), self._labels, openmetrics)
        yield from tickets_text(world, policy.site, now, openmetrics)
        yield daemon_text(self._registry, policy.site, openmetrics)


def _labels(site: str, device: Device) -> str:
    return labels(site=site, system=device.system, kind=device.kind, device=device.id)
