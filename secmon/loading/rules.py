"""The shipped rules, the profiles' and the site's → the rules in force. docs/rules.md says how.

A rule of the site replaces shipped ones by `id`, or without an id by reading, `where` and
direction; then it takes over the first one's id, so that an open fault survives the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, count

from secmon.core.model import Device, Op, Rule, Value, Where, Word
from secmon.core.rules import direction
from secmon.loading.problems import Place, got, nearest, one_of
from secmon.loading.profiles import Profile, check_word
from secmon.settings import RuleEntry

_UNVALUED = (Op.MISSING, Op.STUCK)
_FLAG_OPS = (Op.IS, Op.IS_NOT)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule may speak of."""

    words: Mapping[str, Word]
    devices: Mapping[str, Device]
    ids: frozenset[str]  # of all devices, also of those that have mistakes
    kinds: frozenset[str]
    systems: frozenset[str]
    profiles: frozenset[str]


def build(
    shipped: Sequence[Rule],
    profiles: Iterable[Profile],
    entries: Sequence[tuple[int, RuleEntry]],
    scope: Scope,
    place: Place,
) -> tuple[Rule, ...]:
    """The rules in force, in the order shipped, profiles', site's. Mistakes are told."""
    rules = {rule.id: rule for rule in shipped}
    for profile in profiles:
        _add_profile(profile, rules, scope, Place(place.problems, profile.document))
    return _with_site(rules, entries, scope, place)


def _add_profile(profile: Profile, rules: dict[str, Rule], scope: Scope, place: Place) -> None:
    for index, entry in enumerate(profile.rules):
        here = place.at("rules", index)
        where = replace(Where(**entry.where.model_dump()), profile=profile.name)
        rule = _rule(entry, where, scope, here)
        if rule is not None and not rule.off:
            _insert(rule, rules, here)


def _with_site(
    rules: dict[str, Rule],
    entries: Sequence[tuple[int, RuleEntry]],
    scope: Scope,
    place: Place,
) -> tuple[Rule, ...]:
    shipped = dict(rules)
    taken: set[str] = set()  # ids that the site's own rules have
    for index, entry in entries:
        here = place.at("rules", index)
        where = Where(**entry.where.model_dump())
        _check_where(where, scope, here.at("where"))
        if entry.off:
            _switch_off(entry, where, shipped, rules, here)
            continue
        rule = _rule(entry, where, scope, here)
        if rule is None:
            continue
        if not _touches(where, scope):
            here.doubt("expected a `where` that some device matches: this rule has no effect")
        if not rule.id:
            rule = replace(rule, id=_inherited(rule, shipped, rules, taken))
        rule = _titled(rule, shipped.get(rule.id))
        if rule.id in taken:
            here.at("id").wrong(f"expected a rule's id once (got {rule.id} again)")
        taken.add(rule.id)
        rules[rule.id] = rule
    return tuple(rules.values())


def _inherited(
    rule: Rule, shipped: Mapping[str, Rule], rules: dict[str, Rule], taken: set[str]
) -> str:
    """Takes the shipped rules that this one replaces out of force, and gives the id it goes by."""
    same = [one.id for one in shipped.values() if _replaces(rule, one)]
    for one in same:
        if one not in taken:
            rules.pop(one, None)
    free = (one for one in chain(same, _names(rule)) if one not in taken)
    return next(free)


def _titled(rule: Rule, old: Rule | None) -> Rule:
    """A rule that only moves the limit keeps the shipped rule's title and clause."""
    if old is None or old.reading != rule.reading or direction(old.op) != direction(rule.op):
        return rule
    return replace(rule, text=rule.text or old.text, clause=old.clause)


def _names(rule: Rule) -> Iterable[str]:
    """`temperature_celsius{kind=machine-room}`, and what to add where that is taken."""
    where = ",".join(f"{key}={value}" for key, value in asdict(rule.where).items() if value)
    name = f"{rule.reading}{{{where}}}" if where else rule.reading
    yield name
    yield f"{name} {rule.op}"
    yield from (f"{name} {rule.op} {number}" for number in count(2))


def _replaces(rule: Rule, other: Rule) -> bool:
    same = rule.reading == other.reading and rule.where == other.where
    return same and direction(rule.op) == direction(other.op)


def _switch_off(
    entry: RuleEntry,
    where: Where,
    shipped: Mapping[str, Rule],
    rules: dict[str, Rule],
    here: Place,
) -> None:
    if entry.id is not None:
        if entry.id not in shipped:
            close = nearest(entry.id, shipped)
            here.at("id").wrong(f"expected the id of a shipped rule{close} (got {entry.id!r})")
        rules.pop(entry.id, None)
        return
    gone = [
        rule.id
        for rule in shipped.values()
        if rule.reading == entry.reading and rule.where == where
        if entry.op is None or direction(rule.op) == direction(entry.op)
    ]
    if not gone:
        here.wrong(f"expected the reading and `where` of a shipped rule (got {entry.reading!r})")
    for rule_id in gone:
        rules.pop(rule_id, None)


def _insert(rule: Rule, rules: dict[str, Rule], here: Place) -> None:
    if not rule.id:
        rule = replace(rule, id=next(name for name in _names(rule) if name not in rules))
    if rule.id in rules:
        here.at("id").wrong(f"expected an id of its own (got {rule.id}, which is taken)")
    rules[rule.id] = rule


# --- one rule ----------------------------------------------------------------------------------


def _rule(entry: RuleEntry, where: Where, scope: Scope, here: Place) -> Rule | None:
    """The rule, its id empty where the entry has none; None if it cannot be made."""
    if entry.reading is None or entry.op is None:
        return None  # told already, or off
    check_word(entry.reading, scope.words, here.at("reading"))
    word = scope.words.get(entry.reading)
    if word is None or not _limit_fits(entry, entry.op, word, here):
        return None
    return Rule(
        id=entry.id or "",
        reading=entry.reading,
        op=entry.op,
        limit=0 if entry.limit is None else entry.limit,
        soak=entry.soak,
        clear=entry.clear,
        severity=entry.severity,
        where=where,
        text={key: value for key, value in entry.text.model_dump().items() if value},
        clause="ours",
    )


def _limit_fits(entry: RuleEntry, op: Op, word: Word, here: Place) -> bool:
    """Does the limit suit the reading's type, and does `clear` lie on the good side?"""
    if op in _UNVALUED:
        for key, value in (("limit", entry.limit), ("clear", entry.clear)):
            if value is not None:
                here.at(key).wrong(f"expected none with {op} (got {got(value)})")
                return False
        return True
    if word.type in ("flag", "text"):
        return _plain_fits(entry, op, word, here)
    for key, value in (("limit", entry.limit), ("clear", entry.clear)):
        absent = value is None and key == "clear"
        if not absent and (isinstance(value, (bool, str)) or value is None):
            here.at(key).wrong(f"expected a number, in {word.unit or 'units'} (got {got(value)})")
            return False
    return _clear_fits(entry.limit, entry.clear, op, here.at("clear"))


def _plain_fits(entry: RuleEntry, op: Op, word: Word, here: Place) -> bool:
    wanted, name = (bool, "true or false") if word.type == "flag" else (str, "a text")
    if op not in _FLAG_OPS:
        here.at("op").wrong(f"expected == or !=, as {word.name} is {name} (got {op})")
    elif not isinstance(entry.limit, wanted):
        here.at("limit").wrong(f"expected {name}, as {word.name} is (got {got(entry.limit)})")
    elif entry.clear is not None:
        here.at("clear").wrong(f"expected none, as {word.name} is {name} (got a value)")
    else:
        return True
    return False


def _clear_fits(limit: Value | None, clear: Value | None, op: Op, here: Place) -> bool:
    if (
        clear is None
        or isinstance(clear, (bool, str))
        or isinstance(limit, (bool, str, type(None)))
    ):
        return True
    side = direction(op)
    if side == "equal":
        here.wrong(f"expected none with {op} (got {clear})")
    elif (side == "high" and clear > limit) or (side == "low" and clear < limit):
        word = "most" if side == "high" else "least"
        here.wrong(f"expected at {word} the limit {limit} (got {clear})")
    else:
        return True
    return False


def _check_where(where: Where, scope: Scope, place: Place) -> None:
    known: dict[str, tuple[str, Iterable[str]]] = {
        "device": (where.device, scope.ids),
        "kind": (where.kind, scope.kinds),
        "system": (where.system, scope.systems),
        "profile": (where.profile, scope.profiles),
    }
    for key, (name, names) in known.items():
        if name and name not in names:
            few = list(names) if key != "device" else list(names)[:1000]
            choice = one_of(few) if key != "device" else "the id of a device"
            close = nearest(name, few)
            place.at(key).wrong(f"expected {choice}{close} (got unknown {key} {name!r})")


def _touches(where: Where, scope: Scope) -> bool:
    """Does any device match?"""
    if where.device:
        return where.device in scope.ids
    return any(
        where.kind in ("", device.kind)
        and where.system in ("", device.system)
        and (not where.profile or where.profile in device.profiles)
        for device in scope.devices.values()
    )
