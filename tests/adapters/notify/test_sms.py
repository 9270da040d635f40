"""SMS through a generic gateway: a web server that plays several sorts of them."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pydantic import ValidationError

from secmon.adapters.clock import Clock
from secmon.adapters.notify import Context
from secmon.adapters.notify.phones import phone_of
from secmon.adapters.notify.sms import NOTIFIER, Options
from secmon.api import Contact, Later, Missed, Never, Notifier
from tests.adapters.notify.given import LI, WANG, Given, delivery, says, serving

TEXT = '【重大】"机房"温度过高 & more\n27.1 °C'
GIVEN = Given(
    {"token": "bearer-of-the-gateway"},
    {"gw": {"username": "acme", "password": "password-of-the-gateway"}},
)


@asynccontextmanager
async def sms(base: str, **keys: Any) -> AsyncIterator[Notifier]:
    made = {"body": '{"to": "{phone}", "text": "{text}"}', **keys}
    made["url"] = base + made.get("url", "/send")
    options = Options.model_validate(made)
    async with NOTIFIER.open(options, GIVEN, Context("lab", Clock())) as notifier:
        yield notifier


async def outcome(answer: object, status: int = 200, **keys: Any) -> Exception | None:
    async with serving(says(answer, status)) as peer, sms(peer.base, **keys) as notifier:
        try:
            await notifier.send(delivery(WANG, tries=keys.pop("tries", 5)), TEXT)
        except (Later, Never) as error:
            return error
    return None


async def test_json_is_escaped_and_each_person_gets_the_own_link() -> None:
    links = {"wang": "https://s.example/t/w", "li": "https://s.example/t/l", "": "https://x"}
    async with serving(says({})) as peer, sms(peer.base) as notifier:
        await notifier.send(delivery(WANG, LI, links=links), TEXT)
    assert [one.json for one in peer.got] == [
        {"to": "13800000001", "text": f"{TEXT} https://s.example/t/w"},
        {"to": "13800000002", "text": f"{TEXT} https://s.example/t/l"},
    ]
    assert peer.got[0].headers["Content-Type"] == "application/json; charset=utf-8"


async def test_a_form_and_a_query() -> None:
    keys = {
        "url": "/send?to={phone}&ref={number}",
        "body": "user={username}&pass={password}&content={text}",
        "type": "form",
        "credentials": "gw",
    }
    async with serving(says({})) as peer, sms(peer.base, **keys) as notifier:
        await notifier.send(delivery(WANG), TEXT)
    [got] = peer.got
    assert got.query == {"to": "13800000001", "ref": "WX-2026-0001"}
    assert dict(parse_qsl(got.body.decode())) == {
        "user": "acme",
        "pass": "password-of-the-gateway",
        "content": TEXT,
    }
    assert "Authorization" not in got.headers


async def test_a_get_with_log_in() -> None:
    keys = {"method": "GET", "url": "/s/{phone}?t={text}", "body": "", "credentials": "gw"}
    async with serving(says({})) as peer, sms(peer.base, **keys) as notifier:
        await notifier.send(delivery(WANG), TEXT)
    [got] = peer.got
    assert (got.method, got.query) == ("GET", {"t": TEXT})
    basic = base64.b64encode(b"acme:password-of-the-gateway").decode()
    assert got.headers["Authorization"] == f"Basic {basic}"


async def test_headers_and_a_token() -> None:
    keys = {"headers": {"X-Ref": "{key}"}, "token": {"file": "token"}}
    async with serving(says({})) as peer, sms(peer.base, **keys) as notifier:
        await notifier.send(delivery(WANG), TEXT)
    assert peer.got[0].headers["X-Ref"] == "WX-2026-0001/1/opened/here"
    assert peer.got[0].headers["Authorization"] == "Bearer bearer-of-the-gateway"


async def test_a_long_text_is_cut_before_its_link() -> None:
    link = "https://s.example/t/" + "x" * 60
    async with serving(says({})) as peer, sms(peer.base, longest=140) as notifier:
        await notifier.send(delivery(WANG, links={"wang": link}), "机" * 500)
    text = peer.got[0].json["text"]
    assert len(text) == 140
    assert text.endswith(f"… {link}")


async def test_without_people_the_list_is_told() -> None:
    async with serving(says({})) as peer, sms(peer.base, to=["139 0000 0009"]) as notifier:
        await notifier.send(delivery(links={"": "https://g"}), "x")
    assert peer.got[0].json == {"to": "13900000009", "text": "x https://g"}


async def test_nobody_to_tell_is_never() -> None:
    async with serving(says({})) as peer, sms(peer.base) as notifier:
        with pytest.raises(Never, match="nobody to tell"):
            await notifier.send(delivery(), "x")
        with pytest.raises(Never, match="zhao has no address"):
            await notifier.send(delivery(Contact("zhao", phone="call me")), "x")
    assert peer.got == []


async def test_one_without_a_number_stops_no_other() -> None:
    async with serving(says({})) as peer, sms(peer.base) as notifier:
        with pytest.raises(Missed) as missed:
            await notifier.send(delivery(Contact("zhao"), WANG), "x")
    assert missed.value.people == ("zhao",)
    assert [one.json["to"] for one in peer.got] == ["13800000001"]


async def test_a_try_after_half_of_it_repeats_to_nobody() -> None:
    async with serving(says({}), says({}, 503), says({})) as peer, sms(peer.base) as notifier:
        with pytest.raises(Later):
            await notifier.send(delivery(WANG, LI), "x")
        await notifier.send(delivery(WANG, LI, tries=1), "x")
        numbers = [one.json["to"] for one in peer.got]
        assert numbers == ["13800000001", "13800000002", "13800000002"]


# --- what is expected ------------------------------------------------------------------------

CODE = {"expect": {"path": "result.0.code", "value": "0"}}


@pytest.mark.parametrize(
    ("answer", "status", "keys", "kind"),
    [
        ({}, 200, {}, None),
        ("", 204, {}, None),
        ({}, 400, {}, Never),
        ({}, 500, {}, Later),
        ({}, 429, {}, Later),
        ({"result": [{"code": 0}]}, 200, CODE, None),
        ({"result": [{"code": "0"}]}, 200, CODE, None),
        ({"result": [{"code": 17, "msg": "no balance"}]}, 200, CODE, Never),
        ({"result": []}, 200, CODE, Never),
        ("[" * 5000, 200, CODE, Never),
        ("OK:1234", 200, {"expect": {"match": "^OK"}}, None),
        ("ERR 17", 200, {"expect": {"match": "^OK"}}, Never),
    ],
)
async def test_the_answer_is_judged(
    answer: object, status: int, keys: dict[str, Any], kind: type[Exception] | None
) -> None:
    error = await outcome(answer, status, **keys)
    assert type(error) is (kind or type(None)), error


async def test_a_refusal_is_tried_a_few_times() -> None:
    async with serving(says("ERR")) as peer, sms(peer.base, expect={"match": "^OK"}) as notifier:
        with pytest.raises(Later):
            await notifier.send(delivery(WANG, tries=0), "x")


async def test_secrets_in_no_text() -> None:
    keys = {"body": "{phone}{username}{password}", "type": "text", "credentials": "gw"}
    error = await outcome("wrong: password-of-the-gateway", 400, url="/x?k=abc-secret", **keys)
    assert "expected 2xx (got 400: wrong: ***)" in str(error)
    assert "abc-secret" not in str(error)


@pytest.mark.parametrize(
    "keys",
    [
        {"url": "ftp://x/{phone}"},
        {"url": "https://x/send"},
        {"url": "https://{phone}.x/"},
        {"url": "https://x/{phone}/{nonsense}"},
        {"url": "https://x/{phone}", "expect": {"path": "code"}},
        {"url": "https://x/{phone}", "expect": {}},
        {"url": "https://x/{phone}", "expect": {"match": "("}},
        {"url": "https://x/{phone}", "to": ["me"]},
    ],
)
def test_keys_that_are_wrong(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="expected"):
        Options.model_validate(keys)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("138 0000 0000", "13800000000"),
        ("+86-138(0000)0000", "+8613800000000"),
        ("13800000000\nBcc: x", ""),
        ("٠١٢٣٤٥", ""),
        ("", ""),
    ],
)
def test_phone_numbers(text: str, number: str) -> None:
    assert phone_of(text) == number
