"""Who hangs on whom: which fault is the root of a silence, and what it hides.

Only silences are hidden, and only behind a parent that is down: unreachable itself, or with the
port or outlet off that feeds the child. A device with several parents is cut off when all are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from secmon.core.model import Device, Feed, Policy

DEPTH = 32  # parents above parents; the loader refuses loops, this bounds what slips through


@dataclass(frozen=True, slots=True)
class Sight:
    """What the topology must be told of the present."""

    down: Callable[[str], bool]  # does this device not answer, with a fault that says so?
    off: Callable[[str, str], bool]  # is this port or outlet off, with a fault that says so?


def root(policy: Policy, sight: Sight, device: Device, depth: int = DEPTH) -> Feed | None:
    """The device, or its port or outlet, whose being down explains this device's silence."""
    if not device.parents or not depth:
        return None
    found = [_cut(policy, sight, feed, depth - 1) for feed in device.parents]
    return None if None in found else found[0]


def _cut(policy: Policy, sight: Sight, feed: Feed, depth: int) -> Feed | None:
    parent = policy.devices.get(feed.device)
    if parent is None:
        return None
    if sight.down(parent.id):
        return root(policy, sight, parent, depth) or Feed(parent.id)
    if feed.part and sight.off(parent.id, feed.part):
        return feed
    if not parent.probes:
        return root(policy, sight, parent, depth)
    return None


def ancestors(policy: Policy, device: Device) -> Iterator[Device]:
    """Every device above this one, nearest first, each once."""
    seen: set[str] = {device.id}
    level = [device]
    for _ in range(DEPTH):
        above: list[Device] = []
        for child in level:
            for feed in child.parents:
                parent = policy.devices.get(feed.device)
                if parent is not None and parent.id not in seen:
                    seen.add(parent.id)
                    above.append(parent)
        yield from above
        if not above:
            return
        level = above
