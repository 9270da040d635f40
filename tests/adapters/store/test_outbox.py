"""The outbox: every notice once, in order within its channel, none held up by another channel."""

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from secmon.adapters.store.sqlite import SqliteStore
from secmon.core.model import Clock, Notice, Value
from tests.adapters.store.made import NOW, change, ended, notice, store, ticket

SOON = NOW + timedelta(seconds=30)


async def fill(kept: SqliteStore, *channels: str) -> None:
    """Three tickets in three commits, each told to these channels."""
    for n in range(3):
        one = ticket(f"t-{n}", f"d-{n}")
        await kept.commit(change(one, effects=tuple(notice(one, to) for to in channels)))


async def ready(kept: SqliteStore, at: object = NOW, limit: int = 100) -> Sequence[str]:
    return [delivery.key for delivery in await kept.pending(at, limit)]  # type: ignore[arg-type]


async def test_a_row_says_what_to_tell_whom_and_how_the_ticket_was(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        facts: dict[str, Value] = {"clock": "respond", "volts": 13.25}
        told = Notice("mq", "t-1", "overdue", NOW, facts)
        await kept.commit(change(ticket(), effects=(told,)))
        await kept.commit(change(ended((await kept.load()).tickets[0])))
        (row,) = await kept.pending(NOW, 10)
        assert row.key == "WX-2026-0001/1/overdue-respond/mq"
        assert (row.notice, row.at, row.tries, row.next_at) == (told, NOW, 0, None)
        assert row.ticket["number"] == "WX-2026-0001"
        assert row.ticket["state"] == "open"


async def test_oldest_first(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await fill(kept, "mq", "hook")
        keys = [f"WX-2026-000{n}/1/opened/{to}" for n in (1, 2, 3) for to in ("mq", "hook")]
        assert await ready(kept) == keys
        assert await kept.outstanding() == 6


async def test_a_told_row_is_done(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await fill(kept, "mq")
        (first, *_) = await kept.pending(NOW, 10)
        await kept.settle([first.id], "told", None)
        assert await ready(kept) == ["WX-2026-0002/1/opened/mq", "WX-2026-0003/1/opened/mq"]
        await kept.settle([first.id], "later", SOON)  # too late: it stays told
        assert await kept.outstanding() == 2


async def test_a_channel_that_waits_is_not_overtaken_by_its_own_rows(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await fill(kept, "mq", "hook")
        (first, *_) = await kept.pending(NOW, 10)
        await kept.settle([first.id], "later", SOON)
        assert await ready(kept) == [f"WX-2026-000{n}/1/opened/hook" for n in (1, 2, 3)]
        assert len(await ready(kept, SOON)) == 6
        (again, *_) = await kept.pending(SOON, 10)
        assert (again.id, again.tries, again.next_at) == (first.id, 1, SOON)


async def test_a_run_ends_at_the_row_that_waits(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await fill(kept, "mq")
        rows = await kept.pending(NOW, 10)
        await kept.settle([rows[1].id], "later", SOON)
        assert await ready(kept) == [rows[0].key]


async def test_a_row_given_up_lets_the_next_through_and_is_listed(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await fill(kept, "mq")
        rows = await kept.pending(NOW, 10)
        await kept.settle([rows[0].id], "never", None)
        assert await ready(kept) == [row.key for row in rows[1:]]
        assert [row.key for row in await kept.given_up()] == [rows[0].key]
        assert await kept.outstanding() == 2


async def test_a_long_queue_leaves_room_for_other_channels(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        tickets = [ticket(f"t-{n}", f"d-{n}") for n in range(50)]
        effects = tuple(notice(each, "slow") for each in tickets)
        await kept.commit(change(*tickets, effects=(*effects, notice(tickets[-1], "quick"))))
        rows = await kept.pending(NOW, 10)
        assert [row.notice.to for row in rows] == ["slow"] * 5 + ["quick"]


async def test_two_clocks_overdue_in_one_change_are_two_notices(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        both = tuple(
            Notice("mq", "t-1", "overdue", NOW, {"clock": str(clock)})
            for clock in (Clock.RESPOND, Clock.ARRIVE)
        )
        await kept.commit(change(ticket(), effects=both))
        assert await ready(kept) == [
            "WX-2026-0001/1/overdue-respond/mq",
            "WX-2026-0001/1/overdue-arrive/mq",
        ]


async def test_a_notice_of_a_ticket_that_did_not_change_has_it_too(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.commit(change(ticket()))
        await kept.commit(change(effects=(notice(ticket(), reason="reminder"),)))
        (row,) = await kept.pending(NOW, 10)
        assert row.ticket["number"] == "WX-2026-0001"
        with pytest.raises(ValueError, match="no-such"):
            await kept.commit(change(effects=(notice(ticket("no-such")),)))


async def test_an_outcome_that_is_none_is_refused(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        with pytest.raises(ValueError, match="told, never or later"):
            await kept.settle([1], "perhaps", None)


async def test_what_is_pending_is_found_by_an_index(tmp_path: Path) -> None:
    from secmon.adapters.store import outbox

    async with store(tmp_path) as kept:
        with sqlite3.connect(kept.path) as db:
            for sql, values in (
                (outbox.CHANNELS, ("lab", "2026")),
                (outbox.PENDING, ("lab", "mq", 1, 1)),
                (outbox.OUTSTANDING, ("lab",)),
            ):
                named = {f"p{place}": value for place, value in enumerate(values, 1)}
                asked = "EXPLAIN QUERY PLAN " + sql.replace("$", ":p")
                plan = str(db.execute(asked, named).fetchall())
                assert "outbox_state (site=? AND state=?" in plan, plan
        db.close()


async def test_several_rows_are_settled_in_one_go(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await fill(kept, "mq")
        rows = [row.id for row in await kept.pending(NOW, 10)]
        await kept.settle(rows[:2], "later", SOON)
        waiting = await kept.pending(SOON, 10)
        assert [row.tries for row in waiting] == [1, 1, 0]
        await kept.settle(rows, "told")
        assert await kept.outstanding() == 0
        await kept.settle([], "told")


async def test_what_was_given_up_says_why_and_can_be_sent_again(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await fill(kept, "mq")
        first, second, _ = [row.id for row in await kept.pending(NOW, 10)]
        await kept.settle([first, second], "never", None, "expected 2xx (got 400\0)")
        assert await kept.count_given_up() == 2
        assert [row.why for row in await kept.given_up()] == ["expected 2xx (got 400\\u0000)"] * 2
        assert await kept.send_again(second) is True
        assert await kept.send_again(second) is False
        assert await kept.send_again(4711) is False
        assert [row.id for row in await kept.given_up()] == [first]
        (again,) = [row for row in await kept.pending(NOW, 10) if row.id == second]
        assert (again.tries, again.why, again.next_at) == (0, "", None)


async def test_the_key_of_links_is_made_once_and_kept(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        key = await kept.link_key()
        assert len(key) == 32
        assert await kept.link_key() == key
    async with store(tmp_path) as kept:
        assert await kept.link_key() == key
    other = tmp_path / "other"
    other.mkdir()
    async with store(other) as kept:
        assert await kept.link_key() != key
