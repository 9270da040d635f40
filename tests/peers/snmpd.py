"""Net-SNMP's agent: v2c with community `public`, v3 with user `secmon` (SHA-256, AES)."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers.need import need
from tests.peers.process import Server, free_port, running

COMMUNITY = "public"
USER = "secmon"
AUTH_KEY = "authpass12"
PRIVACY_KEY = "privpass12"
NAME = "test-switch"
SYS_UPTIME = 3
SYS_NAME = 5


@dataclass(frozen=True, slots=True)
class Snmpd:
    """A running agent; what it must be asked with stands beside its port."""

    port: int
    server: Server
    community: str = COMMUNITY
    user: str = USER
    auth_key: str = AUTH_KEY
    privacy_key: str = PRIVACY_KEY
    name: str = NAME


@contextmanager
def snmpd(folder: Path, lines: Sequence[str] = (), port: int = 0) -> Iterator[Snmpd]:
    """An agent on 127.0.0.1; `lines` are added to its snmpd.conf. `port` 0: a free one."""
    port = port or free_port(socket.SOCK_DGRAM)
    config = folder / "snmpd.conf"
    config.write_text("\n".join([*_config(), *lines, ""]))
    options = ["-f", "-Lo", "-r", "-C", "-c", str(config), "-p", str(folder / "snmpd.pid")]
    env = {"SNMP_PERSISTENT_DIR": str(folder / "state"), "MIBS": ""}
    with running(
        [need("snmpd"), *options, f"udp:127.0.0.1:{port}"],
        folder,
        lambda: bool(get_system(port, SYS_UPTIME)),
        env=env,
    ) as server:
        yield Snmpd(port, server)


def get_system(port: int, column: int) -> bytes:
    """The raw v2c answer to a GET of 1.3.6.1.2.1.1.`column`.0 (SNMPv2-MIB, group system)."""
    variable = bytes.fromhex("300e300c06082b0601020101") + bytes([column, 0, 0x05, 0x00])
    request = bytes.fromhex("020101020100020100") + variable
    body = bytes.fromhex("020101") + b"\x04\x06public" + bytes([0xA0, len(request)]) + request
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.5)
        sock.sendto(bytes([0x30, len(body)]) + body, ("127.0.0.1", port))
        return sock.recv(4096)


def _config() -> list[str]:
    return [
        f"rocommunity {COMMUNITY} 127.0.0.1",
        f"createUser {USER} SHA-256 {AUTH_KEY} AES {PRIVACY_KEY}",
        f"rouser {USER} priv",
        f"sysName {NAME}",
        "sysLocation ground floor",
    ]
