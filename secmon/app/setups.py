"""From a loaded site file to what the poller runs: credentials resolved, changes made visible."""

from __future__ import annotations

from secmon.api import Credentials
from secmon.core.model import Device, Policy
from secmon.loading import Loaded, ProbeSetup
from secmon.shell.poller import Setup


def setups_of(loaded: Loaded) -> list[Setup]:
    """Every probe, ready to run. Raises ConfigError if a secret is gone."""
    known: dict[str, Credentials] = {}
    return [_setup(loaded, probe, known) for probe in loaded.probes]


def _setup(loaded: Loaded, probe: ProbeSetup, known: dict[str, Credentials]) -> Setup:
    device = loaded.policy.devices[probe.device]
    name = probe.credentials
    if name is not None and name not in known:
        known[name] = loaded.resolve.credentials(name)
    return Setup(
        device=probe.device,
        label=probe.label,
        driver=probe.driver,
        options=probe.options,
        profile=probe.profile,
        address=probe.address,
        interval=probe.interval,
        timeout=probe.timeout,
        credentials=known[name] if name is not None else NOTHING,
        parts=device.parts,
        bus=probe.bus,
        fingerprint=f"{probe.fingerprint} {_derived_by(loaded.policy, device)}",
        timezone=loaded.policy.timezone,
    )


def _derived_by(policy: Policy, device: Device) -> str:
    """What the probe itself is not made of, but what is derived from its readings is."""
    if not device.parts and not device.battery:
        return ""
    return f"{policy.timezone} {device.battery!r} {sorted(device.parts.items())!r}"


NOTHING = Credentials()
