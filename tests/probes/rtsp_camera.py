"""A camera that a test plays on 127.0.0.1: answers RTSP, sends packets, or misbehaves."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest

from probes.rtsp import DRIVER, Options
from secmon.api import Batch, Credentials, ProbeError, Target, Value
from tests.probes.loopback import NoMemory, nothing_more_than, open_files, serving
from tests.probes.rtsp_packets import h264, interleaved, packet

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=played\r\nt=0 0\r\na=control:*\r\n"
    "m=audio 0 RTP/AVP 8\r\na=control:track2\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"
)
NONCE = "5ec0"


@dataclass(frozen=True, slots=True)
class Request:
    """What the driver asked."""

    method: str
    url: str
    headers: Mapping[str, str]


Answer = Callable[[Request], bytes | None]  # None: it says nothing
Media = Sequence[tuple[float, bytes | None]]  # (seconds to wait, what to send); None: hang up


def response(asked: Request, *lines: str, status: str = "200 OK", body: str = "") -> bytes:
    """An answer to `asked`, whole."""
    head = [f"RTSP/1.0 {status}", f"CSeq: {asked.headers['cseq']}", *lines]
    if body:
        head.append(f"Content-Length: {len(body.encode())}")
    return ("\r\n".join([*head, "", ""]) + body).encode()


def pictures(count: int = 50, every_s: float = 0.02) -> list[tuple[float, bytes | None]]:
    """Frames of two packets each; the first is a key frame, and every 25th."""
    made: list[tuple[float, bytes | None]] = []
    for i in range(count):
        unit = h264(5 if i % 25 == 0 else 1, 200)
        pieces = (packet(2 * i, 3600 * i, unit), packet(2 * i + 1, 3600 * i, unit, marker=True))
        made.append((every_s, b"".join(interleaved(piece) for piece in pieces)))
    return made


@dataclass(slots=True)
class Camera:
    """Well-behaved but for what it `says` to some methods; `media` comes after PLAY."""

    says: Mapping[str, Answer] = field(default_factory=dict)
    media: Media = ()
    password: str = ""  # of the user `viewer`; empty: it asks for none
    challenge: str = f'Digest realm="cam", nonce="{NONCE}"'
    sdp: str = SDP
    asked: list[Request] = field(default_factory=list)
    port: int = 0

    @property
    def methods(self) -> list[str]:
        return [one.method for one in self.asked]

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.TaskGroup() as group:
            sending: asyncio.Task[None] | None = None
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    asked = parsed(await reader.readuntil(b"\r\n\r\n"))
                    self.asked.append(asked)
                    said = self._answer(asked)
                    if said is None:
                        continue
                    writer.write(said)
                    if asked.method == "PLAY" and b" 200 " in said[:20]:
                        sending = group.create_task(self._send(writer))
            if sending is not None:
                sending.cancel()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            for wait_s, data in self.media:
                await asyncio.sleep(wait_s)
                if data is None:
                    writer.transport.abort()
                    return
                writer.write(data)
                await writer.drain()

    def _answer(self, asked: Request) -> bytes | None:
        if self.password and not self._admits(asked):
            return response(asked, f"WWW-Authenticate: {self.challenge}", status="401 Unauthorized")
        if asked.method in self.says:
            return self.says[asked.method](asked)
        match asked.method:
            case "DESCRIBE":
                return response(asked, "Content-Type: application/sdp", body=self.sdp)
            case "SETUP":
                transport = asked.headers["transport"]
                return response(asked, f"Transport: {transport}", "Session: 12AB;timeout=60")
        return response(asked)

    def _admits(self, asked: Request) -> bool:
        """RFC 2069 and 2617, written here a second time."""
        given = dict(re.findall(r'(\w+)="?([^",]*)', asked.headers.get("authorization", "")))
        if given.get("nonce") != NONCE or given.get("username") != "viewer":
            return False
        user = md5(f"viewer:cam:{self.password}")
        action = md5(f"{asked.method}:{asked.url}")
        middle = f"{given['nc']}:{given['cnonce']}:auth:" if "qop" in given else ""
        return given.get("response") == md5(f"{user}:{NONCE}:{middle}{action}")


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def parsed(head: bytes) -> Request:
    """One request as it came."""
    first, *lines = head.decode().removesuffix("\r\n\r\n").split("\r\n")
    method, url, version = first.split(" ")
    assert version == "RTSP/1.0"
    headers = dict(line.split(": ", 1) for line in lines)
    return Request(method, url, {name.lower(): value for name, value in headers.items()})


@asynccontextmanager
async def played(camera: Camera) -> AsyncIterator[Camera]:
    """The camera, listening."""
    async with serving(camera.talk) as camera.port:
        yield camera


def target(facts: Mapping[str, str] | None = None, **credentials: str) -> Target:
    """A device that the driver is to ask, with five seconds for a poll."""
    return Target(
        device="cam-1",
        address="127.0.0.1",
        timeout=5.0,
        interval=30.0,
        credentials=Credentials(credentials),
        parts={},
        facts=facts or {},
        memory=NoMemory(),
    )


async def poll(
    port: int,
    log_in: Mapping[str, str] | None = None,
    seconds: float = 0.1,
    timeout_s: float = 5.0,
) -> Batch:
    """One poll of `rtsp://127.0.0.1:port/live`, watched shorter than a site may ask for."""
    options = Options(url=f"rtsp://127.0.0.1:{port}/live")
    device = replace(target(None, **(log_in or {})), timeout=timeout_s)
    return await asked(options.model_copy(update={"seconds": seconds}), device)


async def asked(options: Options, device: Target) -> Batch:
    """One poll."""
    async with DRIVER.connect(device, options, None) as probe:
        batch = await probe.read()
    assert isinstance(batch, Batch)
    return batch


def values(batch: Batch) -> dict[str, Value]:
    return dict(zip(batch.layout.names, batch.values, strict=True))


def floats(batch: Batch) -> dict[str, float]:
    """Its numbers by name."""
    return {name: value for name, value in values(batch).items() if isinstance(value, float)}


def says(status: str, *lines: str) -> Answer:
    return lambda asked: response(asked, *lines, status=status)


async def failure(camera: Camera, log_in: Mapping[str, str] | None = None) -> ProbeError:
    """What a poll raises; whatever it was, nothing is left open."""
    async with played(camera):
        before = open_files()
        with pytest.raises(ProbeError) as caught:
            await poll(camera.port, log_in)
        assert await nothing_more_than(before)
    return caught.value
