"""What people read, sentence by sentence, in both languages."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from secmon.core.model import Device, Op, Part, Rule, Word
from secmon.texts import Texts

NOON = datetime(2026, 11, 23, 2, 2, 11, tzinfo=UTC)  # 10:02:11 at Shanghai


def word(name: str, unit: str, zh: str, en: str, kind: str = "gauge") -> Word:
    return Word(name, name, {}, unit, kind, True, 0, False, False, "", {"zh": zh, "en": en})


WORDS = {
    one.name: one
    for one in (
        word("temperature_celsius", "°C", "温度", "Temperature"),
        word("battery_charge_ratio", "ratio", "电池电量", "Battery charge"),
        word("battery_runtime_seconds", "s", "电池剩余时间", "Battery runtime left"),
        word("mains_voltage_volts", "V", "市电电压", "Mains voltage"),
        word("speed", "B/s", "速率", "Speed"),
        word("errors", "1/s", "每秒接收错误数", "Receive errors per second"),
        word("rise", "°C/min", "温升速率", "Rise of the temperature"),
        word("count", "", "数量", "Count"),
        word("interface_up", "", "端口连通", "Port is up", "flag"),
        word("device_up", "", "设备应答", "Device answers", "flag"),
        word("battery_float_ok", "", "浮充正常", "Float charge is right", "flag"),
    )
}
TITLE = {"zh": "机房温度过高", "en": "Machine room too warm"}
RULES = {
    rule.id: rule
    for rule in (
        Rule("warm", "temperature_celsius", Op.ABOVE, 25, text=TITLE),
        Rule("charge", "battery_charge_ratio", Op.BELOW, 0.2),
        Rule("port", "interface_up", Op.IS, 0),
        Rule("silent", "device_up", Op.IS, 0),
        Rule("float", "battery_float_ok", Op.IS, 0),
        Rule("gone", "temperature_celsius", Op.MISSING),
        Rule("stuck", "temperature_celsius", Op.STUCK),
    )
}
DEVICES = {
    "sw-1": Device("sw-1", "一楼交换机", "network", "switch", parts={"24": Part("24", "上联")}),
    "cam-1": Device("cam-1", "东门摄像机", "video", "camera"),
}


def ticket(**changes: object) -> dict[str, object]:
    """A ticket's JSON: the machine room is too warm."""
    return {
        "number": "WX-2026-0007",
        "device": "room",
        "device_name": "主机房",
        "location": "一层",
        "part": "",
        "severity": "major",
        "rule": "warm",
        "reading": "temperature_celsius",
        "value": 27.1,
        "limit": 25,
        "facts": {},
        "summary": "",
        "opened_at": "2026-11-23T02:04:11.000Z",
        "detected_at": "2026-11-23T02:02:11.000Z",
        "cleared_at": None,
        "due": {
            "respond": "2026-11-23T02:32:11.000Z",
            "arrive": "2026-11-23T06:02:11.000Z",
            "repair": "2026-11-23T10:02:11.000Z",
        },
        "marks": {},
        "overdue": [],
        "previous": "",
        "suppressed": [],
        **changes,
    }


ZH = Texts("zh", "Asia/Shanghai", WORDS, RULES, devices=DEVICES)
EN = Texts("en", "Asia/Shanghai", WORDS, RULES, devices=DEVICES)


def test_opened() -> None:
    assert ZH.notice("opened", {}, ticket()) == (
        "【重大】机房温度过高：主机房（一层）27.1 °C，限值 25 °C，自 10:02:11 起；"
        "工单 WX-2026-0007；应响应 10:32，到场 14:02，修复 18:02"
    )
    assert EN.notice("opened", {}, ticket()) == (
        "[major] Machine room too warm: 主机房 (一层) 27.1 °C, limit 25 °C, since 10:02:11; "
        "ticket WX-2026-0007; due: respond 10:32, arrive 14:02, repair 18:02"
    )


def test_a_summary_is_what_and_where_in_one_line() -> None:
    assert ZH.summary(ticket()) == "机房温度过高：主机房（一层）27.1 °C，限值 25 °C"
    assert EN.summary(ticket()) == "Machine room too warm: 主机房 (一层) 27.1 °C, limit 25 °C"


def test_a_person_s_own_words_win() -> None:
    reported = ticket(
        rule="", reading="", value=None, limit=None, summary="门禁读卡器\n被撞坏", reported_by="li"
    )
    assert ZH.summary(reported) == "门禁读卡器 被撞坏"
    assert ZH.notice("opened", {}, reported).startswith(
        "【重大】门禁读卡器 被撞坏：主机房（一层），自 10:02:11 起"
    )


@pytest.mark.parametrize(
    ("reason", "facts", "changes", "zh", "en"),
    [
        (
            "due_soon",
            {"clock": "respond"},
            {},
            "【重大·响应即将超时】",
            "[major, respond due soon] ",
        ),
        ("overdue", {"clock": "arrive"}, {}, "【重大·到场已超时】", "[major, arrive overdue] "),
        ("relapsed", {}, {"severity": "critical"}, "【紧急·再次发生】", "[critical, relapsed] "),
        ("deepened", {}, {"severity": "warning"}, "【提示·原因更新】", "[warning, cause updated] "),
        ("closed", {}, {"severity": "minor"}, "【一般·已关闭】", "[minor, closed] "),
        ("cancelled", {}, {}, "【重大·已作废】", "[major, cancelled] "),
        ("something new", {}, {}, "【重大·something new】", "[major, something new] "),
    ],
)
def test_the_head_says_how_grave_and_why(
    reason: str, facts: dict[str, str], changes: dict[str, object], zh: str, en: str
) -> None:
    assert ZH.notice(reason, facts, ticket(**changes)).startswith(zh)
    assert EN.notice(reason, facts, ticket(**changes)).startswith(en)


def test_a_clock_notice_names_its_own_due_time() -> None:
    assert ZH.notice("overdue", {"clock": "respond"}, ticket()).endswith(
        "；工单 WX-2026-0007；应响应 10:32"
    )


def test_clocks_that_stopped_or_do_not_apply_are_not_named() -> None:
    due = {"respond": "2026-11-23T02:32:11Z", "arrive": None, "repair": "2026-11-23T10:02:11Z"}
    marks = {"acknowledged": {"at": "2026-11-23T02:10:00Z", "by": "li"}}
    assert ZH.notice("relapsed", {}, ticket(due=due, marks=marks)).endswith("；应修复 18:02")


def test_cleared_says_how_long_it_lasted_and_no_value() -> None:
    cleared = ticket(cleared_at="2026-11-23T02:40:11Z")
    assert ZH.notice("cleared", {}, cleared) == (
        "【重大·已恢复】机房温度过高：主机房（一层），自 10:02:11 至 10:40:11（38 分钟）；"
        "工单 WX-2026-0007"
    )
    assert EN.notice("cleared", {}, cleared) == (
        "[major, cleared] Machine room too warm: 主机房 (一层), from 10:02:11 to 10:40:11 (38 min)"
        "; ticket WX-2026-0007"
    )


def test_closed_says_by_whom_and_with_which_word() -> None:
    facts = {"by": "张工", "note": "换了风扇"}
    assert "；张工：换了风扇；工单" in ZH.notice("closed", facts, ticket())
    marks = {"closed": {"at": "2026-11-23T03:00:00Z", "by": "李工"}}
    assert "；李工；工单" in ZH.notice("closed", {}, ticket(marks=marks))


def test_another_day_has_its_date() -> None:
    later = NOON + timedelta(days=1)
    text = ZH.notice("overdue", {"clock": "repair"}, ticket(), later)
    assert "自 11-23 10:02:11 起" in text
    assert text.endswith("应修复 11-23 18:02")
    assert "自 2026-11-23 10:02:11" in ZH.notice(
        "overdue", {"clock": "repair"}, ticket(), NOON + timedelta(days=60)
    )


def test_the_day_is_the_site_s() -> None:
    utc = Texts("en", "UTC", WORDS, RULES)
    west = Texts("en", "America/Los_Angeles", WORDS, RULES)
    assert "since 02:02:11" in utc.notice("opened", {}, ticket())
    assert "since 18:02:11" in west.notice("opened", {}, ticket())  # of the day before


def test_the_site_is_named_where_there_is_one() -> None:
    named = Texts("zh", "Asia/Shanghai", WORDS, RULES, site="示范工程")
    assert named.notice("opened", {}, ticket()).startswith(
        "【重大】机房温度过高：示范工程 主机房（一层）27.1 °C"
    )
    assert "示范工程" not in named.summary(ticket())


def test_a_part_goes_by_its_name() -> None:
    port = ticket(
        device="sw-1", device_name="一楼交换机", rule="port", reading="interface_up", part="24",
        value=False, limit=0,
    )  # fmt: skip
    assert ZH.summary(port) == "端口断开：一楼交换机（一层），24 上联"
    assert EN.summary({**port, "part": "25"}) == "Port down: 一楼交换机 (一层), 25"


def test_silence_says_what_happened() -> None:
    facts = {"failure": "timeout", "text": "no answer within 5 s", "probe": "snmp"}
    silent = ticket(rule="silent", reading="device_up", value=False, limit=0, facts=facts)
    assert ZH.summary(silent) == "设备无应答：主机房（一层），snmp 超时（no answer within 5 s）"
    assert EN.summary(silent) == (
        "Device does not answer: 主机房 (一层), snmp timed out (no answer within 5 s)"
    )
    bare = ticket(rule="silent", reading="device_up", value=False, facts={"failure": "refused"})
    assert EN.summary(bare) == "Device does not answer: 主机房 (一层), refused"


FLOAT = {"volts": 13.21, "low": 13.5, "high": 13.7691, "celsius": 25.0}


@pytest.mark.parametrize(
    ("facts", "zh", "en"),
    [
        (
            {**FLOAT, "judgement": "under_charged"},
            "浮充电压 13.21 V，25 °C 时应为 13.50–13.77 V：欠充",
            "13.21 V, expected 13.50–13.77 V at 25 °C: under-charged",
        ),
        (
            {"volts": 29.0, "low": 26.4, "high": 27.6, "judgement": "over_charged"},
            "浮充电压 29.00 V，应为 26.40–27.60 V（电池温度未知）：过充",
            "29.00 V, expected 26.40–27.60 V (battery temperature unknown): over-charged",
        ),
    ],
)
def test_float_charge_in_words(facts: dict[str, object], zh: str, en: str) -> None:
    wrong = ticket(rule="float", reading="battery_float_ok", value=False, limit=0, facts=facts)
    assert ZH.summary(wrong) == f"浮充电压异常：主机房（一层），{zh}"
    assert EN.summary(wrong) == f"Float charge wrong: 主机房 (一层), {en}"


def test_titles_made_of_the_reading() -> None:
    low = ticket(rule="charge", reading="battery_charge_ratio", value=0.153, limit=0.2)
    assert ZH.summary(low) == "电池电量过低：主机房（一层）15%，限值 20%"
    assert EN.summary(ticket(rule="gone", value=None, limit=0)) == (
        "No data: Temperature: 主机房 (一层)"
    )
    assert (
        ZH.summary(ticket(rule="stuck", limit=0))
        == "温度长时间不变：主机房（一层），一直为 27.1 °C"
    )


def test_a_rule_that_is_no_more_is_worded_from_value_and_limit() -> None:
    assert EN.summary(ticket(rule="removed")) == (
        "Temperature too high: 主机房 (一层) 27.1 °C, limit 25 °C"
    )
    assert EN.what(ticket(rule="removed", value=20.0)) == "Temperature too low"
    assert EN.what(ticket(rule="removed", reading="interface_up", value=False)) == "Port down"


def test_what_it_leaves_unjudged_and_what_came_before() -> None:
    hidden = ["cam-1", *(f"cam-{n}" for n in range(2, 13))]
    text = ZH.notice("opened", {}, ticket(suppressed=hidden, previous="WX-2026-0003"))
    assert (
        "；另有 12 台设备因此无法判断：东门摄像机、cam-2、cam-3、cam-4、cam-5 等；"
        "工单 WX-2026-0007；上一工单 WX-2026-0003；应响应"
    ) in text
    assert "cam-2" not in ZH.notice("cleared", {}, ticket(suppressed=hidden))


def test_past_the_store() -> None:
    site = Texts("en", "UTC", WORDS, RULES, site="Lab")
    assert site.notice("test", {}, {}) == (
        "[test] Lab, this is a test message of secmon: who reads it knows that this channel works"
    )
    assert "disk is full" in ZH.notice("store_down", {"text": "disk is full"}, {})
    assert ZH.notice("store_up", {}, {}).startswith("【存储已恢复】")


def test_titles_are_short() -> None:
    assert ZH.title("overdue", {"clock": "arrive"}, ticket()) == "【重大·到场已超时】机房温度过高"
    assert len(EN.title("opened", {}, ticket(summary="x" * 500))) == 80


@pytest.mark.parametrize(
    ("reading", "value", "zh", "en"),
    [
        ("temperature_celsius", 27.0, "27 °C", "27 °C"),
        ("temperature_celsius", -0.04, "0 °C", "0 °C"),
        ("mains_voltage_volts", 231.04, "231 V", "231 V"),
        ("mains_voltage_volts", 13.2, "13.20 V", "13.20 V"),
        ("battery_charge_ratio", 1.0, "100%", "100%"),
        ("battery_charge_ratio", 0.0123, "1.2%", "1.2%"),
        ("battery_runtime_seconds", 600, "10 分钟", "10 min"),
        ("battery_runtime_seconds", 0, "0 秒", "0 s"),
        ("battery_runtime_seconds", 59.7, "1 分钟", "1 min"),
        ("battery_runtime_seconds", 4805, "1 小时 20 分钟", "1 h 20 min"),
        ("battery_runtime_seconds", 3 * 86400 + 5 * 3600 + 59, "3 天 5 小时", "3 d 5 h"),
        ("battery_runtime_seconds", 86399, "1 天", "1 d"),
        ("speed", 12_345_678, "12.3 MB/s", "12.3 MB/s"),
        ("speed", 12, "12 B/s", "12 B/s"),
        ("errors", 3.14159, "3.14 次/秒", "3.14 per second"),
        ("rise", 1.25, "1.2 °C/分钟", "1.2 °C/min"),
        ("count", 1234567, "1234567", "1234567"),
        ("count", 0.012345, "0.0123", "0.0123"),
        ("count", float("nan"), "—", "—"),
        ("count", float("inf"), "—", "—"),
        ("recalled_timestamp_seconds", 1795888925, "2026-11-29 02:02", "2026-11-29 02:02"),
        ("interface_up", True, "是", "yes"),
        ("", "text", "text", "text"),
        ("", None, "—", "—"),
    ],
)
def test_values_as_people_read_them(reading: str, value: object, zh: str, en: str) -> None:
    assert ZH.value(value, reading) == zh
    assert EN.value(value, reading) == en


@pytest.mark.parametrize(
    ("value", "limit", "shown"),
    [
        (25.04, 25, "25.04 °C, limit 25 °C"),
        (25.0004, 25, "25.0004 °C, limit 25 °C"),
        (25, 25, "25 °C, limit 25 °C"),
        (float("nan"), 25, "— , limit 25 °C"),
    ],
)
def test_value_and_limit_never_look_alike(value: float, limit: float, shown: str) -> None:
    assert shown.replace("— ", "—") in EN.summary(ticket(value=value, limit=limit))


HOSTILE = "name\x1b[2J\r\nX: y\u202e\u200b\ud800 " + "long" * 100_000


def test_what_a_device_says_is_made_harmless() -> None:
    hostile = ticket(
        device_name=HOSTILE, part=HOSTILE, location=HOSTILE, value=HOSTILE, number=HOSTILE,
        facts={"failure": "garbled", "text": HOSTILE, "probe": HOSTILE},
    )  # fmt: skip
    for text in (ZH.notice("opened", {"note": HOSTILE}, hostile), EN.summary(hostile)):
        assert text.isprintable()
        assert "\u202e" not in text
        assert len(text) <= 1000
    assert len(ZH.summary(hostile)) <= 200


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("rtsp://admin:secret@10.0.0.1/live", "rtsp://***@10.0.0.1/live"),
        ("rtsp://admin:p@ss/w:rd@10.0.0.1/live", "rtsp://***@10.0.0.1/live"),
        ("http://token@host/", "http://***@host/"),
        ("at http://a:b@h/ and http://c:d@i/.", "at http://***@h/ and http://***@i/."),
        ("http://host/path", "http://host/path"),
        ("mail a@b", "mail a@b"),
    ],
)
def test_logins_in_addresses_are_masked(text: str, masked: str) -> None:
    facts = {"failure": "refused", "text": text, "probe": "rtsp"}
    assert masked in EN.summary(ticket(rule="silent", reading="device_up", facts=facts))


@pytest.mark.parametrize(
    "odd",
    [
        {"number": "WX-2026-0001"},
        {"severity": 7, "due": "x", "marks": 3, "facts": [], "suppressed": "abc"},
        {"detected_at": "yesterday", "due": {"respond": 5}, "value": {}, "limit": []},
        {"facts": {"judgement": "odd", "volts": "x"}, "device_name": None, "part": {"a": 1}},
        {"rule": ["x"], "reading": None, "summary": {"a": "b"}},
    ],
)
@pytest.mark.parametrize("reason", ["opened", "overdue", "cleared", "{braces}"])
def test_an_odd_ticket_still_makes_words(odd: Mapping[str, object], reason: str) -> None:
    for texts in (ZH, EN):
        assert texts.notice(reason, {"clock": "lunch"}, odd)
        assert texts.notice(reason, {}, {**ticket(), **odd})
        assert texts.summary({**ticket(), **odd}) is not None


def test_single_words() -> None:
    assert ZH.word("states", "on_site") == "已到场"
    assert EN.word("ways", "mail_in") == "mail-in"
    assert ZH.word("systems", "center") == "监控中心"
    assert ZH.word("verbs", "unheard of") == "unheard of"
    assert ZH.word("no such group", "x") == "x"
    assert ZH.name("temperature_celsius") == "温度"
    assert ZH.name("unknown_reading") == "unknown_reading"
