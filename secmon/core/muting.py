"""What a window does to faults: they are there and shown, and no ticket opens while it lasts.

A fault that is still there at the end is a suspect from that moment on: its soak is counted anew,
so a ticket opens only by a bad observation after the end, and is detected when the window ended.
One that came and went inside leaves a line of the journal, of each at most one an hour.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from secmon.core.draft import Draft
from secmon.core.model import Device, Fault, FaultState, Rule
from secmon.core.windows import every_window, next_edge, shade

SUBJECT = "maintenance"  # of the journal's lines that speak of no device
SELDOM = timedelta(hours=1)
A_MOMENT = timedelta(microseconds=1)


def mute(draft: Draft, device: Device, rule: Rule, fault: Fault) -> bool:
    """A suspect has lasted its soak. True: a window covers it, and it is shown only."""
    found = draft.shade().fault(device, rule.id, fault.key.part)
    if found is None:
        return False
    covered = replace(fault, state=FaultState.ACTIVE, wait_until=None, muted_by=found[0].id)
    draft.put(fault.key, fault, covered)
    return True


def passed(draft: Draft, fault: Fault) -> None:
    """It came and went inside a window."""
    last = draft.passed.get(fault.key) or draft.world.passed.get(fault.key)
    if last is not None and draft.now - last < SELDOM:
        return
    draft.passed[fault.key] = draft.now
    since = fault.since.isoformat(timespec="seconds")
    about = f"{fault.key.rule} {fault.key.part}".strip()
    draft.write(fault.key.device, "passed", f"{about} since {since}, covered by {fault.muted_by}")


def turn(draft: Draft) -> None:
    """It is time to look at the windows: one begins, one ends, or neither."""
    known = every_window(draft.policy, draft.silences().values())
    before = shade(draft.policy, draft.silences().values(), draft.now - A_MOMENT)
    old = {window.id: window for window, _ in before.active}
    new = {window.id: window for window, _ in draft.shade().active}
    for word, here, there in (("window begins", new, old), ("window ends", old, new)):
        for key in sorted(here.keys() - there.keys()):
            draft.write(SUBJECT, word, f"{key} {here[key].name}".strip())
    _lift(draft)
    draft.look_at_windows(next_edge(known, draft.now))


def take_up(draft: Draft) -> None:
    """At a start, with a new site file, or when a silence came or went."""
    _lift(draft)
    known = every_window(draft.policy, draft.silences().values())
    if known or draft.edge is not None:
        draft.look_at_windows(next_edge(known, draft.now))


def _lift(draft: Draft) -> None:
    """Faults that nothing covers any more are suspects from now on; of the others it is known by
    which window they are covered."""
    for fault in draft.muted():
        device = draft.policy.devices.get(fault.key.device)
        if device is None:
            continue  # goes with its device
        found = draft.shade().fault(device, fault.key.rule, fault.key.part)
        if found is not None:
            if found[0].id != fault.muted_by:
                draft.put(fault.key, fault, replace(fault, muted_by=found[0].id))
            continue
        tick = _tick(draft, device, fault, draft.now)
        shown = replace(
            fault,
            state=FaultState.SUSPECT,
            since=draft.now,
            since_tick=tick,
            bad_tick=tick,
            muted_by="",
        )
        draft.put(fault.key, fault, shown)


def _tick(draft: Draft, device: Device, fault: Fault, now: datetime) -> float:
    """What the monotonic clock shows now, told from the latest poll of the device."""
    polls = [draft.probe((device.id, plan.label)) for plan in device.probes]
    known = [(state.at, state.tick) for state in polls if state is not None]
    at, tick = max(known, default=(fault.since, fault.since_tick))
    return tick + (now - at).total_seconds()
