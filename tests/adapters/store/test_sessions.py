"""Sessions and log-in links in the store: when they end, and what is kept of them."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from secmon.adapters.store.sessions import PER_PERSON
from secmon.adapters.store.sqlite import SqliteStore
from secmon.api import Role

AT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Hand:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = AT

    def now(self) -> datetime:
        return self.at

    def tick(self) -> float:
        return (self.at - AT).total_seconds()


def opened(folder: Path, hand: Hand) -> SqliteStore:
    return SqliteStore(folder / "secmon.db", site="lab", timezone="UTC", clock=hand)


async def holder(store: SqliteStore, sha256: str) -> str:
    user = await store.session(sha256)
    return user.name if user else ""


async def test_a_session_outlives_a_restart_and_is_its_users(tmp_path: Path) -> None:
    hand = Hand()
    async with opened(tmp_path, hand) as store:
        await store.add_user("wang", Role.OPERATOR, "scrypt$x")
        await store.begin_session("wang", "a" * 64)
    async with opened(tmp_path, hand) as store:
        user = await store.session("a" * 64)
        assert user is not None and (user.name, user.role) == ("wang", Role.OPERATOR)
        assert await store.session("b" * 64) is None


async def test_an_idle_session_ends_after_a_shift_and_use_keeps_it(tmp_path: Path) -> None:
    hand = Hand()
    async with opened(tmp_path, hand) as store:
        await store.add_user("wang", Role.OPERATOR)
        await store.begin_session("wang", "used")
        await store.begin_session("wang", "idle")
        for _ in range(3):
            hand.at += 7 * HOUR
            assert await holder(store, "used") == "wang"
        assert await holder(store, "idle") == ""
        hand.at += 8 * HOUR - MINUTE
        assert await holder(store, "used") == "wang"
        hand.at += 8 * HOUR + MINUTE
        assert await holder(store, "used") == ""


async def test_no_use_keeps_a_session_for_more_than_a_week(tmp_path: Path) -> None:
    hand = Hand()
    async with opened(tmp_path, hand) as store:
        await store.add_user("wang", Role.OPERATOR)
        await store.begin_session("wang", "a")
        seen = []
        for _ in range(30):
            hand.at += 6 * HOUR
            seen.append(bool(await holder(store, "a")))
        assert seen == [True] * 27 + [False] * 3  # 7 days are 28 times 6 hours


async def test_a_new_password_ends_all_sessions_and_links_of_its_user(tmp_path: Path) -> None:
    hand = Hand()
    async with opened(tmp_path, hand) as store:
        for name in ("wang", "li"):
            await store.add_user(name, Role.OPERATOR)
            await store.begin_session(name, f"{name}-1")
            await store.begin_session(name, f"{name}-2")
            await store.add_link(name, f"{name}-link", AT + HOUR)
        await store.set_password("wang", "scrypt$new")
        held = [await holder(store, one) for one in ("wang-1", "wang-2", "li-1", "li-2")]
        assert held == ["", "", "li", "li"]
        assert await store.take_link("wang-link") is None
        assert await store.take_link("li-link") == "li"


async def test_log_out_ends_one_session(tmp_path: Path) -> None:
    async with opened(tmp_path, Hand()) as store:
        await store.add_user("wang", Role.OPERATOR)
        for one in ("a", "b"):
            await store.begin_session("wang", one)
        await store.end_session("a")
        assert [await holder(store, one) for one in ("a", "b")] == ["", "wang"]


async def test_a_link_works_once_and_not_for_long(tmp_path: Path) -> None:
    hand = Hand()
    async with opened(tmp_path, hand) as store:
        await store.add_user("wang", Role.OPERATOR)
        for one in ("a", "b"):
            await store.add_link("wang", one, AT + 15 * MINUTE)
        hand.at += 15 * MINUTE - timedelta(seconds=1)
        assert [await store.take_link("a") for _ in range(2)] == ["wang", None]
        hand.at += timedelta(seconds=1)
        assert await store.take_link("b") is None
        assert await store.take_link("never made") is None


async def test_nobody_gets_a_session_without_being_a_user(tmp_path: Path) -> None:
    async with opened(tmp_path, Hand()) as store:
        with pytest.raises(ValueError, match="nobody"):
            await store.begin_session("nobody", "a")
        with pytest.raises(ValueError, match="nobody"):
            await store.add_link("nobody", "a", AT + HOUR)


async def test_a_user_s_sessions_are_bounded(tmp_path: Path) -> None:
    hand = Hand()
    async with opened(tmp_path, hand) as store:
        await store.add_user("wang", Role.OPERATOR)
        for number in range(PER_PERSON + 5):
            hand.at += MINUTE
            await store.begin_session("wang", f"s{number}")
        held = [bool(await holder(store, f"s{n}")) for n in range(PER_PERSON + 5)]
        assert held == [False] * 5 + [True] * PER_PERSON


async def test_what_is_over_is_let_go(tmp_path: Path) -> None:
    hand = Hand()
    async with opened(tmp_path, hand) as store:
        await store.add_user("wang", Role.OPERATOR)
        await store.begin_session("wang", "old")
        await store.add_link("wang", "old", AT + MINUTE)
        hand.at += DAY
        await store.begin_session("wang", "new")
        await store.prune(hand.at, history_for=DAY, pictures=DAY)
    with sqlite3.connect(tmp_path / "secmon.db") as db:
        left = db.execute("SELECT sha256 FROM session").fetchall()
        links = db.execute("SELECT sha256 FROM login_link").fetchall()
    db.close()
    assert (left, links) == ([("new",)], [])
