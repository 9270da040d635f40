"""One ticket: what is wrong, its clocks, its journal, and what may be done about it now."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from secmon.api import Attachment, StoreDown
from secmon.console import acting
from secmon.console.access import USER
from secmon.console.clocks import faces
from secmon.console.daemon import DAEMON
from secmon.console.ledger import LEDGER
from secmon.console.pages.around import around
from secmon.console.pages.frame import form_of, go, render, speech_of
from secmon.console.pages.plans import plan_values
from secmon.console.problems import Problem
from secmon.console.requests import checked
from secmon.console.rights import Right, may, right_of
from secmon.console.uploads import take_in
from secmon.console.wording import Speech
from secmon.core.model import Content, Entry, Ticket, TicketState, Verb, Way
from secmon.core.tickets import possible

STEPS = (  # what usually comes next, in this order
    Verb.ACKNOWLEDGE,
    Verb.ARRIVE,
    Verb.REPAIR,
    Verb.VERIFY,
    Verb.CLOSE,
)
REMOTE = (Way.MAIL_IN, Way.PHONE, Way.REMOTE)
FORM_KEYS = ("note", "to", "other", "way", "content", "version", *acting.SPARE_KEYS)
NUMBERS = ("version", "quantity")
NUMBER = re.compile(r"[+-]?[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Form:
    """The form of one verb. `ways` are those to choose from; `given` is what was typed already."""

    verb: Verb
    first: bool
    note_needed: bool
    to: bool = False
    ways: Sequence[Way] = ()
    contents: Sequence[Content] = ()
    spare: bool = False
    given: Mapping[str, str] | None = None


def routes() -> list[web.RouteDef]:
    return [
        web.get("/tickets/{number}", ticket, name="page.ticket"),
        web.post("/tickets/{number}/attachments", attach, name="page.attach"),
        web.post("/tickets/{number}/{verb}", act, name="page.act"),
    ]


async def ticket(request: web.Request) -> web.Response:
    found = await _ticket(request)
    done = request.query.get("done", "")
    said = done_words(speech_of(request), done) if done else ""
    return await _page(request, found, said=said)


async def act(request: web.Request) -> web.Response:
    """A form's verb. What could not be done comes back with the present ticket and all that was
    typed."""
    user = request[USER]
    daemon, number = request.app[DAEMON], request.match_info["number"]
    verb = acting.verb_of(request.match_info["verb"])
    form = await form_of(request)
    given = {key: form[key] for key in FORM_KEYS if form.get(key, "").strip()}
    try:
        body = checked(_typed(await _named(request, given)), acting.VERB_KEYS)
        await acting.carry_out(daemon, user, number, verb, body)
    except StoreDown:
        words = speech_of(request).say("ticket.refused_store")
        return await _again(request, verb, given, words, 503)
    except Problem as said:
        if said.status not in (400, 409):
            raise
        return await _again(request, verb, given, _refused(request, said, verb), said.status)
    if form.get("back") == "/my":
        return go(f"/my?done={verb}")
    return go(f"/tickets/{number}?done={verb}")


async def attach(request: web.Request) -> web.Response:
    """A file from the page's form; why it was refused stands on the page."""
    found = await _ticket(request)
    try:
        await take_in(request)
    except Problem as said:
        if said.status not in (400, 409, 413, 415, 503):
            raise
        words = f"{speech_of(request).say('files.refused')} {said.detail}"
        return await _page(request, found, refused=words, status=said.status)
    return go(f"/tickets/{found.number}?done=attach")


async def _named(request: web.Request, given: Mapping[str, str]) -> dict[str, str]:
    """Whom to send was chosen as `to`, or typed as `other`: who has a log-in is named by that."""
    named = {key: text for key, text in given.items() if key != "other"}
    if "to" in named or "other" not in given:
        return named
    typed = given["other"].strip()
    log_ins = {called: name for name, called in await people(request) if called}
    return {**named, "to": log_ins.get(typed, typed)}


def _typed(given: Mapping[str, str]) -> dict[str, object]:
    """A form's texts as JSON would bring them."""
    typed: dict[str, object] = dict(given)
    for key in NUMBERS:
        if NUMBER.fullmatch(given.get(key, "")):
            typed[key] = int(given[key])
    return typed


async def _again(
    request: web.Request, verb: Verb, given: Mapping[str, str], refused: str, status: int
) -> web.Response:
    found = await _ticket(request)
    return await _page(request, found, refused=refused, tried=verb, given=given, status=status)


def _refused(request: web.Request, said: Problem, verb: Verb) -> str:
    words = speech_of(request)
    code = str(said.more.get("code", "invalid"))
    key = f"ticket.refused_{code}"
    name = words.texts.word("verbs", verb)
    text = words.say(key if key in words.phrases else "ticket.refused_state", verb=name)
    return text if code in ("version", "state", "unverified") else f"{text} {said.detail}"


def done_words(words: Speech, verb: str) -> str:
    """That a verb was carried out; empty for what is no verb."""
    if verb == "attach":
        return words.say("files.done")
    known = verb in set(Verb)
    return words.say("ticket.done", verb=words.texts.word("verbs", verb)) if known else ""


async def _ticket(request: web.Request) -> Ticket:
    number = request.match_info["number"]
    found = await request.app[DAEMON].ticket(number)
    if found is None:
        raise Problem(404, f"there is no ticket {number[:40]}")
    return found


async def _page(
    request: web.Request,
    found: Ticket,
    *,
    said: str = "",
    refused: str = "",
    tried: Verb | None = None,
    given: Mapping[str, str] | None = None,
    status: int = 200,
) -> web.Response:
    daemon, words = request.app[DAEMON], speech_of(request)
    now = daemon.clock.now()
    user = request[USER]
    seen = may(user, Right.PICTURES)
    noted = None if _spare(tried, given) else tried  # the form of spares keeps its own
    forms = [one for one in _forms(found, noted, given) if may(user, right_of(one.verb))]
    lost = given if noted and not any(form.given for form in forms) else None
    return render(
        request,
        "ticket.html",
        title=found.number,
        url=f"/tickets/{found.number}",
        live=(f"ticket:{found.number}", f"device:{found.device}"),
        every=60,
        status=status,
        values={
            "ticket": found,
            "wrong": words.wrong(found),
            "device": daemon.policy.devices.get(found.device),
            "devices": daemon.policy.devices,
            "clocks": faces(found, now),
            "journal": await _journal(request, found),
            "forms": forms,
            "people": await people(request) if any(form.to for form in forms) else (),
            "around": await around(request, found),
            "typed_spare": _spare(tried, given),
            "said": said,
            "refused": refused,
            "lost": lost or {},
            "steps": _steps(found),
            "files": await _files(request, found),
            "pictures": await _pictures(request, found) if seen else [],
            **plan_values(request, found),
        },
    )


async def _journal(request: web.Request, found: Ticket) -> list[tuple[Entry, str, str]]:
    """(line, what, why), newest first."""
    words = speech_of(request)
    try:
        lines = await request.app[DAEMON].journal(found)
    except StoreDown:
        return []
    return [(line, *words.entry(line)) for line in reversed(lines)]


async def _files(request: web.Request, found: Ticket) -> Sequence[Attachment]:
    try:
        return await request.app[LEDGER].attachments(found.id)
    except StoreDown:
        return []


async def _pictures(request: web.Request, found: Ticket) -> Sequence[datetime]:
    """When each picture of the evidence was taken."""
    try:
        return await request.app[LEDGER].evidence_at(found.id)
    except StoreDown:
        return []


async def people(request: web.Request) -> list[tuple[str, str]]:
    """(user name, as people call them) of those who may be sent."""
    try:
        every = await request.app[DAEMON].users()
    except StoreDown:
        return []
    return [
        (user.name, user.contact.name if user.contact else "")
        for user in every
        if may(user, Right.WORK)
    ]


def _spare(tried: Verb | None, given: Mapping[str, str] | None) -> Mapping[str, str]:
    """What was typed into the form of spares, and refused."""
    if tried is not Verb.NOTE or given is None:
        return {}
    return {key: given[key] for key in acting.SPARE_KEYS if key in given}


def _forms(found: Ticket, tried: Verb | None, given: Mapping[str, str] | None) -> list[Form]:
    """The verbs that the ticket's state allows, what usually comes next first."""
    verbs = possible(found)
    step = next_step(found, verbs)
    order = [*([step] if step else []), *(verb for verb in Verb if verb in verbs and verb != step)]
    return [_form(found, verb, verb == step, given if verb == tried else None) for verb in order]


def next_step(found: Ticket, verbs: Collection[Verb]) -> Verb | None:
    """What usually comes next, of these verbs."""
    if found.cleared_at is not None and Verb.CLOSE in verbs:
        return Verb.CLOSE
    return next((verb for verb in STEPS if verb in verbs), None)


def _form(found: Ticket, verb: Verb, first: bool, given: Mapping[str, str] | None) -> Form:
    needed = verb in (Verb.NOTE, Verb.CANCEL)
    needed = needed or (verb is Verb.CLOSE and found.state is not TicketState.VERIFIED)
    ways: Sequence[Way] = ()
    if verb is Verb.TRANSFER:
        ways = [way for way in Way if way is not found.way]
    elif verb is Verb.REPAIR and _nobody_came(found):
        ways = REMOTE  # done without going there: the only way to `repair` from here
    contents = tuple(Content) if verb is Verb.REPAIR else ()
    spare = verb is Verb.REPAIR
    return Form(verb, first, needed, verb is Verb.ASSIGN, ways, contents, spare, given)


def _nobody_came(found: Ticket) -> bool:
    return found.state is TicketState.ACKNOWLEDGED and found.way is Way.ON_SITE


def _steps(found: Ticket) -> list[tuple[TicketState, bool]]:
    """The states of this ticket's way, and which of them it reached."""
    reached = {TicketState.OPEN, found.state, *found.marks}
    cancelled = found.state is TicketState.CANCELLED

    def on_the_way(state: TicketState) -> bool:
        if cancelled or state is TicketState.CANCELLED:
            return state in reached
        return state is not TicketState.ON_SITE or found.way is Way.ON_SITE or state in reached

    return [(state, state in reached) for state in TicketState if on_the_way(state)]
