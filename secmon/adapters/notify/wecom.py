"""WeCom (企业微信) group robots. https://developer.work.weixin.qq.com/document/path/91770

20 messages a minute. There is no signature: who knows the address may send.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from secmon.adapters.notify import NotifierKind, Payload
from secmon.adapters.notify.allowance import Window
from secmon.adapters.notify.robots import Dialect, Said, UnsignedOptions, flaws_of, number, opened
from secmon.api import Contact


def request(
    url: str, secret: str, text: str, people: Sequence[Contact], now: datetime
) -> tuple[str, Payload]:
    """Only messages of plain text can name persons, by mobile number or by their id there."""
    ids = [one.ids["wecom"] for one in people if one.ids.get("wecom")]
    others = [one for one in people if not one.ids.get("wecom")]
    phones = [one.phone for one in others if one.phone]
    names = [f"@{one.name or one.user}" for one in others if not one.phone]
    return url, {
        "msgtype": "text",
        "text": {
            "content": "\n".join([text, " ".join(names)]).strip(),
            "mentioned_list": ids,
            "mentioned_mobile_list": phones,
        },
    }


def said(body: Mapping[str, object]) -> Said:
    return Said(number(body.get("errcode")), str(body.get("errmsg", "")))


DIALECT = Dialect(
    "wecom",
    "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…",
    longest=2048,
    windows=(Window(18, 60.0),),  # of 20
    request=request,
    said=said,
    rests={45009: 60.0, 45033: 60.0},
    again=frozenset((-1,)),
    final=frozenset((93000, 93004, 93008, 40008, 40058, 44004, 45002)),
)
NOTIFIER = NotifierKind(
    "wecom",
    UnsignedOptions,
    asynccontextmanager(opened(DIALECT)),
    for_people=True,
    flaws=flaws_of(DIALECT),
)
