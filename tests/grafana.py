"""Dashboards as the tests read them: every panel, every query, every name of a series."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secmon.adapters.exposition import metrics_page

ROOT = Path(__file__).parents[1]
DASHBOARDS = ROOT / "grafana" / "dashboards"
ALERTS = ROOT / "grafana" / "prometheus" / "alerts.yml"
SCRAPE = ROOT / "grafana" / "prometheus" / "scrape.yml"
LANGUAGES = ("zh", "en")

PROMETHEUS_OWN = {"up", "scrape_duration_seconds"}

Json = dict[str, Any]


def files() -> list[Path]:
    return sorted(DASHBOARDS.glob("*/*.json"))


def load(file: Path) -> Json:
    found: Json = json.loads(file.read_text(encoding="utf-8"))
    return found


def panels(dashboard: Json) -> Iterator[Json]:
    """Those that show something."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels", ())


def expressions(dashboard: Json) -> Iterator[str]:
    """All PromQL of a dashboard: of panels, variables and annotations."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield annotation["expr"]


def series(expression: str) -> set[str]:
    """Names of the series that a query asks for."""
    return set(re.findall(r"\b(?:secmon|process|scrape)_\w+|\bup(?=\{)", expression))


def known() -> set[str]:
    """Every series that the daemon can show."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) ", metrics_page.page(), re.M)
    names = {name for name, _ in rows}
    for name, kind in rows:
        if kind == "histogram":
            names |= {f"{name}_{end}" for end in ("bucket", "count", "sum")}
    return names
