"""One poll of a stream: DESCRIBE, SETUP, PLAY, watch, TEARDOWN."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from probes.rtsp.line import Line, dial
from probes.rtsp.options import Options
from probes.wire import rtp, rtsp, sdp
from secmon.api import (
    EMPTY_LAYOUT,
    Batch,
    Cause,
    Layout,
    ProbeError,
    Reading,
    Refused,
    Target,
    arrange,
)

FACT = "stream_uri"
FAREWELL_S = 0.5  # what a camera is given to answer TEARDOWN
TRANSPORT = "RTP/AVP/TCP;unicast;interleaved=0-1"  # nothing that a firewall stops or UDP loses


@dataclass(slots=True)
class StreamProbe:
    """Asks for one stream. All that it keeps between two polls is the layout of its readings."""

    target: Target
    options: Options
    _layout: Layout = EMPTY_LAYOUT

    async def read(self) -> Batch:
        begun_at = asyncio.get_running_loop().time()
        url = self._url()
        line = await dial(url, self.target.credentials)
        try:
            offer = await describe(line, url)
            track = rtp.Track(offer.payload_type, rtp.KEYS.get(offer.codec))
            watch = _Watch(track, min(self.options.seconds, self.target.timeout / 2))
            await _play(line, offer, watch)
            ended_at = await watch.run(line)
            left_s = begun_at + self.target.timeout - ended_at
            await line.farewell(min(FAREWELL_S, left_s / 2))
        finally:
            line.close()
        if track.first_at is None and track.strange:
            raise line.garbled(
                f"expected RTP of payload type {track.payload_type}, "
                f"got {track.strange} packets of something else"
            )
        return self._batch(track, offer.codec, begun_at, ended_at)

    def _url(self) -> rtsp.Url:
        if self.options.url:
            return rtsp.url(self.options.url)
        found = self._found()
        if not found:
            channel = f" of channel {self.options.channel}" if self.options.channel else ""
            raise ProbeError(
                f"where the stream{channel} is, is not known yet: expected `url:` here, "
                "or an `onvif` probe of this device to find it"
            )
        try:
            return rtsp.at_host(found, self.target.address)
        except ValueError as error:
            raise ProbeError(f"the stream URI that `onvif` found cannot be used: {error}") from None

    def _found(self) -> str:
        """What `onvif` found: the fact `stream_uri/CHANNEL`, or without a channel the first."""
        facts = self.target.facts
        if self.options.channel:
            return facts.get(f"{FACT}/{self.options.channel}", "")
        names = [FACT, *sorted(name for name in facts if name.startswith(f"{FACT}/"))]
        return next((facts[name] for name in names if facts.get(name)), "")

    def _batch(self, track: rtp.Track, codec: str, begun_at: float, ended_at: float) -> Batch:
        part = self.options.channel
        found = [Reading("stream_up", track.first_at is not None, part)]
        if track.first_at is not None:
            found.append(Reading("stream_loss_ratio", track.loss_ratio, part))
        if track.key_at is not None:
            found.append(Reading("stream_first_frame_seconds", track.key_at - begun_at, part))
        if (rates := track.rates(ended_at)) is not None:
            found.append(Reading("stream_frames_per_second", rates[0], part))
            found.append(Reading("stream_receive_bytes_per_second", rates[1], part))
        layout, values = arrange(found)
        if layout.names != self._layout.names:
            self._layout = layout
        return Batch(self._layout, values, {f"codec/{part}" if part else "codec": codec})


@dataclass(frozen=True, slots=True)
class Offer:
    """The video track that a description names, and where it and the whole session are."""

    payload_type: int
    codec: str
    track_url: str
    session_url: str


async def describe(line: Line, url: rtsp.Url) -> Offer:
    answer = await line.ask("DESCRIBE", url.text, Accept="application/sdp")
    try:
        session = sdp.parse(answer.body)
        base = rtsp.base(answer, url)
    except (rtsp.Malformed, sdp.Malformed) as error:
        raise line.garbled(f"DESCRIBE: {error}") from None
    media = session.video()
    codec = media.codec() if media is not None else None
    if media is None or codec is None:
        text = f"{line.where}: expected a video track, got {sdp.shown(session)}"
        raise Refused(text, cause=Cause.NO_VIDEO)
    return Offer(
        codec[0],
        codec[1],
        sdp.control_url(base, media.control),
        sdp.control_url(base, session.control),
    )


async def _play(line: Line, offer: Offer, watch: _Watch) -> None:
    answer = await line.ask("SETUP", offer.track_url, Transport=TRANSPORT)
    line.begin(answer, offer.session_url)
    try:
        watch.channel = answer.channel()
    except rtsp.Malformed as error:
        raise line.garbled(f"SETUP: {error}") from None
    line.listen(watch.take)
    await line.ask("PLAY", offer.session_url, Range="npt=0.000-")


class _Watch:
    """Counts a track's packets: waits so many seconds for the first, and as many from then on."""

    def __init__(self, track: rtp.Track, seconds: float) -> None:
        self.channel = 0
        self._track = track
        self._seconds = seconds
        self._now: Callable[[], float] = asyncio.get_running_loop().time
        self._limit: asyncio.Timeout | None = None

    def take(self, packet: rtsp.Packet) -> None:
        if packet[0] != self.channel:
            return
        waiting = self._track.first_at is None
        self._track.take(packet[1], self._now())
        if waiting:
            self._extend()

    async def run(self, line: Line) -> float:
        """The moment at which it ended. Raises Garbled if the connection breaks off before."""
        try:
            async with asyncio.timeout(self._seconds) as self._limit:
                self._extend()
                await line.end()
        except TimeoutError:
            pass  # that much was to be watched
        finally:
            self._limit = None
        return self._now()

    def _extend(self) -> None:
        first_at = self._track.first_at
        if first_at is not None and self._limit is not None and not self._limit.expired():
            self._limit.reschedule(first_at + self._seconds)
