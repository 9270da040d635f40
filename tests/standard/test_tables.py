"""The tables, written a second time from the standard's words."""

import csv
from datetime import timedelta
from importlib.resources import files

import pytest

from secmon.core.model import Op, Severity
from secmon.standard import tables

TABLES = ["kinds.csv", "numbers.csv", "service_lives.csv", "systems.csv"]


@pytest.mark.parametrize("name", TABLES)
def test_every_row_has_a_clause_and_no_hole(name: str) -> None:
    text = files("secmon.standard").joinpath(name).read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert rows
    for row in rows:
        assert None not in row
        assert all(row[key] for key in ("zh", "en", "clause")), row


def test_service_lives_of_5_1_2() -> None:
    printed = """a) CCD 摄像机使用年限为 6年。
b) 电视监视器使用年限为 5年。
c) 专用录像机使用年限为 4年。
d) 家用录像机使用年限为 2年。
e) 数字硬盘录像机使用年限为 5年。
f) 室内云台使用年限为 6年。
g) 室外云台使用年限为 5年。
h) 视频矩阵控制主机使用年限为 8年。
i) 视频切换器使用年限为 4年。
j) 入侵探测器使用年限为 6年。
k) 报警控制器使用年限为 6年。
l) 报警控制器备用电池使用年限为 6年。"""
    lives = tables.service_lives().values()
    assert [f"{one.row}) {one.zh}使用年限为 {one.years}年。" for one in lives] == printed.split(
        "\n"
    )
    assert [one.clause for one in lives] == [f"5.1.2 {letter}" for letter in "abcdefghijkl"]


def test_numbers() -> None:
    numbers = {one.name: (one.value, one.unit, one.clause) for one in tables.numbers().values()}
    assert numbers == {
        "room_temperature_max": (25, "°C", "4.4.1.2"),  # 确保主机房温度保持在25摄氏度以下
        "respond_max": (0.5, "h", "5.1.1"),  # 维护人员响应时间应不大于0.5小时
        "arrive_max": (4, "h", "5.1.1"),  # 到达工程现场时间不应大于4小时
        "repair_max": (8, "h", "5.1.1"),  # 故障修复时间不应大于8小时
        "warranty_min": (1, "a", "5.1.2"),  # 质保期不低于1年
        "maintenance_cycle_max": (0.5, "a", "5.1.2"),  # 维护周期不应大于半年
    }
    sla = tables.sla()
    assert (sla.respond, sla.arrive, sla.repair) == (
        timedelta(minutes=30),
        timedelta(hours=4),
        timedelta(hours=8),
    )


def test_systems_are_those_of_table_1() -> None:
    assert [(one.code, one.zh) for one in tables.systems().values()] == [
        ("intrusion", "入侵报警系统"),
        ("video", "视频安防监控系统"),
        ("access", "出入口控制系统"),
        ("patrol", "电子巡查系统"),
        ("parking", "停车场（库）管理系统"),
        ("intercom", "访客对讲（可视）系统"),
        ("network", "网络及传输系统"),
        ("platform", "安防系统综合管理平台"),
        ("center", "监控中心"),
        ("conduit", "综合管线"),
        ("other", "其他安防设备（系统）"),
    ]


def test_kinds_are_those_of_the_contract() -> None:
    promised = (
        "camera ptz-camera recorder switch ups alarm-panel power-supply machine-room door "
        "door-station platform"
    )
    assert list(tables.kinds()) == promised.split()


def test_a_life_that_is_not_printed_is_a_suggestion() -> None:
    kinds = tables.kinds()
    lives = tables.service_lives()
    assert all(kind.service_life in lives for kind in kinds.values() if kind.service_life)
    printed = {code for code, kind in kinds.items() if kind.service_life and not kind.suggested}
    assert printed == {"alarm-panel"}  # 报警控制器; the others' kinds are wider than the print
    assert not any(kind.suggested for kind in kinds.values() if not kind.service_life)


def test_rows_of_table_4_exist() -> None:
    rows = {1: 12, 2: 19, 3: 10, 4: 3, 5: 10, 6: 12, 7: 2, 8: 1, 9: 5, 10: 4}  # counted by hand
    known = {f"T4-{s}.{i:02}" for s, count in rows.items() for i in range(1, count + 1)}
    for kind in tables.kinds().values():
        assert kind.table4
        assert set(kind.table4) <= known
    clauses = {rule.clause for rule in tables.shipped_rules()}
    assert clauses <= known | {"ours", "4.4.1.1", "4.4.1.2"}


def test_the_vocabulary_is_whole() -> None:
    words = tables.vocabulary()
    assert words["device_up"].depth == 1
    assert words["interface_receive_utilization_ratio"].labels == {"direction": "receive"}
    assert words["interface_up"].watched
    assert words["interface_up"].feeds
    for word in words.values():
        assert word.type in ("gauge", "counter", "flag", "text"), word.name
        assert word.help["zh"], word.name
        assert word.help["en"], word.name


def test_shipped_rules_speak_of_what_exists() -> None:
    words, kinds = tables.vocabulary(), tables.kinds()
    rules = tables.shipped_rules()
    assert len({rule.id for rule in rules}) == len(rules)
    for rule in rules:
        word = words[rule.reading]
        assert not rule.where.kind or rule.where.kind in kinds, rule.id
        assert rule.text["zh"], rule.id
        assert rule.text["en"], rule.id
        if word.type == "flag":
            assert rule.op is Op.IS, rule.id
            assert isinstance(rule.limit, bool), rule.id
            continue
        assert isinstance(rule.limit, (int, float)), rule.id
        assert isinstance(rule.clear, (int, float)) == (rule.op in (Op.ABOVE, Op.BELOW)), rule.id
        if isinstance(rule.clear, (int, float)):
            assert (rule.clear < rule.limit) == (rule.op is Op.ABOVE), rule.id


def test_the_machine_room_is_kept_below_25_degrees() -> None:
    [rule] = [rule for rule in tables.shipped_rules() if rule.id == "room-too-warm"]
    assert (rule.op, rule.limit, rule.clear) == (Op.ABOVE, 25, 24.5)
    assert (rule.where.kind, rule.soak) == ("machine-room", timedelta(minutes=2))


def test_an_intrusion_alarm_opens_no_ticket_but_a_stuck_one_does() -> None:
    [rule] = [rule for rule in tables.shipped_rules() if rule.reading == "zone_alarm"]
    assert (rule.soak, rule.severity) == (timedelta(hours=1), Severity.MINOR)
