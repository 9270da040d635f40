"""One poll, in virtual time: what becomes of an answer, a failure, a bug, a connection."""

import asyncio
import logging
import math
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from secmon.api import (
    Batch,
    Driver,
    Garbled,
    Layout,
    Options,
    Probe,
    Reading,
    Refused,
    Target,
    Unreachable,
)
from secmon.core.model import EMPTY_LAYOUT, Observation, ProbePlan
from secmon.shell.poller import Hooks, Poller
from tests.core.world import WARM, device, policy
from tests.shell.desk_scene import a_desk
from tests.shell.polling import Answer, Round, Unit, a_deriver, changed, driver, polling, setup
from tests.virtual import START, virtual_time


async def silent(_: Target) -> Answer:
    await asyncio.sleep(1e6)
    raise AssertionError("the poll should have been cut off")


def raising(error: BaseException):
    async def answers(_: Target) -> Answer:
        await asyncio.sleep(0.5)
        raise error

    return answers


def bringing(*readings: Reading):
    async def answers(_: Target) -> Answer:
        return list(readings)

    return answers


async def once(unit: Unit) -> Round:
    """One poll of this unit."""
    async with polling(setup("a", driver({"a": unit}))) as done:
        await done.poller.poll("a")
    return done


# --- good answers ----------------------------------------------------------------------------


@virtual_time
async def test_readings_become_an_observation() -> None:
    ports = [Reading("interface_up", True, "1"), Reading("interface_up", False, "2")]
    done = await once(Unit(bringing(ports[0], Reading("on_battery", False), ports[1])))
    seen = done.seen[0]
    assert (seen.device, seen.probe, seen.failure) == ("a", "test", None)
    assert seen.layout.names == ("interface_up", "interface_up", "on_battery")
    assert seen.layout.parts == ("1", "2", "")
    assert seen.values == [True, False, False]


@virtual_time
async def test_its_moment_is_when_the_poll_began() -> None:
    async def answers(_: Target) -> Answer:
        await asyncio.sleep(3)
        return []

    async with polling(setup("a", driver({"a": Unit(answers)}))) as done:
        await asyncio.sleep(30)
        seen = done.seen[1]
        assert (seen.at - START).total_seconds() == pytest.approx(seen.tick, abs=1e-5)
        assert seen.tick % 10 == pytest.approx(done.seen[2].tick % 10)
        assert done.took == pytest.approx([3] * len(done.took))


@virtual_time
async def test_no_readings_are_an_answer_too() -> None:
    done = await once(Unit(bringing()))
    assert done.seen[0].reached
    assert done.seen[0].values == []


@virtual_time
async def test_what_is_no_number_is_left_out() -> None:
    odd = [
        Reading("temperature_celsius", 21.5, "good"),
        Reading("temperature_celsius", math.nan, "nan"),
        Reading("temperature_celsius", math.inf, "inf"),
        Reading("temperature_celsius", -math.inf, "-inf"),
        Reading("uptime_seconds", 2**64 - 1, "a full counter"),
        Reading("uptime_seconds", 10**400, "no counter"),
        Reading("on_battery", True),
        Reading("model", "APC"),
    ]
    seen = (await once(Unit(bringing(*odd)))).seen[0]
    assert seen.layout.parts == ("good", "a full counter", "", "")
    assert seen.values == [21.5, 2**64 - 1, True, "APC"]


@virtual_time
async def test_equal_layouts_are_one_object_over_polls_and_devices() -> None:
    readings = [Reading("temperature_celsius", 20.0), Reading("humidity_ratio", 0.4)]
    units = {name: Unit(bringing(*readings)) for name in "abc"}
    units["d"] = Unit(bringing(*readings, Reading("on_battery", False)))
    speaks = driver(units)
    async with polling(*(setup(name, speaks) for name in units)) as done:
        await asyncio.sleep(50)
        units["a"].answers = bringing(readings[1], readings[0])
        await asyncio.sleep(10)
        units["a"].answers = bringing(*readings)
        await asyncio.sleep(10)
    shapes: dict[str, list[Layout]] = {}
    for seen in done.seen:
        shapes.setdefault(seen.device, []).append(seen.layout)
    assert {id(one) for one in shapes["b"]} == {id(one) for one in shapes["c"]}
    assert len({id(one) for one in shapes["b"]}) == 1
    assert {id(one) for one in shapes["a"]} > {id(shapes["b"][0])}
    assert len({id(one) for one in shapes["a"]}) == 2, "and back again to the first"
    assert len({id(one) for one in shapes["d"]}) == 1


@virtual_time
async def test_a_batch_of_a_layout_of_its_own_is_taken_as_it_is() -> None:
    shape = Layout(("temperature_celsius",) * 2, ("in", "out"))

    async def answers(_: Target) -> Answer:
        return Batch(shape, [20.0, 5.0], {"serial": "A1"}, b"\xff\xd8")

    async with polling(setup("a", driver({"a": Unit(answers)}))) as done:
        await asyncio.sleep(30)
    assert {id(seen.layout) for seen in done.seen} == {id(done.seen[0].layout)}
    seen = done.seen[0]
    assert (seen.values, seen.facts, seen.evidence) == ([20.0, 5.0], {"serial": "A1"}, b"\xff\xd8")


# --- failures --------------------------------------------------------------------------------


@virtual_time
async def test_a_driver_that_overstays_is_cut_off_and_its_connection_closed() -> None:
    unit = Unit(silent)
    async with polling(setup("a", driver({"a": unit}))) as done:
        await asyncio.sleep(100)
        assert set(done.took) == {5.0}, "exactly the time-out"
        assert set(done.texts()) == {"no complete answer within 5 s"}
        assert set(done.reasons()) == {"timeout"}
        assert len(unit.opened) in (10, 11), "a fresh connection for every poll"
        assert unit.closed == pytest.approx([at + 5 for at in unit.asked[: len(unit.closed)]])
        unit.answers = bringing()
        await asyncio.sleep(30)
        assert done.reasons()[-2:] == ["good", "good"]
        assert len(unit.opened) == len(unit.closed) + 1, "kept while it is good"


@virtual_time
async def test_a_connection_that_is_not_made_in_time_is_a_timeout_too() -> None:
    @asynccontextmanager
    async def connect(target: Target, options: Options, profile: None) -> AsyncIterator[Probe]:
        await asyncio.sleep(1e6)
        yield Unit  # type: ignore[misc]

    async with polling(setup("a", Driver("test", Options, None, connect))) as done:
        await asyncio.sleep(30)
        assert set(done.reasons()) == {"timeout"}
        assert set(done.took) == {5.0}


@pytest.mark.parametrize(
    ("error", "reason", "reached"),
    [
        (Unreachable("expected a connection (got refused)"), "unreachable", False),
        (Refused("expected a value (got ACCESS-DENIED)"), "refused", True),
        (Garbled("expected a length (got 9)"), "garbled", True),
    ],
)
def test_what_a_driver_raises_is_why_it_failed(error, reason, reached) -> None:
    @virtual_time
    async def story() -> None:
        unit = Unit(raising(error))
        done = await once(unit)
        assert done.reasons() == [reason]
        assert done.texts() == [str(error)]
        assert done.seen[0].reached is reached
        assert (done.seen[0].layout, len(done.seen[0].values)) == (EMPTY_LAYOUT, 0)
        assert unit.closed[0] == 0.5, "closed after any failure"

    story()


@virtual_time
async def test_a_failure_is_told_before_its_connection_is_closed() -> None:
    async def closes() -> None:
        await asyncio.sleep(1e6)

    unit = Unit(raising(Unreachable("gone")), closes=closes)
    async with polling(setup("a", driver({"a": unit}))) as done:
        await asyncio.sleep(0.6)
        assert done.reasons() == ["unreachable"]
        await asyncio.sleep(60)
        assert len(done.seen) in (6, 7), "and it holds up no later turn"


@virtual_time
async def test_a_text_is_bounded() -> None:
    done = await once(Unit(raising(Garbled("x" * 100_000))))
    assert len(done.texts()[0]) == 500


# --- our bugs --------------------------------------------------------------------------------


@virtual_time
async def test_anything_else_is_our_bug(caplog: pytest.LogCaptureFixture) -> None:
    unit = Unit(raising(KeyError("rtsp://admin:hunter2@192.0.2.9/1" + "x" * 10_000)))
    async with polling(setup("a", driver({"a": unit}))) as done:
        await asyncio.sleep(100)
        assert set(done.reasons()) == {"internal"}
        assert done.seen[0].reached is None, "the device is unknown, not down"
        assert done.texts()[0].startswith("KeyError: ")
        assert "hunter2" not in done.texts()[0]
        assert len(done.texts()[0]) <= 500
        logged = [one for one in caplog.records if one.levelno >= logging.ERROR]
        assert len(logged) == 1, "once, not at every poll"
        assert logged[0].exc_info is not None
        assert "device=a probe=test" in caplog.text
        assert len(unit.closed) == len(unit.opened)
        unit.answers = bringing()
        await asyncio.sleep(10)
        unit.answers = raising(KeyError("again"))
        await asyncio.sleep(10)
        assert done.reasons()[-2:] == ["good", "internal"]
        assert len([one for one in caplog.records if one.levelno >= logging.ERROR]) == 2


async def _own_deadline(_: Target) -> Answer:
    async with asyncio.timeout(1):
        await asyncio.sleep(2)
    return []


@pytest.mark.parametrize(
    "answers",
    [
        _own_deadline,
        raising(TimeoutError("timed out")),
        raising(socket.timeout("timed out")),  # noqa: UP041
        raising(TimeoutError(110, "Connection timed out")),
    ],
    ids=["asyncio.timeout", "TimeoutError", "socket.timeout", "ETIMEDOUT"],
)
def test_a_timeout_of_the_drivers_own_is_a_bug_not_a_deadline(
    answers, caplog: pytest.LogCaptureFixture
) -> None:
    """A driver sets no time-outs, and says Unreachable for what the kernel gives up."""

    @virtual_time
    async def story() -> None:
        done = await once(Unit(answers))
        assert done.reasons() == ["internal"]
        assert done.texts()[0].startswith("TimeoutError")
        assert "Traceback" in caplog.text

    story()


@virtual_time
async def test_what_a_driver_raises_while_it_is_cut_off_does_not_hide_the_timeout() -> None:
    async def answers(_: Target) -> Answer:
        try:
            await asyncio.sleep(1e6)
        finally:
            raise ConnectionResetError("while cleaning up")

    done = await once(Unit(answers))
    assert done.reasons() == ["timeout"]


@virtual_time
async def test_a_driver_that_loses_a_cancellation_ends_all_the_same() -> None:
    """Else a reload or the stop of the daemon would wait for it for ever."""

    async def swallows(_: Target) -> Answer:
        try:
            await asyncio.sleep(4)
        except asyncio.CancelledError:
            return []
        return []

    async def trips(_: Target) -> Answer:
        try:
            await asyncio.sleep(4)
        finally:
            raise ConnectionResetError("while cleaning up")

    units = {"a": Unit(swallows), "b": Unit(trips)}
    speaks = driver(units)
    async with polling(*(setup(name, speaks) for name in units)) as done:
        await asyncio.sleep(1)
        async with asyncio.timeout(1):
            await done.poller.adopt([])
        assert [len(unit.closed) for unit in units.values()] == [1, 1]
        assert "internal" not in done.reasons()


@virtual_time
async def test_a_stray_cancellation_does_not_end_the_polling() -> None:
    """Whatever the driver waited for was cancelled, for instance a future of a closed socket."""

    async def answers(_: Target) -> Answer:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(1, future.cancel)
        await future
        return []

    unit = Unit(answers)
    async with polling(setup("a", driver({"a": unit}))) as done:
        await asyncio.sleep(30)
        assert set(done.reasons()) == {"internal"}
        unit.answers = bringing()
        await asyncio.sleep(10)
        assert done.reasons()[-1] == "good"


@virtual_time
async def test_a_close_that_breaks_is_logged_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    async def closes() -> None:
        raise ValueError("already closed")

    unit = Unit(raising(Unreachable("gone")), closes=closes)
    async with polling(setup("a", driver({"a": unit}))) as done:
        await asyncio.sleep(60)
        assert len(done.seen) in (6, 7)
    assert "our bug while closing a connection device=a" in caplog.text


# --- what a driver is given ------------------------------------------------------------------


@virtual_time
async def test_a_driver_is_given_its_target() -> None:
    unit = Unit()
    one = changed(setup("a", driver({"a": unit}), every=30, timeout=3), address="192.0.2.7")
    async with polling(one) as done:
        await asyncio.sleep(1)
        target = unit.targets[0]
        assert (target.device, target.address) == ("a", "192.0.2.7")
        assert (target.interval, target.timeout) == (30, 3)
        assert target.shared is None
        assert target.now is not None
        assert target.now() == done.clock.now()
        done.facts["a"]["stream_uri"] = "rtsp://192.0.2.7/1"
        assert target.facts["stream_uri"] == "rtsp://192.0.2.7/1", "a live view"


@virtual_time
async def test_a_driver_is_told_the_sites_time_zone_and_its_change() -> None:
    unit = Unit()
    one = setup("a", driver({"a": unit}))
    async with polling(one) as done:
        await asyncio.sleep(15)
        await done.poller.adopt([changed(one, timezone="Asia/Shanghai")])
        await asyncio.sleep(15)
    assert [target.timezone for target in unit.targets] == ["UTC", "Asia/Shanghai"]


@virtual_time
async def test_what_a_poll_repeats_is_said_to_be_repeated() -> None:
    async def repeats(_: Target) -> Answer:
        shape = Layout(("on_battery", "temperature_celsius"), ("", ""))
        return Batch(shape, [True, 20.0], repeated={("on_battery", "")})

    async with polling(setup("a", driver({"a": Unit(repeats)}))) as done:
        await asyncio.sleep(15)
    assert done.seen[0].repeated == {("on_battery", "")}
    assert list(done.seen[0].values) == [True, 20.0]


@virtual_time
async def test_memory_facts_and_evidence_go_through_the_real_store(tmp_path: Path) -> None:
    """A camera's two probes: one finds the serial, the other needs it, and takes a picture."""
    celsius = [26.0]

    async def finds(_: Target) -> Answer:
        return Batch(EMPTY_LAYOUT, [], {"serial": "A1"})

    async def looks(target: Target) -> Answer:
        count = int(await target.memory.get("", "polls") or b"0") + 1
        await target.memory.put("", "polls", str(count).encode())
        shape = Layout(("temperature_celsius",), ("",))
        picture = f"{target.facts.get('serial', '?')} {count}".encode()
        return Batch(shape, [celsius[0]], evidence=picture)

    plans = [ProbePlan("finds", "finds", 10, 5), ProbePlan("looks", "looks", 10, 5)]
    site = policy([device("cam", kind="machine-room", probes=plans)])
    async with a_desk(tmp_path, site) as scene, asyncio.TaskGroup() as tasks:
        world, store = scene.desk.world, scene.disk.store

        def observe(seen: Observation, _: float) -> None:
            scene.desk.observe(seen)

        hooks = Hooks(
            observe, a_deriver, lambda name: world.facts.setdefault(name, {}), store.memory
        )
        poller = Poller(scene.clock, hooks)
        running = tasks.create_task(poller.run())
        await poller.adopt(
            [
                setup("cam", driver({"cam": Unit(finds)}, "finds")),
                setup("cam", driver({"cam": Unit(looks)}, "looks")),
            ]
        )
        await asyncio.sleep(300)
        assert (await scene.disk.load()).facts == {"cam": {"serial": "A1"}}
        polls = int(await store.recall("cam", "", "polls") or b"0")
        assert polls in (30, 31)
        ticket = scene.only()
        pictures = await store.evidence(ticket.id)
        assert len(pictures) == 1, "only the one that opened the fault"
        number = round((ticket.opened_at - START).total_seconds() / 10)
        assert pictures[0][1] in {f"A1 {number}".encode(), f"A1 {number + 1}".encode()}
        celsius[0] = 20.0
        await asyncio.sleep(60)
        assert scene.only().cleared_at is not None
        celsius[0] = 27.0
        await asyncio.sleep(300)
        assert len(await store.evidence(ticket.id)) == 2, "and the one of its relapse"
        assert WARM.soak.total_seconds() == 120
        running.cancel()
