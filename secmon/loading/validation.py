"""pydantic's complaints in an operator's words, and what can be kept of a bad mapping."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from secmon.loading.problems import KeyPath, Place, got, nearest, one_of, shows
from secmon.settings.values import DEVICE_ID, NAME, VARIABLE

M = TypeVar("M", bound=BaseModel)

_ROUNDS = 8  # of dropping what is wrong until the rest is right
_WORDS = {
    "missing": "expected this key",
    "string_type": "expected a text (a number needs quotes)",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a number",
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping",
    "model_attributes_type": "expected a mapping",
    "mapping_type": "expected a mapping",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "string_too_short": "expected a text that is not empty",
    "string_too_long": "expected at most {max_length} characters",
    "too_long": "expected at most {max_length} of these",
    "too_short": "expected at least {min_length} of these",
    "greater_than_equal": "expected at least {ge}",
    "greater_than": "expected more than {gt}",
    "less_than_equal": "expected at most {le}",
    "less_than": "expected less than {lt}",
    "enum": "expected {expected}",
    "literal_error": "expected {expected}",
    "union_tag_invalid": "expected {expected_tags}",
}
_PATTERNS = {
    DEVICE_ID: "expected lower-case letters, digits and -",
    NAME: "expected letters, digits, ., _ and -",
    VARIABLE: "expected the name of an environment variable",
}


def validate(model: type[M], data: object, place: Place, also: Iterable[str] = ()) -> M | None:
    """`data`, which stands at `place`, as a model; or None, with every mistake told.

    `also` are keys that stand beside the model's own, to be suggested for a misspelt one.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        tell(error, model, data, place, also)
        return None


def tell(
    error: ValidationError,
    model: type[BaseModel],
    data: object,
    place: Place,
    also: Iterable[str] = (),
) -> None:
    """Adds each of pydantic's complaints to the problems."""
    for one in error.errors(include_url=False):
        inner = _in_yaml(data, one["loc"])
        if one["type"] == "extra_forbidden":
            _tell_unknown(place.at(*inner), _known(model, inner, also))
        else:
            given = None if one["type"] == "missing" else one["input"]
            here = place.at(*inner)
            here.wrong(f"{_expected(one)} (got {got(given, here.path)})")


def _tell_unknown(place: Place, known: list[str]) -> None:
    holder = Place(place.problems, place.source, place.path[:-1])
    key = str(place.path[-1])
    expected = f"expected one of {one_of(known)}{nearest(key, known)}"
    if not shows(key, holder.path):
        holder.wrong(f"{expected} (got an unknown key)")
    else:
        place.wrong(f"{expected} (got unknown key {key!r})", at_key=True)


def _expected(error: ErrorDetails) -> str:
    context: Mapping[str, Any] = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])
    if error["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], f"expected a text like {context['pattern']}")
    words = _WORDS.get(error["type"])
    if words is not None:
        return words.format_map(context)
    message = error["msg"]
    return f"expected {message.removeprefix('Input should be ')}"


def _in_yaml(data: object, loc: Iterable[int | str]) -> KeyPath:
    """pydantic's place without what YAML has not: tags of unions, names of validators."""
    steps = [step for step in loc if step != "[key]"]
    path: list[int | str] = []
    for place, step in enumerate(steps):
        inside = _has(data, step)
        if inside:
            data = data[step]  # type: ignore[index] # _has looked
        if inside or place == len(steps) - 1:
            path.append(step)
    return tuple(path)


def _has(data: object, step: int | str) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)


def _known(model: type[BaseModel], path: KeyPath, also: Iterable[str]) -> list[str]:
    """The keys that the mapping holding `path`'s last step may have."""
    models = [model]
    for step in path[:-1]:
        if isinstance(step, str):
            models = [
                inner
                for outer in models
                for inner in _models(outer.model_fields.get(_field(outer, step)))
            ] or models
    names = [info.alias or name for one in models for name, info in one.model_fields.items()]
    return sorted({*names, *(also if len(path) == 1 else ())})


def _field(model: type[BaseModel], key: str) -> str:
    for name, info in model.model_fields.items():
        if info.alias == key:
            return name
    return key


def _models(info: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's annotation is made of, however wrapped."""
    if info is None:
        return
    waiting = [info.annotation]
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, BaseModel):
            yield one
        else:
            waiting.extend(get_args(one))


def salvage(model: type[M], data: object, required: Mapping[str, object]) -> M | None:
    """What is right in `data`, so that later checks can run; None if that is nothing.

    `required` stands in for missing or wrong values of keys that the model must have.
    """
    if not isinstance(data, dict):
        return None
    kept = copy.deepcopy(data)
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(kept)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_context=False):
                _drop(kept, _in_yaml(kept, one["loc"]), required)
    return None


def _drop(data: dict[str, Any], path: KeyPath, required: Mapping[str, object]) -> None:
    """Removes the value at `path`, or the nearest mapping above that can be removed."""
    if not path:
        return
    if len(path) == 1:
        name = str(path[0])
        if name in required:
            data[name] = required[name]
        else:
            data.pop(name, None)
        return
    holder: Any = data
    for step in path[:-1]:
        if not _has(holder, step):
            return
        holder = holder[step]
    if isinstance(holder, dict) and path[-1] in holder:
        del holder[path[-1]]
    else:  # missing there, or an item of a list: the whole section goes
        _drop(data, path[:-1], required)
