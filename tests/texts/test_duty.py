"""Notices of the duty book have no ticket: the whole message, in both languages."""

import pytest

from secmon.texts import Texts
from tests.shell.told import texts

FACTS = {
    "step": 1,
    "due_at": "2026-03-02T12:00:00+00:00",
    "shift": "day",
    "missing": "outgoing incoming",
    "names": "wang, li",
}


def said(language: str, reason: str, **facts: object) -> str:
    known: Texts = texts(language)
    return known.notice(reason, facts, {})  # type: ignore[arg-type]  # of one kind each


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", "2026-03-02 20:00 的交接班（day）尚未签字，缺：wang, li"),
        ("en", "the hand-over of 2026-03-02 20:00 (day) is not signed yet; missing: wang, li"),
    ],
)
def test_a_signature_that_is_missing(language: str, words: str) -> None:
    assert said(language, "unsigned", **FACTS).endswith(words)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", "当班人员未经培训或培训已过期：li"),
        ("en", "on duty without a valid training: li"),
    ],
)
def test_somebody_untrained(language: str, words: str) -> None:
    assert said(language, "untrained", names="li").endswith(words)


@pytest.mark.parametrize("reason", ["unsigned", "untrained"])
def test_facts_that_are_missing_or_odd_stop_no_notice(reason: str) -> None:
    assert said("en", reason)
    assert "{" not in said("en", reason, due_at="soon", names="{x}\x1b[2J").replace("{x}", "")
