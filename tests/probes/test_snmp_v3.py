"""The driver `snmp` by version 3: every level, the device's clock and engine, who is let in."""

import asyncio
import contextlib

import pytest

from probes.snmp import shared as opened
from probes.snmp.user import User
from probes.wire import snmp_v3
from probes.wire.snmp_v3 import Message
from secmon.api import Garbled, Refused
from tests.probes import snmp_device
from tests.probes.snmp_device import Entries, Port, read, switch, values
from tests.probes.snmp_v3_agent import (
    ENGINE,
    OPS,
    OTHER_ENGINE,
    Engine,
    honest,
    meeting,
    playing,
    probing,
)

PORTS = {i: Port(f"GE{i}", received=i) for i in range(1, 29)}
ALL = 1 + 28 * 11
OCTETS = "interface_receive_bytes_total"

LEVELS = [
    User("ops"),
    *(User("ops", auth, "a long key") for auth in ("MD5", "SHA-1", "SHA-224")),
    *(User("ops", auth, "a long key") for auth in ("SHA-256", "SHA-384", "SHA-512")),
    *(
        User("ops", "SHA-256", "a long key", privacy, "another key")
        for privacy in ("DES", "AES-128", "AES-192", "AES-256")
    ),
    User("ops", "MD5", "a long key", "AES-256", "another key"),
    User("操作", "SHA-512", "密码也可以是中文", "AES-256", "另一个密码也可以"),
]


def entries(ticks: int = 1000, received: int = 0) -> Entries:
    ports = {i: Port(f"GE{i}", received=i + received) for i in PORTS}
    return switch(ticks, ports)


# --- reading


@pytest.mark.parametrize("user", LEVELS, ids=lambda user: f"{user.auth}/{user.privacy}")
async def test_a_switch_is_read_at_every_level(user: User) -> None:
    async with meeting(entries(), user=user) as (device, probe):
        batch = await read(probe)
        assert len(batch.values) == ALL
        assert values(batch, OCTETS)["GE28"] == 28
        device.engine.show(entries(4000, received=500))
        again = await read(probe)
        assert again.layout is batch.layout
        assert values(again, OCTETS)["GE28"] == 528


async def test_v3_reads_what_v2c_reads() -> None:
    async with meeting(entries()) as (_, probe):
        secured = await read(probe)
    async with snmp_device.meeting(entries()) as (_, probe):
        plain = await read(probe)
    assert secured.layout.names == plain.layout.names
    assert secured.layout.parts == plain.layout.parts
    assert secured.values == plain.values
    assert secured.facts == {**plain.facts, "engine_id": ENGINE.hex()}


async def test_the_first_poll_costs_one_question_more() -> None:
    async with meeting(entries()) as (device, probe):
        await read(probe)
        assert device.engine.reports == [snmp_v3.UNKNOWN_ENGINE_IDS]
        for _ in range(3):
            await read(probe)
        assert device.engine.reports == [snmp_v3.UNKNOWN_ENGINE_IDS]


async def test_nothing_readable_is_sent_by_authpriv() -> None:
    seen: list[bytes] = []

    def listen(_engine: Engine, request: Message, reply: bytes | None) -> list[bytes]:
        seen.extend((request.data, reply or b""))
        return honest(_engine, request, reply)

    async with meeting(switch(1000, {1: Port("SECRET-NAME")}), listen) as (_, probe):
        assert "SECRET-NAME" in values(await read(probe), OCTETS)
    assert not any(b"SECRET-NAME" in data for data in seen)
    assert len({snmp_v3.opened(data).salt for data in seen[2:]}) == len(seen[2:]), "salts differ"


async def test_a_password_is_made_a_key_once_for_all_devices() -> None:
    async with opened() as shared, playing(entries()) as one, playing(entries()) as two:
        two.engine.engine_id = OTHER_ENGINE
        for device in (one, two, one):
            async with probing(device.port, shared=shared) as probe:
                batch = await read(probe)
                assert batch.facts["engine_id"] == device.engine.engine_id.hex()
        assert len(shared.vault._made) == 2  # of auth_key, of privacy_key


async def test_a_poll_that_ends_does_not_end_the_key_of_others() -> None:
    """Two devices wait for one key; the first poll is cut off just then."""
    async with (
        opened() as shared,
        playing(entries()) as device,
        probing(device.port, shared=shared) as one,
        asyncio.TaskGroup() as tasks,
    ):
        hasty = tasks.create_task(one.read())
        while not shared.vault._made:
            await asyncio.sleep(0)
        hasty.cancel()
        async with probing(device.port, shared=shared) as two:
            assert len((await read(two)).values) == ALL


async def test_a_poll_may_be_cut_off_anywhere() -> None:
    async with opened() as shared, playing(entries()) as device:
        for after_s in (0.0, 0.002, 0.004, 0.006, 0.01, 0.015, 0.02):
            async with probing(device.port, shared=shared) as probe:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(after_s):
                        await probe.read()
            assert not any(peer.pending for peer in shared.engine._peers.values())
        async with probing(device.port, shared=shared) as probe:
            assert len((await read(probe)).values) == ALL


async def test_an_agent_that_bears_little_is_asked_little() -> None:
    """Sizes are learned, datagrams are lost, walks end as they do by v2c."""
    async with playing(entries()) as device, probing(device.port) as probe:
        device.engine.reply_max = 400
        for _ in range(2):
            assert len((await read(probe)).values) == ALL
        device.engine.asked.clear()
        await read(probe)
        assert max(asked for _, asked in device.engine.asked) <= 20


async def test_a_lost_datagram_is_asked_for_again_with_another_salt() -> None:
    salts: list[bytes] = []
    met: set[int] = set()

    def losing(engine: Engine, request: Message, reply: bytes | None) -> list[bytes]:
        salts.append(request.salt)
        if request.msg_id in met or len(met) % 4:
            met.add(request.msg_id)
            return honest(engine, request, reply)
        met.add(request.msg_id)
        return []

    async with meeting(switch(1000, {1: Port("GE1")}), losing, timeout_s=0.3) as (_, probe):
        assert len((await read(probe)).values) == 1 + 11
    sealed = [salt for salt in salts if salt]
    assert len(set(sealed)) == len(sealed)


# --- the engine's clock


async def test_a_restart_of_the_device_is_followed_within_the_poll() -> None:
    async with meeting(entries(500_000)) as (device, probe):
        await read(probe)
        device.engine.boots, device.engine.time = 8, 3
        device.engine.show(entries(300, received=7))
        batch = await read(probe)
        assert values(batch, OCTETS)["GE1"] == 8
        assert values(batch, "uptime_seconds") == {"": 3.0}
        assert device.engine.reports[1:] == [snmp_v3.NOT_IN_TIME_WINDOWS]


@pytest.mark.parametrize("drift_s", [5 * 3600, 151, 2**30])
async def test_hours_without_a_poll_do_not_matter(drift_s: int) -> None:
    async with meeting(entries()) as (device, probe):
        await read(probe)
        device.engine.time += drift_s
        assert len((await read(probe)).values) == ALL
        assert device.engine.reports.count(snmp_v3.NOT_IN_TIME_WINDOWS) == 1
        await read(probe)
        assert device.engine.reports.count(snmp_v3.NOT_IN_TIME_WINDOWS) == 1


@pytest.mark.parametrize("signed", [True, False])
async def test_a_device_that_lost_its_count_of_boots_is_read(signed: bool) -> None:
    """Cheap ones start at boots 1 every time: their reports lie before what we know of them."""
    async with meeting(entries(900_000)) as (device, probe):
        await read(probe)
        device.engine.boots, device.engine.time = 1, 3
        device.engine.signed_time = signed
        assert len((await read(probe)).values) == ALL
        assert len((await read(probe)).values) == ALL


async def test_a_clock_that_stands_is_borne() -> None:
    """The engine's time never moves on, ours does: more than the window apart, it is set back."""
    async with (
        opened() as shared,
        playing(entries()) as device,
        probing(device.port, shared=shared) as probe,
    ):
        await read(probe)
        [known] = shared.known.values()
        assert known.session.remote is not None
        known.session.remote.clock._at -= 1000.0
        assert len((await read(probe)).values) == ALL


async def test_a_device_that_tells_its_time_only_to_those_who_sign() -> None:
    """RFC 3414, 4: the first report may hold zeros."""

    def coy(engine: Engine, request: Message, reply: bytes | None) -> list[bytes]:
        if request.engine_id:
            return honest(engine, request, reply)
        report = snmp_v3.opened(engine.report(request, snmp_v3.UNKNOWN_ENGINE_IDS))
        zeros = snmp_v3.Security(report.engine_id)
        return [snmp_v3.message(request.msg_id, 0, zeros, report.body)[0]]

    async with meeting(entries(), coy) as (device, probe):
        assert len((await read(probe)).values) == ALL
        assert snmp_v3.NOT_IN_TIME_WINDOWS in device.engine.reports


# --- another device at the address


async def test_a_replaced_device_is_found_anew_within_the_poll() -> None:
    async with meeting(entries(900_000)) as (device, probe):
        first = await read(probe)
        device.engine.engine_id, device.engine.boots = OTHER_ENGINE, 1
        device.engine.show(switch(800_000, {5: Port("XE5", received=5)}))
        second = await read(probe)
    assert first.facts["engine_id"] == ENGINE.hex()
    assert second.facts["engine_id"] == OTHER_ENGINE.hex()
    assert values(second, OCTETS) == {"XE5": 5}
    assert values(second, "uptime_seconds") == {"": 8000.0}


async def test_a_replaced_device_is_noticed_after_silence_too() -> None:
    """The connection is new, what was learned is of the old device: nothing of it is kept."""
    async with opened() as shared, playing(entries(900_000)) as device:
        async with probing(device.port, shared=shared) as probe:
            await read(probe)
        device.engine.engine_id = OTHER_ENGINE
        device.engine.show(switch(1_000_000, {5: Port("XE5", received=5)}))
        async with probing(device.port, shared=shared) as probe:
            batch = await read(probe)
    assert batch.facts["engine_id"] == OTHER_ENGINE.hex()
    assert values(batch, OCTETS) == {"XE5": 5}


async def test_a_new_device_that_lacks_the_user_is_asked_until_it_has_it() -> None:
    """Once these credentials were good here, no report stops the asking."""
    async with opened() as shared, playing(entries()) as device:
        async with probing(device.port, shared=shared, timeout_s=0.3) as probe:
            await read(probe)
            device.engine.engine_id, device.engine.users = OTHER_ENGINE, ()
            with pytest.raises(Refused, match="usmStatsUnknownUserNames") as caught:
                await read(probe)
            assert not caught.value.credentials
        device.engine.users = (OPS,)
        async with probing(device.port, shared=shared) as probe:
            assert (await read(probe)).facts["engine_id"] == OTHER_ENGINE.hex()


async def test_counts_of_the_old_device_do_not_go_on_in_the_new_one() -> None:
    """The same ports, an older clock: all but the engine's ID looks like the next poll."""
    errors = "interface_receive_errors_total"
    async with meeting(switch(900_000, {1: Port("GE1", errors=100)})) as (device, probe):
        assert values(await read(probe), errors) == {"GE1": 100}
        device.engine.engine_id = OTHER_ENGINE
        device.engine.show(switch(903_000, {1: Port("GE1", errors=105)}))
        assert values(await read(probe), errors) == {"GE1": 105}
        device.engine.engine_id = ENGINE
        device.engine.show(switch(906_000, {1: Port("GE1", errors=3)}))
        assert values(await read(probe), errors) == {"GE1": 3}


async def test_two_devices_that_take_turns_at_an_address_are_told() -> None:
    def turns(engine: Engine, request: Message, reply: bytes | None) -> list[bytes]:
        if request.engine_id == engine.engine_id:
            engine.engine_id = OTHER_ENGINE if engine.engine_id == ENGINE else ENGINE
        return honest(engine, request, reply)

    async with playing(entries(), turns) as device, probing(device.port, timeout_s=0.3) as probe:
        told = rf"expected engine ({ENGINE.hex()}|{OTHER_ENGINE.hex()}) \(got \w+\)"
        with pytest.raises(Garbled, match=told):
            await read(probe)
