"""When probes are asked, in virtual time: turns, persons, reloads, the end. Drivers are real Driver
objects made of small functions."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from secmon.api import Cause, Credentials, Reading, Refused, Target, Unreachable
from tests.shell.polling import WARM, Answer, Unit, changed, driver, polling, setup
from tests.virtual import virtual_time

HOUR = 3600.0


def taking(seconds: float):
    """Answers after so long."""

    async def answers(_: Target) -> Answer:
        await asyncio.sleep(seconds)
        return WARM

    return answers


async def silent(_: Target) -> Answer:
    await asyncio.sleep(1e6)
    raise AssertionError("the poll should have been cut off")


def hanging():
    async def closes() -> None:
        await asyncio.sleep(1e6)

    return closes


# --- turns -----------------------------------------------------------------------------------


@virtual_time
async def test_a_thousand_turns_without_drift() -> None:
    unit = Unit(taking(0.25))
    async with polling(setup("a", driver({"a": unit}))) as done:
        await asyncio.sleep(10_000)
    first, *rest = unit.asked
    offset = rest[0] % 10
    assert first <= 0.01, "the first comes at once"
    assert len(rest) in (999, 1000)
    for turn, at in enumerate(rest):
        assert at == pytest.approx(rest[0] - rest[0] % 10 + offset + 10 * turn, abs=1e-6)
    assert done.skipped == 0
    assert max(done.late) < 1e-6


@virtual_time
async def test_the_same_moments_after_a_restart_and_others_for_others() -> None:
    grids = []
    for _ in range(2):
        units = {f"unit-{number}": Unit() for number in range(200)}
        speaks = driver(units)
        async with polling(*(setup(name, speaks) for name in units)):
            await asyncio.sleep(40)
        grids.append([unit.asked[-1] % 10 for unit in units.values()])
    assert grids[0] == pytest.approx(grids[1])
    tenths = Counter(int(offset) for offset in grids[0])
    assert set(tenths) == set(range(10))
    assert max(tenths.values()) < 40, "spread over the interval"


@virtual_time
async def test_two_probes_of_one_device_have_moments_of_their_own() -> None:
    unit = Unit()
    one, two = driver({"a": unit}, "one"), driver({"a": unit}, "two")
    async with polling(setup("a", one), setup("a", two)) as done:
        await asyncio.sleep(40)
    assert {seen.probe for seen in done.seen} == {"one", "two"}
    assert len({round(at % 10, 6) for at in unit.asked[2:]}) == 2


@virtual_time
async def test_the_first_polls_of_a_big_site_are_spread() -> None:
    units = {f"unit-{number}": Unit() for number in range(1000)}
    speaks = driver(units)
    async with polling(*(setup(name, speaks, every=300) for name in units)):
        await asyncio.sleep(10.1)
    first = [unit.asked[0] for unit in units.values()]  # all within ten seconds
    assert max(Counter(int(at * 10) for at in first).values()) < 30


@virtual_time
async def test_one_new_probe_in_a_big_site_does_not_wait() -> None:
    units = {f"unit-{number}": Unit() for number in range(1001)}
    speaks = driver(units)
    setups = [setup(name, speaks, every=300) for name in units]
    async with polling(*setups[:1000]) as done:
        await asyncio.sleep(100)
        await done.poller.adopt(setups)
        await asyncio.sleep(0.01)
        assert len(units["unit-1000"].asked) == 1


@virtual_time
async def test_a_slow_poll_misses_turns_which_are_counted_and_not_made_up() -> None:
    unit = Unit(taking(25))
    async with polling(setup("a", driver({"a": unit}), timeout=30)) as done:
        await asyncio.sleep(HOUR)
    gaps = [b - a for a, b in itertools.pairwise(unit.asked)]
    assert min(gaps) >= 24.999, "never two at once, never one after the other to make up"
    assert max(gaps) <= 35.001
    assert len(unit.asked) + done.skipped == pytest.approx(360, abs=3)
    assert max(done.late) == pytest.approx(20, abs=10)


@virtual_time
async def test_a_stall_of_the_whole_loop_is_one_late_poll(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unit = Unit()
    async with polling(setup("a", driver({"a": unit}))) as done:
        await asyncio.sleep(15)
        before = len(unit.asked)
        loop = asyncio.get_running_loop()
        loop._jumps.passed_s += 600  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        assert len(unit.asked) == before + 1
        assert done.skipped in (59, 60)


# --- people and the core ---------------------------------------------------------------------


@virtual_time
async def test_a_person_gets_a_poll_that_starts_after_the_call() -> None:
    unit = Unit(taking(2))
    async with polling(setup("a", driver({"a": unit}), every=HOUR)) as done:
        await asyncio.sleep(10)
        called = done.clock.now()
        (seen,) = await done.poller.poll("a")
        assert seen.at >= called
        assert len(unit.asked) == 2
        async with asyncio.TaskGroup() as people:  # one that runs already will not do
            first = people.create_task(done.poller.poll("a"))
            await asyncio.sleep(1)
            later = done.clock.now()
            others = [people.create_task(done.poller.poll("a")) for _ in range(5)]
        assert first.result()[0].at < later
        assert {id(other.result()[0]) for other in others} == {id(others[0].result()[0])}
        assert others[0].result()[0].at >= later
        assert len(unit.asked) == 4, "five people share one poll"


@virtual_time
async def test_a_person_gets_all_probes_of_a_device() -> None:
    units = {"a": Unit(taking(1))}
    setups = [setup("a", driver(units, name), every=HOUR) for name in ("one", "two", "three")]
    async with polling(*setups) as done:
        await asyncio.sleep(10)
        seen = await done.poller.poll("a")
        assert [one.probe for one in seen] == ["one", "two", "three"]
        assert await done.poller.poll("unknown") == []


@virtual_time
async def test_a_person_who_goes_away_breaks_nothing() -> None:
    unit = Unit(taking(2))
    async with polling(setup("a", driver({"a": unit}), every=HOUR)) as done:
        await asyncio.sleep(10)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await done.poller.poll("a")
        assert len(await done.poller.poll("a")) == 1


@virtual_time
async def test_what_the_core_asks_is_asked_at_once() -> None:
    unit, other = Unit(taking(2)), Unit()
    speaks = driver({"a": unit, "b": other})
    async with polling(setup("a", speaks, every=HOUR), setup("b", speaks, every=HOUR)) as done:
        await asyncio.sleep(10)
        for _ in range(100):
            done.poller.ask({"a", "unknown"})
        await asyncio.sleep(1)
        assert unit.asked[1:] == [10], "a hundred children fell silent: one poll"
        assert len(other.asked) == 1
        done.poller.ask({"a"})  # during that poll: what it brings may be too old
        await asyncio.sleep(10)
        assert unit.asked[1:] == [10, 12]


# --- a refused log-in ------------------------------------------------------------------------


class Door:
    """A unit with a log-in; counts the tries, because it locks accounts."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.tries = 0

    async def __call__(self, target: Target) -> Answer:
        self.tries += 1
        await asyncio.sleep(1)
        if target.credentials.get("password") != self.password:
            raise Refused("expected the right password (got 401)", credentials=True)
        return WARM


@virtual_time
async def test_a_refused_log_in_is_not_tried_again() -> None:
    door = Door("right")
    wrong = Credentials({"password": "wrong"})
    one = setup("a", driver({"a": Unit(door)}), credentials=wrong)
    async with polling(one) as done:
        await asyncio.sleep(HOUR)
        assert door.tries == 1
        assert len(done.seen) >= 359, "its turns come, and its fault lives on"
        assert set(done.reasons()) == {"refused"}
        assert done.texts()[-1] == (
            "expected the right password (got 401); not asked again until the credentials change"
        )
        assert {one.failure.cause for one in done.seen if one.failure} == {Cause.LOGIN}
        done.poller.ask({"a"})
        await asyncio.sleep(5)
        assert door.tries == 1, "the core is no person"
        await done.poller.poll("a")
        assert door.tries == 2, "a person's word"
        await asyncio.sleep(60)
        assert door.tries == 2
        right = changed(one, credentials=Credentials({"password": "right"}))
        await done.poller.adopt([right])
        await asyncio.sleep(60)
        assert done.reasons()[-1] == "good"
        assert door.tries > 6


@virtual_time
async def test_a_person_who_asks_while_the_log_in_is_being_refused_is_heard() -> None:
    door = Door("right")
    async with polling(setup("a", driver({"a": Unit(door)}))) as done:
        await asyncio.sleep(0.5)
        await done.poller.poll("a")
        assert door.tries == 2


@virtual_time
async def test_a_refusal_of_anything_else_is_asked_again() -> None:
    async def forbidden(_: Target) -> Answer:
        raise Refused("expected a value (got ACCESS-DENIED)")

    unit = Unit(forbidden)
    async with polling(setup("a", driver({"a": unit}))):
        await asyncio.sleep(100)
    assert len(unit.asked) > 9


# --- a shared bus ----------------------------------------------------------------------------


class Line:
    """A bus that is ruined by two requests at once."""

    def __init__(self) -> None:
        self.busy = False
        self.order: list[str] = []

    def unit(self, takes_s: float) -> Unit:
        async def answers(target: Target) -> Answer:
            assert not self.busy, "two at once"
            self.busy = True
            self.order.append(target.device)
            try:
                await asyncio.sleep(takes_s)
            finally:
                self.busy = False
            return WARM

        return Unit(answers)


@virtual_time
async def test_a_bus_is_asked_one_at_a_time_first_come_first_served() -> None:
    line = Line()
    units = {name: line.unit(1) for name in "abcde"}
    speaks = driver(units)
    setups = [setup(name, speaks, every=HOUR, bus="gw") for name in units]
    async with polling(*setups) as done:
        await asyncio.sleep(10)
        line.order.clear()
        async with asyncio.TaskGroup() as people:
            for name in "dbeacd":
                people.create_task(done.poller.poll(name))
                await asyncio.sleep(0.01)
        assert "".join(line.order) == "dbeacd", "d's first poll had begun when it was asked again"
        assert set(done.reasons()) == {"good"}


@virtual_time
async def test_units_of_other_buses_do_not_wait() -> None:
    units = {"a": Unit(taking(4)), "b": Unit(taking(4))}
    speaks = driver(units)
    setups = [setup(name, speaks, every=HOUR, bus=f"gw-{name}") for name in units]
    async with polling(*setups) as done:
        await asyncio.sleep(10)
        async with asyncio.timeout(4.1), asyncio.TaskGroup() as people:
            for name in units:
                people.create_task(done.poller.poll(name))


@virtual_time
async def test_dead_units_do_not_starve_the_living() -> None:
    """Eight units at one gateway, three of them dead, each with half an interval of time-out."""
    line = Line()
    living = {f"living-{number}": line.unit(0.2) for number in range(5)}
    dead = {f"dead-{number}": line.unit(1e6) for number in range(3)}
    units = {**living, **dead}
    speaks = driver(units)
    async with polling(*(setup(name, speaks, bus="gw") for name in units)) as done:
        await asyncio.sleep(120)  # three failures each, and what they delay
        for unit in units.values():
            unit.asked.clear()
        begun = len(done.seen)
        await asyncio.sleep(HOUR)
        for unit in living.values():
            gaps = [b - a for a, b in itertools.pairwise(unit.asked)]
            assert len(unit.asked) in (359, 360, 361), "its cadence"
            assert max(gaps) < 2 * 10, "no turn is missed"
        for unit in dead.values():
            gaps = [b - a for a, b in itertools.pairwise(unit.asked)]
            assert max(gaps) <= 3 * 10, "at least every third interval"
            assert len(unit.asked) < 190, "but fewer turns"
        took = [
            took
            for one, took in zip(done.seen[begun:], done.took[begun:], strict=True)
            if one.device in dead
        ]
        assert max(took) < 5, "and less time"
        assert sum(took) < HOUR / 2


@virtual_time
async def test_a_dead_unit_that_is_mended_has_its_turns_again() -> None:
    line = Line()
    mended = line.unit(1e6)
    units = {"a": line.unit(0.2), "b": mended}
    speaks = driver(units)
    async with polling(*(setup(name, speaks, bus="gw") for name in units)):
        await asyncio.sleep(300)
        mended.answers = line.unit(0.2).answers
        await asyncio.sleep(40)
        mended.asked.clear()
        await asyncio.sleep(100)
    assert len(mended.asked) == 10


@virtual_time
async def test_a_person_may_wait_for_a_dead_unit_as_long_as_for_a_living_one() -> None:
    """Some UPSs answer after two seconds: too slow to come back to life in a dead unit's time."""
    line = Line()
    slow = line.unit(1e6)
    units = {"slow": slow, **{f"dead-{number}": line.unit(1e6) for number in range(4)}}
    speaks = driver(units)
    async with polling(*(setup(name, speaks, bus="gw") for name in units)) as done:
        await asyncio.sleep(300)
        slow.answers = line.unit(2).answers
        (seen,) = await done.poller.poll("slow")
        assert seen.failure is None
        await asyncio.sleep(100)
        assert [one.failure for one in done.seen if one.device == "slow"][-5:] == [None] * 5


@virtual_time
async def test_a_unit_alone_at_its_gateway_keeps_its_time_and_turns() -> None:
    unit = Unit(silent)
    async with polling(setup("a", driver({"a": unit}), bus="gw")) as done:
        await asyncio.sleep(1000)
        assert len(unit.asked) in (100, 101)
        assert set(done.took) == {5}


@virtual_time
async def test_a_unit_with_a_new_address_is_not_dead_yet() -> None:
    line = Line()
    units = {name: line.unit(1e6) for name in ("a", "b", "c", "d")}
    speaks = driver(units)
    setups = [setup(name, speaks, bus="gw") for name in units]
    async with polling(*setups) as done:
        await asyncio.sleep(300)
        await done.poller.adopt([changed(setups[0], fingerprint="another unit id"), *setups[1:3]])
        start = len(done.seen)
        await asyncio.sleep(100)
        took: dict[str, list[float]] = {"a": [], "b": []}
        for one, seconds in zip(done.seen[start:], done.took[start:], strict=True):
            took.setdefault(one.device, []).append(seconds)
        assert took["a"][0] == 5
        assert max(took["b"]) == pytest.approx(0.5 * 10 / 3), "d is gone: three are dead"


# --- a new site file -------------------------------------------------------------------------


@virtual_time
async def test_what_is_untouched_keeps_its_connection() -> None:
    units = {name: Unit() for name in ("same", "changed", "renamed", "removed", "new")}
    speaks = driver(units)
    same, other, renamed, removed, new = (setup(name, speaks) for name in units)
    async with polling(same, other, renamed, removed) as done:
        await asyncio.sleep(30)
        await done.poller.adopt(
            [
                setup("same", speaks),
                changed(other, fingerprint="another port"),
                changed(renamed, credentials=Credentials({"username": "new"})),
                new,
            ]
        )
        assert [len(units[name].closed) for name in units] == [0, 1, 1, 1, 0]
        asked = len(units["removed"].asked)
        await asyncio.sleep(30)
        assert [len(units[name].opened) for name in units] == [1, 2, 2, 1, 1]
        assert len(units["removed"].asked) == asked
        assert units["renamed"].targets[1].credentials.get("username") == "new"
        assert await done.poller.poll("removed") == []
        assert len(await done.poller.poll("changed")) == 1


@virtual_time
async def test_the_grid_of_what_is_untouched_stays() -> None:
    units = {"a": Unit(), "b": Unit()}
    speaks = driver(units)
    setups = [setup(name, speaks) for name in units]
    async with polling(*setups) as done:
        for _ in range(20):
            await asyncio.sleep(7)
            await done.poller.adopt(setups[:1])
            await done.poller.adopt(setups)
    moments = {round(at % 10, 6) for at in units["a"].asked[1:]}
    assert len(moments) == 1


@virtual_time
async def test_a_device_removed_while_it_is_polled() -> None:
    unit = Unit(silent)
    async with polling(setup("a", driver({"a": unit}), timeout=60, every=HOUR)) as done:
        await asyncio.sleep(1)
        async with asyncio.timeout(1), asyncio.TaskGroup() as people:
            waits = people.create_task(done.poller.poll("a"))
            await asyncio.sleep(0.1)
            await done.poller.adopt([])
        assert waits.result() == [], "it says nothing, and keeps nobody waiting"
        assert len(unit.closed) == 1
        await asyncio.sleep(100)
        assert done.seen == []


@virtual_time
async def test_connections_that_do_not_close_hold_a_reload_up_only_once() -> None:
    units = {f"unit-{number}": Unit(closes=hanging()) for number in range(50)}
    speaks = driver(units)
    async with polling(*(setup(name, speaks) for name in units)) as done:
        await asyncio.sleep(30)
        start = done.clock.tick()
        await done.poller.adopt([])
        assert done.clock.tick() - start == pytest.approx(2)


@virtual_time
async def test_who_wanted_a_reload_may_go_away() -> None:
    unit = Unit(closes=hanging())
    one = setup("a", driver({"a": unit}))
    async with polling(one) as done:
        await asyncio.sleep(30)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await done.poller.adopt([])
        await done.poller.adopt([one])
        await asyncio.sleep(30)
        assert len(unit.opened) == 2


# --- what drivers share ----------------------------------------------------------------------


@virtual_time
async def test_what_a_driver_shares_is_opened_once_and_closed_last() -> None:
    told: list[str] = []

    @asynccontextmanager
    async def shared() -> AsyncIterator[object]:
        told.append("open")
        try:
            yield told
        finally:
            told.append("closed")

    async def closes() -> None:
        told.append("probe closed")

    units = {name: Unit(closes=closes) for name in "abc"}
    speaks = driver(units, shared=shared)
    setups = [setup(name, speaks) for name in units]
    async with polling(*setups[:2]) as done:
        await asyncio.sleep(30)
        await done.poller.adopt(setups[2:])
        await asyncio.sleep(30)
        assert [unit.targets[0].shared is told for unit in units.values()] == [True] * 3
    assert told == ["open", "probe closed", "probe closed", "probe closed", "closed"]


# --- the end ---------------------------------------------------------------------------------


@virtual_time
async def test_the_end_closes_every_probe_under_a_deadline() -> None:
    units = {f"unit-{number}": Unit() for number in range(20)}
    units["hangs"] = Unit(closes=hanging())
    units["polled"] = Unit(silent)
    speaks = driver(units)
    async with polling(*(setup(name, speaks) for name in units)) as done:
        await asyncio.sleep(30)
        end = done.clock.tick()
        assert done.task is not None
        done.task.cancel()
        await asyncio.wait((done.task,))
        assert done.task.cancelled()
        assert done.clock.tick() - end == pytest.approx(2)
    for name, unit in units.items():
        assert len(unit.closed) == len(unit.opened) > 0, name


@virtual_time
async def test_the_end_comes_also_during_a_reload() -> None:
    unit = Unit(closes=hanging())
    async with polling(setup("a", driver({"a": unit}))) as done, asyncio.TaskGroup() as people:
        await asyncio.sleep(30)
        reloading = people.create_task(done.poller.adopt([]))
        await asyncio.sleep(1)
        assert done.task is not None
        done.task.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait((done.task,))
        assert done.task.cancelled()
        reloading.cancel()


@virtual_time
async def test_the_end_leaves_nobody_waiting() -> None:
    unit = Unit(silent)
    async with polling(setup("a", driver({"a": unit}), timeout=60)) as done:
        await asyncio.sleep(1)
        async with asyncio.timeout(5), asyncio.TaskGroup() as people:
            waits = people.create_task(done.poller.poll("a"))
            await asyncio.sleep(1)
            assert done.task is not None
            done.task.cancel()
        assert waits.cancelled(), "an empty answer would look like a device without probes"
        with pytest.raises(asyncio.CancelledError):
            await done.poller.poll("a")


# --- helpers of other tests ------------------------------------------------------------------


@virtual_time
async def test_an_unreachable_unit_is_asked_at_every_turn() -> None:
    async def gone(_: Target) -> Answer:
        raise Unreachable("expected a connection (got connection refused)")

    unit = Unit(gone)
    async with polling(setup("a", driver({"a": unit}))) as done:
        await asyncio.sleep(1000)
        assert len(unit.asked) in (100, 101)
        unit.answers = taking(0)
        await asyncio.sleep(10)
        assert done.reasons()[-1] == "good"
        assert done.seen[-1].values == [Reading("temperature_celsius", 21.5).value]
