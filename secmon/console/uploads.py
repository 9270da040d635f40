"""What people put to a ticket and what its camera saw: taken in bounded, handed out harmless."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from secmon.api import Attachment
from secmon.console import pdf
from secmon.console.access import USER
from secmon.console.acting import attachment_json
from secmon.console.daemon import DAEMON
from secmon.console.ledger import LEDGER, Outcome, What, note
from secmon.console.pictures import NoPicture, written_anew
from secmon.console.problems import Problem
from secmon.console.requests import json_response
from secmon.core.model import Ticket

LONGEST = 10 << 20  # bytes of one file
AROUND = 64 << 10  # … and of what the form has around it
CHUNK = 1 << 16
WITHIN = 120.0  # seconds for one upload to come in
PARTS = 4  # of a form, looked at for the file
NAME = 80  # characters of a file's name
AT_ONCE = 1  # pictures decoded at the same time: each may take 200 MB
WAITING = 4  # uploads at the same time: 10 MB each

# Nothing in it runs, wherever it is shown.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
TYPES = {"jpeg": "image/jpeg", "png": "image/png", "pdf": "application/pdf"}
ENDS = {"jpeg": ".jpg", "png": ".png", "pdf": ".pdf"}
_PDF = b"%PDF-"
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")


@dataclass(slots=True)
class Gate:
    """How many uploads at once."""

    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    inside: int = 0


GATE: Final = web.AppKey("gate of uploads", Gate)


def upload_routes() -> list[web.RouteDef]:
    """Before those of the verbs, whose pattern would take them."""
    ticket = "/api/v1/tickets/{number}"
    return [
        web.post(ticket + "/attachments", upload),
        web.get(ticket + "/attachments/{id}", attachment),
        web.get(ticket + "/evidence/{n}", evidence),
    ]


# --- in ---


async def upload(request: web.Request) -> web.Response:
    """`multipart/form-data` with one `file`: JPEG, PNG or WebP, which are decoded and written anew,
    or PDF, of at most 10 MB."""
    return json_response(attachment_json(await take_in(request)), 201)


async def take_in(request: web.Request) -> Attachment:
    """The file of the request, kept at the ticket in the path. Problem 400, 404, 409, 413, 415,
    503."""
    found = await ticket_of(request)
    gate = request.app[GATE]
    if gate.inside >= WAITING:
        raise Problem(503, "too many uploads at once: try again", headers={"Retry-After": "10"})
    gate.inside += 1
    try:
        name, raw = await _received(request)
        kind, body = await _harmless(gate, raw)
    except Problem as said:
        refused = Outcome.REFUSED
        await note(request, What.UPLOAD, found.number, outcome=refused, why=said.detail)
        raise
    finally:
        gate.inside -= 1
    daemon, user = request.app[DAEMON], request[USER]
    made = Attachment(
        0, found.id, daemon.clock.now(), user.name, file_name(name, kind), kind, len(body)
    )
    try:
        kept = await request.app[LEDGER].attach(made, body)
    except ValueError as error:
        raise Problem(409, f"ticket {found.number}: {error}", code="full") from None
    await note(request, What.UPLOAD, found.number, why=f"{kept.name} {kept.size} bytes")
    daemon.announce(found)
    return kept


async def _received(request: web.Request) -> tuple[str, bytes]:
    """(name, bytes) of the form's `file`; never more than 10 MB in memory."""
    if request.content_type != "multipart/form-data":
        raise Problem(415, f"expected multipart/form-data (got {request.content_type[:80]})")
    if (request.content_length or 0) > LONGEST + AROUND:
        raise _too_long()
    try:
        async with asyncio.timeout(WITHIN):
            form = await request.multipart()
            for _ in range(PARTS):
                part = await form.next()
                if isinstance(part, BodyPartReader) and part.name == "file":
                    return part.filename or "", await _read(part)
                if part is None:
                    break
                if isinstance(part, BodyPartReader):
                    await _read(part)
    except TimeoutError:
        raise Problem(400, f"expected the whole file within {WITHIN:.0f} s") from None
    except (ValueError, AssertionError, RuntimeError) as error:
        raise Problem(400, f"expected multipart/form-data ({str(error)[:80]})") from None
    raise Problem(400, "file: expected one file in the form (got none)")


async def _read(part: BodyPartReader) -> bytes:
    held = bytearray()
    while chunk := await part.read_chunk(CHUNK):
        held += chunk
        if len(held) > LONGEST:
            raise _too_long()
    return bytes(held)


def _too_long() -> Problem:
    return Problem(413, f"expected a file of at most {LONGEST >> 20} MB")


async def _harmless(gate: Gate, raw: bytes) -> tuple[str, bytes]:
    """(kind, bytes to keep)."""
    if not raw:
        raise Problem(400, "file: expected a picture or a PDF (got nothing)")
    async with gate.turns:
        try:
            if raw.startswith(_PDF):
                await asyncio.to_thread(pdf.check, raw)
                return "pdf", raw
            picture = await asyncio.to_thread(written_anew, raw, LONGEST)
        except (NoPicture, pdf.NoPdf) as said:
            raise Problem(415, f"file: {said}; PDF is taken too", code="file") from None
    return picture.kind, picture.body


def file_name(said: str, kind: str) -> str:
    """What the file is called from now on: no path, no hidden signs, the ending of what it is."""
    last = said.replace("\\", "/").rpartition("/")[2]
    kept = "".join(
        " " if unicodedata.category(sign)[0] == "C" or sign in '<>:"|?*;%' else sign
        for sign in last[: 4 * NAME]
    )
    stem = _EXTENSION.sub("", " ".join(kept.split())).strip(" .")[:NAME].strip()
    return (stem or "file") + ENDS[kind]


# --- out ---


async def attachment(request: web.Request) -> web.Response:
    found = await ticket_of(request)
    number = request.match_info["id"]
    known = number.isascii() and number.isdecimal() and len(number) < 16
    kept = await request.app[LEDGER].attachment(found.id, int(number)) if known else None
    if kept is None:
        raise Problem(404, f"ticket {found.number} has no attachment {number[:20]!r}")
    what, body = kept
    await note(request, What.PICTURE, found.number, why=what.name)
    return _handed_out(body, what.kind, what.name)


async def evidence(request: web.Request) -> web.Response:
    """The picture that opened or worsened the ticket's fault, 1 being the oldest that is kept."""
    found = await ticket_of(request)
    pictures = await request.app[DAEMON].pictures(found)
    number = request.match_info["n"]
    known = number.isascii() and number.isdecimal() and len(number) < 4
    if not known or not 1 <= int(number) <= len(pictures):
        raise Problem(404, f"ticket {found.number} has no picture {number[:20]!r}")
    _, raw = pictures[int(number) - 1]
    try:
        async with request.app[GATE].turns:
            picture = await asyncio.to_thread(written_anew, raw, LONGEST)
    except NoPicture:
        raise Problem(404, f"picture {number} of ticket {found.number} is damaged") from None
    await note(request, What.PICTURE, found.number, why=f"evidence {number}")
    return _handed_out(picture.body, picture.kind, f"{found.number}-{number}{ENDS[picture.kind]}")


def _handed_out(body: bytes, kind: str, name: str) -> web.Response:
    """A picture may be shown in a page; a PDF is a download, always."""
    place = "attachment" if kind == "pdf" else "inline"
    plain = "".join(
        sign if (sign.isascii() and sign.isalnum()) or sign in "-_." else "_" for sign in name
    )
    said = f"{place}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    headers = {
        "Content-Disposition": said,
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    return web.Response(body=body, content_type=TYPES[kind], headers=headers)


async def ticket_of(request: web.Request) -> Ticket:
    """The ticket in the path. Problem 404."""
    number = request.match_info["number"]
    found = await request.app[DAEMON].ticket(number)
    if found is None:
        raise Problem(404, f"there is no ticket {number[:40]}")
    return found
