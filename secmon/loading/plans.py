"""Emergency plans: the shipped ones, and those in `emergency/*.yaml` beside the site file.

A site's plan with the id of a shipped one replaces it; the shipped ones bear their system's code.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from secmon.core.model import Plan
from secmon.loading.problems import Place, Problems, nearest, one_of
from secmon.loading.validation import validate
from secmon.loading.yaml_lines import read
from secmon.settings.plans import LANGUAGES, PlanEntry

SHIPPED = Path(__file__).parents[1] / "standard" / "plans.yaml"
FOLDER = "emergency"
MOST = 100  # plans of a file


@dataclass(frozen=True, slots=True)
class Desk:
    """What every file is read by."""

    systems: Collection[str]
    language: str
    problems: Problems


def build(
    file: Path, systems: Collection[str], language: str, problems: Problems
) -> Mapping[str, Plan]:
    """Every plan by its id, whatever is wrong with the others told. `file`: the site file."""
    desk = Desk(systems, language, problems)
    shipped = _of(SHIPPED, desk, {}, ours=True)
    own: dict[str, Plan] = {}
    for one in sorted((file.parent / FOLDER).glob("*.yaml")):
        own |= _of(one, desk, own)
    return {**shipped, **own}


def _of(file: Path, desk: Desk, taken: Collection[str], *, ours: bool = False) -> dict[str, Plan]:
    document = read(file, desk.problems)
    if document is None:
        return {}
    place = Place(desk.problems, document)
    if not isinstance(document.data, list):
        place.wrong("expected a list of plans (got something else)")
        return {}
    if len(document.data) > MOST:
        place.wrong(f"expected at most {MOST} plans in a file (got {len(document.data)})")
        return {}
    found: dict[str, Plan] = {}
    for index, data in enumerate(document.data):
        here = place.at(index)
        entry = validate(PlanEntry, data, here)
        if entry is None:
            continue
        _check(entry, desk, {*found, *taken}, here)
        found[entry.id] = Plan(
            entry.id,
            entry.system,
            _first(entry.title, desk.language),
            tuple(_first(step, desk.language) for step in entry.steps),
            ours,
        )
    return found


def _check(entry: PlanEntry, desk: Desk, taken: Collection[str], here: Place) -> None:
    if entry.system and entry.system not in desk.systems:
        close = nearest(entry.system, desk.systems)
        expected = f"expected {one_of(desk.systems)}{close}"
        here.at("system").wrong(f"{expected} (got {entry.system!r})")
    if entry.id in taken:
        here.at("id").wrong(f"expected another id: {entry.id} is given twice")


def _first(words: Mapping[str, str], language: str) -> dict[str, str]:
    """The site's language first; a text without one is in it."""
    named = {key or language: text for key, text in words.items()}
    order = [language, *(one for one in LANGUAGES if one != language)]
    return {one: named[one] for one in order if one in named}
