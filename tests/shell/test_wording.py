"""What a delivery says, made anew at each try: language, title, links."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import pytest

from secmon.api import Contact, Delivery, Later, Store, StoreDown
from secmon.shell.wording import Wording
from tests.adapters.notify.given import delivery
from tests.shell.told import texts


@dataclass
class People:
    """A store that knows people only."""

    known: Sequence[Contact] = ()
    down: bool = False

    async def contacts(self, names: Collection[str]) -> Sequence[Contact]:
        if self.down:
            raise StoreDown("disk I/O error")
        return [one for one in self.known if one.user in names]


def links(row: Delivery) -> Mapping[str, str]:
    names = ["", *(one.user for one in row.people)]
    return {name: f"https://s.example/t/{row.ticket['number']}/{name}" for name in names}


def wording(*people: Contact, down: bool = False) -> Wording:
    return Wording(cast("Store", People(people, down)), texts, links, "https://s.example")


ENGLISH = Contact("smith", language="en")
CHINESE = Contact("wang", language="zh")


@pytest.mark.parametrize(
    ("people", "start"),
    [
        ((ENGLISH,), "[major]"),
        ((CHINESE,), "【重大】"),
        ((Contact("li"),), "【重大】"),
        ((ENGLISH, Contact("jones", language="en")), "[major]"),
        ((ENGLISH, CHINESE), "【重大】"),
        ((Contact("x", language="xx"),), "【重大】"),
        ((), "【重大】"),
    ],
)
async def test_in_the_language_that_all_of_them_speak(
    people: tuple[Contact, ...], start: str
) -> None:
    ready, text = await wording(*people).of(delivery(*people, title=""))
    assert text.startswith(start)
    assert ready.title.startswith(start)
    assert list(ready.people) == list(people)


async def test_links_for_the_people_as_they_are_now() -> None:
    gone = replace(delivery(CHINESE, ENGLISH), people=())
    ready, _ = await wording(CHINESE).of(gone)
    assert ready.links == {
        "": "https://s.example/t/WX-2026-0001/",
        "wang": "https://s.example/t/WX-2026-0001/wang",
    }


async def test_several_in_one_message() -> None:
    rows = [delivery(number=n) for n in range(1, 8)]
    ready, text = await wording().of_many(rows, 4096)
    assert [one.ticket["number"] for one in ready] == [one.ticket["number"] for one in rows]
    assert text.splitlines()[0] == "【汇总】 7 条通知"
    assert text.splitlines()[-1] == "https://s.example"


async def test_people_who_cannot_be_looked_up_wait() -> None:
    with pytest.raises(Later, match="who is to be told cannot be read: disk I/O error"):
        await wording(down=True).of(delivery(CHINESE))
