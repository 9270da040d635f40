"""docs/rules.md from the shipped rules: `python -m secmon.standard.rules_page > docs/rules.md`."""

from __future__ import annotations

import sys
from dataclasses import asdict

from secmon.core.durations import written
from secmon.core.model import Op, Rule, Value, Where
from secmon.standard.tables import shipped_rules

_HEAD = """\
# The rules that every site starts with

Made from `secmon/standard/rules.yaml` by `python -m secmon.standard.rules_page`; do not edit.

A reading that breaks a rule for as long as «for» says opens a ticket; it is good again at «clear»
(hysteresis), or where that is empty as soon as the rule is no longer broken. «Clause» says where
DB33/T 830-2011 asks to look at this; of the limits only the 25 °C are its own, the others are ours.
Readings of ports are judged on watched ports only: `watch: true`, a device that hangs on the port
through `parent`, or an uplink of the profile.

A site file changes a rule in one of three ways:

- A rule with the same `id` replaces it.
- A rule without `id` replaces those of the same `reading`, `where` and direction (`>` and `>=` are
  one direction, `<` and `<=` one, `==` and `!=` one, `missing` and `stuck` each one), and keeps the
  first one's id, so that an open fault survives the change.
- `{id: room-too-warm, off: true}` or `{reading: …, where: …, off: true}` switches off.

Where several rules of one reading and direction match a device, the most specific `where` wins:
device and part, then device, part, profile, kind, system, all.

| id | means | reading | where | bad | for | clear | severity | clause |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def page() -> str:
    """The whole page, as Markdown."""
    return _HEAD + "".join(_row(rule) for rule in shipped_rules())


def _row(rule: Rule) -> str:
    asks = rule.op not in (Op.MISSING, Op.STUCK)
    cells = (
        f"`{rule.id}`",
        f"{rule.text['zh']}<br>{rule.text['en']}",
        f"`{rule.reading}`",
        _where(rule.where),
        f"{rule.op} {_value(rule.limit)}" if asks else str(rule.op),
        written(rule.soak),
        "" if rule.clear is None else _value(rule.clear),
        str(rule.severity),
        rule.clause,
    )
    return f"| {' | '.join(cells)} |\n"


def _where(where: Where) -> str:
    return ", ".join(f"{key} {value}" for key, value in asdict(where).items() if value) or "all"


def _value(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    sys.stdout.write(page())
