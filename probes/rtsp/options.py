"""The keys of an `rtsp` probe in the site file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from probes.wire import rtsp
from secmon.api import Options as ApiOptions


class Options(ApiOptions):
    url: str = ""
    """`rtsp://host[:port]/path`, without a log-in; empty: what `onvif` found on this device."""
    channel: Annotated[str, StringConstraints(max_length=64, strip_whitespace=True)] = ""
    """The readings' part, and which of onvif's `channels` is meant; empty: its first."""
    seconds: float = Field(default=2.0, ge=0.5, le=10.0)
    """How long the stream is watched, at most half of the probe's `timeout`."""

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, text: str) -> str:
        if "@" in text:
            raise ValueError("expected a URL without a log-in: that belongs to `credentials`")
        if text:
            rtsp.url(text)
        return text
