"""Tokens of links: what they say, and that nobody else can make one."""

import base64
from datetime import timedelta

import pytest

from secmon.console.links import VALID, read, token
from tests.virtual import START

KEY, OTHER = b"k" * 32, b"o" * 32
MADE = token(KEY, "WX-2026-0001", "sms", "wang", START)


def test_it_says_what_it_was_made_of() -> None:
    link = read(KEY, MADE)
    assert link is not None
    assert (link.number, link.channel, link.user) == ("WX-2026-0001", "sms", "wang")
    assert VALID <= link.until - START <= VALID + timedelta(hours=1)
    assert not link.expired(START + VALID - timedelta(seconds=1))
    assert link.expired(START + VALID + timedelta(hours=1))


def test_it_fits_into_an_sms() -> None:
    assert len(MADE) <= 75


def test_a_repeat_within_the_hour_is_the_same() -> None:
    assert token(KEY, "WX-2026-0001", "sms", "wang", START + timedelta(minutes=5)) == MADE


@pytest.mark.parametrize("user", ["", "王强", "a|b", "x" * 64, "os:root"])
def test_any_name(user: str) -> None:
    link = read(KEY, token(KEY, "WX-2026-0001", "sms", user, START))
    assert link is not None
    assert link.user == user


def _changed(text: str) -> str:
    """The same with another person in it."""
    payload, _, mac = text.partition(".")
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    other = base64.urlsafe_b64encode(raw.replace(b"wang", b"zhao")).decode().rstrip("=")
    return f"{other}.{mac}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "x",
        MADE.partition(".")[0],
        MADE.partition(".")[0] + ".",
        MADE[:-1],
        MADE + "A",
        MADE + "=",
        MADE.replace(".", ".."),
        _changed(MADE),
        token(OTHER, "WX-2026-0001", "sms", "wang", START),
        "A" * 100_000,
        "\ud800",
        "💥.💥",
        "%2e%2e/.x",
    ],
)
def test_what_we_never_made(text: str) -> None:
    assert read(KEY, text) is None


def test_every_changed_sign_is_noticed() -> None:
    for place in range(len(MADE)):
        other = "A" if MADE[place] != "A" else "B"
        assert read(KEY, MADE[:place] + other + MADE[place + 1 :]) is None, place
