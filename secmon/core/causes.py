"""What a failure or a wrong value comes of, told from all that the probes of a device know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from secmon.core.boots import REBOOTED, RESTARTS
from secmon.core.change import ProbeState
from secmon.core.draft import Draft
from secmon.core.model import (
    DEVICE_UP,
    PROBE_SUCCESS,
    STREAM_REACHED,
    STREAM_UP,
    Cause,
    Device,
    Failure,
    Observation,
    Reason,
    Rule,
    Value,
)

CLOCK = "clock_offset_seconds"
CLOCK_MATTERS = 60.0  # s: a clock that is off by more may be why a log-in is refused
CLOCK_RESET = -180 * 86_400.0  # s: nobody sets a clock so wrong; it stands at its factory's date

# The service says no to us: that is not the stream's fault.
BARRED = frozenset((Cause.LOGIN, Cause.LOCKED, Cause.NO_LOGIN, Cause.NO_RIGHT))

# Of the probes of a silent device this one's word is passed on: a refused connection says more
# than none, since somebody is there to refuse it.
_TELLING = (Cause.CLOSED, Cause.HUNG_UP, Cause.NO_ROUTE, Cause.NO_NAME)

_WORK: Mapping[str, tuple[Cause, ...]] = {
    "line": (Cause.SILENT, Cause.NO_ROUTE, Cause.NO_NAME),  # power, cable, switch, address
    "device": (Cause.CLOSED, Cause.HUNG_UP, Cause.WRONG_SERVICE),  # its services, its settings
    "account": (Cause.LOGIN, Cause.LOCKED, Cause.NO_LOGIN, Cause.NO_RIGHT),
    "stream": (Cause.NO_STREAM, Cause.BUSY, Cause.NO_VIDEO, Cause.NO_MEDIA),
    "identity": (Cause.ANOTHER_DEVICE,),
    "clock": (Cause.CLOCK_RESET,),
}
_WORK_OF = {str(cause): kind for kind, causes in _WORK.items() for cause in causes}


def work(cause: object, reading: str) -> str:
    """What kind of work it makes: who is sent, and with what. Unknown causes go by the reading."""
    return _WORK_OF.get(str(cause), reading)


def of(failure: Failure) -> Cause:
    """The driver's word; no answer at all is silence."""
    if not failure.cause and failure.reason in (Reason.UNREACHABLE, Reason.TIMEOUT):
        return Cause.SILENT
    return failure.cause


def words(
    draft: Draft, device: Device, seen: Observation, rule: Rule, value: Value | None
) -> Mapping[str, Value]:
    """What is said of a broken rule on reachability, stream or clock; nothing of other rules."""
    name = rule.reading
    if name == DEVICE_UP:
        return _silence(draft, device, seen)
    if name in (PROBE_SUCCESS, STREAM_REACHED) and seen.failure is not None:
        return _failing(draft, device, seen, seen.failure)
    if name == STREAM_UP and value is False:
        return {"cause": str(Cause.NO_MEDIA), **_answers(draft, device, seen.probe)}
    if name == CLOCK and _number(value) < CLOCK_RESET:
        return {"cause": str(Cause.CLOCK_RESET)}
    if name == RESTARTS:
        return {REBOOTED: draft.fact(device.id, REBOOTED)}
    return {}


def barred(failure: Failure | None) -> bool:
    """Is it we who are not let in?"""
    return failure is not None and of(failure) in BARRED


def _silence(draft: Draft, device: Device, seen: Observation) -> Mapping[str, Value]:
    """One probe speaks for all: of those that say most the first one of the site file."""
    failed = [
        (label, state.failure)
        for label, state in _polls(draft, device)
        if state.failure is not None and state.failure.reason is not Reason.INTERNAL
    ]
    if not failed:
        return {}
    for cause in _TELLING:
        for label, failure in failed:
            if of(failure) is cause:
                return _failed(label, failure)
    mine = [one for one in failed if one[0] == seen.probe]
    return _failed(*(mine or failed)[0])


def _failing(
    draft: Draft, device: Device, seen: Observation, failure: Failure
) -> Mapping[str, Value]:
    facts = {**_failed(seen.probe, failure), **_answers(draft, device, seen.probe)}
    ahead = _clock(draft, device, failure)
    if of(failure) is Cause.LOGIN and abs(ahead) > CLOCK_MATTERS:
        facts[CLOCK] = ahead
    return facts


def _failed(label: str, failure: Failure) -> dict[str, Value]:
    facts: dict[str, Value] = {
        "failure": str(failure.reason),
        "text": failure.text,
        "probe": label,
    }
    if cause := of(failure):
        facts["cause"] = str(cause)
    return facts


def _answers(draft: Draft, device: Device, but: str) -> dict[str, Value]:
    """The other probes of the device that had a good answer last time."""
    well = [
        label for label, state in _polls(draft, device) if label != but and state.failure is None
    ]
    return {"answers": ", ".join(well)} if well else {}


def _clock(draft: Draft, device: Device, failure: Failure) -> float:
    """How far the device's clock is ahead, as the failed poll or else the last good one says."""
    if (told := failure.facts.get(CLOCK)) is not None:
        return _number(told)
    for _, state in _polls(draft, device):
        place = state.layout.index(CLOCK)
        if place is not None:
            return _number(state.values[place])
    return 0.0


def _polls(draft: Draft, device: Device) -> Iterator[tuple[str, ProbeState]]:
    for plan in device.probes:
        state = draft.probe((device.id, plan.label))
        if state is not None:
            yield plan.label, state


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
