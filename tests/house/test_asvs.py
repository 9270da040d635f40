"""The table of OWASP ASVS names tests that exist, numbers in order, and says what is not met."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "asvs.md"
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| ([^|]+) \|(?: `([^`|]+)`)? \|$", re.MULTILINE)


def rows() -> list[tuple[str, str, str, str]]:
    return ROW.findall(PAGE.read_text(encoding="utf-8"))


@cache
def names_in(file: Path) -> frozenset[str]:
    """The names of the test functions in a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, kinds))


def test_every_line_of_the_table_is_read() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if re.match(r"\| \d", line)]
    assert len(rows()) == len(table) >= 80


def test_the_numbers_stand_in_order_and_once() -> None:
    numbers = [tuple(map(int, row[0].split("."))) for row in rows()]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("shown", sorted({row[3] for row in rows() if row[3]}))
def test_every_test_that_is_named_exists(shown: str) -> None:
    name, _, test = shown.partition("::")
    file = ROOT / "tests" / name
    assert file.is_file(), name
    assert test in names_in(file), shown
