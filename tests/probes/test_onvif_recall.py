"""Presets are recalled in their window, seldom, and never against anybody; the head comes back."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from probes.onvif.ledger import Ledger
from probes.onvif.presets import Presets
from probes.onvif.recall import AGAIN_S, LedgerBook, Recall, Told, Walking
from probes.onvif.stops import Outcome, Pace, Stop
from probes.onvif.walk import Walk
from probes.wire.onvif_ptz import Preset
from probes.wire.ptz import Position
from secmon.api import StoreDown, Target, Unreachable, Value
from tests.probes.loopback import target
from tests.probes.ptz_head import DEGREES, DOOR, GATE, HOME, Head
from tests.virtual import virtual_time

NIGHT = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)  # two in the morning at Shanghai
NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
TIMEOUT = 60.0
HOME_OF_ANOTHER = Position(0.3, 0.3, 0.3)
ZONE = ZoneInfo("Asia/Shanghai")


@dataclass
class Memory:
    """What a store keeps; `away`: it is not there."""

    kept: dict[tuple[str, str], bytes] = field(default_factory=dict)
    away: bool = False
    forgets: bool = False

    async def get(self, part: str, key: str) -> bytes | None:
        if self.away:
            raise StoreDown("disk full")
        return self.kept.get((part, key))

    async def put(self, part: str, key: str, value: bytes) -> None:
        if self.away:
            raise StoreDown("disk full")
        if not self.forgets:
            self.kept[part, key] = value


@dataclass
class Scene:
    """One camera with its head, and the daemon that asks it; `restart` forgets what is not kept."""

    head: Head
    options: Presets
    memory: Memory = field(default_factory=Memory)
    start: datetime = NIGHT
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    known: Walking = field(default_factory=Walking)
    told: Told = field(default_factory=Told)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=asyncio.get_running_loop().time())

    async def poll(self, timeout_s: float = TIMEOUT) -> dict[tuple[str, str], Value]:
        aim: Target = replace(target(), memory=self.memory, timezone="Asia/Shanghai")
        recall = Recall(self.options, aim, self.now, self.turn, Pace())
        deadline = asyncio.get_running_loop().time() + timeout_s
        async with asyncio.timeout(timeout_s):
            self.told = await recall.poll(self.known, self.head.presets, self.head, deadline)
        return {(one.name, one.part): one.value for one in self.told.readings}

    async def confirmed(self) -> dict[tuple[str, str], Value]:
        """The head ends elsewhere, and is believed when it is still there a minute later."""
        said = await self.poll()
        assert ("preset_reached", "gate") not in said and ("preset_returned", "") not in said
        await asyncio.sleep(5)
        assert "preset_reached" not in {name for name, _ in await self.poll()}
        await asyncio.sleep(60)
        return await self.poll()

    def restart(self) -> None:
        self.known = Walking()

    @property
    def said(self) -> str:
        return self.told.facts.get("preset_walk", "")

    def at_home(self) -> bool:
        return self.head.where().axes == self.head.at.axes


def scene(
    head: Head | None = None,
    *recall: str,
    window: str = "01:00-05:00",
    per_day: int = 1,
    plan: tuple[str, ...] = ("gate", "2", "attic"),
    start: datetime = NIGHT,
) -> Scene:
    made = {"plan": plan, "recall": recall, "window": window, "per_day": per_day}
    return Scene(head or Head(), Presets.model_validate(made), start=start)


# --- what is there ---


@virtual_time
async def test_the_plan_is_held_against_the_list_by_token_or_name() -> None:
    here = scene()
    assert await here.poll() == {
        ("preset_present", "gate"): True,
        ("preset_present", "2"): True,
        ("preset_present", "attic"): False,
    }


@virtual_time
async def test_without_recall_the_head_is_never_moved_nor_asked_where_it_is() -> None:
    here = scene()
    here.head.before_look = lambda _: pytest.fail("looked")
    for _ in range(24):
        await here.poll()
        await asyncio.sleep(3600)
    assert here.head.asked == []


# --- a walk ---


@virtual_time
async def test_presets_are_recalled_verified_and_the_head_is_back() -> None:
    here = scene(None, "gate", "2")
    said = await here.poll()
    assert here.head.moves() == ["recall 1", "recall 2", "move 0.1 0.2"]
    assert here.at_home()
    assert said["preset_reached", "gate"] is True and said["preset_reached", "2"] is True
    assert said["preset_deviation_ratio", "gate"] == 0.0
    assert said["preset_returned", ""] is True
    assert here.told.repeated == set()
    assert here.told.facts == {
        "preset/gate": "reached",
        "preset/2": "reached",
        "preset_walk": "done",
    }


@virtual_time
async def test_results_are_told_on_as_repeated_and_the_head_rests_for_the_day() -> None:
    here = scene(None, "gate")
    first = await here.poll()
    moves = here.head.moves()
    await asyncio.sleep(60)
    assert await here.poll() == first
    assert here.told.repeated == {
        ("preset_reached", "gate"),
        ("preset_deviation_ratio", "gate"),
        ("preset_recalled_timestamp_seconds", "gate"),
    }
    here.restart()
    assert await here.poll() == first  # also after a restart
    assert here.head.moves() == moves


@virtual_time
async def test_a_result_is_new_once_also_over_a_restart() -> None:
    here = scene(None, "gate")
    await here.poll()
    here.restart()
    await here.poll()
    assert len(here.told.repeated) == 3


@virtual_time
async def test_the_next_night_says_it_anew() -> None:
    here = scene(None, "gate")
    await here.poll()
    await asyncio.sleep(24 * 3600)
    here.head.leads_to["1"] = replace(GATE, pan=0.6)
    said = await here.confirmed()
    assert said["preset_reached", "gate"] is False
    assert said["preset_deviation_ratio", "gate"] == pytest.approx(0.05)
    assert here.told.facts["preset/gate"] == "stands elsewhere"
    assert here.told.repeated == set() and here.at_home()


@virtual_time
async def test_a_result_that_no_later_night_renewed_is_told_no_longer() -> None:
    here = scene(None, "gate")
    await here.poll()
    here.head.says_moving = lambda _: True  # from now on somebody always uses it
    await asyncio.sleep(24 * 3600)
    assert ("preset_reached", "gate") in await here.poll()  # its window is open still
    await asyncio.sleep(4 * 3600)
    assert ("preset_reached", "gate") not in await here.poll()


@pytest.mark.parametrize("window", ["01:00-01:59", "02:01-05:00", "23:00-01:30"])
@virtual_time
async def test_outside_of_the_window_nothing_moves(window: str) -> None:
    here = scene(None, "gate", window=window)
    await here.poll()
    assert here.head.asked == []


@virtual_time
async def test_all_day_long_moves_are_asked_for_in_the_window_only() -> None:
    here = scene(None, "gate", "2", window="23:00-00:30", per_day=3, start=NOON)
    when: list[datetime] = []
    for _ in range(2 * 24 * 60):
        before = len(here.head.moves())
        await here.poll()
        if len(here.head.moves()) > before:
            when.append(here.now().astimezone(ZONE))
        await asyncio.sleep(max(0.0, 60 - asyncio.get_running_loop().time() % 60))
    assert when, "the head was to move"
    assert all(one.hour == 23 or (one.hour == 0 and one.minute < 30) for one in when)
    per_day: dict[str, int] = {}
    for one in when:
        per_day[one.date().isoformat()] = per_day.get(one.date().isoformat(), 0) + 1
    assert max(per_day.values()) <= 3


@virtual_time
async def test_a_walk_that_would_outlast_the_window_or_the_poll_is_not_begun() -> None:
    here = scene(None, "gate", window="01:00-02:00", start=NIGHT - timedelta(seconds=40))
    await here.poll()
    assert here.head.asked == []
    here = scene(None, "gate")
    await here.poll(timeout_s=44)
    assert here.head.asked == []
    assert here.said.startswith("waits")


@virtual_time
async def test_what_does_not_fit_into_one_poll_comes_at_the_next() -> None:
    here = scene(Head(speed=0.06), "gate", "2")  # ten seconds a leg
    said = await here.poll(50)
    assert ("preset_reached", "gate") in said and ("preset_reached", "2") not in said
    assert here.at_home() and here.said == "the rest at the next poll"
    await asyncio.sleep(10)
    said = await here.poll(50)
    assert here.told.repeated == {
        key for key in said if key[1] == "gate" and "present" not in key[0]
    }
    assert ("preset_reached", "2") in said and here.at_home()


@virtual_time
async def test_several_recalls_a_day_are_spread_and_counted_over_restarts() -> None:
    here = scene(None, "gate", per_day=2)
    for _ in range(120):
        await here.poll()
        here.restart()
        await asyncio.sleep(60)
    assert here.head.moves().count("recall 1") == 2


# --- heads that are odd ---


@virtual_time
async def test_a_head_that_never_says_that_it_moves_is_waited_for() -> None:
    here = scene(Head(says_moving=lambda _: False, speed=0.1), "gate")
    assert (await here.poll())["preset_reached", "gate"] is True
    assert here.at_home()


@virtual_time
async def test_a_stuck_head_is_not_reached_and_not_driven_back() -> None:
    here = scene(Head(stuck=True), "gate")
    said = await here.poll()
    assert said["preset_reached", "gate"] is False and said["preset_returned", ""] is True
    assert said["preset_deviation_ratio", "gate"] == pytest.approx(0.3)
    assert here.head.moves() == ["recall 1"]
    assert here.told.facts["preset/gate"] == "did not move"


@virtual_time
async def test_a_head_that_says_no_place_is_not_moved() -> None:
    here = scene(Head(says_position=False), "gate")
    said = await here.poll()
    assert ("preset_reached", "gate") not in said and here.head.asked == []
    assert "does not say where" in here.said


@pytest.mark.parametrize(("promise", "moves"), [(False, 0), (True, 1)])
@virtual_time
async def test_a_camera_that_says_zero_everywhere_is_believed_once_if_it_promises(
    promise: bool, moves: int
) -> None:
    zero = Position(0.0, 0.0, 0.0)
    head = Head(at=zero, says=lambda _: zero, promise=promise)
    here = scene(head, "gate", "2")
    for _ in range(5):
        said = await here.poll()
        assert ("preset_reached", "gate") not in said
        await asyncio.sleep(AGAIN_S + 60)
    assert len(head.moves()) == moves
    assert "zero" in (here.told.facts.get("preset/gate", "") or here.said)


@virtual_time
async def test_a_head_that_rests_at_zero_is_walked_like_any_other() -> None:
    here = scene(Head(at=Position(0.0, 0.0, 0.0)), "gate")
    assert (await here.poll())["preset_reached", "gate"] is True
    assert here.at_home()


@virtual_time
async def test_degrees_are_shares_of_the_range_and_pan_goes_round() -> None:
    at = Position(179.5, -10.0, 0.0, "degrees", "zoom")
    gate = Preset("1", "gate", Position(-179.0, -20.0, 0.0, "degrees", "zoom"))
    head = Head(at=at, ranges=DEGREES, presets=(gate,), speed=20, circle=360)
    head.leads_to["1"] = Position(178.5, -20.0, 0.0, "degrees", "zoom")  # 2.5° short, over the seam
    here = scene(head, "gate", plan=("gate",))
    said = await here.poll()
    assert said["preset_deviation_ratio", "gate"] == pytest.approx(2.5 / 360, abs=1e-5)
    assert said["preset_reached", "gate"] is True
    assert here.at_home()
    head.leads_to["1"] = Position(-175.0, -20.0, 0.0, "degrees", "zoom")  # through the seam, 4° off
    await asyncio.sleep(24 * 3600)
    said = await here.confirmed()
    assert said["preset_deviation_ratio", "gate"] == pytest.approx(4 / 360, abs=1e-5)
    assert said["preset_reached", "gate"] is False and here.at_home()


@virtual_time
async def test_degrees_are_seen_where_the_camera_declares_plus_minus_one() -> None:
    gate = Preset("1", "gate", Position(120.0, 10.0, 0.0))
    here = scene(
        Head(at=Position(10.0, 5.0, 0.0), presets=(gate,), speed=30), "gate", plan=("gate",)
    )
    here.head.leads_to["1"] = Position(120.0, 1.0, 0.0)
    assert (await here.confirmed())["preset_deviation_ratio", "gate"] == pytest.approx(9 / 180)


@virtual_time
async def test_zoom_counts_as_an_axis() -> None:
    here = scene(None, "gate")
    here.head.leads_to["1"] = replace(GATE, zoom=0.5)
    said = await here.confirmed()
    assert said["preset_deviation_ratio", "gate"] == pytest.approx(0.2)


@virtual_time
async def test_a_place_that_the_camera_does_not_tell_is_learned_and_held_against_later() -> None:
    head = Head(presets=(Preset("1", "gate", None),))
    head.leads_to["1"] = GATE
    here = scene(head, "gate", plan=("gate",))
    assert ("preset_reached", "gate") not in await here.poll()
    assert "remembered" in here.told.facts["preset/gate"]
    await asyncio.sleep(24 * 3600)
    here.restart()
    assert (await here.poll())["preset_reached", "gate"] is True
    head.leads_to["1"] = DOOR
    await asyncio.sleep(24 * 3600)
    assert (await here.confirmed())["preset_reached", "gate"] is False


@virtual_time
async def test_a_preset_that_leads_nowhere_is_not_learned() -> None:
    here = scene(Head(presets=(Preset("1", "gate", None),)), "gate", plan=("gate",))
    assert ("preset_reached", "gate") not in await here.poll()
    assert here.told.facts["preset/gate"].startswith("did not move")


@virtual_time
async def test_a_fault_of_one_preset_is_its_own() -> None:
    here = scene(Head(refuses={"recall"}), "gate", "2")
    said = await here.poll()
    assert said["preset_reached", "gate"] is False and said["preset_returned", ""] is True
    assert "NoToken" in here.told.facts["preset/gate"]
    assert here.head.asked == []


@virtual_time
async def test_without_the_right_to_move_it_is_asked_once() -> None:
    here = scene(Head(denies={"recall"}), "gate")
    for _ in range(3):
        said = await here.poll()
        assert ("preset_reached", "gate") not in said and said["preset_returned", ""] is True
        await asyncio.sleep(AGAIN_S + 1)
    assert "the log-in is refused" in here.said and here.known.denied


@virtual_time
async def test_300_nameless_presets_are_found_by_token() -> None:
    many = tuple(Preset(str(n), "", replace(GATE, pan=n / 1000)) for n in range(300))
    here = scene(Head(presets=many), "299", plan=("299", "300"))
    said = await here.poll()
    assert said["preset_present", "299"] is True and said["preset_present", "300"] is False
    assert said["preset_reached", "299"] is True


@virtual_time
async def test_a_head_that_moves_on_for_too_long_is_not_reached_and_fetched_later() -> None:
    here = scene(Head(speed=0.025), "gate")  # 24 s for the leg
    said = await here.poll()
    assert said["preset_reached", "gate"] is False and ("preset_returned", "") not in said
    assert ("preset_returned", "") not in await here.poll()  # told to come back, and under way
    await asyncio.sleep(30)
    assert (await here.poll())["preset_returned", ""] is True and here.at_home()


# --- somebody else ---


@virtual_time
async def test_a_head_in_use_is_left_alone_and_tried_again_later() -> None:
    here = scene(None, "gate")
    turns = iter(range(100))
    here.head.before_look = lambda head: head.put(replace(HOME, pan=next(turns) / 100))
    assert ("preset_reached", "gate") not in await here.poll()
    assert here.head.asked == [] and here.said == "in use"
    here.head.before_look = None
    await here.poll()
    assert here.head.asked == []  # not at once
    await asyncio.sleep(AGAIN_S)
    assert (await here.poll())["preset_reached", "gate"] is True


@virtual_time
async def test_a_head_that_says_for_ever_that_it_moves_is_never_moved() -> None:
    here = scene(Head(says_moving=lambda _: True), "gate")
    await here.poll()
    assert here.head.asked == [] and here.said == "in use"


@virtual_time
async def test_a_head_that_says_for_ever_that_it_moves_once_sent_is_judged_by_its_place() -> None:
    head = Head()
    head.says_moving = lambda _: bool(head.asked)
    here = scene(head, "gate")
    assert (await here.poll(90))["preset_reached", "gate"] is True
    assert here.at_home()


@pytest.mark.parametrize("elsewhere", [Position(-0.9, 0.9, 0.0), Position(0.9, -0.9, 0.0)])
@pytest.mark.parametrize("after_s", [0.3, 1.25, 1.75, 2.3, 3.3, 4.25, 5.25, 6.25, 7.3, 8.3, 9.3])
@virtual_time
async def test_an_operators_move_during_a_walk_is_never_undone(
    after_s: float, elsewhere: Position
) -> None:
    """He turns the head back the way it came, or on, or away from where it has arrived."""
    here = scene(None, "gate", "2")
    head, said = here.head, {}

    async def operator() -> None:
        await asyncio.sleep(after_s)
        head.go(elsewhere)
        await asyncio.sleep(25)
        head.go(DOOR)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(operator())
        said = await here.poll()
    orders = head.moves()
    assert said.get(("preset_returned", "")) is not False
    await asyncio.sleep(30)
    said = await here.poll()
    assert head.moves() == orders and head.where() == DOOR, here.told
    assert said["preset_returned", ""] is True
    assert False not in [said.get(("preset_reached", one)) for one in ("gate", "2")]
    assert here.known.ledger is not None and here.known.ledger.away is None


@virtual_time
async def test_where_an_operator_turned_the_head_round_and_left_it_it_stays() -> None:
    here = scene(None, "gate")
    elsewhere = Position(-0.9, 0.9, 0.0)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_after(2.2, lambda: here.head.go(elsewhere)))
        await here.poll()
    assert here.said == "in use"
    for _ in range(5):
        await asyncio.sleep(60)
        assert (await here.poll())["preset_returned", ""] is True
    assert here.head.where() == elsewhere and here.head.moves() == ["recall 1"]


@virtual_time
async def test_each_stop_is_looked_at_before_the_head_goes_on_and_nobody_is_disturbed() -> None:
    """The place of a proof by picture: it takes its time, and somebody may come meanwhile."""
    head, seen = Head(), []

    async def watch(stop: Stop) -> None:
        seen.append((stop.name, head.where()))
        await asyncio.sleep(3)
        if stop.name == "door":
            head.put(HOME_OF_ANOTHER)

    ledger, memory = Ledger(), Memory()
    walk = Walk(
        head,
        await head.node(),
        LedgerBook(ledger, memory),
        Outcome(),
        deadline=60.0,
        pace=Pace(),
        watch=watch,
    )
    stops = [Stop("gate", "1", GATE), Stop("door", "2", DOOR), Stop("gate again", "1", GATE)]
    await walk.run(stops, head.presets)
    assert seen == [("gate", GATE), ("door", DOOR)]
    assert [found.reached for found in walk.out.found] == [True, True]
    assert walk.out.said == "in use" and ledger.away is None
    assert head.where() == HOME_OF_ANOTHER and head.moves() == ["recall 1", "recall 2"]


async def _after(seconds: float, act: Callable[[], None]) -> None:
    await asyncio.sleep(seconds)
    act()


# --- back ---


@virtual_time
async def test_a_failed_return_is_told_until_the_head_is_back() -> None:
    here = scene(Head(ignores={"move"}), "gate")
    assert (await here.poll())["preset_returned", ""] is False
    for _ in range(10):
        assert (await here.poll())["preset_returned", ""] is False
    assert here.head.moves().count("move 0.1 0.2") == 5  # and no more
    here.head.ignores.clear()
    here.head.go(HOME)  # somebody sees to it
    await asyncio.sleep(30)
    assert (await here.poll())["preset_returned", ""] is True


@virtual_time
async def test_a_return_that_is_refused_is_told_and_tried_again() -> None:
    here = scene(Head(refuses={"move"}), "gate")
    assert (await here.poll())["preset_returned", ""] is False
    assert "cannot be brought back" in here.said
    here.head.refuses.clear()
    here.restart()
    assert (await here.poll())["preset_returned", ""] is True and here.at_home()


@virtual_time
async def test_without_absolute_moves_it_goes_back_by_a_preset_or_not_at_all() -> None:
    park = Preset("9", "park", HOME)
    head = Head(absolute=False)
    here = scene(head, "gate")
    await here.poll()
    assert head.asked == [] and here.said.startswith("no way back")
    head = Head(absolute=False, presets=(*Head().presets, park))
    here = scene(head, "gate")
    assert (await here.poll())["preset_returned", ""] is True
    assert head.moves() == ["recall 1", "recall 9"] and here.at_home()


@virtual_time
async def test_a_device_that_dies_on_the_way_is_brought_back_when_it_lives_again() -> None:
    here = scene(Head(dies_after=1), "gate")
    with pytest.raises(Unreachable):
        await here.poll()
    here.head.dies_after = None
    await asyncio.sleep(30)
    assert here.head.where() == GATE
    here.restart()
    assert (await here.poll())["preset_returned", ""] is True
    assert here.at_home()


@pytest.mark.parametrize("after_s", [0.5, 1.1, 1.6, 2.5, 3.5, 4.5, 6.0])
@pytest.mark.parametrize("kills", [True, False])
@virtual_time
async def test_a_walk_cut_off_at_any_moment_ends_at_home(after_s: float, kills: bool) -> None:
    """Killed: nothing more is said to the head; cancelled: it is sent home at once."""
    here = scene(None, "gate")
    kept = dict(here.memory.kept)
    if kills:
        here.head.wish = never  # type: ignore[method-assign]
    with suppress(TimeoutError):
        async with asyncio.timeout(after_s):
            await here.poll()
    assert kept == {} and here.head.wishes == (0 if kills or not here.head.moves() else 1)
    await asyncio.sleep(30)
    if not kills:
        assert here.at_home()
    here.restart()
    if here.head.where() != HOME:
        assert (await here.poll())["preset_returned", ""] is True
    assert here.at_home()


async def never(home: Position, way: str) -> None:
    return None


@virtual_time
async def test_after_a_crash_an_operators_place_is_left_alone() -> None:
    here = scene(Head(dies_after=1), "gate")
    with pytest.raises(Unreachable):
        await here.poll()
    here.head.dies_after = None
    here.head.put(DOOR)
    here.restart()
    moves = here.head.moves()
    assert (await here.poll())["preset_returned", ""] is True
    assert here.head.moves() == moves and here.said.startswith("moved since")


@virtual_time
async def test_after_a_crash_on_the_way_to_an_unknown_place_a_person_is_asked() -> None:
    head = Head(presets=(Preset("1", "gate", None),), dies_after=1)
    head.leads_to["1"] = GATE
    here = scene(head, "gate", plan=("gate",))
    with pytest.raises(Unreachable):
        await here.poll()
    head.dies_after = None
    await asyncio.sleep(30)
    here.restart()
    for _ in range(2):
        assert (await here.poll())["preset_returned", ""] is False
    assert head.moves() == ["recall 1"]
    head.put(DOOR)  # somebody has taken it
    assert (await here.poll())["preset_returned", ""] is True


@virtual_time
async def test_a_crash_at_every_walk_does_not_wear_the_head_out() -> None:
    here = scene(None, "gate")
    for _ in range(30):
        here.head.dies_after = len(here.head.moves()) + 1
        with suppress(Unreachable):
            await here.poll()
        here.head.dies_after = None
        await asyncio.sleep(20)
        here.restart()
        await here.poll()
        here.restart()
    assert here.head.moves().count("recall 1") <= 4


@virtual_time
async def test_what_a_walk_found_before_it_was_cut_off_is_told_as_new_later() -> None:
    here = scene(Head(dies_after=2), "gate", "2")
    here.head.leads_to["1"] = HOME  # as if it did not move
    with pytest.raises(Unreachable):
        await here.poll()
    here.head.dies_after = None
    await asyncio.sleep(30)
    here.restart()
    said = await here.poll()
    assert said["preset_reached", "gate"] is False
    assert ("preset_reached", "gate") not in here.told.repeated
    await here.poll()
    assert ("preset_reached", "gate") in here.told.repeated


# --- who may move ---


@pytest.mark.parametrize("memory", [Memory(away=True), Memory(forgets=True)])
@virtual_time
async def test_what_cannot_be_remembered_is_not_begun(memory: Memory) -> None:
    here = scene(None, "gate")
    here.memory = memory
    await here.poll()
    assert here.head.asked == [] and here.said.startswith("not moved: the store")


@virtual_time
async def test_one_camera_of_a_site_moves_at_a_time() -> None:
    one, other = scene(None, "gate", "2"), scene(None, "gate", "2")
    other.turn = one.turn
    moving: list[tuple[bool, bool]] = []

    def watch(_: Head) -> None:
        moving.append((one.head.where() != HOME, other.head.where() != HOME))

    one.head.before_look = other.head.before_look = watch
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(one.poll())
        tasks.create_task(other.poll())
    await other.poll()
    assert one.head.moves() and other.head.moves() and (True, True) not in moving


@virtual_time
async def test_a_turn_that_does_not_come_is_not_waited_for_beyond_the_poll() -> None:
    here = scene(None, "gate")
    await here.turn.acquire()
    begun = asyncio.get_running_loop().time()
    await here.poll()
    assert asyncio.get_running_loop().time() - begun <= TIMEOUT - Pace().walk + 0.1
    assert here.head.asked == [] and here.said.startswith("waits")
