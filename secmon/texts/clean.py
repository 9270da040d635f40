"""Makes words that a device or a person chose fit to be shown: no secrets, no control signs, short.

A device's name may hold line feeds, escape sequences, signs that turn the writing direction, or
a megabyte. None of it reaches a phone, a log or the console.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 200  # characters
LOOKED_AT = 4096  # characters of the raw text, before anything costs time
_LOGIN = re.compile(r"://(?:[^\s/?#@:]*:[^\s]*@|[^\s/?#@:]+@)")
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def mask(text: str) -> str:
    """`user:pass@` in URLs becomes `***@`; a password may hold `@` and `/`."""
    return _LOGIN.sub("://***@", text)


def clean(value: object, longest: int = LONGEST) -> str:
    """One line of at most `longest` visible characters, secrets masked; None is empty."""
    if value is None:
        return ""
    raw = str(value)[:LOOKED_AT]
    seen = "".join(" " if unicodedata.category(sign) in _HIDDEN else sign for sign in raw)
    line = mask(" ".join(seen.split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"
