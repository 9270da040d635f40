"""Single values of the site file."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from secmon.core.model import Feed
from secmon.settings import SecretRef
from secmon.settings.values import (
    Address,
    Armed,
    Day,
    Feeds,
    HalfYear,
    ListenOn,
    Network,
    PublicUrl,
    StoreFile,
    TimeZone,
)


@pytest.mark.parametrize(
    ("kind", "given", "made"),
    [
        (Address, "192.0.2.1", "192.0.2.1"),
        (Address, "2001:db8::1", "2001:db8::1"),
        (Address, "sw-1", "sw-1"),
        (Address, "sw_1.example.", "sw_1.example."),
        (Network, "192.0.2.1", "192.0.2.1/32"),
        (Network, "192.0.2.0/24", "192.0.2.0/24"),
        (Day, "2024-02-29", "2024-02-29"),
        (Armed, "08:30-17:00", (510, 1020)),
        (Armed, "18:00-07:00", (1080, 1860)),
        (Armed, "00:00-24:00", (0, 1440)),
        (TimeZone, "Asia/Shanghai", "Asia/Shanghai"),
        (StoreFile, "sqlite:///a.db", Path("/a.db")),
        (StoreFile, "sqlite:////var/a.db", Path("/var/a.db")),
        (Feeds, "ups-1", (Feed("ups-1"),)),
        (Feeds, {"device": "sw-1", "part": "1/0/1"}, (Feed("sw-1", "1/0/1"),)),
        (Feeds, ["a", {"device": "b"}], (Feed("a"), Feed("b"))),
    ],
)
def test_a_value(kind: Any, given: object, made: object) -> None:
    assert TypeAdapter(kind).validate_python(given) == made


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Address, ""),
        (Address, "256.1.1.1"),
        (Address, "1.2.3"),
        (Address, "a b"),
        (Address, "a/b"),
        (Address, "-a"),
        (Address, "a" * 300),
        (Address, 5),
        (Network, "192.0.2.1/24"),
        (Network, "proxy"),
        (Day, "2024-2-9"),
        (Day, "20240229"),
        (Day, "2023-02-29"),
        (Armed, "18:00"),
        (Armed, "18:00-18:00"),
        (Armed, "24:00-07:00"),
        (Armed, "18:60-07:00"),
        (Armed, 1080),
        (TimeZone, "Asia"),
        (TimeZone, "../etc/passwd"),
        (TimeZone, "+8"),
        (TimeZone, ""),
        (ListenOn, "127.0.0.1"),
        (ListenOn, ":9840"),
        (ListenOn, "127.0.0.1:0"),
        (ListenOn, "127.0.0.1:65536"),
        (ListenOn, "secmon.example:9840"),
        (ListenOn, "::1:9840x"),
        (PublicUrl, "secmon.example.org"),
        (PublicUrl, "https://secmon.example.org/console"),
        (PublicUrl, "https://root:pw@secmon.example.org"),
        (PublicUrl, "ftp://secmon.example.org"),
        (PublicUrl, 9840),
        (StoreFile, "sqlite://"),
        (StoreFile, "sqlite:///"),
        (StoreFile, "sqlite://a.db"),
        (StoreFile, "/a.db"),
        (StoreFile, "mysql://a"),
        (Feeds, ""),
        (Feeds, [5]),
        (Feeds, {"part": "1"}),
        (Feeds, {"device": "a", "port": "1"}),
        (HalfYear, "179d"),
    ],
)
def test_no_value(kind: Any, given: object) -> None:
    with pytest.raises(ValidationError, match="expected"):
        TypeAdapter(kind).validate_python(given)


@pytest.mark.parametrize(
    ("given", "shown", "loopback"),
    [
        ("127.0.0.1:9840", "127.0.0.1:9840", True),
        ("127.9.9.9:1", "127.9.9.9:1", True),
        ("localhost:9840", "localhost:9840", True),
        ("[::1]:9840", "[::1]:9840", True),
        ("0.0.0.0:9840", "0.0.0.0:9840", False),
        ("[::]:9840", "[::]:9840", False),
        ("192.0.2.1:9840", "192.0.2.1:9840", False),
    ],
)
def test_a_listener(given: str, shown: str, loopback: bool) -> None:
    listen = TypeAdapter(ListenOn).validate_python(given)
    assert (str(listen), listen.loopback) == (shown, loopback)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://secmon.example.org", "https://secmon.example.org"),
        ("https://Secmon.Example.org:443/", "https://secmon.example.org"),
        ("http://192.0.2.1:9840", "http://192.0.2.1:9840"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_a_public_url_is_kept_as_browsers_say_it(given: str, kept: str) -> None:
    assert TypeAdapter(PublicUrl).validate_python(given) == kept


@pytest.mark.parametrize("given", [{}, {"file": "a", "env": "B"}, {"env": "a-b"}, {"file": ""}])
def test_a_reference_is_a_file_or_a_variable(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SecretRef.model_validate(given)
