"""The driver `snmp` against devices that bear little, lose datagrams, have endless tables."""

import asyncio
from collections.abc import Iterator

import pytest

from probes.snmp import shared as opened
from probes.snmp import walk
from probes.wire import ber, snmp
from probes.wire.snmp_values import INTEGER
from tests.probes.snmp_device import (
    IF,
    Bend,
    Entries,
    Port,
    honest,
    meeting,
    playing,
    probing,
    read,
    switch,
    system,
)

PORTS = {i: Port(f"GE{i}", received=i) for i in range(1, 29)}
ALL = 1 + 28 * 11


def entries() -> Entries:
    return switch(1000, PORTS)


# --- what is lost, and what is too big


async def test_a_lost_datagram_is_asked_for_again_within_the_poll() -> None:
    seen: set[bytes] = set()

    def losing(request: bytes, reply: bytes | None) -> list[bytes]:
        if request in seen or len(seen) % 4:
            seen.add(request)
            return honest(request, reply)
        seen.add(request)
        return []

    async with meeting(switch(1000, {1: Port("GE1")}), losing) as (_, probe):
        assert len((await read(probe)).values) == 1 + 11


def at_most(varbinds: int, loud: bool) -> Bend:
    """An agent that answers a larger request by tooBig, or not at all."""

    def bend(request: bytes, reply: bytes | None) -> list[bytes]:
        head = snmp.opened(request)
        asked = len(snmp.slots(request, head.at))
        asked *= max(head.index, 1) if head.pdu == snmp.GET_BULK else 1
        if asked <= varbinds:
            return honest(request, reply)
        return [snmp.response(head, snmp.TOO_BIG, 0, b"")] if loud else []

    return bend


@pytest.mark.parametrize("version", ["1", "2c"])
@pytest.mark.parametrize("most", [1, 7, 20])
async def test_an_agent_that_bears_little_is_asked_little(most: int, version: str) -> None:
    async with meeting(entries(), at_most(most, loud=True), version=version) as (device, probe):
        for _ in range(3):
            batch = await read(probe)
            assert len(batch.values) == ALL
        device.asked.clear()
        await read(probe)
        assert all(asked <= most + 1 for _, asked in device.asked), "it is remembered"
        assert len(device.asked) < 8 * 28 * 2 / most + 4


async def test_an_agent_that_drops_big_requests_is_read_after_all() -> None:
    async with opened() as shared, playing(entries(), at_most(16, loud=False)) as device:
        for _ in range(6):
            async with probing(device.port, timeout_s=0.3, shared=shared) as probe:
                try:
                    async with asyncio.timeout(0.3):
                        batch = await read(probe)
                    break
                except TimeoutError:
                    continue
        assert len(batch.values) == ALL
        device.asked.clear()
        async with probing(device.port, timeout_s=0.3, shared=shared) as probe:
            assert len((await read(probe)).values) == ALL
        assert all(asked <= 16 for _, asked in device.asked)


async def test_replies_that_are_cut_short_are_walked_on() -> None:
    """An agent that puts no more than 200 bytes into a reply to GETBULK."""
    async with playing(entries()) as device:
        device.reply_max = 2000

        def short(request: bytes, reply: bytes | None) -> list[bytes]:
            head = snmp.opened(request)
            if reply is None or head.pdu != snmp.GET_BULK:
                return honest(request, reply)
            kept = snmp.slots(reply, snmp.opened(reply).at)[:7]
            varbinds = [
                snmp.varbind(name, tag, reply[start:stop]) for name, tag, start, stop in kept
            ]
            return [snmp.response(head, 0, 0, b"".join(varbinds))]

        device.bend = short
        async with probing(device.port) as probe:
            assert len((await read(probe)).values) == ALL


# --- walks without an end


def walking(name: Iterator[bytes]) -> Bend:
    def bend(request: bytes, reply: bytes | None) -> list[bytes]:
        head = snmp.opened(request)
        if head.pdu != snmp.GET_BULK:
            return honest(request, reply)
        asked = snmp.slots(request, head.at)
        varbinds = [snmp.varbind(next(name), INTEGER, 1) for _ in range(len(asked) * head.index)]
        return [snmp.response(head, 0, 0, b"".join(varbinds))]

    return bend


def circle() -> Iterator[bytes]:
    """1, 2, 3, 1, 2, 3 …"""
    while True:
        for i in (1, 2, 3):
            yield ber.oid(f"{IF}.1.{i}")


def backwards() -> Iterator[bytes]:
    while True:
        yield from (ber.oid(f"{IF}.1.{i}") for i in range(1000, 0, -1))


def elsewhere() -> Iterator[bytes]:
    while True:
        yield b"\x2b\x06\x01\x04\x01\x09"


def broken() -> Iterator[bytes]:
    while True:
        yield ber.oid(f"{IF}.1") + b"\x81"


@pytest.mark.parametrize("names", [circle, backwards, elsewhere, broken])
async def test_a_walk_that_goes_nowhere_ends(names: object) -> None:
    assert callable(names)
    async with meeting(system(1000), walking(names())) as (device, probe):
        assert (await read(probe)).values[0] == 10.0
    assert len(device.asked) < 100


async def test_a_table_without_an_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_ROWS", 40)

    def growing(request: bytes, reply: bytes | None) -> list[bytes]:
        head = snmp.opened(request)
        if head.pdu != snmp.GET_BULK:
            return honest(request, reply)
        out = b""
        names = [slot[0] for slot in snmp.slots(request, head.at)]
        for _ in range(head.index):
            names = [after(name) for name in names]
            out += b"".join(snmp.varbind(name, INTEGER, 1) for name in names)
        return [snmp.response(head, 0, 0, out)]

    def after(name: bytes) -> bytes:
        arcs = ber.dotted(name).split(".")
        column, index = arcs[: -1 if len(arcs) > 10 + (arcs[6] == "31") else None], 0
        if column != arcs:
            index = int(arcs[-1])
        return ber.oid(".".join([*column, str(index + 1)]))

    async with opened() as shared, playing(system(1000), growing) as device:
        async with probing(device.port, shared=shared) as probe:
            await read(probe)
        (known,) = shared.known.values()
    assert known.plan is not None
    assert max(len(rows) for rows in known.plan.rows.values()) == 40
    assert len(device.asked) < 400


async def test_a_walk_that_is_cut_off_goes_on_at_the_next_poll() -> None:
    many = {i: Port(f"GE{i}") for i in range(1, 200)}

    async with opened() as shared, playing(switch(1000, many)) as device:
        answered = 0

        def slow(request: bytes, reply: bytes | None) -> list[bytes]:
            """Twelve answers to a poll."""
            nonlocal answered
            answered += 1
            return honest(request, reply) if answered <= 12 else []

        device.bend = slow
        for _ in range(6):
            answered = 0
            async with probing(device.port, shared=shared) as probe:
                poll = asyncio.ensure_future(probe.read())
                while answered <= 12:
                    await asyncio.sleep(0.001)
                poll.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await poll
        device.bend = honest
        device.asked.clear()
        async with probing(device.port, shared=shared) as probe:
            assert len((await read(probe)).values) == 1 + 199 * 11
        assert len([pdu for pdu, _ in device.asked if pdu == snmp.GET_BULK]) < 40
