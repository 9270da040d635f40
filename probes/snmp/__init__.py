"""SNMP v1, v2c and v3: switches, UPSes, whatever a profile describes; an engine of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from probes.snmp.engine import engine
from probes.snmp.exchange import Peer
from probes.snmp.link import Ask, Link
from probes.snmp.probe import Known, Shared, Snmp
from probes.snmp.profile import Options, Profile, brings, watches
from probes.snmp.secure import Secured
from probes.snmp.user import User, user
from probes.wire import snmp
from secmon.api import Driver, Probe, Refused, Target

VERSIONS = {"1": snmp.V1, "2c": snmp.V2C, "3": snmp.V3}
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
    """A probe of one device. Refused without a community or user, Unreachable without an
    address."""
    version = VERSIONS[options.version]
    who = user(target.credentials) if version == snmp.V3 else _community(target, options)
    async with AsyncExitStack() as stack:
        if isinstance(target.shared, Shared):
            ours = target.shared
        else:
            ours = await stack.enter_async_context(shared())
        profile = profile if profile is not None else Profile()
        key = (target.device, target.address, options.port, version, who, repr(profile))
        known = stack.enter_context(ours.using(key, version))
        peer = await stack.enter_async_context(ours.engine.peer(target.address, options.port))
        way = _way(ours, known, peer, who, target.timeout * RESEND_AFTER)
        link = Link(way.ask, version, way.community, sizes=known.sizes, proof_bytes=way.proof_bytes)
        yield Snmp(
            link,
            profile,
            known,
            interval_s=target.interval,
            timeout_s=target.timeout,
            facts=way.facts,
        )


def _community(target: Target, options: Options) -> bytes:
    community = target.credentials.get("community").encode()
    if not community:
        raise Refused(
            f"SNMP {options.version} needs a community: expected `credentials:` of the probe to "
            "name an entry with `community` (got none)"
        )
    return community


@dataclass(frozen=True, slots=True)
class _Way:
    """How a device is asked, and what that alone tells of it."""

    ask: Ask
    community: bytes
    proof_bytes: int
    facts: Callable[[], Mapping[str, str]] = dict


def _way(ours: Shared, known: Known, peer: Peer, who: User | bytes, patience_s: float) -> _Way:
    if isinstance(who, bytes):
        return _Way(partial(ours.engine.ask, peer, patience_s=patience_s), who, len(who))
    secured = Secured(
        ours.engine,
        peer,
        who,
        vault=ours.vault,
        session=known.session,
        patience_s=patience_s,
        now=asyncio.get_running_loop().time,
    )
    return _Way(secured.ask, b"", who.proof_bytes, secured.facts)


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
