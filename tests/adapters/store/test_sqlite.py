"""Commit and load on a real file: what was acknowledged is there, whole, after opening again."""

import asyncio
import sqlite3
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from secmon.api import Store
from secmon.core.change import Change
from secmon.core.model import Form, TicketState
from tests.adapters.store.made import NOW, change, ended, entry, fault, notice, store, ticket


async def test_it_is_a_store(tmp_path: Path) -> None:
    kept: Store = store(tmp_path)
    assert callable(kept.commit)


async def test_what_was_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    one, other = ticket("t-1"), ticket("t-2", device="cam-1")
    faults = [fault("sw-1"), fault("cam-1", part="p1", facts={"text": "不应答", "n": 2**70})]
    async with store(tmp_path) as first:
        assert (await first.load()).committed_at is None
        kept = await first.commit(
            change(
                one,
                other,
                faults={each.key: each for each in faults},
                facts={"sw-1": {"serial": "A1"}, "cam-1": {"stream_uri": "rtsp://cam"}},
                entries=(entry("t-1"),),
                evidence={"t-2": b"\xff\xd8"},
            )
        )
    async with store(tmp_path) as again:
        loaded = await again.load()
        assert loaded.tickets == [kept.tickets["t-1"], kept.tickets["t-2"]]
        assert sorted(loaded.faults, key=lambda each: each.key) == sorted(
            faults, key=lambda each: each.key
        )
        assert loaded.facts == {"sw-1": {"serial": "A1"}, "cam-1": {"stream_uri": "rtsp://cam"}}
        assert loaded.committed_at == NOW
        assert await again.journal("t-1") == [entry("t-1")]
        assert await again.evidence("t-2") == [(NOW, b"\xff\xd8")]


async def test_a_clear_fault_and_an_ended_ticket_are_not_loaded(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        opened = await kept.commit(change(ticket(), faults={fault().key: fault()}))
        done = ended(opened.tickets["t-1"])
        await kept.commit(change(done, faults={fault().key: None}))
        loaded = await kept.load()
        assert (loaded.faults, loaded.tickets) == ([], [])
        assert await kept.ticket("WX-2026-0001") == done


async def test_facts_are_merged(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.commit(Change(NOW, facts={"sw-1": {"serial": "A1", "name": "x"}}))
        await kept.commit(Change(NOW, facts={"sw-1": {"name": "y"}}))
        assert (await kept.load()).facts == {"sw-1": {"serial": "A1", "name": "y"}}


async def test_a_change_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        nothing = Change(at=NOW, asks=frozenset({"sw-1"}))
        assert await kept.commit(nothing) is nothing
        assert (await kept.load()).committed_at is None


async def test_numbers_count_by_year_of_the_sites_zone(tmp_path: Path) -> None:
    midnight = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)  # at Shanghai
    async with store(tmp_path) as kept:
        opened = await kept.commit(
            change(
                ticket("a", "d-1", opened_at=midnight - timedelta(seconds=1)),
                ticket("b", "d-2", opened_at=midnight),
                ticket("c", "d-3", opened_at=midnight - timedelta(minutes=1)),
            )
        )
        later = await kept.commit(change(ticket("d", "d-4", opened_at=midnight)))
    numbers = {key: each.number for key, each in {**opened.tickets, **later.tickets}.items()}
    assert numbers == {
        "a": "WX-2026-0001",
        "b": "WX-2027-0001",
        "c": "WX-2026-0002",
        "d": "WX-2027-0002",
    }


async def test_sites_do_not_see_each_other(tmp_path: Path) -> None:
    async with store(tmp_path) as one:
        await one.commit(change(ticket("a"), faults={fault().key: fault()}))
    async with store(tmp_path, site="other") as other:
        assert (await other.load()).tickets == []
        kept = await other.commit(change(ticket("a")))
        assert kept.tickets["a"].number == "WX-2026-0001"
    async with store(tmp_path) as one:
        assert len((await one.load()).tickets) == 1


async def test_the_ten_thousandth_ticket_has_a_number_and_is_found(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.commit(change(ticket("a")))
        with sqlite3.connect(kept.path) as db:
            db.execute("UPDATE counter SET value = 9999 WHERE name = 'ticket/2026'")
        db.close()
        await kept.commit(change(ticket("b", "d-2")))
        found = await kept.ticket("WX-2026-10000")
        assert found is not None and found.id == "b"
        assert [each.id for each in await kept.tickets()] == ["b", "a"]


async def test_concurrent_commits_get_different_numbers(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        async with asyncio.TaskGroup() as group:
            runs = [
                group.create_task(kept.commit(change(ticket(f"t-{n}", f"d-{n}"))))
                for n in range(40)
            ]
        numbers = [run.result().tickets[f"t-{n}"].number for n, run in enumerate(runs)]
        assert sorted(numbers) == [f"WX-2026-{n:04d}" for n in range(1, 41)]
        assert len(await kept.tickets()) == 40


async def test_previous_is_the_newest_ended_ticket_of_the_same_fault(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        for n in range(3):
            opened = await kept.commit(change(ticket(f"t-{n}")))
            last = opened.tickets[f"t-{n}"]
            assert last.previous == (f"WX-2026-{n:04d}" if n else "")
            if n < 2:
                await kept.commit(change(ended(last)))
        others = await kept.commit(
            change(ended(last), ticket("u"), ticket("v", rule="hot"), ticket("w", part="p1"))
        )
        assert others.tickets["u"].previous == "WX-2026-0003"  # ended by the same change
        assert others.tickets["v"].previous == ""
        assert others.tickets["w"].previous == ""
        assert await kept.ticket(others.tickets["u"].number) == others.tickets["u"]


async def test_reported_tickets_have_no_previous_and_may_be_many(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        first = await kept.commit(change(ticket("a", rule=""), ticket("b", rule="")))
        await kept.commit(change(ended(first.tickets["a"])))
        third = await kept.commit(change(ticket("c", rule="")))
        assert third.tickets["c"].previous == ""
        assert len((await kept.load()).tickets) == 2


async def test_one_open_ticket_per_fault(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.commit(change(ticket("a")))
        with pytest.raises(sqlite3.IntegrityError):
            await kept.commit(change(ticket("b"), entries=(entry("b"),)))
        assert await kept.journal("b") == []
        assert len(await kept.tickets()) == 1


async def test_a_commit_that_is_tried_again_doubles_no_ticket_and_no_notice(
    tmp_path: Path,
) -> None:
    async with store(tmp_path) as kept:
        opened = change(ticket(), effects=(notice(ticket()),))
        one, other = await kept.commit(opened), await kept.commit(opened)
        assert one.tickets == other.tickets
        assert await kept.outstanding() == 1


async def test_nothing_of_a_failed_commit_is_kept(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        with pytest.raises(TypeError, match="forms"):
            await kept.commit(change(ticket(), effects=(Form("B.2", "t-1", {}),)))
        assert await kept.tickets() == []
        opened = await kept.commit(change(ticket()))
        assert opened.tickets["t-1"].number == "WX-2026-0001"


async def test_a_cancelled_commit_leaves_the_store_usable(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        for n in range(30):
            run = asyncio.create_task(kept.commit(change(ticket(f"t-{n}", f"d-{n}"))))
            for _ in range(n):
                await asyncio.sleep(0)
            run.cancel()
            run.cancel()
            await asyncio.wait([run])
        last = await kept.commit(change(ticket("last", "d-last")))
        tickets = await kept.tickets()
        numbers = [each.number for each in tickets]
        assert last.tickets["last"].number == f"WX-2026-{len(numbers):04d}"
        assert len(set(numbers)) == len(numbers)


async def test_reads_do_not_wait_for_a_commit(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.commit(change(ticket()))
        async with kept._db.writing() as session:
            await session.fetch("DELETE FROM ticket WHERE site = $1", "lab")
            async with asyncio.timeout(1):
                assert len(await kept.tickets()) == 1
        assert await kept.tickets() == []


async def test_tickets_are_read_by_state_device_and_page(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        made = [ticket(f"t-{n}", f"d-{n % 3}", rule=f"r-{n}") for n in range(9)]
        opened = (await kept.commit(change(*made))).tickets
        await kept.commit(change(*(ended(opened[f"t-{n}"]) for n in (0, 1))))

        async def ids(**which: object) -> list[str]:
            return [each.id for each in await kept.tickets(**which)]  # type: ignore[arg-type]

        assert await ids() == [f"t-{n}" for n in reversed(range(9))]
        assert await ids(device="d-1") == ["t-7", "t-4", "t-1"]
        assert await ids(states={TicketState.CLOSED}) == ["t-1", "t-0"]
        assert await ids(states=[TicketState.CLOSED, TicketState.OPEN], limit=2) == ["t-8", "t-7"]
        assert await ids(limit=2, after=opened["t-3"].number) == ["t-2", "t-1"]
        assert await ids(device="d-1", states=[TicketState.OPEN], after="WX-2026-0008") == ["t-4"]
        assert await kept.ticket("nonsense") is None
        assert await kept.ticket("WX-2026-0099") is None
        assert (await kept.tickets_by_id(["t-1", "no"])).keys() == {"t-1"}


async def test_the_journal_is_read_by_subject_and_as_a_whole(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.commit(change(ticket(), entries=(entry("t-1", "opened"), entry("sw-1", "up"))))
        await kept.commit(change(entries=(entry("t-1", "noted", "换了电源\0\ud800"),)))
        assert [each.what for each in await kept.journal("t-1")] == ["opened", "noted"]
        assert [each.what for each in await kept.journal("t-1", limit=1)] == ["noted"]
        both = await kept.journals(["t-1", "sw-1", "none"])
        assert {key: [each.what for each in lines] for key, lines in both.items()} == {
            "t-1": ["opened", "noted"],
            "sw-1": ["up"],
            "none": [],
        }
        lines = await kept.lines()
        assert [(each.entry.what, each.number) for each in lines] == [
            ("noted", "WX-2026-0001"),
            ("up", ""),
            ("opened", "WX-2026-0001"),
        ]
        assert [each.entry.what for each in await kept.lines(before=lines[1].id)] == ["opened"]


async def test_the_newest_pictures_of_a_ticket_are_kept(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        for n in range(12):
            at = NOW + timedelta(minutes=n)
            await kept.commit(change(at=at, evidence={"t-1": bytes([n]), "t-2": b"x"}))
        assert [picture[0] for _, picture in await kept.evidence("t-1")] == list(range(4, 12))


async def test_every_commit_is_synced_to_the_disk(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        writer = kept._db._writer
        (mode,) = await writer.fetch("PRAGMA journal_mode")
        (level,) = await writer.fetch("PRAGMA synchronous")
        assert (mode["journal_mode"], level["synchronous"]) == ("wal", 2)  # 2 is FULL


async def test_only_we_may_read_the_file(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.commit(change(ticket()))
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


async def test_alive_is_when_the_last_daemon_touched_the_lock(tmp_path: Path) -> None:
    async with store(tmp_path) as first:
        assert (await first.load()).alive_at is None
        before = datetime.now(UTC)
        first.touch()
    for _ in range(2):  # a command that only looks does not move it
        async with store(tmp_path) as again:
            alive_at = (await again.load()).alive_at
            assert alive_at is not None
            assert abs(alive_at - before) < timedelta(seconds=1)
            seen = alive_at
            await asyncio.sleep(0.01)
    assert alive_at == seen


async def test_five_hundred_tickets_at_once_and_a_start_with_ten_thousand_faults(
    tmp_path: Path,
) -> None:
    tickets = [ticket(f"t-{n}", f"d-{n}") for n in range(500)]
    faults = [fault(f"d-{n}") for n in range(10_000)]
    async with store(tmp_path) as kept:
        async with asyncio.timeout(2):
            await kept.commit(
                change(
                    *tickets,
                    entries=tuple(entry(each.id) for each in tickets),
                    effects=tuple(notice(each) for each in tickets),
                )
            )
        await kept.commit(change(faults={each.key: each for each in faults}))
        async with asyncio.timeout(2):
            loaded = await kept.load()
        assert (len(loaded.tickets), len(loaded.faults)) == (500, 10_000)
        assert replace(loaded.tickets[0], number="") == tickets[0]
