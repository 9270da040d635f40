"""Hand-overs (DB33/T 830-2011, 4.4.1.4): what was frozen, who signed, and the button to do so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from secmon.api import Contact, StoreDown, User
from secmon.console.access import USER
from secmon.console.daemon import DAEMON
from secmon.console.duty_api import DEPUTIES, WATCHROOM, Watchroom, time_of
from secmon.console.hand_over_api import NOTE, SHOWN, begin_early, found, sign_as
from secmon.console.pages.frame import form_of, go, may_work, refusal, render, speech_of
from secmon.console.pages.waiting import side_of
from secmon.console.problems import Problem
from secmon.console.wording import Speech
from secmon.core import swaps
from secmon.core.duty import EARLY
from secmon.core.handover import SIDES, HandOver, is_intact
from secmon.core.roster import Cover, Relief
from secmon.core.tickets import stamp

SECTIONS = ("rooms", "power", "recordings")  # of readings


def routes() -> list[web.RouteDef]:
    return [
        web.get("/hand-overs", hand_overs, name="page.hand_overs"),
        web.post("/hand-overs", begin, name="page.hand_over_begin"),
        web.get("/hand-overs/{id}", hand_over, name="page.hand_over"),
        web.post("/hand-overs/{id}/sign", sign, name="page.hand_over_sign"),
    ]


# --- the list --------------------------------------------------------------------------------


async def hand_overs(request: web.Request) -> web.Response:
    return await _list(request)


async def begin(request: web.Request) -> web.Response:
    """Freezes the next one now."""
    user = request[USER]
    try:
        made = await begin_early(request.app[WATCHROOM], user)
    except (Problem, StoreDown) as said:
        text, status = refusal(request, said)
        return await _list(request, refused=text, status=status)
    return go(f"/hand-overs/{made}")


async def _list(request: web.Request, *, refused: str = "", status: int = 200) -> web.Response:
    room, cover = request.app[WATCHROOM], request.app[WATCHROOM].cover()
    before = time_of(request.query.get("before", ""), "before")
    unsigned = sorted(room.world.book.hand_overs.values(), key=lambda one: one.due_at, reverse=True)
    some = list(await room.hand_overs(SHOWN, before))
    names = [name for one in (*unsigned, *some) for side in SIDES for name in one.people(side)]
    names += [signature.by for one in some for signature in one.signed.values()]
    last = some[-1].due_at if len(some) == SHOWN else None
    return render(
        request,
        "handovers.html",
        title=speech_of(request).say("handover.title"),
        live=("device:duty",),
        status=status,
        values={
            "cover": cover,
            "early": _early(room, cover, request[USER]),
            "unsigned": [] if before else unsigned,
            "signed": [one for one in some if not one.missing],
            "names": await _names(room, names),
            "following": f"/hand-overs?before={stamp(last)}" if last else "",
            "refused": refused,
        },
    )


def _early(room: Watchroom, cover: Cover | None, user: User) -> Relief | None:
    """The change of shift that this user may begin now already."""
    if cover is None or not may_work(user):
        return None
    now = room.clock.now()
    relief = cover.next_relief(max(room.world.book.watch.relieved_at or now, now))
    if relief is None or relief.at - now > EARLY:
        return None
    leads = swaps.leads(cover.duty, user.name, user.role in DEPUTIES)
    return relief if leads or user.name in relief.outgoing else None


async def _names(room: Watchroom, names: Sequence[str]) -> Mapping[str, str]:
    """Log-in → what people call them."""
    every = tuple(dict.fromkeys(names))
    try:
        contacts = {one.user: one for one in await room.contacts(every)}
    except StoreDown:
        contacts = {}
    return {name: contacts.get(name, Contact(name)).name or name for name in every}


# --- one of them -----------------------------------------------------------------------------


async def hand_over(request: web.Request) -> web.Response:
    done = "done" in request.query
    said = speech_of(request).say("handover.done") if done else ""
    return await _page(request, said=said)


async def sign(request: web.Request) -> web.Response:
    """A signature; what was refused comes back with the remark that was typed."""
    user = request[USER]
    room = request.app[WATCHROOM]
    form = await form_of(request)
    side, note = form.get("side", ""), form.get("note", "")[:NOTE]
    named = (await found(room, request.match_info["id"])).id
    try:
        await sign_as(room, user, named, side, note)
    except (Problem, StoreDown) as said:
        text, status = refusal(request, said)
        return await _page(request, refused=text, tried=side, note=note, status=status)
    return go(f"/hand-overs/{named}?done=1")


async def _page(
    request: web.Request,
    *,
    said: str = "",
    refused: str = "",
    tried: str = "",
    note: str = "",
    status: int = 200,
) -> web.Response:
    room, words, user = request.app[WATCHROOM], speech_of(request), request[USER]
    one = await found(room, request.match_info["id"])
    cover = room.cover()
    names = [name for side in SIDES for name in one.people(side)]
    names += [signature.by for signature in one.signed.values()]
    return render(
        request,
        "handover.html",
        title=words.say("handover.one", at=words.texts.moment(one.due_at, seconds=False)),
        url=f"/hand-overs/{one.id}",
        live=("device:duty",),
        status=status,
        values={
            "one": one,
            "intact": is_intact(one),
            "sides": [side_of(one, cover, user, side) for side in SIDES],
            "names": await _names(room, names),
            "tickets": _section(one, "tickets"),
            "down": _section(one, "devices_down"),
            "silences": _section(one, "silences"),
            "readings": [(code, _section(one, code)) for code in SECTIONS],
            "wrong": lambda row: _wrong(words, row),
            "shown": lambda row: words.reading(row["value"], row["reading"]),
            "when": lambda text: time_of(str(text or ""), "at"),
            "devices": request.app[DAEMON].policy.devices,
            "said": said,
            "refused": refused,
            "tried": tried,
            "note": note,
        },
    )


def _section(one: HandOver, code: str) -> Mapping[str, object]:
    """A section as it was frozen; one that there was not says that nothing was looked at."""
    known = one.content.get(code)
    return known if isinstance(known, Mapping) else {"monitored": False, "count": 0, "rows": []}


def _wrong(words: Speech, row: Mapping[str, object]) -> str:
    """Today's words for a ticket as it was frozen."""
    return words.texts.wrong(row)
