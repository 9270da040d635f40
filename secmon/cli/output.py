"""What commands print: tables that stand straight with Chinese too, and readings with units."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

RED = "31"


def width(text: str) -> int:
    """Columns a text takes in a terminal: wide characters take two."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def pad(text: str, columns: int) -> str:
    """The text filled up with blanks to so many columns."""
    return text + " " * max(columns - width(text), 0)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows under a head, columns as wide as they must be."""
    texts = [[plain(cell) for cell in row] for row in rows]
    wide = [max(map(width, column)) for column in zip(head, *texts, strict=True)]
    lines = [
        "  ".join(pad(cell, columns) for cell, columns in zip(line, wide, strict=True)).rstrip()
        for line in [list(head), *texts]
    ]
    return "\n".join(lines)


def plain(cell: object) -> str:
    """One cell, without control characters: a device's text must not drive the terminal."""
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return "".join(c if c.isprintable() else "?" for c in str(cell))


def amount(value: object, unit: str) -> str:
    """A reading with its unit."""
    if isinstance(value, float):
        value = f"{value:.6g}"
    return f"{plain(value)} {unit}".strip()


def colour(text: str, code: str) -> str:
    """Coloured where somebody looks, plain in a file."""
    return f"\x1b[{code}m{text}\x1b[0m" if sys.stdout.isatty() else text


def as_json(data: Mapping[str, object]) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2)


def say(text: str) -> None:
    """To standard output."""
    print(text)


def complain(text: str) -> None:
    """To standard error."""
    print(text, file=sys.stderr)
