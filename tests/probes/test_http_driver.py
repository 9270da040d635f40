"""The http driver against sites that are played here: pages, log-ins, floods."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import pytest
from pydantic import ValidationError

from probes.http import DRIVER, Options
from secmon.api import Batch, Garbled, ProbeError, Refused, Unreachable
from tests.peers.process import free_port
from tests.probes.http_site import (
    CHALLENGE,
    LOG_IN,
    device,
    failure,
    page,
    poll,
    polled,
    saying,
    values,
)
from tests.probes.loopback import Talk, nothing_more_than, open_files, serving

# --- pages -----------------------------------------------------------------------------------


async def test_a_page_becomes_readings() -> None:
    asked: list[str] = []
    batch = await polled(saying(page(body="welcome"), asked=asked))
    assert values(batch) == {"http_status": 200, "http_expected": True}
    assert batch.facts == {"http_problem": ""}
    assert asked[0].startswith("GET / HTTP/1.1\r\nHost: 127.0.0.1:")


@pytest.mark.parametrize(
    ("status", "expect", "good"),
    [
        ("200 OK", {}, True),
        ("204 No Content", {}, False),
        ("204 No Content", {"status": 204}, True),
        ("301 Moved", {}, False),
        ("301 Moved", {"status": [200, 301]}, True),
        ("401 Unauthorized", {"status": 401}, True),
        ("503 Service Unavailable", {}, False),
    ],
)
async def test_the_status_is_expected_or_not(
    status: str, expect: Mapping[str, object], good: bool
) -> None:
    location = "Location: http://127.0.0.1:1/"
    batch = await polled(saying(page(status, location)), expect=expect)
    assert values(batch) == {"http_status": int(status[:3]), "http_expected": good}
    assert bool(batch.facts["http_problem"]) is not good


async def test_what_was_expected_is_said() -> None:
    batch = await polled(saying(page("503 Down")), expect={"status": [200, 204]})
    assert batch.facts["http_problem"] == "expected status 200 or 204, got 503"


@pytest.mark.parametrize(
    ("body", "good"),
    [
        ("<title>门禁平台</title>".encode(), True),
        ("<title>门禁平台</title>".encode("gb18030"), True),
        (b"<title>nginx</title>", False),
        (b"x" * 65_000 + "门禁平台".encode(), True),
        (b"x" * 65_536 + "门禁平台".encode(), False),
    ],
)
async def test_a_text_is_looked_for_in_the_first_64_kb(body: bytes, good: bool) -> None:
    answer = b"HTTP/1.1 200 OK\r\n\r\n" + body
    batch = await polled(saying(answer), expect={"text": "门禁平台"})
    assert values(batch)["http_expected"] is good
    assert ("expected the text '门禁平台', got" in batch.facts["http_problem"]) is not good


async def test_a_layout_is_kept_between_polls() -> None:
    async with serving(saying(page())) as port:
        options = Options(url=f"http://127.0.0.1:{port}/")
        async with DRIVER.connect(device(), options, None) as probe:
            first, second = await probe.read(), await probe.read()
    assert isinstance(first, Batch)
    assert isinstance(second, Batch)
    assert first.layout is second.layout


# --- log-in ----------------------------------------------------------------------------------


async def test_a_log_in_serves_many_polls() -> None:
    asked: list[str] = []
    talk = saying(page("401 Unauthorized", CHALLENGE), page(), asked=asked)
    async with serving(talk) as port:
        options = Options(url=f"http://127.0.0.1:{port}/status?x=1")
        async with DRIVER.connect(device(LOG_IN), options, None) as probe:
            for _ in range(2):
                batch = await probe.read()
                assert isinstance(batch, Batch)
                assert values(batch)["http_expected"] is True
    assert ["Authorization: Digest" in one for one in asked] == [False, True, True]
    assert 'uri="/status?x=1"' in asked[1]
    assert "nc=00000001" in asked[1]
    assert "nc=00000002" in asked[2]


@pytest.mark.parametrize(
    ("challenge", "tries"), [(CHALLENGE, 2), (f"{CHALLENGE}, stale=true", 3), ("X: y", 1)]
)
async def test_endless_401s_end(challenge: str, tries: int) -> None:
    asked: list[str] = []
    error = await failure(saying(page("401 Unauthorized", challenge), asked=asked), LOG_IN)
    assert isinstance(error, Refused)
    assert error.credentials
    assert "geheim" not in str(error)
    assert len(asked) == tries


async def test_a_401_that_nobody_can_answer_is_a_status() -> None:
    batch = await polled(saying(page("401 Unauthorized", CHALLENGE)))
    assert values(batch) == {"http_status": 401, "http_expected": False}


async def test_a_nonce_that_became_too_old_is_renewed() -> None:
    asked: list[str] = []
    unauthorized = page("401 Unauthorized", CHALLENGE)
    async with serving(saying(unauthorized, page(), unauthorized, page(), asked=asked)) as port:
        options = Options(url=f"http://127.0.0.1:{port}/")
        async with DRIVER.connect(device(LOG_IN), options, None) as probe:
            await probe.read()
            batch = await probe.read()
    assert isinstance(batch, Batch)
    assert values(batch)["http_status"] == 200
    assert len(asked) == 4


# --- failures --------------------------------------------------------------------------------


async def test_nothing_listens() -> None:
    port = free_port()
    with pytest.raises(Unreachable, match=f"^HTTP at 127.0.0.1 port {port}: no connection: Conn"):
        await poll(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (b"", Unreachable, "no answer: it hung up"),
        (b"HTTP/1.1 200", Garbled, "cut off: it hung up"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", Garbled, "cut off"),
        (b"220 mail.example ESMTP\r\n\r\n", Garbled, "expected an answer of HTTP/1, got '220 mail"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000, Garbled, "at most 16 kB"),
    ],
)
async def test_what_is_no_page(answer: bytes, kind: type[ProbeError], text: str) -> None:
    error = await failure(saying(answer))
    assert type(error) is kind
    assert text in str(error)


def flooding(begin: bytes, more: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        while more:
            writer.write(more)
            await writer.drain()
        await reader.read()

    return talk


@pytest.mark.parametrize(
    ("begin", "more", "ends"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 60_000, "good"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"8\r\nabcdefgh\r\n" * 9_999,
            "good",
        ),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 60_000, "garbled"),
        (b"", b"\0" * 60_000, "garbled"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"", "timeout"),
        (b"", b"", "timeout"),
    ],
)
async def test_what_never_ends_ends_in_time(begin: bytes, more: bytes, ends: str) -> None:
    before, loop = open_files(), asyncio.get_running_loop()
    begun, said = loop.time(), "timeout"
    limit = 0.3 if ends == "timeout" else 3.0  # a busy machine must not decide
    with suppress(TimeoutError):
        async with asyncio.timeout(limit):
            try:
                await polled(flooding(begin, more))
                said = "good"
            except ProbeError as error:
                said = str(error.reason)
    assert said == ends
    assert loop.time() - begun < limit + 0.2
    assert await nothing_more_than(before)


# --- options ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "Field required"),
        ({"url": "http://admin:geheim@192.0.2.8/"}, "without a log-in"),
        ({"url": "192.0.2.8"}, "expected a URL like"),
        ({"url": "http://a/", "expect": {"status": 700}}, "statuses from 200 to 599"),
        ({"url": "http://a/", "expect": {"status": []}}, "at least 1"),
        ({"url": "http://a/", "expect": {"body": "x"}}, "not permitted"),
        ({"url": "http://a/", "verify": False}, "not permitted"),
    ],
)
def test_options_are_strict(options: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected) as caught:
        Options.model_validate(options)
    assert "geheim" not in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a/", ["http_status", "http_expected"]),
        ("https://a/", ["tls_expiry_seconds"]),
    ],
)
def test_what_a_good_poll_brings(url: str, expected: list[str]) -> None:
    assert list(DRIVER.brings(Options(url=url), None, {})) == expected
