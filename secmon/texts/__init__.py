"""What people read: notices and summaries, in the reader's language, rendered late.

The core gives a reason word and facts; here they become a sentence. Rendering never fails on a
ticket, however odd: a notice that cannot be worded would be a notice that nobody gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import cast
from zoneinfo import ZoneInfo

import yaml

from secmon.core.model import Clock, Device, Op, Rule, Value, Word
from secmon.core.sla import STOPS
from secmon.texts.clean import clean, mask
from secmon.texts.fields import guess_op, has_numbers, is_number, mapping, moment_of
from secmon.texts.numbers import duration, pair, quantity

__all__ = ["LANGUAGES", "Texts", "clean", "mask", "table"]

LANGUAGES = ("zh", "en")
TIMESTAMP = "_timestamp_seconds"  # how readings end that are moments, in seconds since 1970
NAMES_SHOWN = 5  # of the devices that a fault leaves unjudged
TITLE_LENGTH = 80
NOTICE_LENGTH = 1000

RUNNING = ("opened", "relapsed", "deepened")  # reasons that name all clocks still running
OVER = ("cleared", "verified", "closed", "cancelled", "removed")  # … that name none

SAID = (("device_up", "silent"), ("identity_matches", "another_device"))  # the title says it
ALONE = ("another_device", "no_media")  # causes that tell more than the value

Table = Mapping[str, Mapping[str, str | Mapping[str, str]]]
Ticket = Mapping[str, object]  # the JSON of CONTRACT 5, with `reading` and `facts`


@cache
def table(language: str) -> Table:
    """The words of a language by group and key. Raises KeyError where there is no such language."""
    if language not in LANGUAGES:
        raise KeyError(f"expected a language of {', '.join(LANGUAGES)} (got {language})")
    text = files(__name__).joinpath(f"{language}.yaml").read_text(encoding="utf-8")
    return MappingProxyType(yaml.safe_load(text))


@dataclass(frozen=True, slots=True)
class Texts:
    """Words for one reader: `language` zh or en, times in `timezone` (IANA name)."""

    language: str
    timezone: str
    words: Mapping[str, Word]
    rules: Mapping[str, Rule]
    site: str = ""  # the site's name; empty: notices do not say it
    devices: Mapping[str, Device] = field(default_factory=dict)  # for the names of parts

    # --- sentences ---

    def notice(
        self,
        reason: str,
        facts: Mapping[str, Value],
        ticket: Ticket,
        at: datetime | None = None,
    ) -> str:
        """The whole message, one line: what, where, value and limit, since when, ticket, due.

        `facts` are the notice's own (`clock`, `by`, `note`); `at` is when it was decided: times
        of that day stand without a date.
        """
        head = self._head(reason, facts, ticket)
        if not ticket:
            about = self._phrase(reason, **self._of_no_ticket(facts, at))
            return clean(head + (f"{self.site}{self._join('list')}" if self.site else "") + about)
        near = at or moment_of(ticket.get("opened_at"))
        first = [self._sentence(ticket, site=True, measured=reason not in OVER)]
        first.append(self._span(ticket, near))
        sections = [self._join("list").join(filter(None, first))]
        sections += self._sections(reason, facts, ticket, near)
        return clean(head + self._join("sections").join(filter(None, sections)), NOTICE_LENGTH)

    def title(self, reason: str, facts: Mapping[str, Value], ticket: Ticket) -> str:
        """The shortest that says why and what: for subjects and lock screens."""
        head = self._head(reason, facts, ticket)
        return clean(head + (self.what(ticket) if ticket else self.site), TITLE_LENGTH)

    def summary(self, ticket: Ticket) -> str:
        """What and where, value and limit, in one line; a person's own words win."""
        said = clean(ticket.get("summary"))
        parts = (self._sentence(ticket), self._rebooted(ticket, None), self._unsteady(ticket))
        return said or clean(self._join("sections").join(filter(None, parts)))

    def what(self, ticket: Ticket) -> str:
        """What is wrong: a person's words, or a title and what it comes of."""
        if said := clean(ticket.get("summary")):
            return said
        title = self._titled(ticket)
        cause = str(mapping(ticket.get("facts")).get("cause", ""))
        if cause not in self._group("causes") or (self._reading(ticket), cause) in SAID:
            return title
        return self._phrase("why", what=title, cause=self.word("causes", cause))

    def _titled(self, ticket: Ticket) -> str:
        """The rule's own title, or one made of the reading."""
        rule = self.rules.get(str(ticket.get("rule")))
        if rule and rule.text.get(self.language):
            return clean(rule.text[self.language])
        reading, value = self._reading(ticket), ticket.get("value")
        op = rule.op if rule else guess_op(value, ticket.get("limit"))
        flag = self._group("flags").get(reading)
        if op not in (Op.MISSING, Op.STUCK) and isinstance(flag, Mapping):
            return flag["set" if value else "unset"]
        if not reading:
            return self.word("titles", "unknown")
        return self.word("titles", str(op)).format(name=self.name(reading))

    def wrong(self, ticket: Ticket) -> str:
        """What is wrong, at which part, value and limit: for a page that says itself where."""
        about, _ = self._measured(ticket)
        said = (self.what(ticket), self._part(ticket), about)
        return clean(self._join("list").join(filter(None, said)))

    def where(self, ticket: Ticket, *, site: bool = False) -> str:
        """Device, location and part, by their names."""
        location = clean(ticket.get("location"))
        device = clean(ticket.get("device_name")) or clean(ticket.get("device"))
        where = self._phrase(
            "where" if location else "where_bare", device=device, location=location
        )
        if part := self._part(ticket):
            where = self._phrase("part", where=where, part=part)
        return self._phrase("site", site=self.site, where=where) if site and self.site else where

    def phrase(self, key: str, **parts: str) -> str:
        """A phrase with its places filled."""
        return self._phrase(key, **parts)

    # --- single words ---

    def word(self, group: str, key: str) -> str:
        """A state, verb, severity, way, content, clock or system; an unknown key is itself."""
        found = self._group(group).get(key, key)
        return found if isinstance(found, str) else key

    def name(self, reading: str) -> str:
        """A reading's name for people."""
        word = self.words.get(reading)
        return (word.help.get(self.language) if word else None) or clean(reading)

    def flag(self, reading: str) -> Mapping[str, str]:
        """What a flag says where it is `set` and `unset`; empty where it has no words."""
        found = self._group("flags").get(reading)
        return found if isinstance(found, Mapping) else {}

    def value(self, value: object, reading: str = "") -> str:
        """A value with the unit of its reading."""
        if isinstance(value, bool):
            return self.word("units", "true" if value else "false")
        if isinstance(value, int | float) and reading.endswith(TIMESTAMP):
            return self.moment(datetime.fromtimestamp(value, UTC), seconds=False)
        if isinstance(value, int | float):
            return quantity(
                value, self._unit(reading), self._words("units"), self._words("durations")
            )
        return clean(value) if value not in (None, "") else self.word("units", "none")

    def moment(self, at: object, near: datetime | None = None, *, seconds: bool = True) -> str:
        """A time of the site's clock; with its date unless it is the same day as `near`."""
        moment = moment_of(at)
        if moment is None:
            return self.word("units", "none")
        local = moment.astimezone(self._zone)
        clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
        if near is None:
            return f"{local:%Y-%m-%d} {clock}"
        today = near.astimezone(self._zone)
        if local.date() == today.date():
            return clock
        return f"{local:%m-%d} {clock}" if local.year == today.year else f"{local:%Y-%m-%d} {clock}"

    def duration(self, span: timedelta | float) -> str:
        """`1 小时 20 分钟`, `45 s`."""
        seconds = span.total_seconds() if isinstance(span, timedelta) else span
        return duration(seconds, self._words("durations"))

    # --- parts of a sentence ---

    def _of_no_ticket(self, facts: Mapping[str, Value], at: datetime | None) -> dict[str, str]:
        """What the phrase of a test, a store that is away or a hand-over may name."""
        said = {key: clean(facts.get(key)) for key in ("text", "names", "shift")}
        said["names"] = said["names"] or self.site
        due_at = facts.get("due_at")
        return {**said, "due": self.moment(due_at, at, seconds=False) if due_at else ""}

    def _head(self, reason: str, facts: Mapping[str, Value], ticket: Ticket) -> str:
        severity = self.word("severities", str(ticket["severity"])) if "severity" in ticket else ""
        clock = self.word("clocks", str(facts.get("clock", "")))
        why = self.word("reasons", reason).replace("{clock}", clock).strip()
        words = self.word("phrases", "head_join").join(filter(None, (severity, why)))
        return self._phrase("head", words=clean(words)) if words else ""

    def _sentence(self, ticket: Ticket, *, site: bool = False, measured: bool = True) -> str:
        where = self.where(ticket, site=site)
        about, loose = self._measured(ticket) if measured else ("", False)
        if about and loose:
            where = self._phrase("after", where=where, measured=about)
        elif about:
            tight = "bracketed" if where.endswith(("）", ")")) else "measured"
            where = self._phrase(tight, where=where, measured=about)
        return self._phrase("what" if where else "what_only", what=self.what(ticket), where=where)

    def _measured(self, ticket: Ticket) -> tuple[str, bool]:
        """What was measured, and whether it is a clause of its own."""
        facts = mapping(ticket.get("facts"))
        if "failure" in facts or facts.get("cause") in ALONE:
            return self._failure(facts), True
        if "judgement" in facts and has_numbers(facts, "volts", "low", "high"):
            return self._float(facts), True
        value, limit = ticket.get("value"), ticket.get("limit")
        if value is None or isinstance(value, bool):
            return "", False
        reading = self._reading(ticket)
        rule = self.rules.get(str(ticket.get("rule")))
        if rule and rule.op is Op.STUCK:
            return self._phrase("stuck", value=self.value(value, reading)), True
        if not is_number(value) or not is_number(limit):
            return self.value(value, reading), False
        units, durations = self._words("units"), self._words("durations")
        shown = pair(
            cast("float", value), cast("float", limit), self._unit(reading), units, durations
        )
        about = self._phrase("limit", value=shown[0], limit=shown[1])
        if says := self._words("says").get(str(facts.get("cause"))):
            return self._phrase("also", what=about, says=says), True
        return about, False

    def _failure(self, facts: Mapping[str, object]) -> str:
        """Which probe failed and of what; what works all the same."""
        text, cause, probe = clean(facts.get("text")), facts.get("cause"), clean(facts.get("probe"))
        if "expected" in facts and "found" in facts:
            named = {name: clean(facts.get(name)) for name in ("expected", "found", "model")}
            return self._phrase("other_model" if named["model"] else "other", probe=probe, **named)
        says = self._words("says").get(str(cause))
        if says is None:
            return self._phrase(
                "failure" if text else "failure_bare",
                probe=probe,
                failure=self.word("failures", str(facts.get("failure", ""))),
                text=text,
            ).strip()
        about = self._phrase("because", probe=probe, says=says) if probe else says
        if has_numbers(facts, "clock_offset_seconds"):
            offset = self.value(facts["clock_offset_seconds"], "clock_offset_seconds")
            about = self._phrase("clock_off", what=about, offset=offset)
        if answers := clean(facts.get("answers")):
            about = self._phrase("answers", what=about, probes=answers)
        return self._phrase("quoted", what=about, text=text) if text else about

    def _rebooted(self, ticket: Ticket, near: datetime | None) -> str:
        at = moment_of(mapping(ticket.get("facts")).get("rebooted_at"))
        return self._phrase("rebooted", at=self.moment(at, near)) if at else ""

    def _unsteady(self, ticket: Ticket) -> str:
        return self._phrase("unsteady") if ticket.get("unsteady") else ""

    def _float(self, facts: Mapping[str, object]) -> str:
        known = has_numbers(facts, "celsius")
        return self._phrase(
            "float" if known else "float_unknown",
            volts=self._in("V", facts["volts"]),
            low=self._in("V", facts["low"]).removesuffix(" V"),
            high=self._in("V", facts["high"]),
            celsius=self._in("°C", facts["celsius"]) if known else "",
            judgement=self.word("judgements", str(facts["judgement"])),
        )

    def _span(self, ticket: Ticket, near: datetime | None) -> str:
        since, until = moment_of(ticket.get("detected_at")), moment_of(ticket.get("cleared_at"))
        if since is None:
            return ""
        start = self.moment(since, near)
        if until is None:
            return self._phrase("since", since=start)
        lasted = self.duration(until - since)
        return self._phrase("until", since=start, until=self.moment(until, near), lasted=lasted)

    def _sections(
        self, reason: str, facts: Mapping[str, Value], ticket: Ticket, near: datetime | None
    ) -> list[str]:
        mark = mapping(mapping(ticket.get("marks")).get(reason))  # closed, cancelled: by whom
        note, by = clean(facts.get("note")), clean(facts.get("by") or mark.get("by"))
        number, previous = clean(ticket.get("number")), clean(ticket.get("previous"))
        return [
            self._rebooted(ticket, near),
            self._unsteady(ticket),
            self._phrase("said", by=by, note=note) if note and by else note or by,
            self._suppressed(ticket) if reason not in OVER else "",
            self._phrase("ticket", number=number) if number else "",
            self._phrase("previous", number=previous) if previous and reason == "opened" else "",
            self._due(reason, facts, ticket, near),
        ]

    def _suppressed(self, ticket: Ticket) -> str:
        hidden = ticket.get("suppressed")
        if not isinstance(hidden, Sequence) or isinstance(hidden, str) or not hidden:
            return ""
        names = self._join("names").join(self._device(one) for one in hidden[:NAMES_SHOWN])
        if len(hidden) > NAMES_SHOWN:
            names = self._phrase("and_more", names=names)
        return self._phrase("suppressed", count=str(len(hidden)), names=names)

    def _due(
        self, reason: str, facts: Mapping[str, Value], ticket: Ticket, near: datetime | None
    ) -> str:
        due, marks = mapping(ticket.get("due")), mapping(ticket.get("marks"))
        if reason in OVER or ticket.get("cleared_at"):
            return ""
        named = facts.get("clock")
        wanted = (
            [str(named)] if named and reason not in RUNNING else [str(clock) for clock in Clock]
        )
        clocks = [
            self._phrase(
                "due_clock",
                clock=self.word("clocks", clock),
                at=self.moment(due[clock], near, seconds=False),
            )
            for clock in wanted
            if due.get(clock) and (clock == named or str(STOPS[Clock(clock)]) not in marks)
        ]
        return self._phrase("due", clocks=self._join("list").join(clocks)) if clocks else ""

    def _part(self, ticket: Ticket) -> str:
        part = clean(ticket.get("part"))
        if not part or "probe" in mapping(ticket.get("facts")):
            return ""
        device = self.devices.get(str(ticket.get("device")))
        known = device.parts.get(str(ticket.get("part"))) if device else None
        return f"{part} {clean(known.name)}" if known and known.name else part

    def _device(self, device: object) -> str:
        known = self.devices.get(str(device))
        return clean(known.name if known else device)

    def _reading(self, ticket: Ticket) -> str:
        rule = self.rules.get(str(ticket.get("rule")))
        return str(ticket.get("reading") or (rule.reading if rule else ""))

    # --- look-ups ---

    @property
    def _zone(self) -> tzinfo:
        return ZoneInfo(self.timezone)

    def _unit(self, reading: str) -> str:
        word = self.words.get(reading)
        return word.unit if word else ""

    def _in(self, unit: str, value: object) -> str:
        number = cast("float", value)
        return quantity(number, unit, self._words("units"), self._words("durations"))

    def _group(self, group: str) -> Mapping[str, str | Mapping[str, str]]:
        return table(self.language).get(group, {})

    def _words(self, group: str) -> Mapping[str, str]:
        return cast("Mapping[str, str]", self._group(group))

    def _join(self, key: str) -> str:
        return self.word("joins", key)

    def _phrase(self, key: str, **parts: str) -> str:
        return self.word("phrases", key).format(**parts)
