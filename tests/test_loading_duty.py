"""`duty:` of a site file → the roster, and what is doubtful about it. Mistakes: testdata/site."""

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from secmon.core.model import Severity
from secmon.core.roster import Shift, Step
from secmon.loading import Loaded, check, load

HEAD = "site: {id: lab, name: 示范工程, timezone: Europe/Berlin}\n"
DUTY = """
duty:
  shifts: {night: "20:00-08:00", day: "08:00-20:00"}
  rotation: {start: 2026-11-01, days: [{day: wang, night: [li, qian]}, {day: [zhao], night: [li]}]}
  lead: sun
  manager: [zhou]
"""


def loaded(text: str, folder: Path) -> Loaded:
    file = folder / "site.yaml"
    file.write_text(HEAD + text, encoding="utf-8")
    return load(file)


def doubts(text: str, folder: Path) -> list[str]:
    file = folder / "site.yaml"
    file.write_text(HEAD + text, encoding="utf-8")
    wrong, found = check(file)
    assert wrong == []
    return [one.removeprefix(f"{file}:") for one in found]


def test_a_roster(tmp_path: Path) -> None:
    duty = loaded(DUTY, tmp_path).policy.duty
    assert duty is not None
    assert duty.zone == ZoneInfo("Europe/Berlin")
    assert duty.shifts == (Shift("day", 480, 1200), Shift("night", 1200, 1920))
    assert duty.row(date(2026, 11, 3)) == {"day": ("wang",), "night": ("li", "qian")}
    assert (duty.lead, duty.manager) == (("sun",), ("zhou",))
    assert duty.grace == timedelta(minutes=15)
    grave = frozenset((Severity.CRITICAL, Severity.MAJOR))
    assert duty.steps == (
        Step(timedelta(minutes=10), "next", grave),
        Step(timedelta(minutes=20), "lead", grave),
        Step(timedelta(minutes=30), "manager", grave),
    )


def test_steps_are_in_the_order_of_their_times(tmp_path: Path) -> None:
    steps = (
        "  escalation: [{severity: minor, after: 1h, to: manager, between: '22:00-07:00'},"
        " {severity: [major], after: 5m, to: lead}]\n"
    )
    duty = loaded(DUTY + steps, tmp_path).policy.duty
    assert duty is not None
    assert [(one.to, one.between) for one in duty.steps] == [
        ("lead", None),
        ("manager", (22 * 60, 31 * 60)),
    ]


def test_no_roster_no_watch(tmp_path: Path) -> None:
    policy = loaded("", tmp_path).policy
    assert policy.duty is None and "duty" not in policy.devices


def test_the_watch_is_a_device_that_rules_may_name(tmp_path: Path) -> None:
    rule = '  - {reading: duty_people, where: {device: duty}, op: "<", limit: 2, for: 5m}\n'
    policy = loaded(f"{DUTY}rules:\n{rule}", tmp_path).policy
    watch = policy.devices["duty"]
    assert (watch.system, watch.kind, watch.name) == ("center", "duty", "值班")
    assert [plan.label for plan in watch.probes] == ["duty"]
    assert any(one.where.device == "duty" and one.limit == 2 for one in policy.rules)


def test_gaps_overlaps_and_empty_shifts_are_told(tmp_path: Path) -> None:
    text = """duty:
  shifts: {day: "08:00-20:30", night: "20:00-07:00"}
  rotation:
    start: 2026-11-01
    days:
      - {day: [wang], night: []}
      - {day: [zhao], night: [zhao]}
"""
    assert doubts(text, tmp_path) == [
        *(
            "2: duty: expected the key lead, to whom a step of the escalation goes (got nobody)",
            "2: duty: expected the key manager, to whom a step of the escalation goes (got nobody)",
        ),
        "3: duty.shifts: expected shifts that cover the day, by DB33/T 830-2011, 4.4.1.1 "
        "(got a gap 07:00-08:00)",
        "3: duty.shifts: expected one shift at a time (got two or more 20:00-20:30: all of their "
        "people are on duty then)",
        "7: duty.rotation.days[0]: expected people for every shift, by DB33/T 830-2011, 4.4.1.1 "
        "(got nobody for night)",
        "8: duty.rotation.days[1]: expected a rest for everybody (got zhao in every shift of the "
        "day)",
    ]


def test_a_whole_roster_has_nothing_doubtful(tmp_path: Path) -> None:
    assert doubts(DUTY, tmp_path) == []
    whole_day = DUTY.replace('{night: "20:00-08:00", day: "08:00-20:00"}', '{day: "08:00-08:00"}')
    days = "[{day: wang}, {day: [zhao]}]"
    start, end = whole_day.index("[{day"), whole_day.index("]}]}") + 3
    assert doubts(whole_day[:start] + days + whole_day[end:], tmp_path) == []
