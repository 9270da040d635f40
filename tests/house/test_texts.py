"""Everything that people are told has its words, in Chinese and in English."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from string import Formatter

import pytest

from secmon.core.model import (
    Cause,
    Clock,
    Content,
    Op,
    Reason,
    Severity,
    TicketState,
    Verb,
    Way,
)
from secmon.standard import tables
from secmon.texts import LANGUAGES, table

# Written here a second time: CONTRACT 5 and what the daemon says of itself.
NOTICES = {
    *("opened", "due_soon", "overdue", "cleared", "relapsed", "deepened", "verified", "closed"),
    *("cancelled", "removed", "test", "store_down", "store_up", "unreadable"),
    *("escalated", "reminded", "undelivered", "unsigned", "untrained"),
    *("silence_long", "silence_ends"),
}


def flat(node: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every text with the keys that lead to it."""
    if isinstance(node, Mapping):
        for key, inner in node.items():
            yield from flat(inner, (*path, key))
    else:
        yield path, node


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_and_text_is_a_text(language: str) -> None:
    for path, text in flat(table(language)):
        assert all(isinstance(key, str) for key in path), f"{path}: YAML read a key as no text"
        assert isinstance(text, str), f"{path}: expected a text (got {text!r})"
        assert text or path == ("reasons", "opened"), f"{path}: empty"


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    zh, en = (dict(flat(table(language))) for language in ("zh", "en"))
    assert zh.keys() == en.keys()
    for path, text in zh.items():
        fields = [
            {name for _, name, _, _ in Formatter().parse(str(one)) if name}
            for one in (text, en[path])
        ]
        assert fields[0] == fields[1], f"{path}: placeholders differ"


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("states", TicketState),
        ("verbs", Verb),
        ("severities", Severity),
        ("clocks", Clock),
        ("ways", Way),
        ("contents", Content),
        ("failures", Reason),
        ("causes", Cause),
        ("says", Cause),
    ],
)
def test_every_word_of_the_core_is_there(group: str, words: type[StrEnum]) -> None:
    assert table("zh")[group].keys() == {str(word) for word in words} - {""}


def test_every_comparison_makes_a_title() -> None:
    assert table("zh")["titles"].keys() == {*map(str, Op), "unknown"}


def test_every_reason_of_a_notice_is_there() -> None:
    assert table("zh")["reasons"].keys() == NOTICES


def test_systems_are_called_as_the_standard_s_table_calls_them() -> None:
    systems = tables.systems().items()
    assert table("zh")["systems"] == {code: system.zh for code, system in systems}
    assert table("en")["systems"] == {code: system.en for code, system in systems}


def test_every_reading_has_a_name_and_every_flag_both_titles() -> None:
    words = tables.vocabulary()
    assert [w.name for w in words.values() if not all(w.help.get(one) for one in LANGUAGES)] == []
    flags = {word.name for word in words.values() if word.type == "flag"}
    assert table("zh")["flags"].keys() == flags
    for titles in table("zh")["flags"].values():
        assert isinstance(titles, Mapping)
        assert titles.keys() == {"set", "unset"}


def test_every_shipped_rule_has_a_title_in_both_languages() -> None:
    rules = list(tables.shipped_rules())
    assert rules
    assert [rule.id for rule in rules if not all(rule.text.get(one) for one in LANGUAGES)] == []
