"""Several notices in one message."""

import re
from dataclasses import replace

import pytest

from secmon.api import Delivery
from secmon.texts.digest import digest
from tests.adapters.notify.given import delivery
from tests.shell.told import texts

LAB = replace(texts(), site="示范工程")
ROWS = [delivery(number=n, links={"": f"https://s.example/t/{n}"}) for n in range(1, 4)]


def test_each_with_its_link_where_they_are_few() -> None:
    assert digest(LAB, ROWS, 2048, "https://s.example").splitlines() == [
        "【汇总】示范工程 3 条通知",
        "【重大】机房温度过高：主机房（一层） WX-2026-0001 https://s.example/t/1",
        "【重大】机房温度过高：主机房（一层） WX-2026-0002 https://s.example/t/2",
        "【重大】机房温度过高：主机房（一层） WX-2026-0003 https://s.example/t/3",
    ]


def test_the_console_s_address_where_they_are_many() -> None:
    many = [delivery(number=n, links={"": "https://s.example/t/x"}) for n in range(1, 11)]
    lines = digest(LAB, many, 4096, "https://s.example").splitlines()
    assert len(lines) == 12
    assert lines[-1] == "https://s.example"
    assert not any("/t/x" in line for line in lines)


def test_the_gravest_first() -> None:
    grave = delivery(number=9)
    grave = replace(grave, ticket={**grave.ticket, "severity": "critical"})
    assert "WX-2026-0009" in digest(LAB, [*ROWS, grave], 2048).splitlines()[1]


def many(count: int = 200) -> list[Delivery]:
    """At ten places of two systems in turn; two of them are roots, one is critical."""
    rows = []
    for n in range(1, count + 1):
        one = delivery(number=n)
        more: dict[str, object] = {
            "location": f"{n % 10} 层",
            "system": ("video", "network")[n % 2],
        }
        if n in (50, 51):
            more["suppressed"] = [f"cam-{k}" for k in range(n)]
        if n == 77:
            more["severity"] = "critical"
        rows.append(replace(one, title="", ticket={**one.ticket, **more}))
    return rows


@pytest.mark.parametrize("longest", [40, 60, 200, 500, 2048])
def test_what_does_not_fit_is_counted(longest: int) -> None:
    text = digest(LAB, many(), longest)
    lines = text.splitlines()
    assert len(text.encode()) <= longest
    assert lines[0].startswith("【汇总】示范工程 200 条通知")
    told = 0
    for line in lines[1:]:
        found = re.search(r"：(\d+) 条，如|另有 (\d+) 条，", line)
        told += int(next(filter(None, found.groups()))) if found else 1
    assert told in (0, 200)


def test_roots_first_then_the_gravest_by_system_and_place() -> None:
    lines = digest(LAB, many(), 4096).splitlines()
    assert lines[0] == "【汇总】示范工程 200 条通知，紧急 1，重大 199"
    assert lines[1].endswith("WX-2026-0051（另有 51 台设备因此无法判断）")
    assert lines[2].endswith("WX-2026-0050（另有 50 台设备因此无法判断）")
    assert lines[3].startswith("网络及传输系统 · 7 层：20 条，如 【紧急】")
    assert len(lines) == 3 + 10


def test_of_each_ticket_the_latest_state_and_what_passed_is_counted() -> None:
    def said(number: int, reason: str) -> Delivery:
        one = delivery(number=number)
        notice = replace(one.notice, reason=reason, subject=f"t{number}")
        return replace(one, title="", notice=notice)

    rows = [said(1, "opened"), said(2, "opened"), said(1, "cleared"), said(3, "cleared")]
    lines = digest(LAB, [*rows, said(2, "overdue"), said(4, "relapsed"), said(4, "closed")], 2048)
    assert [line[:40] for line in lines.splitlines()[1:]] == [
        "【重大·已超时】机房温度过高：主机房（一层） WX-2026-0002"[:40],
        "【重大·已恢复】机房温度过高：主机房（一层） WX-2026-0003"[:40],
        "另有 2 起故障已自行恢复",
    ]


def test_what_is_no_ticket() -> None:
    test = replace(
        delivery(), title="", ticket={}, notice=replace(delivery().notice, reason="test")
    )
    assert digest(LAB, [test, test], 500).splitlines()[1].startswith("【测试】")
