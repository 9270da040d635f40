"""Asks Prometheus as Grafana would: variables one after another, then every panel's queries."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.error import HTTPError
from urllib.parse import urlencode

from tests.grafana import Json, panels
from tests.peers.process import http_get

# What Grafana fills in for a short range, scraped each second.
BUILT_IN = {"__rate_interval": "10s", "__interval": "2s", "__range": "1m"}

Values = Mapping[str, str]


class Refused(Exception):
    """Prometheus cannot read the query."""


@dataclass(slots=True)
class Asked:
    """One query of one panel, and what has come of it so far."""

    board: str
    panel: str
    expr: str  # with Grafana's variables
    description: str
    legend: frozenset[str]  # labels that must be in every series
    columns: frozenset[str]  # labels that must be in some series
    of_panel: bool = True
    seen: set[str] = field(default_factory=set)  # labels
    answered: bool = False
    wrong: str = ""

    def __str__(self) -> str:
        missing = ", ".join(sorted(self.columns - self.seen))
        why = self.wrong or (f"no {missing}" if self.answered else "empty")
        return f"{self.board} «{self.panel}»: {why}: {self.expr}"

    @property
    def good(self) -> bool:
        return self.answered and self.columns <= self.seen and not self.wrong

    def ask(self, base: str, values: Values) -> None:
        """Once; what it saw adds up."""
        for series in query(base, filled(self.expr, values)):
            self.answered = True
            self.seen |= series.keys()
            if not self.legend <= series.keys():
                self.wrong = f"no {sorted(self.legend - series.keys())} for the legend in {series}"


def queries(dashboard: Json) -> Iterator[Asked]:
    """Every query of every panel, and of every annotation."""
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            name, expr = annotation["name"], annotation["expr"]
            legend = set(re.findall(r"\{\{(\w+)\}\}", annotation["titleFormat"]))
            yield Asked(dashboard["uid"], name, expr, "", frozenset(legend), frozenset(), False)
    for panel in panels(dashboard):
        columns = {
            name
            for step in panel.get("transformations", ())
            for name in step["options"].get("renameByName", ())
        }
        for target in panel["targets"]:
            legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            yield Asked(
                dashboard["uid"],
                panel["title"],
                target["expr"],
                panel.get("description", ""),
                frozenset(legend - {"part"}),
                frozenset(columns - {"Value"}),
            )


def chosen(dashboard: Json, base: str) -> dict[str, str]:
    """Variable → everything it offers, as the regular expression that Grafana puts in its place.

    Raises AssertionError if one offers nothing.
    """
    found = dict(BUILT_IN)
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "query":
            continue
        offered = [value for _, value in offers(variable, base, found)]
        assert offered, f"{dashboard['uid']} ${variable['name']}: {variable['definition']}"
        escaped = (re.escape(value).replace("\\", "\\\\") for value in offered)
        found[variable["name"]] = f"({'|'.join(escaped)})"
    return found


def offers(variable: Json, base: str, values: Values) -> list[tuple[str, str]]:
    """(what is shown, what is meant) of a query variable."""
    asked = filled(variable["query"]["query"], values)
    if found := re.fullmatch(r"label_values\((.+),\s*(\w+)\)", asked):
        matchers = urlencode({"match[]": found[1]})
        answer = get(f"{base}/api/v1/label/{found[2]}/values?{matchers}")
        return [(value, value) for value in answer["data"]]
    found = re.fullmatch(r"query_result\((.+)\)", asked)
    assert found is not None, asked
    return [_named(variable["regex"], series) for series in query(base, found[1])]


def _named(pattern: str, series: Mapping[str, str]) -> tuple[str, str]:
    """Grafana's text of a series, read by the variable's named groups."""
    inside = ",".join(f'{name}="{value}"' for name, value in series.items())
    text = f"{{{inside}}} 1 1700000000000"
    source = re.fullmatch("/(.+)/g", pattern)
    assert source is not None, pattern
    groups: dict[str, str] = {}
    for match in re.finditer(source[1].replace("(?<", "(?P<"), text):
        groups |= {name: value for name, value in match.groupdict().items() if value is not None}
    return groups["text"], groups["value"]


def filled(expr: str, values: Values) -> str:
    """Raises KeyError for a variable that nobody defined."""
    return re.sub(r"\$\{?(\w+)\}?", lambda match: values[match[1]], expr)


def query(base: str, expr: str) -> list[dict[str, str]]:
    """The labels of each series of an instant query."""
    answer = get(f"{base}/api/v1/query?{urlencode({'query': expr})}")
    return [one["metric"] for one in answer["data"]["result"]]


def get(url: str) -> Json:
    """Raises Refused with Prometheus' own words."""
    try:
        answer: Json = json.loads(http_get(url))
    except HTTPError as error:
        raise Refused(f"{error.read().decode()} ({url})") from None
    return answer
