"""Tables for spreadsheet programs: no cell of theirs is ever a formula that we did not write."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO

# What starts a formula in some spreadsheet program; the full-width ones are taken for them too.
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BOM = "\ufeff"  # by which Excel knows that it is UTF-8


def harmless(cell: object) -> object:
    """The cell, a text that would be a formula with `'` before it; numbers stay numbers."""
    if not isinstance(cell, str):
        return "" if cell is None else cell
    text = cell.replace("\0", "")
    return f"'{text}" if text.lstrip(" \xa0\u3000").startswith(STARTS) else text


def csv_rows(rows: Sequence[Sequence[object]]) -> str:
    """RFC 4180, every cell made harmless."""
    out = StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(
        [harmless(cell) for cell in row] for row in rows
    )
    return out.getvalue()
