"""`maintenance:` → the windows that the core judges by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from secmon.core.model import Device
from secmon.core.walltime import wall
from secmon.core.windows import Do, Every, Window
from secmon.loading.problems import Place, nearest, one_of
from secmon.settings.maintenance import WindowEntry

LONG = timedelta(days=31)


def build(
    entries: Sequence[tuple[int, WindowEntry]],
    timezone: str,
    devices: Mapping[str, Device],
    place: Place,
) -> tuple[Window, ...]:
    """Every window, in order. Devices that nobody knows and ids given twice are mistakes."""
    zone, here = ZoneInfo(timezone), place.at("maintenance")
    systems = sorted({device.system for device in devices.values()})
    seen: set[str] = set()
    found = []
    for index, entry in entries:
        at = here.at(index)
        if entry.id in seen:
            at.at("id").wrong(f"expected each id once (got {entry.id!r} again)")
        seen.add(entry.id)
        for number, device in enumerate(entry.devices):
            if device not in devices:
                expected = f"expected a device of this file{nearest(device, sorted(devices))}"
                at.at("devices", number).wrong(f"{expected} (got {device!r})")
        if entry.system and entry.system not in systems:
            at.at("system").wrong(
                f"expected a system of a device here, {one_of(systems)} (got {entry.system!r})"
            )
        found.append(_window(entry, zone))
        if (start := found[-1].start) and (end := found[-1].end) and end - start > LONG:
            at.at("end").doubt(f"expected a window of at most {LONG.days} d")
    return tuple(found)


def _window(entry: WindowEntry, zone: ZoneInfo) -> Window:
    again = entry.every
    return Window(
        id=entry.id,
        name=entry.name,
        do=Do(entry.do),
        devices=frozenset(entry.devices),
        system=entry.system,
        start=_instant(entry.start, zone) if entry.start else None,
        end=_instant(entry.end, zone) if entry.end else None,
        every=(
            Every(again.start, again.end, zone, again.weekdays, again.nth, again.days)
            if again
            else None
        ),
        said=again.said if again else "",
    )


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    return wall(local.date(), local.hour * 60 + local.minute, zone)
