"""Single values of the site file: durations, addresses, dates; what each may be and how it is told.

Every error text begins with «expected»; what came is added by the loader, which hides secrets.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, PlainValidator, StringConstraints

from secmon.core.durations import duration
from secmon.core.model import Feed, Op, Severity

_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_-]{1,63})*\.?"
)  # RFC 1035, 2.3.4: labels of at most 63 octets
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?P<port>:\d{1,5})?/?",
    re.ASCII,
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ARMED = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)
_MINUTES_OF_DAY = 24 * 60

STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)  # of every mapping

VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
DEVICE_ID = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
NAME = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"


def _duration(value: object) -> timedelta:
    if not isinstance(value, str):
        raise ValueError("expected a duration like 10s, 5m, 4h or 14d")
    return duration(value)


def _some_duration(value: object) -> timedelta:
    length = _duration(value)
    if length < timedelta(milliseconds=100):
        raise ValueError("expected a duration of at least 0.1s")
    return length


def _patience(value: object) -> timedelta:
    length = _duration(value)
    if not timedelta(minutes=1) <= length <= timedelta(days=7):
        raise ValueError("expected a duration of 1m to 7d")
    return length


def _half_year(value: object) -> timedelta:
    length = _duration(value)
    if length < timedelta(days=180):
        raise ValueError("expected a duration of at least 180d")
    return length


def _address(value: object) -> str:
    if isinstance(value, str):
        if _HOST.fullmatch(value) and not value.replace(".", "").isdecimal():
            return value
        try:
            ipaddress.ip_address(value)
        except ValueError:
            pass
        else:
            return value
    raise ValueError("expected an IP address or a host name, without a port")


def _public_url(value: object) -> str:
    """Kept as `https://host[:port]`, which is also the Origin that browsers send."""
    if isinstance(value, str) and (found := _URL.fullmatch(value.lower())):
        host = found["host"]
        port = found["port"] or ""
        usual = {"http": ":80", "https": ":443"}[found["scheme"]]
        return f"{found['scheme']}://{host}{'' if port == usual else port}"
    raise ValueError("expected an address like https://secmon.example.org, without a path")


def _network(value: object) -> str:
    try:
        return str(ipaddress.ip_network(value if isinstance(value, str) else ""))
    except ValueError:
        raise ValueError("expected an IP address or a network like 192.0.2.0/24") from None


def _day(value: object) -> str:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            pass
    raise ValueError("expected a date like 2024-05-01")


def _armed(value: object) -> tuple[int, int]:
    return times_of_day(value)


def times_of_day(value: object, *, whole_day: bool = False) -> tuple[int, int]:
    """`18:00-07:00` → (1080, 1860): minutes of the local day, the end past midnight. `whole_day`:
    `08:00-08:00` is one."""
    found = _ARMED.fullmatch(value) if isinstance(value, str) else None
    if found:
        hour, minute, end_hour, end_minute = map(int, found.groups())
        start, end = hour * 60 + minute, end_hour * 60 + end_minute
        fits = minute < 60 and end_minute < 60 and start < _MINUTES_OF_DAY >= end
        if fits and (start != end or whole_day):
            return start, end if end > start else end + _MINUTES_OF_DAY
    raise ValueError('expected times of day like "18:00-07:00", in quotes')


def _timezone(value: object) -> str:
    try:
        return ZoneInfo(value if isinstance(value, str) else "").key
    except (KeyError, ValueError, OSError):  # `Asia` alone is a directory
        raise ValueError("expected a time zone like Asia/Shanghai") from None


def _store(value: object) -> Path:
    """`sqlite:///var/lib/x.db` and `sqlite:////var/lib/x.db` → /var/lib/x.db"""
    if isinstance(value, str):
        if value.startswith(("postgresql:", "postgres:")):
            raise ValueError("expected sqlite:///PATH: PostgreSQL is not supported yet")
        path = value.removeprefix("sqlite://")
        if path != value and path.startswith("/") and path.strip("/") and "\0" not in path:
            return Path("/" + path.lstrip("/"))
    raise ValueError("expected sqlite:// and an absolute path, like sqlite:///var/lib/secmon/s.db")


@dataclass(frozen=True, slots=True)
class Listen:
    """An address and port that the daemon listens on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback


def _listen(value: object) -> Listen:
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if port.isascii() and port.isdecimal() and 0 < int(port) < 65536:
        try:
            return Listen(
                host if host == "localhost" else str(ipaddress.ip_address(host)), int(port)
            )
        except ValueError:
            pass
    raise ValueError("expected an IP address and a port, like 127.0.0.1:9840 or [::1]:9840")


def _feeds(value: object) -> tuple[Feed, ...]:
    """`ups-1`, `{device: sw-3, part: GE1/0/12}` or a list of these → feeds."""
    return tuple(_feed(one) for one in value) if isinstance(value, list) else (_feed(value),)


def _feed(value: object) -> Feed:
    match value:
        case str() if value:
            return Feed(value)
        case {"device": str(device), **rest} if device and set(rest) <= {"part"}:
            part = rest.get("part", "")
            if isinstance(part, str):
                return Feed(device, part)
    raise ValueError("expected a device's id, {device: ID, part: PART} or a list of these")


def _scalar(value: object) -> int | float | bool | str:
    if isinstance(value, (int, float, str)):
        return value
    raise ValueError("expected a number, true, false or a text")


_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"

Duration = Annotated[timedelta, PlainValidator(_duration)]
SomeDuration = Annotated[timedelta, PlainValidator(_some_duration)]  # not nothing
Patience = Annotated[timedelta, PlainValidator(_patience)]  # a minute to a week
HalfYear = Annotated[timedelta, PlainValidator(_half_year)]  # or longer
Day = Annotated[str, PlainValidator(_day)]
Armed = Annotated[tuple[int, int], PlainValidator(_armed)]
TimeZone = Annotated[str, PlainValidator(_timezone)]
Address = Annotated[str, PlainValidator(_address)]
Network = Annotated[str, PlainValidator(_network)]
PublicUrl = Annotated[str, PlainValidator(_public_url)]
ListenOn = Annotated[Listen, PlainValidator(_listen)]
StoreFile = Annotated[Path, PlainValidator(_store)]
Feeds = Annotated[tuple[Feed, ...], PlainValidator(_feeds)]
Scalar = Annotated[int | float | bool | str, PlainValidator(_scalar)]
Text = Annotated[str, StringConstraints(max_length=200, pattern=_PRINTABLE)]
SomeText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)]
Id = Annotated[str, StringConstraints(max_length=63, pattern=DEVICE_ID)]
Name = Annotated[str, StringConstraints(max_length=63, pattern=NAME)]
Weight = Annotated[Severity, Field(strict=False)]
Comparison = Annotated[Op, Field(strict=False)]
