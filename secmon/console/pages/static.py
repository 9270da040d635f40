"""Style, script and icon: read once, served under a name that changes with their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from aiohttp import web

from secmon.console.problems import Problem

TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    content_type: str
    version: str


class Shelf(dict[str, File]):
    """File name → file."""


SHELF: Final = web.AppKey("static files", Shelf)


def routes() -> list[web.RouteDef]:
    return [web.get("/static/{name}", static)]


def set_up(app: web.Application) -> None:
    shelf = Shelf()
    for file in (files("secmon.console") / "static").iterdir():
        kind = TYPES.get("." + file.name.rpartition(".")[2])
        if kind is not None:
            body = file.read_bytes()
            shelf[file.name] = File(body, kind, hashlib.sha256(body).hexdigest()[:12])
    app[SHELF] = shelf


def link(app: web.Application, name: str) -> str:
    """The address of a file, new whenever its content is."""
    return f"/static/{name}?v={app[SHELF][name].version}"


async def static(request: web.Request) -> web.Response:
    found = request.app[SHELF].get(request.match_info["name"])
    if found is None:
        raise Problem(404, "there is no such file")
    fresh = request.query.get("v") == found.version
    return web.Response(
        body=found.body,
        content_type=found.content_type,
        charset="utf-8",
        headers={"Cache-Control": FOR_EVER if fresh else "no-cache"},
    )
