"""One value, one rule, how long: the life of a fault between clear, suspect, active, clearing."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from enum import Enum
from math import inf, isfinite, isnan, nextafter

from secmon.core.model import Fault, FaultKey, FaultState, Op, Rule, Value

GAP = 3  # a run of bad observations may miss this many intervals before its soak starts anew

_BROKEN: dict[Op, Callable[[Value, Value], bool]] = {
    Op.ABOVE: operator.gt,
    Op.AT_LEAST: operator.ge,
    Op.BELOW: operator.lt,
    Op.AT_MOST: operator.le,
    Op.IS: operator.eq,
    Op.IS_NOT: operator.ne,
}


class Verdict(Enum):
    GOOD = 0
    BETWEEN = 1  # not bad, but not past the value at which it clears
    BAD = 2


def verdict(rule: Rule, value: Value) -> Verdict:
    """What a threshold rule says of a value. What is no number never reads as hot, nor as cool."""
    if isinstance(value, str) != isinstance(rule.limit, str):
        return Verdict.BETWEEN
    if isinstance(value, float) and isnan(value):
        return Verdict.BETWEEN
    if bool(_BROKEN[rule.op](value, rule.limit)):
        return Verdict.BAD
    if rule.clear is None or isinstance(rule.clear, str) != isinstance(value, str):
        return Verdict.GOOD
    return Verdict.GOOD if _clears(rule.op, value, rule.clear) else Verdict.BETWEEN


def calm(rules: Iterable[Rule]) -> tuple[float, float]:
    """From and to: between them, both included, no number is bad to any of these rules, so that
    most values are judged by two comparisons. A value outside is no verdict: ask `verdict`."""
    low, high = -inf, inf
    for rule in rules:
        least, most = _calm(rule)
        low, high = max(low, least), min(high, most)
    return low, high


def _calm(rule: Rule) -> tuple[float, float]:
    try:
        limit = inf if isinstance(rule.limit, str) else float(rule.limit)
    except OverflowError:
        limit = inf
    if not isfinite(limit):
        return inf, -inf
    match rule.op:
        case Op.ABOVE | Op.AT_LEAST:  # one step off: a long whole number is no exact float
            return -inf, nextafter(limit, -inf)
        case Op.BELOW | Op.AT_MOST:
            return nextafter(limit, inf), inf
        case Op.IS if isinstance(rule.limit, bool):
            return 1 - limit, 1 - limit
        case Op.IS_NOT if isinstance(rule.limit, bool):
            return limit, limit
        case Op.STUCK:  # not judged by what a value is
            return -inf, inf
    return inf, -inf


def _clears(op: Op, value: Value, clear: Value) -> bool:
    if op in (Op.ABOVE, Op.AT_LEAST):
        return bool(operator.le(value, clear))
    if op in (Op.BELOW, Op.AT_MOST):
        return bool(operator.ge(value, clear))
    return value == clear


def step(
    fault: Fault | None,
    key: FaultKey,
    said: Verdict,
    *,
    value: Value | None,
    at: datetime,
    tick: float,
    interval: float,
) -> Fault | None:
    """The fault after one observation; None is clear. Suspects are promoted elsewhere, because
    parents have a word in it. `interval` is the probe's, in seconds."""
    if said is Verdict.BAD:
        if fault is None:
            return Fault(key, FaultState.SUSPECT, at, tick, tick, value)
        if fault.state is FaultState.SUSPECT and tick - fault.bad_tick > GAP * interval:
            return replace(fault, since=at, since_tick=tick, bad_tick=tick, value=value)
        state = FaultState.ACTIVE if fault.state is FaultState.CLEARING else fault.state
        return replace(fault, state=state, bad_tick=tick, value=value)
    if fault is None or said is Verdict.GOOD or fault.state is FaultState.SUSPECT:
        return None
    return replace(fault, state=FaultState.CLEARING, value=value)


def ripe(fault: Fault, rule: Rule) -> bool:
    """Has a suspect been bad for as long as its rule asks? Only a bad observation can say so."""
    return fault.bad_tick - fault.since_tick >= rule.soak.total_seconds()
