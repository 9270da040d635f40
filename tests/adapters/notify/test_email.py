"""E-mail against aiosmtpd, a server not written by us, and against one that hangs."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from secmon.adapters.clock import Clock
from secmon.adapters.notify import Context
from secmon.adapters.notify.email import NOTIFIER, Options
from secmon.adapters.notify.mail import is_address
from secmon.api import Contact, Joiner, Later, Missed, Never, Notifier
from secmon.loading import ConfigError
from secmon.shell.outbox import Outbox
from tests.adapters.notify.given import LI, WANG, Given, delivery
from tests.adapters.notify.peer import playing
from tests.peers.certificates import Certificates, make_certificates
from tests.peers.mailserver import PASSWORD, USER, mail_server
from tests.peers.process import free_port
from tests.shell.told import a_store, commit, running, texts

TEXT = "【重大】机房温度过高：主机房（一层） 27.1 °C <b>&"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("papers"))


def trust(papers: Certificates) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(papers.server, papers.key)
    return context


@asynccontextmanager
async def mailer(port: int, folder: Path = Path(), **keys: Any) -> AsyncIterator[Notifier]:
    made = {"host": "127.0.0.1", "port": port, "from": "secmon@example.org", "tls": "off", **keys}
    given = Given({}, {"mail": {"username": USER, "password": PASSWORD}}, folder)
    options = Options.model_validate(made)
    async with NOTIFIER.open(options, given, Context("lab", Clock())) as notifier:
        assert isinstance(notifier, Joiner)
        yield notifier


async def test_each_person_gets_a_mail_with_the_own_link() -> None:
    links = {"wang": "https://s.example/t/w", "li": "https://s.example/t/l", "": "https://g"}
    async with mail_server() as box, mailer(box.port) as notifier:
        await notifier.send(delivery(WANG, LI, links=links), TEXT)
    assert [to for to, _ in box.mails] == ["wang@example.org", "li@example.org"]
    mail = box.mails[0][1]
    assert mail["Subject"] == "【重大】机房温度过高 · 主机房"
    assert (mail["From"], mail["To"]) == ("secmon@example.org", "wang@example.org")
    assert mail["Auto-Submitted"] == "auto-generated"
    plain = mail.get_body(("plain",))
    html = mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().split() == [*TEXT.split(), "https://s.example/t/w"]
    shown = html.get_content()
    assert "&lt;b&gt;&amp;" in shown
    assert 'href="https://s.example/t/w"' in shown
    assert "https://s.example/t/l" not in str(mail)


async def test_a_repeat_can_be_recognised_and_one_ticket_is_one_thread() -> None:
    async with mail_server() as box, mailer(box.port) as notifier:
        await notifier.send(delivery(WANG), TEXT)
        await notifier.send(delivery(WANG, tries=1), TEXT)
        await notifier.send(replace(delivery(WANG), key="WX-2026-0001/2/cleared/here"), TEXT)
    first, again, later = (mail for _, mail in box.mails)
    assert first["Message-ID"] == again["Message-ID"] != later["Message-ID"]
    assert first["References"] == later["References"]


async def test_without_people_the_list_is_told() -> None:
    async with mail_server() as box, mailer(box.port, to=["duty@example.org"]) as notifier:
        await notifier.send(delivery(links={"": "https://g"}), TEXT)
    assert [to for to, _ in box.mails] == ["duty@example.org"]


async def test_no_header_can_be_injected() -> None:
    bad = "x\r\nBcc: everybody@example.org\r\n\r\nhello"
    hostile = replace(
        delivery(WANG, title=bad, ticket={"number": bad, "device_name": bad}), key=bad
    )
    async with mail_server() as box, mailer(box.port) as notifier:
        await notifier.send(hostile, bad)
        with pytest.raises(Never, match="zhao has no address"):
            await notifier.send(
                delivery(Contact("zhao", email="z@example.org\r\nRCPT TO:<x@y>")), "x"
            )
    [(_, mail)] = box.mails
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]
    assert len(mail["Subject"]) <= 150


# --- TLS and log-in --------------------------------------------------------------------------


async def test_implicit_tls_with_log_in(papers: Certificates) -> None:
    keys = {"tls": "implicit", "ca": papers.authority.name, "credentials": "mail"}
    async with (
        mail_server(implicit=trust(papers), auth=True) as box,
        mailer(box.port, papers.authority.parent, **keys) as notifier,
    ):
        await notifier.send(delivery(WANG), TEXT)
    assert len(box.mails) == 1
    assert box.logins == [USER.encode()]


async def test_starttls_with_log_in(papers: Certificates) -> None:
    keys = {"tls": "starttls", "ca": papers.authority.name, "credentials": "mail"}
    async with (
        mail_server(starttls=trust(papers), auth=True) as box,
        mailer(box.port, papers.authority.parent, **keys) as notifier,
    ):
        await notifier.send(delivery(WANG), TEXT)
    assert len(box.mails) == 1


async def test_a_certificate_that_nobody_vouches_for(papers: Certificates) -> None:
    async with (
        mail_server(implicit=trust(papers), auth=True) as box,
        mailer(box.port, tls="implicit", credentials="mail") as notifier,
    ):
        with pytest.raises(Later, match="certificate verify failed"):
            await notifier.send(delivery(WANG), TEXT)
    assert (box.mails, box.logins) == ([], []), "and the password is not told"


async def test_starttls_that_is_not_offered_is_no_reason_to_do_without() -> None:
    async with mail_server() as box, mailer(box.port, tls="starttls") as notifier:
        with pytest.raises(Later):
            await notifier.send(delivery(WANG), TEXT)
    assert box.mails == []


async def test_a_wrong_password(papers: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.peers.mailserver.PASSWORD", "another one")
    keys = {"tls": "implicit", "ca": papers.authority.name, "credentials": "mail"}
    async with (
        mail_server(implicit=trust(papers), auth=True) as box,
        mailer(box.port, papers.authority.parent, **keys) as notifier,
    ):
        with pytest.raises(Never, match=r"got 535: log-in") as told:
            await notifier.send(delivery(WANG), TEXT)
    assert PASSWORD not in str(told.value)


# --- what is refused -------------------------------------------------------------------------


async def test_one_bad_recipient_stops_no_other() -> None:
    refuses = {"wang@example.org": "550 no such user"}
    async with mail_server(refuses=refuses) as box, mailer(box.port) as notifier:
        with pytest.raises(Missed, match=r"wang@example.org: no such user") as missed:
            await notifier.send(delivery(WANG, LI, Contact("zhao")), TEXT)
    assert missed.value.people == ("wang", "zhao")
    assert [to for to, _ in box.mails] == ["li@example.org"]


async def test_all_refused_for_good_is_never() -> None:
    refuses = {"wang@example.org": "550 no such user"}
    async with mail_server(refuses=refuses) as box, mailer(box.port) as notifier:
        with pytest.raises(Never, match="550"):
            await notifier.send(delivery(WANG), TEXT)


async def test_greylisted_is_later_and_repeats_to_nobody_else() -> None:
    refuses = {"wang@example.org": "451 try again later"}
    async with mail_server(refuses=refuses) as box, mailer(box.port) as notifier:
        with pytest.raises(Later, match="451"):
            await notifier.send(delivery(WANG, LI), TEXT)
        box.refuses.clear()
        await notifier.send(delivery(WANG, LI, tries=1), TEXT)
    assert [to for to, _ in box.mails] == ["li@example.org", "wang@example.org"]


@pytest.mark.parametrize(("answer", "kind"), [("452 disk full", Later), ("552 too big", Never)])
async def test_a_body_that_is_refused(answer: str, kind: type[Exception]) -> None:
    async with mail_server(refuses={"data": answer}) as box, mailer(box.port) as notifier:
        with pytest.raises(kind):
            await notifier.send(delivery(WANG), TEXT)


async def test_nobody_there() -> None:
    async with mailer(free_port()) as notifier:
        with pytest.raises(Later, match="no proper answer"):
            await notifier.send(delivery(WANG), TEXT)


async def test_a_server_that_hangs_costs_its_deadline_and_holds_up_no_other(
    tmp_path: Path,
) -> None:
    talked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talked.set()
        await asyncio.Event().wait()

    async with (
        playing(silent) as port,
        mailer(port, to=["duty@example.org"]) as hanging,
        mail_server() as box,
        mailer(box.port, to=["duty@example.org"]) as good,
        a_store(tmp_path, Clock()) as store,
    ):
        channels = {"hanging": hanging, "good": good}
        await commit(store, 1, "hanging", "good")
        async with running(Outbox(store, channels, texts, Clock(), send_s=0.3, stop_s=0.2)):
            async with asyncio.timeout(5):
                await talked.wait()
                while not box.mails or await store.pending(Clock().now(), 9):
                    await asyncio.sleep(0.02)
        assert await store.outstanding() == 1, "the hanging one waits for its next try"


async def test_a_server_that_says_one_line_without_end() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"220-" + b"x" * 65536)
            await writer.drain()

    async with playing(endless) as port, mailer(port) as notifier:
        async with asyncio.timeout(15):
            with pytest.raises(Later, match="too long"):
                await notifier.send(delivery(WANG), TEXT)


# --- keys ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keys",
    [
        {"tls": "off", "credentials": "mail"},
        {"from": "no address"},
        {"to": ["a@example.org, b@example.org"]},
        {"host": "smtp://mail.example.org"},
        {"port": 0},
    ],
)
def test_keys_that_are_wrong(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate({"host": "mail.example.org", "from": "a@example.org", **keys})


async def test_an_authority_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"notify\.ca: expected a PEM file"):
        async with mailer(1, tmp_path, tls="implicit", ca="ca.pem"):
            pass


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("wang@example.org", True),
        ("w.a+n-g@mail.example.org", True),
        ("wang@localhost", True),
        ("王@example.org", False),
        ("wang", False),
        ("wang@example.org\n", False),
        ("<wang@example.org>", False),
        ("a b@example.org", False),
        ("", False),
    ],
)
def test_addresses(text: str, good: bool) -> None:
    assert is_address(text) is good
