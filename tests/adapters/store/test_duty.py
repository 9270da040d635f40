"""The duty book in the store: kept as it was written, and a sealed hand-over for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from secmon.core import handover
from secmon.core.book import Pages, Training, Watch
from secmon.core.change import Change
from secmon.core.handover import HandOver, Signature
from secmon.core.model import Notice
from secmon.core.roster import Override
from secmon.core.windows import Do, Silence
from tests.adapters.store.made import NOW, store

HOUR = timedelta(hours=1)
YEARS = timedelta(days=10_000)  # the store goes by the real clock
CONTENT = {"at": "2026-11-23T02:00:00.000Z", "rooms": {"rows": [{"value": 24.5, "name": "主机房"}]}}


def override(id: str = "o1", **more) -> Override:  # noqa: A002
    return replace(Override(id, NOW, NOW + HOUR, "wang", "li", "wang", NOW), **more)


def hand_over(hours: int = 0, **more) -> HandOver:
    due = NOW + hours * HOUR
    made = HandOver(
        id=handover.id_of(due),
        due_at=due,
        frozen_at=due,
        shifts=("day",),
        outgoing=("wang",),
        incoming=("li",),
        content=CONTENT,
        digest=handover.digest(CONTENT),
        calls={"1 shift": due + HOUR},
    )
    return replace(made, **more)


def change(**pages) -> Change:
    return Change(at=NOW, pages=Pages(**pages))


async def test_all_of_it_comes_back_as_it_was(tmp_path: Path) -> None:
    one, training = hand_over(), Training("t", "li", "现场培训", "2026-01-05", "", "zhou", NOW)
    confirmed = override(confirmed_by="sun", confirmed_at=NOW)
    watch = Watch(NOW, NOW + HOUR, {"li": NOW})
    pages = Pages({"o1": confirmed}, {one.id: one}, {"t": training}, watch)
    async with store(tmp_path) as kept:
        await kept.commit(Change(at=NOW, pages=pages))
    async with store(tmp_path) as kept:
        stored = (await kept.load()).pages
        assert stored is not None
        assert stored.hand_overs == {one.id: one}
        assert stored.trainings == {"t": training}
        assert stored.watch == watch
        assert await kept.overrides(NOW, NOW + HOUR) == [confirmed]


async def test_a_start_needs_what_is_open_only(tmp_path: Path) -> None:
    signed = hand_over(signed={"outgoing": Signature("wang", NOW)})
    sealed = handover.sign(signed, "incoming", Signature("li", NOW))
    later = {"start": NOW + 10000 * HOUR, "end": NOW + 10001 * HOUR}
    taken_back = override("o2", removed_by="li", removed_at=NOW, **later)
    coming = override("o3", **later)
    struck = Training("t", "li", "x", "2026-01-05", "", "zhou", NOW, removed=True)
    async with store(tmp_path) as kept:
        await kept.commit(
            change(
                overrides={"o2": taken_back, "o3": coming},
                hand_overs={sealed.id: sealed},
                trainings={"t": struck},
            )
        )
        stored = (await kept.load()).pages
        assert stored is not None
        assert (stored.hand_overs, stored.trainings) == ({}, {})
        assert list(stored.overrides) == ["o3"]
        assert await kept.overrides(taken_back.start, taken_back.end) == [taken_back, coming]
        assert await kept.hand_over(sealed.id) == sealed
        assert await kept.trainings() == []


async def test_a_sealed_hand_over_is_never_written_again(tmp_path: Path) -> None:
    signed = hand_over(signed={"outgoing": Signature("wang", NOW)})
    sealed = handover.sign(signed, "incoming", Signature("li", NOW))
    async with store(tmp_path) as kept:
        await kept.commit(change(hand_overs={signed.id: signed}))
        await kept.commit(change(hand_overs={sealed.id: sealed}))
        await kept.commit(change(hand_overs={sealed.id: replace(sealed, remark="otherwise")}))
        found = await kept.hand_over(sealed.id)
        assert found == sealed and handover.is_intact(sealed)


async def test_a_page_of_the_archive(tmp_path: Path) -> None:
    many = {one.id: one for one in (hand_over(n) for n in range(5))}
    async with store(tmp_path) as kept:
        await kept.commit(change(hand_overs=many))
        newest = await kept.hand_overs(2)
        assert [one.due_at for one in newest] == [NOW + 4 * HOUR, NOW + 3 * HOUR]
        older = await kept.hand_overs(9, newest[-1].due_at)
        assert [one.due_at for one in older] == [NOW + n * HOUR for n in (2, 1, 0)]
        assert await kept.hand_over("20200101T000000Z") is None
        assert await kept.hand_over("\0") is None


async def test_notices_of_the_duty_book_have_no_ticket_and_keys_of_their_own(
    tmp_path: Path,
) -> None:
    facts = {"due_at": NOW.isoformat(), "names": "li"}
    notices = tuple(
        Notice("sms", "duty/20261123T020000Z", "unsigned", NOW, {**facts, "step": step}, ("li",))
        for step in (1, 2)
    )
    async with store(tmp_path) as kept:
        await kept.commit(Change(at=NOW, effects=notices[:1]))
        await kept.commit(Change(at=NOW, effects=notices))  # the first again: nobody heard its end
        rows = await kept.pending(NOW, 10)
        assert [(row.key, row.ticket, row.notice.people) for row in rows] == [
            ("duty/20261123T020000Z/unsigned-1/sms", {}, ("li",)),
            ("duty/20261123T020000Z/unsigned-2/sms", {}, ("li",)),
        ]


async def test_silences_come_back_until_they_are_over(tmp_path: Path) -> None:
    one = Silence("s1", Do.MUTE, NOW, NOW + YEARS, "换电池", "wang", NOW, device="ups-1", part="a")
    one = replace(one, calls={"1 ends": NOW + HOUR / 2})
    old = Silence("s0", Do.SKIP, NOW - 72 * HOUR, NOW - 71 * HOUR, "old", "li", NOW - 72 * HOUR)
    async with store(tmp_path) as kept:
        await kept.commit(change(silences={"s1": one, "s0": old}))
        assert await kept.silences_over(NOW, 10) == [old]
    async with store(tmp_path) as kept:
        stored = (await kept.load()).pages
        assert stored is not None and stored.silences == {"s1": one}
        ended = replace(one, ended_at=NOW, ended_by="li", calls={})
        await kept.commit(change(silences={"s1": ended}))
        assert await kept.silences_over(NOW + YEARS, 10) == [ended, old]
