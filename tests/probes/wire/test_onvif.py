"""ONVIF's answers as our values: shapes of the WSDL, bounds, and addresses of a device's own."""

from datetime import UTC, datetime
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire import onvif, soap
from probes.wire.onvif import (
    DEVICE,
    MEDIA,
    MEDIA2,
    PTZ,
    Place,
    Profile,
    place,
    read_uri,
)
from probes.wire.soap import Malformed
from tests.probes import onvif_device as device


def opened(body: str) -> Element:
    name = body.partition("<s:Body>")[2].partition(">")[0].split()[0].rpartition(":")[2]
    return soap.parse(body.encode(), name)


# --- the clock -------------------------------------------------------------------------------

AT = datetime(2026, 11, 23, 9, 8, 7, tzinfo=UTC)


def test_the_clock() -> None:
    assert onvif.read_clock(opened(device.clock(AT))) == AT
    assert onvif.skim_clock(device.clock(AT).encode()) == AT


def test_a_leap_second_and_a_local_time() -> None:
    body = device.clock(AT).replace(">7<", "> 60 <")
    local = "<tt:LocalDateTime><tt:Time><tt:Hour>23</tt:Hour></tt:Time></tt:LocalDateTime>"
    body = body.replace("<tt:UTCDateTime>", f"{local}<tt:UTCDateTime>")
    assert onvif.read_clock(opened(body)) == AT.replace(second=59)
    assert onvif.skim_clock(body.encode()) == AT.replace(second=59)


def test_a_device_that_tells_no_time() -> None:
    body = "<A><B/></A>"
    assert onvif.read_clock(soap.parse(device.message(body).encode(), "A")) is None
    assert onvif.skim_clock(device.message(body).encode()) is None


@pytest.mark.parametrize("wrong", [">13<", "><", ">-1<", ">x<", ">1e1<"])
def test_a_month_that_is_none(wrong: str) -> None:
    body = device.clock(AT).replace(">11<", wrong)
    with pytest.raises(Malformed, match="expected a date and a time"):
        onvif.read_clock(opened(body))
    assert onvif.skim_clock(body.encode()) is None


@pytest.mark.parametrize("year", [0, 1969, 2100, 9999])
def test_a_year_that_is_none_of_ours(year: int) -> None:
    body = device.clock(AT).replace(">2026<", f">{year}<")
    with pytest.raises(Malformed, match="got '"):
        onvif.read_clock(opened(body))
    assert onvif.skim_clock(body.encode()) is None


@given(st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31)))
def test_a_clock_is_skimmed_as_it_is_read(moment: datetime) -> None:
    at = moment.replace(microsecond=0, tzinfo=UTC)
    body = device.clock(at)
    assert onvif.skim_clock(body.encode()) == onvif.read_clock(opened(body)) == at
    assert onvif.clock_frame(body.encode()) == onvif.clock_frame(device.clock(AT).encode())


def test_another_frame_is_seen() -> None:
    body = device.clock(AT).encode()
    for other in (body.replace(b"UTC", b"Local"), body + b" ", body.replace(b">7<", b">-7<")):
        assert onvif.clock_frame(other) != onvif.clock_frame(body)


# --- who, what, where ------------------------------------------------------------------------


def test_device_information() -> None:
    answer = opened(device.information(Manufacturer=" A\n", Model="B", HardwareId="", Other="x"))
    assert onvif.read_information(answer) == {"maker": "A", "model": "B"}


def test_services_and_capabilities() -> None:
    answer = opened(device.services(tds="http://a/", trt=" http://b/\n"))
    assert onvif.read_services(answer) == {DEVICE: "http://a/", MEDIA: "http://b/"}
    answer = opened(device.capabilities(PTZ="http://c/", Events="http://d/", Media="http://e/"))
    assert onvif.read_capabilities(answer) == {PTZ: "http://c/", MEDIA: "http://e/"}


def test_profiles() -> None:
    answer = opened(device.profiles(("a", "海", True), ("b", "", False)))
    expected = (Profile("a", "海", True, True), Profile("b", "", True, False))
    assert onvif.read_profiles(answer) == expected


def test_profiles_of_media2() -> None:
    inner = "<tt:Name>N</tt:Name><x:Configurations><x:VideoEncoder/><x:PTZ/></x:Configurations>"
    body = f'<x:R xmlns:x="{MEDIA2}"><x:Profiles token="a">{inner}</x:Profiles></x:R>'
    assert onvif.read_profiles(opened(device.message(body))) == (Profile("a", "N", True, True),)


@pytest.mark.parametrize("token", ["", "x" * 129])
def test_a_profile_without_a_token_is_malformed(token: str) -> None:
    with pytest.raises(Malformed, match="with a token"):
        onvif.read_profiles(opened(device.profiles((token, "a", False))))


def test_lists_end() -> None:
    many = [(f"t{i}", "", False) for i in range(2000)]
    assert len(onvif.read_profiles(opened(device.profiles(*many)))) == onvif.PROFILES_MAX


@pytest.mark.parametrize(
    ("said", "mac"),
    [("00-00-5E-00-53-01", "00:00:5e:00:53:01"), ("00:00:5e:00:53:01", "00:00:5e:00:53:01")]
    + [(wrong, "") for wrong in ("", "00", "<b/>", "00:00:5e:00:53:0g")],
)
def test_the_mac(said: str, mac: str) -> None:
    assert onvif.read_mac(opened(device.INTERFACES.replace("00-00-5E-00-53-01", said))) == mac


def test_the_mac_of_an_interface_that_is_off() -> None:
    assert onvif.read_mac(opened(device.INTERFACES.replace("true", "false"))) == ""


def test_tokens_are_texts() -> None:
    operation = onvif.stream_uri(MEDIA, "<&")
    answer = soap.parse(device.message(operation.body.decode()).encode(), operation.name)
    assert soap.text(answer, "ProfileToken") == "<&"


# --- addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "uri"),
    [
        ("rtsp://10.0.0.1:554/a?b=c&amp;d#e", "rtsp://192.0.2.1:554/a?b=c&d#e"),
        ("RTSP://10.0.0.1/a", "rtsp://192.0.2.1/a"),
        ("rtsp://cam.local", "rtsp://192.0.2.1"),
        ("rtsp://[fe80::1]:8554/a", "rtsp://192.0.2.1:8554/a"),
        ("rtsp://admin@10.0.0.1/a", "rtsp://192.0.2.1/a"),
        ("rtsp://admin:pw@10.0.0.1:554/a", "rtsp://192.0.2.1:554/a"),
        ("rtsp://admin:p@w@10.0.0.1:554/a", "rtsp://192.0.2.1:554/a"),
        ("rtsp://admin:p/w@10.0.0.1:554/a", "rtsp://192.0.2.1:554/a"),
        ("rtsp://admin:1/2@3@10.0.0.1/a", "rtsp://192.0.2.1/a"),
        ("rtsp://admin:p/w@cam/a@192.0.2.1/b", "rtsp://192.0.2.1/b"),
        ("rtsp://10.0.0.1/cam@1?who=a@b.c", "rtsp://192.0.2.1/cam@1?who=a@b.c"),
        (" rtsp://10.0.0.1/a\n", "rtsp://192.0.2.1/a"),
        *(
            (wrong, "")
            for wrong in (
                *("", "/a", "rtsp://", "rtsp:///a", "file:///etc/passwd", "javascript:alert(1)"),
                *("rtsp://h/海", "rtsp://h/a b", "rtsp://h:port/a", "rtsp://h/" + "x" * 600),
            )
        ),
    ],
)
def test_a_stream_is_on_the_address_that_answered(said: str, uri: str) -> None:
    answer = opened(device.stream(said))
    assert read_uri(answer, "192.0.2.1") == uri


def test_a_stream_on_an_address_of_ipv6() -> None:
    answer = opened(device.stream("rtsp://10.0.0.1:554/a"))
    assert read_uri(answer, "2001:db8::1") == "rtsp://[2001:db8::1]:554/a"


@given(st.text(st.sampled_from("abc12/@:?.[]"), max_size=40))
def test_no_log_in_is_left_in_a_uri(rest: str) -> None:
    """Whatever stands before the last `@` that a host follows is gone."""
    uri = read_uri(opened(device.stream(f"rtsp://admin:s3cret{rest}@10.0.0.1/a")), "192.0.2.1")
    assert "s3cret" not in uri


HERE = ("192.0.2.1", 8080)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("http://192.0.2.1:81/onvif/media", Place(81, "/onvif/media")),
        ("http://192.0.2.1/onvif/media", Place(80, "/onvif/media")),
        ("http://10.0.0.1:81/onvif/media?a=b", Place(8080, "/onvif/media?a=b")),
        ("https://192.0.2.1/onvif/media", Place(8080, "/onvif/media")),
        ("\n urn:x http://[fe80::1]/a http://192.0.2.1:82/b", Place(8080, "/a")),
        ("http://h/\r\nX:y", Place(8080, "/")),
        ("http://192.0.2.1:x/a http://192.0.2.1:82/b", Place(82, "/b")),
        *(
            (wrong, Place(8080, "/onvif/device_service"))
            for wrong in (
                *("", "media", "http://192.0.2.1", "http://[", "ftp://192.0.2.1/a", "//192.0.2.1/"),
                *("http://192.0.2.1/海", "http://192.0.2.1/" + "a" * 300),
            )
        ),
    ],
)
def test_where_a_service_is(address: str, found: Place) -> None:
    assert place(address, *HERE) == found


@given(st.text(max_size=60) | st.text(st.sampled_from("htp:/[]@?#.1a \r\n%"), max_size=60))
def test_any_address_leads_to_a_path_of_this_device(address: str) -> None:
    found = place(address, *HERE)
    assert 0 < found.port < 65536
    assert found.path.startswith("/")
    assert found.path.isascii()
    assert found.path.isprintable()
    assert " " not in found.path
