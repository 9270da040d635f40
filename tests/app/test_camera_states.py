"""States of a camera that no real one shows on request: another device at the address, a locked
account. The whole daemon, and a camera that the test plays."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.console.site import Lab, lab
from tests.probes.loopback import serving
from tests.probes.onvif_device import PASSWORD, USER, Device, fault, information

CAMERA = """
credentials:
  cam: {{username: {user}, password: {{env: CAM_PASSWORD}}}}
devices:
  - {{id: dome, name: 球机, system: video, kind: camera, address: 127.0.0.1, serial: "{serial}",
     probes: [{{driver: onvif, port: {port}, credentials: cam, every: 1h, timeout: 2s}}]}}
rules:
  - {{reading: identity_matches, op: "==", limit: false, for: 0s, severity: major}}
  - {{reading: probe_success, op: "==", limit: false, for: 0s, severity: minor}}
"""


@asynccontextmanager
async def site(
    folder: Path, device: Device, monkeypatch, serial: str = "", language: str = "zh"
) -> AsyncIterator[Lab]:
    """The lab, and this camera in it."""
    monkeypatch.setenv("CAM_PASSWORD", PASSWORD)
    async with serving(device.talk) as port:
        (folder / "conf.d").mkdir()
        text = CAMERA.format(user=USER, serial=serial, port=port)
        (folder / "conf.d" / "dome.yaml").write_text(text, encoding="utf-8")
        async with lab(folder, language=language) as running:
            await running.poll("dome")
            yield running


async def swapped(running: Lab, device: Device, serial: str) -> None:
    """Another camera answers, after a moment in which nobody did."""
    said = device.answers["GetSystemDateAndTime"]
    device.answers["GetSystemDateAndTime"] = b"HTTP/1.1 200 So\r\nContent-Length: 1\r\n\r\nx"
    await running.poll("dome")
    device.answers["GetSystemDateAndTime"] = said
    device.answers["GetDeviceInformation"] = information(Model="X200", SerialNumber=serial)
    device.answers["GetNetworkInterfaces"] = fault("ActionNotSupported")
    await running.poll("dome")


def first() -> Device:
    said = {"GetDeviceInformation": information(Model="X100", SerialNumber="SN-0001")}
    return Device(answers={**said, "GetNetworkInterfaces": fault("ActionNotSupported")})


async def only(running: Lab) -> dict:
    (found,) = (await running.get("/api/v1/tickets?device=dome")).json["tickets"]
    return (await running.get(f"/api/v1/tickets/{found['number']}")).json


async def test_another_device_at_the_address_until_a_person_accepts_it(
    tmp_path: Path, monkeypatch
) -> None:
    device = first()
    async with site(tmp_path, device, monkeypatch, serial="SN-0001") as running:
        assert (await running.get("/api/v1/tickets?device=dome")).json["tickets"] == []
        await swapped(running, device, "SN-0002")
        ticket = await only(running)
        assert (ticket["rule"], ticket["severity"], ticket["part"]) == (
            *("other-device", "major", "onvif"),
        )
        assert ticket["summary"] == (
            "该地址上是另一台设备：球机，onvif 应为 SN-0001，实为 SN-0002（型号 X200）"
        )
        page = (await running.get("/api/v1/devices/dome")).json
        assert page["facts"]["serial"] == "SN-0001"
        assert page["facts"]["found_serial/onvif"] == "SN-0002"

        number = ticket["number"]
        await running.act(number, "acknowledge", way="remote")
        await running.act(number, "repair", note="换新")
        assert (await running.act(number, "verify")).status == 200
        done = await only(running)
        assert done["state"] == "verified"
        said = [(line["what"], line["why"], line["by"]) for line in done["journal"]]
        assert ("accepted", "SN-0002 instead of SN-0001", "operator") in said
        page = (await running.get("/api/v1/devices/dome")).json
        assert page["facts"]["serial"] == "SN-0002"
        assert page["faults"] == []


async def test_the_right_one_comes_back(tmp_path: Path, monkeypatch) -> None:
    device = first()
    async with site(tmp_path, device, monkeypatch) as running:
        await swapped(running, device, "SN-0002")
        assert (await only(running))["facts"]["expected"] == "SN-0001"
        await swapped(running, device, "SN-0001")
        assert (await only(running))["cleared_at"] is not None


async def test_a_locked_account(tmp_path: Path, monkeypatch) -> None:
    device = first()
    async with site(tmp_path, device, monkeypatch, language="en") as running:
        device.answers["GetProfiles"] = fault("NotAuthorized", "user is locked")
        await running.poll("dome")
        ticket = await only(running)
        assert (ticket["rule"], ticket["facts"]["cause"]) == ("probe-failing", "locked")
        assert ticket["summary"].startswith(
            "Device answers, but a poll keeps failing (account locked): 球机, "
            "onvif: the account is locked after too many bad log-ins (onvif 127.0.0.1"
        )
        (probe,) = (await running.get("/api/v1/devices/dome")).json["probes"]
        assert (probe["failure"]["reason"], probe["failure"]["cause"]) == ("refused", "locked")
