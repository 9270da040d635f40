"""The audit's chain through pruning and restarts; what is kept of log-ins."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from secmon.adapters.store.access import Access
from secmon.api import Attachment, AuditLine, AuditWish, Role
from tests.adapters.store.made import NOW, change, store, ticket

DAY = timedelta(days=1)
LINE = AuditLine("wang", "192.0.2.7", "log_in", "wang", "done", "password")


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def tick(self) -> float:
        return 0.0


async def filled(access: Access, watch: Watch, days: int) -> None:
    for _ in range(days):
        watch.at += DAY
        await access.note(LINE)


async def test_lines_are_chained_and_outlive_a_restart(tmp_path: Path) -> None:
    watch = Watch()
    async with store(tmp_path, clock=watch) as kept:
        first = await kept.access.note(LINE)
        assert (first.id, first.at, len(first.sha256)) == (1, NOW, 64)
        same = await kept.access.note(replace(LINE, who="li\0"))
        assert same.who == "li\\u0000"
    async with store(tmp_path, clock=watch) as again:
        assert await again.access.audit(AuditWish(10)) == [same, first]
        found = await again.access.check_audit()
        assert (found.count, found.head, found.mistakes) == (2, same.sha256, ())


async def test_old_lines_go_and_the_chain_holds(tmp_path: Path) -> None:
    watch = Watch()
    async with store(tmp_path, clock=watch) as kept:
        access = kept.access
        await filled(access, watch, 10)
        cut = NOW + 6 * DAY
        await access.prune(audit_before=cut, pictures_before=cut)
        found = await access.check_audit()
        assert (found.count, found.first, found.last, found.mistakes) == (5, 6, 10, ())
        assert [line.at for line in await access.audit(AuditWish(10))][-1] == cut
        await access.prune(audit_before=NOW + 400 * DAY, pictures_before=NOW)
        assert (await access.check_audit()).count == 0
        after = await access.note(LINE)
        assert after.id == 11
        found = await access.check_audit()
        assert (found.count, found.first, found.last, found.mistakes) == (1, 11, 11, ())
    with closing(sqlite3.connect(tmp_path / "secmon.db")) as db:
        db.execute("UPDATE meta SET value = '10 0000' WHERE name = 'audit_anchor'")
        db.commit()
    async with store(tmp_path) as again:
        assert (await again.access.check_audit()).mistakes == (
            "line 11 was changed, or the one before it",
        )


async def test_a_clock_that_goes_back_cuts_no_hole(tmp_path: Path) -> None:
    watch = Watch()
    async with store(tmp_path, clock=watch) as kept:
        await filled(kept.access, watch, 3)
        watch.at = NOW - 100 * DAY
        await kept.access.note(LINE)
        watch.at = NOW + 10 * DAY
        await kept.access.note(LINE)
        cut = NOW + DAY + timedelta(hours=1)
        await kept.access.prune(audit_before=cut, pictures_before=cut)
        found = await kept.access.check_audit()
        assert (found.first, found.last, found.mistakes) == (2, 5, ()), "only from the oldest on"


async def test_two_at_once_make_one_chain(tmp_path: Path) -> None:

    async with store(tmp_path) as kept:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(50):
                tasks.create_task(kept.access.note(LINE))
        found = await kept.access.check_audit()
        assert (found.count, found.mistakes) == (50, ())


async def test_log_ins_are_counted_and_shown_to_the_next_session(tmp_path: Path) -> None:
    watch = Watch()
    async with store(tmp_path, clock=watch) as kept:
        await kept.add_user("wang", Role.OPERATOR)
        await kept.begin_session("wang", "a" * 64, "192.0.2.1", "Chromium")
        watch.at += DAY
        for _ in range(3):
            await kept.access.wrong_password("wang", watch.at + DAY)
        known = await kept.access.login("wang")
        assert (known.wrong, known.locked_until) == (3, watch.at + DAY)
        await kept.begin_session("wang", "b" * 64, "192.0.2.2")
        user = await kept.session("b" * 64)
        assert user is not None and user.before is not None
        before = user.before
        assert (before.at, before.address, before.wrong) == (NOW, "192.0.2.1", 3)
        assert (await kept.access.login("wang")).wrong == 0
        seats = await kept.access.sessions("wang", 8 * DAY)
        assert [(seat.id, seat.address, seat.agent) for seat in seats] == [
            ("b" * 16, "192.0.2.2", ""),
            ("a" * 16, "192.0.2.1", "Chromium"),
        ]


async def test_a_password_that_must_be_changed_and_is(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.add_user("wang", Role.OPERATOR, "scrypt$1")
        for must in (True, False):
            await kept.set_password("wang", "scrypt$2", must)
            await kept.begin_session("wang", str(must))
            user = await kept.session(str(must))
            assert user is not None and user.must_change is must


async def test_an_attachment_comes_with_its_line_or_not_at_all(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.commit(change(ticket()))
        made = Attachment(0, "t-1", NOW, "wang", "door.jpg", "jpeg", 3)
        first = await kept.access.attach(made, b"abc")
        assert await kept.access.attachment("t-1", first.id) == (first, b"abc")
        assert await kept.access.attachment("t-2", first.id) is None
        line = (await kept.journal("t-1"))[-1]
        assert (line.what, line.why, line.by) == ("attached", "door.jpg (1 kB)", "wang")
        with pytest.raises(ValueError, match="50 MB"):
            await kept.access.attach(made, bytes(51 << 20))
        assert len(await kept.access.attachments("t-1")) == 1
        assert [one.what for one in await kept.journal("t-1")].count("attached") == 1
