"""The site file, with all that it names → settings, policy and probes; or every mistake at once.

Order: YAML and conf.d, models, profiles and drivers, devices, parents, rules, channels, secrets.
A step that meets mistakes goes on with what is right, so that later steps tell theirs too.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from secmon.core.model import Policy, Rule
from secmon.loading import (
    catalogue,
    channels,
    checks,
    devices,
    duty,
    entries,
    floors,
    maintenance,
    merging,
    parents,
    plans,
    profiles,
    rules,
)
from secmon.loading.channels import ChannelSetup
from secmon.loading.probes import Probes, ProbeSetup
from secmon.loading.problems import ConfigError, Place, Problems
from secmon.loading.secrets import Secrets, check_credentials
from secmon.settings import SiteFile
from secmon.standard import tables

__all__ = ["ChannelSetup", "ConfigError", "Loaded", "ProbeSetup", "Secrets", "check", "load"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A site file without mistakes, and all that was made of it."""

    file: Path
    site: SiteFile  # without `devices`: those are in `policy`
    policy: Policy
    probes: tuple[ProbeSetup, ...]
    channels: tuple[ChannelSetup, ...]
    warnings: tuple[str, ...]  # written like mistakes; nothing was refused
    resolve: Secrets
    floors: tuple[floors.Floor, ...] = ()


def load(file: Path, *, secrets: bool = True) -> Loaded:
    """Reads and checks everything that `file` names. Raises ConfigError with every mistake.

    `secrets`: also see that every secret and certificate can be had.
    """
    with _collector_paused():
        return _load(file, secrets)


def check(file: Path, *, secrets: bool = True) -> tuple[list[str], list[str]]:
    """(mistakes, warnings), each a line `FILE:LINE: key.path: expected … (got …)`."""
    try:
        return [], list(load(file, secrets=secrets).warnings)
    except ConfigError as error:
        return error.problems, []


def _load(file: Path, look_up: bool) -> Loaded:
    problems = Problems()
    merged = merging.read_all(file, problems)
    place = Place(problems, merged)
    found = entries.read(merged.data, place)
    secrets = Secrets(file.parent, os.environ, found.file.credentials)
    if look_up:
        check_credentials(secrets, place)
        checks.secrets_and_files(found.file, secrets, place)
    words = tables.vocabulary()
    drivers = catalogue.drivers()
    shelf = profiles.Profiles(profiles.folders(file), drivers, words, problems)
    probes = Probes(drivers, shelf, _prints(found, secrets, look_up))
    site = devices.Site(
        tables.kinds(), tables.systems(), words, parents.fed_parts(found.devices), probes
    )
    parents.check_parents(found.devices, found.ids, place)
    built = devices.build(found.devices, site, place)
    roster = duty.build(found.file.duty, found.file.site.timezone, found.ids, place)
    if roster is not None:
        built.devices.setdefault(duty.DEVICE, duty.watch(found.file.site.language))
    in_force = _rules(found, built, site, shelf, place)
    told = channels.build(
        found.notify,
        catalogue.notifiers(),
        found.credentials,
        secrets if look_up else None,
        place,
    )
    pictures = floors.build(file, problems)
    emergency = plans.build(file, site.systems, found.file.site.language, problems)
    checks.listeners(found.file, place)
    checks.links(found.file, told, place)
    policy = Policy(
        site=found.file.site.id,
        timezone=found.file.site.timezone,
        sla=checks.sla(found.file.site.sla, tables.sla(), place),
        devices=built.devices,
        rules=in_force,
        channels=tuple(one.id for one in told if one.notifier.told),
        read_by_people=frozenset(one.id for one in told if one.notifier.for_people),
        words=words,
        children=parents.children(built.devices),
        duty=roster,
        plans=emergency,
        windows=maintenance.build(found.windows, found.file.site.timezone, built.devices, place),
    )
    problems.raise_errors()
    return Loaded(
        file,
        found.file,
        policy,
        tuple(built.probes),
        told,
        problems.warnings(),
        secrets,
        pictures,
    )


def _rules(
    found: entries.Entries,
    built: devices.Built,
    site: devices.Site,
    shelf: profiles.Profiles,
    place: Place,
) -> tuple[Rule, ...]:
    scope = rules.Scope(
        words=site.words,
        devices=built.devices,
        ids=found.ids | built.devices.keys(),  # the watch too
        kinds=frozenset(site.kinds),
        systems=frozenset(site.systems),
        profiles=shelf.names(),
    )
    shipped = tables.shipped_rules()
    return rules.build(shipped, built.profiles.values(), found.rules, scope, place)


def _prints(found: entries.Entries, secrets: Secrets, look_up: bool) -> dict[str, object]:
    """Name of credentials → what a probe's fingerprint holds of them: it changes when they do."""
    prints: dict[str, object] = dict.fromkeys(found.credentials)
    for name, entry in found.file.credentials.items():
        prints[name] = entry
        if look_up:
            with suppress(ConfigError):  # told by check_credentials
                prints[name] = tuple(sorted(secrets.credentials(name).values.items()))
    return prints


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Ten thousand devices are half a million new objects and no garbage: looking for it would
    double the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
