"""The store's SQL says nothing that only SQLite understands: PostgreSQL is to run the same text."""

import ast
import re
from pathlib import Path

import pytest

STORE = Path(__file__).parents[2] / "secmon" / "adapters" / "store"
ENGINE = {"connection.py", "files.py"}  # SQLite itself: opening, copying, measuring a file

STARTS = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|DROP|BEGIN|PRAGMA)\b")
ONLY_SQLITE = re.compile(
    r"""\b(PRAGMA|AUTOINCREMENT|ROWID|OID|GLOB|IFNULL|JULIANDAY|STRFTIME|UNIXEPOCH|GROUP_CONCAT
    |JSON_\w+|SQLITE_\w+|LAST_INSERT_ROWID|VACUUM|ATTACH|REINDEX|TYPEOF|PRINTF|INSTR|CHANGES
    |NOCASE|DATETIME|BLOB|REPLACE\s+INTO|INSERT\s+OR|UPDATE\s+OR|WITHOUT\s+ROWID|STRICT)\b
    |\?|==|"|`|\bIS\s+(NOT\s+)?(\$|\w+\.)|\bMAX\([^()]*,|\bMIN\([^()]*,""",
    re.IGNORECASE | re.VERBOSE,
)


def statements() -> dict[str, str]:
    """`file:line` → SQL text, of every schema file and every statement in the code."""
    found: dict[str, str] = {}
    for file in sorted((STORE / "schema").glob("*.sql")):
        lines = enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        found |= {f"{file.name}:{n}": line.partition("--")[0] for n, line in lines}
    for file in sorted(STORE.glob("*.py")):
        if file.name not in ENGINE:
            found |= {f"{file.name}:{n}": text for n, text in _strings(file) if STARTS.match(text)}
    return found


def _strings(file: Path) -> list[tuple[int, str]]:
    """Every string of a Python file, an f-string with `0` for what is put in."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    pieces = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    found = []
    for node in nodes:
        match node:
            case ast.Constant(value=str(text)) if id(node) not in pieces:
                found.append((node.lineno, text))
            case ast.JoinedStr(values=parts):
                texts = (p.value if isinstance(p, ast.Constant) else "0" for p in parts)
                found.append((node.lineno, "".join(map(str, texts))))
    return found


def test_the_statements_are_found() -> None:
    texts = statements().values()
    assert sum(text.lstrip().startswith("INSERT") for text in texts) >= 10
    assert sum("CREATE TABLE" in text for text in texts) >= 10


def test_nothing_is_said_that_only_sqlite_understands() -> None:
    found = [
        (place, m[0]) for place, text in statements().items() for m in ONLY_SQLITE.finditer(text)
    ]
    assert found == []


def test_every_statement_on_rows_names_the_site() -> None:
    bare = [
        place
        for place, text in statements().items()
        if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)\b", text)
        and "schema_version" not in text
        and not re.search(r"\bsite = \$1|\(\s*site\b", text)
    ]
    assert bare == []


def test_every_table_has_a_site() -> None:
    schema = "\n".join(f.read_text(encoding="utf-8") for f in sorted((STORE / "schema").glob("*")))
    tables = re.findall(r"CREATE TABLE (\w+) \((.*?)\n\);", schema, re.DOTALL)
    assert len(tables) >= 10
    assert [name for name, columns in tables if "    site text NOT NULL,\n" not in columns] == []


@pytest.mark.parametrize(
    "text",
    [
        "INSERT OR REPLACE INTO t VALUES (1)",
        "SELECT rowid FROM t",
        "id integer PRIMARY KEY AUTOINCREMENT",
        "SELECT * FROM t WHERE a = ?",
        'SELECT "a" FROM t',
        "SELECT MAX(a, b) FROM t",
        "SELECT json_extract(a, '$.b') FROM t",
        "SELECT * FROM t WHERE a IS $1",
    ],
)
def test_the_words_would_be_found(text: str) -> None:
    assert ONLY_SQLITE.search(text)
