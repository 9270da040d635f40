"""What a raw SNMP value says: a number, or text that is safe to keep and show."""

from __future__ import annotations

import codecs
import contextlib
import math
import re
import unicodedata

from probes.wire.snmp_values import Raw

TEXT_MAX = 256  # characters
PART_MAX = 64

_NUMBER = re.compile(r"\s*([+-]?\d{1,20}(?:\.\d{1,20})?)\s{0,4}[%°A-Za-z/]{0,16}\s*")


def number(raw: Raw) -> int | float | None:
    """A number, also one that came as text (`54.3`, `15 PERCENT`); else None."""
    if isinstance(raw, int):
        return raw
    if isinstance(raw, float):
        return raw if math.isfinite(raw) else None
    if raw is None or len(raw) > 64:
        return None
    found = _NUMBER.fullmatch(text(raw, 64))
    if found is None:
        return None
    return float(found[1]) if "." in found[1] else int(found[1])


def text(raw: Raw, limit: int = TEXT_MAX) -> str:
    """At most `limit` characters without controls, from UTF-8, else GB 18030, else whatever."""
    if isinstance(raw, bytes):
        raw = _decoded(raw[: 4 * limit].rstrip(b"\0"), whole=len(raw) <= 4 * limit)
    elif raw is None:
        return ""
    elif not isinstance(raw, str):
        raw = str(raw)
    if not raw.isprintable():
        raw = "".join(_shown(sign) for sign in raw)
    return raw.strip()[:limit]


def _decoded(raw: bytes, whole: bool) -> str:
    for encoding in ("utf-8", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            return codecs.getincrementaldecoder(encoding)().decode(raw, whole)
    return raw.decode("latin-1")


def _shown(sign: str) -> str:
    """A control, an unassigned or a direction-changing sign becomes a blank."""
    return " " if unicodedata.category(sign)[0] == "C" or not sign.isprintable() else sign
