"""How the onvif driver logs in: WSSE, HTTP digest; a refused log-in is never tried again."""

import pytest

from probes.onvif import DRIVER, Options, Shared
from probes.onvif.probe import SELDOM
from secmon.api import Refused
from tests.probes.loopback import serving, target
from tests.probes.onvif_asking import ORDINARY, asking, facts, failure
from tests.probes.onvif_device import PASSWORD, USER, Device, fault


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_http_digest_costs_one_request_a_question(algorithm: str) -> None:
    device = Device(log_in="digest", algorithm=algorithm)
    async with asking(device) as probe:
        await probe.read()
        device.asked.clear()
        await probe.read()
    assert device.names() == ORDINARY
    assert device.bad_log_ins == 1  # the first question was signed the SOAP way
    assert "nc=0000000" in device.asked[1].head
    assert "UsernameToken" not in device.asked[1].body


async def test_a_challenge_for_the_clock_is_learned_from() -> None:
    device = Device(log_in="digest", free=set(), dates=True)
    async with asking(device) as probe:
        await probe.read()
    assert device.bad_log_ins == 0


async def test_a_refused_answer_to_a_fresh_nonce_is_final() -> None:
    device = Device(log_in="digest", free=set(), dates=True, new_nonces=True, says_stale=False)
    error = await failure(device, username=USER, password="wrong")
    assert isinstance(error, Refused)
    assert error.credentials
    assert device.bad_log_ins == 1


async def test_the_challenge_for_the_clock_brings_the_next_nonce() -> None:
    device = Device(log_in="digest", free=set(), dates=True, new_nonces=True, says_stale=False)
    async with asking(device) as probe:
        await probe.read()
        for _ in range(3):
            device.asked.clear()
            await probe.read()
            assert device.names() == ORDINARY


async def test_a_nonce_that_aged_is_replaced_once() -> None:
    device = Device(log_in="digest")
    async with asking(device) as probe:
        await probe.read()
        device.asked.clear()
        device.nonce = "nonce-2"
        await probe.read()
    assert device.names() == [*ORDINARY, "GetProfiles"]


@pytest.mark.parametrize(("log_in", "tries"), [("wsse", 1), ("digest", 2)])
async def test_a_wrong_password_is_tried_once_and_said(log_in: str, tries: int) -> None:
    """With digest the first try is signed the SOAP way, which such a device does not look at."""
    device = Device(log_in=log_in)
    error = await failure(device, username=USER, password="wr0ng")
    assert isinstance(error, Refused)
    assert error.credentials
    assert device.bad_log_ins == tries
    assert "GetServices: the log-in of 'operator' is refused (HTTP 401: NotAuthorized" in str(error)
    assert "wr0ng" not in str(error)


async def test_a_changed_password_is_tried_once_more_at_most() -> None:
    device = Device(log_in="digest")
    async with asking(device) as probe:
        await probe.read()
        device.bad_log_ins = 0
        device.log_in, device.nonce = "wsse", "nonce-2"  # no digest is right any more
        with pytest.raises(Refused) as caught:
            await probe.read()
    assert caught.value.credentials
    assert device.bad_log_ins == 1


async def test_a_device_that_always_says_stale_is_asked_twice() -> None:
    device = Device(log_in="digest")

    def always(_: str) -> bytes:
        device.nonce += "x"
        return (
            "HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Digest realm=r, "
            f'stale=true, nonce="{device.nonce}"\r\n\r\n'
        ).encode()

    device.free.add("GetServices")
    device.answers["GetServices"] = always
    error = await failure(device)
    assert isinstance(error, Refused)
    assert error.credentials
    assert device.names().count("GetServices") == 2


@pytest.mark.parametrize(
    "body",
    [
        fault("AccountLocked", "try later"),
        fault("NotAuthorized", "The account is locked"),
        fault("NotAuthorized", "userLocked"),
        "<userCheck><lockStatus>lock</lockStatus><unlockTime>1766</unlockTime></userCheck>",
        fault("NotAuthorized", "用户已锁定"),
    ],
)
async def test_a_locked_account_is_named(body: str) -> None:
    device = Device()
    device.free.add("GetServices")
    device.answers["GetServices"] = device.http(body, 401)
    error = await failure(device)
    assert isinstance(error, Refused)
    assert error.credentials
    assert "the account 'operator' is locked" in str(error)


async def test_a_block_is_no_lock() -> None:
    device = Device()
    device.free.add("GetServices")
    said = "<lockStatus>unlock</lockStatus> blocked, account unlocked"
    device.answers["GetServices"] = device.http(said, 401)
    assert "is refused" in str(await failure(device))


async def test_no_password_is_sent_readable() -> None:
    device = Device()
    device.free.add("GetServices")
    device.answers["GetServices"] = device.http("", 401, 'WWW-Authenticate: Basic realm="x"\r\n')
    error = await failure(device)
    assert "HTTP Basic, which sends passwords readable" in str(error)
    assert not any("Basic" in one.head or PASSWORD in one.head + one.body for one in device.asked)


async def test_without_credentials_nothing_is_signed_nor_given_up() -> None:
    device = Device()
    error = await failure(device, username="")
    assert isinstance(error, Refused)
    assert not error.credentials
    assert "it wants a log-in, and the probe has no `credentials:`" in str(error)
    assert not any(one.signed for one in device.asked)


async def test_a_device_without_log_in_needs_no_credentials() -> None:
    device = Device(log_in="none")
    async with asking(device, username="") as probe:
        assert facts(await probe.read())["model"] == "X100"


async def test_a_log_in_that_no_message_can_carry_is_refused_unsent() -> None:
    device = Device()
    async with serving(device.talk) as port:
        with pytest.raises(Refused, match="control characters"):
            aim = target(username="a", password="b\r\nc")
            async with DRIVER.connect(aim, Options(port=port), None):
                pass
    assert device.asked == []


async def test_a_missing_right_costs_one_bad_try_and_one_fact() -> None:
    device = Device()
    device.free.add("GetPresets")
    device.answers["GetPresets"] = device.http(fault("NotAuthorized"), 400)
    async with asking(device) as probe:
        got = facts(await probe.read())
        assert "presets" not in got
        assert got["stream_uri"]
        for _ in range(SELDOM):
            got = facts(await probe.read())
    assert got["mac"]
    assert device.names().count("GetPresets") == 1


async def test_a_device_that_checks_the_log_in_late_still_says_so() -> None:
    device = Device(free={"GetSystemDateAndTime", "GetServices", "GetCapabilities", "GetProfiles"})
    error = await failure(device, username=USER, password="wrong")
    assert isinstance(error, Refused)
    assert error.credentials
    assert device.bad_log_ins == 1


async def test_all_is_forgotten_when_the_credentials_change() -> None:
    device, shared = Device(log_in="digest"), Shared()
    async with serving(device.talk) as port:
        for password, good in (("wrong", False), (PASSWORD, True)):
            aim = target(shared=shared, username=USER, password=password)
            async with DRIVER.connect(aim, Options(port=port), None) as probe:
                if good:
                    await probe.read()
                else:
                    with pytest.raises(Refused):
                        await probe.read()


@pytest.mark.parametrize("log_in", ["wsse", "digest"])
async def test_a_password_that_is_put_right_on_the_device_is_taken(log_in: str) -> None:
    """A person polls again: nothing of the refused log-in is in the way."""
    device = Device(log_in=log_in)
    async with asking(device) as probe:
        device.password = "another"
        with pytest.raises(Refused):
            await probe.read()
        device.password, device.nonce, device.says_stale = PASSWORD, "nonce-9", False
        await probe.read()
