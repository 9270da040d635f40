"""Makes `dashboards/zh` and `dashboards/en` of `source/`: `python -m grafana.build`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from grafana.panels import SOURCE, Json, expression, panel
from grafana.source import Board, Language, Panel, Query, Row, Text, boards

FOLDER = Path(__file__).parent / "dashboards"
LANGUAGES: tuple[Language, ...] = ("zh", "en")
SCHEMA = 39  # of the classic JSON; what is newer reads it too
WIDE = 24  # columns of the grid

_LABELS = {
    "site": Text(zh="站点", en="Site"),
    "system": Text(zh="系统", en="System"),
    "kind": Text(zh="类别", en="Kind"),
    "device": Text(zh="设备", en="Device"),
    "part": Text(zh="端口", en="Port"),
}
_DATA = Text(zh="数据源", en="Data source")
_BRAND = Text(zh="安防运维", en="secmon")
_FAULTS = Text(zh="故障（紧急、重大）", en="Faults (critical, major)")
_RESTARTS = Text(zh="守护进程重启", en="Daemon restarted")


def files() -> Iterator[tuple[Path, str]]:
    """Every dashboard's path and text."""
    for board in boards():
        for language in LANGUAGES:
            text = json.dumps(dashboard(board, language), ensure_ascii=False, indent=2)
            yield FOLDER / language / f"{board.uid}.json", f"{text}\n"


def dashboard(board: Board, language: Language) -> Json:
    """One dashboard in one language. Its uid is stable, so that an import replaces it."""
    selectors = _selectors(board)
    return {
        "uid": uid(board, language),
        "title": f"{_BRAND[language]} · {board.title[language]}",
        "description": board.note[language],
        "tags": ["secmon", f"secmon-{language}"],
        "schemaVersion": SCHEMA,
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": board.since, "to": "now"},
        "timepicker": {},
        "links": _links(board, language),
        "annotations": {"list": [*_annotations(board, language, selectors)]},
        "templating": {"list": [*_variables(board, language)]},
        "panels": [*_placed(board, language, selectors)],
    }


def uid(board: Board, language: Language) -> str:
    """The Chinese one has the plain name."""
    return board.uid if language == "zh" else f"{board.uid}-{language}"


def _selectors(board: Board) -> Mapping[str, str]:
    """`@device`: the matchers of all that the board lets one choose; `@site`: of the site only."""
    chosen = [name for name in board.variables if name != "part"]
    return {"@device": ",".join(f'{n}=~"${n}"' for n in chosen), "@site": 'site=~"$site"'}


# --- panels in their places ---


def _placed(board: Board, language: Language, selectors: Mapping[str, str]) -> Iterator[Json]:
    """Panels from left to right; a line is as high as its highest."""
    x = y = line = 0
    for number, given in enumerate(board.panels, 1):
        wide, high = (WIDE, 1) if isinstance(given, Row) else _size(given)
        if x + wide > WIDE:
            x, y, line = 0, y + line, 0
        place = {"x": x, "y": y, "w": wide, "h": high}
        x, line = x + wide, max(line, high)
        if isinstance(given, Row):
            title = given.row[language]
            made: Json = {"type": "row", "title": title, "collapsed": False, "panels": []}
        else:
            made = panel(given, language, selectors)
        yield {"id": number, **made, "gridPos": place}


def _size(given: Panel) -> tuple[int, int]:
    wide, high = map(int, given.size.split("x"))
    return wide, high


# --- what stands above them ---


def _links(board: Board, language: Language) -> list[Json]:
    other: Language = "en" if language == "zh" else "zh"
    same: Json = {"icon": "external link", "tooltip": "", "targetBlank": False}
    kept = {"includeVars": True, "keepTime": True}
    return [
        {
            "type": "dashboards",
            "title": _BRAND[language],
            "tags": [f"secmon-{language}"],
            "asDropdown": False,
            "url": "",
            **same,
            **kept,
        },
        {
            "type": "link",
            "title": {"zh": "中文", "en": "English"}[other],
            "tags": [],
            "asDropdown": False,
            "url": f"/d/{uid(board, other)}",
            **same,
            **kept,
        },
    ]


def _annotations(board: Board, language: Language, selectors: Mapping[str, str]) -> Iterator[Json]:
    yield {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }
    chosen = "@device" if "device" in board.variables else "@site"
    grave = Query(
        expr=f'secmon_fault_active{{{chosen},severity=~"critical|major"}}', join=("name",)
    )
    yield _annotation(
        _FAULTS[language], expression(grave, selectors), "red", "{{name}}", "{{rule}} {{part}}"
    )
    began = Query(expr='changes(process_start_time_seconds{job="secmon",@site}[2m]) > 0')
    yield _annotation(
        _RESTARTS[language],
        expression(began, selectors),
        "purple",
        "secmon {{site}}",
        "{{instance}}",
    )


def _annotation(name: str, expr: str, colour: str, title: str, text: str) -> Json:
    """Both where Grafana looked for a query until 11 and where it does since."""
    return {
        "name": name,
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "expr": expr,
        "step": "60s",
        "target": {"refId": "Anno", "expr": expr, "interval": "60s"},
        "titleFormat": title,
        "textFormat": text,
        "tagKeys": "severity",
        "useValueForTime": False,
    }


def _variables(board: Board, language: Language) -> Iterator[Json]:
    yield {
        "type": "datasource",
        "name": "datasource",
        "label": _DATA[language],
        "query": "prometheus",
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
    }
    before: list[str] = []
    for name in board.variables:
        within = ",".join([board.scope, *(f'{n}=~"${n}"' for n in before)])
        yield _variable(name, _LABELS[name][language], within)
        before.append(name)


def _variable(name: str, label: str, within: str) -> Json:
    """Values are those of the series `within`; devices are shown by their names."""
    query, kind, pattern = f"label_values({{{within}}}, {name})", 1, ""
    if name == "device":
        found = f"secmon_device_info and on (site, device) {{{within}}}"
        query, kind = f"query_result(max by (device, name) ({found}))", 3
        pattern = '/[{,]name="(?<text>[^"]+)|[{,]device="(?<value>[^"]+)/g'
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "definition": query,
        "query": {
            "qryType": kind,
            "query": query,
            "refId": "PrometheusVariableQueryEditor-VariableQuery",
        },
        "regex": pattern,
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
        "skipUrlSync": False,
    }


def _write() -> None:
    wanted = dict(files())
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for old in FOLDER.rglob("*.json"):
        if old not in wanted:
            old.unlink()


if __name__ == "__main__":
    _write()
