"""What the onvif driver does with an answer on profiles that is nearly the one before."""

import pytest

from secmon.api import Garbled
from tests.probes.onvif_asking import ORDINARY, asking, values
from tests.probes.onvif_device import Device, message, profiles

ROWS = (("main", "Main 1", True), ("sub 2", "Sub", True))


async def test_figures_that_move_are_no_reason_to_ask_again() -> None:
    device = Device(answers={"GetProfiles": profiles(*ROWS)})
    body = profiles(*ROWS).replace("</s:Envelope>", "<!-- 10 --></s:Envelope>")
    async with asking(device, "main") as probe:
        await probe.read()
        for number in (10, 11, 100):
            device.asked.clear()
            device.answers["GetProfiles"] = body.replace("10", str(number))
            assert values(await probe.read())["channel_present", "main"] is True
            assert device.names() == ORDINARY


@pytest.mark.parametrize(
    ("channel", "other"),
    [
        ("sub 2", ("sub 3", "Sub", True)),
        ("Sub", ("sub 2", "Sab", True)),
        ("sub 2", ("", "", True)),
    ],
)
async def test_a_channel_that_goes_and_comes_back_is_seen(
    channel: str, other: tuple[str, str, bool]
) -> None:
    device = Device(answers={"GetProfiles": profiles(*ROWS)})
    async with asking(device, channel) as probe:
        for _ in range(2):
            device.answers["GetProfiles"] = profiles(*ROWS)
            assert values(await probe.read())["channel_present", channel] is True
            device.answers["GetProfiles"] = profiles(*(ROWS[:1] + (other,) * bool(other[0])))
            assert values(await probe.read())["channel_present", channel] is False


async def test_what_cannot_be_read_cannot_be_read_again_either() -> None:
    device = Device()
    async with asking(device, "main") as probe:
        await probe.read()
        good = profiles(*ROWS)
        for bad in (
            message("<trt:GetProfilesResponse><trt:Profiles/>"),
            good[:-20],
            message("<a/>"),
        ):
            device.answers["GetProfiles"] = bad
            for _ in range(3):
                with pytest.raises(Garbled):
                    await probe.read()
        device.answers["GetProfiles"] = good
        assert values(await probe.read())["channel_present", "main"] is True
