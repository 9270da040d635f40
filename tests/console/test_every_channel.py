"""`notify test` through every kind of channel, and a ticket's way to people, by the real daemon."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from secmon.api import Contact
from tests.adapters.notify.given import says, serving
from tests.console.site import Lab, lab
from tests.peers.alertmanager import alertmanager
from tests.peers.mailserver import mail_server

HTTP = ', public_url: "https://secmon.example"'
OK = {
    "errcode": 0,  # DingTalk, WeCom
    "code": 0,  # Feishu
    "Code": "OK",  # Aliyun
    "Response": {"SendStatusSet": [{"Code": "Ok"}]},  # Tencent
}


def notify(base: str, mail: int) -> str:
    return f"""
credentials: {{cloud: {{username: id, password: {{file: hook}}}}}}
notify:
  - {{id: mail, channel: email, host: 127.0.0.1, port: {mail}, tls: "off", from: s@example.org}}
  - {{id: ding, channel: dingtalk, webhook: {{file: hook}}, secret: {{file: hook}}}}
  - {{id: wecom, channel: wecom, webhook: {{file: hook}}}}
  - {{id: feishu, channel: feishu, webhook: {{file: hook}}, secret: {{file: hook}}}}
  - {{id: sms, channel: sms, url: "{base}/sms", body: '{{"to": "{{phone}}", "t": "{{text}}"}}'}}
  - {{id: aliyun, channel: sms-aliyun, credentials: cloud, sign: s, template: t, url: "{base}"}}
  - {{id: tencent, channel: sms-tencent, credentials: cloud, sign: s, template: t, app: "1",
     url: "{base}"}}
  - {{id: am, channel: alertmanager, url: "{base}", every: 1h}}
  - {{id: watcher, channel: deadman, url: "{base}/ping", every: 1h}}
  - {{id: hook, channel: webhook, url: "{base}/hook", secret: {{file: hook}}}}
"""


async def until(good: Callable[[], bool], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not await asyncio.to_thread(good):
            await asyncio.sleep(0.02)


async def test_one_real_message_through_each(tmp_path: Path) -> None:
    async with serving(says(OK)) as peer, mail_server() as box:
        (tmp_path / "hook").write_text(f"{peer.base}/robot?key=k")
        async with lab(tmp_path, notify(peer.base, box.port), http=HTTP) as site:
            me = Contact("engineer", "王强", phone="13800000001", email="wang@example.org")
            await site.store.set_contact(me)
            for one in site.daemon.loaded.channels:
                path = f"/api/v1/channels/{one.id}/test"
                answer = await site.post(path, {"to": "engineer"})
                assert answer.status == 200, answer
            assert [to for to, _ in box.mails] == ["wang@example.org"]
            up = await _series(site, "secmon_channel_up")
            assert up == {one.id: 1.0 for one in site.daemon.loaded.channels}
            gone = await site.post("/api/v1/channels/mail/test", {"to": "nobody"})
            assert gone.status == 404
            nobody = await site.post("/api/v1/channels/mail/test", {})
            assert nobody.status == 502
            assert "nobody to tell" in nobody.json["detail"]


async def _series(site: Lab, name: str) -> dict[str, float]:
    async with site.session.get(f"{site.base}/metrics") as page:
        lines = (await page.text()).splitlines()
    found = [line.partition(" ") for line in lines if line.startswith(name + "{")]
    return {head.split('channel="')[1].split('"')[0]: float(value) for head, _, value in found}


async def test_the_watcher_hears_the_daemon_and_no_ticket(tmp_path: Path) -> None:
    async with serving(says("OK")) as peer:
        more = f"notify: [{{id: watcher, channel: deadman, url: '{peer.base}/ping', every: 1s}}]"
        async with lab(tmp_path, more) as site:
            await site.hot()
            await until(lambda: len(peer.got) >= 2)
            assert {(one.method, one.target) for one in peer.got} == {("GET", "/ping")}
            assert await site.store.outstanding() == 0
            site.daemon.started.clear()  # as before the probes are started: not ready
            await asyncio.sleep(1.1)
            count = len(peer.got)
            await asyncio.sleep(1.2)
            assert len(peer.got) == count
            site.daemon.started.set()


@pytest.mark.peers
async def test_a_ticket_s_alert_in_the_real_alertmanager(tmp_path: Path) -> None:
    folder = tmp_path / "am"
    folder.mkdir()
    config = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
    with alertmanager(folder, config) as server:
        more = f"notify: [{{id: am, channel: alertmanager, url: '{server.url}'}}]"
        async with lab(tmp_path, more, http=HTTP) as site:
            number = await site.hot()
            await until(lambda: len(server.alerts()) == 1)
            [alert] = await asyncio.to_thread(server.alerts)
            assert alert["labels"]["ticket"] == number
            assert alert["labels"]["device"] == "room-1"
            assert alert["generatorURL"] == f"https://secmon.example/tickets/{number}"
            await site.room(230)
            await site.when(number, "cleared_at")
            await until(lambda: server.alerts() == [])
