"""Model objects to JSON text and back, by their type hints: a new field needs no line here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
Convert = Callable[[Any], Any]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # what neither UTF-8 nor PostgreSQL's text holds


def stamp(at: datetime) -> str:
    """RFC 3339, UTC, six decimals: text order is time order. ValueError for a naive time."""
    if at.tzinfo is None:
        raise ValueError(f"expected a time with a zone (got {at.isoformat()})")
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def moment(text: str) -> datetime:
    """The time that `stamp` wrote, aware, UTC."""
    return datetime.fromisoformat(text)


def plain(text: str) -> str:
    r"""Text that every engine can keep: NUL and lone surrogates become `\u0000`, `\ud800` …

    Inside JSON that is the escape of the same character, so there nothing is lost.
    """
    if "\0" not in text:
        with suppress(UnicodeEncodeError):
            text.encode()  # ten times faster than looking for what it would refuse
            return text
    return _UNSTORABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def write(value: object) -> str:
    """Any model object, or what JSON knows, as one line of JSON text."""
    return plain(_ENCODER.encode(value))


def read(kind: type[T], text: str) -> T:
    """The object that `write` wrote. Keys that the class no longer knows are left out."""
    built: T = _build(kind, json.loads(text))
    return built


def read_mapping(text: str) -> Mapping[str, object]:
    """A JSON object as it stands."""
    kept: dict[str, object] = json.loads(text)
    return kept


def _dismantle(value: object) -> object:
    match value:
        case datetime():
            return stamp(value)
        case frozenset():
            return sorted(value)
        case Mapping():
            return dict(value)
    if is_dataclass(value):
        kind: Any = type(value)
        return {name: getattr(value, name) for name in _names(kind)}
    raise TypeError(f"a {type(value).__name__} cannot be kept")


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_dismantle)


@lru_cache(maxsize=64)
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _build(kind: Any, kept: dict[str, Any]) -> Any:
    names, conversions = _shape(kind)
    if not kept.keys() <= names:
        kept = {name: value for name, value in kept.items() if name in names}
    for name, convert in conversions:
        if name in kept:
            kept[name] = convert(kept[name])
    return kind(**kept)


@lru_cache(maxsize=64)
def _shape(kind: Any) -> tuple[frozenset[str], tuple[tuple[str, Convert], ...]]:
    """A dataclass's field names, and how those fields are made that JSON has no word for."""
    hints = get_type_hints(kind)
    names = frozenset(_names(kind))
    found = ((name, _conversion(hints[name])) for name in names)
    return names, tuple((name, convert) for name, convert in found if convert is not None)


def _conversion(hint: Any) -> Convert | None:
    """How a value of this type is made from its JSON; None: it is the same."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _optional(inner)
    if origin is tuple:
        each = _conversion(inner[0]) if len(inner) == 2 and inner[1] is Ellipsis else None
        return tuple if each is None else lambda kept: tuple(map(each, kept))
    if origin is frozenset:
        return frozenset
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(_conversion(inner[0]), _conversion(inner[1]))
    if hint is datetime:
        return moment
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _member(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return lambda kept: _build(hint, kept)
    return None


def _member(kind: type[Enum]) -> Convert:
    """A look-up, four times as fast as asking the class."""
    known = {member.value: member for member in kind}
    return lambda kept: known[kept] if kept in known else kind(kept)


def _optional(kinds: tuple[Any, ...]) -> Convert | None:
    """`X | None`, or a union of what JSON keeps apart by itself."""
    conversions = [_conversion(kind) for kind in kinds if kind is not NoneType]
    needed = [convert for convert in conversions if convert is not None]
    if not needed:
        return None
    if len(conversions) > 1:
        raise TypeError(f"cannot tell {kinds} apart in JSON")
    convert = needed[0]
    return lambda kept: None if kept is None else convert(kept)


def _mapping(of_key: Convert | None, of_value: Convert | None) -> Convert | None:
    if of_key is None and of_value is None:
        return None
    key, value = of_key or _same, of_value or _same
    return lambda kept: {key(k): value(v) for k, v in kept.items()}


def _same(value: Any) -> Any:
    return value
