"""What hostile ONVIF devices do to libraries, they do not do to ours: each from a real server.

The polls run in a process of their own, whose memory is looked at (tests/probes/onvif_polls.py).
"""

import asyncio
import gzip
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.probes.loopback import serving
from tests.probes.onvif_asking import asking, facts, failure
from tests.probes.onvif_device import (
    PASSWORD,
    Device,
    clock,
    fault,
    information,
    message,
    profiles,
)
from tests.probes.onvif_polls import DEADLINE_S, Ended

ROOT = Path(__file__).parents[2]
LATE_S = 0.2
MEMORY_MB = 30.0
OPERATIONS = ("GetSystemDateAndTime", "GetProfiles", "GetDeviceInformation")

Send = Callable[[asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Hostile:
    """What a device sends instead of an answer, and what the poll must make of it."""

    send: Send | bytes
    ended: str = "garbled"
    says: str = ""


def body(data: bytes, headers: bytes = b"") -> bytes:
    return HEAD + headers + b"Content-Length: %d\r\n\r\n" % len(data) + data


def document(doctype: str, inner: str) -> bytes:
    return body(f'<?xml version="1.0"?>{doctype}{message(inner)}'.encode())


async def megabytes(writer: asyncio.StreamWriter, count: int = 200) -> None:
    for _ in range(count):
        writer.write(b"<a>" + b"x" * (1024 * 1024 - 7) + b"</a>")
        await writer.drain()


async def announced(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 209715200\r\n\r\n")
    await megabytes(writer)


async def unannounced(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"\r\n")
    await megabytes(writer)


async def chunks(writer: asyncio.StreamWriter) -> None:
    writer.write(CHUNKED)
    while True:
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await writer.drain()


async def small_chunks(writer: asyncio.StreamWriter) -> None:
    writer.write(CHUNKED)
    while True:
        writer.write(b"1;" + b"e" * 200 + b"\r\nx\r\n")
        await writer.drain()


async def trailer(writer: asyncio.StreamWriter) -> None:
    writer.write(CHUNKED + b"0\r\n")
    while True:
        writer.write(b"a: b\r\n" * 1000)
        await writer.drain()


async def one_chunk_line(writer: asyncio.StreamWriter) -> None:
    writer.write(CHUNKED)
    while True:
        writer.write(b"0" * 65536)
        await writer.drain()


async def headers(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD)
    while True:
        writer.write(b"X-A: b\r\n" * 1000)
        await writer.drain()


async def not_yet(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
        await writer.drain()


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"<")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drip_head(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"H" if not writer.is_closing() else b"")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
ATTRIBUTES = "".join(f' a{i}=""' for i in range(100_000))

HOSTILE: dict[str, Hostile] = {
    "xxe": Hostile(
        document(
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            "<GetProfilesResponse>&x;</GetProfilesResponse>",
        ),
        says="<!DOCTYPE",
    ),
    "external document type": Hostile(
        document('<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd">', "<a/>"), says="<!DOCTYPE"
    ),
    "billion laughs": Hostile(
        document(f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]>', "<a>&l9;</a>"), says="<!DOCTYPE"
    ),
    "document type in utf-16": Hostile(
        body('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'.encode("utf-16")), says="expected XML"
    ),
    "200 MB, announced": Hostile(announced, says="at most 1024 kB"),
    "200 MB, not announced": Hostile(unannounced, says="at most 1024 kB"),
    "chunks without end": Hostile(chunks, says="at most 1024 kB"),
    "small chunks without end": Hostile(small_chunks, says="at most 256 kB"),
    "a trailer without end": Hostile(trailer, says="at most 256 kB"),
    "a chunk's line without end": Hostile(one_chunk_line, says="between chunks"),
    "a head without end": Hostile(headers, says="at most 16 kB"),
    "not yet, without end": Hostile(not_yet, says="at most 16 kB"),
    "gzip bomb": Hostile(
        body(gzip.compress(b"\0" * 100_000_000, 9), b"Content-Encoding: gzip\r\n"),
        says="not packed, got 'gzip'",
    ),
    "gzip unsaid": Hostile(body(gzip.compress(b"<a/>" * 1000)), says="expected XML"),
    "drip": Hostile(drip, "timeout"),
    "drip in the head": Hostile(drip_head, "timeout"),
    "silence": Hostile(silent, "timeout"),
    "truncated": Hostile(
        body(message("<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>").encode()[:-40]),
        says="expected XML",
    ),
    "cut off": Hostile(HEAD + b"Content-Length: 500\r\n\r\n<s:Envelope", says="was cut off"),
    "wrong operation": Hostile(
        body(message("<tds:GetHostnameResponse/>").encode()), says="got GetHostnameResponse"
    ),
    "html": Hostile(
        body(b"<!DOCTYPE html><html><script>alert(1)</script></html>"), says="a page of HTML"
    ),
    "html without document type": Hostile(body(b"\n<HTML><body>hi<br></html>"), says="of HTML"),
    "empty": Hostile(body(b""), says="got an empty body"),
    "no envelope": Hostile(body(b"<a/>"), says="expected a SOAP envelope, got <a>"),
    "empty body": Hostile(body(message("").encode()), says="expected a SOAP body"),
    "no http": Hostile(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", says="expected a head of HTTP/1"),
    "tls": Hostile(b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n", says="expected a head of HTTP/1"),
    "two lengths": Hostile(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na", says="one"),
    "deep": Hostile(body(b"<a>" * 250_000), says="at most 40000 marks"),
    "deep, below the limit": Hostile(body(b"<a>" * 39_000), says="expected XML"),
    "deep, and closed": Hostile(body(b"<a>" * 19_000 + b"</a>" * 19_000), says="SOAP envelope"),
    "many elements": Hostile(body(b"<a>" + b"<a/>" * 39_000 + b"</a>"), says="SOAP envelope"),
    "too many elements": Hostile(body(b"<a>" + b"<a/>" * 260_000), says="at most 40000 marks"),
    "many attributes": Hostile(body(f"<a{ATTRIBUTES}/>".encode()), says="at most 40000 marks"),
    "many prefixes": Hostile(
        body(b"<a>" + b"".join(b"<p%d:a/>" % i for i in range(39_000)) + b"</a>"), says="envelope"
    ),
    "not found": Hostile(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "refused", "HTTP 404"),
    "soap 1.1 fault": Hostile(
        body(
            b'<E:Envelope xmlns:E="http://schemas.xmlsoap.org/soap/envelope/"><E:Body><E:Fault>'
            b"<faultcode>E:Client</faultcode><faultstring>Method not implemented</faultstring>"
            b"</E:Fault></E:Body></E:Envelope>"
        ),
        "refused",
        "Client (Method not implemented)",
    ),
}


@asynccontextmanager
async def hostile_device(mode: Hostile, operation: str) -> AsyncIterator[int]:
    """A good device, but for one operation."""
    good = Device(log_in="none")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                asked = await reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            if f"<{operation} ".encode() in asked:
                if isinstance(mode.send, bytes):
                    writer.write(mode.send)
                else:
                    await mode.send(writer)
                return
            inner = asyncio.StreamReader()
            inner.feed_data(head + asked)
            inner.feed_eof()
            await good.talk(inner, writer)

    async with serving(talk) as port:
        yield port


async def polled(ports: list[int]) -> list[Ended]:
    """By a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.probes.onvif_polls", *map(str, ports)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    found: list[Ended] = json.loads(out)
    return found


async def polled_at_once(*devices: tuple[Hostile, str]) -> list[Ended]:
    async with AsyncExitStack() as stack:
        made = (hostile_device(mode, operation) for mode, operation in devices)
        return await polled([await stack.enter_async_context(one) for one in made])


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_hostile_devices(operation: str) -> None:
    """Each ends as it must, in time, and with little memory; the failures are told together."""
    found = await polled_at_once(*((mode, operation) for mode in HOSTILE.values()))
    wrong = {}
    for (name, mode), got in zip(HOSTILE.items(), found, strict=True):
        ended, says = mode.ended, mode.says
        if ended == "refused" and operation != "GetProfiles":
            ended, says = "good", ""  # its clock, or who it is, is no condition
        kept = got["ended"] == ended and says in str(got["text"]) and len(str(got["text"])) < 400
        if not kept or got["seconds"] > DEADLINE_S + LATE_S or got["megabytes"] > MEMORY_MB:
            wrong[name] = got
        assert PASSWORD not in str(got["text"])
    assert wrong == {}


async def test_a_redirect_is_not_followed() -> None:
    """Neither the log-in nor a question goes there; nor does its text reach anybody."""
    visits: list[int] = []

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(1)

    async with serving(other) as elsewhere:
        location = f"http://admin:secret@127.0.0.1:{elsewhere}/onvif?token=1"
        answer = f"HTTP/1.1 302 No\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        for got in await polled_at_once(*((Hostile(answer), name) for name in OPERATIONS)):
            assert got["ended"] == "garbled"
            assert str(got["text"]).endswith("expected an answer, got HTTP 302 to http://127.0.0.1")
    assert visits == []


async def test_odd_but_right_answers_are_taken() -> None:
    """A prefix that was never declared, GBK said and unsaid, SOAP 1.1, chunks, no length."""
    undeclared = profiles(("main", "Main", False)).replace(' xmlns:trt="', ' xmlns:x="')
    gbk = '<?xml version="1.0" encoding="GB2312"?>' + information(Model="海康威视")
    old = "http://schemas.xmlsoap.org/soap/envelope/"
    soap11 = information(Model="Old").replace("http://www.w3.org/2003/05/soap-envelope", old)
    text = information(Model="Chunked").encode()
    cases: list[tuple[str, bytes, str]] = [
        ("GetProfiles", body(undeclared.encode()), "X100"),
        ("GetDeviceInformation", body(gbk.encode("gbk")), "海康威视"),
        ("GetDeviceInformation", body(information(Model="大华").encode("gbk")), "大华"),
        ("GetDeviceInformation", body(soap11.encode()), "Old"),
        ("GetDeviceInformation", body(b"\xef\xbb\xbf" + information(Model="BOM").encode()), "BOM"),
        (
            "GetDeviceInformation",
            CHUNKED
            + b"5;x=y\r\n%b\r\n%x\r\n%b\r\n0\r\nA: b\r\n\r\n" % (text[:5], len(text) - 5, text[5:]),
            "Chunked",
        ),
        ("GetDeviceInformation", HEAD.replace(b"1.1", b"1.0") + b"\r\n" + text, "Chunked"),
        ("GetDeviceInformation", b"HTTP/1.1 100 Continue\r\n\r\n" + body(text), "Chunked"),
    ]
    for operation, answer, model in cases:
        keeps = b"HTTP/1.0" not in answer  # its end is the connection's
        device = Device(log_in="none", answers={operation: answer}, keeps=keeps)
        async with asking(device) as probe:
            assert facts(await probe.read())["model"] == model


async def test_a_bad_answer_that_is_not_needed_is_no_failure() -> None:
    modes = ("xxe", "truncated", "html", "wrong operation", "two lengths", "soap 1.1 fault")
    found = await polled_at_once(*((HOSTILE[mode], "GetStreamUri") for mode in modes))
    assert [got["ended"] for got in found] == ["good"] * len(modes)


async def test_what_a_fault_says_is_cleaned() -> None:
    device = Device(log_in="none")
    text = "&lt;b&gt;\u202e rtsp://u:p@h/ " + PASSWORD.replace("&<", "&amp;&lt;") + "x" * 900
    device.answers["GetProfiles"] = fault("InvalidArgVal", text)
    error = await failure(device)
    assert PASSWORD not in str(error)
    assert "u:p@" not in str(error)
    assert "\u202e" not in str(error)
    assert len(str(error)) < 300


async def test_an_answer_before_the_question_is_garbled() -> None:
    """A second answer that comes along with the first is not taken for that of the next."""
    device = Device(log_in="none")
    good = device.http(clock(device.now()), 200)
    device.answers["GetSystemDateAndTime"] = good + device.http(profiles(("evil", "E", False)), 200)
    async with asking(device) as probe:
        assert "stream_uri/evil" not in facts(await probe.read())
    assert device.connections >= 2
