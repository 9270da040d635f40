"""secmon.core is pure (HOUSE 3 and 4.2): it imports little of the standard library and no more.

The allow-list stands here, not in the code: a new name in it is a decision.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "secmon" / "core"
FILES = sorted(CORE.rglob("*.py"))
ALLOWED = frozenset(
    {
        "__future__",
        "collections",
        "collections.abc",
        "dataclasses",
        "datetime",
        "enum",
        "functools",
        "hashlib",  # the digest of a hand-over: computes, and reaches nothing
        "heapq",
        "itertools",
        "json",  # … over the same text every time
        "math",
        "operator",
        "re",
        "typing",
    }
)
# What does I/O, reads a clock or runs what it was given, without any import.
CALLS = frozenset({"open", "print", "input", "eval", "exec", "compile", "breakpoint", "__import__"})
CLOCKS = frozenset({"now", "utcnow", "today"})


def imported(tree: ast.AST) -> set[str]:
    """Full names of all that is imported, at any depth of the file."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


def strange(names: set[str]) -> set[str]:
    return {name for name in names - ALLOWED if name.split(".")[:2] != ["secmon", "core"]} - (
        {"secmon.core"} & names
    )


def impure(tree: ast.AST) -> set[str]:
    """Calls that reach out of the core."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) if name in CALLS:
                    found.add(name)
                case ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=name) if (
                    name in CLOCKS
                ):
                    found.add(f"datetime.{name}")
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_core_imports_only_what_is_allowed(file) -> None:
    assert strange(imported(ast.parse(file.read_text(encoding="utf-8")))) == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_core_does_no_io_and_reads_no_clock(file) -> None:
    assert impure(ast.parse(file.read_text(encoding="utf-8"))) == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_core_has_no_async_and_no_global_state(file) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    bad = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Global)
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, bad)] == []


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio",
        "import logging",
        "import os.path",
        "def f():\n    import time",
        "from time import time",
        "import pydantic",
        "from secmon import api",
        "from secmon.adapters import clock",
        "import secmon.standard.tables",
        "from . import model",
    ],
)
def test_the_check_bites(source) -> None:
    assert strange(imported(ast.parse(source)))


@pytest.mark.parametrize("source", ["open('x')", "datetime.now(UTC)", "print(1)", "date.today()"])
def test_the_other_check_bites_too(source) -> None:
    assert impure(ast.parse(source))


def test_the_core_is_there() -> None:
    assert {"model.py", "decide.py", "tickets.py"} <= {file.name for file in FILES}


def test_the_core_works_alone() -> None:
    """Imported in a fresh interpreter it brings neither a loop, a log, nor a third party along."""
    names = ", ".join(f"secmon.core.{file.stem}" for file in FILES if file.stem != "__init__")
    program = f"import sys, {names}; print(*sorted(sys.modules))"
    command = [sys.executable, "-S", "-c", program]
    root = str(CORE.parents[1])
    done = subprocess.run(
        command, cwd=root, env={"PYTHONPATH": root}, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint({"asyncio", "logging", "socket", "pydantic", "yaml", "aiohttp"})
