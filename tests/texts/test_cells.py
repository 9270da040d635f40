"""No cell of a table that we write is a formula."""

import csv
import io

import pytest

from secmon.texts.cells import csv_rows, harmless


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\u3000=1",
        "＝1",
        "－1",
        "=cmd|' /C calc'!A0",
        '=HYPERLINK("https://evil.example","x")',
    ],
)
def test_what_starts_a_formula_gets_a_quote_before_it(text: str) -> None:
    assert harmless(text) == "'" + text


@pytest.mark.parametrize(
    ("cell", "same"),
    [("wang", "wang"), ("3-2", "3-2"), (-5.2, -5.2), (7, 7), (None, ""), (True, True), ("", "")],
)
def test_what_starts_none_stays(cell: object, same: object) -> None:
    assert harmless(cell) == same


def test_rows_are_read_back_as_they_were_but_for_the_quotes() -> None:
    rows = [["a", 'say "hi", then', "=1"], ["b\r\nc", "一楼", "x\0y"]]
    text = csv_rows(rows)
    assert text.endswith("\r\n")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["a", 'say "hi", then', "'=1"],
        ["b\r\nc", "一楼", "xy"],
    ]
