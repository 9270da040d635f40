"""`duty:` → the roster that the core judges by, and the watch as a device of its own.

The watch is a device like any other, so that a gap in it is a fault, a series and a ticket by the
same rules. Nobody writes it down: it is there when `duty:` is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from secmon.core.model import Device, ProbePlan, Severity
from secmon.core.roster import Duty, Row, Shift, Step
from secmon.core.walltime import MINUTES, doubled, uncovered
from secmon.loading.problems import Place, nearest, one_of
from secmon.settings.duty import DutyEntry, StepEntry

DEVICE = "duty"  # its id, its kind and its probe: no equipment, so in no table of kinds
INTERVAL = 30.0  # seconds between two looks at the roster
GRAVE = frozenset((Severity.CRITICAL, Severity.MAJOR))
STEPS = tuple(  # ours, where the site file names none
    Step(timedelta(minutes=minutes), to, GRAVE)
    for minutes, to in ((10, "next"), (20, "lead"), (30, "manager"))
)
NAMES = {"zh": "值班", "en": "Operator on duty"}


def build(
    entry: DutyEntry | None, timezone: str, devices: Collection[str], place: Place
) -> Duty | None:
    """The roster; gaps and overlaps of the day, and what nobody can be told, are doubts."""
    if entry is None:
        return None
    here = place.at("duty")
    if DEVICE in devices:
        here.wrong(
            f"expected no device {DEVICE} beside it: that id is the watch's own", at_key=True
        )
    shifts = tuple(
        Shift(name, start, end if end > start else end + MINUTES)
        for name, (start, end) in sorted(entry.shifts.items(), key=lambda one: (one[1], one[0]))
    )
    _check_day(shifts, here.at("shifts"))
    names = [shift.name for shift in shifts]
    rows = here.at("rotation", "days")
    for place_of_row, row in enumerate(entry.rotation.days):
        _check_row(row, names, rows.at(place_of_row))
    for place_of_row, row in enumerate(entry.holiday_rotation):
        _check_row(row, names, here.at("holiday_rotation", place_of_row))
    if entry.holiday_rotation and not entry.holidays:
        here.at("holiday_rotation").wrong("expected the key holidays beside it (got none)")
    _check_holidays(entry, here.at("holidays"))
    _check_people(entry, here)
    return Duty(
        zone=ZoneInfo(timezone),
        shifts=shifts,
        start=entry.rotation.start,
        rotation=_rows(entry.rotation.days),
        holidays=tuple(sorted(set(entry.holidays))),
        holiday_rotation=_rows(entry.holiday_rotation),
        lead=tuple(dict.fromkeys(entry.lead)),
        manager=tuple(dict.fromkeys(entry.manager)),
        grace=entry.hand_over.grace,
        steps=_steps(entry.escalation),
        repeat=entry.repeat,
        remind=entry.remind,
        training_valid=entry.training.valid,
    )


def watch(language: str) -> Device:
    """The watch itself: what is asked whether somebody is there (4.4.1.1)."""
    plan = ProbePlan(DEVICE, DEVICE, INTERVAL, 5.0, brings=frozenset(("duty_people",)))
    return Device(DEVICE, NAMES[language], "center", DEVICE, probes=(plan,))


def _steps(entries: Sequence[StepEntry] | None) -> tuple[Step, ...]:
    if entries is None:
        return STEPS
    return tuple(
        Step(one.after, one.to, frozenset(one.severity), one.between)
        for one in sorted(entries, key=lambda one: one.after)
    )


def _rows(entries: Sequence[Mapping[str, Sequence[str]]]) -> tuple[Row, ...]:
    return tuple({shift: tuple(people) for shift, people in row.items()} for row in entries)


def _check_day(shifts: Sequence[Shift], here: Place) -> None:
    times = [(shift.start, shift.end) for shift in shifts]
    for start, end in uncovered(times):
        here.doubt(
            f"expected shifts that cover the day, by DB33/T 830-2011, 4.4.1.1 (got a gap "
            f"{_clock(start)}-{_clock(end)})"
        )
    for start, end in doubled(times):
        here.doubt(
            f"expected one shift at a time (got two or more {_clock(start)}-{_clock(end)}: all of "
            "their people are on duty then)"
        )


def _check_row(row: Mapping[str, Sequence[str]], shifts: Sequence[str], here: Place) -> None:
    for name, people in row.items():
        if name not in shifts:
            expected = f"expected {one_of(shifts)}{nearest(name, shifts)}"
            here.at(name).wrong(f"{expected} (got unknown shift {name!r})", at_key=True)
        elif len(set(people)) < len(people):
            here.at(name).wrong("expected each person once in a shift (got one again)")
    empty = [name for name in shifts if not row.get(name)]
    if empty:
        here.doubt(
            f"expected people for every shift, by DB33/T 830-2011, 4.4.1.1 (got nobody for "
            f"{', '.join(empty)})"
        )
    several = [
        person
        for person in dict.fromkeys(name for people in row.values() for name in people)
        if all(person in row.get(shift, ()) for shift in shifts)
    ]
    if several and len(shifts) > 1:
        here.doubt(f"expected a rest for everybody (got {several[0]} in every shift of the day)")


def _check_holidays(entry: DutyEntry, here: Place) -> None:
    for index, day in enumerate(entry.holidays):
        if day in entry.holidays[:index]:
            here.at(index).wrong(f"expected each day once (got {day.isoformat()} again)")


def _check_people(entry: DutyEntry, here: Place) -> None:
    steps = entry.escalation
    asked = {"lead", "manager"} if steps is None else {one.to for one in steps}
    for key, people in (("lead", entry.lead), ("manager", entry.manager)):
        if people or key not in asked:
            continue
        text = f"expected the key {key}, to whom a step of the escalation goes (got nobody)"
        if steps is None:
            here.doubt(text)
        else:
            place = next(n for n, one in enumerate(steps) if one.to == key)
            here.at("escalation", place, "to").wrong(text)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
