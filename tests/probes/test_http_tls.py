"""The http driver over TLS: certificates that are trusted or not, and servers that speak none."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from probes.http import DRIVER, Trust, trust
from secmon.api import Garbled, Unreachable
from tests.probes.http_site import LOG_IN, NOW, page, poll, saying, values
from tests.probes.loopback import nothing_more_than, open_files, serving
from tests.probes.made_certificate import SOON, Made, certificate


@asynccontextmanager
async def secure(made: Made, folder: Path) -> AsyncIterator[str]:
    """A page over TLS; gives its URL."""
    async with serving(saying(page()), made.serving(folder)) as port:
        yield f"https://127.0.0.1:{port}/"


def trusting(made: Made) -> Trust:
    return replace(trust(), verifying=made.trusting())


async def test_a_trusted_certificate(tmp_path: Path) -> None:
    made = certificate()
    async with secure(made, tmp_path) as url:
        batch = await poll(url, shared=trusting(made))
    assert values(batch) == {
        "http_status": 200,
        "http_expected": True,
        "tls_trusted": True,
        "tls_expiry_seconds": (SOON - NOW).total_seconds(),
    }
    assert batch.facts == {"http_problem": "", "tls_problem": ""}


@pytest.mark.parametrize(
    ("made", "known", "problem"),
    [
        (certificate(), False, "self-signed certificate"),
        (certificate(NOW - timedelta(days=400)), True, "certificate has expired"),
        (certificate(address="192.0.2.8"), True, "IP address mismatch"),
    ],
)
async def test_an_untrusted_certificate_is_a_reading_and_nothing_is_asked(
    made: Made, known: bool, problem: str, tmp_path: Path
) -> None:
    asked: list[str] = []
    ends = made.certificate.not_valid_after_utc
    async with serving(saying(page(), asked=asked), made.serving(tmp_path)) as port:
        shared = trusting(made) if known else trusting(certificate())
        batch = await poll(f"https://127.0.0.1:{port}/", LOG_IN, shared)
    assert values(batch) == {
        "tls_trusted": False,
        "tls_expiry_seconds": (ends - NOW).total_seconds(),
    }
    assert problem in batch.facts["tls_problem"]
    assert asked == []


async def test_any_certificate_may_be_taken(tmp_path: Path) -> None:
    made = certificate(NOW - timedelta(days=400))
    async with secure(made, tmp_path) as url:
        batch = await poll(url, tls_verify=False)
    assert values(batch) == {
        "http_status": 200,
        "http_expected": True,
        "tls_expiry_seconds": -400 * 86400.0,
    }


async def test_what_is_no_tls_is_garbled() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(page())

    async with serving(talk) as port:
        with pytest.raises(Garbled, match="expected TLS, got: "):
            await poll(f"https://127.0.0.1:{port}/")


async def test_silence_instead_of_tls_ends_at_the_deadline() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    shared = trust()
    async with serving(talk) as port:
        before = open_files()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await poll(f"https://127.0.0.1:{port}/", shared=shared)
        assert await nothing_more_than(before)


async def test_hanging_up_instead_of_tls_is_unreachable() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with serving(talk) as port:
        with pytest.raises(Unreachable, match="no connection: "):
            await poll(f"https://127.0.0.1:{port}/")


async def test_contexts_are_made_once() -> None:
    assert DRIVER.shared is not None
    async with DRIVER.shared() as shared:
        assert isinstance(shared, Trust)
        assert shared.verifying.verify_mode is ssl.CERT_REQUIRED
        assert shared.verifying.check_hostname
