"""Acting on tickets: one way for the JSON API, the pages and the command line behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from secmon.api import Attachment, StoreDown, User
from secmon.console.daemon import Daemon
from secmon.console.problems import Problem
from secmon.console.requests import Kind
from secmon.console.rights import require, right_of
from secmon.console.views import bare
from secmon.core.model import (
    ENDED,
    Action,
    Content,
    Entry,
    Refusal,
    Severity,
    Spare,
    Ticket,
    TicketState,
    Verb,
    Way,
)
from secmon.core.tickets import as_json, stamp
from secmon.texts.clean import mask

REPORT_KEYS: Mapping[str, Kind] = {"device": str, "note": str, "part": str, "severity": Severity}
VERB_KEYS: Mapping[str, Kind] = {
    "note": str,
    "version": int,
    "way": Way,
    "to": str,
    "content": Content,
    "spare": str,
    "model": str,
    "quantity": int,
    "serial": str,
    "condition": str,
}
SPARE_KEYS = ("spare", "model", "quantity", "serial", "condition")


def ticket_json(daemon: Daemon, one: Ticket, hide: bool = False) -> dict[str, object]:
    """CONTRACT 5's ticket without its journal, its summary in the site's language; `hide` what
    devices answered, which names addresses."""
    shown = replace(one, facts=bare(one.facts)) if hide else one
    return {**as_json(shown, daemon.clock.now()), "summary": daemon.summary(shown)}


async def full_json(daemon: Daemon, one: Ticket, hide: bool = False) -> dict[str, object]:
    """The ticket with its journal, what was put to it, and when its camera saw something."""
    lines: Sequence[Entry] = ()
    files: Sequence[Attachment] = ()
    seen: Sequence[datetime] = ()
    with suppress(StoreDown):
        lines = await daemon.journal(one)
        files = await daemon.ledger.attachments(one.id)
        seen = await daemon.ledger.evidence_at(one.id)
    journal = [
        {"at": stamp(line.at), "by": line.by, "what": line.what, "why": line.why} for line in lines
    ]
    attached = [attachment_json(file) for file in files]
    more: dict[str, object] = {
        "journal": journal,
        "attachments": attached,
        "evidence": [stamp(at) for at in seen],
        "checklists": _checklists(one),
    }
    return {**ticket_json(daemon, one, hide), **more}


def attachment_json(file: Attachment) -> dict[str, object]:
    return {
        "id": file.id,
        "name": file.name,
        "kind": file.kind,
        "size": file.size,
        "at": stamp(file.at),
        "by": file.who,
    }


def _checklists(one: Ticket) -> dict[str, object]:
    """The plans that were begun: every step, and who ticked it when."""
    return {
        key: {
            "title": dict(known.title),
            "ours": known.ours,
            "steps": [
                {
                    "text": dict(step),
                    "done": {"at": stamp(mark.at), "by": mark.by}
                    if (mark := known.done.get(str(number)))
                    else None,
                }
                for number, step in enumerate(known.steps, 1)
            ],
        }
        for key, known in one.checklists.items()
    }


async def report(daemon: Daemon, user: User, body: Mapping[str, object]) -> Ticket:
    """Opens a ticket on a person's word; `body` was checked against REPORT_KEYS. Problem if not."""
    if "device" not in body:
        raise Problem(400, "device: expected a device's id (got nothing)")
    action = Action(
        str(body["device"]),
        Verb.REPORT,
        user.name,
        daemon.clock.now(),
        note=mask(str(body.get("note", ""))),
        part=str(body.get("part", "")),
        severity=Severity(str(body.get("severity", Severity.MINOR))),
    )
    return await _settle(daemon, await daemon.act(action), action)


async def carry_out(
    daemon: Daemon, user: User, number: str, verb: Verb, body: Mapping[str, object]
) -> Ticket:
    """Applies a verb; `body` was checked against VERB_KEYS. Problem 409 carries the present ticket;
    nothing was changed then."""
    require(user, right_of(verb))
    if verb is Verb.VERIFY:
        await _look_again(daemon, number)
    version = body.get("version")
    action = Action(
        number,
        verb,
        user.name,
        daemon.clock.now(),
        note=mask(str(body.get("note", ""))),
        version=version if isinstance(version, int) else None,
        way=Way(str(body["way"])) if "way" in body else None,
        to=mask(str(body.get("to", ""))),
        content=Content(str(body["content"])) if "content" in body else None,
        spare=_spare(body),
    )
    return await _settle(daemon, await daemon.act(action), action)


def _spare(body: Mapping[str, object]) -> Spare | None:
    """What was put in, if any of its fields was given."""
    if not any(key in body for key in SPARE_KEYS):
        return None
    name, model, serial, condition = (
        " ".join(mask(str(body.get(key, ""))).split())
        for key in ("spare", "model", "serial", "condition")
    )
    quantity = body.get("quantity", 1)
    number = quantity if isinstance(quantity, int) else 0
    return Spare(name, model, number, serial, condition)


def verb_of(word: str) -> Verb:
    """A verb that a ticket knows; Problem 404."""
    if word not in set(Verb) - {Verb.REPORT}:
        raise Problem(404, f"there is no verb {word[:40]!r}")
    return Verb(word)


async def _look_again(daemon: Daemon, number: str) -> None:
    """`verify` polls now and waits, so that it is judged on what is true now."""
    found = await daemon.ticket(number)
    if found is None or found.state is not TicketState.REPAIRED:
        return
    device = daemon.policy.devices.get(found.device)
    if device is not None and device.probes:
        await daemon.poll(device.id)


async def _settle(daemon: Daemon, outcome: Ticket | Refusal, action: Action) -> Ticket:
    if isinstance(outcome, Ticket):
        return outcome
    status = 400 if outcome.code == "invalid" else 409
    present = outcome.ticket or await daemon.ticket(action.subject)
    if present is None:
        raise Problem(404 if outcome.code == "unknown" else status, outcome.text)
    text = outcome.text
    if outcome.ticket is None and present.state in ENDED:
        text = f"ticket {present.number} is {present.state}: cannot {action.verb}"
    raise Problem(status, text, code=outcome.code, ticket=await full_json(daemon, present))
