"""Aliyun and Tencent: their published signature vectors, and servers that play their answers.

No real account is at hand. Vectors: Aliyun's SMS documentation («签名机制», SendSms; the older page
on RPC calls, DescribeRegions) and its page «V3版本请求体&签名机制» (RunInstances); Tencent Cloud's
«签名方法 v3» (DescribeInstances). Answers: help.aliyun.com on SendSms and its error codes,
cloud.tencent.com/document/api/382/55981 and …/59177.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from secmon.adapters.clock import Clock
from secmon.adapters.notify import Context, sms_aliyun, sms_tencent
from secmon.adapters.notify.sms_aliyun import Request, acs3, rpc
from secmon.adapters.notify.sms_tencent import tc3
from secmon.api import Later, Never, Notifier
from tests.adapters.notify.given import LI, WANG, Given, delivery, says, serving

GIVEN = Given({}, {"cloud": {"username": "key-id", "password": "key-secret"}})
ALIYUN = {"credentials": "cloud", "sign": "示范维保", "template": "SMS_1"}
TENCENT = {**ALIYUN, "template": "1110", "app": "1400006666"}
OK_ALIYUN = {
    "Message": "OK",
    "RequestId": "F655A8D5",
    "BizId": "900619746936498440^0",
    "Code": "OK",
}
OK_TENCENT = {
    "Response": {
        "SendStatusSet": [{"SerialNo": "5000:1", "PhoneNumber": "+86138", "Fee": 1, "Code": "Ok"}],
        "RequestId": "a0aabda6",
    }
}

# --- published vectors -----------------------------------------------------------------------


def test_aliyun_rpc_send_sms() -> None:
    params = {
        "AccessKeyId": "testId",
        "Action": "SendSms",
        "Format": "XML",
        "OutId": "123",
        "PhoneNumbers": "15300000001",
        "RegionId": "cn-hangzhou",
        "SignName": "阿里云短信测试专用",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "45e25e9b-0a6f-4070-8c85-2956eda1b466",
        "SignatureVersion": "1.0",
        "TemplateCode": "SMS_71390007",
        "TemplateParam": '{"customer":"test"}',
        "Timestamp": "2017-07-12T02:42:19Z",
        "Version": "2017-05-25",
    }
    assert rpc(params, "testSecret") == "zJDF+Lrzhj/ThnlvIToysFRq6t4="


def test_aliyun_rpc_describe_regions() -> None:
    params = {
        "AccessKeyId": "testid",
        "Action": "DescribeRegions",
        "Format": "XML",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
        "SignatureVersion": "1.0",
        "Timestamp": "2016-02-23T12:46:24Z",
        "Version": "2014-05-26",
    }
    assert rpc(params, "testsecret") == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="


def test_aliyun_acs3_run_instances() -> None:
    request = Request(
        "ecs.cn-shanghai.aliyuncs.com",
        "RunInstances",
        "2014-05-26",
        {
            "RegionId": "cn-shanghai",
            "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
        },
        datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        "3156853299f313e23d1673dc12e1703d",
    )
    _, headers = acs3(request, "YourAccessKeyId", "YourAccessKeySecret")
    assert headers["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;"
        "x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_tencent_tc3_describe_instances() -> None:
    body = (
        rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    )
    login = ("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE")
    at = datetime.fromtimestamp(1551113065, UTC)
    assert tc3(login, "cvm", "cvm.tencentcloudapi.com", body, at) == (
        "TC3-HMAC-SHA256 "
        "Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request,"
        " SignedHeaders=content-type;host,"
        " Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    )


# --- what is sent ----------------------------------------------------------------------------


@asynccontextmanager
async def cloud(module: Any, base: str, keys: dict[str, Any]) -> AsyncIterator[Notifier]:
    options = module.Options.model_validate({**keys, "url": base})
    async with module.NOTIFIER.open(options, GIVEN, Context("lab", Clock())) as notifier:
        yield notifier


async def test_aliyun_signs_what_it_sends() -> None:
    keys = {**ALIYUN, "params": {"what": "{title}", "at": "{device}", "t": "{token}"}}
    link = "https://s.example/t/" + "x" * 60 + ".abc"
    async with serving(says(OK_ALIYUN)) as peer, cloud(sms_aliyun, peer.base, keys) as notifier:
        title = "【重大】" + "机房温度过高" * 10
        await notifier.send(delivery(WANG, LI, links={"wang": link}, title=title), "x")
    assert [one.query["PhoneNumbers"] for one in peer.got] == ["13800000001", "13800000002"]
    got = peer.got[0]
    assert got.query["SignName"] == "示范维保"
    said = json.loads(got.query["TemplateParam"])
    assert said == {"what": title[:34] + "…", "at": "主机房", "t": "x" * 60 + ".abc"}
    when = datetime.strptime(got.headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    nonce = got.headers["x-acs-signature-nonce"]
    host = got.headers["Host"]
    request = Request(host, "SendSms", "2017-05-25", got.query, when, nonce)
    query, headers = acs3(request, "key-id", "key-secret")
    assert got.target == f"/?{query}"
    assert got.headers["Authorization"] == headers["Authorization"]


async def test_aliyun_by_the_older_signature() -> None:
    keys = {**ALIYUN, "signature": "rpc"}
    async with serving(says(OK_ALIYUN)) as peer, cloud(sms_aliyun, peer.base, keys) as notifier:
        await notifier.send(delivery(WANG), "x")
    query = peer.got[0].query
    signature = query.pop("Signature")
    assert signature == rpc(query, "key-secret", "POST")
    assert query["Action"] == "SendSms"


async def test_tencent_signs_what_it_sends() -> None:
    async with (
        serving(says(OK_TENCENT)) as peer,
        cloud(sms_tencent, peer.base, TENCENT) as notifier,
    ):
        await notifier.send(delivery(WANG), "x")
    [got] = peer.got
    assert got.json == {
        "PhoneNumberSet": ["13800000001"],
        "SmsSdkAppId": "1400006666",
        "SignName": "示范维保",
        "TemplateId": "1110",
        "TemplateParamSet": ["【重大】机房温度过高", "主机房"],
    }
    at = datetime.fromtimestamp(int(got.headers["X-TC-Timestamp"]), UTC)
    login = ("key-id", "key-secret")
    signed = tc3(login, "sms", got.headers["Host"], got.body, at)
    assert got.headers["Authorization"] == signed
    assert got.headers["X-TC-Action"] == "SendSms"


# --- what is answered ------------------------------------------------------------------------


def tencent(code: str) -> object:
    return {"Response": {"SendStatusSet": [{"Code": code, "Message": "x"}], "RequestId": "1"}}


@pytest.mark.parametrize(
    ("module", "answer", "status", "kind"),
    [
        ("aliyun", OK_ALIYUN, 200, None),
        ("aliyun", {"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": "x"}, 200, Never),
        ("aliyun", {"Code": "isv.AMOUNT_NOT_ENOUGH", "Message": "x"}, 200, Never),
        ("aliyun", {"Code": "SignatureDoesNotMatch", "Message": "x"}, 400, Never),
        ("aliyun", {"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "触发小时级流控"}, 200, Later),
        ("aliyun", {"Code": "isp.SYSTEM_ERROR", "Message": "x"}, 200, Later),
        ("aliyun", {"Code": "Throttling.User", "Message": "x"}, 400, Later),
        ("aliyun", "<html>", 200, Later),
        ("aliyun", {}, 503, Later),
        ("tencent", OK_TENCENT, 200, None),
        ("tencent", tencent("InvalidParameterValue.IncorrectPhoneNumber"), 200, Never),
        ("tencent", tencent("FailedOperation.SignatureIncorrectOrUnapproved"), 200, Never),
        ("tencent", tencent("LimitExceeded.PhoneNumberThirtySecondLimit"), 200, Later),
        ("tencent", tencent("InternalError.Timeout"), 200, Later),
        (
            "tencent",
            {"Response": {"Error": {"Code": "AuthFailure.SignatureFailure", "Message": "x"}}},
            200,
            Never,
        ),
        ("tencent", {"Response": {"Error": {"Code": "RequestLimitExceeded"}}}, 200, Later),
        ("tencent", {"Response": {"SendStatusSet": []}}, 200, Later),
        ("tencent", {"Response": []}, 200, Later),
    ],
)
async def test_the_code_in_the_body_decides(
    module: str, answer: object, status: int, kind: type[Exception] | None
) -> None:
    found, keys = (sms_aliyun, ALIYUN) if module == "aliyun" else (sms_tencent, TENCENT)
    error: Exception | None = None
    async with serving(says(answer, status)) as peer, cloud(found, peer.base, keys) as notifier:
        try:
            await notifier.send(delivery(WANG, tries=0), "x")
        except (Later, Never) as told:
            error = told
    assert type(error) is (kind or type(None)), error
    assert "key-secret" not in str(error)
