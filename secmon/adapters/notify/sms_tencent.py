"""SMS by Tencent Cloud (腾讯云), signed by TC3-HMAC-SHA256.

https://cloud.tencent.com/document/api/382/55981 and …/382/38768
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

from aiohttp import ClientSession
from pydantic import AfterValidator, Field, model_validator

from secmon.adapters.notify import Context, NotifierKind, Secrets
from secmon.adapters.notify.exchange import exchange, new_session
from secmon.adapters.notify.sms_cloud import Cloud, CloudOptions, check_places, judged
from secmon.adapters.notify.webhook import web_address
from secmon.api import Clock, Delivery, Notifier
from secmon.settings.values import SomeText
from secmon.texts.clean import clean

SERVICE, ACTION, VERSION = "sms", "SendSms", "2021-01-11"
TYPE = "application/json; charset=utf-8"
LATER = ("InternalError", "RequestLimitExceeded", "ResourceUnavailable", "LimitExceeded")


class Options(CloudOptions):
    """The site file's keys beside `id` and `channel`."""

    app: SomeText  # SmsSdkAppId
    region: SomeText = "ap-guangzhou"
    params: list[SomeText] = Field(default_factory=lambda: ["{title}", "{device}"])
    url: Annotated[SomeText, AfterValidator(web_address)] = "https://sms.tencentcloudapi.com/"

    @model_validator(mode="after")
    def _known(self) -> Options:
        for template in self.params:
            check_places(template)
        return self


def tc3(login: tuple[str, str], service: str, host: str, body: bytes, now: datetime) -> str:
    """The `Authorization` of a POST of JSON to `/`, signed headers content-type and host;
    `login`: the key's id and secret."""
    key, secret = login
    names = "content-type;host"
    lines = f"content-type:{TYPE}\nhost:{host}\n"
    canonical = "\n".join(["POST", "/", "", lines, names, hashlib.sha256(body).hexdigest()])
    day = now.astimezone(UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    words = f"TC3-HMAC-SHA256\n{int(now.timestamp())}\n{scope}\n{hashed}"
    signing = f"TC3{secret}".encode()
    for part in (day, service, "tc3_request"):
        signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(signing, words.encode(), hashlib.sha256).hexdigest()
    return f"TC3-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"


@dataclass(frozen=True, slots=True)
class Tencent:
    """Submits one SMS."""

    options: Options
    place: str
    key: str
    secret: str = field(repr=False)
    clock: Clock = field(repr=False)
    session: ClientSession = field(repr=False)

    async def submit(self, number: str, variables: Sequence[str], delivery: Delivery) -> None:
        """Told at code Ok of the one number."""
        body = json.dumps(
            {
                "PhoneNumberSet": [number],
                "SmsSdkAppId": self.options.app,
                "SignName": self.options.sign,
                "TemplateId": self.options.template,
                "TemplateParamSet": list(variables),
            },
            ensure_ascii=False,
        ).encode()
        now, host = self.clock.now(), urlsplit(self.options.url).netloc
        headers = {
            "Authorization": tc3((self.key, self.secret), SERVICE, host, body, now),
            "Content-Type": TYPE,
            "Host": host,
            "X-TC-Action": ACTION,
            "X-TC-Timestamp": str(int(now.timestamp())),
            "X-TC-Version": VERSION,
            "X-TC-Region": self.options.region,
        }
        url = f"{self.options.url.rstrip('/')}/"
        answer = await exchange(
            self.session, "POST", url, self.place, now, data=body, headers=headers
        )
        judged(self.place, said(answer.json()), good="Ok", later=LATER, tries=delivery.tries)


def said(body: Mapping[str, object]) -> tuple[str, str]:
    """(code, words) of the request, or of its one number."""
    response = body.get("Response")
    if not isinstance(response, dict):
        return "", ""
    error, statuses = response.get("Error"), response.get("SendStatusSet")
    status = error if error else statuses[0] if isinstance(statuses, list) and statuses else {}
    if not isinstance(status, dict):
        return "", ""
    return clean(status.get("Code")), clean(status.get("Message"))


@asynccontextmanager
async def _open(options: Options, secrets: Secrets, context: Context) -> AsyncIterator[Notifier]:
    login = secrets.credentials(options.credentials)
    async with new_session() as session:
        tencent = Tencent(
            options,
            f"tencent at {urlsplit(options.url).netloc}",
            login.get("username"),
            login.get("password"),
            context.clock,
            session,
        )
        yield Cloud(tencent.submit, tuple(options.params), options.longest, options.to)


NOTIFIER = NotifierKind("sms-tencent", Options, _open, for_people=True)
