"""aiosmtpd, a mail server not written by us: TLS, log-in, and recipients that it refuses."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.peers.process import free_port

USER, PASSWORD = "secmon", "password-of-the-mail"


@dataclass
class Mailbox:
    """What the server took; `refuses` maps an address to the answer it gets, "data" the body."""

    port: int = 0
    refuses: dict[str, str] = field(default_factory=dict)
    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)  # to whom, what
    logins: list[bytes] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _: Any
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if "data" in self.refuses:
            return self.refuses["data"]
        mail = message_from_bytes(cast("bytes", envelope.content), policy=default)
        self.mails += [(address, mail) for address in envelope.rcpt_tos]
        return "250 kept"

    def authenticate(self, *asked: Any) -> AuthResult:
        login = cast("LoginPassword", asked[-1])
        self.logins.append(login.login)
        good = login == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)


@asynccontextmanager
async def mail_server(
    *,
    implicit: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    auth: bool = False,
    refuses: Mapping[str, str] | None = None,
) -> AsyncIterator[Mailbox]:
    """The server on loopback, in this loop."""
    box = Mailbox(free_port(), dict(refuses or {}))
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of implicit TLS it says that it is none
            return SMTP(
                box,
                hostname="mail.test",
                tls_context=starttls,
                require_starttls=starttls is not None,
                auth_required=auth,
                authenticator=box.authenticate if auth else None,
                auth_require_tls=starttls is not None,
                loop=loop,
            )

    server = await loop.create_server(protocol, "127.0.0.1", box.port, ssl=implicit)
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()
