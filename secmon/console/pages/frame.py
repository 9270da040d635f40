"""What every page stands in: its language, its reader, its template; and what came in a form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from secmon.api import StoreDown, User
from secmon.console.access import DOOR, USER
from secmon.console.daemon import DAEMON
from secmon.console.origin import scheme_of
from secmon.console.pages import static, waiting
from secmon.console.problems import Problem
from secmon.console.rights import Right, may
from secmon.console.wording import Speech, speech
from secmon.core import swinging
from secmon.core.model import Ticket
from secmon.texts import LANGUAGES, clean

LANGUAGE_COOKIE = "secmon-language"
YEAR_S = 365 * 24 * 3600
FIELDS = 50  # of a form at most
LOCAL = re.compile(r"/(?![/\\])[^\x00-\x20\\\x7f]*")  # a path of ours, nothing that leads away


@dataclass(slots=True)
class Frame:
    """What all pages of an application share."""

    templates: Environment
    speeches: dict[tuple[str, bool], Speech] = field(default_factory=dict)


FRAME: Final = web.AppKey("frame", Frame)


def set_up(app: web.Application) -> None:
    templates = Environment(
        loader=PackageLoader("secmon.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters["clean"] = clean
    templates.filters["segment"] = lambda text: quote(text, safe="")
    templates.globals["static"] = lambda name: static.link(app, name)
    app[FRAME] = Frame(templates)


# --- the page ---


def language_of(request: web.Request) -> str:
    """`?lang=`, else what this browser chose before, else `site.language`."""
    for said in (request.query.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if said in LANGUAGES:
            return str(said)
    return request.app[DAEMON].language


def speech_of(request: web.Request) -> Speech:
    """The reader's words, made anew after the site file was."""
    language = language_of(request)
    texts = request.app[DAEMON].speak(language)
    hides = not may(request.get(USER), Right.ADDRESSES)
    speeches = request.app[FRAME].speeches
    known = speeches.get((language, hides))
    if known is None or known.texts is not texts:
        known = speeches[language, hides] = speech(texts, hides)
    return known


def render(
    request: web.Request,
    template: str,
    *,
    title: str,
    url: str = "",
    live: Iterable[str] = (),
    every: int = 30,
    status: int = 200,
    values: Mapping[str, object] | None = None,
) -> web.Response:
    """A page. `live`: the events that make it look again (`ticket`, `device`, `ticket:NUMBER`,
    `device:ID`); `every`: it looks again after so many seconds anyway; `url`: where, if not where
    it was asked for."""
    daemon, words = request.app[DAEMON], speech_of(request)
    user: User | None = request.get(USER)
    now = daemon.clock.now()
    language = words.texts.language
    page = request.app[FRAME].templates.get_template(template)
    text = page.render(
        say=words.say,
        words=words,
        texts=words.texts,
        language=language,
        other=_other_language(request, language),
        site_name=words.texts.site,
        user=user,
        may_work=may_work(user),
        may=lambda right: may(user, Right(right)),
        now=now,
        now_ms=milliseconds(now),
        title=title,
        url=url or request.path_qs,
        live=" ".join(live),
        every=every,
        version=daemon.version,
        nav=_nav(request),
        open_tickets=len(daemon.world.tickets),
        my_tickets=sum(is_mine(user, one) for one in daemon.world.tickets.values()),
        to_sign=waiting.to_sign(daemon, user),
        system_word=lambda code: words.texts.word("systems", code),
        unsteady=lambda ticket: swinging.unsteady(ticket, now),
        level_word=lambda code: words.say(f"level.{code}"),
        **(values or {}),
    )
    response = web.Response(text=text, status=status, content_type="text/html", charset="utf-8")
    if request.query.get("lang") in LANGUAGES:
        _remember_language(request, response, language)
    return response


def is_mine(user: User | None, ticket: Ticket) -> bool:
    """Is it assigned to this person?"""
    return user is not None and ticket.assignee == user.name


def may_work(user: User | None) -> bool:
    return may(user, Right.WORK)


def refusal(request: web.Request, said: Problem | StoreDown) -> tuple[str, int]:
    """What could not be done, in the reader's words, and the status to answer with. A problem that
    no form of ours could cause is raised again."""
    say = speech_of(request).say
    if isinstance(said, StoreDown):
        return say("ticket.refused_store"), 503
    if said.status not in (400, 403, 404, 409):
        raise said
    return f"{say('frame.refused')} {said.detail}", said.status


def milliseconds(at: datetime) -> int:
    """Since 1970, as browsers count."""
    return int(at.timestamp() * 1000)


def go(url: str) -> web.Response:
    """After a form: the browser asks for the page, so that «reload» sends nothing twice."""
    return web.Response(status=303, headers={"Location": url})


def local(path: str) -> str:
    """The path if it is one of ours, else `/`."""
    good = len(path) <= 2000 and LOCAL.fullmatch(path) and not urlsplit(path).netloc
    return path if good else "/"


def _nav(request: web.Request) -> str:
    return request.path.strip("/").partition("/")[0]


def _other_language(request: web.Request, language: str) -> str:
    """This page in the other language; of a page that a form brought, the start."""
    query = [(key, value) for key, value in request.query.items() if key != "lang"]
    query.append(("lang", "en" if language == "zh" else "zh"))
    path = request.rel_url.raw_path if request.method in ("GET", "HEAD") else "/"
    return f"{path}?{urlencode(query)}"


def _remember_language(request: web.Request, response: web.Response, language: str) -> None:
    response.set_cookie(
        LANGUAGE_COOKIE,
        language,
        max_age=YEAR_S,
        path="/",
        samesite="Lax",
        httponly=True,
        secure=scheme_of(request, request.app[DOOR].proxies) == "https",
    )


# --- forms ---


async def form_of(request: web.Request) -> dict[str, str]:
    """The fields of a form that one of our pages sent; empty ones count as absent."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise Problem(415, f"expected a form (got {request.content_type[:80]})")
    try:
        raw = (await request.read()).decode("ascii", "replace")
        pairs = parse_qsl(raw, max_num_fields=FIELDS, encoding="utf-8", errors="replace")
    except ValueError as error:
        raise Problem(400, f"expected a form of at most {FIELDS} fields ({error})") from None
    return {key: value.replace("\r\n", "\n") for key, value in pairs}
