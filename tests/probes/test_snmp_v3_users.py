"""The driver `snmp` by version 3: who is let in, who is not and why, what credentials must hold."""

import asyncio
from dataclasses import replace

import pytest

from probes.snmp import DRIVER
from probes.snmp.user import User
from probes.wire import snmp
from probes.wire.snmp_v3 import Message
from secmon.api import Credentials, Refused
from tests.probes import snmp_v3_agent
from tests.probes.loopback import target
from tests.probes.snmp_device import Entries, Port, read, switch
from tests.probes.snmp_v3_agent import (
    ENGINE,
    OPS,
    Engine,
    honest,
    meeting,
    playing,
    probing,
)

PORTS = {i: Port(f"GE{i}", received=i) for i in range(1, 29)}
ALL = 1 + 28 * 11
OCTETS = "interface_receive_bytes_total"


def entries() -> Entries:
    return switch(1000, PORTS)


# --- who is not let in

WRONG = [
    (replace(OPS, name="nobody"), "it knows no nobody.*usmStatsUnknownUserNames"),
    (replace(OPS, auth_key="not the key"), r"`auth` \(SHA-256\) and `auth_key`.*usmStatsWrongDig"),
    (replace(OPS, auth="SHA-512"), r"`auth` \(SHA-512\).*usmStatsWrongDigests"),
    (replace(OPS, privacy_key="not the key"), r"`privacy` \(AES-128\).*usmStatsDecryptionErrors"),
]


@pytest.mark.parametrize(("user", "told"), WRONG)
async def test_wrong_credentials_are_told_apart(user: User, told: str) -> None:
    async with playing(entries()) as device, probing(device.port, user, timeout_s=0.3) as probe:
        with pytest.raises(Refused, match=told) as caught:
            await read(probe)
    assert caught.value.credentials
    assert "not the key" not in str(caught.value)


async def test_a_level_that_the_device_does_not_offer() -> None:
    less = User("ops", OPS.auth, OPS.auth_key)
    async with (
        playing(entries(), honest, less) as device,
        probing(device.port, timeout_s=0.3) as probe,
    ):
        with pytest.raises(Refused, match=r"allow ops authPriv.*usmStatsUnsupportedSecLevels"):
            await read(probe)


async def test_where_hash_and_key_may_be_at_odds_the_text_says_so() -> None:
    """Net-SNMP lengthens keys one way, Cisco another; a longer hash needs neither."""
    theirs = User("ops", "SHA-1", "a long key", "AES-256", "another key")
    ours = replace(theirs, privacy_key="a wrong key")
    async with (
        playing(entries(), honest, theirs) as device,
        probing(device.port, ours, timeout_s=0.3) as probe,
    ):
        with pytest.raises(Refused, match="Reeder's way: then use a longer hash"):
            await read(probe)


async def test_silence_after_the_discovery_is_a_refusal_too() -> None:
    """So does Net-SNMP to a wrong privacy key. It may be a loss, so it is asked again."""

    def mute(engine: Engine, request: Message, reply: bytes | None) -> list[bytes]:
        return [] if request.engine_id else honest(engine, request, reply)

    async with meeting(entries(), mute, timeout_s=0.3) as (_, probe):
        with pytest.raises(Refused, match=r"engine ID, then nothing: `privacy_key`") as caught:
            await read(probe)
    assert not caught.value.credentials


async def test_silence_ends_with_the_shells_time() -> None:
    async with meeting(entries(), lambda *_: [], timeout_s=0.3) as (_, probe):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await probe.read()


async def test_an_error_of_access_control_names_the_user() -> None:
    def no(engine: Engine, request: Message, reply: bytes | None) -> list[bytes]:
        found = engine.keys(request.user)
        if found is None or not request.engine_id:
            return honest(engine, request, reply)
        head = snmp.opened_pdu(engine.opened(request, found))
        pdu = snmp.Get(snmp.V3, b"", ()).datagram(head.request_id)
        denied = b"\xa2" + pdu[1:].replace(b"\x02\x01\x00", b"\x02\x01\x10", 1)
        return [engine.sealed(request, denied)]

    async with meeting(entries(), no, timeout_s=0.3) as (_, probe):
        with pytest.raises(Refused, match=r"refuses this user \(authorizationError\)"):
            await read(probe)


# --- what the site file says


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, r"`username` of at most 32 bytes \(got none\)"),
        ({"community": "public"}, r"`username` of at most 32 bytes \(got none\)"),
        ({"username": "x" * 33}, r"`username` of at most 32 bytes \(got 33 bytes\)"),
        ({"auth_key": "long enough"}, r"`auth` beside `auth_key`, one of MD5, .* \(got none\)"),
        ({"auth": "SHA-256"}, r"`auth_key` of at least 8 characters beside `auth` \(got none\)"),
        ({"auth": "SHA-256", "auth_key": "sevench"}, r"`auth_key` .* \(got 7 characters\)"),
        ({"auth": "SHA-3", "auth_key": "long enough"}, r"`auth` one of MD5, .* \(got SHA-3\)"),
        ({"privacy": "AES-128", "privacy_key": "long enough"}, r"`auth` beside `privacy`"),
        (
            {"auth": "MD5", "auth_key": "long enough", "privacy": "AES-128"},
            r"`privacy_key` of at least 8 characters beside `privacy` \(got none\)",
        ),
        (
            {"auth": "MD5", "auth_key": "long enough", "privacy_key": "long enough"},
            r"`privacy` beside `privacy_key`, one of DES, AES-128, .* \(got none\)",
        ),
    ],
)
async def test_credentials_that_lack_something_are_told(given: dict[str, str], told: str) -> None:
    user = {} if not given or "community" in given else {"username": "ops"}
    asked = replace(target(), credentials=Credentials(user | given))
    options = DRIVER.options(version="3")
    with pytest.raises(Refused, match=f"SNMP 3 needs a user: expected `credentials:`.*{told}"):
        async with DRIVER.connect(asked, options, None):
            raise AssertionError("it must not open")


def test_keys_are_never_shown() -> None:
    assert "key-of-ops" not in repr(OPS)
    assert "key-of-ops" not in repr(snmp_v3_agent.keys(OPS, ENGINE).signer)
