"""Reads the tables beside this file, the vocabulary, and the shipped rules.

Every function reads its file anew: whoever needs a table often keeps what it got.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import Any

import yaml

from secmon.core.durations import duration
from secmon.core.model import Op, Rule, Severity, Sla, Where, Word


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of device. `table4` names its rows of Table 4, like T4-2.01."""

    code: str
    zh: str
    en: str
    table4: tuple[str, ...]
    service_life: str  # row letter of 5.1.2, or empty
    suggested: bool  # the standard does not print this kind of device there
    clause: str


@dataclass(frozen=True, slots=True)
class ServiceLife:
    """A row of 5.1.2."""

    row: str
    zh: str
    en: str
    years: int
    clause: str


@dataclass(frozen=True, slots=True)
class Number:
    """A limit that the standard fixes. Units: °C, h (hours), a (years)."""

    name: str
    value: float
    unit: str
    zh: str
    en: str
    clause: str


@dataclass(frozen=True, slots=True)
class System:
    """A row of Table 1."""

    code: str
    zh: str
    en: str
    clause: str


def kinds() -> Mapping[str, Kind]:
    return {
        row["code"]: Kind(
            row["code"],
            row["zh"],
            row["en"],
            tuple(row["table4"].split()),
            row["service_life"],
            row["suggested"] == "yes",
            row["clause"],
        )
        for row in _rows("kinds.csv")
    }


def service_lives() -> Mapping[str, ServiceLife]:
    """By row letter."""
    return {
        row["row"]: ServiceLife(row["row"], row["zh"], row["en"], int(row["years"]), row["clause"])
        for row in _rows("service_lives.csv")
    }


def numbers() -> Mapping[str, Number]:
    return {
        row["name"]: Number(
            row["name"], float(row["value"]), row["unit"], row["zh"], row["en"], row["clause"]
        )
        for row in _rows("numbers.csv")
    }


def systems() -> Mapping[str, System]:
    return {row["code"]: System(**row) for row in _rows("systems.csv")}


def sla() -> Sla:
    """The times of 5.1.1."""
    fixed = numbers()
    return Sla(
        respond=timedelta(hours=fixed["respond_max"].value),
        arrive=timedelta(hours=fixed["arrive_max"].value),
        repair=timedelta(hours=fixed["repair_max"].value),
    )


def vocabulary() -> Mapping[str, Word]:
    """Every reading that exists, by name."""
    text = files("secmon").joinpath("vocabulary.csv").read_text(encoding="utf-8")
    return {row["name"]: _word(row) for row in csv.DictReader(text.splitlines())}


def shipped_rules() -> tuple[Rule, ...]:
    """The rules that a site starts with, in the order of `rules.yaml`."""
    text = files(__package__).joinpath("rules.yaml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return tuple(_rule(entry) for entry in yaml.load(text, loader))


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return iter(csv.DictReader(text.splitlines()))


def _word(row: Mapping[str, str]) -> Word:
    labels = dict(pair.split("=", 1) for pair in row["labels"].split())
    return Word(
        name=row["name"],
        metric=row["metric"],
        labels=labels,
        unit=row["unit"],
        type=row["type"],
        log=row["log"] == "yes",
        depth=int(row["depth"] or 0),
        watched=row["watched"] == "yes",
        feeds=row["feeds"] == "yes",
        derive=row["derive"],
        help={"zh": row["zh"], "en": row["en"]},
    )


def _rule(entry: Mapping[str, Any]) -> Rule:
    return Rule(
        id=entry["id"],
        reading=entry["reading"],
        op=Op(entry["op"]),
        limit=entry.get("limit", 0),
        soak=duration(entry["for"]),
        clear=entry.get("clear"),
        severity=Severity(entry["severity"]),
        where=Where(**entry.get("where", {})),
        text={"zh": entry["zh"], "en": entry["en"]},
        clause=str(entry["clause"]),
    )
