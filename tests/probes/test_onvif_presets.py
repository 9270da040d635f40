"""Presets over the wire: what is asked of a camera, and that nothing moves it that was not to."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from probes.onvif import DRIVER, Options, Shared
from probes.onvif.stops import Pace
from secmon.api import Batch, Probe, Value
from tests.probes.loopback import serving, target
from tests.probes.onvif_asking import GOOD, values
from tests.probes.onvif_device import Device, fault, message, profiles
from tests.probes.test_onvif_recall import Memory

QUICK = Pace(apart=0.02, look=0.01, still=0.02, stuck=0.06, leg=0.4, margin=0.1)
NIGHT = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)  # two in the morning at Shanghai
MOVING = re.compile("Move|Goto|Set|Remove|Stop|Command")
NODES = (
    '<tptz:PTZNode token="n"><tt:SupportedPTZSpaces><tt:AbsolutePanTiltPositionSpace>'
    "<tt:URI>g</tt:URI><tt:XRange><tt:Min>-1</tt:Min><tt:Max>1</tt:Max></tt:XRange>"
    "<tt:YRange><tt:Min>-1</tt:Min><tt:Max>1</tt:Max></tt:YRange>"
    "</tt:AbsolutePanTiltPositionSpace></tt:SupportedPTZSpaces></tptz:PTZNode>"
)
PLACES = {"1": (0.5, -0.25), "2": (-0.75, 0.5)}


def answer(name: str, inner: str = "") -> str:
    return message(f"<tptz:{name}Response>{inner}</tptz:{name}Response>")


def at(name: str, place: tuple[float, float]) -> str:
    return f'<tt:{name}><tt:PanTilt x="{place[0]}" y="{place[1]}"/></tt:{name}>'


@dataclass
class Dome:
    """A camera whose head is wherever it was sent to, at once."""

    head: tuple[float, float] = (0.1, 0.2)
    device: Device = field(default_factory=Device)

    def __post_init__(self) -> None:
        rows = "".join(
            f'<tptz:Preset token="{token}"><tt:Name>p{token}</tt:Name>{at("PTZPosition", place)}'
            "</tptz:Preset>"
            for token, place in PLACES.items()
        )
        self.device.answers |= {
            "GetPresets": answer("GetPresets", rows),
            "GetNodes": answer("GetNodes", NODES),
            "GetStatus": lambda _: answer(
                "GetStatus", f"<tptz:PTZStatus>{at('Position', self.head)}</tptz:PTZStatus>"
            ),
            "GotoPreset": self._goto,
            "AbsoluteMove": self._move,
        }

    def moved(self) -> list[str]:
        return [name for name in self.device.names() if MOVING.search(name)]

    def _goto(self, body: str) -> str:
        found = re.search("<PresetToken>(.*)</PresetToken>", body)
        if not found or found[1] not in PLACES:
            return fault("NoToken")
        self.head = PLACES[found[1]]
        return answer("GotoPreset")

    def _move(self, body: str) -> str:
        found = re.search('x="(.*?)" y="(.*?)"', body)
        assert found
        self.head = float(found[1]), float(found[2])
        return answer("AbsoluteMove")


@asynccontextmanager
async def asking(
    dome: Dome,
    *,
    at: datetime = NIGHT,
    memory: Memory | None = None,
    facts: Mapping[str, str] | None = None,
    **presets: object,
) -> AsyncIterator[Probe]:
    aim = replace(
        target(shared=Shared(QUICK), **GOOD),
        memory=memory or Memory(),
        facts=facts or {},
        now=lambda: at,
        timezone="Asia/Shanghai",
    )
    dome.device.ahead_s = (at - datetime.now(UTC)).total_seconds()
    async with serving(dome.device.talk) as port:
        options = Options.model_validate({"port": port, "presets": presets})
        async with DRIVER.connect(aim, options, None) as probe:
            yield probe


async def once(dome: Dome, **keys: object) -> dict[tuple[str, str], Value]:
    async with asking(dome, **keys) as probe:  # type: ignore[arg-type]
        return values(await probe.read())


async def test_a_walk_over_the_wire() -> None:
    dome = Dome()
    async with asking(dome, plan=["p1", "2", "x"], recall=["p1", "2"], window="01:00-05:00") as one:
        batch = await one.read()
        again = await one.read()
    said = values(batch)
    assert dome.moved() == ["GotoPreset", "GotoPreset", "AbsoluteMove"]
    assert dome.head == (0.1, 0.2)
    assert [said["preset_present", name] for name in ("p1", "2", "x")] == [True, True, False]
    assert [said["preset_reached", name] for name in ("p1", "2")] == [True, True]
    assert said["preset_returned", ""] is True
    assert ("clock_offset_seconds", "") in said
    assert isinstance(batch, Batch) and batch.facts["preset_walk"] == "done"
    assert batch.facts["maker"] == "Example"
    assert isinstance(again, Batch) and again.layout is batch.layout and len(again.repeated) == 6


@pytest.mark.parametrize("hour", range(24))
async def test_without_recall_nothing_is_ever_sent_that_moves_a_head(hour: int) -> None:
    dome = Dome()
    await once(dome, at=NIGHT.replace(hour=hour), plan=["p1", "2"], window="00:00-23:59")
    assert dome.moved() == []
    assert all(name.startswith("Get") for name in dome.device.names())
    assert "GetStatus" not in dome.device.names()


@pytest.mark.parametrize(("serial", "moved"), [("X-9", False), ("", True)])
async def test_the_head_of_another_device_is_left_alone(serial: str, moved: bool) -> None:
    dome, facts = Dome(), {"own_serial/onvif": "A-1", "found_serial/onvif": serial}
    async with asking(dome, facts=facts, plan=["p1"], recall=["p1"], window="01:00-05:00") as probe:
        batch = await probe.read()
    assert bool(dome.moved()) == moved
    assert isinstance(batch, Batch)
    assert ("another device" in batch.facts["preset_walk"]) != moved


@pytest.mark.parametrize("hour", range(24))
async def test_a_head_moves_in_its_window_only(hour: int) -> None:
    dome = Dome()
    at = NIGHT.replace(hour=hour)
    await once(dome, at=at, plan=["p1"], recall=["p1"], window="23:00-02:30")
    local = (hour + 8) % 24
    assert bool(dome.moved()) == (local in (23, 0, 1, 2))
    assert "SetPreset" not in dome.device.names() and dome.head == (0.1, 0.2)


async def test_a_preset_that_the_camera_refuses_is_its_failure_and_not_the_polls() -> None:
    dome = Dome()
    dome.device.answers["GotoPreset"] = fault("NoToken", "no such preset")
    async with asking(dome, plan=["p1"], recall=["p1"], window="01:00-05:00") as one:
        batch = await one.read()
    assert values(batch)["preset_reached", "p1"] is False
    assert ("preset_deviation_ratio", "p1") not in values(batch)
    assert isinstance(batch, Batch) and "no such preset" in batch.facts["preset/p1"]


@pytest.mark.parametrize(
    ("listing", "present"),
    [
        (fault("ActionNotSupported"), False),
        (fault("NotAuthorized"), None),
        (message("<tptz:GetStatusResponse/>"), None),
        ("<html>", None),
        (answer("GetPresets"), False),
    ],
    ids=["knows none", "no right", "another answer", "no SOAP", "none"],
)
async def test_a_list_of_presets_that_is_none(listing: str, present: bool | None) -> None:
    dome = Dome()
    dome.device.answers["GetPresets"] = listing
    async with asking(dome, plan=["p1"], recall=["p1"], window="01:00-05:00") as one:
        for _ in range(2):
            said = values(await one.read())
            assert said.get(("preset_present", "p1")) is present
            assert ("clock_offset_seconds", "") in said
    assert dome.moved() == []


async def test_a_camera_whose_profiles_move_nothing_has_no_presets() -> None:
    dome = Dome()
    dome.device.answers["GetProfiles"] = profiles(("main", "Main", False))
    said = await once(dome, plan=["p1"], recall=["p1"], window="01:00-05:00")
    assert said["preset_present", "p1"] is False
    assert "GetPresets" not in dome.device.names()


async def test_a_status_that_is_refused_moves_nothing() -> None:
    dome = Dome()
    del dome.device.answers["GetStatus"]
    async with asking(dome, plan=["p1"], recall=["p1"], window="01:00-05:00") as one:
        batch = await one.read()
    assert dome.moved() == [] and values(batch)["preset_returned", ""] is True
    assert isinstance(batch, Batch) and "ActionNotSupported" in batch.facts["preset_walk"]


async def test_a_device_without_nodes_gives_its_limits_and_no_way_back() -> None:
    dome = Dome()
    del dome.device.answers["GetNodes"]
    async with asking(dome, plan=["p1"], recall=["p1"], window="01:00-05:00") as one:
        batch = await one.read()
    assert dome.moved() == []
    assert isinstance(batch, Batch) and batch.facts["preset_walk"].startswith("no way back")
