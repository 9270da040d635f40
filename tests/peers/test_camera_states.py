"""A camera that dies by degrees and comes back: ipycam and gst-rtsp-server at one address, the
daemon as a process. One ticket; what it says at each step, in Chinese and in English."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from secmon.standard.tables import shipped_rules, vocabulary
from secmon.texts import Texts
from tests.cli.place import Place, told_by
from tests.peers.ipycam import PASSWORD, PORT, USER, camera_in
from tests.peers.netns import Namespace, namespace
from tests.peers.process import eventually, free_port
from tests.peers.rtsp_server import PASSWORD as RTSP_PASSWORD
from tests.peers.rtsp_server import USER as RTSP_USER
from tests.peers.rtsp_server import rtsp_server
from tests.receiver import SECRET, Receiver, receiver

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]

SITE = """
site: {{id: lab, name: 示范工程, language: zh}}
store: sqlite://{folder}/secmon.db
http: {{listen: "127.0.0.1:{http}"}}
metrics: {{listen: "127.0.0.1:{http}"}}
credentials:
  cam: {{username: {user}, password: {{file: cam.password}}}}
  stream: {{username: {rtsp_user}, password: {{file: stream.password}}}}
devices:
  - {{id: cam-1, name: 大门, system: video, kind: camera, address: {address},
     probes: [{{driver: onvif, port: {port}, credentials: cam, every: 1s, timeout: 2s}},
              {{driver: rtsp, url: "rtsp://{address}:8554/h264", credentials: stream, seconds: 0.5,
                every: 2s, timeout: 2s}}]}}
rules:
  - {{reading: device_up, op: "==", limit: false, for: 2s, severity: major}}
  - {{reading: probe_success, op: "==", limit: false, for: 2s, severity: minor}}
  - {{reading: stream_reached, op: "==", limit: false, for: 2s, severity: major}}
notify: [{hook}]
"""
EN = Texts("en", "Asia/Shanghai", vocabulary(), {rule.id: rule for rule in shipped_rules()})


@dataclass(slots=True)
class Scene:
    """The camera's two services, its cable, the daemon, and who is told."""

    folder: Path
    net: Namespace
    here: Place
    token: str
    hook: Receiver
    onvif: ExitStack = field(default_factory=ExitStack)
    rtsp: ExitStack = field(default_factory=ExitStack)

    def serve_onvif(self, password: str = PASSWORD) -> None:
        self.onvif.enter_context(camera_in(self.net, self.folder, password=password))

    def serve_rtsp(self) -> None:
        self.rtsp.enter_context(rtsp_server(self.folder, self.net))

    def tickets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.here.get("/api/v1/tickets", self.token)[1]["tickets"]
        return found

    def comes_to(self, rule: str, cause: str) -> dict[str, Any]:
        """The only ticket that there ever was, as soon as it says this."""
        found: list[dict[str, Any]] = []

        def says() -> bool:
            found[:] = self.tickets()
            return [(one["rule"], one["facts"].get("cause")) for one in found] == [(rule, cause)]

        assert eventually(says, 20), (rule, cause, found)
        return self.here.get(f"/api/v1/tickets/{found[0]['number']}", self.token)[1]

    def well(self) -> bool:
        probes = self.here.get("/api/v1/devices/cam-1", self.token)[1]["probes"]
        return all(one["success"] for one in probes)


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    with namespace() as net, receiver() as hook, ExitStack() as onvif, ExitStack() as rtsp:
        http = free_port()
        for name, secret in (
            ("cam.password", PASSWORD),
            ("stream.password", RTSP_PASSWORD),
            ("hook.secret", SECRET.decode()),
        ):
            (folder / name).write_text(secret)
        text = SITE.format(
            folder=folder, http=http, user=USER, rtsp_user=RTSP_USER, address=net.address,
            port=PORT, hook=told_by(hook.url),
        )  # fmt: skip
        (folder / "secmon.yaml").write_text(text, encoding="utf-8")
        here = Place(folder, folder / "secmon.yaml", http)
        token = here.command("user", "add", "wang", "--role", "operator", "--token").out.strip()
        yield Scene(folder, net, here, token, hook, onvif, rtsp)


def test_a_camera_dies_by_degrees_and_comes_back(tmp_path: Path) -> None:
    with scene(tmp_path) as camera:
        camera.serve_onvif()
        camera.serve_rtsp()
        with camera.here.daemon() as daemon:
            number = _it_dies(camera)
            daemon.kill()
        with camera.here.daemon() as daemon:
            _it_comes_back(camera, number)
            log = daemon.log()
    assert PASSWORD not in log and RTSP_PASSWORD not in log


def _it_dies(camera: Scene) -> str:
    assert eventually(camera.well, 20), camera.here.get("/api/v1/devices/cam-1", camera.token)
    assert camera.tickets() == []

    camera.rtsp.close()
    first = camera.comes_to("stream-failing", "closed")
    where = f"RTSP at {camera.net.address} port 8554: no TCP connection: Connection refused"
    said = "设备在线但取不到视频流（端口关闭）：大门，rtsp：主机在线，端口拒绝连接，onvif 正常"
    assert first["summary"] == f"{said}（{where}）"
    assert english(first) == (
        "Device answers, but no stream can be had (port closed): 大门, "
        f"rtsp: the machine is there and refuses the connection, onvif fine ({where})"
    )
    assert (first["severity"], first["facts"]["answers"]) == ("major", "onvif")

    camera.onvif.close()
    second = camera.comes_to("no-answer", "closed")
    said = "设备无应答（端口关闭）：大门，onvif：主机在线，端口拒绝连接（"
    assert second["summary"].startswith(said)
    assert english(second).startswith("Device does not answer (port closed): 大门, onvif: the mach")

    camera.net.plug("down")
    third = camera.comes_to("no-answer", "silent")
    assert third["summary"].startswith("设备无应答：大门，")
    assert "：没有任何应答（" in third["summary"]
    assert ": nothing came back (" in english(third)
    assert first["number"] == second["number"] == third["number"]
    assert first["version"] < second["version"] < third["version"]
    assert [line["why"] for line in third["journal"]] == [
        "stream-failing",
        "stream-failing (closed) -> no-answer (closed)",
        "no-answer (closed) -> no-answer (silent)",
    ]
    return str(third["number"])


def _it_comes_back(camera: Scene, number: str) -> None:
    """The daemon is another one by now."""
    assert camera.comes_to("no-answer", "silent")["number"] == number

    camera.net.plug("up")  # what starts here is asked for before it is there
    camera.serve_onvif("another-one")
    fourth = camera.comes_to("probe-failing", "login")
    said = "设备在线但采集失败（登录被拒绝）：大门，onvif：登录被拒绝，用户名或密码不对（onvif "
    assert fourth["summary"].startswith(said)
    assert english(fourth).startswith(
        "Device answers, but a poll keeps failing (log-in refused): 大门, "
        "onvif: the log-in is refused (onvif "
    )
    assert fourth["severity"] == "major", "there is no picture either"
    camera.serve_rtsp()
    assert eventually(lambda: camera.tickets()[0]["severity"] == "minor", 20)
    assert fourth["cleared_at"] is None

    camera.onvif.close()
    camera.serve_onvif()
    camera.here.http("POST", "/api/v1/devices/cam-1/poll", camera.token)  # a person's word
    assert eventually(lambda: camera.tickets()[0]["cleared_at"] is not None, 20)
    (last,) = camera.tickets()
    assert last["number"] == number
    told = [one["reason"] for one in camera.hook.got]
    assert eventually(lambda: [one["reason"] for one in camera.hook.got][-1] == "cleared"), told
    told = [(one["reason"], one["text"].split("：")[0]) for one in camera.hook.got]
    assert told == [
        ("opened", "【重大】设备在线但取不到视频流（端口关闭）"),
        ("deepened", "【重大·原因更新】设备无应答"),
        ("deepened", "【重大·原因更新】设备在线但采集失败（登录被拒绝）"),
        ("cleared", "【一般·已恢复】设备在线但采集失败（登录被拒绝）"),
    ]
    assert camera.hook.forged == []


def english(ticket: dict[str, Any]) -> str:
    return EN.summary({**ticket, "summary": ""})
