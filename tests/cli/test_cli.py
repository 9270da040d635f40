"""Every command and its exit code: 0 good, 1 something is faulty, 2 wrong use or config, 3 can't
reach. With a daemon and without one, by the same words."""

import json
import os
import pwd
import re
from pathlib import Path

import pytest

from secmon import __version__
from tests.cli.place import Place, Said, place, told_by
from tests.equipment import Equipment
from tests.peers.process import eventually
from tests.receiver import Receiver

ME = f"os:{pwd.getpwuid(os.geteuid()).pw_name}"


@pytest.fixture(params=["daemon", "stopped"])
def anywhere(request: pytest.FixtureRequest) -> Place:
    """The same must be true with a daemon and without one."""
    found: Place = request.getfixturevalue(request.param)
    return found


def good(said: Said) -> str:
    assert said.code == 0, said
    assert said.err == ""
    return said.out


def number_of(said: Said) -> str:
    found = re.search(r"WX-\d{4}-\d{4}", good(said))
    assert found is not None, said
    return found[0]


# --- wrong use ---


@pytest.mark.parametrize(
    "words",
    [
        *([], ["explode"], ["ticket"], ["ticket", "explode", "x"], ["ticket", "show"]),
        *(["probe"], ["user", "add", "x"], ["user", "add", "x", "--role", "king"], ["db"]),
        *(["ticket", "repair", "x", "--way", "swim"], ["ticket", "note", "x", "--version", "1.5"]),
        *(["notify", "test"], ["run", "--log-level", "LOUD"], ["discover"], ["coverage"]),
    ],
)
def test_wrong_use_is_2(stopped: Place, words: list[str]) -> None:
    said = stopped.command(*words)
    assert said.code == 2 and said.out == "" and "usage: secmon" in said.err


def test_the_version(stopped: Place) -> None:
    assert stopped.command("--version").out.strip() == f"secmon {__version__}"


@pytest.mark.parametrize(
    "words",
    [
        *(["check"], ["run"], ["run", "--once"], ["probe", "room-1"], ["ticket", "list"]),
        *(["user", "list"], ["db", "sizes"], ["db", "upgrade"], ["notify", "test", "hook"]),
    ],
)
def test_a_bad_site_file_is_2_with_every_mistake_at_its_line(
    stopped: Place, words: list[str]
) -> None:
    text = stopped.file.read_text()
    text = text.replace("name: 示范工程", "nane: 示范工程").replace("kind: camera", "kind: toaster")
    stopped.file.write_text(text.replace("every: 1h", "every: 1 hour", 1))
    said = stopped.command(*words)
    assert (said.code, said.out) == (2, "")
    lines = said.err.splitlines()
    places = [
        re.match(rf"{re.escape(str(stopped.file))}:(\d+): ([\w.\[\]-]+): ", one) for one in lines
    ]
    assert all(places), said.err
    numbers = {int(one[1]) for one in places if one}
    assert numbers == {2, 8, 11}, said.err


@pytest.mark.parametrize("words", [["check"], ["run"], ["ticket", "list"], ["db", "sizes"]])
def test_no_site_file_is_2_and_names_it(stopped: Place, words: list[str]) -> None:
    stopped.file.unlink()
    said = stopped.command(*words)
    assert said.code == 2 and str(stopped.file) in said.err


# --- check, and secrets ---


def test_check_says_what_is_there(stopped: Place) -> None:
    assert "good: 4 devices, 3 probes" in good(stopped.command("check"))


HOOK = """notify:
  - {{id: hook, channel: webhook, url: "https://user:pa55word@example.org/x?key=k3y",
     secret: {{{secret}}}}}
"""


def test_a_secret_is_only_looked_for_where_it_is_used(tmp_path: Path, wired: Equipment) -> None:
    here = place(tmp_path, wired, HOOK.format(secret="file: hook.secret"))
    said = here.command("check")
    assert said.code == 2 and "hook.secret" in said.err
    assert re.search(rf"{re.escape(str(here.file))}:\d+: notify", said.err), said.err
    for words in (["check", "--no-secrets"], ["ticket", "list"], ["user", "list"], ["db", "sizes"]):
        assert here.command(*words).code == 0, words
    for words in (["run"], ["run", "--once"], ["probe", "room-1"], ["notify", "test", "hook"]):
        assert here.command(*words).code == 2, words


@pytest.mark.parametrize("mistake", ["colour: red", "secret: pa55word", "url: 7"])
def test_secrets_are_never_shown(tmp_path: Path, wired: Equipment, mistake: str) -> None:
    text = HOOK.format(secret="env: SECMON_TEST_SECRET").replace("id: hook", f"id: hook, {mistake}")
    here = place(tmp_path, wired, text)
    for words in (["check"], ["check", "--no-secrets"], ["run"], ["ticket", "list"]):
        said = here.command(*words)
        assert said.code == 2
        assert "pa55word" not in said.out + said.err and "k3y" not in said.out + said.err


# --- tickets ---


def test_the_list_in_json_is_the_contracts(anywhere: Place) -> None:
    number = number_of(anywhere.command("ticket", "report", "supply-1", "--note", "灯不亮"))
    listed = json.loads(good(anywhere.command("ticket", "list", "--json")))
    assert listed.keys() == {"tickets"}
    ticket = next(one for one in listed["tickets"] if one["number"] == number)
    assert (ticket["device"], ticket["summary"]) == ("supply-1", "灯不亮")
    assert ticket["reported_by"] == ME
    table = good(anywhere.command("ticket", "list"))
    assert table.split()[:6] == ["number", "state", "severity", "device", "summary", "overdue"]
    assert number in table and "灯不亮" in table


def test_nothing_to_list(stopped: Place) -> None:
    assert good(stopped.command("ticket", "list")) == "no tickets\n"
    assert json.loads(good(stopped.command("ticket", "list", "--json"))) == {"tickets": []}
    assert good(stopped.command("user", "list")) == "no users\n"


def test_every_verb_by_command(anywhere: Place) -> None:
    """A device without probes is verified by a person's word."""
    report = ("ticket", "report", "supply-1", "--note", "灯不亮", "--severity", "major")
    number = number_of(anywhere.command(*report, "--part", "F1"))
    for words, state in (
        (("assign", "--to", "李四"), "open"),
        (("note", "--note", "看过了"), "open"),
        (("acknowledge", "--note", "收到"), "acknowledged"),
        (("transfer", "--way", "mail_in"), "acknowledged"),
        (("repair", "--content", "hardware", "--note", "换灯"), "repaired"),
        (("reject", "--note", "还不亮"), "acknowledged"),
        (("transfer", "--way", "on_site"), "acknowledged"),
        (("arrive",), "on_site"),
        (("repair",), "repaired"),
        (("verify",), "verified"),
        (("close",), "closed"),
    ):
        verb, *options = words
        said = good(anywhere.command("ticket", verb, number, *options))
        assert said.startswith(f"{number}  {state}  "), said
    shown = good(anywhere.command("ticket", "show", number))
    journal = [line for line in shown.splitlines() if line.endswith(f"({ME})")]
    assert [line.split()[1] for line in journal] == [
        *("reported", "assign", "note", "acknowledge", "transfer", "repair", "reject"),
        *("transfer", "arrive", "repair", "verify", "close"),
    ]
    ticket = json.loads(good(anywhere.command("ticket", "show", number, "--json")))
    assert (ticket["state"], ticket["part"], ticket["severity"]) == ("closed", "F1", "major")
    assert number not in good(anywhere.command("ticket", "list"))
    assert number in good(anywhere.command("ticket", "list", "--all"))
    assert number in good(anywhere.command("ticket", "list", "--state", "closed"))


def test_what_is_refused_is_2_with_a_word_and_changes_nothing(anywhere: Place) -> None:
    number = number_of(anywhere.command("ticket", "report", "supply-1", "--note", "x"))
    before = good(anywhere.command("ticket", "show", number, "--json"))
    for words, named in (
        (("arrive", number), "open"),
        (("close", number), "cleared"),
        (("acknowledge", number, "--version", "7"), "version"),
        (("assign", number), "to"),
        (("acknowledge", "WX-2020-0001"), "WX-2020-0001"),
        (("show", "nonsense/../x"), "nonsense"),
        (("report", "nobody", "--note", "x"), "nobody"),
        (("report", "supply-1", "--note", ""), "note"),
        (("list", "--state", "broken"), "state"),
    ):
        said = anywhere.command("ticket", *words)
        assert (said.code, said.out) == (2, ""), said
        assert said.err.startswith("secmon: ") and named in said.err, said
        assert said.err.count("\n") == 1, "one line, no traceback"
    assert good(anywhere.command("ticket", "show", number, "--json")) == before


def test_a_version_that_is_right_is_taken(anywhere: Place) -> None:
    number = number_of(anywhere.command("ticket", "report", "supply-1", "--note", "x"))
    said = anywhere.command("ticket", "acknowledge", number, "--version", "1", "--json")
    assert json.loads(good(said))["version"] == 2


def test_texts_do_not_drive_the_terminal(anywhere: Place) -> None:
    note = "a\x1b[2Jb"
    number = number_of(anywhere.command("ticket", "report", "supply-1", "--note", note))
    for words in (["list"], ["show", number], ["note", number, "--note", note]):
        assert "\x1b" not in good(anywhere.command("ticket", *words))


# --- people ---


def test_users(anywhere: Place) -> None:
    def listed() -> str:
        return good(anywhere.command("user", "list"))

    said = anywhere.command("user", "add", "王五", "--role", "viewer", stdin="long enough\n")
    assert "王五" in good(said) and "long enough" not in said.out
    assert re.search(r"王五 +viewer +yes", listed())
    assert good(anywhere.command("user", "passwd", "王五", stdin="another one\n"))
    for words, stdin in (
        (("add", "王五", "--role", "viewer"), "long enough\n"),
        (("add", "赵六", "--role", "viewer"), "short\n"),
        (("add", "赵六", "--role", "viewer"), ""),
        (("passwd", "nobody"), "long enough\n"),
        (("passwd", "王五"), ""),
    ):
        said = anywhere.command("user", *words, stdin=stdin)
        assert said.code == 2 and said.err.count("\n") == 1, said
    assert "赵六" not in listed()


def test_how_people_are_reached_and_when_they_were_trained(anywhere: Place) -> None:
    def user(*words: str) -> str:
        return good(anywhere.command("user", *words))

    assert anywhere.command("user", "contact", "周八").code == 2  # no such user
    anywhere.command("user", "add", "周八", "--role", "viewer", stdin="long enough\n")
    assert user("contact", "周八") == "user: 周八\n"
    ids = ("--id", "dingtalk=w1", "--id", "feishu=ou_9")
    told = user("contact", "周八", "--phone", "13800000001", "--name", "周", *ids)
    assert told == "user: 周八\nname: 周\nphone: 13800000001\nid dingtalk: w1\nid feishu: ou_9\n"
    told = user("contact", "周八", "--phone", "", "--id", "feishu=", "--email", "w@example.org")
    assert told == "user: 周八\nname: 周\nemail: w@example.org\nid dingtalk: w1\n"
    assert anywhere.command("user", "contact", "周八", "--phone", "soon").code == 2
    assert user("training", "周八") == "周八 was never trained\n"
    assert re.search(
        rf"2026-01-05 +现场培训 +{ME}",
        user("training", "周八", "--day", "2026-01-05", "--what", "现场培训"),
    )
    assert anywhere.command("user", "training", "周八", "--day", "monday", "--what", "x").code == 2


def test_something_is_silenced_and_that_is_ended(anywhere: Place) -> None:
    assert good(anywhere.command("window", "list")) == "no windows\n"
    made = good(
        anywhere.command("window", "add", "--device", "supply-1", "--for", "2h", "--note", "换电池")
    )
    name = made.split()[0]
    table = good(anywhere.command("window", "list"))
    assert name in table and "supply-1" in table and "换电池" in table
    (row,) = json.loads(good(anywhere.command("window", "list", "--json")))["windows"]
    assert (row["id"], row["by"], row["active"]) == (name, ME, True)
    assert good(anywhere.command("window", "end", name)) == f"{name} ended\n"
    again = anywhere.command("window", "end", name)
    assert again.code == 2 and "over already" in again.err
    wrong = anywhere.command("window", "add", "--device", "nobody", "--for", "2h", "--note", "x")
    assert wrong.code == 2 and "there is no device" in wrong.err


def test_a_token_is_printed_once_and_logs_in(daemon: Place) -> None:
    token = good(daemon.command("user", "add", "robot", "--role", "operator", "--token")).strip()
    assert len(token) > 30
    body = {"device": "supply-1", "note": "x"}
    status, ticket = daemon.http("POST", "/api/v1/tickets", token, body)
    assert (status, ticket["reported_by"]) == (201, "robot")
    assert daemon.get("/api/v1/devices", "x" + token)[0] == 401
    assert token not in good(daemon.command("user", "list"))


def test_a_token_made_without_the_daemon_logs_in_later(stopped: Place) -> None:
    token = good(stopped.command("user", "add", "robot", "--role", "viewer", "--token")).strip()
    with stopped.daemon():
        assert stopped.get("/api/v1/devices", token)[0] == 200
        number = number_of(stopped.command("ticket", "report", "cam-1", "--note", "x"))
    assert number in good(stopped.command("ticket", "list"))


# --- probe, run --once ---


def test_probe_shows_readings_with_units(anywhere: Place) -> None:
    text = good(anywhere.command("probe", "room-1"))
    assert re.search(r"temperature_celsius +23\.5 °C", text), text
    page = json.loads(good(anywhere.command("probe", "room-1", "--json")))
    assert page["device"] == "room-1" and page["observations"][0]["failure"] is None


def test_probe_goes_through_the_daemon(daemon: Place, wired: Equipment) -> None:
    token = good(daemon.command("user", "add", "eye", "--role", "viewer", "--token")).strip()
    wired.set(1, input={1: 212})
    good(daemon.command("probe", "room-1"))
    readings = daemon.get("/api/v1/devices/room-1", token)[1]["readings"]
    assert {one["reading"]: one["value"] for one in readings}["temperature_celsius"] == 21.2


def test_probe_of_a_silent_device_is_1(anywhere: Place, wired: Equipment) -> None:
    wired.set(2, silent=True)
    said = anywhere.command("probe", "room-2")
    wired.set(2, silent=False)
    assert said.code == 1 and "timeout" in said.out


def test_probe_of_what_breaks_a_rule_is_1(anywhere: Place, wired: Equipment) -> None:
    wired.set(2, input={1: 300})
    said = anywhere.command("probe", "room-2")
    wired.set(2, input={1: 235})
    assert said.code == 1 and "faulty: room-too-warm=30.0" in said.out, said


@pytest.mark.parametrize("device", ["nobody", "supply-1"])
def test_probe_of_what_has_no_probe_is_2(anywhere: Place, device: str) -> None:
    said = anywhere.command("probe", device)
    assert said.code == 2 and device in said.err


def test_run_once_is_0_when_all_is_well_and_1_when_not(stopped: Place, wired: Equipment) -> None:
    table = good(stopped.command("run", "--once"))
    assert [line.split()[0] for line in table.splitlines()] == [
        "device",
        "room-1",
        "room-2",
        "cam-1",
    ]
    wired.set(2, input={1: 300})
    said = stopped.command("run", "--once")
    wired.set(2, input={1: 235})
    assert said.code == 1 and re.search(r"room-2 .*=30\.0", said.out), said
    wired.listen(False)
    said = stopped.command("run", "--once")
    wired.listen(True)
    assert said.code == 1 and re.search(r"cam-1 .*unreachable", said.out), said
    assert not (stopped.folder / "secmon.db").exists(), "it needs no store"


def test_an_intruder_is_no_fault(stopped: Place, wired: Equipment) -> None:
    """The alarm does its work; only one that is never reset is a fault, and one look can't say."""
    (stopped.folder / "conf.d").mkdir()
    (stopped.folder / "conf.d" / "panel.yaml").write_text(
        "devices:\n"
        "  - {id: panel-1, name: 报警主机, system: intrusion, kind: alarm-panel,\n"
        "     address: 127.0.0.1, parts: {DI9: {reading: zone_tamper}},\n"
        f"     probes: [{{driver: modbus, port: {wired.gateway.port}, unit: 101,\n"
        "      profile: di-16}]}\n"
    )
    wired.set(101, discrete={0: 1})
    good(stopped.command("run", "--once"))
    good(stopped.command("probe", "panel-1"))
    wired.set(101, discrete={0: 0, 8: 1})
    said = stopped.command("probe", "panel-1")
    wired.set(101, discrete={8: 0})
    assert said.code == 1 and "faulty: zone-tamper DI9=yes" in said.out, said


# --- notify ---


def test_a_channel_is_told_one_real_message(daemon: Place, hook: Receiver) -> None:
    before = len(hook.got)
    assert good(daemon.command("notify", "test", "hook")) == "hook: told\n"
    assert [one["reason"] for one in hook.got[before:]] == ["test"] and hook.forged == []


def test_a_channel_that_can_not_be_reached_is_3(daemon: Place) -> None:
    said = daemon.command("notify", "test", "gone")
    assert said.code == 3 and "gone" in said.err and "pw" not in said.err, said


def test_an_unknown_channel_is_2(daemon: Place) -> None:
    assert daemon.command("notify", "test", "other").code == 2


def test_notify_without_a_daemon(tmp_path: Path, wired: Equipment, hook: Receiver) -> None:
    (tmp_path / "hook.secret").write_text("geheim-geheim")
    here = place(tmp_path, wired, f"notify: [{told_by(hook.url)}]")
    before = len(hook.got)
    assert good(here.command("notify", "test", "hook")) == "hook: told\n"
    assert len(hook.got) == before + 1


# --- the store ---


def test_backup_and_sizes(anywhere: Place, tmp_path: Path) -> None:
    number_of(anywhere.command("ticket", "report", "supply-1", "--note", "x"))
    copy = tmp_path / "copy.db"
    assert str(copy) in good(anywhere.command("db", "backup", str(copy)))
    assert copy.read_bytes().startswith(b"SQLite format 3\0")
    assert re.search(r"^ticket +[1-9]", good(anywhere.command("db", "sizes")), re.MULTILINE)
    said = anywhere.command("db", "backup", str(tmp_path / "nowhere" / "copy.db"))
    assert said.code == 2 and "nowhere" in said.err, said


def test_a_copy_is_put_back(stopped: Place) -> None:
    kept = number_of(stopped.command("ticket", "report", "supply-1", "--note", "kept"))
    copy = stopped.folder / "copy.db"
    good(stopped.command("db", "backup", str(copy)))
    lost = number_of(stopped.command("ticket", "report", "supply-1", "--note", "lost"))
    said = good(stopped.command("db", "restore", str(copy)))
    assert "before-restore" in said
    listed = good(stopped.command("ticket", "list"))
    assert kept in listed and lost not in listed


def test_a_copy_that_is_none_is_not_put_back(stopped: Place) -> None:
    number = number_of(stopped.command("ticket", "report", "supply-1", "--note", "kept"))
    (stopped.folder / "torn.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    for name in ("absent.db", "torn.db", "secmon.yaml"):
        said = stopped.command("db", "restore", str(stopped.folder / name))
        assert said.code in (2, 3) and said.err.count("\n") == 1, said
    assert number in good(stopped.command("ticket", "list"))


def test_upgrade(stopped: Place) -> None:
    assert "up to date" in good(stopped.command("db", "upgrade"))


def test_while_the_daemon_runs_the_store_is_not_replaced(daemon: Place, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    good(daemon.command("db", "backup", str(copy)))
    for words in (("restore", str(copy)), ("upgrade",)):
        said = daemon.command("db", *words)
        assert said.code == 3 and "in use" in said.err, said
    assert daemon.ready()


def test_a_store_that_can_not_be_opened_is_3(tmp_path: Path, wired: Equipment) -> None:
    here = place(tmp_path, wired)
    (tmp_path / "secmon.db").write_bytes(b"not a database at all, but long enough" * 99)
    for words in (["ticket", "list"], ["user", "list"], ["db", "sizes"], ["run"]):
        said = here.command(*words)
        assert said.code == 3 and "store" in said.err, said
    away = place(tmp_path, wired, store=tmp_path / "nowhere")
    for words in (["ticket", "list"], ["db", "sizes"]):
        assert away.command(*words).code == 3, words


def test_commands_find_no_daemon_and_a_taken_store(shared: Place, tmp_path: Path) -> None:
    """The daemon's socket is elsewhere: $RUNTIME_DIRECTORY of this shell is another one."""
    (tmp_path / "run").mkdir()
    said = shared.process("ticket", "list", env={"RUNTIME_DIRECTORY": str(tmp_path / "run")})
    assert said.code == 3 and "in use by process" in said.err, said


# --- a second one ---


def test_a_second_daemon_on_the_same_store_is_3(daemon: Place) -> None:
    said = daemon.process("run")
    assert said.code == 3 and "in use" in said.err.splitlines()[-1], said
    assert "Traceback" not in said.err
    assert daemon.ready()


def test_a_taken_port_is_2_and_named(daemon: Place, tmp_path: Path, wired: Equipment) -> None:
    other = place(tmp_path, wired, port=daemon.port)
    said = other.process("run")
    assert said.code == 2 and str(daemon.port) in said.err.splitlines()[-1], said
    assert "Traceback" not in said.err


# --- reload ---


def test_a_reload_by_hang_up(daemon: Place) -> None:
    """Good, bad, good again; a bad file changes nothing."""
    token = good(daemon.command("user", "add", "reader", "--role", "viewer", "--token")).strip()
    text = daemon.file.read_text()

    def names() -> list[str]:
        return [one["name"] for one in daemon.get("/api/v1/devices", token)[1]["devices"]]

    def reload(text: str, successful: float) -> bool:
        daemon.file.write_text(text)
        os.kill(_pid(daemon), 1)
        return eventually(
            lambda: daemon.metric("secmon_config_last_reload_successful") == successful
        )

    try:
        assert reload(text.replace("name: 电源", "name: [电源"), 0.0)
        assert "电源" in names()
        assert reload(text.replace("name: 电源", "name: 新电源"), 1.0)
        assert eventually(lambda: "新电源" in names())
        daemon.file.write_text(text.replace("kind: camera", "kind: toaster"))
        status, problem = daemon.http("POST", "/-/reload")
        assert status == 422 and any("toaster" in one for one in problem["problems"]), problem
        assert daemon.metric("secmon_config_last_reload_successful") == 0.0
        assert "新电源" in names()
    finally:
        assert reload(text, 1.0)
    assert eventually(lambda: "电源" in names())


def _pid(place: Place) -> int:
    return int((place.folder / "secmon.db.lock").read_text())
