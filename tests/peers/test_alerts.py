"""grafana/prometheus/alerts.yml as promtool sees it: each alert tried, each trial able to fail."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.grafana import ALERTS, SCRAPE
from tests.peers.need import need

pytestmark = pytest.mark.peers

TRIALS = Path(__file__).parent / "alerts"
EVENTS = {"SecmonNoticeLost"}  # one is enough: no blip is too short


def promtool(*words: str | Path, folder: Path) -> tuple[int, str]:
    """Its exit code and all that it said."""
    argv = [need("prometheus", "promtool"), *words]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def trials() -> list[dict[str, Any]]:
    texts = (file.read_text(encoding="utf-8") for file in TRIALS.glob("*.yml"))
    return [one for text in texts for one in yaml.safe_load(text)["tests"]]


def rules() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return found


def tried(folder: Path, given: dict[str, Any] | None = None) -> tuple[int, str]:
    """The trials on the rules, or on others in their place."""
    if given is None:
        shutil.copy(ALERTS, folder)
    else:
        (folder / "alerts.yml").write_text(yaml.safe_dump(given, allow_unicode=True), "utf-8")
    for file in TRIALS.glob("*.yml"):
        shutil.copy(file, folder)
    return promtool("test", "rules", *(file.name for file in TRIALS.glob("*.yml")), folder=folder)


def failed(said: str) -> set[str]:
    return set(re.findall(r"alertname: ?(\w+)", said))


def test_promtool_has_nothing_to_complain_of(tmp_path: Path) -> None:
    code, said = promtool("check", "rules", "--lint=all", "--lint-fatal", ALERTS, folder=tmp_path)
    assert code == 0, said


def test_the_examples_are_read_by_their_servers(tmp_path: Path) -> None:
    text = SCRAPE.read_text(encoding="utf-8")
    assert "/etc/prometheus/secmon/alerts.yml" in text
    here = text.replace("/etc/prometheus/secmon/alerts.yml", str(ALERTS))
    (tmp_path / "prometheus.yml").write_text(here, encoding="utf-8")
    code, said = promtool("check", "config", "prometheus.yml", folder=tmp_path)
    assert code == 0 and "20 rules" in said, said
    argv: list[str | Path] = [
        need("prometheus-alertmanager", "amtool"),
        "check-config",
        ALERTS.parent / "alertmanager.yml",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_is_silent_at_a_blip_and_resolves(tmp_path: Path) -> None:
    code, said = tried(tmp_path)
    assert code == 0, said


def test_each_alert_is_tried_before_while_and_after() -> None:
    names = {rule["alert"] for group in rules()["groups"] for rule in group["rules"]}
    assert {one["name"] for one in trials()} == names
    for one in trials():
        steps = one["alert_rule_test"]
        assert {step["alertname"] for step in steps} == {one["name"]}
        fires = [bool(step["exp_alerts"]) for step in steps]
        assert not fires[0] and not fires[-1] and fires[-2], one["name"]


def test_without_its_patience_each_alert_fails_its_trial(tmp_path: Path) -> None:
    given = rules()
    patient = {
        rule["alert"]
        for group in given["groups"]
        for rule in group["rules"]
        if rule.pop("for", None)
    }
    code, said = tried(tmp_path, given)
    assert code != 0 and failed(said) == patient, patient - failed(said)
    assert {one["name"] for one in trials()} - patient == EVENTS


def test_alerts_that_never_fire_fail_their_trials(tmp_path: Path) -> None:
    given = rules()
    for group in given["groups"]:
        for rule in group["rules"]:
            rule["expr"] = f"({rule['expr']}) and vector(1) > 1"
    code, said = tried(tmp_path, given)
    assert code != 0 and failed(said) == {one["name"] for one in trials()}
