"""Media profiles cut out of an answer's bytes: half of what a poll would cost goes into elements
of which nothing is read. Sources as in `probes.wire.onvif`.

Rules that hold here:
- expat reads every byte of the message first. After that a `<` begins markup and nothing else, as
  no comment, CDATA or instruction is let through; so what is found behind one is what it seems.
- Whatever is not laid out as the WSDL says is None: `read_profiles` is there for it. Its user lets
  `read_profiles` read a device's first answer, and skims the others only if both agreed on that.
"""

from __future__ import annotations

import re

from probes.wire import soap
from probes.wire.onvif import PROFILES_MAX, TOKEN_MAX, Profile

_NAME = rb"(?:[A-Za-z_][\w.-]*:)?"  # a prefix, or none
_BEGIN = re.compile(  # up to the first profile
    rb"\s*(?:<\?xml\s[^<>]*\?>\s*)?<%bEnvelope(?:\s[^<>]*)?(?<!/)>\s*"
    rb"(?:<%bHeader(?:\s[^<>]*)?(?:/>|(?<!/)>(?>.*?</%bHeader\s*>))\s*)?"
    rb"<%bBody(?:\s[^<>]*)?(?<!/)>\s*<(?P<name>%bGetProfilesResponse)(?:\s[^<>]*)?(?<!/)>\s*"
    % ((_NAME,) * 5),
    re.DOTALL,
)
_PROFILE = re.compile(  # a profile's begin, behind what is the same for all of them
    rb"""(?:\s+[\w.:-]{1,64}=(?:"[^"<>]{0,256}"|'[^'<>]{0,256}')){0,8}?"""
    rb'\s+token="([^"&<>\t\r\n]+)"[^<>]*(?<!/)>\s*'
    rb"<((?:[A-Za-z_][\w.-]*:)?)Name>([^<&]*)</"
)
_HEAD = re.compile(rb"Profiles\s[^<]*")  # with its token
_NAMED = re.compile(rb"Name(?:>|\s[^<>]*>?)[^<]*(?:<.)?", re.DOTALL)  # and what stands behind
_FIGURES = bytes.maketrans(b"123456789", b"0" * 9)
_DEEPER = b"Configurations"  # Media2 has its parts there, one deeper


def skim_profiles(body: bytes) -> tuple[Profile, ...] | None:
    """As `read_profiles` would read the whole message. None: only that can tell. Never raises."""
    begin = _BEGIN.match(body)
    if begin is None:
        return None
    name = begin["name"]
    end = body.rfind(b"</%b>" % name)
    profiles = body[begin.end() : end].rstrip()
    if end < 0 or _within(b"!", body, 0, end) or _within(b"?", body, begin.start("name"), end):
        return None
    if not profiles:
        return () if soap.well_formed(body) else None
    tag = name.removesuffix(b"GetProfilesResponse") + b"Profiles"
    first, *parts = profiles.split(b"<%b " % tag)
    close = b"</%b>" % tag
    if first or len(parts) > PROFILES_MAX or _DEEPER in profiles or not soap.well_formed(body):
        return None
    found = []
    for part in map(bytes.rstrip, parts):
        if not part.endswith(close) or part.find(close) != len(part) - len(close):
            return None
        if (profile := _skimmed(b" " + part)) is None:
            return None
        found.append(profile)
    return tuple(found)


def shape(body: bytes) -> int | None:
    """The same for two answers that `read_profiles` reads the same, as they differ in figures of
    which it takes nothing: counts of use, rates, numbers of messages. None: it can't be told."""
    names = b"".join(_NAMED.findall(body))
    if b"<!" in names or b"<?" in names:  # the text goes on behind it
        return None
    return hash((body.translate(_FIGURES), names, b"".join(_HEAD.findall(body))))


def _within(sign: bytes, body: bytes, begin: int, end: int) -> bool:
    """`<` and the sign stand there. One byte alone, which is rare here, is found the fastest."""
    return body.find(sign, begin, end) >= 0 and body.find(b"<" + sign, begin, end) >= 0


def _skimmed(part: bytes) -> Profile | None:
    said = _PROFILE.match(part)
    if said is None or len(said[1]) > TOKEN_MAX:
        return None
    own = b"<" + said[2]
    return Profile(
        said[1].decode(),
        soap.clean(said[3].decode()),
        own + b"VideoEncoderConfiguration" in part,
        own + b"PTZConfiguration" in part,
    )
