"""`duty:` of the site file: shifts, who has them, and who is told next. CONTRACT, section 3.

Persons are named by their log-in. How they are reached, swaps and trainings are in the store.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, PlainValidator

from secmon.settings.values import STRICT, Name, SomeDuration, Weight, times_of_day

_USER = re.compile(r"[^\x00-\x1f\x7f]{1,64}")


def _user(value: object) -> str:
    if isinstance(value, str) and _USER.fullmatch(value) and value.strip() == value:
        return value
    raise ValueError("expected a user's name")


def _some(value: object) -> object:
    """One name or word may stand without brackets."""
    return value if isinstance(value, list) else [value]


def _shift(value: object) -> tuple[int, int]:
    return times_of_day(value, whole_day=True)


def _between(value: object) -> tuple[int, int]:
    return times_of_day(value)


def _date(value: object) -> date:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError("expected a date like 2026-11-01")


User = Annotated[str, PlainValidator(_user)]
Users = Annotated[list[User], BeforeValidator(_some), Field(max_length=20)]
ShiftTimes = Annotated[tuple[int, int], PlainValidator(_shift)]
Between = Annotated[tuple[int, int], PlainValidator(_between)]
Date = Annotated[date, PlainValidator(_date)]
RowEntry = dict[Name, Users]


class Entry(BaseModel):
    """A mapping under `duty:`."""

    model_config = STRICT


class RotationEntry(Entry):
    """Who has which shift, a row per day; after the last row the first comes again."""

    start: Date
    days: Annotated[list[RowEntry], Field(min_length=1, max_length=400)]


class HandOverEntry(Entry):
    grace: SomeDuration = timedelta(minutes=15)


class TrainingEntry(Entry):
    valid: SomeDuration = timedelta(days=365)


class StepEntry(Entry):
    """Not acknowledged after so long: who is told next."""

    severity: Annotated[list[Weight], BeforeValidator(_some), Field(min_length=1)]
    after: SomeDuration
    to: Literal["next", "lead", "manager"]
    between: Between | None = None


class DutyEntry(Entry):
    shifts: Annotated[dict[Name, ShiftTimes], Field(min_length=1, max_length=24)]
    rotation: RotationEntry
    holidays: Annotated[list[Date], Field(max_length=400)] = []
    holiday_rotation: Annotated[list[RowEntry], Field(max_length=400)] = []
    lead: Users = []
    manager: Users = []
    hand_over: HandOverEntry = HandOverEntry()
    training: TrainingEntry = TrainingEntry()
    escalation: Annotated[list[StepEntry], Field(max_length=20)] | None = None
    repeat: SomeDuration = timedelta(hours=1)
    remind: SomeDuration = timedelta(hours=4)
