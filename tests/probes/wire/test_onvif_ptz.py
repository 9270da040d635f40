"""Heads and presets as ONVIF tells them: what ipycam sends, and what odd cameras do."""

from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from probes.wire import onvif_ptz, soap
from probes.wire.onvif import Operation
from probes.wire.onvif_ptz import PRESETS_MAX, Preset, Status
from probes.wire.ptz import Position, Range, Ranges
from tests.probes.onvif_device import message

RECORDED = Path(__file__).parents[1] / "testdata/onvif"
PAN_TILT = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/PositionGenericSpace"
ZOOM = "http://www.onvif.org/ver10/tptz/ZoomSpaces/PositionGenericSpace"
GENERIC = Ranges({PAN_TILT: (Range(-1, 1), Range(-1, 1))}, {ZOOM: Range(0, 1)})


def recorded(name: str, operation: Operation) -> Element:
    return soap.parse((RECORDED / f"ipycam-{name}.xml").read_bytes(), operation.answer)


def opened(name: str, inner: str) -> Element:
    body = message(f"<tptz:{name}Response>{inner}</tptz:{name}Response>")
    return soap.parse(body.encode(), f"{name}Response")


def status(position: str, moving: str = "") -> Status:
    inner = f"<tptz:PTZStatus>{position}{moving}</tptz:PTZStatus>"
    return onvif_ptz.read_status(opened("GetStatus", inner))


def preset(token: str, name: str = "", place: str = "") -> str:
    return f'<tptz:Preset token="{token}"><tt:Name>{name}</tt:Name>{place}</tptz:Preset>'


def presets(*rows: str) -> tuple[Preset, ...]:
    return onvif_ptz.read_presets(opened("GetPresets", "".join(rows)))


def place(pan: str, tilt: str, zoom: str, name: str = "PTZPosition") -> str:
    inner = f'<tt:PanTilt x="{pan}" y="{tilt}"/><tt:Zoom x="{zoom}"/>'
    return f"<tt:{name}>{inner}</tt:{name}>"


# --- as recorded ---


def test_a_recorded_status() -> None:
    found = onvif_ptz.read_status(recorded("status", onvif_ptz.status("t")))
    assert found == Status(Position(0.0, 0.0, 0.0, PAN_TILT, ZOOM), False)


def test_recorded_presets() -> None:
    assert onvif_ptz.read_presets(recorded("presets", onvif_ptz.presets("t"))) == (
        Preset("home", "Home", Position(0.0, 0.0, 0.0)),
        Preset("gate", "大门 <1>", Position(0.5, -0.25, 0.4)),
        Preset("plain", "", Position(-0.75, 0.3, 0.0)),
    )


def test_recorded_ranges() -> None:
    node = onvif_ptz.read_nodes(recorded("nodes", onvif_ptz.NODES))
    assert node.ranges == GENERIC
    assert node.reaches(Position(0.1, 0.1, 0.1)) and node.reaches(Position(None, None, 0.1))
    limits = onvif_ptz.read_limits(recorded("configurations", onvif_ptz.CONFIGURATIONS))
    assert limits == GENERIC
    assert onvif_ptz.read_abilities(recorded("abilities", onvif_ptz.ABILITIES))


# --- odd ones ---


@pytest.mark.parametrize(
    ("said", "moving"),
    [
        ("<tt:PanTilt>IDLE</tt:PanTilt><tt:Zoom>IDLE</tt:Zoom>", False),
        ("<tt:PanTilt>IDLE</tt:PanTilt><tt:Zoom>MOVING</tt:Zoom>", True),
        ("<tt:PanTilt>Moving</tt:PanTilt>", True),
        ("<tt:PanTilt>UNKNOWN</tt:PanTilt>", False),
        ("", False),
    ],
)
def test_moving(said: str, moving: bool) -> None:
    assert status("", f"<tt:MoveStatus>{said}</tt:MoveStatus>") == Status(None, moving)


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("-0.41999999999999993", -0.41999999999999993),
        ("1", 1.0),
        (" .5 ", 0.5),
        ("1e-05", 1e-05),
        ("+180.", 180.0),
        *((wrong, None) for wrong in ("", "nan", "inf", "1e999", "1_0", "١", "0x1", "9" * 400)),
    ],
)
def test_numbers(said: str, value: float | None) -> None:
    found = status(place(said, said, "0.5", "Position")).position
    assert found == Position(value, value, 0.5)


def test_a_status_without_a_position() -> None:
    assert status("") == Status(None, False)
    assert status("<tt:Position/>").position is None
    assert status(place("", "", "", "Position")).position is None
    assert onvif_ptz.read_status(opened("GetStatus", "")) == Status(None, False)


def test_zero_is_a_place_where_others_are_told() -> None:
    zero, gate = place("0", "0", "0"), place("0.5", "0", "0")
    assert [one.position for one in presets(preset("1", place=zero), preset("2"))] == [None, None]
    assert presets(preset("1", place=zero), preset("2", place=gate))[0].position == Position(
        0.0, 0.0, 0.0
    )


def test_lists_and_tokens_are_bounded() -> None:
    rows = [preset(f"t{i}") for i in range(2000)]
    assert len(presets(*rows)) == PRESETS_MAX
    assert presets(preset("", "nothing"), preset("x" * 129)) == ()


def test_a_device_that_tells_no_spaces_is_sent_nowhere_by_position() -> None:
    node = onvif_ptz.read_nodes(opened("GetNodes", '<tptz:PTZNode token="1"/>'))
    assert node.ranges == Ranges() and not node.reaches(Position(0.1, 0.1))


def test_a_zoom_that_cannot_be_sent_anywhere_counts_only_if_it_moves() -> None:
    space = (
        "<tt:XRange><tt:Min>-1</tt:Min><tt:Max>1</tt:Max></tt:XRange>"
        "<tt:YRange><tt:Min>-1</tt:Min><tt:Max>1</tt:Max></tt:YRange>"
    )
    zoom = "<tt:XRange><tt:Min>0</tt:Min><tt:Max>{}</tt:Max></tt:XRange>"
    made = (
        '<tptz:PTZNode token="1"><tt:SupportedPTZSpaces>'
        f"<tt:AbsolutePanTiltPositionSpace>{space}</tt:AbsolutePanTiltPositionSpace>"
        "{}</tt:SupportedPTZSpaces></tptz:PTZNode>"
    )
    node = onvif_ptz.read_nodes(opened("GetNodes", made.replace("{}", "")))
    assert node.reaches(Position(0.1, 0.1)) and not node.reaches(Position(0.1, 0.1, 0.1))
    inner = f"<tt:AbsoluteZoomPositionSpace>{zoom.format(0)}</tt:AbsoluteZoomPositionSpace>"
    node = onvif_ptz.read_nodes(opened("GetNodes", made.replace("{}", inner)))
    assert node.reaches(Position(0.1, 0.1, 0.0))


def test_a_range_that_is_none() -> None:
    for low, high in (("1", "-1"), ("x", "1"), ("", "")):
        space = f"<tt:XRange><tt:Min>{low}</tt:Min><tt:Max>{high}</tt:Max></tt:XRange>"
        limits = f"<tt:ZoomLimits><tt:Range>{space}</tt:Range></tt:ZoomLimits>"
        answer = f'<tptz:PTZConfiguration token="1">{limits}</tptz:PTZConfiguration>'
        assert onvif_ptz.read_limits(opened("GetConfigurations", answer)) == Ranges()


def test_no_promise() -> None:
    for inner in ("", "<tptz:Capabilities/>", '<tptz:Capabilities StatusPosition="false"/>'):
        assert not onvif_ptz.read_abilities(opened("GetServiceCapabilities", inner))


# --- what is asked ---


def test_tokens_and_spaces_are_texts() -> None:
    to = Position(0.5, -0.25, 0.4, 'a"<&', "z")
    for operation in (
        onvif_ptz.presets("<&"),
        onvif_ptz.status("<&"),
        onvif_ptz.goto_preset("<&", "<p>"),
        onvif_ptz.absolute_move("<&", to),
    ):
        body = soap.parse(message(operation.body.decode()).encode(), operation.name)
        assert soap.text(body, "ProfileToken") == "<&"
        if operation.name == "GotoPreset":
            assert soap.text(body, "PresetToken") == "<p>"
        if operation.name == "AbsoluteMove":
            assert onvif_ptz.read_position(soap.child(body, "Position")) == to


def test_an_axis_that_is_not_told_is_not_sent() -> None:
    sent = onvif_ptz.absolute_move("t", Position(None, None, 0.5)).body
    assert b"PanTilt" not in sent and b"Zoom" in sent


def test_nothing_here_can_change_a_preset() -> None:
    made = (value for value in vars(onvif_ptz).values() if isinstance(value, Operation))
    names = {one.name for one in made}
    assert names == {"GetNodes", "GetConfigurations", "GetServiceCapabilities"}
    source = Path(onvif_ptz.__file__).read_text()
    assert 'SetPreset"' not in source and "RemovePreset" not in source
