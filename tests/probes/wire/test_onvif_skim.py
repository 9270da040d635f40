"""Profiles that are skimmed are those that would be read; whatever is laid out otherwise is not
skimmed, and no change of a profile is taken for one of mere figures."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.peers.onvif_camera import BODIES
from probes.wire import onvif, soap
from probes.wire.onvif import Profile
from probes.wire.onvif_skim import shape, skim_profiles
from tests.probes import onvif_device as device

CAMERA = BODIES["GetProfiles"]
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)


def read(body: str) -> tuple[Profile, ...]:
    return onvif.read_profiles(soap.parse(body.encode(), "GetProfilesResponse"))


def test_a_camera_is_skimmed_as_it_is_read() -> None:
    expected = (
        Profile("profile_1", "stream1", True, True),
        Profile("profile_2", "stream2", True, True),
    )
    assert skim_profiles(CAMERA.encode()) == read(CAMERA) == expected


@given(st.lists(st.tuples(TEXT, TEXT, st.booleans()), max_size=4))
def test_what_is_skimmed_is_what_is_read(rows: list[tuple[str, str, bool]]) -> None:
    body = device.profiles(*rows)
    skimmed = skim_profiles(body.encode())
    if skimmed is not None:
        assert skimmed == read(body)


@given(st.data())
def test_no_cut_or_bent_answer_is_skimmed_to_something_else(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(CAMERA) - 1))
    new = data.draw(
        st.sampled_from(["", "<", ">", "/", '"', "&", "<!--", "<![CDATA[", "\x00", "é"])
    )
    long = data.draw(st.integers(0, 60))
    body = CAMERA[:at] + new + CAMERA[at + long :]
    skimmed = skim_profiles(body.encode())
    if skimmed is not None:
        assert skimmed == read(body)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<tt:Name>stream1<", "<tt:Name>stream&amp;1<"),
        ("<tt:Name>stream1<", "<tt:Name><![CDATA[stream1]]><"),
        ("<tt:Name>stream1<", "<tt:Name>stream<!-- -->1<"),
        ("<trt:Profiles token", "<trt:Profiles\ntoken"),
        ('token="profile_1"', 'token="&#112;rofile_1"'),
        ("<trt:GetProfilesResponse>", "<!-- <trt:Profiles> --><trt:GetProfilesResponse>"),
        ("<trt:GetProfilesResponse>", "<trt:GetProfilesResponse><tt:A/>"),
        ('token="profile_1"', "token='profile_1'"),
        ('token="profile_1" fixed="true"', 'fixed="&gt;" x="> &lt;" token="profile_1"'),
        ("<s:Body>", "<s:Body/><s:Body>"),
        ("<s:Body>", "<s:Body><tt:A/>"),
        ("GetProfilesResponse", "GetProfilesReply"),
        ("xmlns:tt=", "xmlns:other="),
        ("</s:Envelope>", ""),
        ("</tt:Range>", "</tt:Rang>"),
        ("<?xml", '<!DOCTYPE a [<!ENTITY b "c">]><?xml'),
    ],
)
def test_what_is_laid_out_otherwise_is_left_to_the_reader(old: str, new: str) -> None:
    assert old in CAMERA
    assert skim_profiles(CAMERA.replace(old, new).encode()) is None


def test_a_token_is_no_part_of_another_attribute() -> None:
    trap = """<trt:Profiles fixed=' token="x" ' token="profile_1">"""
    body = CAMERA.replace('<trt:Profiles token="profile_1" fixed="true">', trap)
    assert body != CAMERA and skim_profiles(body.encode()) == read(body) == read(CAMERA)


@pytest.mark.parametrize(
    "header",
    ["<s:Header/>", "<s:Header a='b'>\n<tt:A>uuid</tt:A> </s:Header>", "\n<s:Header></s:Header>"],
)
def test_a_header_is_passed_over(header: str) -> None:
    assert skim_profiles(CAMERA.replace("<s:Body>", f"{header}<s:Body>").encode()) == read(CAMERA)


def test_more_profiles_than_are_read_are_left_to_the_reader() -> None:
    many = [(f"t{i}", "", False) for i in range(onvif.PROFILES_MAX + 1)]
    assert skim_profiles(device.profiles(*many).encode()) is None
    skimmed = skim_profiles(device.profiles(*many[1:]).encode())
    assert skimmed is not None and len(skimmed) == onvif.PROFILES_MAX


@pytest.mark.parametrize(
    "hostile",
    [
        "<s:Envelope><s:Header>" + "</s:Header><s:Body><a:GetProfilesResponse>" * 20_000,
        CAMERA.partition(" token")[0] + " x='" + ' token="a"' * 100_000 + "'>",
        CAMERA.partition("<trt:Profiles")[0] + "<trt:Profiles token='a'>" * 40_000,
        "<s:Envelope " + "a" * 1_000_000,
        " " * 1_000_000,
        "<" * 1_000_000,
        "Name>" * 200_000,
        "Profiles " * 100_000,
    ],
)
def test_no_answer_holds_the_skimmer_up(hostile: str) -> None:
    begun = time.process_time()
    assert skim_profiles(hostile.encode()) is None
    shape(hostile.encode())
    assert time.process_time() - begun < 0.2


# --- shapes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [(">4096<", ">2048<"), ("NUMBER", "12"), ("PT60S", "PT30S"), ("UseCount>2", "UseCount>3")],
)
def test_figures_that_move_keep_the_shape(old: str, new: str) -> None:
    body = CAMERA.replace("NUMBER", "34").replace(old, new)
    was = shape(CAMERA.replace("NUMBER", "34").encode())
    assert was is not None and shape(body.encode()) == was


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("stream1", "stream3"),
        ('token="profile_1"', 'token="profile_3"'),
        ("trt:Profiles token=", "trt:Profiles\n token="),
        ("VideoEncoderConfiguration", "VideoEncoderConfiguratio1"),
        ("GetProfilesResponse", "GetProfilesResponse1"),
        ("<tt:Name>stream1", '<tt:Name a=">">stream3'),
        (">4096<", ">10000<"),
    ],
)
def test_a_profile_that_changes_changes_the_shape(old: str, new: str) -> None:
    assert old in CAMERA
    assert shape(CAMERA.replace(old, new).encode()) != shape(CAMERA.encode())


@pytest.mark.parametrize("name", ["<![CDATA[stream1]]>", "stream<!-- -->1", "<?a?>stream1"])
def test_a_name_that_is_more_than_text_has_no_shape(name: str) -> None:
    assert shape(CAMERA.replace("stream1<", f"{name}<").encode()) is None
