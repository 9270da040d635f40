"""Is the device that answers the one that should? By its serial number, else by its MAC.

Who it should be: the `serial` of the site file; without one, whoever answered first. Each probe
that says who the device is keeps that apart, in facts: `own_serial/PROBE`, `own_mac/PROBE`; and of
a stranger `found_serial/PROBE`, `found_mac/PROBE`, `found_model/PROBE`. A person accepts a stranger
by `repair` or `cancel` of the ticket: until the site file names another serial, it is the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from secmon.core.draft import Draft
from secmon.core.model import IDENTITY, Cause, Device, Observation, Ticket, Value
from secmon.core.rules import rule_of

SAYS = frozenset(("serial", "mac"))  # facts that tell one device from another
LONG = 6  # signs: a serial this long may stand inside a longer one (model + date + serial)


@dataclass(frozen=True, slots=True)
class Who:
    """What tells one device from another; empty: it does not say."""

    serial: str = ""
    mac: str = ""

    def __str__(self) -> str:
        return self.serial or self.mac


def look(draft: Draft, device: Device, seen: Observation) -> bool | None:
    """Is it our device that speaks? None: it does not say who it is. Remembers what it says."""
    said = Who(seen.facts.get("serial", ""), seen.facts.get("mac", ""))
    if not (said.serial or said.mac):
        return None
    label = seen.probe
    own = _own(draft, device, label)
    same = _same(own, said, by_site=bool(device.serial) and own.serial == device.serial)
    if same is False:
        model = seen.facts.get("model", "")
        draft.learn(device.id, _named("found", label, said) | {f"found_model/{label}": model})
    else:
        _keep(draft, device, label, said)
    return same is not False


def strange(draft: Draft, device: Device) -> bool:
    """Is another device at its address? Then what answers there says nothing of this one."""
    for fault in draft.troubles(device.id):
        rule = rule_of(draft.policy, fault.key.rule)
        if rule is not None and rule.reading == IDENTITY and met(draft, device, fault.key.part):
            return True
    return False


def met(draft: Draft, device: Device, label: str) -> bool:
    """Was the right one ever seen by this probe? If not, it may as well be the site file that has
    another number than the device: no reason to look away from what it does."""
    return any(draft.fact(device.id, f"own_{name}/{label}") for name in ("serial", "mac"))


def words(draft: Draft, device: Device, seen: Observation) -> Mapping[str, Value]:
    """Who should be there, and who is."""
    found = Who(seen.facts.get("serial", ""), seen.facts.get("mac", ""))
    own = _own(draft, device, seen.probe)
    alike = "serial" if own.serial and found.serial else "mac"
    facts: dict[str, Value] = {
        "cause": str(Cause.ANOTHER_DEVICE),
        "probe": seen.probe,
        "expected": getattr(own, alike),
        "found": getattr(found, alike),
    }
    if model := seen.facts.get("model"):
        facts["model"] = model
    return facts


def accept(draft: Draft, device: Device, ticket: Ticket) -> str:
    """The stranger is the device from now on; gives what was accepted, empty: there was none."""
    label = ticket.part
    names = (draft.fact(device.id, f"found_{name}/{label}") for name in ("serial", "mac"))
    found = Who(*names)
    if ticket.reading != IDENTITY or ticket.cleared_at is not None or not str(found):
        return ""
    own = _own(draft, device, label)
    _keep(draft, device, label, found)
    draft.learn(device.id, {f"own_for/{label}": device.serial})
    return f"{found} instead of {own}"


def _own(draft: Draft, device: Device, label: str) -> Who:
    own_serial, own_mac, own_for = (
        draft.fact(device.id, f"own_{name}/{label}") for name in ("serial", "mac", "for")
    )
    accepted = bool(own_for) and own_for == device.serial
    if device.serial and not accepted:
        return Who(device.serial, own_mac)
    return Who(own_serial, own_mac)


def _same(own: Who, said: Who, *, by_site: bool) -> bool | None:
    """Alike in the serial, or in the MAC. The site file's serial is not outvoted."""
    votes = [
        _alike(mine, theirs)
        for mine, theirs in ((own.serial, said.serial), (own.mac, said.mac))
        if mine and theirs
    ]
    if by_site and said.serial:
        return votes[0]
    return any(votes) if votes else None


def _alike(one: str, other: str) -> bool:
    """Labels, site files and devices write a serial differently: only its signs count."""
    short, long = sorted((_bare(one), _bare(other)), key=len)
    return short == long or (len(short) >= LONG and short in long)


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _keep(draft: Draft, device: Device, label: str, who: Who) -> None:
    """What it says of itself holds from now on; of a stranger nothing is left."""
    draft.learn(device.id, _named("own", label, who))
    gone = (f"found_{name}/{label}" for name in ("serial", "mac", "model"))
    draft.learn(device.id, {name: "" for name in gone if draft.fact(device.id, name)})


def _named(kind: str, label: str, who: Who) -> dict[str, str]:
    both = {f"{kind}_serial/{label}": who.serial, f"{kind}_mac/{label}": who.mac}
    return {name: text for name, text in both.items() if text or kind == "found"}
