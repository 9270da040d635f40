"""What a delivery says: words, people and links, made anew at each try.

In today's language and with today's names: a notice that waited for an hour must not tell of a
device by a name that it no longer has, or give a link that has run out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from secmon.api import Contact, Delivery, Later, Store, StoreDown
from secmon.texts import LANGUAGES, Texts
from secmon.texts.clean import clean
from secmon.texts.digest import digest

AT_ONCE = 50  # notices worded before others have their turn

Links = Callable[[Delivery], Mapping[str, str]]
"""A delivery, its people looked up → by user name, and under "" for the channel, an address."""


class Wording:
    """`texts` is asked at each delivery; `links` gives what lets people act from their phone;
    `home` is the console's address, empty if it has none that people can open."""

    def __init__(
        self,
        store: Store,
        texts: Callable[[], Texts],
        links: Links = lambda _: {},
        home: str = "",
    ) -> None:
        self._store = store
        self._texts = texts
        self._links = links
        self._home = home

    async def of(self, row: Delivery) -> tuple[Delivery, str]:
        """The row with all that is known at this try, and its words. Raises Later."""
        notice = row.notice
        people = await self._contacts(notice.people) if notice.people else ()
        texts = self._for(people)
        text = texts.notice(notice.reason, notice.facts, row.ticket, notice.at)
        return self._ready(row, people, texts), text

    def _ready(self, row: Delivery, people: Sequence[Contact], texts: Texts) -> Delivery:
        notice = row.notice
        ticket = {**row.ticket, "summary": texts.summary(row.ticket)} if row.ticket else row.ticket
        title = texts.title(notice.reason, notice.facts, row.ticket)
        ready = replace(row, ticket=ticket, people=people, title=title)
        return replace(ready, links=self._links(ready))

    async def of_many(
        self, rows: Sequence[Delivery], longest: int
    ) -> tuple[Sequence[Delivery], str]:
        """The same for notices that share a message of at most `longest` bytes."""
        names = tuple(dict.fromkeys(name for row in rows for name in row.notice.people))
        people = await self._contacts(names) if names else ()
        texts = self._for(people)
        known = {one.user: one for one in people}
        ready = []
        for number, row in enumerate(rows, 1):
            own = [known[name] for name in row.notice.people if name in known]
            ready.append(self._ready(row, own, texts))
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        return ready, digest(texts, ready, longest, self._home)

    def _for(self, people: Sequence[Contact]) -> Texts:
        """Words in the language that these people share; else in the site's."""
        texts = self._texts()
        spoken = {one.language for one in people if one.language in LANGUAGES}
        return replace(texts, language=spoken.pop()) if len(spoken) == 1 else texts

    async def _contacts(self, names: Sequence[str]) -> Sequence[Contact]:
        try:
            return await self._store.contacts(names)
        except StoreDown as down:
            raise Later(f"who is to be told cannot be read: {clean(down)}") from None
