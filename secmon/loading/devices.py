"""`devices:` → the policy's devices and their probes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from secmon.core.model import Device, Part, ProbePlan, Word
from secmon.loading.probes import Probes, ProbeSetup, Shape, labels_of
from secmon.loading.problems import Place, nearest, one_of
from secmon.loading.profiles import Profile, battery, check_word
from secmon.settings import DeviceEntry, PartEntry
from secmon.standard import tables

_NO_PARTS: Mapping[str, Part] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Site:
    """What devices are checked against."""

    kinds: Mapping[str, tables.Kind]
    systems: Mapping[str, tables.System]
    words: Mapping[str, Word]
    fed: Mapping[str, frozenset[str]]  # device → parts that feed other devices
    probes: Probes


@dataclass(slots=True)
class Built:
    """Devices by id, every probe, and the profiles that are in use."""

    devices: dict[str, Device] = field(default_factory=dict)
    probes: list[ProbeSetup] = field(default_factory=list)
    profiles: dict[str, Profile] = field(default_factory=dict)


def build(entries: Iterable[tuple[int, DeviceEntry]], site: Site, place: Place) -> Built:
    """All devices; `entries` carry their place in the list. Mistakes are told."""
    built = Built()
    places: dict[str, int] = {}
    for index, entry in entries:
        here = place.at("devices", index)
        if entry.id in places:
            _tell_twice(entry.id, places[entry.id], here)
            continue
        places[entry.id] = index
        _check(entry, site, here)
        _add(entry, site, built, here)
    return built


def _tell_twice(device: str, first: int, here: Place) -> None:
    file, line, _ = here.source.place((*here.path[:-1], first, "id"), at_key=False)
    here.at("id").wrong(f"expected a device's id once (got {device} again, first {file}:{line})")


def _check(entry: DeviceEntry, site: Site, here: Place) -> None:
    if entry.kind not in site.kinds:
        close = nearest(entry.kind, site.kinds)
        expected = f"expected {one_of(site.kinds)}{close}"
        here.at("kind").wrong(f"{expected} (got unknown kind {entry.kind!r})")
    if entry.system not in site.systems:
        close = nearest(entry.system, site.systems)
        expected = f"expected {one_of(site.systems)}{close}"
        here.at("system").wrong(f"{expected} (got unknown system {entry.system!r})")
    for name, part in entry.parts.items():
        if part.reading:
            at = here.at("parts", name, "reading")
            check_word(part.reading, site.words, at)
            if part.reading in site.words and site.words[part.reading].type != "flag":
                at.wrong(f"expected a reading that is true or false (got {part.reading})")


def _add(entry: DeviceEntry, site: Site, built: Built, here: Place) -> None:
    probes = site.probes
    shapes = probes.shapes_of(entry.probes, entry.profile, here) if entry.probes else ()
    profiles = _profiles(entry, shapes, site, here)
    parts = _parts(entry.parts)
    plans = probes.plans_of(shapes, labels_of(shapes, here), parts) if shapes else ()
    if not entry.address:
        _check_address(shapes, here)
    for profile in profiles:
        built.profiles[profile.name] = profile
    device = built.devices[entry.id] = _device(entry, parts, profiles, site, plans)
    for shape, plan in zip(shapes, plans, strict=True):
        built.probes.append(probes.setup(device, shape, plan))


def _profiles(
    entry: DeviceEntry, shapes: Sequence[Shape], site: Site, here: Place
) -> tuple[Profile, ...]:
    found = tuple({s.profile.name: s.profile for s in shapes if s.profile is not None}.values())
    if entry.profile is None or any(profile.name == entry.profile for profile in found):
        return found
    own = site.probes.profiles.get(entry.profile, here.at("profile"))
    if own is None:
        return found
    drivers = {str(one.get("driver")) for one in entry.probes}
    if drivers and own.driver not in drivers:
        here.at("profile").wrong(
            f"expected a profile of {one_of(drivers)} (got {own.name}, one of {own.driver})"
        )
    return (*found, own)


def _check_address(shapes: Sequence[Shape], here: Place) -> None:
    needing = [shape.driver.name for shape in shapes if shape.driver.needs_address]
    if needing:
        here.at("address").wrong(f"expected an address, which {needing[0]} needs (got nothing)")


def _parts(entries: Mapping[str, PartEntry]) -> Mapping[str, Part]:
    if not entries:
        return _NO_PARTS
    return {
        name: Part(name, one.name, one.reading, one.watch, one.invert, one.armed, one.severity)
        for name, one in entries.items()
    }


def _device(
    entry: DeviceEntry,
    parts: Mapping[str, Part],
    profiles: Sequence[Profile],
    site: Site,
    plans: tuple[ProbePlan, ...],
) -> Device:
    watched = site.fed.get(entry.id, frozenset())
    if parts:
        watched |= {part.id for part in parts.values() if part.watch}
    for profile in profiles:
        watched |= profile.watches
    watched = site.probes.same(watched)
    own = battery(entry.battery)
    return Device(
        id=entry.id,
        name=entry.name,
        system=entry.system,
        kind=entry.kind,
        location=entry.location,
        maker=entry.maker,
        model=entry.model,
        serial=entry.serial,
        address=entry.address,
        installed=entry.installed,
        accepted=entry.accepted,
        warranty_until=entry.warranty_until,
        service_life=entry.service_life,
        parents=entry.parent,
        parts=parts,
        watched=watched,
        probes=plans,
        profiles=site.probes.same(frozenset(profile.name for profile in profiles)),
        battery=own or next((p.battery for p in profiles if p.battery is not None), None),
    )
