"""One YAML file: its values, and the line of each for whoever has to complain about it.

Lines cost time, so they are looked up only when something is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from secmon.loading.problems import KeyPath, Line, Place, Problems
from secmon.loading.yaml_values import MAX_DEPTH, Builder, Unbuildable

MAX_BYTES = 64 * 1024 * 1024
MAX_ALIASED = 1_000_000  # values that aliases may add to those written out

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Document:
    """One YAML file, read: its values, and on demand their lines."""

    file: str  # as the operator named it
    text: str
    data: Any
    _root: Any = None

    def place(self, path: KeyPath, at_key: bool = False) -> tuple[str, int, KeyPath]:
        """The file, the line of `path` or of what stands nearest above it, and the path."""
        if self._root is None:
            self._root = _Loader(self.text).get_single_node()
        return self.file, _line(self._root, path, at_key), path


def read(file: Path, problems: Problems) -> Document | None:
    """Reads one YAML file; None after telling that it cannot be read."""
    text = _text(file, problems)
    return None if text is None else parse(str(file), text, problems)


def parse(name: str, text: str, problems: Problems) -> Document | None:
    """Text → Document; None after telling what is wrong about its form."""
    builder = Builder(name, len(text) + MAX_ALIASED, problems)
    try:
        return Document(name, text, builder.build(_events(text)))
    except yaml.YAMLError as error:
        _tell(error, name, text, problems)
    except Unbuildable:
        pass  # told already
    return None


def _text(file: Path, problems: Problems) -> str | None:
    place = Place(problems, Line(str(file)))
    try:
        if file.is_dir():
            place.wrong("expected a YAML file (got a directory)")
            return None
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        place.wrong(f"expected a readable file (got: {error.strerror or type(error).__name__})")
        return None
    if len(raw) > MAX_BYTES:
        place.wrong(f"expected at most {MAX_BYTES >> 20} MB (got more)")
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        bad = f"byte 0x{raw[error.start]:02x}"
        Place(problems, Line(str(file), line)).wrong(f"expected UTF-8 text (got {bad})")
        return None


def _events(text: str) -> Iterator[Any]:
    loader = _Loader(text)
    get = loader.get_event
    while (event := get()) is not None:
        yield event


def _tell(error: yaml.YAMLError, name: str, text: str, problems: Problems) -> None:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "something else"
    context, begun = getattr(error, "context", None), getattr(error, "context_mark", None)
    if context:
        problem += f", {context}"
    if begun is not None:
        problem += f" that begins in line {begun.line + 1}"
    place = Place(problems, Line(name, _error_line(error, text)))
    place.wrong(f"expected YAML (got: {problem})")


def _error_line(error: yaml.YAMLError, text: str) -> int:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        return int(mark.line) + 1
    position = getattr(error, "position", 0)
    return text.count("\n", 0, position) + 1 if isinstance(position, int) else 1


def _line(root: Any, path: KeyPath, at_key: bool) -> int:
    """The line of `path`; of its key when `at_key`, or when the value is a block of its own."""
    node, line = root, root.start_mark.line if root is not None else 0
    for step in path:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            if step >= len(node.value):
                break
            node = node.value[step]
            line = node.start_mark.line
        elif isinstance(node, yaml.MappingNode):
            pair = _pair(node, str(step), 0)
            if pair is None:
                break
            key, node = pair
            own_line = isinstance(node, yaml.ScalarNode) and node.value != ""
            line = (key if at_key or not own_line else node).start_mark.line
        else:
            break
    return int(line) + 1


def _pair(node: yaml.MappingNode, name: str, depth: int) -> tuple[Any, Any] | None:
    merged: list[Any] = []
    for key, value in node.value:
        if key.value == name:
            return key, value
        if key.value == "<<":
            merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
    for other in merged:
        if isinstance(other, yaml.MappingNode) and depth < MAX_DEPTH:
            found = _pair(other, name, depth + 1)
            if found is not None:
                return found
    return None
