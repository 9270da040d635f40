"""One RTSP connection to a simulated camera (RFC 2326): requests in, answers and packets out."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast
from urllib.parse import urlsplit

from probes.simulators.rtsp.log_in import LogIn, challenge
from probes.simulators.rtsp.packets import CLOCK, PAYLOAD_TYPE, Sender
from probes.simulators.rtsp.picture import FRAMES, parameter_sets

REQUEST_MAX = 16_384  # bytes
WAITING_MAX = 262_144  # bytes that a client may leave unread
TRACK = "track1"
TIMEOUT_S = 60  # that a session is said to last without a word
METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"
_FREE = ("OPTIONS", "GET_PARAMETER")  # methods that need no log-in
_INTERLEAVED = re.compile(r"interleaved=(\d{1,3})-(\d{1,3})")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,6})\r\n", re.IGNORECASE)


class Camera(Protocol):
    """What a connection needs to know of its camera, as it is at that moment."""

    @property
    def log_in(self) -> LogIn: ...

    @property
    def frames_per_s(self) -> float: ...

    def state(self, path: str) -> str:
        """on, silent, gone: also of a path that it never had."""
        ...

    def payloads(self, path: str, number: int) -> tuple[bytes, ...]:
        """What carries a frame, 0 to `FRAMES` - 1."""
        ...


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    uri: str
    headers: Mapping[str, str]


class Connection(asyncio.Protocol):
    """Ends by the client's hanging up, by `abort`, or by what is no RTSP."""

    def __init__(self, camera: Camera, gone: Callable[[Connection], None]) -> None:
        self._camera = camera
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._nonce = secrets.token_hex(16)
        self._session = ""
        self._path = ""
        self._sender: Sender | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def path(self) -> str:
        """Of the stream that was asked for last."""
        return self._path

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._stop()
        self._transport = None
        self._gone(self)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while self._rest and self._take():
            pass
        if len(self._rest) > REQUEST_MAX:
            self.abort()

    def _take(self) -> bool:
        """One message, if it is there as a whole; reports of the client's (RTCP) are passed by."""
        rest = self._rest
        if rest.startswith(b"$"):
            size = 4 + int.from_bytes(rest[2:4]) if len(rest) >= 4 else len(rest) + 1
            if size > len(rest):
                return False
            self._rest = rest[size:]
            return True
        head, blank, body = rest.partition(b"\r\n\r\n")
        if not blank:
            return False
        length = _LENGTH.search(head + b"\r\n")
        size = int(length[1]) if length else 0
        if len(body) < size:
            return False
        self._rest = body[size:]
        asked = _read(head)
        if asked is None:
            self.abort()
            return False
        self._answer(asked)
        return True

    # What is answered.

    def _answer(self, asked: _Request) -> None:
        log_in, given = self._camera.log_in, asked.headers.get("authorization", "")
        if asked.method not in _FREE and not log_in.admits(
            given, asked.method, asked.uri, self._nonce
        ):
            self._say(asked, "401 Unauthorized", challenge(self._nonce))
            return
        match asked.method:
            case "OPTIONS":
                self._say(asked, "200 OK", f"Public: {METHODS}")
            case "DESCRIBE":
                self._describe(asked)
            case "SETUP":
                self._setup(asked)
            case "PLAY" | "GET_PARAMETER" | "TEARDOWN":
                self._within(asked)
            case _:
                self._say(asked, "501 Not Implemented")

    def _describe(self, asked: _Request) -> None:
        self._path = _path(asked.uri)
        if self._camera.state(self._path) == "gone":
            self._say(asked, "404 Not Found")
            return
        base = f"Content-Base: {asked.uri.rstrip('/')}/"
        self._say(asked, "200 OK", base, "Content-Type: application/sdp", body=_description())

    def _setup(self, asked: _Request) -> None:
        path = _path(asked.uri).removesuffix(TRACK).strip("/")
        transport = asked.headers.get("transport", "")
        found = _INTERLEAVED.search(transport)
        if self._camera.state(path) == "gone":
            self._say(asked, "404 Not Found")
        elif "TCP" not in transport.upper():
            self._say(asked, "461 Unsupported Transport")
        elif self._session:
            self._say(asked, "459 Aggregate Operation Not Allowed")
        else:
            channel = int(found[1]) & 0xFE if found else 0
            self._path, self._session = path, secrets.token_hex(8)
            first = secrets.randbits(16), secrets.randbits(32)
            self._sender = Sender(channel, secrets.randbits(32), *first)
            how = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
            how += f";ssrc={self._sender.source:08X}"
            timeout = f";timeout={TIMEOUT_S}"
            self._say(asked, "200 OK", f"Transport: {how}", session=timeout)

    def _within(self, asked: _Request) -> None:
        """What belongs to a session. GET_PARAMETER is also asked without one, to see who lives."""
        named = asked.headers.get("session", "").partition(";")[0].strip()
        sender = self._sender
        if sender is None or named != self._session:
            alive = asked.method == "GET_PARAMETER" and not named
            self._say(asked, "200 OK" if alive else "454 Session Not Found")
        elif asked.method == "PLAY":
            first = f"seq={sender.sequence};rtptime={sender.stamp}"
            track = f"{asked.uri.rstrip('/')}/{TRACK}"
            self._say(asked, "200 OK", "Range: npt=now-", f"RTP-Info: url={track};{first}")
            if self._timer is None:
                self._play(0, asyncio.get_running_loop().time())
        elif asked.method == "TEARDOWN":
            self._stop()
            self._say(asked, "200 OK")
            self._session, self._sender = "", None
        else:
            self._say(asked, "200 OK")

    def _say(
        self, asked: _Request, status: str, *lines: str, body: str = "", session: str = ""
    ) -> None:
        if self._transport is None:
            return
        head = [f"RTSP/1.0 {status}", f"CSeq: {asked.headers.get('cseq', '')}", *lines]
        if self._session:
            head.append(f"Session: {self._session}{session}")
        if body:
            head.append(f"Content-Length: {len(body.encode())}")
        self._transport.write(("\r\n".join((*head, "", "")) + body).encode())

    # What is sent.

    def _play(self, number: int, at: float) -> None:
        """Frame `number` at the moment `at` of the loop, and all that follow."""
        camera, sender, transport = self._camera, self._sender, self._transport
        if sender is None or transport is None:
            return
        if camera.state(self._path) == "on":
            if transport.get_write_buffer_size() > WAITING_MAX:
                transport.abort()  # nobody reads: a camera keeps no video back
                return
            pieces = camera.payloads(self._path, number)
            transport.write(sender.frame(pieces, round(CLOCK / camera.frames_per_s)))
        following = at + 1 / camera.frames_per_s
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(following, self._play, (number + 1) % FRAMES, following)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _read(head: bytes) -> _Request | None:
    first, *lines = head.decode("utf-8", "replace").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("RTSP/1."):
        return None
    pairs = (line.partition(":") for line in lines)
    return _Request(words[0], words[1], {name.lower(): value.strip() for name, _, value in pairs})


def _path(uri: str) -> str:
    """`rtsp://host:port/main/?x=1` → `main`; empty for what is no URI."""
    try:
        return urlsplit(uri).path.strip("/")
    except ValueError:
        return ""


def _description() -> str:
    """RFC 4566; RFC 6184, 8.2."""
    sps, pps = parameter_sets()
    sets = ",".join(base64.b64encode(one).decode() for one in (sps, pps))
    lines = (
        *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=secmon simulated camera", "c=IN IP4 0.0.0.0"),
        *("t=0 0", "a=control:*", f"m=video 0 RTP/AVP {PAYLOAD_TYPE}"),
        f"a=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK}",
        f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;profile-level-id={sps[1:4].hex()}"
        f";sprop-parameter-sets={sets}",
        f"a=control:{TRACK}",
    )
    return "\r\n".join((*lines, ""))
