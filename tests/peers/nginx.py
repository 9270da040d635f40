"""nginx with a few pages, over HTTP and over TLS with a certificate of a test authority."""

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers.certificates import Certificates, make_certificates
from tests.peers.need import need
from tests.peers.process import Server, free_port, running, tcp_accepts

USER = "viewer"
PASSWORD = "nginx-pass"
TEXT = "门禁平台运行正常"
BIG = 1_000_000  # bytes

# master_process off: one process, of the user who runs the tests, who may read its folder.
CONFIG = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp;
    uwsgi_temp_path temp; scgi_temp_path temp;
    default_type "text/html; charset=utf-8";
    root {folder};
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location = / {{ try_files /index.html =404; }}
        location = /chunked {{ ssi on; try_files /index.html =404; }}
        location = /moved {{ return 301 /; }}
        location = /down {{ return 503; }}
        location = /big {{ try_files /big.html =404; }}
        location = /secret {{
            auth_basic "site"; auth_basic_user_file passwords; try_files /index.html =404;
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running server. Its pages: / chunked moved down big secret."""

    port: int
    tls_port: int
    server: Server
    certificates: Certificates
    user: str = USER
    password: str = PASSWORD

    def url(self, page: str = "") -> str:
        return f"http://127.0.0.1:{self.port}/{page}"

    def tls_url(self, page: str = "") -> str:
        return f"https://127.0.0.1:{self.tls_port}/{page}"

    def trusting(self) -> ssl.SSLContext:
        """For a client that knows the authority."""
        return ssl.create_default_context(cafile=str(self.certificates.authority))


@contextmanager
def nginx(folder: Path) -> Iterator[Nginx]:
    """A server on 127.0.0.1."""
    program = need("nginx")
    certificates = make_certificates(folder)
    port, tls_port = free_port(), free_port()
    _write(folder, port, tls_port, certificates)
    argv: list[str | Path] = [program, "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"]
    with running(argv, folder, lambda: tcp_accepts(port)) as server:
        yield Nginx(port, tls_port, server, certificates)


def _write(folder: Path, port: int, tls_port: int, certificates: Certificates) -> None:
    config = CONFIG.format(
        folder=folder,
        port=port,
        tls_port=tls_port,
        certificate=certificates.server,
        key=certificates.key,
    )
    command = [need("openssl"), "passwd", "-apr1", PASSWORD]
    hashed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    (folder / "nginx.conf").write_text(config)
    (folder / "passwords").write_text(f"{USER}:{hashed}\n")
    (folder / "index.html").write_text(f"<title>{TEXT}</title>\n", encoding="utf-8")
    (folder / "big.html").write_bytes(b"x" * BIG)
