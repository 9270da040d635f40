"""Is it a PDF by its structure, and without what starts programs? (ISO 32000-1, 7.5)

No scanner for viruses: a PDF is never shown by us, only handed back as a download.
"""

from __future__ import annotations

import re

TAIL = 2048  # bytes at the end in which the file's end must stand

_HEADER = re.compile(rb"%PDF-(?:1\.[0-7]|2\.0)[\r\n \x80-\xff%]")
_END = re.compile(rb"startxref\s+(\d{1,10})\s+%%EOF\s*$")
_TABLE = re.compile(rb"\s*(?:xref\b|\d+\s+\d+\s+obj\b)")
_ACTIVE = (b"/JavaScript", b"/Launch", b"/EmbeddedFile", b"/RichMedia")
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")


class NoPdf(Exception):
    """It can't be taken; the text says what was expected."""


def check(raw: bytes) -> None:
    """Raises NoPdf unless header, end and cross-reference stand where a PDF has them, or where it
    names scripts, programs or files inside (names in the clear; not inside compressed streams)."""
    if not _HEADER.match(raw):
        raise NoPdf("expected a PDF (its first bytes are no PDF header)")
    end = _END.search(raw[-TAIL:])
    if end is None:
        raise NoPdf("expected a whole PDF (it is cut off: no startxref and %%EOF at its end)")
    table = int(end[1])
    if table >= len(raw) or not _TABLE.match(raw[table : table + 64]):
        raise NoPdf("expected a whole PDF (its cross-reference table is not where it says)")
    plain = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), raw)
    found = next((name for name in _ACTIVE if name in raw or name in plain), None)
    if found is not None:
        raise NoPdf(f"expected a PDF without active content (got {found.decode()}): print it anew")
