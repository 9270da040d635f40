"""Emergency plans: `emergency/*.yaml` beside the site file, and those that are shipped."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, Field, PlainValidator

from secmon.settings.values import STRICT, Id

LANGUAGES = ("zh", "en")
STEP, TITLE = 300, 80  # characters
_LINE = re.compile(r"[^\x00-\x1f\x7f]+")


def _words(value: object, most: int) -> dict[str, str]:
    """A text, or one in each language; a text alone has the language ''."""
    said = {"": value} if isinstance(value, str) else value
    if not isinstance(said, dict) or not said or not said.keys() <= {"", *LANGUAGES}:
        raise ValueError("expected a text, or texts by language {zh: …, en: …}")
    found = {}
    for key, text in said.items():
        if not isinstance(text, str) or not text.strip():
            raise ValueError("expected a text, or texts by language {zh: …, en: …}")
        if len(text) > most or not _LINE.fullmatch(text.strip()):
            raise ValueError(f"expected one line of at most {most} characters")
        found[key] = text.strip()
    return found


def _title(value: object) -> dict[str, str]:
    return _words(value, TITLE)


def _step(value: object) -> dict[str, str]:
    return _words(value, STEP)


Title = Annotated[dict[str, str], PlainValidator(_title)]
Step = Annotated[dict[str, str], PlainValidator(_step)]


class PlanEntry(BaseModel):
    """One plan. Without `system` it is offered on the tickets of every system."""

    model_config = STRICT

    id: Id
    title: Title
    steps: Annotated[list[Step], Field(min_length=1, max_length=30)]
    system: str = ""
