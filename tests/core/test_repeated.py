"""A reading that a poll repeats from an earlier one is shown, and judged no second time."""

from dataclasses import replace

from secmon.core.model import FaultState, Observation, Op, Refusal, TicketState, Verb, Way
from tests.core.world import Site, at, device, good, policy, rule

OFF = rule("tampered", "zone_tamper", Op.IS, True)
WARM = rule("warm", "temperature_celsius", Op.ABOVE, 25)
KEY = ("zone_tamper", "gate")


def site() -> Site:
    return Site(policy([device("dome")], (OFF, WARM)))


def seen(
    when: float, tampered: bool, *repeated: tuple[str, str], celsius: float = 20.0
) -> Observation:
    said = good("dome", when, temperature_celsius=celsius, zone_tamper={"gate": tampered})
    return replace(said, repeated=frozenset(repeated))


def test_what_is_new_opens_and_what_is_repeated_holds_nothing_up() -> None:
    here = site()
    here.take(seen(0, True))
    ticket = here.only()
    here.take(seen(60, True, KEY))
    here.take(good("dome", 120, temperature_celsius=20.0))  # lacks it: the fault stands
    here.take(seen(180, True, KEY, celsius=26.0))  # something else is wrong: all is looked at
    assert [one.rule for one in here.open()] == ["tampered", "warm"]
    assert here.fault("dome", OFF.id, "gate").bad_tick == here.ticks
    assert here.fault("dome", OFF.id, "gate").state is FaultState.ACTIVE
    here.take(seen(240, False))
    assert next(one for one in here.tickets.values() if one.id == ticket.id).cleared_at == at(240)


def test_a_repeated_good_value_clears_nothing() -> None:
    here = site()
    here.take(seen(0, True))
    here.take(seen(60, False, KEY))
    assert here.only().cleared_at is None


def test_a_repeated_bad_value_opens_nothing() -> None:
    here = site()
    for when in (0, 60, 120):
        here.take(seen(when, True, KEY))
    assert here.open() == []
    here.take(seen(180, True))
    assert here.only().detected_at == at(180)


def test_a_repeated_good_value_verifies_nothing_unless_it_cleared_the_fault_after_the_repair() -> (
    None
):
    here = site()
    here.take(seen(0, True))
    here.take(seen(60, False))
    repair(here, 100)
    here.take(seen(120, False, KEY))
    assert isinstance(here.act(Verb.VERIFY, 130), Refusal)
    here.take(seen(180, True))
    assert here.only().state is TicketState.ACKNOWLEDGED  # it relapsed
    here.act(Verb.REPAIR, 190, way=Way.REMOTE)
    here.take(seen(240, False))
    here.take(seen(300, False, KEY))
    assert here.act(Verb.VERIFY, 310).state is TicketState.VERIFIED


def repair(here: Site, when: float) -> None:
    here.act(Verb.ACKNOWLEDGE, when)
    here.act(Verb.REPAIR, when, way=Way.REMOTE)
