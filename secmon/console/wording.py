"""The words of one reader's language for the pages: texts of the pages, tickets, faults, times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from secmon.console.views import bare
from secmon.core.model import Device, Entry, Fault, Policy, Ticket, Value, Verb
from secmon.core.rules import rule_of
from secmon.core.tickets import as_json
from secmon.standard import tables
from secmon.texts import Texts, clean
from secmon.texts.pages import phrases

NOTE = 10_000  # characters of a person's words
KEPT = 20_000  # sentences about tickets that are kept
AS_SAID = ("to", "way", "content")  # what stands before the note in a journal line


@dataclass(frozen=True, slots=True)
class Speech:
    """One language. Sentences about a ticket are kept as long as the ticket does not change."""

    texts: Texts
    phrases: Mapping[str, str]
    kinds: Mapping[str, str]
    hides: bool = False  # what devices answered: it names addresses
    _kept: dict[str, tuple[Ticket, str]] = field(default_factory=dict)

    def say(self, key: str, **parts: object) -> str:
        """A text of the pages: `page.key`. Raises KeyError where there is none."""
        text = self.phrases[key]
        return text.format(**parts) if parts else text

    def kind(self, code: str) -> str:
        return self.kinds.get(code, code)

    def wrong(self, ticket: Ticket) -> str:
        """What is wrong, without the place."""
        known = self._kept.get(ticket.id)
        if known is not None and known[0] is ticket:
            return known[1]
        shown = replace(ticket, facts=bare(ticket.facts)) if self.hides else ticket
        text = self.texts.wrong(as_json(shown, ticket.opened_at))
        if len(self._kept) >= KEPT:
            self._kept.clear()
        self._kept[ticket.id] = (ticket, text)
        return text

    def fault(self, policy: Policy, fault: Fault) -> str:
        """What is wrong, of a fault."""
        rule = rule_of(policy, fault.key.rule)
        return self.texts.wrong(
            {
                "device": fault.key.device,
                "part": fault.key.part,
                "rule": fault.key.rule,
                "reading": rule.reading if rule else "",
                "value": fault.value,
                "limit": rule.limit if rule else None,
                "facts": bare(fault.facts) if self.hides else dict(fault.facts),
            }
        )

    def shift(self, name: str) -> str:
        """What people call a shift."""
        return self.phrases.get(f"shift.{name}", name)

    def reading(self, value: Value, name: str) -> str:
        """The value as people read it; a flag by its own words."""
        flag = self.texts.flag(name)
        if isinstance(value, bool) and flag:
            return flag["set" if value else "unset"]
        return self.texts.value(value, name)

    def part(self, device: Device | None, part: str) -> str:
        known = device.parts.get(part) if device else None
        return clean(f"{part} {known.name}" if known and known.name else part)

    def moment(self, at: datetime | None, near: datetime | None = None) -> str:
        return self.texts.moment(at, near)

    def countdown(self, left_s: float) -> str:
        """`1:05:09 left`, `0:03:00 over`; the script of the pages counts on in the same way."""
        whole = int(abs(left_s))
        days, rest = divmod(whole, 86400)
        clock = f"{rest // 3600}:{rest // 60 % 60:02}:{rest % 60:02}"
        if days:
            clock = self.say("clock.days", n=days) + " " + clock
        return self.say("clock.over" if left_s < 0 else "clock.left", n=clock)

    def entry(self, line: Entry) -> tuple[str, str]:
        """(what, why) of a line of the journal."""
        what = self.texts.word("verbs", line.what)
        if what == line.what:
            what = self.phrases.get(f"journal.{line.what}", line.what)
        return what, self._why(line)

    def _why(self, line: Entry) -> str:
        """A person's note stays as it is but for its first words, which the core put there."""
        if line.what in ("due_soon", "overdue"):
            return self.texts.word("clocks", line.why)
        if line.what not in set(Verb):
            return clean(line.why, 500)
        said, words = [], line.why.split(" ")
        while words and words[0].partition("=")[0] in AS_SAID and "=" in words[0]:
            key, _, value = words.pop(0).partition("=")
            group = {"way": "ways", "content": "contents"}.get(key, "")
            shown = self.texts.word(group, value) if group else value
            said.append(f"{self.phrases[f'journal.{key}']} {shown}")
        note = clean(" ".join(words), NOTE)
        return self.texts.word("joins", "sections").join(filter(None, (*map(clean, said), note)))


def speech(texts: Texts, hides: bool = False) -> Speech:
    kinds = {
        code: kind.zh if texts.language == "zh" else kind.en
        for code, kind in tables.kinds().items()
    }
    return Speech(texts, phrases(texts.language), kinds, hides)
