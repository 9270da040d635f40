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


def root(policy: Policy, sight: Sight, device: Device) -> Feed | None:
    """The device, or its port or outlet, whose being down explains this device's silence."""
    return _root(policy, sight, device, frozenset(), {})


Known = dict[str, Feed | None]


def _root(
    policy: Policy, sight: Sight, device: Device, below: frozenset[str], known: Known
) -> Feed | None:
    """`below`: the devices on the way here, `known`: what was found out on other ways."""
    if device.id not in known:
        path = below | {device.id}
        found = [_cut(policy, sight, feed, path, known) for feed in device.parents]
        known[device.id] = None if not found or None in found else found[0]
    return known[device.id]


def _cut(
    policy: Policy, sight: Sight, feed: Feed, below: frozenset[str], known: Known
) -> Feed | None:
    parent = policy.devices.get(feed.device)
    if parent is None or parent.id in below:
        return None
    if sight.down(parent.id):
        return _root(policy, sight, parent, below, known) or Feed(parent.id)
    if feed.part and sight.off(parent.id, feed.part):
        return feed
    if not parent.probes:
        return _root(policy, sight, parent, below, known)
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


def below(policy: Policy, device_id: str) -> Iterator[str]:
    """Devices whose nearest parent that can be asked may be this one, each once."""
    seen, mute = {device_id}, [device_id]
    while mute:
        for child in policy.children.get(mute.pop(), ()):
            if child not in seen:
                seen.add(child)
                yield child
                if not policy.devices[child].probes:
                    mute.append(child)
