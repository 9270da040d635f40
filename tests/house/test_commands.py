"""What a user can type or query is documented: every command, option, verb and metric."""

import argparse
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from secmon.adapters.exposition import Exposition
from secmon.adapters.exposition.metrics_page import page
from secmon.api import Role
from secmon.cli.commands import parser
from secmon.core.model import (
    Device,
    Failure,
    Fault,
    FaultKey,
    FaultState,
    Observation,
    Policy,
    ProbePlan,
    Reading,
    Reason,
    Severity,
    TicketState,
    Verb,
    Way,
    arrange,
)
from secmon.core.world import World
from secmon.standard.tables import shipped_rules, sla, vocabulary

ROOT = Path(__file__).parents[2]
METRICS = ROOT / "docs" / "metrics.md"

# CONTRACT 2, as far as it exists today; written a second time, not read from the parser.
COMMANDS = """
check; run; run --once; probe; ticket list; ticket show; user add; user passwd; user link;
user list; user contact; user training; user token; user tokens; user revoke; user role;
user unlock; user logout; user remove; audit verify; audit export;
window list; window add; window end;
notify test; db backup; db restore; db upgrade; db sizes; demo
"""
VERBS = "acknowledge assign arrive repair verify reject transfer close cancel note"


def documented() -> str:
    """README.md and docs/*.md."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return "\n".join(file.read_text(encoding="utf-8") for file in pages)


def commands(top: argparse.ArgumentParser, *before: str) -> Iterator[tuple[str, ...]]:
    """Every command as the words one types."""
    groups = [one for one in top._actions if isinstance(one, argparse._SubParsersAction)]
    for group in groups:
        for word, below in group.choices.items():
            yield from commands(below, *before, word)
    if not groups:
        yield before


def test_the_commands_are_the_contracts() -> None:
    verbs = {("ticket", verb) for verb in [*VERBS.split(), "report"]}
    wanted = {tuple(line.split()) for line in COMMANDS.replace("\n", " ").split(";")}
    assert set(commands(parser())) == (wanted | verbs) - {("run", "--once")}


@pytest.mark.parametrize("command", [" ".join(words) for words in commands(parser())])
def test_every_command_is_documented(command: str) -> None:
    first, _, action = command.partition(" ")
    text = documented()
    assert re.search(rf"\b(secmon )?{first}\b.*\b{action}\b", text), command


@pytest.mark.parametrize("option", ["--once", "--json", "--no-secrets", "--token", "--role"])
def test_every_option_of_the_contract_is_documented(option: str) -> None:
    assert option in documented()


@pytest.mark.parametrize(
    "word",
    [
        *(str(verb) for verb in Verb),
        *(str(way) for way in Way),
        *(str(state) for state in TicketState),
        *(str(role) for role in Role),
        *(str(severity) for severity in Severity),
    ],
)
def test_every_word_of_a_ticket_is_documented(word: str) -> None:
    assert re.search(rf"\b{word}\b", documented())


# --- metrics ---


def test_the_page_of_metrics_is_up_to_date() -> None:
    assert METRICS.read_text(encoding="utf-8") == page(), (
        "python -m secmon.adapters.exposition.metrics_page > docs/metrics.md"
    )


def test_every_metric_of_the_vocabulary_is_documented() -> None:
    text = METRICS.read_text(encoding="utf-8")
    names = {word.metric for word in vocabulary().values() if word.metric}
    assert [name for name in sorted(names) if f"`secmon_{name}`" not in text] == []


def test_the_page_of_metrics_names_what_is_exported_and_nothing_else() -> None:
    """Held against a page of /metrics that shows everything there can be."""
    exported = set(re.findall(r"^# TYPE (\S+) (\S+)$", _everything(), re.MULTILINE))
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", METRICS.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(rows) == exported


def test_the_labels_of_probes_are_documented() -> None:
    text = METRICS.read_text(encoding="utf-8")
    for name, labels in re.findall(r"^(secmon_\w+)\{(.*)\} ", _everything(), re.MULTILINE):
        row = next(line for line in text.splitlines() if line.startswith(f"| `{_family(name)}`"))
        known = {"site", "system", "kind", "device", "part", "le"}
        for label in re.findall(r'(\w+)="', labels):
            assert label in known or re.search(rf"\b{label}\b", row), (name, label)


def _family(name: str) -> str:
    return re.sub(r"(?<=secmon_poll_lateness_seconds)_(bucket|sum|count)$", "", name)


def _everything() -> str:
    """The page of a daemon to which everything has happened."""
    words, rules, at = vocabulary(), shipped_rules(), datetime(2026, 11, 1, tzinfo=UTC)
    plans = tuple(ProbePlan(driver, driver, 30.0, 5.0) for driver in ("snmp", "icmp"))
    device = Device("sw-1", "交换机", "network", "switch", location="一层", probes=plans)
    policy = Policy("lab", "UTC", sla(), {device.id: device}, rules, ("mq",), words)
    shown = Exposition(policy, CollectorRegistry())
    value = {"counter": 1, "flag": True, "gauge": 0.5}
    layout, values = arrange(
        Reading(word.name, value[word.type], "p") for word in words.values() if word.metric
    )
    facts = dict.fromkeys(("model", "serial", "firmware"), "x")
    shown.observe(Observation("sw-1", "snmp", at, 0.0, layout, values, None, facts), 0.01)
    failure = Failure(Reason.TIMEOUT, "x")
    shown.observe(Observation("sw-1", "icmp", at, 0.0, failure=failure), 5.0)
    key = FaultKey("sw-1", rules[0].id, "p")
    world = World(faults={key: Fault(key, FaultState.ACTIVE, at, 0.0, 0.0)})
    shown.covered = lambda _: {"sw-1": "mute"}
    return shown.render(world, False, at).decode()
