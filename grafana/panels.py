"""One panel of a dashboard as Grafana's classic JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from grafana.source import Language, Panel, Query, Text
from secmon.core.model import Op, Rule
from secmon.standard.tables import kinds, shipped_rules
from secmon.texts import table

Json = dict[str, Any]

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
VERSION = "11.6.0"  # of Grafana, whose types the tests read the dashboards with
HEALTHY = Text(zh="正常时为空", en="empty when healthy")
SEVERITY = {"critical": "dark-red", "major": "red", "minor": "orange", "warning": "yellow"}
LOOKED_UP = {"rule": "rules", "severity": "severities", "system": "systems", "kind": "kinds"}


def panel(given: Panel, language: Language, selectors: Mapping[str, str]) -> Json:
    """The panel without its id and its place."""
    targets = [
        _target(given, query, "ABCDEFGH"[place], language, selectors)
        for place, query in enumerate(given.queries)
    ]
    made: Json = {
        "type": given.type,
        "title": given.title[language],
        "pluginVersion": VERSION,
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {
            "defaults": _defaults(given, language),
            "overrides": [*_overrides(given, language)],
        },
        "options": _options(given, language),
    }
    description = _description(given, language)
    if description:
        made["description"] = description
    if given.type == "table":
        made["transformations"] = _transformations(given, language)
    return made


def expression(query: Query, selectors: Mapping[str, str]) -> str:
    """PromQL as Grafana sends it, but for its variables."""
    found = query.expr
    if query.join:
        known = ", ".join(("site", "device", *query.join))
        found = (
            f"({found}) * on (site, device) group_left ({', '.join(query.join)})"
            f" max by ({known}) (secmon_device_info{{@site}})"
        )
    for name, matchers in selectors.items():
        found = found.replace(name, matchers)
    return found


def _target(
    given: Panel, query: Query, letter: str, language: Language, selectors: Mapping[str, str]
) -> Json:
    now = given.type in ("stat", "bargauge", "table")
    legend = query.legend if isinstance(query.legend, str) else query.legend[language]
    shape = {"table": "table", "heatmap": "heatmap"}.get(given.type, "time_series")
    return {
        "refId": letter,
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": expression(query, selectors),
        "format": shape,
        "instant": now,
        "range": not now,
        "legendFormat": legend or "__auto",
    }


def _description(given: Panel, language: Language) -> str:
    empty = HEALTHY if given.empty == "healthy" else given.empty
    words = [text[language] for text in (given.note, empty) if text]
    if language == "zh":
        return "；".join(words)
    return "; ".join(words)


# --- how values look ---


def _defaults(given: Panel, language: Language) -> Json:
    steps = _thresholds(given)
    coloured = given.type in ("stat", "bargauge", "table", "state-timeline")
    made: Json = {
        "color": {"mode": "thresholds" if coloured else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": steps or [{"color": "green", "value": None}]},
        "custom": _custom(given, bool(steps)),
    }
    for key in ("unit", "decimals", "min", "max"):
        value = getattr(given, key)
        if value not in ("", None):
            made[key] = value
    if given.values:
        place = 0 if language == "zh" else 1
        made["mappings"] = _mapping({k: (v[place], v[2]) for k, v in given.values.items()})
    if given.type == "stat":
        made["noValue"] = "—"
    return made


def _thresholds(given: Panel) -> list[Json]:
    """Steps in rising order; the first one's value is None."""
    if given.steps:
        return [
            {"color": step[-1], "value": step[0] if len(step) == 2 else None}
            for step in given.steps
        ]
    if not given.limits:
        return []
    rules = {rule.id: rule for rule in shipped_rules()}
    chosen = sorted((rules[name] for name in given.limits), key=_limit)
    low = [rule for rule in chosen if rule.op in (Op.BELOW, Op.AT_MOST)]
    high = [rule for rule in chosen if rule.op in (Op.ABOVE, Op.AT_LEAST)]
    colours = [*(SEVERITY[rule.severity] for rule in low), "green"]
    values = [None, *map(_limit, low)]
    steps = [{"color": c, "value": v} for c, v in zip(colours, values, strict=True)]
    return steps + [{"color": SEVERITY[rule.severity], "value": _limit(rule)} for rule in high]


def _limit(rule: Rule) -> float:
    assert isinstance(rule.limit, int | float), rule.id
    return rule.limit


def _custom(given: Panel, limited: bool) -> Json:
    match given.type:
        case "timeseries":
            return {
                "drawStyle": "line",
                "lineWidth": 1,
                "fillOpacity": 20 if given.stack else 5,
                "showPoints": "never",
                "spanNulls": False,
                "stacking": {"mode": "normal" if given.stack else "none", "group": "A"},
                "thresholdsStyle": {"mode": "line" if limited else "off"},
            }
        case "state-timeline":
            return {"fillOpacity": 80, "lineWidth": 0}
        case "table":
            return {"filterable": True}
        case _:
            return {}


def _overrides(given: Panel, language: Language) -> Iterator[Json]:
    """Words for people in place of our codes: names of series, cells of tables."""
    names = _names(given.names, language)
    for code, word in names.items():
        properties: list[Json] = [{"id": "displayName", "value": word}]
        if given.names == "severities":
            fixed = {"mode": "fixed", "fixedColor": SEVERITY[code]}
            properties.append({"id": "color", "value": fixed})
        yield _override(code, properties)
    for column in given.columns:
        if column == "Value" and (given.steps or given.limits):
            yield _override(column, [{"id": "custom.cellOptions", "value": {"type": "color-text"}}])
        if column in LOOKED_UP:
            words = _names(LOOKED_UP[column], language)
            colours = SEVERITY if column == "severity" else {}
            mapped = _mapping({code: (w, colours.get(code, "text")) for code, w in words.items()})
            properties = [{"id": "mappings", "value": mapped}]
            if colours:
                properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
            yield _override(column, properties)


def _override(name: str, properties: Sequence[Json]) -> Json:
    return {"matcher": {"id": "byName", "options": name}, "properties": [*properties]}


def _mapping(values: Mapping[str, tuple[str, str]]) -> list[Json]:
    """Value → (text, colour)."""
    options = {
        value: {"text": text, "color": colour, "index": place}
        for place, (value, (text, colour)) in enumerate(values.items())
    }
    return [{"type": "value", "options": options}]


def _names(which: str | Mapping[str, tuple[str, str]], language: Language) -> Mapping[str, str]:
    """Code → its word."""
    place = 0 if language == "zh" else 1
    match which:
        case "rules":
            return {rule.id: rule.text[language] for rule in shipped_rules()}
        case "kinds":
            return {k.code: k.zh if language == "zh" else k.en for k in kinds().values()}
        case str():
            return {code: str(word) for code, word in table(language)[which].items()}
        case _:
            return {code: pair[place] for code, pair in which.items()}


# --- how the panel looks ---


def _options(given: Panel, language: Language) -> Json:
    reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    match given.type:
        case "stat":
            return {
                "reduceOptions": reduced,
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "orientation": "auto",
                "textMode": "name" if given.show == "name" else "auto",
            }
        case "bargauge":
            return {
                "reduceOptions": reduced,
                "displayMode": "basic",
                "orientation": "horizontal",
                "showUnfilled": True,
                "valueMode": "color",
            }
        case "timeseries":
            return {
                "legend": {
                    "displayMode": "list",
                    "placement": "bottom",
                    "showLegend": True,
                    "calcs": [],
                },
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
        case "state-timeline":
            return {
                "alignValue": "left",
                "legend": {
                    "displayMode": "list",
                    "placement": "bottom",
                    "showLegend": True,
                    "calcs": [],
                },
                "mergeValues": True,
                "rowHeight": 0.9,
                "showValue": "auto",
                "tooltip": {"mode": "single", "sort": "none"},
            }
        case "heatmap":
            return _heatmap(given)
        case "table":
            made: Json = {"showHeader": True, "cellHeight": "sm"}
            if given.sort:
                heading = given.columns["Value"][language]
                made["sortBy"] = [{"displayName": heading, "desc": given.sort == "falling"}]
            return made


def _heatmap(given: Panel) -> Json:
    return {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "mode": "scheme",
            "scheme": "Oranges",
            "fill": "dark-orange",
            "scale": "exponential",
            "exponent": 0.5,
            "steps": 64,
            "reverse": False,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": given.unit},
    }


def _transformations(given: Panel, language: Language) -> list[Json]:
    """Only the columns that are named, in their order, under their headings."""
    return [
        {"id": "filterFieldsByName", "options": {"include": {"names": [*given.columns]}}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {name: place for place, name in enumerate(given.columns)},
                "renameByName": {name: text[language] for name, text in given.columns.items()},
            },
        },
    ]
