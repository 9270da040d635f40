"""What breaks and mends in the demo, and the operator who works on one ticket by script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import aiohttp

from secmon.app.demo.site import PRESETS, Equipment

Say = Callable[[str, str], None]  # zh, en

ROUND = 90.0  # seconds from one telling of the story to the next
OPERATOR = "值机员小王"


async def tell(equipment: Equipment, say: Say) -> None:
    """Breaks and mends things, over and over, until cancelled."""
    while True:
        started = asyncio.get_running_loop().time()
        for at, zh, en, change in _scenes(equipment):
            await asyncio.sleep(max(started + at - asyncio.get_running_loop().time(), 0))
            say(zh, en)
            await change()
        await asyncio.sleep(max(started + ROUND - asyncio.get_running_loop().time(), 0))


def _scenes(
    equipment: Equipment,
) -> list[tuple[float, str, str, Callable[[], Awaitable[None]]]]:
    """(seconds into the round, what happens, what then changes)."""

    async def room(*tenths: int) -> None:
        for value in tenths:
            await equipment.set("gateway", unit=1, input={1: value})
            await asyncio.sleep(0.4)

    async def mains(on: bool) -> None:
        status = {1: 0x0002 if on else 0x0004, 151: int(229.8 * 64) if on else 0}
        await equipment.set("ups-1", unit=1, holding=status)

    async def tamper(on: bool) -> None:
        await equipment.set("panel-1", unit=1, discrete={8: int(on)})

    async def cable(plugged: bool) -> None:
        key = "port_up" if plugged else "port_down"
        await equipment.set("sw-1f", **{key: "GE1/0/12"})
        for name in ("cam-1", "cam-1-rtsp"):
            await equipment.set(name, listening=plugged)

    async def intruder(on: bool) -> None:
        await equipment.set("panel-1", unit=1, discrete={0: int(on)})

    async def stream(state: str) -> None:
        await equipment.set("cam-2-rtsp", stream=state)

    async def channel(state: str) -> None:
        await equipment.set("recorder-1-rtsp", name="ch3", stream=state)

    async def clock(ahead_s: float) -> None:
        await equipment.set("cam-3", clock_offset=ahead_s)

    async def presets(*left: str) -> None:
        await equipment.set("dome-1", presets={token: PRESETS[token] for token in left})

    async def service(on: bool) -> None:
        await equipment.set("cam-2", listening=on)

    return [
        (
            3,
            "空调停机，主机房升温",
            "the air conditioner stops, the machine room warms",
            lambda: room(240, 248, 256, 264, 270),
        ),
        (
            6,
            "车库摄像机还在应答，但不再送出视频",
            "the garage camera still answers, but sends no video any more",
            lambda: stream("silent"),
        ),
        (9, "财务室防区被拆动", "a zone of the alarm panel is tampered with", lambda: tamper(True)),
        (14, "市电中断，UPS 转电池", "mains fail, the UPS goes on battery", lambda: mains(False)),
        (
            20,
            "一层交换机 GE1/0/12 网线脱落（摄像机随之失联）",
            "the cable of GE1/0/12 comes off, and a camera with it",
            lambda: cable(False),
        ),
        (
            24,
            "车库摄像机恢复出图",
            "the garage camera sends video again",
            lambda: stream("on"),
        ),
        (
            26,
            "大厅有人闯入：这是报警系统在工作，不开维修单",
            "somebody walks in: the alarm works, no repair ticket",
            lambda: intruder(True),
        ),
        (
            30,
            "空调修复，主机房降温",
            "the air conditioner is repaired, the room cools",
            lambda: room(262, 252, 244, 236, 232),
        ),
        (
            34,
            "录像机第 3 路（东围墙）丢失视频",
            "channel 3 of the recorder, the east wall, is lost",
            lambda: channel("silent"),
        ),
        (
            38,
            "财务室摄像机的时钟走快一小时",
            "the clock of the finance office's camera is an hour ahead",
            lambda: clock(3600),
        ),
        (40, "市电恢复", "mains are back", lambda: mains(True)),
        (46, "网线插回", "the cable is plugged in again", lambda: cable(True)),
        (
            49,
            "录像机第 3 路恢复",
            "channel 3 of the recorder is back",
            lambda: channel("on"),
        ),
        (52, "防拆复位", "the zone is put right", lambda: tamper(False)),
        (54, "报警复位", "the alarm is reset", lambda: intruder(False)),
        (57, "摄像机时钟校准", "the camera's clock is set right", lambda: clock(0)),
        (
            60,
            "车库摄像机的 ONVIF 端口关闭，视频仍在",
            "the garage camera closes its ONVIF port, its video goes on",
            lambda: service(False),
        ),
        (
            63,
            "球机的预置位“出口”被人删除",
            "somebody deletes the dome's preset of the exit",
            lambda: presets("1", "3"),
        ),
        (74, "ONVIF 端口重新开放", "its ONVIF port is open again", lambda: service(True)),
        (78, "预置位重新设好", "the preset is set again", lambda: presets("1", "2", "3")),
    ]


class Operator:
    """A scripted person who works on the first ticket of the machine room, through the API."""

    def __init__(self, session: aiohttp.ClientSession, say: Say) -> None:
        self._session = session
        self._say = say

    async def work(self) -> None:
        """Acknowledges, goes there, repairs, has it verified and closes it."""
        number = await self._first("room-1")
        self._say(f"{OPERATOR}：接单 {number}", f"the operator takes {number}")
        await self._do(number, "acknowledge", note="收到，马上去看")
        await asyncio.sleep(4)
        self._say(f"{OPERATOR}：到达现场 {number}", f"the operator arrives for {number}")
        await self._do(number, "arrive", note="已到机房")
        await self._cool(number)
        self._say(f"{OPERATOR}：修复 {number}", f"the operator has repaired {number}")
        await self._do(number, "repair", note="更换空调保险", content="hardware")
        await asyncio.sleep(2)
        self._say(f"{OPERATOR}：复核并关单 {number}", f"{number} is verified and closed")
        await self._do(number, "verify", note="复测正常")
        await self._do(number, "close", note="关单")

    async def _first(self, device: str) -> str:
        while True:
            answer = await self._get(f"/api/v1/tickets?state=open&device={device}")
            tickets = answer["tickets"]
            if isinstance(tickets, list) and tickets:
                return str(tickets[0]["number"])
            await asyncio.sleep(0.5)

    async def _cool(self, number: str) -> None:
        while True:
            ticket = await self._get(f"/api/v1/tickets/{number}")
            if ticket["cleared_at"] is not None:
                return
            await asyncio.sleep(0.5)

    async def _get(self, path: str) -> Mapping[str, object]:
        async with self._session.get(path) as response:
            answer: Mapping[str, object] = await response.json()
            return answer

    async def _do(self, number: str, verb: str, **body: str) -> None:
        async with self._session.post(f"/api/v1/tickets/{number}/{verb}", json=body) as response:
            if response.status != 200:
                answer = await response.json()
                self._say(f"{number} {verb}：{answer['detail']}", f"{number}: {answer['detail']}")
