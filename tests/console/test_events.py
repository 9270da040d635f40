"""The event stream: every lasting change, readers that lag, readers that go away."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from secmon.core.model import Action, Verb
from tests.console.site import Lab

MANY = 600  # of 30 kB: more than the queue and the kernel hold
SLOW = aiohttp.ClientTimeout(total=20)


@asynccontextmanager
async def listening(site: Lab) -> AsyncIterator[aiohttp.ClientResponse]:
    headers = {"Authorization": f"Bearer {site.tokens['viewer']}"}
    url = f"{site.base}/api/v1/events"
    async with site.session.get(url, headers=headers, timeout=SLOW) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        assert (await answer.content.readline()).startswith(b":")
        yield answer


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """Every event; its name is its `type`."""
    name = ""
    async for line in answer.content:
        if line.startswith(b"event: "):
            name = line.decode()[7:].strip()
        elif line.startswith(b"data: "):
            event = json.loads(line[6:])
            assert event["type"] == name
            yield event


async def first(answer: aiohttp.ClientResponse, **wanted: object) -> dict[str, Any]:
    async for event in events(answer):
        if wanted.items() <= event.items():
            return event
    raise AssertionError("the stream ended")


# what a page of one ticket has beside
LATER = ("journal", "attachments", "evidence", "checklists")


async def test_a_ticket_that_opens_is_told(site: Lab) -> None:
    async with listening(site) as stream:
        number = await site.hot()
        ticket = (await first(stream, type="ticket"))["ticket"]
        shown = (await site.get(f"/api/v1/tickets/{number}")).json
        assert ticket == {key: value for key, value in shown.items() if key not in LATER}
        site.promises.validate({"$ref": "#/components/schemas/Ticket"}, ticket)


async def test_every_step_of_a_ticket_is_told_once_and_in_order(site: Lab) -> None:
    number = await site.hot()
    async with listening(site) as stream:
        for verb in ("acknowledge", "arrive"):
            await site.act(number, verb)
        await site.act(number, "cancel", note="x", role="manager")
        states = []
        async for event in events(stream):
            states.append(event["ticket"]["state"])
            if states[-1] == "cancelled":
                break
        assert states == ["acknowledged", "on_site", "cancelled"]


async def test_a_device_that_falls_silent_is_told(site: Lab) -> None:
    async with listening(site) as stream:
        await site.cam.set(listening=False)
        await site.poll("cam-1")
        async for event in events(stream):
            if event["type"] == "device" and event["state"]["up"] is False:
                assert event["device"] == "cam-1"
                break


async def test_a_poll_that_changes_nothing_tells_nothing(site: Lab) -> None:
    async with listening(site) as stream:
        for _ in range(5):
            await site.poll("room-1")
        number = await site.hot()
        assert (await first(stream))["ticket"]["number"] == number


async def test_a_reader_that_goes_away_is_forgotten(
    site: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    number = await site.hot()
    for _ in range(3):
        async with listening(site):
            pass
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.base.rpartition(":")[2]))
    writer.write(_request(site))
    await reader.readline()
    writer.transport.abort()
    async with asyncio.timeout(10):
        while site.daemon._queues:
            await site.act(number, "note", note="somebody there?")
            await asyncio.sleep(0.01)
    assert [line.getMessage() for line in caplog.records if line.levelname == "ERROR"] == []


async def test_a_reader_that_lags_is_told_so_and_holds_up_nobody(site: Lab) -> None:
    """It reads nothing while more happens than its socket and its queue can hold."""
    report = {"device": "cam-1", "note": "x", "part": "字" * 9000}
    number = (await site.post("/api/v1/tickets", report)).json["number"]
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(link, ("127.0.0.1", int(site.base.rpartition(":")[2])))
    await loop.sock_sendall(link, _request(site))
    while not site.daemon._queues:
        await asyncio.sleep(0.01)
    for _ in range(MANY):  # of 30 kB each, one after the other: none is told together with another
        await site.daemon.act(Action(number, Verb.NOTE, "wang", site.daemon.clock.now(), note="x"))
    (queue,) = site.daemon._queues
    assert 0 < queue.qsize() <= queue.maxsize
    reader, writer = await asyncio.open_connection(sock=link, limit=1 << 20)
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        while not seen or seen[-1].get("ticket", {}).get("version") != MANY + 1:
            line = await reader.readline()
            if line.startswith(b"data: "):
                seen.append(json.loads(line[6:]))
    writer.close()
    assert [event["type"] for event in seen].count("lagged") == 1, "one word is enough"
    versions = [event["ticket"]["version"] for event in seen if event["type"] == "ticket"]
    assert versions == sorted(versions) and len(versions) < MANY


def _request(site: Lab) -> bytes:
    token = site.tokens["viewer"]
    return (
        "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n" + f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()
