"""Feishu (飞书, Lark) group robots.
https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot

100 messages a minute, 5 a second. The signature stands in the body; its key is the time and the
secret together, and what it covers is nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from html import escape

from secmon.adapters.notify import NotifierKind, Payload
from secmon.adapters.notify.allowance import Window
from secmon.adapters.notify.robots import Dialect, Options, Said, flaws_of, number, opened
from secmon.api import Contact


def sign(secret: str, at_s: int) -> str:
    """Base64 of HMAC-SHA256 over nothing, keyed by the time and the secret."""
    key = f"{at_s}\n{secret}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


def request(
    url: str, secret: str, text: str, people: Sequence[Contact], now: datetime
) -> tuple[str, Payload]:
    """A person is named by open_id. `<` would let a device's name call everybody (`<at …>`)."""
    plain = text.replace("<", "＜")
    names = [_name(one) for one in people]
    body: dict[str, object] = {
        "msg_type": "text",
        "content": {"text": "\n".join([plain, " ".join(names)]).strip()},
    }
    if secret:
        at_s = int(now.timestamp())
        body |= {"timestamp": str(at_s), "sign": sign(secret, at_s)}
    return url, body


def _name(one: Contact) -> str:
    shown = (one.name or one.user).replace("<", "＜")
    known = one.ids.get("feishu")
    return f'<at user_id="{escape(known)}">{shown}</at>' if known else f"@{shown}"


def said(body: Mapping[str, object]) -> Said:
    """Newer answers have `code`, older ones `StatusCode`, some have both: any that is not 0 counts.
    9499 is a bad request, or too many of them."""
    codes = [number(body[key]) for key in ("code", "StatusCode") if key in body]
    words = str(body.get("msg") or body.get("StatusMessage") or "")
    code = next((one for one in codes if one != 0), 0) if codes else None
    if code == 9499 and "too many" in words.lower():
        code = 11232
    return Said(code, words)


DIALECT = Dialect(
    "feishu",
    "https://open.feishu.cn/open-apis/bot/v2/hook/…",
    longest=18_000,  # of 20 kB for the whole request
    windows=(Window(90, 60.0), Window(4, 1.0)),
    request=request,
    said=said,
    rests={11232: 60.0, 99991400: 60.0},
    again=frozenset((-1,)),
    final=frozenset((9499, 19001, 19002, 19021, 19022, 19024)),
)
NOTIFIER = NotifierKind(
    "feishu",
    Options,
    asynccontextmanager(opened(DIALECT)),
    for_people=True,
    flaws=flaws_of(DIALECT),
)
