"""grafana/: in step with its source, loadable by Grafana's own types, naming only what exists."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import common, units
from grafana_foundation_sdk.models import dashboard as classic

from grafana import build
from tests.grafana import (
    DASHBOARDS,
    LANGUAGES,
    PROMETHEUS_OWN,
    Json,
    expressions,
    files,
    known,
    load,
    panels,
    series,
)

BOARDS = ("daemon", "network", "overview", "power", "tickets", "video")
LIVE = {"stat", "timeseries", "bargauge", "state-timeline", "table", "heatmap"}

# Read by Grafana's Prometheus data source, left out by the types of the SDK.
BESIDE_THE_TYPES = re.compile(
    r"/annotations/list/\d+/"
    r"(step|titleFormat|textFormat|tagKeys|useValueForTime|target/(refId|expr|interval))"
    r"|/templating/list/\d+/definition"
)
# Where Grafana's types hold a word of a list but do not look at it.
CHOICES = {
    "panels/options/colorMode": common.BigValueColorMode,
    "panels/options/graphMode": common.BigValueGraphMode,
    "panels/options/justifyMode": common.BigValueJustifyMode,
    "panels/options/textMode": common.BigValueTextMode,
    "panels/options/orientation": common.VizOrientation,
    "panels/options/displayMode": common.BarGaugeDisplayMode,
    "panels/options/valueMode": common.BarGaugeValueMode,
    "panels/options/alignValue": common.TimelineValueAlignment,
    "panels/options/showValue": common.VisibilityMode,
    "panels/options/cellHeight": common.TableCellHeight,
    "panels/options/legend/displayMode": common.LegendDisplayMode,
    "panels/options/legend/placement": common.LegendPlacement,
    "panels/options/tooltip/mode": common.TooltipDisplayMode,
    "panels/options/tooltip/sort": common.SortOrder,
    "panels/fieldConfig/defaults/color/mode": classic.FieldColorModeId,
    "panels/fieldConfig/defaults/thresholds/mode": classic.ThresholdsMode,
    "panels/fieldConfig/defaults/custom/drawStyle": common.GraphDrawStyle,
    "panels/fieldConfig/defaults/custom/showPoints": common.VisibilityMode,
    "panels/fieldConfig/defaults/custom/stacking/mode": common.StackingMode,
    "panels/fieldConfig/defaults/custom/thresholdsStyle/mode": common.GraphThresholdsStyleMode,
    "panels/fieldConfig/defaults/mappings/type": classic.MappingType,
    "templating/list/type": classic.VariableType,
    "templating/list/hide": classic.VariableHide,
    "templating/list/refresh": classic.VariableRefresh,
    "templating/list/sort": classic.VariableSort,
    "links/type": classic.DashboardLinkType,
}
UNITS = {unit for name in dir(units) if isinstance(unit := getattr(units, name), str)}

every_file = pytest.mark.parametrize(
    "file", files(), ids=lambda file: f"{file.parent.name}-{file.stem}"
)


def test_the_dashboards_are_those_of_the_source() -> None:
    wanted = dict(build.files())
    assert files() == sorted(wanted)
    stale = [path.name for path, text in wanted.items() if path.read_text("utf-8") != text]
    assert stale == [], "python -m grafana.build"


def test_each_board_is_there_in_each_language() -> None:
    found = {(file.parent.name, file.stem) for file in files()}
    assert found == {(lang, f"secmon-{board}") for lang in LANGUAGES for board in BOARDS}


@every_file
def test_grafanas_own_types_know_every_key(file: Path) -> None:
    given = load(file)
    assert lost(given) == []


@pytest.mark.parametrize(
    ("where", "key"),
    [
        ((), "refesh"),
        (("panels", 0), "descripton"),
        (("panels", 0, "targets", 0), "legend"),
        (("panels", 0, "options"), "colourMode"),
        (("panels", 0, "fieldConfig", "defaults"), "units"),
        (("templating", "list", 1), "includeall"),
    ],
)
def test_a_misspelt_key_would_be_told(where: tuple[Any, ...], key: str) -> None:
    given = load(files()[0])
    place: Any = given
    for step in where:
        place = place[step]
    place[key] = "x"
    assert [path.rsplit("/", 1)[-1] for path in lost(given)] == [key]


def lost(given: Json) -> list[str]:
    """What a round trip through Grafana's types drops or changes."""
    register_default_plugins()
    made = json.loads(json.dumps(classic.Dashboard.from_json(given), cls=JSONEncoder))
    return [path for path in _lost("", given, made) if not BESIDE_THE_TYPES.fullmatch(path)]


def _lost(path: str, given: Any, made: Any) -> list[str]:
    if isinstance(given, dict) and isinstance(made, dict):
        return [
            one
            for key, value in given.items()
            for one in (
                _lost(f"{path}/{key}", value, made[key]) if key in made else [f"{path}/{key}"]
            )
        ]
    if isinstance(given, list) and isinstance(made, list) and len(given) == len(made):
        return [
            one
            for place, pair in enumerate(zip(given, made, strict=True))
            for one in _lost(f"{path}/{place}", *pair)
        ]
    return [] if given == made else [path]


@every_file
def test_every_word_is_one_that_grafana_knows(file: Path) -> None:
    board = load(file)
    seen = set()
    for path, value in leaves("", board):
        if path in CHOICES:
            seen.add(path)
            assert value in [*CHOICES[path]], (path, value)
        elif path.endswith("/unit"):
            assert value in UNITS or value.startswith("suffix:"), (path, value)
    assert len(seen) > 15


def leaves(path: str, given: Any) -> Iterator[tuple[str, Any]]:
    """Every value with its path, without the places in lists."""
    if isinstance(given, dict):
        for key, value in given.items():
            yield from leaves(f"{path}/{key}".lstrip("/"), value)
    elif isinstance(given, list):
        for value in given:
            yield from leaves(path, value)
    else:
        yield path, given


@pytest.mark.parametrize("board", BOARDS)
def test_the_languages_differ_in_words_only(board: str) -> None:
    zh, en = (load(DASHBOARDS / language / f"secmon-{board}.json") for language in LANGUAGES)
    assert [*expressions(zh)] == [*expressions(en)]
    for one, other in zip(zh["panels"], en["panels"], strict=True):
        for key in ("id", "type", "gridPos"):
            assert one[key] == other[key]
        assert one.get("options", {}).keys() == other.get("options", {}).keys()


@every_file
def test_it_can_be_imported_anywhere(file: Path) -> None:
    given = load(file)
    assert "id" not in given and given["uid"] and 8 <= len(given["uid"]) <= 40
    assert re.fullmatch(r"now-\d+[hd]", given["time"]["from"]) and given["time"]["to"] == "now"
    assert {panel["type"] for panel in panels(given)} <= LIVE
    sources = re.findall(r'"uid": "([^"]*)"', json.dumps(given))
    assert set(sources) == {given["uid"], "${datasource}", "-- Grafana --"}
    first, *others = given["templating"]["list"]
    assert (first["name"], first["type"], first["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    assert [one["name"] for one in others][:1] == ["site"]


@every_file
def test_its_panels_have_their_own_ids_and_places(file: Path) -> None:
    shown = load(file)["panels"]
    assert len({panel["id"] for panel in shown}) == len(shown)
    places = [panel["gridPos"] for panel in shown]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_uids_are_unique_and_links_lead_somewhere() -> None:
    boards = [load(file) for file in files()]
    uids = Counter(board["uid"] for board in boards)
    assert set(uids.values()) == {1}
    tags = {tag for board in boards for tag in board["tags"]}
    for board in boards:
        for link in board["links"]:
            if link["type"] == "link":
                assert link["url"].removeprefix("/d/") in uids
            else:
                assert set(link["tags"]) <= tags


@every_file
def test_every_word_is_in_its_language(file: Path) -> None:
    board = load(file)
    texts = [board["title"], board["description"]]
    texts += [panel["title"] for panel in board["panels"]]
    texts += [panel["description"] for panel in panels(board) if "description" in panel]
    chinese = re.compile("[\u4e00-\u9fff]")
    if file.parent.name == "en":
        assert [text for text in texts if chinese.search(text)] == []
    else:
        assert [text for text in texts if not chinese.search(text)] in ([], ["CPU"])


@every_file
def test_its_series_exist(file: Path) -> None:
    named = {name for expr in expressions(load(file)) for name in series(expr)}
    assert named - known() - PROMETHEUS_OWN == set()


@every_file
def test_nothing_known_is_never_shown_as_nothing_wrong(file: Path) -> None:
    """`or vector(0)` says a green 0 though the daemon is dead."""
    assert [expr for expr in expressions(load(file)) if "vector(" in expr] == []


def test_a_series_that_does_not_exist_would_be_told() -> None:
    assert series("rate(secmon_pols_skipped_total[5m])") - known() == {"secmon_pols_skipped_total"}
