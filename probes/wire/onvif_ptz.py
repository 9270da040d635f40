"""The operations of ONVIF that look at a head and move it: requests as bytes, answers as places.

Source: ONVIF PTZ Service Specification and its WSDL. There is no SetPreset here, and there is never
to be one: what a preset is, people say. Texts, lists and numbers of a device are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from probes.wire.onvif import PTZ, SCHEMA, TOKEN_MAX, URI_MAX, Operation
from probes.wire.ptz import Position, Range, Ranges
from probes.wire.soap import child, children, clean, text

NODES_MAX = 64
PRESETS_MAX = 512
SPACES_MAX = 16  # of one node

_NUMBER = re.compile(r"[-+]?[0-9]{1,9}(\.[0-9]{0,24})?([eE][-+]?[0-9]{1,2})?|[-+]?\.[0-9]{1,24}")
_SPACE = re.compile(r"[!-~]{1,256}")


def _operation(name: str, inner: str = "") -> Operation:
    return Operation(name, f'<{name} xmlns="{PTZ}">{inner}</{name}>'.encode())


NODES = _operation("GetNodes")
CONFIGURATIONS = _operation("GetConfigurations")
ABILITIES = _operation("GetServiceCapabilities")


def status(token: str) -> Operation:
    """5.4.1. `token`: of the media profile, as in all of these."""
    return _operation("GetStatus", _profile(token))


def presets(token: str) -> Operation:
    """5.5.1."""
    return _operation("GetPresets", _profile(token))


def goto_preset(token: str, preset: str) -> Operation:
    """5.5.3, at the head's own speed."""
    return _operation("GotoPreset", f"{_profile(token)}<PresetToken>{escape(preset)}</PresetToken>")


def absolute_move(token: str, to: Position) -> Operation:
    """5.3.1, in the spaces that the position was told in."""
    inner = ""
    if to.pan is not None and to.tilt is not None:
        inner += f'<PanTilt xmlns="{SCHEMA}" x="{to.pan!r}" y="{to.tilt!r}"{_in(to.space)}/>'
    if to.zoom is not None:
        inner += f'<Zoom xmlns="{SCHEMA}" x="{to.zoom!r}"{_in(to.zoom_space)}/>'
    return _operation("AbsoluteMove", f"{_profile(token)}<Position>{inner}</Position>")


def _profile(token: str) -> str:
    return f"<ProfileToken>{escape(token)}</ProfileToken>"


def _in(space: str) -> str:
    return f" space={quoteattr(space)}" if space else ""


# --- answers ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """Where the head is, if it says so, and whether it says that it moves."""

    position: Position | None
    moving: bool


def read_status(answer: Element) -> Status:
    """A head that says nothing of moving, or UNKNOWN, is one that does not say so."""
    words = (text(answer, "PTZStatus", "MoveStatus", axis) for axis in ("PanTilt", "Zoom"))
    found = child(answer, "PTZStatus", "Position")
    return Status(read_position(found), "MOVING" in (word.upper() for word in words))


def read_position(vector: Element | None) -> Position | None:
    """A PTZVector; None if no axis of it is told."""
    if vector is None:
        return None
    pan_tilt, zoom = child(vector, "PanTilt"), child(vector, "Zoom")
    pan, tilt, depth = _number(pan_tilt, "x"), _number(pan_tilt, "y"), _number(zoom, "x")
    if pan is None or tilt is None:
        pan = tilt = None
    if pan is None and depth is None:
        return None
    return Position(pan, tilt, depth, _space(pan_tilt), _space(zoom))


@dataclass(frozen=True, slots=True)
class Preset:
    """What a head can be sent to. `position`: where that is, if the device tells."""

    token: str
    name: str
    position: Position | None


def read_presets(answer: Element) -> tuple[Preset, ...]:
    """In the device's order. A preset may have no name. Where all presets are said to stand at
    zero, the device does not know where they stand."""
    made = []
    for one in children(answer, "Preset")[:PRESETS_MAX]:
        token = one.get("token", "")
        if 0 < len(token) <= TOKEN_MAX:
            place = read_position(child(one, "PTZPosition"))
            made.append(Preset(token, clean(text(one, "Name")), place))
    if all(one.position is None or one.position.zero for one in made):
        return tuple(Preset(one.token, one.name, None) for one in made)
    return tuple(made)


@dataclass(frozen=True, slots=True)
class Node:
    """What the heads of a device can do. `absolute`: they can be sent to a position, by axes."""

    ranges: Ranges
    absolute_pan_tilt: bool
    absolute_zoom: bool

    def reaches(self, place: Position) -> bool:
        """Can a head be sent there by its position?"""
        return (place.pan is None or self.absolute_pan_tilt) and (
            place.zoom is None or self.absolute_zoom or self._no_zoom()
        )

    def _no_zoom(self) -> bool:
        """A zoom that has no range stands where it stands."""
        return bool(self.ranges.zoom) and all(one.span == 0 for one in self.ranges.zoom.values())


def read_nodes(answer: Element) -> Node:
    """All heads of a device together: those of one product count alike."""
    pan_tilt: dict[str, tuple[Range, Range]] = {}
    zoom: dict[str, Range] = {}
    for node in children(answer, "PTZNode")[:NODES_MAX]:
        spaces = child(node, "SupportedPTZSpaces")
        for one in _spaces(spaces, "AbsolutePanTiltPositionSpace"):
            _add_pan_tilt(pan_tilt, one)
        for one in _spaces(spaces, "AbsoluteZoomPositionSpace"):
            _add_zoom(zoom, one)
    return Node(Ranges(pan_tilt, zoom), bool(pan_tilt), bool(zoom))


def read_limits(answer: Element) -> Ranges:
    """The ranges as configured, of a device whose nodes tell none."""
    pan_tilt: dict[str, tuple[Range, Range]] = {}
    zoom: dict[str, Range] = {}
    for one in children(answer, "PTZConfiguration")[:NODES_MAX]:
        if (found := child(one, "PanTiltLimits", "Range")) is not None:
            _add_pan_tilt(pan_tilt, found)
        if (found := child(one, "ZoomLimits", "Range")) is not None:
            _add_zoom(zoom, found)
    return Ranges(pan_tilt, zoom)


def read_abilities(answer: Element) -> bool:
    """Does the device promise that a status tells the position?"""
    found = child(answer, "Capabilities")
    return found is not None and found.get("StatusPosition", "") in ("true", "1")


def _spaces(spaces: Element | None, name: str) -> Iterator[Element]:
    if spaces is not None:
        yield from islice(children(spaces, name), SPACES_MAX)


def _add_pan_tilt(to: dict[str, tuple[Range, Range]], space: Element) -> None:
    pan, tilt = _range(child(space, "XRange")), _range(child(space, "YRange"))
    if pan is not None and tilt is not None:
        to.setdefault(_uri(space), (pan, tilt))


def _add_zoom(to: dict[str, Range], space: Element) -> None:
    if (found := _range(child(space, "XRange"))) is not None:
        to.setdefault(_uri(space), found)


def _uri(space: Element) -> str:
    said = text(space, "URI")
    return said if len(said) <= URI_MAX else ""


def _range(found: Element | None) -> Range | None:
    if found is None:
        return None
    low, high = (_decimal(text(found, end)) for end in ("Min", "Max"))
    return Range(low, high) if low is not None and high is not None and low <= high else None


def _space(element: Element | None) -> str:
    said = element.get("space", "") if element is not None else ""
    return said if _SPACE.fullmatch(said) else ""


def _number(element: Element | None, name: str) -> float | None:
    return _decimal(element.get(name, "")) if element is not None else None


def _decimal(said: str) -> float | None:
    """`float` takes more than what is a number of this protocol: nan, 1_0, other scripts."""
    said = said.strip()
    return float(said) if len(said) <= 40 and _NUMBER.fullmatch(said) else None
