"""A camera's stream over RTSP: is it there, how soon, how many frames, how much is lost.

One TCP connection and one session per poll: DESCRIBE, SETUP of the video track inside the same
connection, PLAY, watch, TEARDOWN. Nothing is decoded and nothing of the picture is kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from probes.rtsp.options import Options
from probes.rtsp.probe import StreamProbe
from secmon.api import Driver, Part, Probe, Target
from secmon.api import Options as ApiOptions

__all__ = ["DRIVER", "Options", "connect"]


@asynccontextmanager
async def connect(
    target: Target, options: Options, profile: ApiOptions | None
) -> AsyncIterator[Probe]:
    """A probe of one stream. Nothing is open between two polls: a session costs the camera."""
    yield StreamProbe(target, options)


def brings(options: Options, profile: ApiOptions | None, parts: Mapping[str, Part]) -> list[str]:
    """Whatever else a poll finds out, it says whether there is a stream."""
    return ["stream_up"]


DRIVER = Driver("rtsp", Options, None, connect, brings=brings)
