"""Names wait after wrong passwords: longer each time, never for ever, and not everywhere."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from secmon.api import Role
from secmon.console.locks import FIRST, FROM, LONGEST, Locks
from tests.console.reader import HASHED, Seen, reader, somebody
from tests.console.site import Lab, lab

AT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
THREE = "access: {tries: 3}"


class Hand:
    def __init__(self) -> None:
        self.at = AT

    def now(self) -> datetime:
        return self.at


# --- the counting ---


def test_the_wait_doubles_up_to_a_quarter_of_an_hour() -> None:
    hand = Hand()
    locks = Locks(hand.now, lambda: 3)
    waits = []
    for _ in range(9):
        assert locks.wait("wang") == 0
        until = locks.wrong("wang")
        waits.append((until - hand.at) / FIRST if until else 0)
        if until:
            assert 0 < locks.wait("wang") <= LONGEST.total_seconds() + 1
            hand.at = until
    assert waits == [0, 0, 1, 2, 4, 8, 15, 15, 15]
    assert locks.wait("li") == 0


def test_a_good_log_in_or_a_day_of_rest_begins_anew() -> None:
    hand = Hand()
    locks = Locks(hand.now, lambda: 3)
    for name in ("wang", "li"):
        for _ in range(3):
            locks.wrong(name)
    locks.right("wang")
    assert locks.wrong("wang") is None
    hand.at += timedelta(days=1, seconds=1)
    assert locks.wrong("li") is None


def test_a_clock_that_went_back_locks_nobody_for_long() -> None:
    hand = Hand()
    locks = Locks(hand.now, lambda: 3)
    locks.remember("wang", 50, AT + timedelta(days=400))
    assert locks.wait("wang") <= LONGEST.total_seconds() + 1
    hand.at -= timedelta(days=2)
    assert locks.wait("wang") == 0, "that was long ago, by whichever clock"


def test_a_try_that_nobody_looked_at_does_not_lift_a_lock() -> None:
    locks = Locks(Hand().now, lambda: 3)
    for _ in range(4):
        locks.wrong("wang")
    locks.forgive("wang")
    assert locks.wait("wang") > 0, "three are left"
    locks.forgive("wang")
    assert locks.wait("wang") == 0


def test_unlocking_a_name_leaves_others_alone() -> None:
    locks = Locks(Hand().now, lambda: 3)
    for name in ("wang", f"wang{FROM}192.0.2.1", "wang2"):
        for _ in range(3):
            locks.wrong(name)
    locks.unlock("wang")
    waiting = [bool(locks.wait(one)) for one in ("wang", f"wang{FROM}192.0.2.1", "wang2")]
    assert waiting == [False, False, True]


def test_what_is_remembered_is_bounded() -> None:
    locks = Locks(Hand().now, lambda: 3)
    for number in range(25_000):
        locks.wrong(str(number))
    assert len(locks._names) <= 10_000


# --- over HTTP ---


async def guess(site: Lab, name: str, address: str, times: int) -> list[int]:
    async with somebody(site, address) as one:
        return [(await one.log_in(name, "x")).status for _ in range(times)]


async def log_in(site: Lab, name: str, address: str) -> Seen:
    async with somebody(site, address) as one:
        return await one.log_in(name)


async def test_a_name_is_locked_and_an_administrator_unlocks_it(tmp_path: Path) -> None:
    async with lab(tmp_path, THREE) as site:
        await site.store.add_user("wang", Role.OPERATOR, HASHED)
        async with reader(site, "wang") as inside:  # from 127.0.0.1
            assert await guess(site, "wang", "127.0.0.5", 5) == [401, 401, 401, 429, 429]
            late = await log_in(site, "wang", "127.0.0.6")
            assert late.status == 429 and 1 <= int(late.headers["Retry-After"]) <= 61
            assert (await inside.get("/")).status == 200, "who is in stays in"
        row = (await site.get("/api/v1/users", "admin")).json["users"]
        wang = next(one for one in row if one["name"] == "wang")
        assert wang["wrong"] == 3 and wang["locked_until"] is not None
        answer = await site.post("/api/v1/users/wang/unlock", {}, "admin")
        assert answer.json == {"name": "wang"}
        assert (await log_in(site, "wang", "127.0.0.6")).status == 303
        assert (await site.post("/api/v1/users/ghost/unlock", {}, "admin")).status == 404


async def test_guessing_from_elsewhere_locks_nobody_out_of_the_usual_place(tmp_path: Path) -> None:
    async with lab(tmp_path, THREE) as site:
        await site.store.add_user("root", Role.ADMIN, HASHED)
        assert (await log_in(site, "root", "127.0.0.20")).status == 303
        await guess(site, "root", "127.0.0.5", 4)
        assert (await log_in(site, "root", "127.0.0.21")).status == 429
        assert (await log_in(site, "root", "127.0.0.20")).status == 303, "the usual place"
        assert await guess(site, "root", "127.0.0.20", 4) == [401, 401, 401, 429], "has its own"


async def test_a_lock_outlives_a_restart(tmp_path: Path) -> None:
    async with lab(tmp_path, THREE) as site:
        await site.store.add_user("wang", Role.OPERATOR, HASHED)
        await guess(site, "wang", "127.0.0.5", 3)
    with closing(sqlite3.connect(tmp_path / "secmon.db")) as db:
        assert db.execute("SELECT wrong FROM login WHERE person = 'wang'").fetchone() == (3,)
        db.execute("DELETE FROM person WHERE name <> 'wang'")  # the lab makes its own
        db.execute("DELETE FROM token")
        db.commit()
    async with lab(tmp_path, THREE) as site:
        assert (await log_in(site, "wang", "127.0.0.6")).status == 429


async def test_a_name_that_nobody_has_is_locked_in_the_same_way(tmp_path: Path) -> None:
    async with lab(tmp_path, THREE) as site:
        assert await guess(site, "ghost", "127.0.0.5", 5) == [401, 401, 401, 429, 429]


async def test_links_and_the_unix_socket_work_for_who_is_locked(tmp_path: Path) -> None:
    async with lab(tmp_path, THREE) as site:
        await site.store.add_user("chief", Role.ADMIN, HASHED)
        await guess(site, "chief", "127.0.0.5", 4)
        made = (await site.post("/api/v1/users/chief/link", {}, "admin")).json["url"]
        async with somebody(site, "127.0.0.7") as one:
            once = {"once": made.partition("once=")[2]}
            assert (await one.send("/login/once", once)).status == 303
            assert (await one.get("/people")).status == 200


# --- what is shown after a log-in ---


async def test_the_last_log_in_and_what_failed_since_are_shown(tmp_path: Path) -> None:
    async with lab(tmp_path) as site:
        await site.store.add_user("wang", Role.OPERATOR, HASHED)
        async with somebody(site, "127.0.0.9") as first:
            assert (await first.log_in("wang")).status == 303
            assert "first log-in" in (await first.get("/")).words
        await guess(site, "wang", "127.0.0.5", 2)
        async with reader(site, "wang") as one:
            page = (await one.get("/")).words
            assert "from 127.0.0.9" in page and "2 wrong passwords since" in page
            assert "127.0.0.9" in (await one.get("/account")).words
        async with reader(site, "wang") as again:
            page = (await again.get("/")).words
            assert "from 127.0.0.1" in page and "wrong passwords" not in page


@pytest.mark.parametrize("idle", ["30m", "1m"])
async def test_the_idle_time_is_the_site_s(tmp_path: Path, idle: str) -> None:
    async with lab(tmp_path, f"access: {{idle: {idle}}}") as site, reader(site) as one:
        length = timedelta(minutes=int(idle[:-1]))
        assert (await one.get("/")).status == 200

        def set_back(by: timedelta) -> None:
            at = (datetime.now(UTC) - by).isoformat(timespec="microseconds")
            with closing(sqlite3.connect(site.store.path)) as db:
                db.execute("UPDATE session SET used_at = ?", [at.replace("+00:00", "Z")])
                db.commit()

        set_back(length * 0.9)
        assert (await one.get("/")).status == 200, "and this use counts"
        assert (await one.get("/")).status == 200
        set_back(length + timedelta(seconds=5))
        assert (await one.get("/")).status == 303
