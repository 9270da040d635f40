"""The sign of life, against real servers on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from secmon.adapters.clock import Clock
from secmon.adapters.notify import Context
from secmon.adapters.notify.deadman import NOTIFIER, Deadman, Options
from secmon.api import Later, Never
from tests.adapters.notify.given import Given, delivery, says, serving
from tests.peers.process import free_port


@dataclass
class Daemon:
    """What the channel knows of it."""

    halted: str = ""
    heard: list[bool] = field(default_factory=list)


@asynccontextmanager
async def deadman(url: str, daemon: Daemon | None = None, **keys: Any) -> AsyncIterator[Deadman]:
    options = Options.model_validate({"url": url, "every": "0.1s", **keys})
    halted: Callable[[], str] | None = None
    heard: Callable[[bool], None] = lambda _: None  # noqa: E731
    if daemon is not None:
        halted, heard = lambda: daemon.halted, daemon.heard.append
    context = Context("lab", Clock(), None, heard, halted)
    async with NOTIFIER.open(options, Given(), context) as made:
        assert isinstance(made, Deadman)
        yield made


async def until(good: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not good():
            await asyncio.sleep(0.01)


async def test_signs_only_while_there_is_progress(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("secmon.adapters.notify.deadman.LEAST_S", 0.02)
    caplog.set_level("INFO")
    daemon = Daemon()
    async with serving(says("OK")) as peer, deadman(f"{peer.base}/ping/uuid-1", daemon):
        await until(lambda: len(peer.got) >= 3)
        daemon.halted = "the desk judges nothing"
        await asyncio.sleep(0.15)
        count = len(peer.got)
        await asyncio.sleep(0.4)
        assert len(peer.got) == count
        daemon.halted = ""
        await until(lambda: len(peer.got) > count)
        assert {(one.method, one.target) for one in peer.got} == {("GET", "/ping/uuid-1")}
    assert set(daemon.heard) == {True}
    told = [one for one in caplog.messages if "sign" in one]
    assert "the desk judges nothing" in told[0]
    assert len(told) == 2, "once when it ends and once when it goes on"
    assert "uuid-1" not in caplog.text


async def test_a_watcher_that_is_away_is_told_in_the_log_and_the_metric(
    caplog: pytest.LogCaptureFixture,
) -> None:
    daemon = Daemon()
    async with deadman(f"http://127.0.0.1:{free_port()}/secret-path", daemon):
        await until(lambda: daemon.heard == [False])
    assert "no sign of life given" in caplog.text
    assert "secret-path" not in caplog.text


async def test_a_test_is_one_sign_and_tickets_are_none() -> None:
    test = replace(delivery(), notice=replace(delivery().notice, reason="test"))
    async with serving(says("OK")) as peer, deadman(peer.base, method="POST") as made:
        await made.send(delivery(), "text")
        assert peer.got == [], "and a command without a daemon gives no signs by itself"
        await made.send(test, "text")
    assert [one.method for one in peer.got] == ["POST"]


@pytest.mark.parametrize(("status", "kind"), [(404, Never), (500, Later), (302, Never)])
async def test_what_is_no_success(status: int, kind: type[Exception]) -> None:
    test = replace(delivery(), notice=replace(delivery().notice, reason="test"))
    async with serving(says("no", status)) as peer, deadman(f"{peer.base}/secret") as made:
        with pytest.raises(kind) as told:
            await made.send(test, "text")
        assert "secret" not in str(told.value)


def test_it_is_told_of_no_ticket() -> None:
    assert NOTIFIER.told is False
