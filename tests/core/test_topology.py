"""What hides what (CONTRACT 5): only silences, only behind a parent that is down, no races."""

from typing import Any

import pytest

from secmon.core import topology
from secmon.core.decide import wake
from secmon.core.model import Clock, FaultState, Feed, Op, ProbePlan, Reason, TicketState, Verb
from secmon.core.topology import Sight
from tests.core.world import (
    MINUTE,
    PORT,
    SILENCE,
    WARM,
    Site,
    at,
    device,
    failed,
    good,
    policy,
    rule,
    silent,
)

RULES = (SILENCE, PORT, WARM)
CAMERA = {"kind": "camera"}


def pair(*, parent: str | Feed = "sw", **options: Any) -> Site:
    """A camera behind a switch: silence soaks one minute, each is asked every 30 s."""
    devices = [device("sw", watched=["p3", "p4"]), device("cam", parent, kind="camera", **options)]
    return Site(policy(devices, RULES))


def both_die(site: Site, start: float = 0) -> Site:
    """The switch dies, and the camera with it; each is asked in its turn for two minutes."""
    for step in range(5):
        site.fails("cam", start + 30 * step)
        site.fails("sw", start + 30 * step + 2)
    return site


# --- who is asked, and how long is waited ----------------------------------------------------


def test_the_parents_are_asked_at_once() -> None:
    site = pair()
    site.good("sw", 0)
    assert site.fails("cam", 10).asks == {"sw"}
    assert site.fails("cam", 40).asks == frozenset(), "once per run"


def test_every_ancestor_is_asked() -> None:
    core, ups = device("core", "ups"), device("ups", probes=[])
    site = Site(policy([device("cam", "sw"), device("sw", "core"), core, ups], RULES))
    assert site.fails("cam", 0).asks == {"sw", "core"}


def test_a_child_waits_for_an_answer_newer_than_its_failure() -> None:
    site = pair(timeout=40, every=30)
    slow = device("sw", every=600, timeout=90)
    site.policy = policy([slow, device("cam", "sw", kind="camera")], RULES)
    site.good("sw", 0)
    silent(site, "cam", 10, 70)
    assert site.open() == [], "its soak is over, but its parent said nothing since it fell silent"
    site.fails("sw", 80)
    assert site.open() == []
    assert site.fault("cam", "no-answer").hidden_by == "sw"


def test_a_parent_that_is_well_lets_the_ticket_open() -> None:
    site = pair()
    site.fails("cam", 10)
    site.good("sw", 11)
    silent(site, "cam", 40, 70)
    assert site.only().device == "cam"
    assert site.only().detected_at == at(10)


def test_the_answer_must_be_newer() -> None:
    site = Site(policy([device("sw", every=600, timeout=90), device("cam", "sw")], RULES))
    site.good("sw", 9.9)
    silent(site, "cam", 10, 70)
    assert site.open() == []
    site.good("sw", 71)
    assert site.only().opened_at == at(71)


def test_the_wait_ends_with_the_parents_timeout() -> None:
    site = Site(policy([device("sw", every=600, timeout=90), device("cam", "sw")], RULES))
    site.good("sw", 0)
    silent(site, "cam", 10, 70)
    ring = wake(site.world)
    assert ring is not None
    assert at(10 + 90) <= ring <= at(10 + 95)
    site.time(99)
    assert site.open() == []
    site.sleep(105)
    assert site.only().device == "cam"
    assert site.only().opened_at == ring


def test_a_long_wait_loses_none_of_the_clocks() -> None:
    """The silence had lasted over half an hour when its parent's time was over."""
    slow = rule("slow", "device_up", Op.IS, False, soak=45 * MINUTE)
    site = Site(policy([device("sw", every=4000, timeout=3000), device("cam", "sw")], [slow]))
    site.good("sw", 0)
    silent(site, "cam", 10, 46 * MINUTE)
    assert site.open() == []
    site.sleep(3100)
    assert site.only().opened_at == at(3011)
    assert [(clock, reason) for _, clock, reason in site.rings()] == [
        ("respond", "due_soon"),
        ("respond", "overdue"),
    ]


def test_a_soak_still_running_does_not_keep_the_timer_awake() -> None:
    site = pair()
    site.good("sw", 0)
    site.fails("cam", 10)
    site.sleep(29)  # the parents' time is over after some 6 s: the soak goes on for a minute
    ring = wake(site.world)
    assert ring is None or ring > at(29)
    silent(site, "cam", 40, 70)
    assert site.only().device == "cam"


def test_no_race_whoever_is_asked_first() -> None:
    for order in (("cam", "sw"), ("sw", "cam")):
        site = pair()
        for step in range(20):
            for place, name in enumerate(order):
                site.fails(name, 30 * step + place)
        assert [ticket.device for ticket in site.open()] == ["sw"], order
        assert site.only().suppressed == ("cam",)


def test_a_parent_with_a_longer_soak_still_hides() -> None:
    """The child's minute is over before the parent's ten: one ticket, the parent's."""
    slow = rule("slow", "device_up", Op.IS, False, soak=10 * MINUTE, where=None)
    quick = rule("quick", "device_up", Op.IS, False, soak=MINUTE, where=_only("cam"))
    site = Site(policy([device("sw"), device("cam", "sw")], [slow, quick]))
    for step in range(21):
        site.fails("cam", 30 * step)
        site.fails("sw", 30 * step + 1)
    assert [ticket.device for ticket in site.open()] == ["sw"]
    assert site.only().suppressed == ("cam",)


def _only(name: str):
    from secmon.core.model import Where

    return Where(device=name)


# --- what hides ------------------------------------------------------------------------------


def test_one_ticket_for_a_switch_and_its_camera() -> None:
    site = both_die(pair())
    ticket = site.only()
    assert (ticket.device, ticket.suppressed) == ("sw", ("cam",))
    assert site.told("opened") == [(62, "opened")]
    hidden = site.fault("cam", "no-answer")
    assert (hidden.state, hidden.hidden_by) == (FaultState.ACTIVE, "sw")


def test_one_ticket_for_300_children() -> None:
    cams = [f"cam-{n:03d}" for n in range(300)]
    site = Site(policy([device("sw"), *(device(cam, "sw") for cam in cams)], RULES))
    for step in range(5):
        site.take(*(failed(cam, 30 * step + n / 100) for n, cam in enumerate(cams)))
        site.fails("sw", 30 * step + 5)
    assert site.only().device == "sw"
    assert sorted(site.only().suppressed) == cams
    assert len(site.told("opened")) == 1


def test_only_silence_is_hidden() -> None:
    hot = rule("hot", "temperature_celsius", Op.ABOVE, 60)
    site = Site(policy([device("sw"), device("cam", "sw")], [SILENCE, hot]))
    for when in (0, 30, 60, 90):
        site.fails("sw", when)
    site.good("cam", 95, temperature_celsius=70.0)
    assert sorted(ticket.rule for ticket in site.open()) == ["hot", "no-answer"]


def test_a_refusing_probe_is_not_hidden() -> None:
    from tests.core.world import REFUSING

    site = Site(policy([device("sw"), device("cam", "sw")], [SILENCE, REFUSING]))
    for when in range(0, 240, 30):
        site.fails("sw", when)
        site.fails("cam", when + 1, reason=Reason.REFUSED)
    assert sorted(ticket.device for ticket in site.open()) == ["cam", "sw"]


def test_a_parent_that_only_has_another_fault_hides_nothing() -> None:
    hot = rule("hot", "temperature_celsius", Op.ABOVE, 60)
    site = Site(policy([device("sw"), device("cam", "sw")], [SILENCE, hot]))
    for when in range(0, 120, 30):
        site.good("sw", when, temperature_celsius=70.0)
        site.fails("cam", when + 1)
    assert sorted(ticket.device for ticket in site.open()) == ["cam", "sw"]


def test_a_parent_that_refuses_is_not_down() -> None:
    site = pair()
    for when in range(0, 120, 30):
        site.fails("cam", when)
        site.fails("sw", when + 1, reason=Reason.REFUSED)
    assert site.only().device == "cam"


def test_a_ups_on_battery_hides_nothing() -> None:
    on_battery = rule("on-battery", "on_battery", Op.IS, True, soak=10)
    site = Site(policy([device("ups"), device("cam", "ups")], [SILENCE, on_battery]))
    for when in range(0, 120, 30):
        site.good("ups", when, on_battery=True)
        site.fails("cam", when + 1)
    assert sorted(ticket.device for ticket in site.open()) == ["cam", "ups"]
    assert all(ticket.suppressed == () for ticket in site.open())


# --- ports and outlets -----------------------------------------------------------------------


def test_a_port_that_is_off_hides_what_hangs_on_it() -> None:
    site = pair(parent=Feed("sw", "p3"))
    for when in range(0, 150, 30):
        site.fails("cam", when)
        site.good("sw", when + 2, interface_up={"p3": False, "p4": True})
    ticket = site.only()
    assert (ticket.device, ticket.rule, ticket.part) == ("sw", "port-down", "p3")
    assert ticket.suppressed == ("cam",)


def test_another_port_hides_nothing() -> None:
    site = pair(parent=Feed("sw", "p4"))
    for when in range(0, 150, 30):
        site.fails("cam", when)
        site.good("sw", when + 2, interface_up={"p3": False, "p4": True})
    assert sorted(ticket.device for ticket in site.open()) == ["cam", "sw"]


def test_a_port_is_no_reason_where_the_site_file_names_none() -> None:
    site = pair(parent="sw")
    for when in range(0, 150, 30):
        site.fails("cam", when)
        site.good("sw", when + 2, interface_up={"p3": False, "p4": True})
    assert sorted(ticket.device for ticket in site.open()) == ["cam", "sw"]


def test_the_port_comes_back() -> None:
    site = pair(parent=Feed("sw", "p3"))
    for when in range(0, 150, 30):
        site.fails("cam", when)
        site.good("sw", when + 2, interface_up={"p3": False, "p4": True})
    change = site.good("sw", 152, interface_up={"p3": True, "p4": True})
    assert "cam" in change.asks
    assert site.only().cleared_at == at(152)
    silent(site, "cam", 155, 220)
    assert [t.detected_at for t in site.open() if t.device == "cam"] == [at(152)]


def test_an_outlet_that_is_off_hides_what_it_feeds() -> None:
    off = rule("outlet-off", "relay_closed", Op.IS, False, soak=20)
    site = Site(policy([device("pdu"), device("cam", Feed("pdu", "3"))], [SILENCE, off]))
    for when in range(0, 150, 30):
        site.fails("cam", when)
        site.good("pdu", when + 2, relay_closed={"3": False, "4": True})
    assert (site.only().device, site.only().suppressed) == ("pdu", ("cam",))


def test_each_port_explains_its_own_children() -> None:
    slow = rule("slow-port", "interface_up", Op.IS, False, soak=3 * MINUTE)
    cams = [device("cam-3", Feed("sw", "p3")), device("cam-4", Feed("sw", "p4"))]
    site = Site(policy([device("sw", watched=["p3", "p4"]), *cams], [SILENCE, slow]))
    for when in range(0, 300, 30):
        site.fails("cam-3", when)
        site.fails("cam-4", when + 1)
        site.good("sw", when + 2, interface_up={"p3": False, "p4": False})
    assert {ticket.part: ticket.suppressed for ticket in site.open()} == {
        "p3": ("cam-3",),
        "p4": ("cam-4",),
    }


def test_a_dead_switch_hides_what_hangs_on_its_ports() -> None:
    site = both_die(pair(parent=Feed("sw", "p3")))
    assert (site.only().device, site.only().suppressed) == ("sw", ("cam",))


# --- several parents, parents of parents -----------------------------------------------------


def twins() -> Site:
    devices = [device("sw-a"), device("sw-b"), device("cam", "sw-a", "sw-b")]
    return Site(policy(devices, RULES))


def test_of_two_parents_one_is_enough_to_live() -> None:
    site = twins()
    for when in range(0, 120, 30):
        site.fails("sw-a", when)
        site.good("sw-b", when + 1)
        site.fails("cam", when + 2)
    assert sorted(ticket.device for ticket in site.open()) == ["cam", "sw-a"]


def test_a_list_is_down_when_all_are() -> None:
    site = twins()
    for when in range(0, 120, 30):
        for place, name in enumerate(("cam", "sw-a", "sw-b")):
            site.fails(name, when + place)
    assert sorted(ticket.device for ticket in site.open()) == ["sw-a", "sw-b"]


@pytest.mark.parametrize("back", ["sw-a", "sw-b"])
def test_one_of_two_parents_back_shows_the_child(back) -> None:
    site = twins()
    for when in range(0, 120, 30):
        for place, name in enumerate(("cam", "sw-a", "sw-b")):
            site.fails(name, when + place)
    change = site.good(back, 130)
    assert "cam" in change.asks
    shown = site.fault("cam", "no-answer")
    assert (shown.state, shown.hidden_by, shown.since) == (FaultState.SUSPECT, "", at(130))


def line() -> Site:
    """core ← sw ← cam"""
    devices = [device("core"), device("sw", "core"), device("cam", "sw", kind="camera")]
    return Site(policy(devices, RULES))


@pytest.mark.parametrize(
    "order", [("cam", "sw", "core"), ("core", "sw", "cam"), ("sw", "cam", "core")]
)
def test_a_grandparent_is_the_root(order) -> None:
    site = line()
    for step in range(6):
        for place, name in enumerate(order):
            site.fails(name, 30 * step + place)
    assert site.only().device == "core"
    assert sorted(site.only().suppressed) == ["cam", "sw"]
    assert {site.fault(name, "no-answer").hidden_by for name in ("cam", "sw")} == {"core"}


def test_the_root_moves_down_when_the_grandparent_is_back() -> None:
    site = line()
    for step in range(6):
        for place, name in enumerate(("cam", "sw", "core")):
            site.fails(name, 30 * step + place)
    site.good("core", 200)
    silent(site, "sw", 201, 270)
    silent(site, "cam", 271, 340)
    assert site.fault("cam", "no-answer").hidden_by == "sw"
    assert {t.device: t.cleared_at is None for t in site.open()} == {"core": False, "sw": True}
    (sw,) = [ticket for ticket in site.open() if ticket.device == "sw"]
    assert sw.detected_at == at(200)
    assert sw.suppressed == ("cam",)


def test_a_parent_without_probes_passes_its_own_parents_on() -> None:
    devices = [device("core"), device("box", "core", probes=[]), device("cam", "box")]
    site = Site(policy(devices, RULES))
    assert site.fails("cam", 0).asks == {"core"}
    for step in range(5):
        site.fails("core", 30 * step + 1)
        site.fails("cam", 30 * step + 30)
    assert (site.only().device, site.only().suppressed) == ("core", ("cam",))


def test_a_parent_without_probes_and_parents_hides_nothing() -> None:
    site = Site(policy([device("box", probes=[]), device("cam", "box")], RULES))
    silent(site, "cam", 0, 60)
    assert site.only().device == "cam"


def test_a_parent_that_is_not_in_the_site_file_hides_nothing() -> None:
    site = Site(policy([device("cam", "gone")], RULES))
    silent(site, "cam", 0, 60)
    assert site.only().device == "cam"


# --- the way back ----------------------------------------------------------------------------


def test_the_parent_is_back_and_the_child_too() -> None:
    site = both_die(pair())
    change = site.good("sw", 150)
    assert change.asks == {"cam"}
    site.good("cam", 151)
    assert site.fault("cam", "no-answer") is None
    assert site.only().cleared_at == at(150)
    assert site.told() == [(62, "opened"), (150, "cleared")]


def test_the_parent_is_back_and_the_child_is_not() -> None:
    site = both_die(pair())
    site.good("sw", 150)
    for when in (151, 180, 209):
        site.fails("cam", when)
    assert [ticket.device for ticket in site.open()] == ["sw"], "its soak began anew"
    site.fails("cam", 210)
    (cam,) = [ticket for ticket in site.open() if ticket.device == "cam"]
    assert cam.detected_at == at(150), "when it stopped being hidden"
    assert cam.due[Clock.RESPOND] == at(150 + 30 * MINUTE)


def test_the_parent_dies_again_before_the_child_answered() -> None:
    site = both_die(pair())
    site.good("sw", 150)
    for step in range(4):
        site.fails("cam", 151 + 30 * step)
        site.fails("sw", 180 + 30 * step)
    assert site.only().device == "sw"
    assert site.fault("cam", "no-answer").hidden_by == "sw"


def test_a_child_with_a_ticket_keeps_it_when_its_parent_dies_later() -> None:
    site = pair()
    site.good("sw", 0)
    site.fails("cam", 1)
    site.good("sw", 2)
    silent(site, "cam", 31, 91)
    assert site.only().device == "cam"
    silent(site, "sw", 100, 200)
    assert sorted(ticket.device for ticket in site.open()) == ["cam", "sw"]


def test_a_hidden_silence_survives_our_own_bug_in_the_parents_poll() -> None:
    """An internal failure says nothing: neither that the parent is back nor that a child is lost"""
    site = both_die(pair())
    site.fails("sw", 150, reason=Reason.INTERNAL)
    assert site.fault("cam", "no-answer").hidden_by == "sw"
    silent(site, "cam", 151, 300)
    assert [ticket.device for ticket in site.open()] == ["sw"]


def test_a_parent_with_two_probes_hides_on_after_a_restart() -> None:
    two = [ProbePlan("icmp", "icmp", 30, 2), ProbePlan("snmp", "snmp", 30, 5)]
    site = Site(policy([device("sw", probes=two), device("cam", "sw")], RULES))
    for step in range(5):
        site.fails("cam", 30 * step)
        site.fails("sw", 30 * step + 1, "icmp")
        site.fails("sw", 30 * step + 2, "snmp")
    assert site.only().suppressed == ("cam",)
    site.restart(140, alive=125)
    site.fails("sw", 150, "icmp")  # the other probe was not asked yet: nothing new is known
    assert site.fault("cam", "no-answer").hidden_by == "sw"


def test_the_root_ticket_can_be_closed_before_a_relapse() -> None:
    site = both_die(pair())
    site.good("sw", 150)
    site.good("cam", 151)
    site.act(Verb.CLOSE, 160, note="自行恢复")
    both_die(site, 200)
    assert site.only().device == "sw"
    assert site.only().suppressed == ("cam",)
    assert site.only().state is TicketState.OPEN


# --- loops, which the loader refuses and which must not hang us ------------------------------


@pytest.mark.timeout(5)
@pytest.mark.parametrize("probed", [True, False])
def test_a_loop_does_not_hang(probed) -> None:
    names = ("a", "b", "c", "d")
    probes: list[ProbePlan] | None = None if probed else []
    ring = [
        device(name, *(other for other in names if other != name), probes=probes) for name in names
    ]
    site = Site(policy([*ring, device("cam", "a")], RULES))
    for step in range(4):
        for name in (*names, "cam") if probed else ("cam",):
            site.fails(name, 30 * step)
    assert "a" in {parent.id for parent in topology.ancestors(site.policy, ring[1])}


@pytest.mark.timeout(5)
def test_its_own_parent() -> None:
    site = Site(policy([device("a", "a")], RULES))
    silent(site, "a", 0, 120)
    assert site.only().device == "a", "nothing hides behind itself"


def test_ancestors_are_nearest_first_and_each_once() -> None:
    devices = [
        device("cam", "sw-a", "sw-b"),
        device("sw-a", "core"),
        device("sw-b", "core"),
        device("core"),
    ]
    known = policy(devices, RULES)
    assert [one.id for one in topology.ancestors(known, devices[0])] == ["sw-a", "sw-b", "core"]


def test_root_says_which_port() -> None:
    known = policy([device("cam", Feed("sw", "p3")), device("sw")], RULES)
    sight = Sight(down=lambda _: False, off=lambda name, part: (name, part) == ("sw", "p3"))
    assert topology.root(known, sight, known.devices["cam"]) == Feed("sw", "p3")
    nothing = Sight(down=lambda _: False, off=lambda *_: False)
    assert topology.root(known, nothing, known.devices["cam"]) is None


def test_a_batch_of_silence_is_judged_like_one_after_the_other() -> None:
    site = pair()
    site.take(
        *(
            failed(name, 30 * step + place)
            for step in range(5)
            for place, name in enumerate(("cam", "sw"))
        ),
        good("sw", 150),
    )
    assert site.only().suppressed == ("cam",)
    assert site.only().cleared_at == at(150)
