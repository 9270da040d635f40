"""Who hangs on a device: the silences that an observation of it explains, or no longer does."""

from __future__ import annotations

from secmon.core import raising, topology
from secmon.core.draft import Draft
from secmon.core.model import Device, Fault
from secmon.core.rules import rule_of


def look_behind(draft: Draft, device: Device, tick: float) -> None:
    """What this observation says to others: the silences hidden by it."""
    if not draft.world.hidden and not draft.faults:
        return
    for fault in _behind(draft, device):
        child = draft.policy.devices.get(fault.key.device)
        if child is None or rule_of(draft.policy, fault.key.rule) is None:
            continue
        found = topology.root(draft.policy, raising.sight(draft), child)
        if found is None:
            raising.uncover(draft, child, fault, tick)
        elif (found.device, found.part) != (fault.hidden_by, fault.hidden_part):
            raising.hide(draft, child, fault, found)


def _behind(draft: Draft, device: Device) -> list[Fault]:
    """Silences that this device explains, or helps to: where all of several parents are down."""
    shared = [
        fault
        for child in draft.policy.children.get(device.id, ())
        if len(draft.policy.devices[child].parents) > 1
        for fault in draft.troubles(child)
        if fault.hidden_by and fault.hidden_by != device.id
    ]
    return draft.hidden_behind(device.id) + shared
