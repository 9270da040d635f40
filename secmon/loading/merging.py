"""The site file and `conf.d/*.yaml` beside it, as one: lists are appended, mappings merged.

A value that two files give is a mistake. Every value keeps its own file and line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from secmon.loading.problems import KeyPath, Line, Place, Problems
from secmon.loading.yaml_lines import Document, read


@dataclass(slots=True)
class Merged:
    """Several documents as one mapping."""

    first: Document
    data: dict[str, Any]
    owners: dict[KeyPath, Document] = field(default_factory=dict)  # keys that another file gave
    appended: dict[KeyPath, list[tuple[int, Document]]] = field(default_factory=dict)

    def place(self, path: KeyPath, at_key: bool = False) -> tuple[str, int, KeyPath]:
        """File and line of `path`, and the path as it reads inside that file."""
        document, inner = self.first, list(path)
        for depth, step in enumerate(path):
            document = self.owners.get(path[: depth + 1], document)
            for start, other in reversed(self.appended.get(path[:depth], ())):
                if isinstance(step, int) and step >= start:
                    document, inner[depth] = other, step - start
                    break
        return document.place(tuple(inner), at_key)


def read_all(file: Path, problems: Problems) -> Merged:
    """Reads the site file and its conf.d. Raises ConfigError if one of them is no YAML mapping."""
    documents: list[Document] = []
    unread = False
    for name in (file, *_beside(file, problems)):
        document = read(name, problems)
        if document is not None and isinstance(document.data, dict):
            documents.append(document)
        elif document is None or document.data is not None or name == file:
            unread = True
            if document is not None:
                came = "an empty file" if document.data is None else "something else"
                text = f"expected a mapping, with the key site (got {came})"
                Place(problems, document).wrong(text)
    if unread:
        problems.raise_errors()
    merged = Merged(documents[0], documents[0].data)
    for document in documents[1:]:
        _merge(merged, merged.data, document.data, Place(problems, document))
    return merged


def _beside(file: Path, problems: Problems) -> list[Path]:
    folder = file.parent / "conf.d"
    try:
        found = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        text = f"expected a readable directory (got: {error.strerror})"
        Place(problems, Line(str(folder))).wrong(text)
        return []
    return [one for one in found if one.suffix == ".yaml" and not one.name.startswith(".")]


def _merge(merged: Merged, into: dict[str, Any], more: dict[str, Any], place: Place) -> None:
    document = cast("Document", place.source)
    for key, value in more.items():
        here = place.at(key)
        there = into.get(key)
        if key not in into:
            into[key] = value
            merged.owners[here.path] = document
        elif isinstance(there, dict) and isinstance(value, dict):
            _merge(merged, there, value, here)
        elif isinstance(there, list) and isinstance(value, list):
            merged.appended.setdefault(here.path, []).append((len(there), document))
            there += value
        else:
            file, line, _ = merged.place(here.path)
            text = f"expected each key in one file only (got it again, it is in {file}:{line})"
            here.wrong(text, at_key=True)
