"""Several notices in one message: how many, roots and the gravest first, by system and place.

Of each ticket only its latest state is told. One that opened and ended since the last message is
only counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from secmon.api import Delivery
from secmon.core.model import SEVERITIES
from secmon.texts import Texts
from secmon.texts.clean import clean

LINKED = 5  # notices of a digest that each carry their own link; more get the console's
SINGLY = 10  # notices that are told line by line; of more those of one place share a line
ROOTS = 5  # … but for so many roots
SEVERITY_RANK = {str(severity): number for number, severity in enumerate(SEVERITIES)}
NEW = frozenset(("opened", "relapsed"))
OVER = frozenset(("cleared", "closed", "cancelled"))


@dataclass(frozen=True, slots=True)
class Present:
    """What is left to tell: of each subject the latest; `passed`: how many came and went."""

    rows: Sequence[Delivery]
    passed: int


def present(rows: Sequence[Delivery]) -> Present:
    """The present state; `rows` are in order."""
    about: dict[str, list[Delivery]] = {}
    for row in rows:
        key = row.notice.subject if row.ticket else f"{row.notice.subject} {row.notice.reason}"
        about.setdefault(key, []).append(row)
    passed = [key for key, each in about.items() if _passed(each)]
    kept = [each[-1] for key, each in about.items() if key not in passed]
    return Present(sorted(kept, key=lambda row: (rank(row), row.id)), len(passed))


def _passed(rows: Sequence[Delivery]) -> bool:
    return rows[0].notice.reason in NEW and rows[-1].notice.reason in OVER


def rank(row: Delivery) -> tuple[int, int]:
    """Lower is told earlier: what explains most, then what is gravest."""
    hidden = row.ticket.get("suppressed")
    explains = len(hidden) if isinstance(hidden, Sequence) and not isinstance(hidden, str) else 0
    over = row.notice.reason in OVER
    return (-explains if not over else 0), _severity(row) + (len(SEVERITIES) if over else 0)


def digest(texts: Texts, rows: Sequence[Delivery], longest: int, home: str = "") -> str:
    """A message of at most `longest` bytes of UTF-8. `home`: where all of them can be seen."""
    now = present(rows)
    own = len(now.rows) <= LINKED
    bare = texts.phrase("digest", count=str(len(now.rows)), site=texts.site).strip()
    head = bare
    lines = [(1, _line(texts, row, own)) for row in now.rows]
    if len(lines) > SINGLY:
        head = f"{head}{texts.word('joins', 'list')}{_weights(texts, now.rows)}"
        lines = _by_place(texts, now.rows)
    tail = [texts.phrase("digest_passed", count=str(now.passed))] if now.passed else []
    foot = [*tail, home] if home and not own else tail
    shown = len(lines)
    while shown:
        left = sum(count for count, _ in lines[shown:])
        more = [texts.phrase("digest_more", count=str(left))] if left else []
        text = "\n".join([head, *(line for _, line in lines[:shown]), *more, *foot])
        if len(text.encode()) <= longest:
            return text
        shown -= 1
    for text in ("\n".join([head, *foot]), head, bare):
        if len(text.encode()) <= longest:
            return text
    return texts.phrase("digest", count=str(len(now.rows)), site="").strip()


def _weights(texts: Texts, rows: Sequence[Delivery]) -> str:
    """`重大 480，次要 20`"""
    often = Counter(str(row.ticket.get("severity", "")) for row in rows)
    known = [one for one in SEVERITY_RANK if often[one]]
    words = [f"{texts.word('severities', one)} {often[one]}" for one in known]
    return texts.word("joins", "list").join(words)


def _by_place(texts: Texts, rows: Sequence[Delivery]) -> list[tuple[int, str]]:
    """(how many, what is said of them): roots singly, then a line per system and location."""
    roots = [row for row in rows if rank(row)[0] < 0][:ROOTS]
    lines = [(1, _line(texts, row, False)) for row in roots]
    places: dict[tuple[str, str], list[Delivery]] = {}
    for row in rows:
        if row not in roots:
            place = (str(row.ticket.get("system", "")), str(row.ticket.get("location", "")))
            places.setdefault(place, []).append(row)
    for (system, location), some in places.items():
        line = _line(texts, some[0], False)
        if len(some) > 1:
            named = (texts.word("systems", system) if system else "", clean(location, 60))
            where = " · ".join(filter(None, named))
            count = str(len(some))
            line = texts.phrase("digest_group", where=where, count=count, line=line).strip()
        lines.append((len(some), line))
    return lines


def _line(texts: Texts, row: Delivery, linked: bool) -> str:
    ticket = row.ticket
    where = texts.where(ticket) if ticket else ""
    number = clean(ticket.get("number")) if ticket else ""
    title = row.title or texts.title(row.notice.reason, row.notice.facts, ticket)
    said = texts.phrase("digest_line", title=title, where=where, number=number)
    hidden = ticket.get("suppressed") if ticket else None
    if isinstance(hidden, Sequence) and hidden and row.notice.reason not in OVER:
        said = texts.phrase("digest_root", line=said.strip(), count=str(len(hidden)))
    link = row.links.get("", "") or next(iter(row.links.values()), "")
    return f"{said.strip()} {link}" if linked and link else said.strip()


def _severity(row: Delivery) -> int:
    return SEVERITY_RANK.get(str(row.ticket.get("severity", "")), len(SEVERITY_RANK))
