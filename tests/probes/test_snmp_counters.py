"""Counters of 32 bits, restarts and the wrap of sysUpTime: no poll may ever give a wrong rate."""

import asyncio
import random

import pytest

from probes.snmp.columns import Counter32, Mapped, Speeds
from probes.snmp.uptime import RESTARTED, SPAN, Uptime, unbroken
from probes.wire.snmp_values import COUNTER32, INTEGER, OCTET_STRING
from secmon.api import Batch
from tests.probes.snmp_device import (
    GIGABIT,
    IF,
    UPTIME,
    Port,
    honest,
    meeting,
    read,
    switch,
    system,
    values,
)

RECEIVED = "interface_receive_bytes_total"
ERRORS = "interface_receive_errors_total"
HALF_MINUTE = 3000  # ticks
TEN_MEGABIT = 10_000_000


def narrow(received: int, speed: int = GIGABIT, errors: int = 0) -> dict[int, Port]:
    """A port without ifXTable: 32 bits only."""
    return {1: Port("", "eth0", received=received, speed=speed, errors=errors)}


def received(batch: Batch) -> int | None:
    found = values(batch, RECEIVED).get("eth0")
    assert found is None or isinstance(found, int)
    return found


async def both(first: dict[int, Port], second: dict[int, Port], passed: int) -> list[int | None]:
    """What two polls read of one port, `passed` ticks apart, and a third one 1 s later."""
    async with meeting(switch(10_000, first)) as (device, probe):
        found = [received(await read(probe))]
        for ticks in (10_000 + passed, 10_100 + passed):
            device.show(switch(ticks, second))
            found.append(received(await read(probe)))
    return found


# --- over the wire


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_a_counter_goes_on_over_its_wrap(version: str) -> None:
    async with meeting(switch(10_000, narrow(2**32 - 1000)), version=version) as (device, probe):
        first = received(await read(probe))
        assert first == 2**32 - 1000
        total = 2**32 - 1000
        for minute in range(1, 20):
            total += 3_000_000_000
            device.show(switch(10_000 + minute * HALF_MINUTE, narrow(total)))
            assert received(await read(probe)) == total


async def test_what_may_have_gone_round_more_than_once_is_left_out_once() -> None:
    """A gigabit fills 32 bits in 34 s: after a minute nobody knows how often it went round."""
    first, second, third = await both(narrow(5), narrow(1000), 2 * HALF_MINUTE)
    assert (first, second, third) == (5, None, 1000)


async def test_a_slow_port_may_be_asked_seldom() -> None:
    found = await both(narrow(2**32 - 5, TEN_MEGABIT), narrow(2**32 + 995, TEN_MEGABIT), 300_000)
    assert found == [2**32 - 5, 2**32 + 995, 2**32 + 995]


async def test_a_port_cannot_have_carried_more_than_its_speed() -> None:
    """Counters cleared by hand look like a wrap, but 10 Mbit/s carry 37 MB in half a minute."""
    first, second, third = await both(
        narrow(3_000_000_000, TEN_MEGABIT), narrow(5, TEN_MEGABIT), HALF_MINUTE
    )
    assert (first, second, third) == (3_000_000_000, None, 5)


async def test_a_restart_is_seen_by_the_uptime_and_counters_begin_anew() -> None:
    async with meeting(switch(500_000, narrow(4_000_000_000))) as (device, probe):
        before = await read(probe)
        device.show(switch(900, narrow(100)))
        after = await read(probe)
        assert values(before, "uptime_seconds")[""] == 5000.0
        assert values(after, "uptime_seconds")[""] == 9.0
        assert received(after) == 100
        device.show(switch(1900, narrow(1100)))
        assert received(await read(probe)) == 1100


async def test_a_restart_amid_a_poll_mixes_nothing() -> None:
    """The clock is asked first and last: a device that started anew in between is asked again."""
    ports = {i: Port("", f"eth{i}", received=4_000_000_000 + i) for i in range(1, 40)}
    fresh = {i: Port("", f"eth{i}", received=i) for i in range(1, 40)}
    async with meeting(switch(500_000, ports)) as (device, probe):
        await read(probe)
        gets = 0

        def restarting(request: bytes, reply: bytes | None) -> list[bytes]:
            nonlocal gets
            gets += 1
            if gets == 2:
                device.show(switch(50, fresh))
            return honest(request, reply)

        device.show(switch(503_000, ports))
        device.bend = restarting
        after = await read(probe)
    assert values(after, RECEIVED) == {f"eth{i}": i for i in range(1, 40)}
    assert values(after, "uptime_seconds")[""] == 0.5


async def test_the_uptime_goes_on_after_497_days() -> None:
    async with meeting(switch(SPAN - 1000, narrow(7))) as (device, probe):
        before = await read(probe)
        device.show(switch(2000, narrow(1007)))
        after = await read(probe)
    assert values(before, "uptime_seconds")[""] == (SPAN - 1000) / 100
    assert values(after, "uptime_seconds")[""] == (SPAN + 2000) / 100
    assert received(after) == 1007
    assert after.layout is before.layout


async def test_a_young_device_that_was_away_may_have_restarted_unseen() -> None:
    """Up for 20 s, away for two polls of 30 s, up for 40 s: that is no 20 s that passed."""
    ports = {1: Port("", "eth0", received=3_000_000_000, speed=100_000_000)}
    fresh = {1: Port("", "eth0", received=1_000_000, speed=100_000_000)}
    async with meeting(switch(2000, ports)) as (device, probe):
        await read(probe)
        device.bend = lambda *_: []
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await probe.read()
        device.bend = honest
        device.show(switch(4000, fresh))
        assert received(await read(probe)) is None
        device.show(switch(7000, fresh))
        assert received(await read(probe)) == 1_000_000


async def test_after_a_while_away_a_slow_counter_goes_on() -> None:
    ports = {1: Port("", "eth0", received=3_000_000_000, speed=TEN_MEGABIT)}
    async with meeting(switch(200_000, ports)) as (device, probe):
        await read(probe)
        device.bend = lambda *_: []
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await probe.read()
        device.bend = honest
        device.show(switch(209_000, ports))
        assert received(await read(probe)) == 3_000_000_000


async def test_error_counters_are_widened_too() -> None:
    async with meeting(switch(10_000, narrow(0, errors=2**32 - 2))) as (device, probe):
        assert values(await read(probe), ERRORS) == {"eth0": 2**32 - 2}
        device.show(switch(13_000, narrow(0, errors=2**32 + 3)))
        assert values(await read(probe), ERRORS) == {"eth0": 2**32 + 3}


async def test_without_a_clock_32_bits_say_nothing() -> None:
    entries = switch(10_000, narrow(2**31))
    del entries[UPTIME]
    async with meeting(entries) as (_, probe):
        batch = await read(probe)
    assert RECEIVED not in batch.layout.spans
    assert "uptime_seconds" not in batch.layout.spans
    assert values(batch, "interface_up") == {"eth0": True}


async def test_a_port_with_another_name_has_another_counter() -> None:
    async with meeting(switch(10_000, {1: Port("", "eth0", received=4_000_000_000)})) as met:
        device, probe = met
        await read(probe)
        device.show(switch(13_000, {1: Port("", "eth1", received=5), 2: Port("", "eth2")}))
        assert values(await read(probe), RECEIVED) == {"eth1": 5, "eth2": 0}


async def test_new_ports_leave_the_old_counters_alone() -> None:
    async with meeting(switch(10_000, narrow(2**32 - 1))) as (device, probe):
        await read(probe)
        device.show(switch(13_000, narrow(2**32 + 9) | {2: Port("", "eth1")}))
        assert received(await read(probe)) == 2**32 + 9


async def test_counters_that_come_as_text_or_without_leading_zero() -> None:
    entries = switch(10_000, narrow(0)) | {
        f"{IF}.10.1": (OCTET_STRING, b" 12345 "),
        f"{IF}.14.1": (COUNTER32, bytes.fromhex("fffffffe")),
        f"{IF}.16.1": (OCTET_STRING, b"none"),
        f"{IF}.8.1": (OCTET_STRING, b"1"),
        f"{IF}.9.1": (INTEGER, -1),
    }
    async with meeting(dict(entries)) as (_, probe):
        for _ in range(3):
            batch = await read(probe)
    assert received(batch) == 12345
    assert values(batch, ERRORS) == {"eth0": 2**32 - 2}
    assert values(batch, "interface_up") == {"eth0": True}
    assert "interface_transmit_bytes_total" not in batch.layout.spans
    assert "interface_last_change_seconds" not in batch.layout.spans


async def test_an_uptime_that_is_none_is_left_out() -> None:
    entries = system(1) | {UPTIME: (OCTET_STRING, b"3 days")}
    async with meeting(entries) as (_, probe):
        assert (await read(probe)).layout.names == ()


async def test_a_port_that_became_slower_was_fast_until_now() -> None:
    """Also if another port appears just then and all are looked for anew."""
    async with meeting(switch(10_000, narrow(0))) as (device, probe):
        await read(probe)
        slower = narrow(2**32 + 10, speed=100_000_000) | {2: Port("", "eth1", speed=100_000_000)}
        device.show(switch(16_000, slower))
        assert received(await read(probe)) is None


# --- alone, against a port that really counts


def column(speed: float) -> Counter32:
    speeds = Speeds()
    said = Mapped("interface_speed_bytes_per_second", ("p",), lambda raw: speed)
    said.take([0], True, None)
    speeds.note((said,))
    return Counter32("bytes", ("p",), speeds=speeds, frame=1, bases=[None])


def test_no_traffic_restart_or_gap_ever_gives_a_wrong_difference() -> None:
    """A port counts truly at up to its speed; two neighbouring values differ by what it carried."""
    dice = random.Random(830)
    for speed in (1.25e6, 12.5e6, 125e6, 1.25e9):
        counter = column(speed)
        truth = 0
        before: int | None = None
        counter.take([0], True, RESTARTED)
        for _ in range(2000):
            passed = dice.choice([100, 1000, 3000, 3400, 6000, 60_000])
            carried = int(speed * passed / 100 * dice.choice([0, 0.01, 0.5, 1]))
            truth += carried
            counter.take([truth % 2**32], True, passed)
            value = counter.values[0] if counter.values else None
            assert value is None or isinstance(value, int)
            if value is not None and before is not None:
                assert value - before == carried
            before = value


def test_a_counter_that_stands_still_for_long_is_not_known_either() -> None:
    counter = column(125e6)
    counter.take([77], True, RESTARTED)
    counter.take([77], True, 100)
    assert counter.values == [77]
    counter.take([77], True, 4000)
    assert (counter.values, counter.holes) == ([], (0,))
    counter.take([77], True, 100)
    assert (counter.values, counter.holes) == ([77], ())


# --- the clock


@pytest.mark.parametrize(
    ("before", "now", "passed", "seconds"),
    [
        (1000, 4000, 3000, 40.0),
        (4000, 1000, RESTARTED, 10.0),
        (SPAN - 1, 2999, 3000, (SPAN + 2999) / 100),
        (SPAN - 1, 90_000_000, RESTARTED, 900_000.0),  # ten days after the wrap: it was a restart
        (90_000_000, 89_999_800, 0, 900_000.0),  # a stumble
        (700, 500, RESTARTED, 5.0),  # too young for a stumble
        (SPAN // 2, 5, RESTARTED, 0.05),
    ],
)
def test_the_clock_goes_on_or_starts_anew(
    before: int, now: int, passed: int, seconds: float
) -> None:
    uptime = Uptime()
    assert uptime.advance(before, 30) == RESTARTED
    assert uptime.went_back(now, 30) == (passed == RESTARTED)
    assert uptime.advance(now, 30) == passed
    assert uptime.seconds == seconds


@pytest.mark.parametrize(
    ("ticks", "good"),
    [
        ([100, 100, 105], True),
        ([SPAN - 2, 3], True),
        ([500_000, 50], False),
        ([SPAN - 5, 500, 3], False),
        ([500_000, 499_990], True),
        ([], True),
    ],
)
def test_one_poll_is_of_one_run_of_the_device(ticks: list[int], good: bool) -> None:
    assert unbroken(ticks, 70) == good
