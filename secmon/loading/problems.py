"""Every mistake in what an operator wrote, gathered so that all are told at once.

A problem reads `FILE:LINE: key.path: expected … (got …)`. What may be a secret is never shown.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

KeyPath = tuple[str | int, ...]  # where a value stands: ("devices", 3, "probes", 0, "every")

SHOWN_LENGTH = 60
_SECRET_KEYS = frozenset(
    (
        *("password", "community", "auth_key", "privacy_key", "secret", "token", "key"),
        *("webhook", "env", "file"),
    )
)


class ConfigError(Exception):
    """The site file, a profile or a secret is not usable. `problems` holds one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class Source(Protocol):
    """A file, or several merged ones, in which a path has a file and a line."""

    def place(self, path: KeyPath, at_key: bool) -> tuple[str, int, KeyPath]:
        """File, line from 1, and the path inside that file."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file that could not be read as a whole."""

    file: str
    line: int = 1

    def place(self, path: KeyPath, at_key: bool) -> tuple[str, int, KeyPath]:
        return self.file, self.line, path


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake or doubt. `at_key` points at the key instead of its value."""

    source: Source
    path: KeyPath
    text: str
    at_key: bool = False


@dataclass(slots=True)
class Problems:
    """Collects mistakes and doubts; looks up their lines only at the end."""

    errors: list[Finding] = field(default_factory=list)  # nothing is loaded
    doubts: list[Finding] = field(default_factory=list)  # probably not what was meant

    def raise_errors(self) -> None:
        """Raises ConfigError if there are any."""
        if self.errors:
            raise ConfigError(_lines(self.errors))

    def warnings(self) -> tuple[str, ...]:
        return tuple(_lines(self.doubts))


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a source, for whoever may have to complain about it."""

    problems: Problems
    source: Source
    path: KeyPath = ()

    def at(self, *steps: str | int) -> Place:
        """A place further in."""
        return Place(self.problems, self.source, (*self.path, *steps))

    def wrong(self, text: str, *, at_key: bool = False) -> None:
        """`text` says what was expected and what came."""
        self.problems.errors.append(Finding(self.source, self.path, text, at_key))

    def doubt(self, text: str) -> None:
        """A warning."""
        self.problems.doubts.append(Finding(self.source, self.path, text))


def _lines(found: Sequence[Finding]) -> list[str]:
    placed = []
    for one in found:
        file, line, inner = one.source.place(one.path, one.at_key)
        placed.append((file, line, f"{dotted(inner)}: {one.text}" if inner else one.text))
    placed.sort(key=lambda one: (one[0].count("/"), *one[:2]))  # the site file, then conf.d/…
    return list(dict.fromkeys(f"{file}:{line}: {text}" for file, line, text in placed))


def dotted(path: KeyPath) -> str:
    """`devices[3].probes[0].every`."""
    shown = ""
    for depth, step in enumerate(path):
        if isinstance(step, int):
            shown += f"[{step}]"
        else:
            name = _short(step) if shows(step, path[:depth]) else "***"
            shown += f".{name}" if shown else name
    return shown


def got(value: object, path: KeyPath = ()) -> str:
    """What came, fit to be printed: short, and `***` where it may be a secret."""
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return "true" if value else "false"
    if hides(path):
        return "***"
    return repr(_short(mask(value))) if isinstance(value, str) else _short(str(value))


def hides(path: KeyPath) -> bool:
    """Does a secret belong here, so that a mistaken value may be one?"""
    if path[:1] == ("credentials",):
        return True
    return any(step in _SECRET_KEYS for step in path[-2:])


def mask(text: str) -> str:
    """`user:pass@` becomes `***@`, and what follows the `?` of a URL `***`; rather too much."""
    head, _, rest = text.rpartition("@")
    if ":" in head:
        scheme, mark, _ = head.partition("://")
        text = f"{scheme}{mark}***@{rest}" if mark else f"***@{rest}"
    place, query, _ = text.partition("?")
    return f"{place}?***" if query and "://" in place else text


def shows(key: str, holder: KeyPath) -> bool:
    """May this key be shown? Not where it may be a secret that was written without its key."""
    if len(holder) < 2 or not hides(holder):
        return True
    known = (*_SECRET_KEYS, "username", "auth", "privacy")
    return key in known or bool(nearest(key, known))


def nearest(word: object, known: Collection[str]) -> str:
    """`, perhaps port` for a word that looks like a known one, else nothing."""
    close = difflib.get_close_matches(str(word), known, n=1) if len(known) > 1 else ()
    return f", perhaps {close[0]}" if close else ""


def one_of(known: Collection[str]) -> str:
    """`a, b or c`; the first dozen of many."""
    names = sorted(known)
    if not names:
        return "a known one (there is none)"
    if len(names) > 12:
        return ", ".join(names[:12]) + " …"
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _short(text: str) -> str:
    flat = "".join(c if c.isprintable() else "�" for c in text[: SHOWN_LENGTH + 1])
    return flat if len(flat) <= SHOWN_LENGTH else flat[: SHOWN_LENGTH - 1] + "…"
