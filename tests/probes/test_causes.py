"""What drivers say that a failed poll comes of (`secmon.api.Cause`)."""

import asyncio
from dataclasses import replace

import pytest

from probes.onvif import DRIVER as ONVIF
from probes.onvif import Options as OnvifOptions
from probes.tcp import DRIVER as TCP
from probes.tcp import Options as TcpOptions
from probes.wire import icmp
from secmon.api import Cause, Driver, Options, ProbeError, Refused, Target
from tests.peers.process import free_port
from tests.probes.loopback import serving, target
from tests.probes.onvif_asking import failure as onvif_failure
from tests.probes.onvif_device import USER, Device, fault
from tests.probes.rtsp_camera import Answer, Camera, failure, poll, says

LOG_IN = {"username": "viewer", "password": "geheim"}
SOUND = "v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\n"


async def fails(driver: Driver, options: Options, aim: Target) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        async with driver.connect(aim, options, None) as probe:
            await probe.read()
    return caught.value


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


# --- any service -----------------------------------------------------------------------------


async def test_a_port_that_is_closed() -> None:
    port = free_port()
    assert (await fails(TCP, TcpOptions(port=port), target())).cause is Cause.CLOSED
    assert (await fails(ONVIF, OnvifOptions(port=port), target())).cause is Cause.CLOSED
    with pytest.raises(ProbeError) as caught:
        await poll(port)
    assert caught.value.cause is Cause.CLOSED


async def test_a_name_without_an_address() -> None:
    aim = replace(target(), address="camera.invalid")
    assert (await fails(TCP, TcpOptions(port=80), aim)).cause is Cause.NO_NAME
    assert (await fails(ONVIF, OnvifOptions(port=80), aim)).cause is Cause.NO_NAME


async def test_one_that_takes_the_connection_and_ends_it() -> None:
    async with serving(hangs_up) as port:
        assert (await fails(ONVIF, OnvifOptions(port=port), target())).cause is Cause.HUNG_UP
        with pytest.raises(ProbeError) as caught:
            await poll(port)
    assert caught.value.cause is Cause.HUNG_UP


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("destination unreachable: host unreachable", Cause.SILENT),
        ("destination unreachable: address unreachable", Cause.SILENT),
        ("destination unreachable: network unreachable", Cause.NO_ROUTE),
        ("destination unreachable: traffic prohibited by an administrator", Cause.NO_ROUTE),
        ("time exceeded on the way (a routing loop?)", Cause.NO_ROUTE),
    ],
)
def test_what_a_router_says(words: str, cause: Cause) -> None:
    assert icmp.cause(words) == cause


# --- onvif -----------------------------------------------------------------------------------


async def test_onvif_a_wrong_password_and_how_wrong_the_clock_is() -> None:
    error = await onvif_failure(Device(ahead_s=7200.0), username=USER, password="wr0ng")
    assert error.cause is Cause.LOGIN
    assert float(error.facts["clock_offset_seconds"]) == pytest.approx(7200, abs=2)


async def test_onvif_no_log_in() -> None:
    assert (await onvif_failure(Device(), username="")).cause is Cause.NO_LOGIN


async def test_onvif_a_locked_account() -> None:
    locked = fault("NotAuthorized", "user is locked")
    device = Device(answers={"GetServices": locked}, log_in="none")
    error = await onvif_failure(device, username=USER, password="x")
    assert error.cause is Cause.LOCKED
    assert isinstance(error, Refused) and error.credentials


async def test_onvif_a_page_that_is_not_there() -> None:
    gone = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    device = Device(log_in="none", answers={"GetProfiles": gone})
    assert (await onvif_failure(device)).cause is Cause.WRONG_SERVICE


# --- rtsp ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "answer", "cause"),
    [
        ("DESCRIBE", says("404 Not Found"), Cause.NO_STREAM),
        ("DESCRIBE", says("403 Forbidden"), Cause.NO_RIGHT),
        ("DESCRIBE", says("503 Service Unavailable"), Cause.BUSY),
        ("SETUP", says("453 Not Enough Bandwidth"), Cause.BUSY),
        ("SETUP", says("461 Unsupported Transport"), Cause.NO_STREAM),
        ("PLAY", says("500 Internal Server Error"), Cause.NO_STREAM),
        ("DESCRIBE", lambda _: b"what?\r\n\r\n", Cause.UNKNOWN),
    ],
)
async def test_rtsp_a_refusal(method: str, answer: Answer, cause: Cause) -> None:
    assert (await failure(Camera(says={method: answer}))).cause is cause


async def test_rtsp_the_log_in() -> None:
    assert (await failure(Camera(password="other"), LOG_IN)).cause is Cause.LOGIN
    assert (await failure(Camera(password="geheim"))).cause is Cause.NO_LOGIN


async def test_rtsp_a_stream_without_a_picture() -> None:
    assert (await failure(Camera(sdp=SOUND))).cause is Cause.NO_VIDEO
