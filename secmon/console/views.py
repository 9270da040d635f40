"""Devices, faults and observations as JSON: what the API and the command line show."""

from __future__ import annotations

from collections.abc import Mapping

from secmon.core.change import ProbeState, answers
from secmon.core.model import Device, Failure, Fault, Observation, Policy, Value
from secmon.core.rules import rule_of, severity_at
from secmon.core.tickets import stamp
from secmon.core.windows import Shade
from secmon.core.world import World

OURS = ("op", "failure", "cause", "probe", "answers", "rebooted_at", "judgement")


def device_up(world: World, device: Device) -> bool | None:
    """Did it answer any of its probes last time? None: unknown, or never asked."""
    return answers([world.probes.get((device.id, plan.label)) for plan in device.probes])


def device_row(world: World, policy: Policy, device: Device, shade: Shade) -> dict[str, object]:
    """One line of the list of devices; `shade`: what planned work covers."""
    faults = [
        world.faults[key]
        for key in sorted(world.troubled.get(device.id, ()))
        if world.faults[key].state != "suspect"
    ]
    return {
        "id": device.id,
        "name": device.name,
        "system": device.system,
        "kind": device.kind,
        "location": device.location,
        "up": None if shade.skips(device) else device_up(world, device),
        "maintenance": [
            {"id": window.id, "name": window.name, "do": str(window.do), "until": stamp(end)}
            for window, end in shade.over(device)
        ],
        "faults": [fault_row(policy, fault) for fault in faults],
        "tickets": sorted(t.number for t in world.tickets.values() if t.device == device.id),
        "probes": [
            {"probe": plan.label, **probe_row(world.probes.get((device.id, plan.label)))}
            for plan in device.probes
        ],
    }


def device_page(world: World, policy: Policy, device: Device, shade: Shade) -> dict[str, object]:
    """Everything known of one device now."""
    return {
        **device_row(world, policy, device, shade),
        "address": device.address,
        "maker": device.maker,
        "model": device.model,
        "serial": device.serial,
        "parent": [
            {"device": feed.device, "part": feed.part} if feed.part else feed.device
            for feed in device.parents
        ],
        "facts": dict(world.facts.get(device.id, {})),
        "readings": [
            row
            for plan in device.probes
            for row in reading_rows(policy, world.probes.get((device.id, plan.label)))
        ],
    }


def without_addresses(row: Mapping[str, object]) -> dict[str, object]:
    """A row or page of a device as a viewer sees it: not where it is in the network, nor what it
    says of itself, nor the words of a failed poll, which name addresses."""
    shown = dict(row)
    for key in ("address", "serial"):
        if key in shown:
            shown[key] = ""
    if "facts" in shown:
        shown["facts"] = {}
    if isinstance(faults := shown.get("faults"), list):
        shown["faults"] = [without_words(one) for one in faults]
    if isinstance(probes := shown.get("probes"), list):
        shown["probes"] = [_failed_without_words(one) for one in probes]
    return shown


def without_words(row: Mapping[str, object]) -> dict[str, object]:
    """A fault or ticket without what devices answered."""
    facts = row.get("facts")
    return {**row, "facts": bare(facts) if isinstance(facts, Mapping) else {}}


def bare(facts: Mapping[str, Value]) -> dict[str, Value]:
    """Numbers, and words of our own: no text that came from a device or names its address."""
    return {key: value for key, value in facts.items() if key in OURS or not isinstance(value, str)}


def _failed_without_words(probe: Mapping[str, object]) -> dict[str, object]:
    failure = probe["failure"]
    if not isinstance(failure, Mapping):
        return dict(probe)
    return {**probe, "failure": {**failure, "text": "", "facts": {}}}


def probe_row(state: ProbeState | None) -> dict[str, object]:
    """How the latest poll of a probe went."""
    if state is None:
        return {"success": None, "at": None, "good_at": None, "failure": None}
    failure = state.failure
    return {
        "success": failure is None,
        "at": stamp(state.at),
        "good_at": stamp(state.good_at),
        "failure": failure_row(failure),
    }


def failure_row(failure: Failure | None) -> dict[str, object] | None:
    """Why a poll failed; `cause` is empty where nothing more is known."""
    if failure is None:
        return None
    return {
        "reason": str(failure.reason),
        "cause": str(failure.cause),
        "text": failure.text,
        "facts": dict(failure.facts),
    }


def reading_rows(policy: Policy, state: ProbeState | None) -> list[dict[str, object]]:
    """The readings of the latest poll, if it was good: what failed shows no old values."""
    if state is None or state.failure is not None:
        return []
    layout = state.layout
    return [
        _reading(policy, name, part, value)
        for name, part, value in zip(layout.names, layout.parts, state.values, strict=True)
    ]


def observation_page(policy: Policy, seen: Observation) -> dict[str, object]:
    """One poll as `secmon probe` shows it."""
    failure = seen.failure
    return {
        "probe": seen.probe,
        "at": stamp(seen.at),
        "failure": failure_row(failure),
        "facts": dict(seen.facts),
        "readings": [
            _reading(policy, name, part, value)
            for name, part, value in zip(
                seen.layout.names, seen.layout.parts, seen.values, strict=True
            )
        ],
    }


def _reading(policy: Policy, name: str, part: str, value: Value) -> dict[str, object]:
    word = policy.words.get(name)
    return {"reading": name, "part": part, "value": value, "unit": word.unit if word else ""}


def fault_row(policy: Policy, fault: Fault) -> dict[str, object]:
    """One fault; `hidden_by` names the device whose being down explains it, `muted_by` the window
    or silence that covers it."""
    rule = rule_of(policy, fault.key.rule)
    device = policy.devices.get(fault.key.device)
    severity = severity_at(device, rule, fault.key.part) if rule and device else ""
    facts: Mapping[str, Value] = fault.facts
    return {
        "device": fault.key.device,
        "part": fault.key.part,
        "rule": fault.key.rule,
        "reading": rule.reading if rule else "",
        "severity": str(severity),
        "state": str(fault.state),
        "since": stamp(fault.since),
        "value": fault.value,
        "limit": rule.limit if rule else None,
        "facts": dict(facts),
        "hidden_by": fault.hidden_by,
        "muted_by": fault.muted_by,
    }
