"""Several notices in one message."""

from dataclasses import replace

import pytest

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


@pytest.mark.parametrize("longest", [60, 200, 500, 2048])
def test_what_does_not_fit_is_counted(longest: int) -> None:
    many = [delivery(number=n) for n in range(1, 201)]
    text = digest(LAB, many, longest)
    lines = text.splitlines()
    assert len(text.encode()) <= longest
    if len(lines) > 1:
        assert lines[-1] == f"另有 {200 - (len(lines) - 2)} 条，请在工单列表中查看"
    assert lines[0] == "【汇总】示范工程 200 条通知"


def test_what_is_no_ticket() -> None:
    test = replace(
        delivery(), title="", ticket={}, notice=replace(delivery().notice, reason="test")
    )
    assert digest(LAB, [test, test], 500).splitlines()[1].startswith("【测试】")
