"""Sites that a test plays on 127.0.0.1, and polls of them by the http driver."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from probes.http import DRIVER, Options, Trust
from secmon.api import Batch, ProbeError, Target, Value
from tests.probes.loopback import Talk, nothing_more_than, open_files, serving, target

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LOG_IN = {"username": "viewer", "password": "geheim"}
CHALLENGE = 'WWW-Authenticate: Digest realm="site", nonce="n1", qop="auth"'


def page(status: str = "200 OK", *lines: str, body: str = "") -> bytes:
    head = [f"HTTP/1.1 {status}", *lines, f"Content-Length: {len(body.encode())}", "", ""]
    return "\r\n".join(head).encode() + body.encode()


def saying(*answers: bytes, asked: list[str] | None = None) -> Talk:
    """A server that gives one of these answers to each connection; the last one from then on."""
    left = list(answers)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if asked is not None:
            asked.append(head.decode())
        writer.write(left.pop(0) if len(left) > 1 else left[0])

    return talk


def device(log_in: Mapping[str, str] | None = None, shared: Trust | None = None) -> Target:
    return replace(target(shared=shared, **log_in or {}), now=lambda: NOW)


async def poll(
    url: str,
    log_in: Mapping[str, str] | None = None,
    shared: Trust | None = None,
    **options: object,
) -> Batch:
    given = Options.model_validate({"url": url, **options})
    async with DRIVER.connect(device(log_in, shared), given, None) as probe:
        batch = await probe.read()
    assert isinstance(batch, Batch)
    return batch


async def polled(talk: Talk, log_in: Mapping[str, str] | None = None, **options: object) -> Batch:
    async with serving(talk) as port:
        return await poll(f"http://127.0.0.1:{port}/", log_in, None, **options)


async def failure(talk: Talk, log_in: Mapping[str, str] | None = None) -> ProbeError:
    before = open_files()
    with pytest.raises(ProbeError) as caught:
        async with asyncio.timeout(2):
            await polled(talk, log_in)
    assert await nothing_more_than(before)
    return caught.value


def values(batch: Batch) -> dict[str, Value]:
    return dict(zip(batch.layout.names, batch.values, strict=True))
