"""A notice as an e-mail: headers that nobody can inject into, plain text and simple HTML."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from secmon.adapters.notify.recipients import Recipient
from secmon.api import Delivery
from secmon.texts.clean import clean

SUBJECT = 150  # characters
ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*"
)
OPEN = {"zh": "查看并处理", "en": "Open and act"}


def is_address(text: str) -> bool:
    """One plain mailbox, as RFC 5321 has it without quoting: no names, no lists, no line feeds."""
    return bool(ADDRESS.fullmatch(text))


def message(
    sender: str, to: Recipient, delivery: Delivery, words: tuple[str, str], now: datetime
) -> bytes:
    """The whole mail, `words` being its subject and text. Its Message-ID is the same at every try,
    so a repeat can be recognised."""
    subject, text = words
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = to.address
    mail["Subject"] = clean(subject, SUBJECT)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{_digest(delivery.key, to.address)}@{domain}>"
    number = str(delivery.ticket.get("number", "")) if delivery.ticket else ""
    if number:  # all mails about one ticket make one thread
        mail["References"] = f"<{_digest('ticket', number)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
    plain = f"{text}\n\n{to.link}" if to.link else text
    mail.set_content(plain + "\n", cte="base64")
    mail.add_alternative(_html(text, to.link), subtype="html", cte="base64")
    return mail.as_bytes()


def subject_of(delivery: Delivery) -> str:
    """Why and what, and at which device."""
    device = clean(delivery.ticket.get("device_name")) if delivery.ticket else ""
    return " · ".join(part for part in (delivery.title, device) if part)


def _html(text: str, link: str) -> str:
    lines = "<br>".join(escape(line) for line in text.splitlines())
    button = f'<p><a href="{escape(link)}">{OPEN["zh"]} / {OPEN["en"]}</a></p>' if link else ""
    return f'<!DOCTYPE html><html><meta charset="utf-8"><body><p>{lines}</p>{button}</body></html>'


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode("utf-8", "replace")).hexdigest()[:32]
