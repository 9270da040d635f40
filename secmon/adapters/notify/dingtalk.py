"""DingTalk group robots. https://open.dingtalk.com/document/robots/custom-robot-access

A robot may send 20 messages a minute; the next one silences it for ten minutes. The signature
covers the time in milliseconds, and a clock that is an hour off is refused as a bad signature.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from urllib.parse import quote_plus

from secmon.adapters.notify import NotifierKind, Payload
from secmon.adapters.notify.allowance import Window
from secmon.adapters.notify.robots import Dialect, Options, Said, flaws_of, number, opened
from secmon.api import Contact

SILENCED_S = 600.0


def sign(secret: str, at_ms: int) -> str:
    """Base64 of HMAC-SHA256 over the time and the secret, keyed by the secret."""
    words = f"{at_ms}\n{secret}".encode()
    return base64.b64encode(hmac.new(secret.encode(), words, hashlib.sha256).digest()).decode()


def request(
    url: str, secret: str, text: str, people: Sequence[Contact], now: datetime
) -> tuple[str, Payload]:
    """Plain text: names of devices must not become Markdown. A person is named by mobile number,
    which has to stand in the text, too."""
    if secret:
        at_ms = int(now.timestamp() * 1000)
        joint = "&" if "?" in url else "?"
        url = f"{url}{joint}timestamp={at_ms}&sign={quote_plus(sign(secret, at_ms))}"
    phones = [one.phone for one in people if one.phone]
    names = [f"@{one.phone or one.name or one.user}" for one in people]
    return url, {
        "msgtype": "text",
        "text": {"content": "\n".join([text, " ".join(names)]).strip()},
        "at": {"atMobiles": phones, "isAtAll": False},
    }


def said(body: Mapping[str, object]) -> Said:
    return Said(number(body.get("errcode")), str(body.get("errmsg", "")))


DIALECT = Dialect(
    "dingtalk",
    "https://oapi.dingtalk.com/robot/send?access_token=…",
    longest=18_000,  # of 20,000
    windows=(Window(18, 60.0),),  # of 20: a person may try the robot, too
    request=request,
    said=said,
    rests={130101: SILENCED_S, 410100: SILENCED_S, 660026: SILENCED_S},
    again=frozenset((-1, 90018, 90006, 90005)),
    final=frozenset((310000, 300001, 300005, 40035, 43004, 400013, 400101, 400102, 400105, 400106)),
)
NOTIFIER = NotifierKind(
    "dingtalk",
    Options,
    asynccontextmanager(opened(DIALECT)),
    for_people=True,
    flaws=flaws_of(DIALECT),
)
