"""A camera of many sessions: `python -m benchmarks.peers.rtsp_responder`; its port is printed.

/sub sends 25 frames a second of 512 kbit/s, /main of 4 Mbit/s, in packets of 1400 bytes, a key
frame each second; /locked wants a log-in by digest and takes any. Payloads are no pictures.
"""

from __future__ import annotations

import asyncio
import re
from typing import cast

import uvloop

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=Media Presentation\r\nt=0 0\r\na=control:*\r\n"
    "a=range:npt=0-\r\nm=video 0 RTP/AVP 96\r\nb=AS:5000\r\na=control:trackID=1\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 profile-level-id=420029; packetization-mode=1; "
    "sprop-parameter-sets=Z0IAKeNQFAe2AtwEBAaQeJEV,aM48gA==\r\n"
    "m=audio 0 RTP/AVP 8\r\na=control:trackID=2\r\n"
)
FRAME_BYTES = {"sub": 512_000 // 8 // 25, "main": 4_000_000 // 8 // 25, "locked": 0}
MTU = 1400
RATE = 25  # frames per second


class _Session(asyncio.Protocol):
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._number = self._frame = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        text = data.decode()
        method, url, _ = text.split(" ", 2)
        found = re.search(r"CSeq: (\d+)", text)
        assert found is not None
        head = f"RTSP/1.0 200 OK\r\nCSeq: {found[1]}\r\nServer: responder\r\n"
        stream = url.split("/")[3]
        if stream == "locked" and "Authorization" not in text:
            challenge = 'WWW-Authenticate: Digest realm="cam", nonce="5ec05ec05ec05ec0"\r\n\r\n'
            head = head.replace("200 OK", "401 Unauthorized") + challenge
        elif method == "DESCRIBE":
            head += f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}"
        else:
            transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=5EC0\r\n"
            head += f"{transport}Session: 12345678;timeout=60\r\n\r\n"
        self._transport.write(head.encode())
        if method == "PLAY":
            self._send(self._loop.time(), FRAME_BYTES[stream])

    def _send(self, at: float, size: int) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(self._packets(size * 8 if self._frame % RATE == 0 else size))
        self._timer = self._loop.call_at(at + 1 / RATE, self._send, at + 1 / RATE, size)

    def _packets(self, size: int) -> bytes:
        """One frame as FU-A fragments of one NAL unit (RFC 6184)."""
        kind = 5 if self._frame % RATE == 0 else 1
        stamp = (self._frame * 3600).to_bytes(4, "big")
        count = max(size // MTU, 1)
        out = bytearray()
        for i in range(count):
            last = i == count - 1
            head = bytes((0x80, last << 7 | 96)) + (self._number & 0xFFFF).to_bytes(2, "big")
            unit = bytes((0x7C, (i == 0) << 7 | last << 6 | kind))
            packet = head + stamp + b"\0\0\x5e\xc0" + unit + bytes(min(size, MTU))
            out += b"$\0" + len(packet).to_bytes(2, "big") + packet
            self._number += 1
        self._frame += 1
        return bytes(out)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Session, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve())
