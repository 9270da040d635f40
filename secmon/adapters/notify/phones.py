"""What every way to send an SMS shares: numbers, texts that fit, and who was reached."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from secmon.adapters.notify.recipients import Recipient, recipients_of
from secmon.api import Contact, Delivery
from secmon.texts.clean import clean

NUMBER = re.compile(r"\+?[0-9]{5,15}", re.ASCII)  # E.164 has at most 15 digits
PLACE = re.compile(r"\{([a-z]+)\}")


def _phone(value: str) -> str:
    if not phone_of(value):
        raise ValueError("expected a phone number like 13800000000 or +8613800000000")
    return phone_of(value)


def phone_of(text: str) -> str:
    """The number without what people write between its digits; empty if it is none."""
    bare = re.sub(r"[\s()-]", "", text)
    return bare if NUMBER.fullmatch(bare) else ""


Phone = Annotated[str, AfterValidator(_phone)]


def reach(delivery: Delivery, listed: list[str]) -> tuple[list[Recipient], list[str]]:
    """Whom to tell, and who has no number."""
    return recipients_of(delivery, _number, listed)


def _number(one: Contact) -> str:
    return phone_of(one.phone)


def values(delivery: Delivery, text: str, to: Recipient) -> Mapping[str, str]:
    """What templates may name. `token` is the link's last part: some vendors let a template hold
    an address, but no variable."""
    ticket = delivery.ticket
    return {
        "phone": to.address,
        "text": text,
        "link": to.link,
        "token": to.link.rpartition("/")[2],
        "title": delivery.title or text,
        "device": clean(ticket.get("device_name")),
        "location": clean(ticket.get("location")),
        "summary": clean(ticket.get("summary")),
        "number": clean(ticket.get("number")),
        "key": delivery.key,
    }


def filled(template: str, known: Mapping[str, str]) -> str:
    """The template with its `{name}`s replaced; other braces stay."""
    return PLACE.sub(lambda found: known.get(found[1], found[0]), template)


def unknown_places(template: str, known: frozenset[str]) -> list[str]:
    """`{name}`s that mean nothing."""
    return sorted({name for name in PLACE.findall(template) if name not in known})


PLACES = frozenset(
    ("phone", "text", "link", "token", "title", "device", "location", "summary", "number", "key")
)
