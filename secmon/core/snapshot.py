"""What a hand-over freezes: tickets, what does not answer, rooms, power, recordings, as they are.

JSON all through. A section says whether it is `monitored` at all; a device that did not bring a
reading in its last poll has no value of it, and one that nobody asks says so: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from secmon.core.draft import Draft
from secmon.core.model import DEVICE_UP, Device, Ticket, Value
from secmon.core.rules import rule_of
from secmon.core.tickets import as_json, stamp
from secmon.core.windows import Window

TICKETS = 200  # rows of a section at most; `count` is of all
ROWS = 500

ROOM = ("temperature_celsius", "humidity_ratio", "water_leak")
POWER = (
    "on_battery",
    "battery_charge_ratio",
    "battery_runtime_seconds",
    "battery_voltage_volts",
    "load_ratio",
    "battery_replace",
)
RECORDING = ("recording_up", "recording_gap_seconds", "recording_retention_seconds", "disk_ok")
UNSAID = ("marks", "due", "overdue", "calls", "called", "previous", "content", "way")

Json = Mapping[str, object]


def freeze(draft: Draft) -> Json:
    """The state of the site at the draft's moment."""
    return {
        "at": stamp(draft.now),
        "tickets": _tickets(draft),
        "silences": _silences(draft),
        "devices_down": _down(draft),
        "rooms": _readings(draft, ("machine-room",), ROOM),
        "power": _readings(draft, ("ups",), POWER),
        "recordings": _readings(draft, ("recorder",), RECORDING),
    }


def _section(rows: Sequence[object], most: int, *, monitored: bool) -> Json:
    return {"monitored": monitored, "count": len(rows), "rows": list(rows[:most])}


def _tickets(draft: Draft) -> Json:
    known = {**draft.world.tickets, **draft.tickets}
    open_ones = sorted(
        (one for one in known.values() if not one.ended),
        key=lambda one: (one.detected_at, one.id),
    )
    rows = [_ticket(one, draft) for one in open_ones]
    return _section(rows, TICKETS, monitored=True)


def _ticket(one: Ticket, draft: Draft) -> Json:
    shown = as_json(one, draft.now)
    acknowledged = min(one.marks.values(), key=lambda mark: mark.at, default=None)
    return {
        "id": one.id,
        **{key: value for key, value in shown.items() if key not in UNSAID},
        "acknowledged_by": acknowledged.by if acknowledged else "",
    }


def _silences(draft: Draft) -> Json:
    """Windows and silences in force, and the silences that are still to come."""
    shown = {one.id: one for one in draft.silences().values() if one.until > draft.now}
    rows = [
        {**_window(draft, window), "until": stamp(end), "by": "", "note": ""}
        for window, end in draft.shade().active
        if window.id not in shown
    ]
    rows += [
        {
            **_window(draft, one.window),
            "from": stamp(one.start),
            "until": stamp(one.until),
            "by": one.by,
            "note": one.note,
        }
        for one in shown.values()
    ]
    return _section(rows, ROWS, monitored=True)


def _window(draft: Draft, window: Window) -> dict[str, object]:
    devices = sorted(window.devices)
    known = [one for name in devices if (one := draft.policy.devices.get(name)) is not None]
    return {
        "id": window.id,
        "name": window.name,
        "do": str(window.do),
        "devices": devices,
        "names": [one.name for one in known],
        "system": window.system,
        "part": window.part,
        "rule": window.rule,
    }


def _down(draft: Draft) -> Json:
    asked = [device for device in draft.policy.devices.values() if device.probes]
    rows = [
        {**_device(device), "since": stamp(_since(draft, device))}
        for device in asked
        if draft.up(device) is False
    ]
    return _section(rows, ROWS, monitored=bool(asked))


def _since(draft: Draft, device: Device) -> datetime | None:
    for fault in draft.troubles(device.id):
        rule = rule_of(draft.policy, fault.key.rule)
        if rule is not None and rule.reading == DEVICE_UP:
            return fault.since
    return None


def _device(device: Device) -> dict[str, object]:
    return {"device": device.id, "name": device.name, "location": device.location}


def _readings(draft: Draft, kinds: Sequence[str], names: Sequence[str]) -> Json:
    """Devices of these kinds, and what their last good poll said of these readings."""
    rows = []
    monitored = False
    for device in draft.policy.devices.values():
        if device.kind not in kinds:
            continue
        values, at = _values(draft, device, names)
        monitored = monitored or bool(values)
        rows.append(
            {**_device(device), "monitored": bool(device.probes), "at": at, "readings": values}
        )
    return _section(rows, ROWS, monitored=monitored)


def _values(
    draft: Draft, device: Device, names: Sequence[str]
) -> tuple[list[Mapping[str, Value]], str | None]:
    """What was read in polls that were good, and when; what failed shows no old values."""
    found: list[Mapping[str, Value]] = []
    moments = []
    for plan in device.probes:
        state = draft.probe((device.id, plan.label))
        if state is None or state.failure is not None:
            continue
        for name in names:
            start, end = state.layout.spans.get(name, (0, 0))
            for place in range(start, end):
                row = {"reading": name, "part": state.layout.parts[place]}
                found.append({**row, "value": state.values[place]})
                moments.append(state.at)
    return found, stamp(max(moments)) if moments else None
