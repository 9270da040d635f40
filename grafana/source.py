"""What a file of `source/` may say: models that refuse what they do not know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

FOLDER = Path(__file__).parent / "source"

Language = Literal["zh", "en"]
Step = tuple[str] | tuple[float, str]  # the first has no value: it holds from minus infinity


class Strict(BaseModel):
    """No key that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(Strict):
    """Words for people, in both languages."""

    zh: str
    en: str

    def __getitem__(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en


class Query(Strict):
    """PromQL with `@device` and `@site` for the matchers of the board's variables.

    `join` brings labels of `secmon_device_info` to it, by site and device.
    """

    expr: str
    legend: str | Text = ""
    join: tuple[str, ...] = ()


class Row(Strict):
    """A heading over the panels that follow."""

    row: Text


class Panel(Strict):
    """One panel. `size` is width x height of a grid of 24; panels flow like words."""

    title: Text
    type: Literal["stat", "timeseries", "bargauge", "state-timeline", "table", "heatmap"]
    size: str = Field(pattern=r"^\d+x\d+$")
    queries: tuple[Query, ...]
    note: Text | None = None
    empty: Literal["healthy"] | Text | None = None  # when it has nothing to show, and rightly
    unit: str = ""  # one of Grafana's: celsius, percentunit, Bps, volt, s
    decimals: int | None = None
    min: float | None = None
    max: float | None = None
    stack: bool = False
    show: Literal["value", "name"] = "value"  # of a stat
    limits: tuple[str, ...] = ()  # ids of shipped rules: their limits become the thresholds
    steps: tuple[Step, ...] = ()  # or these do
    values: Mapping[str, tuple[str, str, str]] = {}  # value → zh, en, colour
    names: str | Mapping[str, tuple[str, str]] = {}  # a table of secmon/texts, or label → zh, en
    sort: Literal["rising", "falling"] | None = None  # a table by its values
    columns: Mapping[str, Text] = {}  # of a table: label → heading, in this order


class Board(Strict):
    """One dashboard."""

    uid: str
    title: Text
    note: Text
    variables: tuple[Literal["site", "system", "kind", "device", "part"], ...]
    scope: str = '__name__="secmon_device_info"'  # which series give the variables their values
    since: str = Field(alias="from")
    panels: tuple[Panel | Row, ...]


def boards() -> tuple[Board, ...]:
    """Every dashboard, by name."""
    texts = (file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.yaml")))
    return tuple(Board.model_validate(yaml.safe_load(text)) for text in texts)
