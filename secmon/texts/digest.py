"""Several notices in one message: how many, the gravest first, and what does not fit is counted."""

from __future__ import annotations

from collections.abc import Sequence

from secmon.api import Delivery
from secmon.core.model import SEVERITIES
from secmon.texts import Texts
from secmon.texts.clean import clean

LINKED = 5  # notices of a digest that each carry their own link; more get the console's
RANK = {str(severity): rank for rank, severity in enumerate(SEVERITIES)}


def digest(texts: Texts, rows: Sequence[Delivery], longest: int, home: str = "") -> str:
    """A message of at most `longest` bytes of UTF-8. `home`: where all of them can be seen."""
    ordered = sorted(rows, key=_rank)
    own = len(rows) <= LINKED
    head = texts.phrase("digest", count=str(len(rows)), site=texts.site).strip()
    lines = [_line(texts, row, own) for row in ordered]
    foot = [home] if home and not own else []
    shown = len(lines)
    while shown:
        left = len(lines) - shown
        more = [texts.phrase("digest_more", count=str(left))] if left else []
        text = "\n".join([head, *lines[:shown], *more, *foot])
        if len(text.encode()) <= longest:
            return text
        shown -= 1
    return "\n".join([head, *foot])


def _line(texts: Texts, row: Delivery, linked: bool) -> str:
    ticket = row.ticket
    where = texts.where(ticket) if ticket else ""
    number = clean(ticket.get("number")) if ticket else ""
    title = row.title or texts.title(row.notice.reason, row.notice.facts, ticket)
    said = texts.phrase("digest_line", title=title, where=where, number=number)
    link = row.links.get("", "") or next(iter(row.links.values()), "")
    return f"{said.strip()} {link}" if linked and link else said.strip()


def _rank(row: Delivery) -> int:
    return RANK.get(str(row.ticket.get("severity", "")), len(RANK))
