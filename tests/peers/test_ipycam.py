"""The onvif driver against a real ONVIF camera, and against what onvif-zeep-async reads of it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from probes.onvif import DRIVER, Options
from probes.onvif.session import Session, log_in
from probes.wire import onvif, onvif_ptz
from probes.wire.onvif import DEVICE_PATH, MEDIA, PROFILES, Operation, Place
from secmon.api import Batch, Credentials, Probe, Refused, Unreachable
from tests.peers.ipycam import PASSWORD, PRESETS, USER, Camera, ipycam
from tests.probes.loopback import target

pytestmark = pytest.mark.peers

MAKER = "<b>海康</b> & sons"
MODEL = "see rtsp://admin:pw@192.0.2.9/"

# Asks by the library and prints what it was told. A process of its own, because the library changes
# classes of zeep when it is imported; in the camera's namespace, because it believes its addresses.
ORACLE = """
import asyncio, json, sys
from onvif import ONVIFCamera

async def main(address, port, user, password):
    camera = ONVIFCamera(address, int(port), user, password)
    await camera.update_xaddrs()
    device = await camera.create_devicemgmt_service()
    media = await camera.create_media_service()
    ptz = await camera.create_ptz_service()
    info = await device.GetDeviceInformation()
    profiles = await media.GetProfiles()
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    uris = [
        (await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": one.token})).Uri
        for one in profiles
    ]
    try:
        presets = [[one.token, one.Name] for one in await ptz.GetPresets(profiles[0].token)]
    except Exception as error:
        presets = str(error)
    clock = (await device.GetSystemDateAndTime()).UTCDateTime
    await camera.close()
    print(json.dumps({
        "information": {
            "maker": info.Manufacturer, "model": info.Model, "firmware": info.FirmwareVersion,
            "serial": info.SerialNumber, "hardware": info.HardwareId,
        },
        "profiles": [
            [one.token, one.Name, bool(one.VideoEncoderConfiguration), bool(one.PTZConfiguration)]
            for one in profiles
        ],
        "uris": uris,
        "presets": presets,
        "year": clock.Date.Year,
    }))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Camera]:
    folder = tmp_path_factory.mktemp("ipycam")
    with ipycam(folder, manufacturer=MAKER, model=MODEL) as peer:
        yield peer


@asynccontextmanager
async def asking(peer: Camera, *channels: str, **credentials: str) -> AsyncIterator[Probe]:
    options = Options(port=peer.port, channels=channels)
    aim = target(peer.address, **(credentials or {"username": USER, "password": PASSWORD}))
    async with DRIVER.connect(aim, options, None) as probe:
        yield probe


async def test_a_camera_is_polled(camera: Camera) -> None:
    async with asking(camera, "SubStream", "Profile_Main", "attic") as probe:
        batch = await probe.read()
    assert isinstance(batch, Batch)
    assert batch.layout.names == ("clock_offset_seconds", *["channel_present"] * 3)
    assert batch.layout.parts == ("", "SubStream", "Profile_Main", "attic")
    assert abs(float(batch.values[0])) < 1.5
    assert list(batch.values[1:]) == [True, True, False]
    rtsp = f"rtsp://{camera.address}:8554"  # the camera itself says 127.0.0.1
    assert batch.facts == {
        "maker": MAKER,
        "model": "see rtsp://***@192.0.2.9/",
        "firmware": batch.facts["firmware"],
        "serial": "PY-000001",
        "hardware": "PY-HW-01",
        "stream_uri": f"{rtsp}/video_sub",
        "stream_uri/SubStream": f"{rtsp}/video_sub",
        "stream_uri/Profile_Main": f"{rtsp}/video_main",
        "presets": ", ".join(filter(None, PRESETS.values())),
    }


async def test_polls_go_on(camera: Camera) -> None:
    async with asking(camera) as probe:
        batches = [await probe.read() for _ in range(25)]
    assert all(isinstance(one, Batch) and one.facts["model"] for one in batches)


async def test_a_wrong_password_is_refused(camera: Camera) -> None:
    async with asking(camera, username=USER, password="wr0ng") as probe:
        with pytest.raises(Refused) as caught:
            await probe.read()
    assert caught.value.credentials
    assert "the log-in of 'operator' is refused (HTTP 401" in str(caught.value)


async def test_no_log_in_is_said(camera: Camera) -> None:
    async with asking(camera, username="") as probe:
        with pytest.raises(Refused, match="it wants a log-in"):
            await probe.read()


async def test_what_the_library_reads_we_read_too(tmp_path: Path, camera: Camera) -> None:
    peer = await asyncio.to_thread(oracle, camera, tmp_path)
    ours = await everything(camera)
    assert ours["profiles"] == [tuple(row) for row in peer["profiles"]]  # type: ignore[attr-defined]
    assert ours["uris"] == peer["uris"]
    assert ours["year"] == peer["year"]
    information = peer["information"]
    assert isinstance(information, dict)
    assert ours["information"] == {**information, "model": "see rtsp://***@192.0.2.9/"}
    # The prefix that ipycam never declares is too much for the library.
    assert "tptz" in str(peer["presets"]) or peer["presets"] == [
        list(one) for one in PRESETS.items()
    ]
    assert ours["presets"] == list(PRESETS.items())


async def test_another_port_is_unreachable(camera: Camera) -> None:
    gone = Camera(camera.net, camera.server, port=camera.port + 1)
    async with asking(gone) as probe:
        with pytest.raises(Unreachable):
            await probe.read()


def oracle(peer: Camera, cache: Path) -> dict[str, object]:
    pytest.importorskip("onvif", reason="onvif-zeep-async is not installed: run make setup")
    words = ("127.0.0.1", str(peer.port), peer.user, peer.password)
    command = peer.net.argv(sys.executable, "-c", ORACLE, *words)
    env = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=50, env=env
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, object] = json.loads(ended.stdout)
    return found


async def everything(peer: Camera) -> dict[str, object]:
    """By our own client, in the terms of the oracle."""
    aim = target(peer.address)
    assert aim.now is not None
    known = log_in(Credentials({"username": peer.user, "password": peer.password}))
    session = Session(peer.address, known, aim.now, "camera")

    async def ask(operation: Operation) -> Element:
        return await session.ask(Place(peer.port, DEVICE_PATH), operation)

    try:
        profiles = onvif.read_profiles(await ask(PROFILES[MEDIA]))
        moment = onvif.read_clock(await ask(onvif.CLOCK))
        assert moment is not None
        return {
            "information": onvif.read_information(await ask(onvif.INFORMATION)),
            "profiles": [(one.token, one.name, one.video, one.ptz) for one in profiles],
            "uris": [
                onvif.read_uri(await ask(onvif.stream_uri(MEDIA, one.token)), "127.0.0.1")
                for one in profiles
            ],
            "presets": [
                (one.token, one.name)
                for one in onvif_ptz.read_presets(await ask(onvif_ptz.presets(profiles[0].token)))
            ],
            "year": moment.year,
        }
    finally:
        session.close()
