"""The nut driver against an upsd that is played here: readings, and what a hostile one becomes."""

import asyncio
from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from probes.nut import DRIVER, Options
from probes.simulators.nut import SIMULATOR
from secmon.api import Batch, Garbled, ProbeError, Refused, Unreachable, Value
from tests.peers.process import free_port
from tests.probes.loopback import Talk, nothing_more_than, open_files, serving, target

LISTED = b'BEGIN LIST UPS\nUPS ups "one"\nEND LIST UPS\n'
ON_MAINS = {"ups.status": "OL"}


def values(batch: object) -> dict[str, Value]:
    assert isinstance(batch, Batch)
    return dict(zip(batch.layout.names, batch.values, strict=True))


def upsd(variables: Mapping[str, str]) -> Talk:
    """An upsd with one UPS that has these variables."""
    rows = "".join(f'VAR ups {name} "{value}"\n' for name, value in variables.items())
    return answering(f"BEGIN LIST VAR ups\n{rows}END LIST VAR ups\n".encode())


def answering(*to_list_var: bytes) -> Talk:
    """An upsd that says this to LIST VAR, and then hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if line == b"LIST UPS\n":
                writer.write(LISTED)
            elif line.startswith(b"LIST VAR"):
                writer.writelines(to_list_var)
                return
            else:
                writer.write(b"OK\n")

    return talk


async def poll(port: int, ups: str = "", **credentials: str) -> object:
    options = Options(port=port, ups=ups)
    async with DRIVER.connect(target(**credentials), options, None) as probe:
        return await probe.read()


async def polled(talk: Talk, ups: str = "", **credentials: str) -> dict[str, Value]:
    async with serving(talk) as port:
        return values(await poll(port, ups, **credentials))


async def failure(talk: Talk, ups: str = "", **credentials: str) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await polled(talk, ups, **credentials)
    return caught.value


# --- readings --------------------------------------------------------------------------------


async def test_variables_become_readings_and_facts() -> None:
    async with SIMULATOR.start({}) as device:
        batch = await poll(device.port)
    assert values(batch) == {
        "mains_voltage_volts": 229.8,
        "output_voltage_volts": 230.1,
        "load_ratio": 0.23,
        "battery_voltage_volts": 27.3,
        "battery_charge_ratio": 1.0,
        "battery_runtime_seconds": 1800.0,
        "battery_temperature_celsius": 25.0,
        "battery_discharging": False,
        "battery_low": False,
        "battery_replace": False,
        "on_battery": False,
    }
    assert isinstance(batch, Batch)
    assert batch.facts == {
        "maker": "Example",
        "model": "Simulated 1500",
        "serial": "SIM-0001",
        "firmware": "1.0",
    }


@pytest.mark.parametrize(
    ("status", "on_battery", "discharging", "low", "replace"),
    [
        ("OL", False, False, False, False),
        ("OL CHRG", False, False, False, False),
        ("OL CHRG LB", False, False, True, False),
        ("OL RB", False, False, False, True),
        ("OB DISCHRG", True, True, False, False),
        ("OB", True, True, False, False),
        ("OB DISCHRG LB RB", True, True, True, True),
        ("OL CAL", False, True, False, False),
        ("OL BOOST", False, False, False, False),
        ("OFF", None, False, False, False),
        ("BYPASS", None, False, False, False),
    ],
)
async def test_the_status_flags_are_readings(
    status: str, on_battery: bool | None, discharging: bool, low: bool, replace: bool
) -> None:
    got = await polled(upsd({"ups.status": status}))
    assert got.get("on_battery") is on_battery
    assert got["battery_discharging"] is discharging
    assert got["battery_low"] is low
    assert got["battery_replace"] is replace


async def test_the_temperature_of_the_cabinet_is_not_that_of_the_battery() -> None:
    assert await polled(upsd({"ups.temperature": "41.0"})) == {}


async def test_a_variable_that_is_empty_or_absent_is_no_reading() -> None:
    assert await polled(upsd({"battery.charge": "", "ups.load": "7"})) == {"load_ratio": 0.07}


async def test_the_device_names_itself_before_its_ups_part_does() -> None:
    talk = upsd({"ups.model": "Card", "device.model": "Tower\t9", "ups.serial": "x" * 500})
    async with serving(talk) as port:
        batch = await poll(port)
    assert isinstance(batch, Batch)
    assert batch.facts == {"model": "Tower9", "serial": "x" * 128}


async def test_one_connection_and_one_layout_serve_all_polls() -> None:
    async with (
        SIMULATOR.start({}) as device,
        DRIVER.connect(target(), Options(port=device.port), None) as probe,
    ):
        before = open_files()
        first = await probe.read()
        linked = open_files()
        await device.set(status="OB DISCHRG", charge=71)
        second = await probe.read()
        assert open_files() == linked > before
    assert isinstance(first, Batch)
    assert isinstance(second, Batch)
    assert second.layout is first.layout
    assert values(second)["battery_charge_ratio"] == 0.71
    assert values(second)["on_battery"] is True


async def test_a_hang_up_between_two_polls_is_no_failure() -> None:
    async with (
        serving(upsd(ON_MAINS)) as port,  # hangs up after every answer
        DRIVER.connect(target(), Options(port=port), None) as probe,
    ):
        for _ in range(3):
            assert values(await probe.read())["on_battery"] is False
            await asyncio.sleep(0.01)


async def test_a_user_logs_in() -> None:
    said: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.extend([await reader.readline()])
        writer.write(b"OK\n")
        said.extend([await reader.readline()])
        writer.write(b"OK\n")
        await upsd(ON_MAINS)(reader, writer)

    await polled(talk, username="ops", password="two words")
    assert said == [b"USERNAME ops\n", b'PASSWORD "two words"\n']


# --- which UPS -------------------------------------------------------------------------------


async def test_several_ups_ask_for_a_name() -> None:
    listed = b'BEGIN LIST UPS\nUPS b "x"\nUPS a "y"\nEND LIST UPS\n'

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(listed)

    error = await failure(talk)
    assert isinstance(error, Refused)
    assert str(error).endswith("expected `ups:` with one of the names that it lists: 'a', 'b'")


async def test_no_ups_at_all_is_told() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"BEGIN LIST UPS\nEND LIST UPS\n")

    assert isinstance(await failure(talk), Refused)


async def test_an_unknown_ups_is_told_by_its_name() -> None:
    async with SIMULATOR.start({}) as device:
        with pytest.raises(Refused, match="UNKNOWN-UPS: it has no UPS named 'rack-3'"):
            await poll(device.port, ups="rack-3")


@pytest.mark.parametrize("options", [{"port": 0}, {"ups": "a b"}, {"ups": "a\n"}, {"upss": "a"}])
def test_options_are_strict(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(options)


# --- what upsd refuses, and a UPS that is silent behind it -----------------------------------


@pytest.mark.parametrize("code", ["DATA-STALE", "DRIVER-NOT-CONNECTED"])
async def test_a_silent_ups_is_unreachable_and_no_bad_battery(code: str) -> None:
    error = await failure(answering(f"ERR {code}\n".encode()))
    assert isinstance(error, Unreachable)
    assert f"answers, but the UPS 'ups' behind it does not: {code}" in str(error)


async def test_a_ups_that_nut_has_only_begun_to_ask_is_unreachable() -> None:
    error = await failure(upsd({"ups.status": "WAIT", "battery.charge": "0"}))
    assert isinstance(error, Unreachable)


async def test_stale_data_heals() -> None:
    async with SIMULATOR.start({"stale": True}) as device:
        with pytest.raises(Unreachable, match="DATA-STALE"):
            await poll(device.port)
        await device.set(stale=False)
        assert values(await poll(device.port))["on_battery"] is False


@pytest.mark.parametrize(
    ("code", "log_in"),
    [
        ("ACCESS-DENIED", False),
        ("INVALID-USERNAME", True),
        ("INVALID-PASSWORD", True),
        ("PASSWORD-REQUIRED", False),
        ("NEW-1", False),
    ],
)
async def test_a_no_is_refused(code: str, log_in: bool) -> None:
    error = await failure(answering(f"ERR {code}\n".encode()), password="s3cret")
    assert isinstance(error, Refused)
    assert error.credentials is log_in
    assert code in str(error)
    assert "s3cret" not in str(error)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(b"ERR INVALID-PASSWORD\n", Refused), (b"PASSWORD s3cret\n", Garbled), (b"s3cr", Garbled)],
)
async def test_a_log_in_that_fails_keeps_the_secret(answer: bytes, expected: type) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)

    error = await failure(talk, password="s3cret")
    assert type(error) is expected
    assert "s3cr" not in str(error)


async def test_a_password_that_is_no_line_is_refused_before_it_is_sent() -> None:
    async with SIMULATOR.start({}) as device:
        with pytest.raises(Refused, match="the password holds control characters"):
            await poll(device.port, password="a\nFSD ups")


# --- no answer, half an answer, another answer ----------------------------------------------


async def test_a_refused_connection_is_unreachable() -> None:
    with pytest.raises(Unreachable, match=r"no TCP connection: .*refused"):
        await poll(free_port())


async def test_a_hang_up_at_once_is_unreachable() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    assert isinstance(await failure(talk), Unreachable)


async def test_a_hang_up_instead_of_an_answer_is_unreachable() -> None:
    error = await failure(answering())
    assert isinstance(error, Unreachable)
    assert str(error).endswith("LIST VAR ups: hung up without an answer")


@pytest.mark.parametrize(
    "answer",
    [b"BEGIN LIST VAR ups\n", b"BEG", b'BEGIN LIST VAR ups\nVAR ups ups.status "O'],
    ids=["between lines", "in the first line", "in a row"],
)
async def test_a_hang_up_within_the_answer_is_garbled(answer: bytes) -> None:
    error = await failure(answering(answer))
    assert isinstance(error, Garbled)
    assert str(error).endswith("LIST VAR ups: the answer was cut off")


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46\n",
        b"BEGIN LIST VAR other\n",
        b"BEGIN LIST VAR ups\nVAR other battery.charge 1\n",
        b"BEGIN LIST VAR ups\nVAR ups a\0b 1\n",
        b'BEGIN LIST VAR ups\nVAR ups battery.charge "full"\nEND LIST VAR ups\n',
        b'BEGIN LIST VAR ups\nVAR ups battery.charge "\xff"\nEND LIST VAR ups\n',
        b'BEGIN LIST VAR ups\nVAR ups battery.charge "nan"\nEND LIST VAR ups\n',
        b"OK\n",
        b"x" * 100_000,
        b"BEGIN LIST VAR ups\n" + b"\n".join(b"VAR ups v%d 1" % i for i in range(5000)),
    ],
    ids=[
        "ssh",
        "tls",
        "another ups",
        "row of another ups",
        "nul",
        "no number",
        "no utf-8 number",
        "nan",
        "another answer",
        "long line",
        "many rows",
    ],
)
async def test_another_answer_is_garbled(answer: bytes) -> None:
    error = await failure(answering(answer))
    assert isinstance(error, Garbled)
    assert len(str(error)) < 300
    assert str(error).isascii()


async def test_bytes_that_are_no_utf8_spoil_only_their_own_value() -> None:
    rows = b'BEGIN LIST VAR ups\nVAR ups ups.model "caf\xe9"\nVAR ups ups.load "5"\n'
    assert await polled(answering(rows, b"END LIST VAR ups\n")) == {"load_ratio": 0.05}


async def test_an_answer_sent_before_it_was_asked_for_is_garbled() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(LISTED + LISTED)
        await asyncio.sleep(10)

    assert isinstance(await failure(talk), Garbled)


# --- hostile in time: the caller's deadline ends it, and nothing is left ---------------------


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"B")
        await asyncio.sleep(0.005)


async def empty_rows_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"BEGIN LIST VAR ups\n")
    i = 0
    while True:
        writer.write(b"VAR ups v%d 1\n" % i)
        await writer.drain()
        i += 1


async def one_line_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


@pytest.mark.parametrize("talk", [silent, drips])
async def test_a_deadline_ends_a_poll_and_leaves_nothing_open(talk: Talk) -> None:
    async with serving(talk) as port:
        before = open_files()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await poll(port, ups="ups")
        assert await nothing_more_than(before)


@pytest.mark.parametrize("talk", [empty_rows_for_ever, one_line_for_ever])
async def test_an_endless_answer_ends_by_itself(talk: Talk) -> None:
    async with serving(talk) as port, asyncio.timeout(2):
        before = open_files()
        with pytest.raises(Garbled):
            await poll(port, ups="ups")
        assert await nothing_more_than(before)


# --- the simulated UPS -----------------------------------------------------------------------


@pytest.mark.parametrize("state", [{"colour": "red"}, {"stale": "yes"}])
async def test_the_simulated_ups_refuses_what_it_does_not_know(state: dict[str, object]) -> None:
    async with SIMULATOR.start({}) as device:
        with pytest.raises(ValueError, match="nut simulator: expected"):
            await device.set(**state)


async def test_the_simulated_ups_forgets_a_variable() -> None:
    async with SIMULATOR.start({"temperature": None, "charge": 50}) as device:
        got = values(await poll(device.port))
    assert got["battery_charge_ratio"] == 0.5
    assert "battery_temperature_celsius" not in got
