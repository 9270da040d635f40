"""YAML events → plain values, by YAML 1.2's core schema.

Stricter and calmer than PyYAML's own construction, because operators write these files:
- `on`, `off`, `yes`, `no` are texts, `18:00` is a text, a date is a text; only `true` and `false`
  are flags, and every key is a text.
- A key given twice is a mistake. Depth and size are bounded, and an alias counts as what it
  stands for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from secmon.loading.problems import KeyPath, Line, Place, Problems, shows

MAX_DEPTH = 40

_PREFIX = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(_PREFIX + name for name in ("int", "float", "bool", "null", "map", "seq"))
_INT = re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "true": True,
    "false": False,
}


class Unbuildable(Exception):
    """What is wrong was told; there are no values."""


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being filled."""

    into: Any
    is_mapping: bool
    anchor: str | None
    before: int  # how many values there were before it
    key: str | None = None  # of a mapping: the latest key
    waits: bool = False  # of a mapping: for the value of that key
    height: int = 1


@dataclass(slots=True)
class Builder:
    """Builds the values of one file. `limit`: how many there may be, aliases unrolled."""

    name: str
    limit: int
    problems: Problems
    stack: list[_Frame] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int, int]] = field(default_factory=dict)  # value, size, height
    plain: dict[str, Any] = field(default_factory=dict)  # text of a plain scalar → its value
    keys: dict[str, str] = field(default_factory=dict)  # one object for all keys of one text
    count: int = 0
    root: Any = None

    def build(self, events: Iterator[Any]) -> Any:
        """The value of the only document. Raises Unbuildable, and yaml.YAMLError."""
        documents = 0
        for event in events:
            match type(event):
                case yaml.ScalarEvent:
                    self._scalar(event)
                case yaml.MappingStartEvent:
                    self._start(event, {}, True)
                case yaml.SequenceStartEvent:
                    self._start(event, [], False)
                case yaml.MappingEndEvent | yaml.SequenceEndEvent:
                    self._end(event)
                case yaml.AliasEvent:
                    self._alias(event)
                case yaml.DocumentStartEvent:
                    documents += 1
                    if documents > 1:
                        self._fail(event, "expected one YAML document (got a second ---)")
        return self.root

    def _scalar(self, event: Any) -> None:
        text = event.value
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.is_mapping and not frame.waits:
            self._take_key(frame, text, event)
            return
        if event.tag is not None and event.tag not in _PLAIN_TAGS:
            if event.tag not in ("!", _PREFIX + "str"):
                self._fail(event, f"expected no tag (got {event.tag.removeprefix(_PREFIX)!r})")
            value: Any = text
        elif event.style:
            value = text
        else:
            try:
                value = self.plain[text]
            except KeyError:
                value = self.plain[text] = _plain(text)
        if event.anchor:
            self.anchors[event.anchor] = (value, 1, 0)
        self._put(frame, value, event)

    def _take_key(self, frame: _Frame, key: str, event: Any) -> None:
        key = self.keys.setdefault(key, key)
        frame.key, frame.waits = key, True
        if key in frame.into:
            holder = self._path()[:-1]
            path, shown = (self._path(), repr(key)) if shows(key, holder) else (holder, "***")
            self._tell(event, path, f"expected each key once (got duplicate key {shown})")

    def _put(self, frame: _Frame | None, value: Any, event: Any) -> None:
        self.count += 1
        if self.count > self.limit:
            self._fail(event, "expected fewer values (got aliases that multiply without end)")
        if frame is None:
            self.root = value
        elif not frame.is_mapping:
            frame.into.append(value)
        elif not frame.waits:
            self._fail(event, "expected a text as key (got a mapping or a list)")
        else:
            frame.into[frame.key] = value
            frame.waits = False

    def _start(self, event: Any, into: Any, is_mapping: bool) -> None:
        if event.tag is not None and event.tag not in _PLAIN_TAGS:
            self._fail(event, f"expected no tag (got {event.tag.removeprefix(_PREFIX)!r})")
        if len(self.stack) >= MAX_DEPTH:
            self._fail(event, f"expected at most {MAX_DEPTH} levels (got more)")
        before = self.count
        self._put(self.stack[-1] if self.stack else None, into, event)
        self.stack.append(_Frame(into, is_mapping, event.anchor, before))

    def _end(self, event: Any) -> None:
        frame = self.stack[-1]
        if frame.is_mapping and "<<" in frame.into:
            self._merge(frame, event)
        self.stack.pop()
        if self.stack:
            self.stack[-1].height = max(self.stack[-1].height, frame.height + 1)
        if frame.anchor:
            self.anchors[frame.anchor] = (frame.into, self.count - frame.before, frame.height)

    def _merge(self, frame: _Frame, event: Any) -> None:
        """`<<: *other`: the other's keys, where this mapping has none of its own."""
        others = frame.into.pop("<<")
        for other in others if isinstance(others, list) else [others]:
            if not isinstance(other, dict):
                self._fail(event, "expected a mapping to merge after << (got something else)")
            for key, value in other.items():
                frame.into.setdefault(key, value)
            self.count += len(other)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self.anchors:
            self._fail(event, "expected an alias of something written above (got an unknown one)")
        value, size, height = self.anchors[event.anchor]
        if len(self.stack) + height > MAX_DEPTH:
            self._fail(event, f"expected at most {MAX_DEPTH} levels (got more, by aliases)")
        if self.stack:
            self.stack[-1].height = max(self.stack[-1].height, height + 1)
        self.count += size
        self._put(self.stack[-1] if self.stack else None, value, event)

    def _fail(self, event: Any, text: str) -> NoReturn:
        self._tell(event, self._path(), text)
        raise Unbuildable

    def _tell(self, event: Any, path: KeyPath, text: str) -> None:
        line = event.start_mark.line + 1
        Place(self.problems, Line(self.name, line), path).wrong(text)

    def _path(self) -> KeyPath:
        steps: list[str | int] = []
        for frame in self.stack:
            if frame.is_mapping:
                if frame.key is not None:
                    steps.append(frame.key)
            else:
                steps.append(max(0, len(frame.into) - 1))
        return tuple(steps)


def _plain(text: str) -> Any:
    """The value of an unquoted scalar, by YAML 1.2's core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        try:
            return int(text, 16 if text.startswith("0x") else 10)
        except ValueError:  # more digits than Python converts
            return text
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
