"""What a ticket says that its fault comes of, in both languages."""

import pytest

from secmon.core.model import Cause
from secmon.standard.tables import shipped_rules, vocabulary
from secmon.texts import Texts
from tests.texts.test_texts import NOON, ticket

RULES = {rule.id: rule for rule in shipped_rules()}
ZH = Texts("zh", "Asia/Shanghai", vocabulary(), RULES)
EN = Texts("en", "Asia/Shanghai", vocabulary(), RULES)


def camera(rule: str, reading: str, **facts: object) -> dict[str, object]:
    return ticket(
        device="cam-1", device_name="大门", rule=rule, reading=reading, value=False, limit=False,
        facts=facts,
    )  # fmt: skip


def failing(cause: str, **more: object) -> dict[str, object]:
    facts = {"failure": "refused", "probe": "rtsp", "text": "got 401", "cause": cause, **more}
    return camera("probe-failing", "probe_success", **facts)


@pytest.mark.parametrize(
    ("cause", "zh", "en"),
    [
        ("silent", "（无应答）：大门（一层），rtsp：没有任何应答", "no answer"),
        ("no_route", "（网络不通）：大门（一层），rtsp：网络报告到不了该设备", "no route"),
        (
            "no_name",
            "（域名无法解析）：大门（一层），rtsp：设备的域名解析不出地址",
            "name not known",
        ),
        ("closed", "（端口关闭）：大门（一层），rtsp：主机在线，端口拒绝连接", "port closed"),
        (
            "hung_up",
            "（连接即断）：大门（一层），rtsp：主机在线，接受连接后不作应答就断开",
            "hangs up",
        ),
        (
            "login",
            "（登录被拒绝）：大门（一层），rtsp：登录被拒绝，用户名或密码不对",
            "log-in refused",
        ),
        (
            "locked",
            "（账号被锁定）：大门（一层），rtsp：账号因多次登录失败被锁定",
            "account locked",
        ),
        (
            "no_login",
            "（未配置登录账号）：大门（一层），rtsp：设备要求登录，但未配置账号",
            "no log-in",
        ),
        ("no_right", "（账号无权限）：大门（一层），rtsp：该账号没有权限", "no right to ask"),
        (
            "wrong_service",
            "（服务不符）：大门（一层），rtsp：端口上不是所需的服务",
            "another service",
        ),
        ("no_stream", "（流不存在）：大门（一层），rtsp：设备拒绝提供该视频流", "no such stream"),
        ("busy", "（会话已满）：大门（一层），rtsp：设备的会话已满", "no session left"),
        ("no_video", "（流中无视频）：大门（一层），rtsp：流里没有视频", "no video track"),
    ],
)
def test_a_failing_probe(cause: str, zh: str, en: str) -> None:
    said = failing(cause)
    assert ZH.summary(said) == f"设备在线但采集失败{zh}（got 401）"
    assert EN.summary(said).startswith(f"Device answers, but a poll keeps failing ({en}")
    assert EN.summary(said).endswith(" (got 401)")


def test_what_works_all_the_same_and_a_clock_that_may_be_why() -> None:
    said = failing("login", answers="icmp, onvif", clock_offset_seconds=-7200.0)
    assert ZH.summary(said).endswith(
        "rtsp：登录被拒绝，用户名或密码不对，设备时钟偏差 -2 小时，可能因此拒绝登录，"
        "icmp, onvif 正常（got 401）"
    )
    assert EN.summary(said).endswith(
        "rtsp: the log-in is refused, its clock is off by -2 h, which may be why, "
        "icmp, onvif fine (got 401)"
    )


def test_silence_is_not_said_twice() -> None:
    silent = camera(
        "no-answer", "device_up", failure="timeout", probe="onvif", text="x", cause="silent"
    )
    assert ZH.summary(silent) == "设备无应答：大门（一层），onvif：没有任何应答（x）"
    assert EN.title("opened", {}, silent) == "[major] Device does not answer"
    closed = camera(
        "no-answer", "device_up", failure="unreachable", probe="onvif", text="x", cause="closed"
    )
    assert ZH.title("opened", {}, closed) == "【重大】设备无应答（端口关闭）"


def test_a_stream_without_media() -> None:
    said = camera("no-stream", "stream_up", cause="no_media", answers="onvif")
    assert ZH.summary(said) == (
        "无视频流（有流无数据）：大门（一层），可以播放，但没有数据送来，onvif 正常"
    )
    words = "it plays, and nothing comes, onvif fine"
    assert EN.summary(said) == f"No video stream (stream without media): 大门 (一层), {words}"


def test_another_device() -> None:
    facts = {"cause": "another_device", "probe": "onvif", "expected": "A1", "found": "B2"}
    said = camera("other-device", "identity_matches", **facts)
    assert ZH.summary(said) == "该地址上是另一台设备：大门（一层），onvif 应为 A1，实为 B2"
    assert EN.summary({**said, "facts": {**facts, "model": "X100"}}) == (
        "Another device is at this address: 大门 (一层), onvif expected A1, found B2 (X100)"
    )


def test_a_clock_at_its_factory_date() -> None:
    said = ticket(
        device_name="大门", rule="clock-behind", reading="clock_offset_seconds",
        value=-820_540_800.0, limit=-60, facts={"cause": "clock_reset"},
    )  # fmt: skip
    assert ZH.summary(said) == (
        "设备时钟过慢（时钟回到出厂时间）：大门（一层），-9497 天，限值 -1 分钟；"
        "设备时钟停在出厂时间，可能断电重启过且时钟电池失效"
    )


def test_a_silence_that_cleared_says_that_the_device_restarted() -> None:
    said = camera(
        "no-answer", "device_up", failure="timeout", probe="onvif", cause="silent",
        rebooted_at="2026-11-23T02:05:30+00:00",
    )  # fmt: skip
    said["cleared_at"] = "2026-11-23T02:06:11.000Z"
    assert ZH.notice("cleared", {}, said, NOON) == (
        "【重大·已恢复】设备无应答：大门（一层），自 10:02:11 至 10:06:11（4 分钟）；"
        "设备于 10:05:30 重启；工单 WX-2026-0007"
    )
    assert "; device restarted at 10:05:30; " in EN.notice("cleared", {}, said, NOON)


def test_a_person_s_words_win() -> None:
    assert ZH.summary({**failing("login"), "summary": "看不清"}) == "看不清"


@pytest.mark.parametrize("cause", [7, None, "", "unheard-of", ["closed"], {"a": 1}])
def test_an_odd_cause_is_none(cause: object) -> None:
    said = camera(
        "probe-failing", "probe_success", failure="refused", probe="rtsp", text="x", cause=cause,
        rebooted_at=3, clock_offset_seconds="late", answers=None,
    )  # fmt: skip
    assert EN.summary(said) == (
        "Device answers, but a poll keeps failing: 大门 (一层), rtsp refused (x)"
    )


@pytest.mark.parametrize("texts", [ZH, EN])
def test_a_hostile_device_s_words_are_bounded_and_masked(texts: Texts) -> None:
    nasty = "<b>\n\u202ertsp://admin:geheim@x/" + "A" * 5000
    facts = {"cause": "another_device", "probe": "onvif", "expected": "A1", "found": nasty}
    said = texts.notice("opened", {}, camera("other-device", "identity_matches", **facts), NOON)
    assert "geheim" not in said and "\n" not in said and "\u202e" not in said
    assert len(said) <= 1000


def test_every_cause_is_said_somewhere_here() -> None:
    for cause in Cause:
        if cause:
            assert ZH.word("says", str(cause)) != str(cause)
