"""The laws of decide() and apply() (HOUSE 5, 6, 9, 11), with hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secmon.core.decide import apply, decide, wake
from secmon.core.model import (
    Action,
    FaultState,
    Feed,
    Observation,
    Op,
    Policy,
    ProbePlan,
    Reason,
    Refusal,
    Ticket,
    Verb,
)
from secmon.core.world import World
from tests.core.world import (
    CLOCK,
    HOUR,
    NO_STREAM,
    OTHER,
    PORT,
    REFUSING,
    SILENCE,
    STANDARD_SLA,
    STREAM_LOST,
    WARM,
    Site,
    action,
    at,
    device,
    failed,
    good,
    opened,
    policy,
    rule,
    seconds,
    warm_room,
)

LAWS = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)

STUCK = rule("stuck", "temperature_celsius", Op.STUCK, soak=240)
DEAD = rule("dead", "temperature_celsius", Op.MISSING, soak=60)
HOT = rule("hot", "temperature_celsius", Op.ABOVE, 28, soak=30, clear=27, where=WARM.where)


def small_site() -> Policy:
    """A switch with two probes, a camera on its port, a second one behind both, a room; a dome that
    is asked for its stream too, and says who it is."""
    two = [ProbePlan("icmp", "icmp", 30, 2), ProbePlan("snmp", "snmp", 30, 5)]
    stream = ProbePlan("rtsp", "rtsp", 30, 5, brings=frozenset(["stream_up"]))
    return policy(
        [
            device("core"),
            device("sw", "core", probes=two, watched=["p1"]),
            device("cam", Feed("sw", "p1")),
            device("ptz", "core", "sw"),
            device("room", kind="machine-room", brings=["temperature_celsius"]),
            device(
                "dome", "sw", kind="camera", probes=[ProbePlan("onvif", "onvif", 30, 5), stream]
            ),
        ],
        [SILENCE, PORT, REFUSING, WARM, HOT, STUCK, DEAD, OTHER, NO_STREAM, STREAM_LOST, CLOCK],
        sla=replace(STANDARD_SLA, respond=STANDARD_SLA.respond / 10),  # 3 minutes: clocks ring
    )


# --- stories ---------------------------------------------------------------------------------

EVERYBODY = [
    ("core", "tcp"),
    ("sw", "icmp"),
    ("sw", "snmp"),
    ("cam", "tcp"),
    ("ptz", "tcp"),
    ("room", "tcp"),
    ("dome", "onvif"),
    ("dome", "rtsp"),
]
REASONS = st.sampled_from([*Reason, None, None, None, Reason.TIMEOUT, Reason.TIMEOUT])
CELSIUSES = [21.0, 24.5, 24.6, 25.0, 25.1, 26.0, 29.0, None]
CELSIUS = st.sampled_from(CELSIUSES)
CAUSES = ["", "", "", "closed", "closed", "login", "login", "no_stream"]  # of those that fail
PAUSES = st.sampled_from([0, 1, 7, 15, 30, 30, 45, 100])
POLLS = st.tuples(st.sampled_from(EVERYBODY), REASONS, CELSIUS, st.booleans(), PAUSES)


def unrolled(stretches: Sequence[tuple]) -> list[tuple]:
    """Each stretch: everybody is asked every 30 s, and says the same for so many turns."""
    return [
        (who, *said, 5) for order, turns in stretches for _ in range(turns) for who, said in order
    ]


SAID = st.tuples(REASONS, CELSIUS, st.booleans())
TURNS = st.tuples(
    st.tuples(
        st.permutations(EVERYBODY), st.lists(SAID, min_size=len(EVERYBODY), max_size=len(EVERYBODY))
    ).map(lambda both: list(zip(*both, strict=True))),
    st.integers(1, 9),
)
STORIES = st.one_of(
    st.lists(POLLS, min_size=4, max_size=40),
    st.lists(TURNS, min_size=2, max_size=6).map(unrolled),
)


def told(story: Sequence[tuple], start: float = 0) -> list[Observation]:
    """The story as observations, each after the one before."""
    when, out = start, []
    for (name, probe), reason, celsius, up, pause in story:
        when += pause
        if reason is not None:
            cause = CAUSES[CELSIUSES.index(celsius)]
            out.append(failed(name, when, probe, reason=reason, cause=cause))
        elif probe == "onvif":
            seen = good(name, when, probe, clock_offset_seconds=0.1 if up else -3600.0)
            out.append(replace(seen, facts={"serial": "B" if celsius == 29.0 else "A"}))
        elif probe == "rtsp":
            out.append(good(name, when, probe, stream_up=up))
        elif name == "room":
            brought = {} if celsius is None else {"temperature_celsius": celsius}
            out.append(good(name, when, humidity_ratio=0.4, **brought))
        elif probe == "snmp":
            out.append(good(name, when, probe, interface_up={"p1": up, "p2": True}))
        else:
            out.append(good(name, when, probe))
    return out


def without_commit(ticket: Ticket) -> Ticket:
    """`opened_at` is the commit's moment, which batching changes on purpose."""
    return replace(ticket, opened_at=at(0))


def durable(site: Site) -> dict[str, object]:
    """All that a site is, but for the moments of the commits."""
    return {
        "faults": site.world.faults,
        "tickets": {key: without_commit(ticket) for key, ticket in site.tickets.items()},
        "journal": site.journal,
        "notices": site.notices,
        "facts": site.world.facts,
        "hidden": site.world.hidden,
        "troubled": site.world.troubled,
        "groups": site.world.groups,
        "reached": {key: state.reached for key, state in site.world.probes.items()},
    }


def played(inputs: Sequence[Observation | Action], cuts: Sequence[int] = ()) -> Site:
    """The inputs one by one, or cut into batches at these places."""
    site = Site(small_site())
    edges = [0, *cuts, len(inputs)] if cuts else range(len(inputs) + 1)
    for first, after in pairwise(edges):
        if first < after:
            site.take(*inputs[first:after])
    return site


def test_the_stories_are_worth_telling() -> None:
    """Tickets open, relapse, deepen; silences hide and show: the laws below speak of something."""
    seen: set[str] = set()

    @LAWS
    @given(STORIES)
    def listen(story) -> None:
        site = played(told(story))
        seen.update(entry.what for entry in site.journal)

    listen()
    assert {"opened", "cleared", "relapsed", "deepened", "hidden", "due_soon", "overdue"} <= seen


# --- one batch equals many -------------------------------------------------------------------


@LAWS
@given(STORIES, st.lists(st.integers(1, 200), max_size=4))
def test_one_batch_equals_many(story, cuts) -> None:
    inputs = told(story)
    places = sorted({cut for cut in cuts if cut < len(inputs)}) or [len(inputs)]
    assert durable(played(inputs, places)) == durable(played(inputs))


@LAWS
@given(STORIES, STORIES, st.data())
def test_one_batch_equals_many_with_people(before, after, data) -> None:
    def site() -> Site:
        return played(told(before))

    one, many = site(), site()
    inputs: list[Observation | Action] = list(told(after, start=one.now))
    for ticket in one.open()[:3]:
        verb = data.draw(st.sampled_from(list(Verb)))
        place = data.draw(st.integers(0, len(inputs) - 1))
        when = seconds(inputs[place].at)
        subject = ticket.number if verb is not Verb.REPORT else ticket.device
        inputs.insert(place, action(subject, verb, when, note="a word", to="zhao"))
    one.take(*inputs)
    for given_ in inputs:
        many.take(given_)
    assert durable(one) == durable(many)


def test_facts_of_one_batch_equal_those_of_many() -> None:
    seen = [replace(good("room", n), facts={"serial": name}) for n, name in enumerate("ABA")]
    one, many = warm_room(), warm_room()
    one.take(seen[0])
    one.take(*seen[1:])
    for each in seen:
        many.take(each)
    assert one.world.facts == many.world.facts == {"room": {"serial": "A"}}


@LAWS
@given(STORIES)
def test_a_replay_gives_the_same_journal(story) -> None:
    first, second = played(told(story)), played(told(story))
    assert first.journal == second.journal
    assert first.notices == second.notices
    assert first.tickets == second.tickets


# --- purity ----------------------------------------------------------------------------------


def snapshot(world: World) -> dict[str, object]:
    """Copies of every container; what lies in them is frozen."""
    out: dict[str, object] = {}
    for one in fields(world):
        held = getattr(world, one.name)
        if one.name in ("facts", "troubled", "hidden"):
            held = {key: type(inner)(inner) for key, inner in held.items()}
        out[one.name] = held if one.name == "edge" else type(held)(held)
    return out


@LAWS
@given(STORIES, STORIES)
def test_decide_touches_nothing(before, after) -> None:
    site = played(told(before))
    inputs = told(after, start=site.now)
    kept = snapshot(site.world)
    first = decide(site.world, inputs, site.policy, inputs[-1].at)
    assert snapshot(site.world) == kept
    again = decide(site.world, inputs, site.policy, inputs[-1].at)
    assert (again.faults, again.tickets, again.entries, again.effects) == (
        first.faults,
        first.tickets,
        first.entries,
        first.effects,
    )


@LAWS
@given(STORIES)
def test_the_indexes_follow(story) -> None:
    site = Site(small_site())
    for seen in told(story):
        site.take(seen)
        world = site.world
        troubled: dict[str, set] = {}
        hidden: dict[str, set] = {}
        for key, fault in world.faults.items():
            troubled.setdefault(key.device, set()).add(key)
            if fault.hidden_by:
                hidden.setdefault(fault.hidden_by, set()).add(key)
                assert fault.state is FaultState.ACTIVE
                assert fault.key.rule == "no-answer", "only silences are hidden"
        assert world.troubled == troubled
        assert world.hidden == hidden
        assert set(world.groups.values()) == set(world.tickets)
        assert world.numbers == {ticket.number: key for key, ticket in world.tickets.items()}
        assert not any(ticket.ended for ticket in world.tickets.values())


# --- soaks -----------------------------------------------------------------------------------


@LAWS
@given(STORIES)
def test_no_ticket_without_a_fault_that_lasted_its_soak(story) -> None:
    """A second judge, written for one room and one rule, from HOUSE 6 and 4.4.1.2."""
    inputs = [seen for seen in told(story * 3) if seen.device == "room"]
    site = Site(policy([device("room", kind="machine-room")], [WARM]))
    since: float | None = None  # the run of bad values
    last = 0.0
    lived = False
    expected: list[tuple[str, float]] = []
    for seen in inputs:
        site.take(seen)
        index = seen.layout.index("temperature_celsius")
        if index is None:
            continue
        value, now = float(seen.values[index]), seconds(seen.at)
        if value > 25:
            if since is None or (not lived and now - last > 90):
                since = now
            last = now
            if not lived and now - since >= 120:
                lived = True
                expected.append(("bad", since))
        elif value <= 24.5 or not lived:
            if lived:
                expected.append(("good", now))
            since, lived = None, False
    found = [
        ("good" if entry.what == "cleared" else "bad", seconds(entry.at))
        for entry in site.journal
        if entry.what in ("opened", "relapsed", "cleared")
    ]
    assert [what for what, _ in found] == [what for what, _ in expected]
    starts = [when for what, when in expected if what == "bad"]
    if starts:
        assert site.only().detected_at == at(starts[0])
        assert all(when >= start + 120 for (_, when), start in zip(found[::2], starts, strict=True))


@LAWS
@given(STORIES)
def test_our_own_bugs_open_nothing_and_clear_nothing(story) -> None:
    inputs = told(story)
    site = played(inputs)
    before = dict(site.world.faults)
    tickets = dict(site.world.tickets)
    for _ in range(5):
        for name in ("core", "cam", "ptz", "room"):
            site.take(failed(name, site.now + 0.001, reason=Reason.INTERNAL))
    assert set(site.world.faults) == set(before)
    assert {key: site.world.faults[key].state for key in before} == {
        key: fault.state for key, fault in before.items()
    }
    assert set(site.world.tickets) == set(tickets)


def test_an_internal_failure_makes_a_device_unknown_not_down() -> None:
    site = Site(policy([device("sw")], [SILENCE]))
    for when in range(0, 300, 30):
        change = site.fails("sw", when, reason=Reason.INTERNAL)
        assert not change.durable
    assert site.world.probes["sw", "tcp"].reached is None
    assert site.world.faults == {}


def test_a_bug_in_one_probe_is_no_failing_probe_of_a_device_that_answers() -> None:
    two = [ProbePlan("icmp", "icmp", 30, 2), ProbePlan("snmp", "snmp", 30, 5)]
    site = Site(policy([device("sw", probes=two)], [SILENCE, REFUSING]))
    for when in range(0, 600, 30):
        site.good("sw", when, "icmp")
        site.fails("sw", when + 1, "snmp", Reason.INTERNAL)
    assert site.world.faults == {}


def test_a_bug_in_one_probe_does_not_hide_that_the_others_get_no_answer() -> None:
    """CONTRACT 4: a device is unknown if there was «our own bug only»."""
    two = [ProbePlan("icmp", "icmp", 30, 2), ProbePlan("snmp", "snmp", 30, 5)]
    site = Site(policy([device("sw", probes=two)], [SILENCE]))
    for when in range(0, 120, 30):
        site.fails("sw", when, "snmp", Reason.INTERNAL)
        site.fails("sw", when + 1, "icmp")
    assert site.only().rule == "no-answer"


def test_an_internal_failure_does_not_bring_a_silent_device_back() -> None:
    site = Site(policy([device("sw")], [SILENCE]))
    for when in (0, 30, 60):
        site.fails("sw", when)
    site.fails("sw", 90, reason=Reason.INTERNAL)
    assert site.only().cleared_at is None
    assert site.fault("sw", "no-answer").state is FaultState.ACTIVE


# --- what is worth a commit ------------------------------------------------------------------


@LAWS
@given(STORIES)
def test_a_change_that_changes_nothing_is_not_durable(story) -> None:
    site = Site(small_site())
    for seen in told(story):
        before, tickets = dict(site.world.faults), dict(site.world.tickets)
        journal, notices = len(site.journal), len(site.notices)
        facts = {name: dict(known) for name, known in site.world.facts.items()}
        change = site.take(seen)
        lasting = {
            key: (fault.state, fault.since, fault.hidden_by, fault.hidden_part)
            for key, fault in site.world.faults.items()
        }
        was = {
            key: (fault.state, fault.since, fault.hidden_by, fault.hidden_part)
            for key, fault in before.items()
        }
        differs = (
            lasting != was
            or site.world.tickets != tickets
            or site.world.facts != facts
            or (len(site.journal), len(site.notices)) != (journal, notices)
        )
        assert change.durable is differs


def test_a_poll_like_the_last_one_is_not_durable() -> None:
    site = opened()
    assert not site.good("room", 150, temperature_celsius=26.0).durable
    assert not site.good("room", 180, temperature_celsius=29.5).durable, "a value is not history"
    assert not site.take(now=185).durable


# --- time ------------------------------------------------------------------------------------


@LAWS
@given(STORIES)
def test_the_timer_never_rings_for_the_past(story) -> None:
    site = Site(small_site())
    for seen in told(story):
        site.take(seen)
        ring = wake(site.world)
        assert ring is None or ring > seen.at
    site.sleep(site.now + 30 * HOUR)


@LAWS
@given(STORIES)
def test_the_journal_is_in_order(story) -> None:
    site = Site(small_site())
    for seen in told(story):
        site.take(seen)
    site.sleep(site.now + HOUR)
    moments = [entry.at for entry in site.journal]
    assert moments == sorted(moments)
    assert [notice.at for notice in site.notices] == sorted(notice.at for notice in site.notices)
    for ticket_id in site.tickets:
        said = [entry.what for entry in site.journal if entry.subject == ticket_id]
        assert said[0] == "opened"
        assert "cleared" not in said[: said.index("opened")]


def test_an_input_that_comes_late_turns_no_time_back() -> None:
    site = opened()
    number = site.only().number
    first = action(number, Verb.ACKNOWLEDGE, 150)
    late = action(number, Verb.NOTE, 140, note="seen")
    change = site.take(first, late, now=160)
    assert [entry.at for entry in change.entries] == [at(150), at(150)]
    assert change.at == at(160)


def test_effects_come_in_the_order_of_what_happened() -> None:
    """One batch: the 80 % of an old ticket, its clearing, and the opening of another."""
    devices = [device("room", kind="machine-room"), device("sw")]
    site = Site(policy(devices, [WARM, SILENCE], channels=("mq", "hook")))
    opened(site)
    site.take(
        failed("sw", 1400),
        failed("sw", 1430),
        good("room", 1450, temperature_celsius=22.0),
        failed("sw", 1460),
    )
    assert [
        (seconds(e.at), e.reason, e.to, e.subject.split("|")[0]) for e in site.notices[-6:]
    ] == [
        (1440, "due_soon", "mq", "room"),
        (1440, "due_soon", "hook", "room"),
        (1450, "cleared", "mq", "room"),
        (1450, "cleared", "hook", "room"),
        (1460, "opened", "mq", "sw"),
        (1460, "opened", "hook", "sw"),
    ]


def test_a_silence_whose_parents_time_is_over_opens_at_that_moment_in_one_batch_too() -> None:
    devices = [device("sw", every=600, timeout=90), device("cam", "sw"), device("hall")]
    one, many = (Site(policy(devices, [SILENCE])) for _ in range(2))
    silence = [failed("cam", when) for when in (0, 30, 60)]
    later = action("hall", Verb.REPORT, 100, note="a broken lamp")
    inputs: list[Observation | Action] = [*silence, later, good("hall", 200)]
    one.take(*inputs)
    for given_ in inputs:
        many.take(given_)
    assert durable(one) == durable(many)


# --- poison ----------------------------------------------------------------------------------


def poison(when: float, name: str = "room") -> Observation:
    """What a broken driver might hand over: fewer values than its layout says."""
    return replace(good(name, when, temperature_celsius=1, humidity_ratio=1), values=[])


@LAWS
@given(STORIES, st.lists(st.integers(0, 200), min_size=1, max_size=3))
def test_an_input_that_breaks_the_judge_is_dropped_and_the_others_are_judged(story, at_) -> None:
    inputs = told(story)
    bad = list(inputs)
    for place in sorted(min(place, len(inputs) - 1) for place in at_):
        bad.insert(place, poison(seconds(bad[place].at)))
    spoiled, clean = Site(small_site()), Site(small_site())
    now = seconds(inputs[-1].at)
    change = spoiled.take(*bad, now=now)
    clean.take(*inputs, now=now)
    assert sorted(change.dropped) == [n for n, seen in enumerate(bad) if seen not in inputs]
    assert all("Error" in why for why in change.dropped.values())
    assert durable(spoiled) == durable(clean)


def test_a_dropped_input_shifts_no_outcome() -> None:
    site = opened()
    number = site.only().number
    change = site.take(poison(130), action(number, Verb.ACKNOWLEDGE, 131))
    assert list(change.dropped) == [0]
    assert change.outcomes == {1: site.only().id}


def test_a_value_of_a_strange_type_breaks_only_its_own_poll() -> None:
    site = warm_room()
    strange = replace(good("room", 0, temperature_celsius=1), values=[None])  # type: ignore[list-item]
    change = site.take(strange, action("room", Verb.REPORT, 1, note="a broken lamp"))
    assert list(change.dropped) == [0]
    assert len(site.open()) == 1


# --- actions in batches ----------------------------------------------------------------------


def test_of_two_acknowledges_in_one_batch_the_first_wins() -> None:
    site = opened()
    number = site.only().number
    change = site.take(
        action(number, Verb.ACKNOWLEDGE, 130, by="wang"),
        action(number, Verb.ACKNOWLEDGE, 130, by="li"),
    )
    assert change.outcomes[0] == site.only().id
    refusal = change.outcomes[1]
    assert isinstance(refusal, Refusal)
    assert refusal.ticket is not None
    assert {mark.by for mark in refusal.ticket.marks.values()} == {"wang"}


def test_evidence_is_kept_only_when_it_opens_or_worsens() -> None:
    site = warm_room()
    picture = b"\xff\xd8..."
    for when in (0, 60):
        seen = replace(good("room", when, temperature_celsius=26.0), evidence=picture)
        assert site.take(seen).evidence == {}
    change = site.take(replace(good("room", 120, temperature_celsius=26.0), evidence=picture))
    assert change.evidence == {site.only().id: picture}
    later = replace(good("room", 150, temperature_celsius=26.0), evidence=picture)
    assert site.take(later).evidence == {}


def test_apply_gives_back_the_world_it_changed() -> None:
    site = warm_room()
    change = decide(site.world, [good("room", 0)], site.policy, at(0))
    assert apply(site.world, change, site.policy.words) is site.world
