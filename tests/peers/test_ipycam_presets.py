"""Presets of a real ONVIF camera: its head is driven to them, held against them, and brought back,
also by a daemon that comes after one that was killed on the way."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from probes.onvif import DRIVER, Options, Shared
from probes.onvif.head import OnvifHead
from probes.onvif.session import Session, log_in
from probes.onvif.stops import Pace
from probes.wire import onvif, onvif_ptz
from probes.wire.onvif import DEVICE_PATH, MEDIA, PROFILES, Place
from probes.wire.ptz import Position
from secmon.api import Batch, Credentials, Target, Value
from tests.cli.place import SECMON
from tests.peers.ipycam import PASSWORD, PRESETS, USER, Camera, ipycam
from tests.peers.process import eventually, free_port, http_get, running
from tests.probes.loopback import target
from tests.probes.test_onvif_recall import Memory

pytestmark = pytest.mark.peers

PLACES = {"home": (0.0, 0.0, 0.0), "gate": (0.5, -0.25, 0.4), "plain": (-0.75, 0.3, 0.0)}
QUICK = Pace(apart=0.2, look=0.1, still=0.2, stuck=0.4)
GATE = PRESETS["gate"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ipycam")


@pytest.fixture(scope="module")
def camera(folder: Path) -> Iterator[Camera]:
    with ipycam(folder, PLACES) as peer:
        before = (folder / "ptz_presets.json").read_bytes()
        yield peer
        assert (folder / "ptz_presets.json").read_bytes() == before  # SetPreset was never sent


def test_the_camera_writes_its_presets_where_we_look(camera: Camera, folder: Path) -> None:
    assert json.loads((folder / "ptz_presets.json").read_text())["gate"]["pan"] == 0.5


async def test_presets_are_recalled_and_verified_and_the_head_comes_back(camera: Camera) -> None:
    home = await sent(camera, Position(0.2, 0.1, 0.25))
    memory = Memory()
    said = await polled(camera, memory, recall=(GATE, "plain"))
    assert await where(camera) == home
    for name in (GATE, "plain"):
        assert said["preset_reached", name] is True
        assert said["preset_deviation_ratio", name] == 0.0
        print(f"deviation of {name}: {said['preset_deviation_ratio', name]}")
    assert said["preset_returned", ""] is True
    assert said["preset_present", "attic"] is False
    again = await polled(camera, memory, recall=(GATE, "plain"))
    assert (
        again["preset_recalled_timestamp_seconds", GATE]
        == (said["preset_recalled_timestamp_seconds", GATE])
    )


async def test_a_head_that_rests_at_zero_is_walked_too(camera: Camera) -> None:
    home = await sent(camera, Position(0.0, 0.0, 0.0))
    said = await polled(camera, Memory(), recall=("gate",), pace=QUICK)
    assert said["preset_reached", "gate"] is True and await where(camera) == home


async def test_a_head_that_moves_is_left_alone(camera: Camera) -> None:
    move = '<ContinuousMove xmlns="{}"><ProfileToken>{}</ProfileToken><Velocity>{}</Velocity></{}>'
    pan = f'<PanTilt xmlns="{onvif.SCHEMA}" x="0.05" y="0.0"/>'
    await sent(camera, Position(-0.5, 0.0, 0.0))
    async with hand_on(camera) as mine:
        body = move.format(onvif.PTZ, mine.token, pan, "ContinuousMove")
        await mine.session.ask(mine.place, onvif.Operation("ContinuousMove", body.encode()))
        said = await polled(camera, Memory(), recall=("gate",))
        stop = f'<Stop xmlns="{onvif.PTZ}"><ProfileToken>{mine.token}</ProfileToken></Stop>'
        await mine.session.ask(mine.place, onvif.Operation("Stop", stop.encode()))
    assert ("preset_reached", "gate") not in said
    place = await where(camera)
    assert place.tilt == 0.0 and place.pan is not None and -0.5 < place.pan < -0.2


async def test_outside_the_window_and_without_recall_it_stays(camera: Camera) -> None:
    home = await sent(camera, Position(0.3, 0.3, 0.0))
    hour = (datetime.now(UTC) + timedelta(hours=2)).strftime("%H")
    for recall, window in ((("gate",), f"{hour}:00-{hour}:59"), ((), "00:00-23:59")):
        said = await polled(camera, Memory(), recall=recall, window=window)
        assert said["preset_present", "gate"] is True
        assert await where(camera) == home


async def test_a_cancelled_walk_is_sent_home_at_once(camera: Camera) -> None:
    home = await sent(camera, Position(-0.1, 0.4, 0.5))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.9):
            await polled(camera, Memory(), recall=("gate", "plain"))
    assert await where(camera) == home


def test_a_daemon_brings_the_head_back_that_a_killed_one_sent_away(
    camera: Camera, tmp_path: Path
) -> None:
    home = asyncio.run(sent(camera, Position(0.35, -0.6, 0.1)))
    port = free_port()
    file = site(tmp_path, camera, port)
    argv: list[str | Path] = [*SECMON, "run", "-c", file]

    def ready() -> bool:
        return bool(http_get(f"http://127.0.0.1:{port}/-/ready"))

    def away() -> bool:
        return asyncio.run(where(camera)) != home

    with running(argv, tmp_path, ready) as daemon:
        assert eventually(away, 15), daemon.log()
        daemon.kill()
    assert away()
    with running(argv, tmp_path, ready) as daemon:
        assert eventually(lambda: not away(), 15), daemon.log()
        assert eventually(lambda: 'part="' not in lines(port, "preset_returned"), 15)
        assert eventually(lambda: lines(port, "fault_active") == "", 5), lines(port, "fault_active")
        daemon.stop()
    assert not away()


def test_a_daemon_shows_what_a_walk_found(camera: Camera, tmp_path: Path) -> None:
    home = asyncio.run(sent(camera, Position(0.35, -0.6, 0.1)))
    port = free_port()
    argv: list[str | Path] = [*SECMON, "run", "-c", site(tmp_path, camera, port)]

    def shown() -> bool:
        return "secmon_preset_reached" in lines(port, "preset_reached")

    with running(argv, tmp_path, lambda: bool(http_get(f"http://127.0.0.1:{port}/-/ready"))):
        assert eventually(shown, 25)
        assert re.search(rf'part="{GATE}".*1$', lines(port, "preset_reached"), re.MULTILINE)
        assert re.search(r" 0\.0$", lines(port, "preset_deviation_ratio"), re.MULTILINE)
    assert asyncio.run(where(camera)) == home


# --- asking ---


def lines(port: int, name: str) -> str:
    page = http_get(f"http://127.0.0.1:{port}/metrics").decode()
    return "\n".join(one for one in page.splitlines() if one.startswith(f"secmon_{name}{{"))


def site(folder: Path, camera: Camera, port: int) -> Path:
    now = datetime.now(UTC)
    start, end = now - timedelta(hours=1), now + timedelta(hours=2)
    file = folder / "secmon.yaml"
    (folder / "cam.password").write_text(PASSWORD)
    file.write_text(
        f"""
site: {{id: lab, name: Lab, timezone: UTC, language: en}}
store: sqlite://{folder}/secmon.db
http: {{listen: "127.0.0.1:{port}"}}
metrics: {{listen: "127.0.0.1:{port}"}}
credentials: {{cam: {{username: {USER}, password: {{file: cam.password}}}}}}
devices:
  - id: dome-1
    name: Dome
    system: video
    kind: ptz-camera
    address: {camera.address}
    probes:
      - driver: onvif
        port: {camera.port}
        credentials: cam
        every: 1m
        presets:
          plan: ["{GATE}", plain]
          recall: ["{GATE}", plain]
          window: "{start:%H:%M}-{end:%H:%M}"
""",
        encoding="utf-8",
    )
    return file


async def polled(
    camera: Camera,
    memory: Memory,
    *,
    recall: tuple[str, ...],
    window: str = "",
    pace: Pace | None = None,
) -> dict[tuple[str, str], Value]:
    now = datetime.now(UTC)
    window = window or f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=2):%H:%M}"
    made = {"plan": (GATE, "gate", "plain", "attic"), "recall": recall, "window": window}
    options = Options.model_validate({"port": camera.port, "presets": made})
    login = {"username": USER, "password": PASSWORD}
    aim: Target = replace(
        target(camera.address, Shared(pace), **login), memory=memory, timeout=60.0, timezone="UTC"
    )
    async with DRIVER.connect(aim, options, None) as probe:
        batch = await probe.read()
    assert isinstance(batch, Batch)
    keys = zip(batch.layout.names, batch.layout.parts, strict=True)
    return dict(zip(keys, batch.values, strict=True))


@dataclass(frozen=True, slots=True)
class Hand:
    """The test's own, on the camera's head."""

    session: Session
    place: Place
    token: str

    def head(self) -> OnvifHead:
        return OnvifHead(self.session, self.place, self.token, lambda: self.session)


@asynccontextmanager
async def hand_on(camera: Camera) -> AsyncIterator[Hand]:
    aim = target(camera.address)
    assert aim.now is not None
    known = log_in(Credentials({"username": camera.user, "password": camera.password}))
    session, place = (
        Session(camera.address, known, aim.now, "camera"),
        Place(camera.port, DEVICE_PATH),
    )
    try:
        profiles = onvif.read_profiles(await session.ask(place, PROFILES[MEDIA]))
        yield Hand(session, place, next(one.token for one in profiles if one.ptz))
    finally:
        session.close()


async def where(camera: Camera) -> Position:
    async with hand_on(camera) as mine:
        place = (await mine.head().look()).position
    assert place is not None
    return replace(place, space="", zoom_space="")


async def sent(camera: Camera, to: Position) -> Position:
    async with hand_on(camera) as mine:
        await mine.session.ask(mine.place, onvif_ptz.absolute_move(mine.token, to))
    assert await where(camera) == to
    return to
