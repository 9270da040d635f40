"""Stories, one folder each: policy.yaml and inputs.jsonl → journal.expected and effects.expected.

An input is one line of JSON at a local time: a poll (`device`, `probe` where it is not the first,
`values` and `facts`, or `failure`, `cause` and `text`; `until` and `every` repeat it), a person's
verb (`by`, `verb`, `ticket`), a wish for the duty book (`by`, `wish`), the daemon's `restart`, or
mere time. The rules and words are those that are shipped; the timer rings whenever the world asks
for it. Where there is a texts.expected, it holds what a ticket says, in both languages, each time
that this changes. A policy.yaml may have the site file's `duty:` and `maintenance:`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from secmon.core.boots import Boots
from secmon.core.decide import Input, decide, wake
from secmon.core.derive import Deriver
from secmon.core.durations import duration
from secmon.core.model import (
    Action,
    Cause,
    Device,
    Failure,
    Feed,
    Layout,
    Observation,
    Part,
    Policy,
    ProbePlan,
    Reading,
    Reason,
    Verb,
    Way,
    arrange,
)
from secmon.core.tickets import as_json
from secmon.core.wishes import Confirm, Sign, Swap, Wish
from secmon.loading import maintenance
from secmon.loading.duty import build
from secmon.loading.problems import Line, Place, Problems
from secmon.settings.duty import DutyEntry
from secmon.settings.maintenance import WindowEntry
from secmon.standard.tables import shipped_rules, sla, vocabulary
from secmon.texts import LANGUAGES, Texts
from tests.core.world import Site, policy, seconds

HERE = Path(__file__).parent
STORIES = sorted(folder.name for folder in HERE.iterdir() if (folder / "policy.yaml").exists())
DAY = datetime(2026, 3, 2)  # a Monday; a time of 24:00 or more is on the next day


def test_there_are_stories() -> None:
    assert len(STORIES) >= 10


@pytest.mark.parametrize("story", STORIES)
def test_story(story) -> None:
    folder = HERE / story
    told: list[str] = []
    site = play(folder, told)
    zone = ZoneInfo(site.policy.timezone)
    journal = "".join(f"{line}\n" for line in journal_of(site, zone))
    effects = "".join(f"{line}\n" for line in effects_of(site, zone))
    assert journal == (folder / "journal.expected").read_text(encoding="utf-8")
    assert effects == (folder / "effects.expected").read_text(encoding="utf-8")
    if (texts := folder / "texts.expected").exists():
        assert "".join(f"{line}\n" for line in told) == texts.read_text(encoding="utf-8")


# --- playing ---------------------------------------------------------------------------------


def play(folder: Path, told: list[str] | None = None) -> Site:
    """Writes what tickets say into `told`, whenever it changes."""
    known = policy_of(yaml.safe_load((folder / "policy.yaml").read_text(encoding="utf-8")))
    zone = ZoneInfo(known.timezone)
    site = Site(known)
    if known.duty is not None or known.windows:
        site.restart(seconds(DAY.replace(tzinfo=zone)), alive=seconds(DAY.replace(tzinfo=zone)))
    derivers: dict[tuple[str, str], Deriver] = {}
    layouts: dict[object, Layout] = {}
    said: dict[str, tuple[str, ...]] = {}
    booted, alive_at = 500.0, None  # what the monotonic clock shows at midnight
    lines = (folder / "inputs.jsonl").read_text(encoding="utf-8").splitlines()
    given = [one for line in lines if line.strip() for one in repeated(json.loads(line))]
    for one in sorted(given, key=itemgetter("at")):
        moment = (DAY + timedelta(seconds=one["at"])).replace(tzinfo=zone).astimezone(UTC)
        ring_until(site, moment)
        if "restart" in one:
            derivers.clear()
            booted, alive_at = 7.0 - one["at"], moment
            site.restart(seconds(moment), alive=seconds(moment) - 1)
        elif "wish" in one:
            commit(site, [wish_of(one, moment, zone)], moment)
        elif "verb" in one:
            commit(site, [action_of(one, moment)], moment)
        elif "device" in one:
            device = known.devices[one["device"]]
            seen = observation_of(one, moment, booted, device, layouts)
            key = (seen.device, seen.probe)
            if key not in derivers:
                plan = device.probe(seen.probe)
                assert plan is not None
                boots = Boots(site.world.facts.get(device.id, {}), alive_at)
                derivers[key] = Deriver(device, known.words, zone, plan.interval, boots=boots)
            commit(site, [derivers[key].extend(seen)], moment)
        if told is not None:
            told += listen(site, said, moment, zone)
    return site


def listen(
    site: Site, said: dict[str, tuple[str, ...]], moment: datetime, zone: ZoneInfo
) -> Iterator[str]:
    """The tickets that now say something else than before."""
    rules = {rule.id: rule for rule in site.policy.rules}
    for ticket in site.tickets.values():
        page = as_json(ticket, moment)
        words = tuple(
            Texts(language, zone.key, site.policy.words, rules).summary(page)
            for language in LANGUAGES
        )
        if said.get(ticket.id) != words:
            said[ticket.id] = words
            start = _line(_when(moment, zone), ticket.number, str(ticket.severity))
            yield from (f"{start}  {text}" for text in words)


def repeated(one: dict[str, Any]) -> Iterator[dict[str, Any]]:
    start = clock(one["at"])
    end = clock(one.get("until", one["at"]))
    step = duration(one.get("every", "1s")).total_seconds()
    while start <= end:
        yield {**one, "at": start}
        start += step


def clock(text: str) -> float:
    """`25:00:30` → seconds of the first day."""
    hours, minutes, seconds = (*text.split(":"), "0")[:3]
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def ring_until(site: Site, moment: datetime) -> None:
    while (ring := wake(site.world)) is not None and ring < moment:
        commit(site, [], ring)


def commit(site: Site, inputs: Sequence[Input], moment: datetime) -> None:
    change = decide(site.world, inputs, site.policy, moment)
    assert not change.dropped
    site.commit(change, 0)
    for place, outcome in change.outcomes.items():
        assert isinstance(outcome, str), f"input {place}: {outcome}"


def observation_of(
    one: Mapping[str, Any],
    moment: datetime,
    booted: float,
    device: Device,
    layouts: dict[object, Layout],
) -> Observation:
    label = one.get("probe", device.probes[0].label)
    seen = Observation(device.id, label, moment, booted + one["at"], facts=one.get("facts", {}))
    if "failure" in one:
        cause, known = Cause(one.get("cause", "")), one.get("knows", {})
        failure = Failure(Reason(one["failure"]), one.get("text", ""), cause, known)
        return replace(seen, failure=failure)
    readings = [
        Reading(name, value, part)
        for name, brought in one["values"].items()
        for part, value in (brought.items() if isinstance(brought, dict) else [("", brought)])
    ]
    layout, values = arrange(readings)
    shape = (device.id, label, layout.names, layout.parts)
    return replace(seen, layout=layouts.setdefault(shape, layout), values=values)


def action_of(one: Mapping[str, Any], moment: datetime) -> Action:
    way = Way(one["way"]) if "way" in one else None
    verb, note = Verb(one["verb"]), one.get("note", "")
    return Action(one["ticket"], verb, one["by"], moment, note, way=way, to=one.get("to", ""))


def wish_of(one: Mapping[str, Any], moment: datetime, zone: ZoneInfo) -> Wish:
    by = one["by"]
    match one["wish"]:
        case "swap":
            start, end = (
                (DAY + timedelta(seconds=clock(one[key]))).replace(tzinfo=zone).astimezone(UTC)
                for key in ("from", "to")
            )
            return Swap(by, moment, start, end, one["replaces"], one["user"], one.get("note", ""))
        case "confirm":
            return Confirm(one["override"], by, moment)
        case "sign":
            return Sign(one["hand_over"], by, moment, one.get("side", ""), one.get("note", ""))
    raise ValueError(f"expected swap, confirm or sign (got {one['wish']})")


def policy_of(said: Mapping[str, Any]) -> Policy:
    made = _policy_of(said)
    place = Place(Problems(), Line("policy.yaml"))
    windows = [WindowEntry.model_validate(one) for one in said.get("maintenance", ())]
    planned = maintenance.build(list(enumerate(windows)), made.timezone, made.devices, place)
    made = replace(made, windows=planned)
    if "duty" not in said:
        return made
    entry = DutyEntry.model_validate(said["duty"])
    duty = build(entry, made.timezone, (), place)
    assert not place.problems.errors and not place.problems.doubts
    return replace(made, duty=duty, read_by_people=frozenset(said.get("read_by_people", ())))


def _policy_of(said: Mapping[str, Any]) -> Policy:
    return policy(
        [device_of(name, entry) for name, entry in said["devices"].items()],
        shipped_rules(),
        sla=sla(),
        channels=tuple(said["channels"]),
        words=vocabulary(),
        timezone=said.get("timezone", "Asia/Shanghai"),
    )


def device_of(name: str, entry: Mapping[str, Any]) -> Device:
    parts = {
        part: Part(part, armed=_minutes(options["armed"]) if "armed" in options else None)
        for part, options in entry.get("parts", {}).items()
    }
    return Device(
        name,
        entry["name"],
        entry["system"],
        entry["kind"],
        parents=tuple(Feed(*parent.split(" ", 1)) for parent in entry.get("parents", ())),
        parts=parts,
        watched=frozenset(entry.get("watched", ())),
        probes=tuple(plan_of(probe) for probe in entry.get("probes", [entry])),
        location=entry.get("location", ""),
        serial=entry.get("serial", ""),
    )


def plan_of(entry: Mapping[str, Any]) -> ProbePlan:
    return ProbePlan(
        entry["driver"],
        entry["driver"],
        duration(entry["every"]).total_seconds(),
        5.0,
        brings=frozenset(entry.get("brings", ())),
    )


def _minutes(text: str) -> tuple[int, int]:
    start, end = (int(clock(part) // 60) for part in text.split("-"))
    return start, end


# --- writing down ----------------------------------------------------------------------------


def journal_of(site: Site, zone: ZoneInfo) -> Iterator[str]:
    for entry in site.journal:
        why = re.sub(r"sha256=\w+", "sha256=…", entry.why)
        yield _line(_when(entry.at, zone), _who(site, entry.subject), entry.what, why, entry.by)


def effects_of(site: Site, zone: ZoneInfo) -> Iterator[str]:
    for notice in site.notices:
        facts = " ".join(f"{name}={value}" for name, value in notice.facts.items() if value != "")
        ticket, people = _who(site, notice.subject), f"-> {', '.join(notice.people)}"
        meant = people if notice.people else ""
        yield _line(_when(notice.at, zone), notice.to, ticket, notice.reason, facts, meant)


def _line(*words: str) -> str:
    return "  ".join(word for word in words if word)


def _when(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    days = (local.date() - DAY.date()).days
    return f"{local:%H:%M:%S}" + (f"+{days}d" if days else "")


def _who(site: Site, subject: str) -> str:
    ticket = site.tickets.get(subject)
    return subject if ticket is None else f"{ticket.number}  {ticket.device} {ticket.part}".strip()
