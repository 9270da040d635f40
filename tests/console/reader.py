"""A person at the console without a browser: cookies, forms and redirects, over real HTTP."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from secmon.api import Role
from secmon.console.passwords import hashed
from tests.console.site import Lab

PASSWORD = "correct horse battery"
HASHED = hashed(PASSWORD)


@dataclass(frozen=True, slots=True)
class Seen:
    """A page: `text` is its HTML, `location` where it sends to."""

    status: int
    text: str
    headers: Any

    @property
    def location(self) -> str:
        return str(self.headers.get("Location", ""))

    @property
    def words(self) -> str:
        """What a person reads, without tags."""
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", self.text))


@dataclass(frozen=True, slots=True)
class Reader:
    site: Lab
    session: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> Seen:
        return await self._ask("GET", path, {"Accept": "text/html", **headers})

    async def send(
        self, path: str, form: dict[str, str] | None = None, origin: str | None = "", **more: str
    ) -> Seen:
        """A form as a page of ours would send it; `origin` None: as no page would."""
        headers = {"Accept": "text/html", **more}
        if origin is not None:
            headers["Origin"] = origin or self.site.base
        return await self._ask("POST", path, headers, data=form or {})

    async def log_in(self, name: str, password: str = PASSWORD, **more: str) -> Seen:
        return await self.send("/login", {"name": name, "password": password, **more})

    async def _ask(self, method: str, path: str, headers: dict[str, str], **how: Any) -> Seen:
        how.setdefault("data", None)
        if method == "POST" and not how["data"]:
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        async with self.session.request(
            method, self.site.base + path, headers=headers, allow_redirects=False, **how
        ) as got:
            return Seen(got.status, await got.text(), got.headers.copy())

    def cookie(self) -> str:
        """What the session's cookie holds now, '' for none."""
        found = [one.value for one in self.session.cookie_jar if one.key == "secmon-lab"]
        return found[0] if found else ""


@asynccontextmanager
async def somebody(site: Lab, address: str = "127.0.0.1") -> AsyncIterator[Reader]:
    """Not logged in yet, at an address of loopback."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an IP address too
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as session:
        yield Reader(site, session)


@asynccontextmanager
async def reader(
    site: Lab, name: str = "wang", role: Role = Role.OPERATOR
) -> AsyncIterator[Reader]:
    """A user of that role, logged in."""
    if await site.store.user(name) is None:
        await site.store.add_user(name, role, HASHED)
    async with somebody(site) as one:
        assert (await one.log_in(name)).status == 303
        yield one
