"""SMS by Aliyun (阿里云), signed by ACS3-HMAC-SHA256, or as older accounts know it by HMAC-SHA1.

https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature
https://help.aliyun.com/zh/sdk/product-overview/rpc-mechanism
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets as randomness
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from aiohttp import ClientSession
from pydantic import AfterValidator, Field, model_validator

from secmon.adapters.notify import Context, NotifierKind, Secrets
from secmon.adapters.notify.exchange import exchange, new_session
from secmon.adapters.notify.sms_cloud import Cloud, CloudOptions, check_places, judged
from secmon.adapters.notify.webhook import web_address
from secmon.api import Clock, Delivery, Notifier
from secmon.settings.values import SomeText
from secmon.texts.clean import clean

ACTION, VERSION = "SendSms", "2017-05-25"
LATER = ("isp.", "Throttling", "ServiceUnavailable", "InternalError", "isv.BUSINESS_LIMIT_CONTROL")


class Options(CloudOptions):
    """The site file's keys beside `id` and `channel`."""

    params: dict[SomeText, SomeText] = Field(
        default_factory=lambda: {"title": "{title}", "device": "{device}"}
    )
    signature: Literal["acs3", "rpc"] = "acs3"
    url: Annotated[SomeText, AfterValidator(web_address)] = "https://dysmsapi.aliyuncs.com/"

    @model_validator(mode="after")
    def _known(self) -> Options:
        for template in self.params.values():
            check_places(template)
        return self


@dataclass(frozen=True, slots=True)
class Request:
    """A request to be signed; `host` as the address has it."""

    host: str
    action: str
    version: str
    params: Mapping[str, str]
    now: datetime
    nonce: str


def acs3(request: Request, key: str, secret: str) -> tuple[str, dict[str, str]]:
    """(query, headers) of a POST without a body."""
    query = _query(request.params)
    hashed = hashlib.sha256(b"").hexdigest()
    headers = {
        "host": request.host,
        "x-acs-action": request.action,
        "x-acs-content-sha256": hashed,
        "x-acs-date": _stamp(request.now),
        "x-acs-signature-nonce": request.nonce,
        "x-acs-version": request.version,
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = "\n".join(["POST", "/", query, lines, names, hashed])
    words = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), words.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={key},SignedHeaders={names},Signature={signature}"
    return query, {**headers, "Authorization": f"ACS3-HMAC-SHA256 {credential}"}


def rpc(params: Mapping[str, str], secret: str, method: str = "GET") -> str:
    """The value of `Signature` for these parameters, all the common ones among them."""
    words = f"{method}&%2F&{_quoted(_query(params))}"
    made = hmac.new(f"{secret}&".encode(), words.encode(), hashlib.sha1).digest()
    return base64.b64encode(made).decode()


def rpc_params(request: Request, key: str, secret: str, method: str) -> dict[str, str]:
    """All parameters, the signature included."""
    params = {
        **request.params,
        "AccessKeyId": key,
        "Action": request.action,
        "Format": "JSON",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": request.nonce,
        "SignatureVersion": "1.0",
        "Timestamp": _stamp(request.now),
        "Version": request.version,
    }
    return {**params, "Signature": rpc(params, secret, method)}


def _query(params: Mapping[str, str]) -> str:
    return "&".join(f"{_quoted(name)}={_quoted(params[name])}" for name in sorted(params))


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")  # RFC 3986


def _stamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Aliyun:
    """Submits one SMS."""

    options: Options
    place: str
    key: str
    secret: str = field(repr=False)
    clock: Clock = field(repr=False)
    session: ClientSession = field(repr=False)

    async def submit(self, number: str, variables: Sequence[str], delivery: Delivery) -> None:
        """Told at code OK."""
        params = {
            "PhoneNumbers": number,
            "SignName": self.options.sign,
            "TemplateCode": self.options.template,
            "TemplateParam": json.dumps(
                dict(zip(self.options.params, variables, strict=True)), ensure_ascii=False
            ),
        }
        now = self.clock.now()
        host = urlsplit(self.options.url).netloc
        request = Request(host, ACTION, VERSION, params, now, randomness.token_hex(16))
        headers: dict[str, str] = {}
        if self.options.signature == "acs3":
            query, headers = acs3(request, self.key, self.secret)
        else:
            query = _query(rpc_params(request, self.key, self.secret, "POST"))
        url = f"{self.options.url.rstrip('/')}/?{query}"
        answer = await exchange(
            self.session, "POST", url, self.place, now, headers=headers, exact=True
        )
        said = answer.json()
        code_and_words = clean(said.get("Code")), clean(said.get("Message"))
        judged(self.place, code_and_words, good="OK", later=LATER, tries=delivery.tries)


@asynccontextmanager
async def _open(options: Options, secrets: Secrets, context: Context) -> AsyncIterator[Notifier]:
    login = secrets.credentials(options.credentials)
    async with new_session() as session:
        aliyun = Aliyun(
            options,
            f"aliyun at {urlsplit(options.url).netloc}",
            login.get("username"),
            login.get("password"),
            context.clock,
            session,
        )
        yield Cloud(aliyun.submit, tuple(options.params.values()), options.longest, options.to)


NOTIFIER = NotifierKind("sms-aliyun", Options, _open, for_people=True)
