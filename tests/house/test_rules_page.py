"""docs/rules.md says what the shipped rules are."""

from pathlib import Path

from secmon.standard.rules_page import page

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "python -m secmon.standard.rules_page > docs/rules.md"
    )
