"""What an operator writes, right and wrong: every mistake at once, with its line, no secret shown.

`testdata/site/bad-*.yaml` hold one sort of mistake each; what is told of it stands in the
`.expected` file beside it, `…` for lists of what is installed.
"""

import gc
import re
from datetime import timedelta
from pathlib import Path

import pytest

from secmon.core.model import Feed, Op, Part, Severity
from secmon.loading import ConfigError, Loaded, check, load

DATA = Path(__file__).parent / "testdata"
SITE = DATA / "site"
NO_ALIAS = "expected an alias of something written above (got an unknown one)"
HEAD = "site: {id: lab, name: 示范工程}\n"


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two drivers and a notifier, beside the real ones."""
    monkeypatch.syspath_prepend(str(DATA / "installed"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Where a test's site file and what stands beside it are."""
    (tmp_path / "profiles").symlink_to(SITE / "profiles")
    return tmp_path / "site.yaml"


def told(text: str, file: Path) -> list[str]:
    """The mistakes in a site file, without its name."""
    file.write_text(text, encoding="utf-8")
    return [one.removeprefix(f"{file}:") for one in check(file)[0]]


def loaded(text: str, file: Path) -> Loaded:
    file.write_text(text, encoding="utf-8")
    return load(file)


def device(lines: str, device_id: str = "sw-1") -> str:
    head = f"  - id: {device_id}\n    name: 交换机\n    system: network\n    kind: switch\n"
    return head + "".join(f"    {line}\n" for line in lines.splitlines())


# --- one bad file per rule ---------------------------------------------------------------------


@pytest.mark.parametrize("file", sorted(SITE.glob("bad-*.yaml")), ids=lambda file: file.stem)
def test_a_bad_file(file: Path) -> None:
    expected = file.with_suffix(".expected").read_text(encoding="utf-8").splitlines()
    shown = [one.replace(f"{SITE}/", "") for one in check(file)[0]]
    assert len(shown) == len(expected), shown
    for line, pattern in zip(shown, expected, strict=True):
        assert re.fullmatch(".*".join(map(re.escape, pattern.split("…"))), line), line
    assert not any("hunter2" in one for one in shown)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "1: expected a mapping, with the key site (got an empty file)"),
        (b"# nothing\n", "1: expected a mapping, with the key site (got an empty file)"),
        (b"- site\n", "1: expected a mapping, with the key site (got something else)"),
        (b"site: {id: lab}\nb: \xff\n", "2: expected UTF-8 text (got byte 0xff)"),
        (b"a: 1\n---\na: 2\n", "2: expected one YAML document (got a second ---)"),
        (b"a: !!python/tuple x\n", "1: a: expected no tag (got 'python/tuple')"),
        (b"a: *b\n", f"1: a: {NO_ALIAS}"),
        (b"? [a]\n: 1\n", "1: expected a text as key (got a mapping or a list)"),
        (b"a: &a [*a]\n", f"1: a[0]: {NO_ALIAS}"),
        (b"a:\n  <<: 5\n", "3: a.<<: expected a mapping to merge after << (got something else)"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_site_file(raw: bytes, said: str, site: Path) -> None:
    site.write_bytes(raw)
    assert [one.removeprefix(f"{site}:") for one in check(site)[0]] == [said]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.yaml"
    no_file = "1: expected a readable file (got: No such file or directory)"
    assert check(missing)[0] == [f"{missing}:{no_file}"]
    assert check(tmp_path)[0] == [f"{tmp_path}:1: expected a YAML file (got a directory)"]


def test_a_file_that_is_too_big(site: Path) -> None:
    with site.open("wb") as stream:
        stream.truncate(65 * 1024 * 1024)
    assert check(site)[0] == [f"{site}:1: expected at most 64 MB (got more)"]


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000])
def test_depth_is_bounded(text: str, site: Path) -> None:
    [said] = told(text, site)
    assert said.endswith("expected at most 40 levels (got more)")


def test_aliases_are_counted_as_what_they_stand_for(site: Path) -> None:
    text = "k0: &k0 [a, a, a, a, a, a, a, a, a, a]\n"
    for i in range(1, 12):
        text += f"k{i}: &k{i} [{', '.join([f'*k{i - 1}'] * 10)}]\n"
    [said] = told(text, site)
    assert "expected fewer values (got aliases that multiply without end)" in said


def test_depth_by_aliases_is_bounded(site: Path) -> None:
    text = "k0: &k0 [a]\n" + "".join(f"k{i}: &k{i} [*k{i - 1}]\n" for i in range(1, 100))
    [said] = told(text, site)
    assert said.endswith("expected at most 40 levels (got more, by aliases)")


def test_a_secret_is_not_shown_by_any_mistake_of_form(site: Path) -> None:
    text = HEAD + "credentials:\n  cam: {hunter2: a, hunter2: b, 'hunter2 ': {c: *hunter2}}\n"
    assert "hunter2" not in " ".join(told(text, site))


# --- values ------------------------------------------------------------------------------------


def test_defaults(site: Path) -> None:
    found = loaded(HEAD, site)
    assert found.site.site.timezone == "Asia/Shanghai"
    assert found.site.site.language == "zh"
    assert found.site.store == Path("/var/lib/secmon/secmon.db")
    assert str(found.site.http.listen) == "127.0.0.1:9840"
    assert str(found.site.metrics.listen) == "127.0.0.1:9841"
    assert found.site.retention.audit == timedelta(days=400)
    assert found.policy.site == "lab"
    assert found.policy.sla.respond == timedelta(minutes=30)
    assert found.policy.sla.repair == timedelta(hours=8)
    assert found.policy.devices == {}
    assert not (found.probes or found.channels or found.warnings)


@pytest.mark.parametrize("store", ["sqlite:///tmp/a.db", "sqlite:////tmp/a.db"])
def test_a_store_is_an_absolute_path(store: str, site: Path) -> None:
    assert loaded(f"{HEAD}store: {store}\n", site).site.store == Path("/tmp/a.db")


def test_plain_words_stay_texts(site: Path) -> None:
    text = HEAD + "devices:\n" + device("parts: {1: {}, on: {}, 18:00: {}, off: {}}\nserial: no")
    found = loaded(text, site).policy.devices["sw-1"]
    assert list(found.parts) == ["1", "on", "18:00", "off"]
    assert found.serial == "no"


def test_a_merge_key_gives_defaults(site: Path) -> None:
    text = HEAD + "devices:\n"
    text += device("address: 192.0.2.1\nprobes: [&slow {driver: lamp, every: 5m}]", "sw-1")
    text += device("address: 192.0.2.2\nprobes: [{<<: *slow, port: 99}]", "sw-2")
    text += device("address: 192.0.2.3\nprobes: [{<<: *slow, prot: 99}]", "sw-3")
    assert told(text, site) == [
        "20: devices[2].probes[0].prot: expected one of colour, credentials, driver, every, name, "
        "port, profile or timeout, perhaps port (got unknown key 'prot')"
    ]
    text = text.replace("prot", "port")
    assert {probe.interval for probe in loaded(text, site).probes} == {300.0}


def test_listening_off_loopback_needs_a_word(site: Path) -> None:
    for way in ("insecure: true", "trusted_proxies: [192.0.2.1]"):
        text = (
            f'{HEAD}http: {{listen: "0.0.0.0:9840", {way}}}\nmetrics: {{listen: "0.0.0.0:9840"}}\n'
        )
        assert told(text, site) == []
    (site.parent / "cert.pem").write_text("x")
    (site.parent / "cert.key").write_text("x")
    tls = "tls: {certificate: cert.pem, key: cert.key}"
    text = f'{HEAD}http: {{listen: "[::]:9840", {tls}}}\nmetrics: {{listen: "[::]:9841", {tls}}}\n'
    assert told(text, site) == []


# --- conf.d ------------------------------------------------------------------------------------


def test_conf_d_is_merged(site: Path) -> None:
    conf_d = site.parent / "conf.d"
    conf_d.mkdir()
    (conf_d / "10-more.yaml").write_text(
        "devices:\n" + device("", "sw-2") + "credentials: {x: {username: ops}}\n"
    )
    (conf_d / "20-last.yaml").write_text("devices:\n" + device("parent: sw-2", "sw-3"))
    (conf_d / "empty.yaml").write_text("# nothing yet\n")
    (conf_d / "notes.txt").write_text("not: [read")
    found = loaded(HEAD + "credentials: {y: {username: ops}}\ndevices:\n" + device(""), site)
    assert list(found.policy.devices) == ["sw-1", "sw-2", "sw-3"]
    assert sorted(found.site.credentials) == ["x", "y"]


def test_conf_d_keeps_files_and_lines(site: Path) -> None:
    conf_d = site.parent / "conf.d"
    conf_d.mkdir()
    first, second = conf_d / "10-more.yaml", conf_d / "20-last.yaml"
    first.write_text("devices:\n" + device("adress: 192.0.2.1", "sw-2"))
    second.write_text("site: {name: 别名}\ndevices:\n" + device("parent: nowhere", "sw-3"))
    problems = told(HEAD + "devices:\n" + device("kind: switch"), site)
    assert [one.split(": expected ")[0] for one in problems] == [
        "7: devices[0].kind",
        f"{first}:6: devices[0].adress",
        f"{second}:1: site.name",
        f"{second}:7: devices[0].parent",
    ]
    assert problems[2].endswith(f"(got it again, it is in {site}:1)")


def test_every_file_of_conf_d_is_told_of(site: Path) -> None:
    conf_d = site.parent / "conf.d"
    conf_d.mkdir()
    (conf_d / "a.yaml").write_text("- list\n")
    (conf_d / "b.yaml").write_text("a: [\n")
    assert len(told(HEAD + "site: {}\n", site)) == 3


# --- secrets -----------------------------------------------------------------------------------


def test_secrets_in_a_folder_are_found_by_the_names_that_systemd_gives_them(
    site: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "secrets_a").write_text("a credential")  # LoadCredential=secrets:FOLDER
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    (site.parent / "secrets").mkdir()
    for name in "ab":
        (site.parent / "secrets" / name).write_text("beside the file")
    entry = "{password: {file: secrets/a}, auth_key: {file: secrets/b}}"
    found = loaded(f"{HEAD}credentials: {{one: {entry}}}\n", site).resolve.credentials("one").values
    assert found == {"password": "a credential", "auth_key": "beside the file"}


def test_secrets(site: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "a").write_text("from the directory\n")
    (site.parent / "a").write_text("from beside the file\n")
    (site.parent / "b").write_text("beside\r\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    monkeypatch.setenv("SECMON_TEST_COMMUNITY", "only-ours")
    text = f"""{HEAD}credentials:
  one: {{username: ops, password: {{file: a}}, auth: SHA-256, auth_key: {{file: b}}}}
  two: {{community: {{env: SECMON_TEST_COMMUNITY}}}}
metrics: {{token: {{file: b}}}}
notify: [{{id: p, channel: paper, url: "x", secret: {{file: a}}, credentials: two}}]
"""
    found = loaded(text, site)
    assert found.resolve.credentials("one").values == {
        "username": "ops",
        "auth": "SHA-256",
        "password": "from the directory",
        "auth_key": "beside",
    }
    assert found.resolve.credentials("two").get("community") == "only-ours"
    assert found.site.metrics.token is not None
    assert found.resolve.secret(found.site.metrics.token) == "beside"
    assert "only-ours" not in repr(found)
    with pytest.raises(ConfigError):
        found.resolve.credentials("three")


def test_an_empty_secret_is_none(site: Path) -> None:
    (site.parent / "empty").write_text("\n")
    [said] = told(f"{HEAD}credentials: {{a: {{password: {{file: empty}}}}}}\n", site)
    assert said.endswith(f"expected a secret in {site.parent}/empty (got an empty file)")


def test_without_secrets_none_is_looked_up() -> None:
    assert check(SITE / "bad-secret-missing.yaml", secrets=False) == ([], [])


# --- devices and probes ------------------------------------------------------------------------


LAMP = "address: 192.0.2.1\nprobes: [{driver: lamp}]"


def test_a_probe_and_its_profile(site: Path) -> None:
    found = loaded(HEAD + "devices:\n" + device(LAMP), site)
    [probe] = found.probes
    assert (probe.device, probe.label, probe.address) == ("sw-1", "lamp", "192.0.2.1")
    assert (probe.interval, probe.timeout, probe.bus) == (30.0, 5.0, "192.0.2.1:23")
    assert probe.profile_name == "lamp-1"
    one = found.policy.devices["sw-1"]
    assert one.probes[0].brings == {"contact_closed", "temperature_celsius"}
    assert one.profiles == {"lamp-1"}
    assert one.battery is not None
    assert one.battery.cells == 6
    assert one.watched == {"up"}
    [rule] = [rule for rule in found.policy.rules if rule.where.profile == "lamp-1"]
    assert (rule.id, rule.severity) == ("contact_closed{profile=lamp-1}", Severity.MINOR)


def test_parts_and_parents(site: Path) -> None:
    parts = """parts: {p1: {name: 上联, watch: true}, p2: {severity: critical}}"""
    text = HEAD + "devices:\n" + device(f"{LAMP}\n{parts}")
    text += device("parent: [{device: sw-1, part: p3}, sw-3]", "sw-2") + device("", "sw-3")
    found = loaded(text, site).policy
    assert found.devices["sw-1"].watched == {"p1", "p3", "up"}
    assert found.devices["sw-1"].parts["p1"] == Part("p1", "上联", watch=True)
    assert found.devices["sw-1"].parts["p2"].severity is Severity.CRITICAL
    assert found.devices["sw-2"].parents == (Feed("sw-1", "p3"), Feed("sw-3"))
    assert found.children == {"sw-1": ("sw-2",), "sw-3": ("sw-2",)}


def test_an_arming_time_ends_the_next_morning(site: Path) -> None:
    text = HEAD + "devices:\n" + device('parts: {a: {armed: "18:00-07:00"}}')
    assert loaded(text, site).policy.devices["sw-1"].parts["a"].armed == (1080, 1860)


@pytest.mark.parametrize(
    ("probes", "labels"),
    [
        ("{driver: plain}", ["plain"]),
        ("{driver: plain, name: web}", ["plain"]),
        ("{driver: plain}, {driver: plain}", ["plain", "plain:2"]),
        ("{driver: plain, name: web}, {driver: plain, name: api}", ["plain:web", "plain:api"]),
        ("{driver: plain}, {driver: lamp}", ["plain", "lamp"]),
    ],
)
def test_labels(probes: str, labels: list[str], site: Path) -> None:
    text = HEAD + "devices:\n" + device(f"address: 192.0.2.1\nprobes: [{probes}]")
    assert [probe.label for probe in loaded(text, site).probes] == labels


@pytest.mark.parametrize(
    "change",
    [
        ("every: 20s", "every: 21s"),
        ("192.0.2.1", "192.0.2.2"),
        ("port: 24", "port: 25"),
        ("credentials: a", "credentials: b"),
        ("invert: true", "invert: false"),
        ("SECMON_TEST_A", "SECMON_TEST_B"),
    ],
)
def test_a_fingerprint_changes_with_its_probe_only(
    change: tuple[str, str], site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECMON_TEST_A", "one")
    monkeypatch.setenv("SECMON_TEST_B", "two")
    probe = "probes: [{driver: lamp, every: 20s, port: 24, credentials: a}]"
    one = device(f"address: 192.0.2.1\nparts: {{p: {{invert: true}}}}\n{probe}")
    keys = "credentials: {a: {password: {env: SECMON_TEST_A}}, b: {username: b}}\n"
    two = device("probes: [{driver: plain}]", "sw-2")
    text = HEAD + keys + "devices:\n" + one + two
    before = [probe.fingerprint for probe in loaded(text, site).probes]
    assert before == [probe.fingerprint for probe in loaded(text, site).probes]
    after = [probe.fingerprint for probe in loaded(text.replace(*change), site).probes]
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_a_profile_beside_the_site_file_wins(site: Path) -> None:
    profiles = site.parent / "profiles"
    profiles.unlink()
    profiles.mkdir()
    (profiles / "lamp-1.yaml").write_text(
        "profile: lamp-1\ndriver: lamp\nsource: ours\nverified: no\n"
        "lamp: {points: [{reading: water_leak}]}\n"
    )
    (profiles / "xy-md02.yaml").write_text("profile: xy-md02\ndriver: lamp\n")
    found = loaded(HEAD + "devices:\n" + device(LAMP), site).policy.devices["sw-1"]
    assert found.probes[0].brings == {"water_leak"}
    mistakes = told(HEAD + "devices:\n" + device(f"profile: xy-md02\n{LAMP}"), site)
    assert any("profiles/xy-md02.yaml:1: source: expected this key" in one for one in mistakes)


def test_equal_things_are_one_object(site: Path) -> None:
    text = HEAD + "devices:\n" + "".join(device(LAMP, f"sw-{i}") for i in range(3))
    found = loaded(text, site)
    assert len({id(probe.options) for probe in found.probes}) == 1
    assert len({id(probe.profile) for probe in found.probes}) == 1
    assert len({id(one.probes) for one in found.policy.devices.values()}) == 1


def test_warnings_refuse_nothing(site: Path) -> None:
    text = f"""{HEAD}rules:
  - {{reading: temperature_celsius, where: {{kind: machine-room}}, op: ">", limit: 26}}
devices:
{device("probes: [{driver: plain, every: 2s, timeout: 3s}]")}"""
    text += device("parent: {device: sw-3, part: p1}", "sw-2") + device("", "sw-3")
    warnings = [one.removeprefix(f"{site}:") for one in loaded(text, site).warnings]
    assert [one.split(": expected ")[0] for one in warnings] == [
        "3: rules[0]",
        "9: devices[0].probes[0].timeout",
        "14: devices[1].parent",
    ]


def test_the_collector_runs_again_after_loading(site: Path) -> None:
    told("site: 5\n", site)
    assert gc.isenabled()


# --- rules -------------------------------------------------------------------------------------


ROOM = "where: {kind: machine-room}"
DEVICES = "devices: [{id: room-1, name: 机房, system: center, kind: machine-room}]\n"


def rules(text: str, file: Path) -> dict[str, tuple[Op, object]]:
    found = loaded(HEAD + DEVICES + "rules:\n" + text, file)
    return {rule.id: (rule.op, rule.limit) for rule in found.policy.rules}


def test_a_rule_with_the_id_of_a_shipped_one_replaces_it(site: Path) -> None:
    text = '  - {id: room-too-warm, reading: temperature_celsius, op: ">=", limit: 30}\n'
    assert rules(text, site)["room-too-warm"] == (Op.AT_LEAST, 30)


def test_an_unnamed_rule_replaces_by_reading_where_and_direction(site: Path) -> None:
    text = f'  - {{reading: temperature_celsius, {ROOM}, op: ">=", limit: 24}}\n'
    found = rules(text, site)
    assert found["room-too-warm"] == (Op.AT_LEAST, 24)
    assert {"room-sensor-dead", "room-sensor-stuck"} <= set(found)
    titled = load(site).policy.rules
    [rule] = [rule for rule in titled if rule.id == "room-too-warm"]
    assert (rule.text["zh"], rule.clause) == ("机房温度过高", "4.4.1.2")


def test_one_rule_replaces_both_levels_and_two_rules_are_two_levels(site: Path) -> None:
    one = '  - {reading: battery_charge_ratio, op: "<", limit: 0.4}\n'
    two = '  - {reading: battery_charge_ratio, op: "<", limit: 0.1, severity: critical}\n'
    found = rules(one, site)
    assert found["charge-low"] == (Op.BELOW, 0.4)
    assert "charge-critical" not in found
    found = rules(one + two, site)
    assert (found["charge-low"], found["charge-critical"]) == ((Op.BELOW, 0.4), (Op.BELOW, 0.1))


def test_an_unnamed_rule_goes_by_its_reading_and_where(site: Path) -> None:
    text = """  - {reading: temperature_celsius, where: {device: room-1}, op: ">", limit: 30}
  - {reading: temperature_celsius, where: {device: room-1}, op: "<", limit: 5}
  - {reading: temperature_celsius, op: ">", limit: 60}
"""
    found = rules(text, site)
    assert found["temperature_celsius{device=room-1}"] == (Op.ABOVE, 30)
    assert found["temperature_celsius{device=room-1} <"] == (Op.BELOW, 5)
    assert found["temperature_celsius"] == (Op.ABOVE, 60)
    assert found["room-too-warm"] == (Op.ABOVE, 25)


def test_rules_are_switched_off(site: Path) -> None:
    text = f"""  - {{id: water-leak, off: true}}
  - {{reading: temperature_celsius, {ROOM}, op: stuck, off: true}}
  - {{reading: humidity_ratio, {ROOM}, off: true}}
"""
    every = set(rules("  []\n", site))
    gone = every - set(rules(text, site))
    assert gone == {"water-leak", "room-sensor-stuck", "room-humid", "room-dry"}


# --- what is shipped ---------------------------------------------------------------------------


def test_the_example_has_no_mistake() -> None:
    example = Path(__file__).parents[1] / "config" / "site.example.yaml"
    assert check(example, secrets=False) == ([], [])
