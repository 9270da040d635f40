"""Session descriptions (SDP, RFC 4566) as RTSP servers send them: which tracks there are and how
each is asked for. Bounded; what is not needed is not looked at."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SIZE_MAX = 64 * 1024  # bytes
LINES_MAX = 2000
MEDIA_MAX = 20
CONTROL_MAX = 1024

STATIC = {"26": ("JPEG", 90000), "32": ("MPV", 90000), "31": ("H261", 90000)}  # RFC 3551, 6

_READ = ("control", "rtpmap")  # attributes
_MEDIA = re.compile(r"(\w{1,16}) \d{1,6}(?:/\d{1,4})? (\S{1,32})((?: [\w-]{1,16}){1,32})\s*")
_RTPMAP = re.compile(r"(\d{1,3})\s+([\w.+-]{1,32})/(\d{1,7})(?:/\d{1,3})?\s*")
_CONTROL = re.compile(r"[!-~]+")


class Malformed(Exception):
    """Not a session description, or one beyond what a camera needs."""


@dataclass(slots=True)
class Media:
    """One `m=` line and its attributes. `codecs`: RTP payload type → (name in capitals, clock)."""

    kind: str  # video, audio, application
    protocol: str  # RTP/AVP
    formats: tuple[str, ...]
    control: str = ""
    codecs: dict[str, tuple[str, int]] = field(default_factory=dict)

    def codec(self) -> tuple[int, str, int] | None:
        """(payload type, name, clock in Hz) of the first format that RTP can carry here."""
        for text in self.formats:
            found = self.codecs.get(text) or STATIC.get(text)
            if found is not None and text.isdigit() and int(text) < 128 and found[1] > 0:
                return int(text), *found
        return None


@dataclass(frozen=True, slots=True)
class Session:
    """A whole description. `control` is the URL of all tracks together, or empty."""

    media: tuple[Media, ...]
    control: str = ""

    def video(self) -> Media | None:
        """The first video track that RTP carries in the clear."""
        for one in self.media:
            if one.kind == "video" and one.protocol in ("RTP/AVP", "RTP/AVPF", "RTP/AVP/TCP"):
                return one
        return None


def parse(body: bytes) -> Session:
    """A description of at most 64 kB and 20 tracks. Raises Malformed."""
    if len(body) > SIZE_MAX:
        raise Malformed(f"expected at most {SIZE_MAX} bytes of SDP, got {len(body)}")
    lines = body.decode("utf-8", "replace").splitlines()
    if len(lines) > LINES_MAX:
        raise Malformed(f"expected at most {LINES_MAX} lines of SDP, got {len(lines)}")
    if not lines or lines[0].strip() != "v=0":
        first = ascii(lines[0][:40]) if lines else "nothing"
        raise Malformed(f"expected SDP that begins with v=0, got {first}")
    media: list[Media] = []
    session: dict[str, str] = {}
    for line in lines:
        kind = line[:2]
        if kind == "a=":
            name, _, value = line[2:].partition(":")
            if name not in _READ:
                continue
            if media:
                _attribute(media[-1], name, value)
            elif name == "control":
                session["control"] = _control(value)
        elif kind == "m=":
            if len(media) >= MEDIA_MAX:
                raise Malformed(f"expected at most {MEDIA_MAX} tracks, got more")
            media.append(_media(line[2:]))
    return Session(tuple(media), session.get("control", ""))


def _media(text: str) -> Media:
    found = _MEDIA.fullmatch(text)
    if found is None:
        raise Malformed(f"expected a track like `video 0 RTP/AVP 96`, got {text[:60]!a}")
    return Media(found[1], found[2], tuple(found[3].split()))


def _attribute(media: Media, name: str, value: str) -> None:
    if name == "control":
        media.control = _control(value)
    elif name == "rtpmap":
        found = _RTPMAP.fullmatch(value)
        if found is not None and found[1] in media.formats:
            media.codecs[found[1]] = (found[2].upper(), int(found[3]))


def _control(value: str) -> str:
    """It becomes part of a request line, so nothing but visible ASCII."""
    text = value.strip()
    if text and (len(text) > CONTROL_MAX or not _CONTROL.fullmatch(text)):
        raise Malformed(f"expected a control URL of visible ASCII, got {text[:60]!a}")
    return text


def control_url(base: str, control: str) -> str:
    """Where a track, or with the session's own control all of them, is asked for (RFC 2326, C.1.1).

    Appended, as clients do, even to a base with a query: servers count on that.
    """
    if control.lower().startswith(("rtsp://", "rtsps://")):
        return control
    if control in ("", "*"):
        return base
    return f"{base.rstrip('/')}/{control.lstrip('/')}"


def shown(session: Session) -> str:
    """Which kinds of track there are, for an operator: `audio, application`."""
    return ", ".join(dict.fromkeys(one.kind for one in session.media)) or "no track"
