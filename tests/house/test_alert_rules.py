"""grafana/: alert rules that name what exists and where to read on, provisioning, the examples."""

import re
from collections import Counter
from pathlib import Path

import yaml

from secmon.standard.tables import shipped_rules
from tests.grafana import (
    ALERTS,
    LANGUAGES,
    PROMETHEUS_OWN,
    ROOT,
    SCRAPE,
    Json,
    known,
    load,
    panels,
    series,
)


def alerts() -> list[Json]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_alert_says_what_where_to_read_and_in_both_languages() -> None:
    page = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", page, re.M)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    names = Counter(rule["alert"] for rule in alerts())
    assert set(names.values()) == {1}
    for rule in alerts():
        told = rule["annotations"]
        assert told.keys() == {"summary", "summary_en", "runbook"}, rule["alert"]
        assert re.search("[\u4e00-\u9fff]", told["summary"]), rule["alert"]
        assert not re.search("[\u4e00-\u9fff]", told["summary_en"]), rule["alert"]
        file, _, anchor = told["runbook"].partition("#")
        assert file == "docs/operating.md" and anchor in anchors, told["runbook"]
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_every_alert_is_in_the_handbook() -> None:
    page = (ROOT / "docs/grafana.md").read_text(encoding="utf-8")
    assert {rule["alert"] for rule in alerts()} == set(re.findall(r"^\| `(Secmon\w+)`", page, re.M))


def test_provisioning_names_what_is_there() -> None:
    folder = ROOT / "grafana/provisioning"
    [source] = yaml.safe_load((folder / "datasources/secmon.yaml").read_text())["datasources"]
    assert (source["type"], source["access"]) == ("prometheus", "proxy") and source["uid"]
    providers = yaml.safe_load((folder / "dashboards/secmon.yaml").read_text("utf-8"))["providers"]
    assert len({one["name"] for one in providers}) == len({one["folderUid"] for one in providers})
    assert [Path(one["options"]["path"]).name for one in providers] == list(LANGUAGES)
    assert all(one["type"] == "file" for one in providers)


def test_the_scrape_example_fits_the_rules_and_the_contract() -> None:
    given = yaml.safe_load(SCRAPE.read_text())
    [job] = given["scrape_configs"]
    assert job["job_name"] == "secmon" and job["honor_labels"] is True
    example = yaml.safe_load((ROOT / "config/site.example.yaml").read_text("utf-8"))
    [target] = job["static_configs"]
    assert target["targets"] == [example["metrics"]["listen"]]
    assert target["labels"] == {"site": example["site"]["id"]}


def test_the_series_of_the_alerts_exist() -> None:
    named = {name for rule in alerts() for name in series(rule["expr"])}
    assert named and named - known() - PROMETHEUS_OWN == set()


def test_both_speak_of_the_25_degrees_of_the_rules() -> None:
    rule = next(rule for rule in shipped_rules() if rule.id == "room-too-warm")
    board = load(ROOT / "grafana/dashboards/zh/secmon-power.json")
    room = next(panel for panel in panels(board) if panel["title"] == "机房温度")
    steps = room["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, 25] and rule.limit == 25
    [alert] = [one for one in alerts() if one["alert"] == "SecmonRoomTooWarm"]
    assert "> 25)" in alert["expr"]
