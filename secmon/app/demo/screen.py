"""What the demo shows in a terminal: one line for each thing that happens, in colour if it may."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import aiohttp

from secmon.texts import table

SEVERITY = {"critical": "1;31", "major": "31", "minor": "33", "warning": "36"}
STATE = {"open": "31", "closed": "32", "cancelled": "2"}


class Screen:
    """Lines on standard output."""

    def __init__(self, language: str) -> None:
        self._language = language
        words = table(language)
        self._names = {**words["states"], **words["severities"]}
        self._names["cleared"] = words["reasons"]["cleared"]
        self._colours = sys.stdout.isatty()
        self._seen: dict[str, tuple[str, bool]] = {}

    def line(self, text: str, code: str = "") -> None:
        stamp = datetime.now().astimezone().strftime("%H:%M:%S")  # noqa: TID251 - for the eye
        self._print(f"{self._paint(stamp, '2')}  {self._paint(text, code)}")

    def scene(self, zh: str, en: str) -> None:
        """Something is done to the equipment, or by the operator."""
        text = zh if self._language == "zh" else en
        self.line(f"▸ {text}", "1;34")

    def banner(self, lines: list[tuple[str, str]]) -> None:
        """What a newcomer needs to know first."""
        wide = max(_width(name) for name, _ in lines)
        self._print("")
        for name, value in lines:
            blank = " " * (wide - _width(name))
            self._print(f"  {self._paint(name, '1')}{blank}  {value}")
        self._print("")

    def ticket(self, ticket: Mapping[str, Any]) -> None:
        """A ticket that changed: shown when its state did, or its fault came or went."""
        number, state = str(ticket["number"]), str(ticket["state"])
        cleared = ticket["cleared_at"] is not None
        before = self._seen.get(number)
        if before == (state, cleared):
            return
        self._seen[number] = (state, cleared)
        word = "cleared" if before and cleared and not before[1] else state
        severity = str(ticket["severity"])
        shown = self._paint(self._pad(self._name(word), 13), STATE.get(word, "33"))
        grave = self._paint(self._pad(self._name(severity), 10), SEVERITY.get(severity, ""))
        self.line(f"  {number}  {shown}{grave}{ticket['summary']}")

    def _name(self, word: str) -> str:
        return str(self._names.get(word, word))

    def _pad(self, text: str, columns: int) -> str:
        return text + " " * max(columns - _width(text), 1)

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colours and code else text

    def _print(self, text: str) -> None:
        print(text, flush=True)


async def changes(session: aiohttp.ClientSession) -> AsyncIterator[Mapping[str, Any]]:
    """Every event of the daemon's stream."""
    timeout = aiohttp.ClientTimeout(total=None, sock_read=30)
    async with session.get("/api/v1/events", timeout=timeout) as response:
        async for raw in response.content:
            line = raw.decode().strip()
            if line.startswith("data:"):
                yield json.loads(line[5:])


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
