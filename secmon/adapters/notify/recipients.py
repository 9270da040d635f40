"""Persons told one by one: each once, and one who can't be reached stops no other."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from secmon.api import Contact, Delivery, Later, Missed, Never

REMEMBERED = 1000  # deliveries under way whose outcome is known in part


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address (mail or number) and whom it belongs to; `user` is empty for one of the list."""

    address: str
    user: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Round:
    """Tells everybody of a delivery. Kept as long as the channel is open."""

    _done: OrderedDict[str, dict[str, str]] = field(default_factory=OrderedDict)
    """Delivery's key → address → nothing if told, else why never. A try after a partial failure
    then repeats to nobody; after a restart it may."""

    async def tell(
        self,
        key: str,
        recipients: Sequence[Recipient],
        unreachable: Sequence[str],
        send: Callable[[Recipient], Awaitable[None]],
    ) -> None:
        """`send` raises Later or Never for its one recipient. `unreachable`: users without an
        address. Raises Later while anybody is left, then Never if nobody was told, or Missed."""
        known = self._done.setdefault(key, {})
        while len(self._done) > REMEMBERED:
            self._done.popitem(last=False)
        later: list[Later] = []
        for one in recipients:
            if one.address in known:
                continue
            try:
                await send(one)
            except Later as error:
                later.append(error)
            except Never as error:
                known[one.address] = str(error)
            else:
                known[one.address] = ""
        if later:
            raise later[0]
        self._done.pop(key, None)
        _report(recipients, unreachable, known)


def _report(
    recipients: Sequence[Recipient], unreachable: Sequence[str], known: dict[str, str]
) -> None:
    failed = [one for one in recipients if known.get(one.address)]
    words = [known[one.address] for one in failed]
    words += [f"{user} has no address for this channel" for user in unreachable]
    text = "; ".join(words[:5]) or "nobody to tell: no people, and no list in the site file"
    if len(failed) == len(recipients):
        raise Never(text)
    if failed or unreachable:
        raise Missed(text, [*(one.user or one.address for one in failed), *unreachable])


def joined(deliveries: Sequence[Delivery]) -> Delivery:
    """The first, standing for all: its key is theirs together, it is meant for everybody whom one
    of them is meant for, its links are in the text."""
    together = hashlib.sha256("\0".join(one.key for one in deliveries).encode()).hexdigest()
    names = dict.fromkeys(name for one in deliveries for name in one.notice.people)
    known = {one.user: one for delivery in deliveries for one in delivery.people}
    first = deliveries[0]
    return replace(
        first,
        key=f"digest/{together[:32]}",
        links={},
        notice=replace(first.notice, people=tuple(names)),
        people=tuple(known.values()),
    )


def recipients_of(
    delivery: Delivery, address: Callable[[Contact], str], listed: Sequence[str]
) -> tuple[list[Recipient], list[str]]:
    """Whom to tell, each with the own link, and which of the people have no address. Without
    people it is the list of the site file, with the link of the channel."""
    links = delivery.links
    if not delivery.notice.people:
        return [Recipient(one, link=links.get("", "")) for one in listed], []
    found: dict[str, Recipient] = {}
    for one in delivery.people:
        if where := address(one):
            found.setdefault(where, Recipient(where, one.user, links.get(one.user, "")))
    reached = {one.user for one in delivery.people if address(one)}
    return list(found.values()), [one for one in delivery.notice.people if one not in reached]
