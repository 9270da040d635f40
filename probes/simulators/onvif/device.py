"""A simulated ONVIF device as it stands, and what it answers to each operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from xml.etree.ElementTree import Element

from probes.simulators.onvif import answers
from probes.simulators.onvif.head import Head, Position, Preset
from probes.simulators.onvif.log_in import LogIn
from probes.simulators.onvif.soap import DEVICE, MEDIA, PTZ, Asked, Fault

HOST = "127.0.0.1"
PATHS = {  # Core, 5.1.1; the others are the device's to choose
    DEVICE: "/onvif/device_service",
    MEDIA: "/onvif/media_service",
    PTZ: "/onvif/ptz_service",
}
_FREE = {(DEVICE, "GetSystemDateAndTime")}  # Core, 5.9.4.3: before any log-in
_TT = "{http://www.onvif.org/ver10/schema}"


@dataclass(frozen=True, slots=True)
class Options:
    """What `start` takes. The stream of each channel is at the RTSP simulator's `rtsp_port`, named
    as the channel's token."""

    rtsp_port: int
    channels: Mapping[str, str] = field(
        default_factory=lambda: {"main": "MainStream"}
    )  # token: name
    ptz: bool = False
    presets: Mapping[str, tuple[str, Position]] = field(
        default_factory=dict
    )  # token: (name, where)
    head: Position = (0.0, 0.0, 0.0)
    speed: float = 0.5  # of the head, per second
    username: str = "operator"
    password: str = field(default="", repr=False)  # empty: no log-in
    tolerance_s: float = 5.0
    clock_offset: float = 0.0  # s by which its clock is ahead
    maker: str = "secmon"
    model: str = "simulated camera"
    firmware: str = "1.0"
    serial: str = "SIM-0001"
    mac: str = "00:00:5e:00:53:01"  # RFC 7042, for documentation
    width: int = 64
    height: int = 48
    port: int = 0  # 0: a free one


class Device:
    """`utc`: wall time, `steady`: seconds of a steady clock."""

    def __init__(
        self, options: Options, utc: Callable[[], datetime], steady: Callable[[], float]
    ) -> None:
        self.options = options
        self.port = 0
        self.serial = options.serial
        self.clock_offset = options.clock_offset
        self.log_in = LogIn(options.username, options.password, options.tolerance_s)
        self.presets = {token: Preset(*one) for token, one in options.presets.items()}
        self.head = Head(options.head, options.speed, steady) if options.ptz else None
        self._utc = utc
        self._operations: Mapping[tuple[str, str], Callable[[Asked], str]] = {
            **self._of_device(),
            **self._of_media(),
            **(self._of_ptz(self.head) if self.head is not None else {}),
        }

    def answer(self, asked: Asked, path: str) -> str:
        """What stands in the answer. Raises Fault."""
        key = (asked.service, asked.name)
        made = self._operations.get(key)
        if made is None or path != PATHS[asked.service]:
            raise Fault("Receiver.ActionNotSupported", f"{asked.name} is not supported")
        if key not in _FREE and (why := self.log_in.refuses(asked.envelope, self._now())):
            raise Fault("Sender.NotAuthorized", why)
        return made(asked)

    def _now(self) -> datetime:
        return self._utc() + timedelta(seconds=self.clock_offset)

    def _addresses(self) -> dict[str, str]:
        known = (DEVICE, MEDIA, PTZ) if self.head is not None else (DEVICE, MEDIA)
        return {name: f"http://{HOST}:{self.port}{PATHS[name]}" for name in known}

    def _of_device(self) -> Mapping[tuple[str, str], Callable[[Asked], str]]:
        told = self.options
        return {
            (DEVICE, "GetSystemDateAndTime"): lambda asked: answers.clock(self._now()),
            (DEVICE, "GetDeviceInformation"): lambda asked: answers.information(
                told.maker, told.model, told.firmware, self.serial
            ),
            (DEVICE, "GetServices"): lambda asked: answers.services(self._addresses()),
            (DEVICE, "GetCapabilities"): lambda asked: answers.capabilities(self._addresses()),
            (DEVICE, "GetNetworkInterfaces"): lambda asked: answers.interfaces(told.mac),
        }

    def _of_media(self) -> Mapping[tuple[str, str], Callable[[Asked], str]]:
        told = self.options
        return {
            (MEDIA, "GetProfiles"): lambda asked: answers.profiles(
                told.channels, told.width, told.height, told.ptz
            ),
            (MEDIA, "GetStreamUri"): lambda asked: answers.stream_uri(
                f"rtsp://{HOST}:{told.rtsp_port}/{self._profile(asked)}"
            ),
        }

    def _of_ptz(self, head: Head) -> Mapping[tuple[str, str], Callable[[Asked], str]]:
        def told(make: Callable[[], str]) -> Callable[[Asked], str]:
            return lambda asked: make() if self._profile(asked) else ""

        return {
            (PTZ, "GetServiceCapabilities"): lambda asked: answers.abilities(),
            (PTZ, "GetNodes"): lambda asked: answers.nodes(),
            (PTZ, "GetConfigurations"): lambda asked: answers.configurations(),
            (PTZ, "GetPresets"): told(lambda: answers.presets(self.presets)),
            (PTZ, "GetStatus"): told(lambda: answers.status(head, self._now())),
            (PTZ, "GotoPreset"): lambda asked: self._go(head, self._preset(asked).at, asked),
            (PTZ, "AbsoluteMove"): lambda asked: self._go(head, _wanted(asked, head), asked),
            (PTZ, "Stop"): lambda asked: self._go(head, head.position, asked),
        }

    def _profile(self, asked: Asked) -> str:
        token = asked.text("ProfileToken")
        if token not in self.options.channels:
            raise Fault("Sender.InvalidArgVal.NoProfile", "There is no such profile")
        return token

    def _preset(self, asked: Asked) -> Preset:
        preset = self.presets.get(asked.text("PresetToken"))
        if preset is None:
            raise Fault("Sender.InvalidArgVal.NoToken", "There is no such preset")
        return preset

    def _go(self, head: Head, to: Position, asked: Asked) -> str:
        self._profile(asked)
        try:
            head.go(to)
        except ValueError:
            raise Fault("Sender.InvalidArgVal.InvalidPosition", "Out of bounds") from None
        return ""


def _wanted(asked: Asked, head: Head) -> Position:
    """PTZ, 5.3.3: what is left out stays as it is."""
    pan, tilt, zoom = head.position
    place = asked.body.find(f"{{{PTZ}}}Position")
    both = place.find(f"{_TT}PanTilt") if place is not None else None
    near = place.find(f"{_TT}Zoom") if place is not None else None
    pan, tilt = _number(both, "x", pan), _number(both, "y", tilt)
    return pan, tilt, _number(near, "x", zoom)


def _number(element: Element | None, name: str, otherwise: float) -> float:
    if element is None:
        return otherwise
    try:
        return float(element.get(name, ""))
    except ValueError:
        raise Fault("Sender.InvalidArgVal.InvalidPosition", "Expected a number") from None
