"""A certificate authority that lives for a test, and a server's certificate for 127.0.0.1."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.peers.need import need

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: whom a client trusts, what a server shows, and the server's key."""

    authority: Path
    server: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    """Valid for two days, for `localhost` and 127.0.0.1."""
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    _make_authority(folder, made)
    _sign_server(folder, made)
    return made


def _make_authority(folder: Path, made: Certificates) -> None:
    usage = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
    extensions = [word for line in usage for word in ("-addext", line)]
    names = (
        "-keyout",
        "ca.key",
        "-out",
        made.authority,
        "-days",
        "2",
        "-subj",
        "/CN=secmon test CA",
    )
    _openssl(folder, "req", "-x509", *KEY, *names, *extensions)


def _sign_server(folder: Path, made: Certificates) -> None:
    extensions = folder / "server.ext"
    extensions.write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
        "extendedKeyUsage=serverAuth\n"
        "authorityKeyIdentifier=keyid\n"
    )
    _openssl(
        folder, "req", *KEY, "-keyout", made.key, "-out", "server.csr", "-subj", "/CN=localhost"
    )
    signed_by = ("-CA", made.authority, "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
    result = ("-extfile", extensions, "-out", made.server)
    _openssl(folder, "x509", "-req", "-in", "server.csr", *signed_by, *result)


def _openssl(folder: Path, *args: str | Path) -> None:
    command = [need("openssl"), *(str(arg) for arg in args)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
