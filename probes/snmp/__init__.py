"""SNMP v1 and v2c: switches, UPSes, whatever a profile describes; an engine of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from probes.snmp.engine import engine
from probes.snmp.link import Link
from probes.snmp.probe import Shared, Snmp
from probes.snmp.profile import Options, Profile, brings, watches
from probes.wire import snmp
from secmon.api import Driver, Probe, Refused, Target

VERSIONS = {"1": snmp.V1, "2c": snmp.V2C}
RESEND_AFTER = 1 / 3  # of the poll's time: UDP loses datagrams


@asynccontextmanager
async def shared() -> AsyncIterator[Shared]:
    """The sockets of the daemon, and what is learned of each device while it runs."""
    async with engine() as opened:
        yield Shared(opened)


@asynccontextmanager
async def connect(
    target: Target, options: Options, profile: Profile | None
) -> AsyncIterator[Probe]:
    """A probe of one device. Refused without a community, Unreachable without an address."""
    community = target.credentials.get("community").encode()
    if not community:
        raise Refused(
            f"SNMP {options.version} needs a community: expected `credentials:` of the probe to "
            "name an entry with `community` (got none)"
        )
    async with AsyncExitStack() as stack:
        if isinstance(target.shared, Shared):
            ours = target.shared
        else:
            ours = await stack.enter_async_context(shared())
        profile = profile if profile is not None else Profile()
        version = VERSIONS[options.version]
        key = (target.device, target.address, options.port, version, community, repr(profile))
        known = stack.enter_context(ours.using(key, version))
        peer = await stack.enter_async_context(ours.engine.peer(target.address, options.port))
        link = Link(
            ours.engine,
            peer,
            version,
            community,
            sizes=known.sizes,
            patience_s=target.timeout * RESEND_AFTER,
        )
        yield Snmp(link, profile, known, interval_s=target.interval, timeout_s=target.timeout)


DRIVER = Driver(
    "snmp",
    Options,
    Profile,
    connect,
    default_profile="switch",
    brings=brings,
    watches=watches,
    shared=shared,
)
