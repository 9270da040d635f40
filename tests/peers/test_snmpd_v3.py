"""The driver `snmp` by version 3 against Net-SNMP's agent: levels, refusals, restarts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from probes.snmp import shared
from probes.snmp.probe import Known, Shared
from probes.snmp.user import User
from secmon.api import Batch, Refused
from tests.peers.snmpd import AUTH_KEY, PRIVACY_KEY, USER, Snmpd, snmpd
from tests.probes import snmp_device
from tests.probes.snmp_device import read, values
from tests.probes.snmp_v3_agent import probing

pytestmark = pytest.mark.peers

OPS = User(USER, "SHA-256", AUTH_KEY, "AES-128", PRIVACY_KEY)
HASHES = {"MD5": "MD5", "SHA-1": "SHA", "SHA-224": "SHA-224", "SHA-256": "SHA-256"}
HASHES |= {"SHA-384": "SHA-384", "SHA-512": "SHA-512"}  # ours → Net-SNMP's
CIPHERS = {"DES": "DES", "AES-128": "AES", "AES-192": "AES-192", "AES-256": "AES-256"}
PAIRS = [(auth, privacy) for auth in HASHES for privacy in CIPHERS]
OPEN = User("open")
SIGNS = User("signs", "SHA-512", AUTH_KEY)


def named(auth: str, privacy: str) -> str:
    return f"{auth}-{privacy}".lower()


def users() -> list[str]:
    lines = [f"createUser {OPEN.name}", f"rouser {OPEN.name} noauth"]
    lines += [f"createUser {SIGNS.name} SHA-512 {AUTH_KEY}", f"rouser {SIGNS.name} auth"]
    for auth, privacy in PAIRS:
        name = named(auth, privacy)
        proof = f"{HASHES[auth]} {AUTH_KEY} {CIPHERS[privacy]} {PRIVACY_KEY}"
        lines += [f"createUser {name} {proof}", f"rouser {name} priv"]
    return lines


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    with snmpd(tmp_path_factory.mktemp("snmpd"), users()) as running:
        yield running


async def polled(agent: Snmpd, user: User, ours: Shared | None = None) -> Batch:
    async with probing(agent.port, user, timeout_s=3.0, shared=ours) as probe:
        return await read(probe)


# --- what it says


async def test_v3_says_of_every_port_what_v2c_says(agent: Snmpd) -> None:
    """Both ask over the same sockets; v3's counters lie between two polls by v2c."""
    async with (
        shared() as ours,
        snmp_device.probing(agent.port, shared=ours) as v2c,
        probing(agent.port, OPS, shared=ours) as v3,
    ):
        before, secured, after = await read(v2c), await read(v3), await read(v2c)
    ports = {path.name for path in Path("/sys/class/net").iterdir() if path.is_dir()}
    assert values(secured, "interface_up").keys() == ports
    assert secured.layout.names == before.layout.names
    assert secured.layout.parts == before.layout.parts
    for name in set(secured.layout.names):
        assert len(values(secured, name)) == len(values(before, name))
        for part, value in values(secured, name).items():
            low, high = values(before, name)[part], values(after, name)[part]
            if isinstance(value, str):
                assert value == low
            else:
                assert float(low) <= float(value) <= float(high), (name, part)
    assert secured.facts.items() >= before.facts.items()
    assert secured.facts["engine_id"].startswith("80001f88")  # Net-SNMP's own number


@pytest.mark.parametrize(("auth", "privacy"), PAIRS, ids=lambda name: name)
async def test_every_hash_and_cipher_is_spoken(agent: Snmpd, auth: str, privacy: str) -> None:
    """Where the hash is shorter than the key, the key is lengthened as Net-SNMP does it."""
    user = User(named(auth, privacy), auth, AUTH_KEY, privacy, PRIVACY_KEY)
    assert values(await polled(agent, user), "interface_up")["lo"] is True


@pytest.mark.parametrize("user", [OPEN, SIGNS], ids=lambda user: user.name)
async def test_less_than_authpriv_is_spoken(agent: Snmpd, user: User) -> None:
    assert values(await polled(agent, user), "interface_up")["lo"] is True


# --- who is refused


@pytest.mark.parametrize(
    ("user", "told", "for_ever"),
    [
        (replace(OPS, name="nobody"), "usmStatsUnknownUserNames", True),
        (replace(OPS, auth_key=AUTH_KEY + "x"), "usmStatsWrongDigests", True),
        (replace(OPS, auth="SHA-1"), "usmStatsWrongDigests", True),
        (replace(SIGNS, privacy="AES-128", privacy_key=PRIVACY_KEY), "UnsupportedSecLevels", True),
        (replace(OPEN, auth="SHA-256", auth_key=AUTH_KEY), "usmStatsUnsupportedSecLevels", True),
        (replace(OPS, privacy_key=PRIVACY_KEY + "x"), "then nothing: `privacy_key`", False),
        (replace(OPS, privacy="DES"), "then nothing: `privacy_key`", False),
        (User(USER, "SHA-256", AUTH_KEY), "authorizationError", False),
        (User(USER), "authorizationError", False),
    ],
)
async def test_who_is_not_let_in_is_told_why(
    agent: Snmpd, user: User, told: str, for_ever: bool
) -> None:
    async with probing(agent.port, user, timeout_s=0.9) as probe:
        with pytest.raises(Refused, match=told) as caught:
            await read(probe)
    assert caught.value.credentials is for_ever


# --- what befalls it

ONE, OTHER = "80001f880473656331", "80001f880473656332"


def boot(engine_id: str, boots: int) -> list[str]:
    """What an agent that keeps count is after so many boots."""
    was = [f"oldEngineID 0x{engine_id}", f"engineBoots {boots - 1}"]
    return [f"exactEngineID 0x{engine_id}", *was]


@pytest.mark.parametrize(
    ("engine_id", "boots"), [(ONE, 6), (ONE, 1), (OTHER, 5)], ids=["counted", "lost", "replaced"]
)
async def test_a_restart_is_followed_within_the_poll(
    tmp_path: Path, engine_id: str, boots: int
) -> None:
    """With one boot more, with its count lost, as another engine; the connection stays open."""
    async with shared() as ours:
        with snmpd(tmp_path, boot(ONE, 5)) as agent:
            async with probing(agent.port, OPS, timeout_s=3.0, shared=ours) as probe:
                first = await read(probe)
                [known] = ours.known.values()
                assert clock(known) == (ONE, 5)

                agent.server.kill()
                with snmpd(tmp_path, boot(engine_id, boots), agent.port):
                    second = await read(probe)
                    third = await read(probe)
                assert clock(known) == (engine_id, boots)
    assert first.facts["engine_id"] == ONE
    assert second.facts["engine_id"] == third.facts["engine_id"] == engine_id
    assert len(second.values) == len(first.values)


def clock(known: Known) -> tuple[str, int]:
    """The engine, and its count of boots."""
    remote = known.session.remote
    assert remote is not None
    return remote.engine_id.hex(), remote.clock.read()[0]
