"""The few operations of ONVIF that we ask for: requests as prebuilt bytes, answers as our values.

Sources: ONVIF Core, Media and Media2 Service Specification, PTZ; their WSDL gives the shapes.
Everything read here was written by a device: texts are cleaned, lists and tokens are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from probes.wire.soap import Malformed, child, children, clean, local, text

DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
SCHEMA = "http://www.onvif.org/ver10/schema"
DEVICE_PATH = "/onvif/device_service"  # Core, 5.1.1

SERVICES_MAX = 64
PROFILES_MAX = 512  # a recorder of 128 channels has two or three each
SKIMMED_MAX = 1000  # bytes of a time
URI_MAX = 512  # characters
TOKEN_MAX = 128  # Core says 64

_URI = re.compile(r"(rtsp|rtsps|http|https)://([!-~]+)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(?::([0-9]{1,5}))?(?=[/?#]|$)")
_PATH = re.compile(r"/[!-~]{0,255}")
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}")
_FIGURE = re.compile(rb"(Year|Month|Day|Hour|Minute|Second)>\s*([0-9]{1,4})\s*<")
_MOMENT = ("Year", "Month", "Day", "Hour", "Minute", "Second")
_in_order = itemgetter(*(name.encode() for name in _MOMENT))
_CAPABILITIES = {"Device": DEVICE, "Media": MEDIA, "PTZ": PTZ}


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked: its name, and the body that asks it."""

    name: str
    body: bytes

    @property
    def answer(self) -> str:
        return f"{self.name}Response"


def _operation(name: str, service: str, inner: str = "") -> Operation:
    return Operation(name, f'<{name} xmlns="{service}">{inner}</{name}>'.encode())


CLOCK = _operation("GetSystemDateAndTime", DEVICE)
INFORMATION = _operation("GetDeviceInformation", DEVICE)
SERVICES = _operation("GetServices", DEVICE, "<IncludeCapability>false</IncludeCapability>")
CAPABILITIES = _operation("GetCapabilities", DEVICE, "<Category>All</Category>")
INTERFACES = _operation("GetNetworkInterfaces", DEVICE)
PROFILES: Mapping[str, Operation] = {
    MEDIA: _operation("GetProfiles", MEDIA),
    MEDIA2: _operation("GetProfiles", MEDIA2, "<Type>VideoEncoder</Type><Type>PTZ</Type>"),
}
_SETUP = (
    f'<StreamSetup><Stream xmlns="{SCHEMA}">RTP-Unicast</Stream>'
    f'<Transport xmlns="{SCHEMA}"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
)


def stream_uri(service: str, token: str) -> Operation:
    """Media 5.15.1, Media2 5.5.1."""
    asked = _SETUP if service == MEDIA else "<Protocol>RTSP</Protocol>"
    return _operation("GetStreamUri", service, f"{asked}{_profile(token)}")


def _profile(token: str) -> str:
    return f"<ProfileToken>{escape(token)}</ProfileToken>"


# --- answers ---------------------------------------------------------------------------------


def read_clock(answer: Element) -> datetime | None:
    """The device's time in UTC, whole seconds; None if it tells none. Raises Malformed."""
    found = child(answer, "SystemDateAndTime", "UTCDateTime")
    if found is None:
        return None
    parts = {local(part): (part.text or "").strip()[:8] for half in found for part in half}
    said = [parts.get(name, "") for name in _MOMENT]
    if (at := _moment(said)) is None:
        raise Malformed(f"expected a date and a time, got {clean(' '.join(said))!a}")
    return at


def clock_frame(body: bytes) -> int:
    """The same for two answers that differ in figures only: then their marks are the same, and
    `skim_clock` may read the second if it read the first as `read_clock` did."""
    return hash(body.translate(None, b"0123456789"))


def skim_clock(body: bytes) -> datetime | None:
    """The device's time without parsing: half of what a poll would cost goes there."""
    begin = body.find(b"UTCDateTime>")
    end = body.find(b"UTCDateTime>", begin + 1, begin + SKIMMED_MAX) if begin >= 0 else -1
    if end < 0:
        return None
    try:
        return _moment(_in_order(dict(_FIGURE.findall(body, begin, end))))
    except KeyError:
        return None


def _moment(parts: Sequence[str | bytes]) -> datetime | None:
    """Year to second → UTC; None for what is no moment of this age."""
    try:
        year, month, day, hour, minute, second = map(int, parts)
        at = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    return at if 1970 <= at.year < 2100 else None


def read_information(answer: Element) -> dict[str, str]:
    """Who made the device and which one it is, by the names of our facts."""
    names = {
        "maker": "Manufacturer",
        "model": "Model",
        "firmware": "FirmwareVersion",
        "serial": "SerialNumber",
        "hardware": "HardwareId",
    }
    found = ((ours, clean(text(answer, theirs))) for ours, theirs in names.items())
    return {ours: words for ours, words in found if words}


def read_services(answer: Element) -> dict[str, str]:
    """Namespace → address of each service."""
    found: dict[str, str] = {}
    for service in children(answer, "Service")[:SERVICES_MAX]:
        name = text(service, "Namespace").rstrip("/")
        if 0 < len(name) <= URI_MAX:
            found.setdefault(name, text(service, "XAddr"))
    return found


def read_capabilities(answer: Element) -> dict[str, str]:
    """The same, from the older answer."""
    found = {}
    for name, service in _CAPABILITIES.items():
        if child(answer, "Capabilities", name, "XAddr") is not None:
            found[service] = text(answer, "Capabilities", name, "XAddr")
    return found


@dataclass(frozen=True, slots=True)
class Profile:
    """One media profile. `video`: it encodes a picture; `ptz`: it moves a head."""

    token: str
    name: str
    video: bool
    ptz: bool


def read_profiles(answer: Element) -> tuple[Profile, ...]:
    """In the device's order: the first is the main one. Raises Malformed if a token is missing."""
    return tuple(_read_profile(one) for one in children(answer, "Profiles")[:PROFILES_MAX])


def _read_profile(profile: Element) -> Profile:
    token = profile.get("token", "")
    if not 0 < len(token) <= TOKEN_MAX:
        raise Malformed(f"expected profiles with a token, got {clean(token)!a}")
    parts = {local(part): part for part in profile}
    named = parts["Name"].text if "Name" in parts else ""
    inner = parts.get("Configurations")  # Media2 has its parts one deeper, by shorter names
    if inner is not None:
        parts |= {f"{local(part)}Configuration": part for part in inner}
    video, ptz = (f"{name}Configuration" in parts for name in ("VideoEncoder", "PTZ"))
    return Profile(token, clean(named or ""), video, ptz)


def read_mac(answer: Element) -> str:
    """Of the first interface that is switched on and has one; else empty."""
    for one in children(answer, "NetworkInterfaces")[:SERVICES_MAX]:
        said = text(one, "Info", "HwAddress")
        if text(one, "Enabled") in ("true", "1") and _MAC.fullmatch(said):
            return said.lower().replace("-", ":")
    return ""


def read_uri(answer: Element, host: str) -> str:
    """Where the stream is, on `host` instead of what the device takes for its own address, without
    a log-in. Empty for what is no URI that we know."""
    said = text(answer, "MediaUri", "Uri") or text(answer, "Uri")
    found = _URI.fullmatch(said) if len(said) <= URI_MAX else None
    if not found:
        return ""
    rest = without_log_in(found[2], host)
    authority = _AUTHORITY.match(rest)
    if not authority:
        return ""
    port = f":{authority[2]}" if authority[2] else ""
    return f"{found[1].lower()}://{bracketed(host)}{port}{rest[authority.end() :]}"


def without_log_in(rest: str, host: str) -> str:
    """`user:pass@host/path` → `host/path`; the password may hold `@` and `/`."""
    for at in reversed([i for i, sign in enumerate(rest.partition("?")[0]) if sign == "@"]):
        if (found := _AUTHORITY.match(rest, at + 1)) and ({".", ":"} & set(found[1])):
            return rest[at + 1 :]
        if found and found[1] == host:
            return rest[at + 1 :]
    authority, slash, path = rest.partition("/")
    return authority.rpartition("@")[2] + slash + path


def bracketed(host: str) -> str:
    """As an IPv6 address stands in a URI."""
    return f"[{host}]" if ":" in host else host


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service of the device is asked."""

    port: int
    path: str


def place(address: str, host: str, port: int) -> Place:
    """A service's address as the device knows it → where it is for us, who reached the device at
    `host` and `port`. Another host means that the device does not know how it is reached (NAT, a
    second network): then its port is not believed either. Nothing is ever sent elsewhere."""
    words = address[: 4 * URI_MAX].split()
    for word in words:
        try:
            found = urlsplit(word)
            its_host, its_port = found.hostname, found.port or 80
        except ValueError:
            continue
        path = found.path + (f"?{found.query}" if found.query else "")
        if found.scheme in ("http", "https") and _PATH.fullmatch(path):
            same = found.scheme == "http" and its_host == host.lower()
            return Place(its_port if same else port, path)
    return Place(port, DEVICE_PATH)
