"""The onvif driver against a device that is played here: readings, facts, log-ins, questions."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from probes.onvif import DRIVER, Options, Shared
from probes.onvif.link import open_link
from probes.onvif.probe import SELDOM
from probes.wire.http import Malformed
from secmon.api import Batch, Garbled, Refused, Unreachable
from tests.peers.process import free_port
from tests.probes.loopback import nothing_more_than, open_files, serving, target
from tests.probes.onvif_asking import ORDINARY, asking, facts, failure, values
from tests.probes.onvif_device import (
    PASSWORD,
    Answer,
    Device,
    capabilities,
    clock,
    fault,
    information,
    message,
    profiles,
    services,
    stream,
)

# --- readings and facts ----------------------------------------------------------------------


async def test_a_poll_brings_the_clock_and_facts() -> None:
    device = Device(ahead_s=100.0)
    async with asking(device) as probe:
        batch = await probe.read()
    got = values(batch)
    assert got.keys() == {("clock_offset_seconds", "")}
    assert float(got["clock_offset_seconds", ""]) == pytest.approx(100.0, abs=0.6)
    assert facts(batch) == {
        "maker": "Example",
        "model": "X100",
        "mac": "00:00:5e:00:53:01",
        "stream_uri": "rtsp://127.0.0.1:8554/main?a=1&b=2",
        "stream_uri/main": "rtsp://127.0.0.1:8554/main?a=1&b=2",
        "stream_uri/sub": "rtsp://127.0.0.1:8554/sub?a=1&b=2",
        "presets": "Home, Gate",
    }


async def test_later_polls_ask_for_the_clock_and_one_signed_question() -> None:
    device = Device()
    async with asking(device) as probe:
        first = await probe.read()
        for _ in range(SELDOM - 1):
            device.asked.clear()
            batch = await probe.read()
            assert device.names() == ORDINARY
            assert isinstance(batch, Batch)
            assert isinstance(first, Batch)
            assert batch.layout is first.layout
            assert batch.facts == first.facts
        device.asked.clear()
        device.answers["GetDeviceInformation"] = information(Model="X200")
        assert facts(await probe.read())["model"] == "X200"
        assert "GetServices" in device.names()


async def test_one_connection_serves_a_poll_and_none_is_left() -> None:
    device = Device()
    async with asking(device) as probe:
        await probe.read()
        assert device.connections == 1
        before = open_files()
        await probe.read()
        assert device.connections == 2
        assert await nothing_more_than(before)


@pytest.mark.parametrize("says_so", [True, False])
async def test_a_device_may_close_after_every_answer(says_so: bool) -> None:
    device = Device(keeps=False)
    if not says_so:
        device.answers = {name: _silently(one) for name, one in device.answers.items()}
    async with asking(device) as probe:
        assert facts(await probe.read())["model"] == "X100"
    assert device.connections == len(device.asked)


def _silently(answer: Answer) -> Answer:
    """As a device answers that does not say that it will hang up."""

    def made(body: str) -> bytes:
        text = answer(body) if callable(answer) else answer
        assert isinstance(text, str)
        return f"HTTP/1.1 200 OK\r\nContent-Length: {len(text.encode())}\r\n\r\n{text}".encode()

    return made


async def test_other_profiles_are_a_reason_to_ask_again() -> None:
    device = Device()
    async with asking(device) as probe:
        await probe.read()
        device.answers["GetProfiles"] = profiles(("third", "New", False))
        batch = await probe.read()
        assert facts(batch)["stream_uri"].endswith("/third?a=1&b=2")
        assert "stream_uri/main" not in facts(batch)


async def test_a_device_that_was_away_may_be_another() -> None:
    device, shared = Device(), Shared()
    async with asking(device, shared=shared) as probe:
        await probe.read()
        device.answers["GetSystemDateAndTime"] = b"nonsense\r\n\r\n"
        with pytest.raises(Garbled):
            await probe.read()
        device.answers["GetSystemDateAndTime"] = clock(datetime.now(UTC))
        device.answers["GetDeviceInformation"] = information(Model="Other")
        assert facts(await probe.read())["model"] == "Other"


async def test_channels_are_found_by_token_and_by_name() -> None:
    device = Device()
    async with asking(device, "Sub", "main", "attic") as probe:
        batch = await probe.read()
    assert {part: value for (name, part), value in values(batch).items() if part} == {
        "Sub": True,
        "main": True,
        "attic": False,
    }
    assert {name: text for name, text in facts(batch).items() if "stream" in name} == {
        "stream_uri": "rtsp://127.0.0.1:8554/sub?a=1&b=2",
        "stream_uri/Sub": "rtsp://127.0.0.1:8554/sub?a=1&b=2",
        "stream_uri/main": "rtsp://127.0.0.1:8554/main?a=1&b=2",
    }


async def test_garbled_information_is_told_at_every_poll() -> None:
    device = Device(answers={"GetDeviceInformation": "<html>"})
    async with asking(device) as probe:
        for _ in range(3):
            with pytest.raises(Garbled, match="GetDeviceInformation"):
                await probe.read()


async def test_the_newer_answer_on_services_counts_first() -> None:
    device = Device(log_in="none")
    device.answers["GetCapabilities"] = capabilities(
        Media="http://192.0.2.9/old", PTZ="http://192.0.2.9/onvif/ptz"
    )
    async with asking(device) as probe:
        await probe.read()
    assert {one.path for one in device.asked if one.name == "GetProfiles"} == {"/onvif/media"}
    assert {one.path for one in device.asked if one.name == "GetPresets"} == {"/onvif/ptz"}


async def test_a_device_without_media_is_asked_who_it_is() -> None:
    device = Device()
    device.answers["GetServices"] = services(tds="http://192.0.2.9/onvif/device_service")
    device.answers["GetCapabilities"] = capabilities(Device="http://192.0.2.9/x")
    async with asking(device) as probe:
        await probe.read()
        device.asked.clear()
        await probe.read()
    assert device.names() == ["GetSystemDateAndTime", "GetDeviceInformation"]


async def test_media2_alone_is_enough() -> None:
    two = "http://www.onvif.org/ver20/media/wsdl"
    device = Device(
        answers={
            "GetServices": message(
                f"<tds:GetServicesResponse><tds:Service><tds:Namespace>{two}</tds:Namespace>"
                "<tds:XAddr>http://192.0.2.9/onvif/media2</tds:XAddr></tds:Service>"
                "</tds:GetServicesResponse>"
            ),
            "GetProfiles": message(
                f'<a:GetProfilesResponse xmlns:a="{two}"><a:Profiles token="m"><a:Name>M</a:Name>'
                '<a:Configurations><a:VideoEncoder token="v"/></a:Configurations></a:Profiles>'
                "</a:GetProfilesResponse>"
            ),
            "GetStreamUri": message(
                f'<a:GetStreamUriResponse xmlns:a="{two}"><a:Uri>rtsp://192.0.2.9/m</a:Uri>'
                "</a:GetStreamUriResponse>"
            ),
        }
    )
    async with asking(device) as probe:
        assert facts(await probe.read())["stream_uri"] == "rtsp://127.0.0.1/m"
    assert all(f'xmlns="{two}"' in one.body for one in device.asked if one.name == "GetStreamUri")
    assert {one.path for one in device.asked if one.name == "GetProfiles"} == {"/onvif/media2"}


async def test_services_that_no_answer_names_are_tried_where_most_have_them() -> None:
    device = Device()
    del device.answers["GetServices"], device.answers["GetCapabilities"]
    async with asking(device) as probe:
        assert facts(await probe.read())["model"] == "X100"
    assert {one.path for one in device.asked} == {"/onvif/device_service"}


async def test_what_a_device_does_not_know_is_no_fact() -> None:
    device = Device(keeps=False)
    for name in ("GetNetworkInterfaces", "GetPresets", "GetStreamUri", "GetDeviceInformation"):
        del device.answers[name]
    async with asking(device) as probe:
        assert facts(await probe.read()) == {}


async def test_nothing_is_ever_sent_to_another_address() -> None:
    """The device names 192.0.2.9 and its own port 80: neither is where it was reached."""
    device = Device()
    async with asking(device) as probe:
        await probe.read()
        assert {one.path for one in device.asked if one.name == "GetProfiles"} == {"/onvif/media"}
        assert {one.path for one in device.asked if one.name == "GetPresets"} == {"/onvif/ptz"}


async def test_a_service_may_have_a_port_of_its_own() -> None:
    device, media = Device(), Device()
    async with serving(media.talk) as second:
        device.answers["GetServices"] = services(trt=f"http://127.0.0.1:{second}/onvif/media")
        async with asking(device) as probe:
            await probe.read()
    assert set(media.names()) == {"GetProfiles", "GetStreamUri"}


# --- texts of a device -----------------------------------------------------------------------


async def test_device_texts_are_cleaned() -> None:
    device = Device(
        answers={
            "GetDeviceInformation": information(
                Manufacturer="&lt;script&gt;alert(1)&lt;/script&gt;\r\n\u202e",
                Model=f"see rtsp://root:pa@ss@192.0.2.9/1 {PASSWORD.replace('&<', '&amp;&lt;')}",
                SerialNumber="x" * 4000,
            ),
            "GetStreamUri": stream("rtsp://u:p/w@x@192.0.2.9:554/cam@1"),
            "GetProfiles": profiles(("a&quot;b", "&lt;b&gt;", False)),
        }
    )
    async with asking(device) as probe:
        got = facts(await probe.read())
    assert got["maker"] == "<script>alert(1)</script>"  # text; who shows it escapes it
    assert got["model"] == "see rtsp://***@192.0.2.9/1 ***"
    assert got["serial"] == "x" * 128
    assert got["stream_uri"] == "rtsp://127.0.0.1:554/cam@1"


# --- the clock -------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead_s", [-56 * 365 * 86400.0, -3600.0, 0.0, 86400.0])
async def test_messages_are_signed_by_the_devices_own_clock(ahead_s: float) -> None:
    device = Device(ahead_s=ahead_s)
    async with asking(device) as probe:
        got = values(await probe.read())
    assert device.bad_log_ins == 0
    assert float(got["clock_offset_seconds", ""]) == pytest.approx(ahead_s, abs=0.6)


async def test_the_clock_is_read_again_at_every_poll() -> None:
    device = Device()
    async with asking(device) as probe:
        for ahead_s in (0.0, 5000.0, 5000.0, -90.0):
            device.ahead_s = ahead_s
            got = values(await probe.read())
            assert float(got["clock_offset_seconds", ""]) == pytest.approx(ahead_s, abs=0.6)
    assert device.bad_log_ins == 0


async def test_what_looks_like_a_time_is_not_taken_for_it() -> None:
    """A time in a comment, which only he who does not parse would read; at every poll."""
    device = Device()
    device.answers["GetSystemDateAndTime"] = lambda _: trapped(clock(device.now()))
    async with asking(device) as probe:
        for _ in range(3):
            offset = values(await probe.read())["clock_offset_seconds", ""]
            assert abs(float(offset)) < 1


async def test_a_trap_that_comes_later_is_seen() -> None:
    device = Device()
    async with asking(device) as probe:
        for change in (str, str, trapped, trapped):
            device.answers["GetSystemDateAndTime"] = change(clock(device.now()))
            offset = values(await probe.read())["clock_offset_seconds", ""]
            assert abs(float(offset)) < 1


def trapped(body: str) -> str:
    """With another time before the time, in a comment."""
    time = clock(datetime(1999, 1, 2, 3, 4, 5, tzinfo=UTC)).partition("<tt:UTCDateTime>")[2]
    trap = f"<!-- UTCDateTime>{time.partition('</tt:UTC')[0]}UTCDateTime> -->"
    return body.replace("<tt:UTCDateTime>", f"{trap}<tt:UTCDateTime>")


async def test_a_device_that_wants_a_log_in_for_its_clock_tells_it_by_its_head() -> None:
    device = Device(ahead_s=4000.0, free=set(), dates=True)
    async with asking(device) as probe:
        for _ in range(2):
            got = values(await probe.read())
            assert float(got["clock_offset_seconds", ""]) == pytest.approx(4000.0, abs=0.6)
    assert device.bad_log_ins == 0
    assert not [one for one in device.asked if one.name == "GetSystemDateAndTime" and one.signed]


async def test_a_device_that_tells_no_time_is_signed_for_by_ours() -> None:
    device = Device(free=set())
    async with asking(device) as probe:
        assert values(await probe.read()) == {}
    assert device.bad_log_ins == 0


async def test_a_clock_that_is_none_is_garbled() -> None:
    device = Device(answers={"GetSystemDateAndTime": clock(datetime(1969, 1, 1, tzinfo=UTC))})
    assert isinstance(await failure(device), Garbled)


async def test_without_the_time_of_the_shell_no_probe_is_made() -> None:
    with pytest.raises(ValueError, match="needs the time"):
        async with DRIVER.connect(replace(target(), now=None), Options(), None):
            pass


# --- other answers ---------------------------------------------------------------------------


async def test_a_web_server_without_onvif_is_refused() -> None:
    device = Device()
    for name in device.answers:
        device.free.add(name)
        device.answers[name] = device.http("<html>not found</html>", 404)
    error = await failure(device)
    assert isinstance(error, Refused)
    assert not error.credentials
    assert str(error).endswith("GetProfiles: HTTP 404: there is no ONVIF here")


async def test_another_refusal_is_no_log_in() -> None:
    device = Device(answers={"GetProfiles": fault("ActionNotSupported", "not here")})
    error = await failure(device)
    assert isinstance(error, Refused)
    assert not error.credentials
    assert "GetProfiles: the device refuses: ActionNotSupported (not here)" in str(error)


async def test_nobody_there_is_unreachable() -> None:
    async with DRIVER.connect(target(), Options(port=free_port()), None) as probe:
        with pytest.raises(Unreachable, match="no TCP connection"):
            await probe.read()


async def test_a_hang_up_without_a_word_is_unreachable() -> None:
    visits = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(1)
        await reader.readuntil(b"\r\n\r\n")

    async with serving(talk) as port, DRIVER.connect(target(), Options(port=port), None) as probe:
        with pytest.raises(Unreachable, match="hung up without an answer"):
            await probe.read()
    assert visits == [1]


async def test_an_answer_that_nobody_asked_for_is_none() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(Device().http("early", 200))
        await reader.read()

    async with serving(talk) as port:
        link = await open_link("127.0.0.1", port, "device")
        while link.usable:
            await asyncio.sleep(0.001)
        with pytest.raises(Malformed, match="nobody asked for"):
            await link.ask(b"GET / HTTP/1.1\r\n\r\n")
        link.close()


@pytest.mark.parametrize(
    "options",
    [{"port": 0}, {"channels": ["a", "a"]}, {"channels": [""]}, {"presets": ["1"]}, {"tls": True}],
)
def test_options_are_strict(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(options)


def test_what_a_good_poll_must_bring() -> None:
    assert list(DRIVER.brings(Options(), None, {})) == ["clock_offset_seconds"]
    assert "channel_present" in DRIVER.brings(Options(channels=("a",)), None, {})
