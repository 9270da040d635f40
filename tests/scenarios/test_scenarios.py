"""Stories, one folder each: policy.yaml and inputs.jsonl → journal.expected and effects.expected.

An input is one line of JSON at a local time: a poll (`device`, `values` or `failure`; `until` and
`every` repeat it), a person's verb (`by`, `verb`, `ticket`), or mere time. The rules and words are
those that are shipped; the timer rings whenever the world asks for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from secmon.core.decide import wake
from secmon.core.derive import Deriver
from secmon.core.durations import duration
from secmon.core.model import (
    Action,
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
from secmon.standard.tables import shipped_rules, sla, vocabulary
from tests.core.world import Site, policy

HERE = Path(__file__).parent
STORIES = sorted(folder.name for folder in HERE.iterdir() if (folder / "policy.yaml").exists())
DAY = datetime(2026, 3, 2)  # a Monday; a time of 24:00 or more is on the next day


def test_there_are_stories() -> None:
    assert len(STORIES) >= 5


@pytest.mark.parametrize("story", STORIES)
def test_story(story) -> None:
    folder = HERE / story
    site = play(folder)
    zone = ZoneInfo(site.policy.timezone)
    journal = "".join(f"{line}\n" for line in journal_of(site, zone))
    effects = "".join(f"{line}\n" for line in effects_of(site, zone))
    assert journal == (folder / "journal.expected").read_text(encoding="utf-8")
    assert effects == (folder / "effects.expected").read_text(encoding="utf-8")


# --- playing ---------------------------------------------------------------------------------


def play(folder: Path) -> Site:
    known = policy_of(yaml.safe_load((folder / "policy.yaml").read_text(encoding="utf-8")))
    zone = ZoneInfo(known.timezone)
    site = Site(known)
    derivers: dict[tuple[str, str], Deriver] = {}
    layouts: dict[object, Layout] = {}
    lines = (folder / "inputs.jsonl").read_text(encoding="utf-8").splitlines()
    given = [one for line in lines if line.strip() for one in repeated(json.loads(line))]
    for one in sorted(given, key=itemgetter("at")):
        moment = (DAY + timedelta(seconds=one["at"])).replace(tzinfo=zone).astimezone(UTC)
        ring_until(site, moment)
        if "verb" in one:
            commit(site, [action_of(one, moment)], moment)
        elif "device" in one:
            seen = observation_of(one, moment, known.devices[one["device"]], layouts)
            key = (seen.device, seen.probe)
            if key not in derivers:
                plan = known.devices[seen.device].probes[0]
                device = known.devices[seen.device]
                derivers[key] = Deriver(device, known.words, zone, plan.interval)
            commit(site, [derivers[key].extend(seen)], moment)
    return site


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


def commit(site: Site, inputs: Sequence[Observation | Action], moment: datetime) -> None:
    from secmon.core.decide import decide

    change = decide(site.world, inputs, site.policy, moment)
    assert not change.dropped
    site.commit(change, 0)
    for place, outcome in change.outcomes.items():
        assert isinstance(outcome, str), f"input {place}: {outcome}"


def observation_of(
    one: Mapping[str, Any], moment: datetime, device: Device, layouts: dict[object, Layout]
) -> Observation:
    seen = Observation(device.id, device.probes[0].label, moment, 500.0 + one["at"])
    if "failure" in one:
        return replace(seen, failure=Failure(Reason(one["failure"]), one.get("text", "")))
    readings = [
        Reading(name, value, part)
        for name, brought in one["values"].items()
        for part, value in (brought.items() if isinstance(brought, dict) else [("", brought)])
    ]
    layout, values = arrange(readings)
    shape = (device.id, layout.names, layout.parts)
    return replace(seen, layout=layouts.setdefault(shape, layout), values=values)


def action_of(one: Mapping[str, Any], moment: datetime) -> Action:
    way = Way(one["way"]) if "way" in one else None
    verb, note = Verb(one["verb"]), one.get("note", "")
    return Action(one["ticket"], verb, one["by"], moment, note, way=way, to=one.get("to", ""))


def policy_of(said: Mapping[str, Any]) -> Policy:
    return policy(
        [device_of(name, entry) for name, entry in said["devices"].items()],
        shipped_rules(),
        sla=sla(),
        channels=tuple(said["channels"]),
        words=vocabulary(),
    )


def device_of(name: str, entry: Mapping[str, Any]) -> Device:
    plan = ProbePlan(
        entry["driver"],
        entry["driver"],
        duration(entry["every"]).total_seconds(),
        5.0,
        brings=frozenset(entry.get("brings", ())),
    )
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
        probes=(plan,),
    )


def _minutes(text: str) -> tuple[int, int]:
    start, end = (int(clock(part) // 60) for part in text.split("-"))
    return start, end


# --- writing down ----------------------------------------------------------------------------


def journal_of(site: Site, zone: ZoneInfo) -> Iterator[str]:
    for entry in site.journal:
        yield _line(
            _when(entry.at, zone), _who(site, entry.subject), entry.what, entry.why, entry.by
        )


def effects_of(site: Site, zone: ZoneInfo) -> Iterator[str]:
    for notice in site.notices:
        facts = " ".join(f"{name}={value}" for name, value in notice.facts.items() if value != "")
        ticket = _who(site, notice.subject)
        yield _line(_when(notice.at, zone), notice.to, ticket, notice.reason, facts)


def _line(*words: str) -> str:
    return "  ".join(word for word in words if word)


def _when(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    days = (local.date() - DAY.date()).days
    return f"{local:%H:%M:%S}" + (f"+{days}d" if days else "")


def _who(site: Site, subject: str) -> str:
    ticket = site.tickets.get(subject)
    return subject if ticket is None else f"{ticket.number}  {ticket.device} {ticket.part}".strip()
