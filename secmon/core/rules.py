"""Which rules speak of which value: compiled once per layout, so that a poll looks only at these.

Where several rules name the same reading and direction, the most specific `where` wins:
device and part, then device, part, profile, kind, system, all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import cast

from secmon.core.faults import calm
from secmon.core.model import (
    DEVICE_UP,
    IDENTITY,
    PROBE_SUCCESS,
    STREAM_REACHED,
    STREAM_UP,
    Device,
    FaultKey,
    Layout,
    Op,
    Policy,
    ProbePlan,
    Rule,
    Severity,
    Value,
    Where,
)

_DIRECTION = {
    Op.ABOVE: "high",
    Op.AT_LEAST: "high",
    Op.BELOW: "low",
    Op.AT_MOST: "low",
    Op.IS: "equal",
    Op.IS_NOT: "equal",
}


def direction(op: Op) -> str:
    """Rules of one direction replace one another: > and >= are `high`, < and <= are `low`."""
    return _DIRECTION.get(op, str(op))


@dataclass(frozen=True, slots=True)
class Position:
    """One judged value: where it stands in `Plan.pick`, and who judges it."""

    part: str
    rules: tuple[Rule, ...]  # of one reading

    @property
    def reading(self) -> str:
        return self.rules[0].reading


@dataclass(frozen=True, slots=True)
class Plan:
    """What the rules want of one layout. `indexes` are places in the values."""

    policy: Policy
    indexes: tuple[int, ...]
    positions: tuple[Position, ...]
    stuck: tuple[int, ...]  # positions with a rule that asks for stuck
    missing: tuple[tuple[Rule, bool], ...]  # is it missing in this layout?
    lacks: bool  # at least one is
    pick: Callable[[Sequence[Value]], tuple[Value, ...]]
    """The values that rules look at."""
    calm: tuple[tuple[int, float, float], ...]
    """Place of a position, and between what its value is good (`faults.calm`)."""

    def suspects(self, watched: Sequence[Value]) -> Sequence[int]:
        """The positions whose values may be bad: the others are not."""
        try:
            return [
                place
                for (place, low, high), value in zip(self.calm, watched, strict=True)
                if not low <= value <= high  # type: ignore[operator]  # a text raises
            ]
        except TypeError:
            return range(len(watched))


ENOUGH = 20_000  # compiled things kept per policy: layouts that come and go must not pile up


def rules_for(policy: Policy, device: Device) -> tuple[Rule, ...]:
    """Every rule that may speak of this device; one object for all devices of a sort."""
    by_name = any(rule.where.device == device.id for rule in policy.rules)
    sort = (
        "rules",
        device.kind,
        device.system,
        device.profiles,
        device.id if by_name else "",
    )
    found = policy.memo.get(sort)
    if found is None:
        found = tuple(rule for rule in policy.rules if _matches(rule.where, device))
        policy.memo[sort] = found
    return cast("tuple[Rule, ...]", found)


def rule_of(policy: Policy, rule_id: str) -> Rule | None:
    """The rule with this id, if it is still in force."""
    index = policy.memo.get("by id")
    if index is None:
        index = {rule.id: rule for rule in policy.rules}
        policy.memo["by id"] = index
    return cast("dict[str, Rule]", index).get(rule_id)


def speaks(policy: Policy, key: FaultKey) -> bool:
    """Can this fault still be judged: are its device, rule, probe and part all in force?"""
    device, rule = policy.devices.get(key.device), rule_of(policy, key.rule)
    if device is None or rule is None:
        return False
    if rule.reading == DEVICE_UP:
        asked = bool(device.probes)
    elif rule.reading in (PROBE_SUCCESS, IDENTITY):
        asked = device.probe(key.part) is not None
    elif rule.reading == STREAM_REACHED:
        plan = device.probe(key.part)
        asked = plan is not None and STREAM_UP in plan.brings
    elif rule.op is Op.MISSING:
        asked = any(rule.reading in plan.brings for plan in device.probes)
    else:
        asked = not policy.words[rule.reading].watched or key.part in device.watched
    rivals = [one for one in rules_for(policy, device) if one.reading == rule.reading]
    return asked and rule in winners(rivals, key.part)


@dataclass(frozen=True, slots=True)
class Reach:
    """The rules on what the core makes itself of the probes of a device."""

    silence: tuple[Rule, ...]
    identity: tuple[Rule, ...]
    failing: tuple[Rule, ...]
    stream: tuple[Rule, ...]


def reach_rules(policy: Policy, device: Device) -> Reach:
    """Those that speak of this device; one object for all devices of a sort."""
    rules = rules_for(policy, device)
    key = ("reach", id(rules))
    found = policy.memo.get(key)
    if found is None:
        found = Reach(
            tuple(winners([r for r in rules if r.reading == DEVICE_UP], "")),
            *(
                tuple(r for r in rules if r.reading == name)
                for name in (IDENTITY, PROBE_SUCCESS, STREAM_REACHED)
            ),
        )
        policy.memo[key] = found
    return cast("Reach", found)


def plan_for(policy: Policy, device: Device, probe: ProbePlan, layout: Layout) -> Plan:
    """The plan of a layout, shared by all devices on which the same rules look at it."""
    rules = rules_for(policy, device)
    key = (id(layout), id(rules), device.watched, probe.brings)
    found = policy.memo.get(key)
    if found is None or cast("tuple[Layout, Plan]", found)[0] is not layout:
        if len(policy.memo) > ENOUGH:
            policy.memo.clear()
        found = (layout, _compile(policy, device, probe, layout, rules))
        policy.memo[key] = found
    return cast("tuple[Layout, Plan]", found)[1]


def severity_at(device: Device, rule: Rule, part: str) -> Severity:
    """The site file may weigh one part otherwise than the rule does."""
    chosen = device.parts.get(part)
    return chosen.severity if chosen and chosen.severity else rule.severity


def winners(rules: Iterable[Rule], part: str) -> list[Rule]:
    """Of the rules of one direction only the most specific ones speak, at this part; one that is
    off silences the wider ones and says nothing itself."""
    best: dict[str, int] = {}
    speaking = [rule for rule in rules if rule.where.part in ("", part)]
    for rule in speaking:
        side = direction(rule.op)
        best[side] = max(best.get(side, 0), _weight(rule.where))
    chosen = [rule for rule in speaking if _weight(rule.where) == best[direction(rule.op)]]
    return [rule for rule in chosen if not rule.off]


def _matches(where: Where, device: Device) -> bool:
    return (
        where.device in ("", device.id)
        and where.kind in ("", device.kind)
        and where.system in ("", device.system)
        and (not where.profile or where.profile in device.profiles)
    )


def _weight(where: Where) -> int:
    fields = (where.system, where.kind, where.profile, where.part, where.device)
    return sum(1 << place for place, value in enumerate(fields) if value)


def _compile(
    policy: Policy, device: Device, probe: ProbePlan, layout: Layout, rules: tuple[Rule, ...]
) -> Plan:
    by_reading: dict[str, list[Rule]] = {}
    for rule in rules:
        by_reading.setdefault(rule.reading, []).append(rule)
    indexes: list[int] = []
    positions: list[Position] = []
    for name, (start, end) in layout.spans.items():
        watched = policy.words[name].watched
        speaking = [r for r in by_reading.get(name, ()) if r.op is not Op.MISSING]
        for index in range(start, end) if speaking else ():
            part = layout.parts[index]
            chosen = winners(speaking, part)
            if chosen and (not watched or part in device.watched):
                indexes.append(index)
                positions.append(Position(part, tuple(chosen)))
    stuck = tuple(
        place
        for place, position in enumerate(positions)
        if any(rule.op is Op.STUCK for rule in position.rules)
    )
    missing = tuple(_missing(rules, probe, layout))
    lacks = any(bad for _, bad in missing)
    calms = tuple((i, *calm(position.rules)) for i, position in enumerate(positions))
    pick = _picker(indexes)
    return Plan(policy, tuple(indexes), tuple(positions), stuck, missing, lacks, pick, calms)


def _picker(indexes: Sequence[int]) -> Callable[[Sequence[Value]], tuple[Value, ...]]:
    match indexes:
        case []:
            return lambda _: ()
        case [only]:
            return lambda values: (values[only],)
    return cast("Callable[[Sequence[Value]], tuple[Value, ...]]", itemgetter(*indexes))


def _missing(
    rules: Iterable[Rule], probe: ProbePlan, layout: Layout
) -> Iterable[tuple[Rule, bool]]:
    asked = [r for r in rules if r.op is Op.MISSING and r.reading in probe.brings]
    by_reading: dict[str, list[Rule]] = {}
    for rule in asked:
        by_reading.setdefault(rule.reading, []).append(rule)
    for name, some in by_reading.items():
        for part in {rule.where.part for rule in some}:
            for rule in winners([r for r in some if r.where.part == part], part):
                gone = layout.index(name, part) is None if part else name not in layout.spans
                yield rule, gone
