"""When a certificate ends (RFC 5280, 4.1.2.5), also one that nobody trusts: the standard library
tells it only of those that were verified."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from probes.wire.ber import Malformed, content, element

SIZE_MAX = 64 * 1024  # bytes

SEQUENCE, INTEGER, VERSION = 0x30, 0x02, 0xA0
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18

_TIMES = {UTC_TIME: re.compile(rb"[0-9]{12}Z"), GENERALIZED_TIME: re.compile(rb"[0-9]{14}Z")}

__all__ = ["Malformed", "not_after"]


def not_after(certificate: bytes) -> datetime:
    """The last moment at which a DER certificate is valid, in UTC. Raises Malformed."""
    if len(certificate) > SIZE_MAX:
        raise Malformed(f"expected a certificate of at most {SIZE_MAX} bytes")
    at, end = content(certificate, 0, len(certificate), SEQUENCE, "a certificate")
    at, end = content(certificate, at, end, SEQUENCE, "what was signed")
    tag, _, after = element(certificate, at, end)
    if tag == VERSION:
        at = after
    for known, what in (
        (INTEGER, "a serial number"),
        (SEQUENCE, "an algorithm"),
        (SEQUENCE, "an issuer"),
    ):
        _, at = content(certificate, at, end, known, what)
    at, end = content(certificate, at, end, SEQUENCE, "a validity")
    _, _, at = element(certificate, at, end)  # not before
    tag, start, stop = element(certificate, at, end)
    return _moment(tag, certificate[start:stop])


def _moment(tag: int, text: bytes) -> datetime:
    """A Time: two digits of the year up to 2049, four from then on."""
    pattern = _TIMES.get(tag)
    if pattern is None or not pattern.fullmatch(text):
        raise Malformed("expected a moment like 20491231235959Z")
    digits = text[:-1].decode()
    if tag == UTC_TIME:
        digits = ("19" if digits >= "50" else "20") + digits
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise Malformed("expected a moment of the calendar") from None
