"""The demo's ONVIF device: onvif-zeep-async reads it, our driver is told of all its faults."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime

import pytest

from probes.onvif import DRIVER, Options
from probes.simulators import Running
from probes.simulators.onvif import SIMULATOR
from probes.simulators.onvif.head import Head
from probes.wire import soap
from secmon.api import Batch, Probe, ProbeError, Refused, Unreachable
from tests.probes.loopback import target

USER, PASSWORD = "operator", "pass-1"
PRESETS = {"1": ("大门 <1>", (0.5, -0.2, 0.1)), "7": ("车库", (-0.5, 0.0, 0.0))}
RTSP = 8554

# Asks by the library and prints what it was told. A process of its own, because the library changes
# classes of zeep when it is imported.
ORACLE = """
import asyncio, json, sys
from onvif import ONVIFCamera

async def main(port, user, password):
    camera = ONVIFCamera("127.0.0.1", int(port), user, password)
    await camera.update_xaddrs()
    device = await camera.create_devicemgmt_service()
    media = await camera.create_media_service()
    ptz = await camera.create_ptz_service()
    info = await device.GetDeviceInformation()
    profiles = await media.GetProfiles()
    token = profiles[0].token
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    asked = {"StreamSetup": setup, "ProfileToken": token}
    space = profiles[0].PTZConfiguration.PanTiltLimits.Range
    said = {
        "information": [info.Manufacturer, info.Model, info.SerialNumber],
        "clock": (await device.GetSystemDateAndTime()).UTCDateTime.Date.Year,
        "mac": (await device.GetNetworkInterfaces())[0].Info.HwAddress,
        "profiles": [[one.token, one.Name] for one in profiles],
        "codec": profiles[0].VideoEncoderConfiguration.Encoding,
        "uri": (await media.GetStreamUri(asked)).Uri,
        "presets": [
            [one.token, one.Name, at(one.PTZPosition)] for one in await ptz.GetPresets(token)
        ],
        "ranges": [space.XRange.Min, space.XRange.Max],
        "says_where": (await ptz.GetServiceCapabilities())._attr_1["StatusPosition"],
        "nodes": [one.token for one in await ptz.GetNodes()],
        "node_of": (await ptz.GetConfigurations())[0].NodeToken,
        "way": [await status(ptz, token)],
    }
    await ptz.GotoPreset({"ProfileToken": token, "PresetToken": "1"})
    while said["way"][-1][0] == "MOVING" or len(said["way"]) < 2:
        said["way"].append(await status(ptz, token))
        await asyncio.sleep(0.02)
    await ptz.AbsoluteMove({"ProfileToken": token, "Position": {"PanTilt": {"x": 0.4, "y": -0.2}}})
    while (await status(ptz, token))[0] == "MOVING":
        await asyncio.sleep(0.02)
    said["moved"] = (await status(ptz, token))[1]
    said["no"] = [
        await refusal(ptz.GotoPreset({"ProfileToken": token, "PresetToken": "9"})),
        await refusal(ptz.GetStatus("attic")),
        await refusal(ptz.AbsoluteMove(
            {"ProfileToken": token, "Position": {"PanTilt": {"x": 1.5, "y": 0}}})),
        await refusal(ptz.SetPreset({"ProfileToken": token})),
    ]
    await camera.close()
    print(json.dumps(said))

def at(position):
    return [round(n, 3) for n in (position.PanTilt.x, position.PanTilt.y, position.Zoom.x)]

async def status(ptz, token):
    told = await ptz.GetStatus(token)
    return [told.MoveStatus.PanTilt, at(told.Position)]

async def refusal(asking):
    try:
        return str(await asking)
    except Exception as error:
        return str(error)

asyncio.run(main(*sys.argv[1:]))
"""


@asynccontextmanager
async def device(**more: object) -> AsyncIterator[Running]:
    async with SIMULATOR.start({"rtsp_port": RTSP, "password": PASSWORD, **more}) as running:
        yield running


@asynccontextmanager
async def probing(
    running: Running, *channels: str, password: str = PASSWORD
) -> AsyncIterator[Probe]:
    options = Options(port=running.port, channels=channels)
    async with DRIVER.connect(target(username=USER, password=password), options, None) as probe:
        yield probe


async def poll(running: Running, *channels: str, password: str = PASSWORD) -> Batch:
    async with probing(running, *channels, password=password) as probe:
        batch = await probe.read()
    assert isinstance(batch, Batch)
    return batch


async def test_a_library_that_we_did_not_write_reads_it() -> None:
    more = {
        "ptz": True,
        "presets": PRESETS,
        "speed": 2.0,
        "channels": {"main": "主码流", "sub": "Sub"},
    }
    async with device(**more) as running:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ORACLE, str(running.port), USER, PASSWORD),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        async with asyncio.timeout(40):
            out, error = await process.communicate()
    assert process.returncode == 0, error.decode()[-2000:]
    said = json.loads(out)
    way, no = said.pop("way"), said.pop("no")
    assert said == {
        "information": ["secmon", "simulated camera", "SIM-0001"],
        "clock": datetime.now(UTC).year,
        "mac": "00:00:5e:00:53:01",
        "profiles": [["main", "主码流"], ["sub", "Sub"]],
        "codec": "H264",
        "uri": f"rtsp://127.0.0.1:{RTSP}/main",
        "presets": [["1", "大门 <1>", [0.5, -0.2, 0.1]], ["7", "车库", [-0.5, 0.0, 0.0]]],
        "ranges": [-1.0, 1.0],
        "says_where": "true",  # younger than the library's WSDL
        "nodes": ["node-1"],
        "node_of": "node-1",
        "moved": [0.4, -0.2, 0.1],
    }
    assert way[0] == ["IDLE", [0.0, 0.0, 0.0]]
    assert way[1][0] == "MOVING" and 0 < way[1][1][0] < 0.5, way
    assert way[-1] == ["IDLE", [0.5, -0.2, 0.1]]
    assert no == [
        "There is no such preset",
        "There is no such profile",
        "Out of bounds",
        "SetPreset is not supported",
    ]


async def test_our_driver_reads_a_recorder() -> None:
    channels = {f"ch{number}": f"通道 {number}" for number in range(1, 5)}
    async with device(channels=channels, model="R4", serial="S-1") as running:
        batch = await poll(running, "ch2", "通道 4", "ch5")
    assert batch.layout.parts == ("", "ch2", "通道 4", "ch5")
    assert list(batch.values[1:]) == [True, True, False]
    assert abs(float(batch.values[0])) < 1.5
    assert batch.facts == {
        "maker": "secmon",
        "model": "R4",
        "firmware": "1.0",
        "serial": "S-1",
        "hardware": "1.0",
        "mac": "00:00:5e:00:53:01",
        "stream_uri": f"rtsp://127.0.0.1:{RTSP}/ch2",
        "stream_uri/ch2": f"rtsp://127.0.0.1:{RTSP}/ch2",
        "stream_uri/通道 4": f"rtsp://127.0.0.1:{RTSP}/ch4",
    }


async def test_our_driver_reads_a_dome() -> None:
    async with device(ptz=True, presets=PRESETS) as running:
        assert (await poll(running)).facts["presets"] == "大门 <1>, 车库"
        await running.set(presets={"7": PRESETS["7"]})
        assert (await poll(running)).facts["presets"] == "车库"


@pytest.mark.parametrize("ahead", [-7200.0, 3600.0])
async def test_a_wrong_clock_is_told_and_still_logs_us_in(ahead: float) -> None:
    async with device(clock_offset=ahead) as running:
        batch = await poll(running)
        assert float(batch.values[0]) == pytest.approx(ahead, abs=1.5)
        assert batch.facts["model"] == "simulated camera"
        await running.set(clock_offset=0)
        assert float((await poll(running)).values[0]) == pytest.approx(0, abs=1.5)


async def test_its_clock_judges_a_signature() -> None:
    """What is signed by our clock is of no use to a device with another."""
    nonces = (b"0123456789abcdef", b"another nonce...")
    async with device() as running:
        assert await told(running, nonces[0]) == "200 GetDeviceInformationResponse"
        assert "the nonce was used before" in await told(running, nonces[0])
        await running.set(clock_offset=60)
        assert "Created is not within tolerance" in await told(running, nonces[1])
        await running.set(clock_offset=0)
        assert await told(running, nonces[1]) == "200 GetDeviceInformationResponse"
        assert "Sender not authorized" in await told(running, None)


async def told(running: Running, nonce: bytes | None) -> str:
    """The device's answer to a question that is signed by our clock, in one line."""
    signed = soap.security(USER, PASSWORD, nonce, datetime.now(UTC)) if nonce else b""
    asked = b'<GetDeviceInformation xmlns="http://www.onvif.org/ver10/device/wsdl"/>'
    status, body = await http(running, soap.envelope(asked, signed))
    try:
        return f"{status} {soap.local(soap.parse(body, 'GetDeviceInformationResponse'))}"
    except soap.Fault as fault:
        return f"{status} {fault}"


async def http(
    running: Running, body: bytes, path: str = "/onvif/device_service", method: str = "POST"
) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}"
    )
    writer.write(head.encode() + b"\r\n\r\n" + body)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    first, _, rest = answer.partition(b"\r\n\r\n")
    return int(first.split()[1]), rest


@pytest.mark.parametrize(
    ("state", "failure", "text", "log_in"),
    [
        ({"listening": False}, Unreachable, "no TCP connection", False),
        ({"password": "another"}, Refused, "the log-in of 'operator' is refused", True),
        ({"locked": True}, Refused, "the account 'operator' is locked", True),
    ],
)
async def test_its_faults_and_their_end(
    state: dict[str, object], failure: type[ProbeError], text: str, log_in: bool
) -> None:
    good = {"listening": True, "password": PASSWORD, "locked": False}
    async with device() as running:
        port = running.port
        await running.set(**state)
        with pytest.raises(failure, match=text) as caught:
            await poll(running)
        assert getattr(caught.value, "credentials", False) is log_in
        await running.set(**{key: good[key] for key in state})
        assert (await poll(running)).facts["model"] == "simulated camera"
        assert running.port == port


async def test_another_device_at_the_address() -> None:
    async with device() as running:
        assert (await poll(running)).facts["serial"] == "SIM-0001"
        await running.set(serial="SIM-0002")
        assert (await poll(running)).facts["serial"] == "SIM-0002"


async def test_closing_ends_connections_that_are_open() -> None:
    async with device() as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        with closing(writer):
            await asyncio.sleep(0.05)  # until the device has taken it
            async with asyncio.timeout(2):
                await running.set(listening=False)
                assert await reader.read() == b""


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b'<!DOCTYPE x [<!ENTITY e "e">]><x>&e;</x>', 400, "WellFormed (A document type"),
        (b"<x>", 400, "WellFormed (Not well formed"),
        (b"<x/>", 500, "VersionMismatch (Expected an envelope of SOAP 1.2"),
        (
            soap.envelope(b'<Reboot xmlns="urn:x"/>'),
            500,
            "ActionNotSupported (Reboot is not supported)",
        ),
    ],
)
async def test_what_it_does_not_understand_is_a_fault(body: bytes, status: int, text: str) -> None:
    async with device() as running:
        got, answer = await http(running, body)
    with pytest.raises(soap.Fault) as caught:
        soap.parse(answer, "Nothing")
    assert str(caught.value).startswith(text)
    assert got == status


async def test_it_answers_at_its_own_paths_only() -> None:
    async with device() as running:
        assert (await http(running, b"", "/"))[0] == 404
        assert (await http(running, b"", method="GET"))[0] == 405


def test_a_head_takes_its_time() -> None:
    now = 0.0
    head = Head((0.0, 0.0, 0.0), 0.1, lambda: now)
    head.go((0.3, -0.1, 0.0))
    assert head.moving
    now = 2.0
    assert head.position == pytest.approx((0.2, -0.1, 0.0))
    assert head.moving
    now = 3.01
    assert head.position == (0.3, -0.1, 0.0)
    assert not head.moving
    head.go((0.2, -0.1, 0.0))
    now = 3.51
    head.stop()
    now = 9.0
    assert head.position == pytest.approx((0.25, -0.1, 0.0))
    assert not head.moving


def test_a_stuck_head_says_that_it_moves() -> None:
    now = 0.0
    head = Head((0.0, 0.0, 0.0), 0.1, lambda: now)
    head.turn(0)
    head.go((0.1, 0.0, 0.0))
    now = 100.0
    assert head.moving and head.position == (0.0, 0.0, 0.0)
    head.turn(1.0)
    now = 101.0
    assert not head.moving and head.position == (0.1, 0.0, 0.0)


async def test_an_operator_moves_the_head() -> None:
    async with device(ptz=True, head=(1.0, 0.0, 0.0), speed=100.0) as running:
        await running.set(head=(-1.0, 0.5, 1.0))
        asked = b'<GetStatus xmlns="http://www.onvif.org/ver20/ptz/wsdl"><ProfileToken>main'
        asked += b"</ProfileToken></GetStatus>"
        await asyncio.sleep(0.05)
        signed = soap.security(USER, PASSWORD, b"1", datetime.now(UTC))
        _, body = await http(running, soap.envelope(asked, signed), "/onvif/ptz_service")
        told = soap.parse(body, "GetStatusResponse")
        place = soap.child(told, "PTZStatus", "Position", "PanTilt")
        assert place is not None
        assert (float(place.get("x", "")), float(place.get("y", ""))) == (-1.0, 0.5)
        assert soap.text(told, "PTZStatus", "MoveStatus", "PanTilt") == "IDLE"


@pytest.mark.parametrize(
    "state",
    [
        {"listening": "yes"},
        {"clock_offset": "1h"},
        {"password": 7},
        {"head": (0.0, 0.0, 2.0)},
        {"head": "left"},
        {"speed": -1},
        {"presets": {"1": "gate"}},
        {"colour": "red"},
    ],
)
async def test_what_the_script_misspells_is_told(state: dict[str, object]) -> None:
    async with device(ptz=True) as running:
        with pytest.raises(ValueError, match="expected listening"):
            await running.set(**state)


async def test_a_camera_that_is_fixed_has_no_head() -> None:
    async with device() as running:
        with pytest.raises(ValueError, match="of a dome head"):
            await running.set(head=(0.0, 0.0, 0.0))


@pytest.mark.parametrize("options", [{}, {"rtsp_port": RTSP, "colour": "red"}])
async def test_options_that_are_not_right_are_told(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected rtsp_port"):
        async with SIMULATOR.start(options):
            raise AssertionError("it must not start")
