"""The robots of DingTalk, WeCom and Feishu against servers that play their documented answers.

No real robot is reachable from here. The answers are quoted from the vendors' public pages:
open.dingtalk.com/document/robots/custom-robot-access, developer.work.weixin.qq.com/document/path/
91770 and …/90313, open.feishu.cn/document/client-docs/bot-v3/add-custom-bot. No page prints a
signature with its inputs, so the two below were made with OpenSSL by the formula that it gives.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote_plus

import pytest
from aiohttp import web

from secmon.adapters.clock import Clock
from secmon.adapters.notify import Context, dingtalk, feishu, wecom
from secmon.adapters.notify.robots import Robot
from secmon.api import Contact, Joiner, Later, Never
from secmon.loading import ConfigError
from tests.adapters.notify.given import LI, WANG, Given, delivery, says, serving
from tests.adapters.notify.peer import playing

KINDS: dict[str, Any] = {"dingtalk": dingtalk, "wecom": wecom, "feishu": feishu}
TOKEN = "0123456789abcdef-token"
SECRET = "SECb1946ac92492d2347c6235b4d2611184"
PATHS = {
    "dingtalk": f"/robot/send?access_token={TOKEN}",
    "wecom": f"/cgi-bin/webhook/send?key={TOKEN}",
    "feishu": f"/open-apis/bot/v2/hook/{TOKEN}",
}
GOOD = {
    "dingtalk": {"errcode": 0, "errmsg": "ok"},
    "wecom": {"errcode": 0, "errmsg": "ok"},
    "feishu": {
        "StatusCode": 0,
        "StatusMessage": "success",
        "code": 0,
        "data": {},
        "msg": "success",
    },
}
TEXT = "【重大】机房温度过高：主机房（一层） 27.1 °C"


@asynccontextmanager
async def robot(kind: str, base: str, secret: str = SECRET) -> AsyncIterator[Robot]:
    given = Given({"hook": f"{base}{PATHS[kind]}\n", "sign": secret})
    keys: dict[str, object] = {"webhook": {"file": "hook"}}
    if kind != "wecom" and secret:
        keys["secret"] = {"file": "sign"}
    notifier = KINDS[kind].NOTIFIER
    options = notifier.options.model_validate(keys)
    async with notifier.open(options, given, Context("lab", Clock())) as made:
        assert isinstance(made, Robot)
        assert isinstance(made, Joiner)
        yield made


async def outcome(kind: str, answer: web.Response, tries: int = 0) -> Exception | None:
    async with serving(answer) as peer, robot(kind, peer.base) as made:
        try:
            await made.send(delivery(tries=tries), TEXT)
        except (Later, Never) as error:
            return error
    return None


# --- signatures ------------------------------------------------------------------------------


def test_dingtalk_signs_time_and_secret() -> None:
    signed = dingtalk.sign(SECRET, 1700000000000)
    assert signed == "8aC55UDkSq4WcYfFs4kiENjHM2Eg593Z8pn43NJF584="


def test_feishu_signs_nothing_by_time_and_secret() -> None:
    assert (
        feishu.sign("a-secret-of-feishu", 1599360473)
        == "ukMKl4314GYmMRPL4xKbTgHz+YLpD/LXil8gtPsS8pk="
    )


# --- what is sent ----------------------------------------------------------------------------


async def test_a_message_to_dingtalk() -> None:
    async with serving(says(GOOD["dingtalk"])) as peer, robot("dingtalk", peer.base) as made:
        links = {"": "https://secmon.example/t/group", "wang": "https://secmon.example/t/wang"}
        await made.send(delivery(WANG, Contact("zhao", "赵"), links=links), TEXT)
    [got] = peer.got
    assert got.query["access_token"] == TOKEN
    at_ms = int(got.query["timestamp"])
    assert abs(at_ms / 1000 - Clock().now().timestamp()) < 5
    assert f"sign={quote_plus(dingtalk.sign(SECRET, at_ms))}" in got.target
    assert got.json == {
        "msgtype": "text",
        "text": {"content": f"{TEXT}\nhttps://secmon.example/t/group\n@13800000001 @赵"},
        "at": {"atMobiles": ["13800000001"], "isAtAll": False},
    }
    assert "机房".encode() in got.body


async def test_a_message_to_wecom() -> None:
    async with serving(says(GOOD["wecom"])) as peer, robot("wecom", peer.base) as made:
        zhao = Contact("zhao", "赵", phone="139", ids={"wecom": "ZhaoSi"})
        await made.send(delivery(WANG, zhao), TEXT)
    [got] = peer.got
    assert got.target == PATHS["wecom"]
    assert got.json == {
        "msgtype": "text",
        "text": {
            "content": TEXT,
            "mentioned_list": ["ZhaoSi"],
            "mentioned_mobile_list": ["13800000001"],
        },
    }


async def test_a_message_to_feishu() -> None:
    async with serving(says(GOOD["feishu"])) as peer, robot("feishu", peer.base) as made:
        await made.send(delivery(WANG, LI), TEXT)
    [got] = peer.got
    body = got.json
    assert body.pop("sign") == feishu.sign(SECRET, int(body.pop("timestamp")))
    assert body == {
        "msg_type": "text",
        "content": {"text": f'{TEXT}\n<at user_id="ou_1">王强</at> @李梅'},
    }


async def test_a_robot_without_a_secret_gets_no_signature() -> None:
    async with serving(says(GOOD["feishu"])) as peer, robot("feishu", peer.base, "") as made:
        await made.send(delivery(), TEXT)
    assert peer.got[0].json.keys() == {"msg_type", "content"}


async def test_a_device_s_name_calls_nobody() -> None:
    async with serving(says(GOOD["feishu"])) as peer, robot("feishu", peer.base) as made:
        await made.send(delivery(), 'x <at user_id="all">所有人</at>')
    assert "<" not in peer.got[0].json["content"]["text"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_long_text_is_cut_and_its_link_is_not(kind: str) -> None:
    link = "https://secmon.example/t/" + "x" * 80
    async with serving(says(GOOD[kind])) as peer, robot(kind, peer.base) as made:
        await made.send(delivery(WANG, links={"": link}), "机" * 30_000)
        longest = made.dialect.longest
    body = peer.got[0].json
    text = body["content"]["text"] if kind == "feishu" else body["text"]["content"]
    assert len(text.encode()) <= longest
    assert f"…\n{link}" in text


async def test_several_notices_in_one_message() -> None:
    async with serving(says(GOOD["dingtalk"])) as peer, robot("dingtalk", peer.base) as made:
        await made.send_many([delivery(WANG), delivery(WANG, LI, number=2)], "【汇总】 2 条通知")
    [got] = peer.got
    assert got.json["at"]["atMobiles"] == ["13800000001", "13800000002"]


# --- what is answered ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_code_0_is_success(kind: str) -> None:
    assert await outcome(kind, says(GOOD[kind])) is None


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("dingtalk", {"errcode": 310000, "errmsg": "sign not match, more: [https://ding-doc…]"}),
        ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content"}),
        ("dingtalk", {"errcode": 300001, "errmsg": "token is not exist"}),
        (
            "wecom",
            {"errcode": 93000, "errmsg": "invalid webhook url, hint: [1], from ip: 192.0.2.1"},
        ),
        ("wecom", {"errcode": 40058, "errmsg": "markdown.content exceed max length 4096"}),
        (
            "feishu",
            {
                "code": 19021,
                "data": {},
                "msg": "sign match fail or timestamp is not within one hour from current time",
            },
        ),
        ("feishu", {"code": 19024, "data": {}, "msg": "Key Words Not Found"}),
        ("feishu", {"code": 9499, "msg": "Bad Request", "data": {}}),
        (
            "feishu",
            {
                "StatusCode": 0,
                "code": 19001,
                "msg": "param invalid: incoming webhook access token invalid",
            },
        ),
    ],
)
async def test_a_robot_that_answers_200_with_an_error(kind: str, answer: object) -> None:
    error = await outcome(kind, says(answer))
    assert isinstance(error, Never)
    assert "expected code 0 (got" in str(error)


@pytest.mark.parametrize(
    ("kind", "answer", "rest_s"),
    [
        (
            "dingtalk",
            {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"},
            600,
        ),
        ("dingtalk", {"errcode": 410100, "errmsg": "发送速度太快而限流"}, 600),
        ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}, 60),
        ("feishu", {"code": 11232, "msg": "frequency limited psm[lark.oapi]"}, 60),
        ("feishu", {"code": 9499, "msg": "too many request", "data": {}}, 60),
    ],
)
async def test_too_fast_is_later_and_silence_until_then(
    kind: str, answer: object, rest_s: float
) -> None:
    async with serving(says(answer)) as peer, robot(kind, peer.base) as made:
        with pytest.raises(Later) as told:
            await made.send(delivery(), TEXT)
        assert told.value.after_s == rest_s
        room, wait_s = made.room()
        assert (room, round(wait_s)) == (0, rest_s)
        with pytest.raises(Later):  # also for a test by a person
            await made.send(delivery(), TEXT)
        assert len(peer.got) == 1, "nothing is sent while it is to be silent"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "answer",
    [
        web.Response(text="<html>log in to the Wi-Fi</html>", content_type="text/html"),
        says({}),
        says([]),
        says({"errcode": True, "code": None}),
        says("x" * 100_000),
        web.Response(status=404, text="not found"),
    ],
    ids=["html", "empty", "list", "no number", "long", "404"],
)
async def test_what_holds_no_code_is_no_success(kind: str, answer: web.Response) -> None:
    assert isinstance(await outcome(kind, answer), Later)
    assert isinstance(await outcome(kind, answer, tries=5), Never), "but not for ever"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_code_that_nobody_documents_is_tried_a_few_times(kind: str) -> None:
    answer = {"errcode": 4242, "code": 4242, "errmsg": "?"}
    assert isinstance(await outcome(kind, says(answer), tries=4), Later)
    assert isinstance(await outcome(kind, says(answer), tries=5), Never)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_in_trouble_and_a_redirect(kind: str) -> None:
    assert isinstance(await outcome(kind, says("oops", 502)), Later)
    moved = web.Response(status=302, headers={"Location": "http://192.0.2.1/steal"})
    assert isinstance(await outcome(kind, moved), Never)


async def test_nobody_there_and_one_who_hangs_up() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with playing(hang_up) as port, robot("wecom", f"http://127.0.0.1:{port}") as made:
        with pytest.raises(Later, match="no proper answer"):
            await made.send(delivery(), TEXT)


async def test_an_answer_without_end_is_cut() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with playing(endless) as port, robot("wecom", f"http://127.0.0.1:{port}") as made:
        async with asyncio.timeout(5):
            with pytest.raises(Later, match="without"):
                await made.send(delivery(), TEXT)


# --- secrets ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_no_text_holds_token_or_secret(kind: str) -> None:
    """Also where the platform repeats them."""
    words = f"bad {TOKEN}" + ("" if kind == "wecom" else f" and {SECRET}")
    told = [
        await outcome(
            kind, says({"errcode": 310000, "code": 19021, "errmsg": words, "msg": words})
        ),
        await outcome(kind, says("oops", 500)),
        await outcome(kind, web.Response(status=301, headers={"Location": "/x"})),
    ]
    async with robot(kind, "http://127.0.0.1:1") as made:
        with pytest.raises(Later) as away:
            await made.send(delivery(), TEXT)
        told += [away.value]
        told += [ValueError(repr(made))]
    for error in told:
        assert error is not None
        assert TOKEN not in str(error)
        assert SECRET not in str(error)


@pytest.mark.parametrize(
    "address",
    ["", "robot", "http://oapi.dingtalk.com/robot/send?access_token=x", "https://", "https://a b/"],
)
async def test_an_address_that_is_none(address: str) -> None:
    given = Given({"hook": address})
    options = dingtalk.NOTIFIER.options.model_validate({"webhook": {"file": "hook"}})
    with pytest.raises(ConfigError, match=r"notify\.webhook: expected an address like https"):
        async with dingtalk.NOTIFIER.open(options, given, Context("lab", Clock())):
            pass
