"""The http driver against nginx: statuses, a text, a log-in, and a certificate made by openssl."""

import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from probes.http import DRIVER, Options, Trust, trust
from probes.wire.x509 import not_after
from secmon.api import Batch, Refused, Unreachable, Value
from tests.peers.need import need
from tests.peers.nginx import TEXT, Nginx, nginx
from tests.probes.loopback import target

pytestmark = pytest.mark.peers

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


async def poll(
    url: str,
    expect: Mapping[str, object] | None = None,
    shared: Trust | None = None,
    **credentials: str,
) -> Batch:
    options = Options.model_validate({"url": url, "expect": expect or {}})
    device = replace(target(shared=shared, **credentials), now=lambda: NOW)
    async with DRIVER.connect(device, options, None) as probe:
        batch = await probe.read()
    assert isinstance(batch, Batch)
    return batch


def values(batch: Batch) -> dict[str, Value]:
    return dict(zip(batch.layout.names, batch.values, strict=True))


@pytest.mark.parametrize(
    ("page", "status"),
    [("", 200), ("chunked", 200), ("moved", 301), ("down", 503), ("nothing", 404), ("big", 200)],
)
async def test_the_status(peer: Nginx, page: str, status: int) -> None:
    got = values(await poll(peer.url(page)))
    assert got == {"http_status": status, "http_expected": status == 200}


@pytest.mark.parametrize(("page", "good"), [("", True), ("chunked", True), ("big", False)])
async def test_the_text(peer: Nginx, page: str, good: bool) -> None:
    assert values(await poll(peer.url(page), {"text": TEXT}))["http_expected"] is good


async def test_a_log_in(peer: Nginx) -> None:
    url = peer.url("secret")
    assert values(await poll(url))["http_status"] == 401
    got = values(await poll(url, username=peer.user, password=peer.password))
    assert got["http_expected"] is True
    with pytest.raises(Refused, match="the log-in was refused") as caught:
        await poll(url, username=peer.user, password="wrong")
    assert caught.value.credentials


async def test_a_certificate(peer: Nginx) -> None:
    ends = end_date(peer.certificates.server)
    got = values(await poll(peer.tls_url(), shared=replace(trust(), verifying=peer.trusting())))
    assert got == {
        "http_status": 200,
        "http_expected": True,
        "tls_trusted": True,
        "tls_expiry_seconds": (ends - NOW).total_seconds(),
    }


async def test_a_certificate_of_an_unknown_authority(peer: Nginx) -> None:
    batch = await poll(peer.tls_url())
    assert values(batch).keys() == {"tls_trusted", "tls_expiry_seconds"}
    assert values(batch)["tls_trusted"] is False
    assert batch.facts["tls_problem"].startswith("unable to get local issuer certificate")


@pytest.mark.parametrize("key", ["rsa:2048", "ed25519"])
def test_certificates_that_openssl_makes(key: str, tmp_path: Path) -> None:
    names = ["-keyout", "key.pem", "-out", "made.pem", "-subj", "/C=CN/O=示范/CN=cam", "-utf8"]
    for days in ("1", "400", "36500"):
        command = [need("openssl"), "req", "-x509", "-newkey", key, "-nodes", "-days", days, *names]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        made = tmp_path / "made.pem"
        assert not_after(ssl.PEM_cert_to_DER_cert(made.read_text())) == end_date(made)


def end_date(certificate: Path) -> datetime:
    """As openssl reads it: `notAfter=Nov 25 20:01:02 2026 GMT`."""
    command = [need("openssl"), "x509", "-in", str(certificate), "-noout", "-enddate"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    moment = datetime.strptime(told.strip(), "notAfter=%b %d %H:%M:%S %Y GMT")
    return moment.replace(tzinfo=UTC)


async def test_a_server_that_ends_is_unreachable(tmp_path: Path) -> None:
    with nginx(tmp_path) as server:
        assert values(await poll(server.url()))["http_status"] == 200
        server.server.stop()
        with pytest.raises(Unreachable):
            await poll(server.url())
