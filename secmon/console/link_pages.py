"""`/t/TOKEN`: the page behind a message's link. GET only shows, for chat programs fetch links to
preview them; a button posts, and what it does stands in the journal as done by link.

The token is the log-in, so there is no cookie; a POST must nevertheless come from this very page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from aiohttp import web

from secmon.api import StoreDown, User
from secmon.console.access import WORKERS, Brake
from secmon.console.links import Link, LinkDesk, read
from secmon.console.origin import Networks, client_of, same_origin
from secmon.console.pages.frame import FRAME
from secmon.core.model import Action, Ticket, TicketState, Verb
from secmon.core.tickets import as_json
from secmon.texts import LANGUAGES, Texts
from secmon.texts.clean import clean

PATH = "/t/{token}"
BY = "link:"  # in the journal, before the name of who acted by link
NAMES = {"zh": "中文", "en": "English"}
FORM = "application/x-www-form-urlencoded"
NO_TICKET = {"number": "", "title": "", "rows": (), "version": 0, "buttons": (), "ask": ""}


@dataclass(frozen=True, slots=True)
class Doorway:
    """The pages and what slows down guessing and clicking."""

    desk: LinkDesk
    wrong: Brake  # tokens that we never made
    posts: Brake
    proxies: Networks = ()


DOORWAY: Final = web.AppKey("doorway", Doorway)


def set_up_links(app: web.Application, desk: LinkDesk, proxies: Networks) -> None:
    """Adds the pages; PATH must be open to all."""
    tick = desk.clock.tick
    app[DOORWAY] = Doorway(desk, Brake(tick), Brake(tick), proxies)
    app.add_routes([web.get(PATH, show), web.post(PATH, claim)])


# --- what is asked ---------------------------------------------------------------------------


async def show(request: web.Request) -> web.StreamResponse:
    """The ticket as it is now, and the button. Changes nothing, whoever fetches it."""
    doorway = request.app[DOORWAY]
    try:
        link, refusal = _admit(request, doorway, doorway.wrong)
        if link is None:
            return _page(request, note=refusal[1], status=refusal[0])
        return await _ticket_page(request, link)
    except StoreDown:
        return _page(request, note="store_away", status=503)


async def claim(request: web.Request) -> web.StreamResponse:
    """Acknowledges the ticket for who holds the link, or, in a group, for who says so."""
    doorway = request.app[DOORWAY]
    try:
        link, refusal = _admit(request, doorway, doorway.posts)
        if link is None:
            return _page(request, note=refusal[1], status=refusal[0])
        doorway.posts.wrong(client_of(request, doorway.proxies))  # every press counts
        if not same_origin(request, doorway.proxies, doorway.desk.public_url):
            return await _ticket_page(request, link, note="foreign", status=403)
        return await _claim(request, link)
    except StoreDown:
        return _page(request, note="store_away", status=503)


async def _claim(request: web.Request, link: Link) -> web.StreamResponse:
    desk = request.app[DOORWAY].desk
    form = await request.post() if request.content_type == FORM else {}
    who = link.user or str(form.get("who", ""))
    users = {user.name: user for user in await desk.users() if user.role in WORKERS}
    if who not in users or (not link.user and who not in await desk.claimants()):
        return await _ticket_page(request, link, note="not_you", status=403)
    version = str(form.get("version", ""))
    if not version.isascii() or not version.isdecimal() or len(version) > 9:
        return await _ticket_page(request, link, note="stale", status=400)
    done = await desk.act(
        Action(
            link.number,
            Verb.ACKNOWLEDGE,
            f"{BY}{who}",
            desk.clock.now(),
            note=f"by link, named {who}",
            version=int(version),
        )
    )
    if isinstance(done, Ticket):  # so that a reload of the page posts nothing
        raise web.HTTPSeeOther(request.path_qs)
    note = "stale" if done.code == "version" else ""
    return await _ticket_page(request, link, note=note, status=409)


def _admit(
    request: web.Request, doorway: Doorway, brake: Brake
) -> tuple[Link | None, tuple[int, str]]:
    """The link; or None with a status and the word that says why not."""
    address = client_of(request, doorway.proxies)
    if doorway.wrong.wait(address) or brake.wait(address):
        return None, (429, "too_often")
    link = read(doorway.desk.link_key, request.match_info["token"])
    if link is None:
        doorway.wrong.wrong(address)
        return None, (404, "forged")
    if link.expired(doorway.desk.clock.now()):
        return None, (410, "expired")
    return link, (200, "")


# --- what is shown ---------------------------------------------------------------------------


async def _ticket_page(
    request: web.Request, link: Link, *, note: str = "", status: int = 200
) -> web.Response:
    desk = request.app[DOORWAY].desk
    ticket = await desk.ticket(link.number)
    if ticket is None:
        return _page(request, note="forged", status=404)
    users = {user.name: user for user in await desk.users()}
    holder = users.get(link.user)
    spoken = holder.contact.language if holder and holder.contact else ""
    texts = _texts(request, spoken)
    if ticket.state is not TicketState.OPEN:
        note = note or "ended" if ticket.ended else note or "taken"
        status = 410 if ticket.ended and status == 200 else status
        buttons: list[tuple[str, str]] = []
    elif link.user:
        able = holder is not None and holder.role in WORKERS
        buttons = [("", texts.word("links", "claim"))] if able else []
        note = note if able else "not_you"
    else:
        named = [users[one] for one in await desk.claimants() if one in users]
        buttons = [(user.name, _name(user)) for user in named]
    return _page(
        request,
        texts=texts,
        note=note,
        status=status,
        number=ticket.number,
        title=f"{texts.word('severities', ticket.severity)} · {texts.what(_json(ticket, desk))}",
        rows=_rows(texts, ticket, _json(ticket, desk), users, desk.clock.now()),
        version=ticket.version,
        buttons=buttons,
        ask=texts.word("links", "who") if buttons and not link.user else "",
    )


def _json(ticket: Ticket, desk: LinkDesk) -> Mapping[str, object]:
    return as_json(ticket, desk.clock.now())


def _rows(
    texts: Texts,
    ticket: Ticket,
    as_told: Mapping[str, object],
    users: Mapping[str, User],
    now: datetime,
) -> list[tuple[str, str]]:
    mark = ticket.marks.get(TicketState.ACKNOWLEDGED)
    name = mark.by.removeprefix(BY) if mark else ""
    by = _name(users[name]) if name in users else name
    rows = [
        ("number", ticket.number),
        ("where", texts.where(as_told)),
        ("value", texts.value(ticket.value, ticket.reading) if ticket.value is not None else ""),
        ("since", texts.moment(ticket.detected_at, now)),
        ("cleared", texts.moment(ticket.cleared_at, now) if ticket.cleared_at else ""),
        ("state", texts.word("states", ticket.state)),
        ("by", f"{by} · {texts.moment(mark.at, now)}" if mark else ""),
    ]
    return [(texts.word("links", f"row_{key}"), clean(value)) for key, value in rows if value]


def _name(user: User) -> str:
    return clean((user.contact.name if user.contact else "") or user.name)


def _texts(request: web.Request, spoken: str = "") -> Texts:
    """In the language that was asked for, else in the holder's, else in the site's."""
    texts = request.app[DOORWAY].desk.texts
    wanted = [request.query.get("lang", ""), spoken]
    language = next((one for one in wanted if one in LANGUAGES), texts.language)
    return replace(texts, language=language)


def _page(
    request: web.Request,
    *,
    note: str = "",
    status: int = 200,
    texts: Texts | None = None,
    **parts: object,
) -> web.Response:
    """`note` is a word of the texts' group `links`."""
    spoken = texts or _texts(request)
    body = (
        request.app[FRAME]
        .templates.get_template("link.html")
        .render(
            language=spoken.language,
            site=spoken.site,
            note=spoken.word("links", note) if note else "",
            switch=[(code, NAMES[code]) for code in LANGUAGES if code != spoken.language],
            **{**NO_TICKET, **parts},
        )
    )
    return web.Response(
        status=status,
        text=body,
        content_type="text/html",
        headers={"X-Robots-Tag": "noindex"},  # the address is a secret
    )
