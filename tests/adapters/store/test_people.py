"""Users and tokens: nobody twice, no token after its time, nothing secret in a repr."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from secmon.api import Contact, Role, User
from tests.adapters.store.made import NOW, store


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def tick(self) -> float:
        return 0.0


async def test_a_user_is_added_once(tmp_path: Path) -> None:
    async with store(tmp_path, clock=Watch()) as kept:
        wang = await kept.add_user("wang", Role.OPERATOR, "scrypt$…")
        assert wang == User("wang", Role.OPERATOR, "scrypt$…", NOW)
        with pytest.raises(ValueError, match="user wang exists"):
            await kept.add_user("wang", Role.ADMIN)
        await kept.add_user("李工", Role.ADMIN)
        assert await kept.user("wang") == wang
        assert await kept.user("nobody") is None
        assert [user.name for user in await kept.users()] == ["wang", "李工"]
        assert "scrypt" not in repr(wang)


async def test_how_people_are_reached_is_kept_and_told_in_the_order_asked(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        for name in ("wang", "li", "zhao"):
            await kept.add_user(name, Role.OPERATOR)
        wang = Contact("wang", "王强", "13800000001", "wang@example.org", {"feishu": "ou_1"}, "zh")
        await kept.set_contact(wang)
        assert await kept.contacts(["zhao", "nobody", "wang"]) == [Contact("zhao"), wang]
        assert await kept.contacts([]) == []
        with pytest.raises(ValueError, match="there is no user nobody"):
            await kept.set_contact(Contact("nobody"))
    async with store(tmp_path) as again:
        found = await again.user("wang")
        assert found is not None and found.contact == wang


@pytest.mark.parametrize("name", ["", " ", "a\0b", "\ud800"])
async def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    async with store(tmp_path) as kept:
        with pytest.raises(ValueError, match="expected a user's name"):
            await kept.add_user(name, Role.VIEWER)


async def test_a_password_is_changed(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.add_user("wang", Role.OPERATOR, "old")
        await kept.set_password("wang", "new")
        user = await kept.user("wang")
        assert user is not None and user.password == "new"
        with pytest.raises(ValueError, match="no user li"):
            await kept.set_password("li", "new")


async def test_a_token_opens_until_it_expires_or_is_removed(tmp_path: Path) -> None:
    watch = Watch()
    async with store(tmp_path, clock=watch) as kept:
        await kept.add_user("bot", Role.VIEWER)
        await kept.add_token("bot", "grafana", "a" * 64)
        await kept.add_token("bot", "short", "b" * 64, NOW + timedelta(hours=1))
        for sha256 in ("a" * 64, "b" * 64):
            user = await kept.token(sha256)
            assert user is not None and user.name == "bot"
        assert await kept.token("c" * 64) is None
        watch.at = NOW + timedelta(hours=1)
        assert await kept.token("b" * 64) is None
        assert await kept.token("a" * 64) is not None
        assert await kept.remove_token("bot", "grafana") == 1
        assert await kept.token("a" * 64) is None
        assert await kept.remove_token("bot", "grafana") == 0
        with pytest.raises(ValueError, match="no user ghost"):
            await kept.add_token("ghost", "x", "d" * 64)


async def test_the_use_of_a_token_is_noted_once_an_hour(tmp_path: Path) -> None:
    watch = Watch()
    async with store(tmp_path, clock=watch) as kept:
        await kept.add_user("bot", Role.VIEWER)
        await kept.add_token("bot", "grafana", "a" * 64)
        noted = []
        for minutes in (5, 10, 66):
            watch.at = NOW + timedelta(minutes=minutes)
            await kept.token("a" * 64)
            (token,) = await kept.tokens("bot")
            noted.append(token.used_at)
        first, later = NOW + timedelta(minutes=5), NOW + timedelta(minutes=66)
        assert noted == [first, first, later]
        assert (token.name, token.created_at, token.expires_at) == ("grafana", NOW, None)
