"""Every field of what is kept comes back as it was."""

import dataclasses
import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.adapters.store.codec import moment, plain, read, stamp, write
from secmon.core.model import Fault, Notice, Ticket

TIMES = st.datetimes(
    min_value=datetime(1990, 1, 1),
    max_value=datetime(2200, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3))]),
)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    NoneType: st.none(),
    datetime: TIMES,
}


def anything(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of this type, every field filled, also those with a default."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in SCALARS:
        return SCALARS[hint]
    if origin in (typing.Union, UnionType):
        return st.one_of([anything(kind) for kind in inner])
    if origin is tuple:
        return st.lists(anything(inner[0]), max_size=3).map(tuple)
    if origin is frozenset:
        return st.frozensets(anything(inner[0]), max_size=3)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(anything(inner[0]), anything(inner[1]), max_size=3)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    hints = get_type_hints(hint)
    return st.builds(hint, **{f.name: anything(hints[f.name]) for f in dataclasses.fields(hint)})


def types_of(value: Any) -> list[type]:
    """1, 1.0 and True are equal, so the types are looked at by themselves."""
    return [type(getattr(value, f.name)) for f in dataclasses.fields(value)]


@pytest.mark.parametrize("kind", [Ticket, Fault, Notice])
@given(data=st.data())
def test_round_trip(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(anything(kind))
    back = read(kind, write(value))
    assert back == value
    if not isinstance(value, Notice):
        assert types_of(back) == types_of(value)
    write(value).encode()


@given(TIMES, TIMES)
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    assert moment(stamp(one)) == one
    assert (stamp(one) < stamp(other)) == (one < other)


def test_a_time_is_utc_with_six_decimals() -> None:
    shanghai = timezone(timedelta(hours=8))
    assert stamp(datetime(2026, 1, 1, 7, tzinfo=shanghai)) == "2025-12-31T23:00:00.000000Z"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        stamp(datetime(2026, 1, 1))


def test_hostile_text_can_be_kept() -> None:
    notice = Notice("mq", "t\0", "\ud800", datetime(2026, 1, 1, tzinfo=UTC), {"a\udfff": "\0"})
    assert read(Notice, write(notice)) == notice
    assert plain("a\0b\ud800") == "a\\u0000b\\ud800"
    plain("a\0b\ud800").encode()


def test_a_key_that_is_no_longer_known_is_left_out() -> None:
    notice = Notice("mq", "t", "opened", datetime(2026, 1, 1, tzinfo=UTC))
    text = write(notice).replace('"to":', '"loudness":7,"to":')
    assert read(Notice, text) == notice
