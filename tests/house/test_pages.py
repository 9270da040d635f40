"""The console's words stand in both languages, its templates use them and bring nothing inline."""

import re
from importlib.resources import files
from string import Formatter
from typing import Any

import pytest

from secmon.api import Role
from secmon.console.clocks import Pace
from secmon.console.ledger import Outcome, What
from secmon.console.pages import account, people
from secmon.console.pages.kpi import COLUMNS
from secmon.console.rights import Right, Scope
from secmon.console.status import Level, Why
from secmon.core.handover import SIDES
from secmon.core.model import FaultState
from secmon.core.plans import BEGUN, TICKED, UNTICKED
from secmon.core.windows import Do
from secmon.texts import LANGUAGES
from secmon.texts.pages import both, phrases

CONSOLE: Any = files("secmon.console")
SAID = re.compile(r"\bsay\(\s*['\"]([\w.]+)['\"]\s*([,)~])")
# Keys that are put together from a word of the code.
MADE = {
    *(f"level.{level}" for level in Level),
    *(f"why.{why}" for why in Why if why),
    *(f"fault.{state}" for state in FaultState),
    *(f"role.{role}" for role in Role),
    *(f"wall.trouble_{word}" for word in ("starting", "store", "clock", "reload")),
    *(f"ticket.refused_{code}" for code in ("version", "state", "unverified", "invalid", "store")),
    *(f"journal.{word}" for word in ("opened", "reported", "relapsed", "deepened", "cleared")),
    *(f"journal.{word}" for word in ("due_soon", "overdue", "removed", "hidden", "unsteady")),
    "journal.spare",
    "journal.attached",
    *(f"right.{right}" for right in Right),
    *(f"scope.{scope}" for scope in Scope),
    *(f"audit.what_{what}" for what in What),
    *(f"audit.outcome_{outcome}" for outcome in Outcome),
    *(f"people.done_{verb}" for verb in people.VERBS),
    *(f"account.done_{done}" for done in account.SAID),
    *(f"account.refused_{code}" for code in ("old", "same", "brake")),
    *(f"journal.{word}" for word in ("to", "way", "content", BEGUN, TICKED, UNTICKED)),
    *(f"shift.{name}" for name in ("day", "night", "morning", "afternoon", "evening")),
    *(f"duty.{code}" for code in ("unknown_user", "unreachable", "untrained", "training_over")),
    *(f"duty.{verb}" for verb in ("confirm", "withdraw")),
    *(f"handover.{side}" for side in SIDES),
    *(f"handover.sign_{side}" for side in SIDES),
    *(f"handover.{code}" for code in ("rooms", "power", "recordings")),
    *(f"windows.{start}{do}" for start in ("", "short_") for do in Do),
    *(f"windows.of_{what}" for what in ("device", "system", "site")),
    *(f"windows.done_{verb}" for verb in ("add", "end")),
    *(
        f"device.{key}"
        for key in (
            "address",
            "maker",
            "model",
            "serial",
            "installed",
            "accepted",
        )
    ),
    *(f"kpi.{column}" for column in COLUMNS),
    *(f"kpi.means_{key}" for key in ("online", "intact", "clocks", "mtta", "mttr", "unrestored")),
    *(
        f"trouble.{part}_{status}"
        for part in ("title", "about")
        for status in (400, 401, 403, 404, 405, 413, 415, 429, 500, 503)
    ),
}


def templates() -> dict[str, str]:
    folder = CONSOLE / "templates"
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}


def used() -> set[str]:
    """Every key that a template or the code says."""
    code = [*CONSOLE.iterdir(), *(CONSOLE / "pages").iterdir()]
    texts = [*templates().values()]
    texts += [file.read_text(encoding="utf-8") for file in code if file.name.endswith(".py")]
    return {key for text in texts for key, end in SAID.findall(text) if end != "~"}


def test_every_text_stands_in_both_languages_with_the_same_placeholders() -> None:
    assert len(both()) >= 10
    for page, texts in both().items():
        for key, text in texts.items():
            assert set(text) == set(LANGUAGES), f"{page}.{key}"
            fields = {
                language: {name for _, name, _, _ in Formatter().parse(text[language]) if name}
                for language in LANGUAGES
            }
            assert fields["zh"] == fields["en"], f"{page}.{key}: placeholders differ"
            assert all(text.values()), f"{page}.{key}: empty"


def test_every_word_that_a_page_says_is_there_and_none_is_left_over() -> None:
    assert used() | MADE == set(phrases("zh")) == set(phrases("en"))


def test_every_pace_of_a_clock_has_its_colour() -> None:
    style = (CONSOLE / "static" / "console.css").read_text(encoding="utf-8")
    shown = set(re.findall(r'data-pace="(\w+)"', style))
    assert shown == {str(pace) for pace in Pace}


@pytest.mark.parametrize(
    "pattern",
    [
        r"\|\s*safe\b",
        r"autoescape\s+false",
        r"\sstyle=",
        r"\son\w+=",
        r"<style",
        r"<script(?![^>]*\ssrc=)",
        r"javascript:",
        r"https?://",
    ],
)
def test_no_template_says(pattern: str) -> None:
    assert [name for name, text in templates().items() if re.search(pattern, text)] == []


def test_nothing_is_fetched_from_elsewhere() -> None:
    for file in (CONSOLE / "static").iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(", text), file.name
