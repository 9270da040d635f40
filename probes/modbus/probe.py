"""One Modbus unit as a probe: asks the blocks of its plan in turn and gives one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from probes.modbus.line import Line
from probes.modbus.plan import Block, Plan, Plans, halve, plan
from probes.wire.modbus import ILLEGAL_ADDRESS, ILLEGAL_VALUE, Declined
from secmon.api import Batch, Layout, Refused

SELDOM = 128  # polls: how often facts are asked, and refused addresses are tried again
VARIANTS_MAX = 64  # layouts with values missing that are kept
FACT_MAX = 128  # characters

# «No such address», and what some devices say when a read is longer than they like.
NOT_THIS_RANGE = frozenset((ILLEGAL_ADDRESS, ILLEGAL_VALUE))


@dataclass(slots=True)
class Unit:
    """What is known of one unit. It outlives failed polls: nothing is learned twice, and the
    layout stays the same object."""

    number: int
    plans: Plans  # all that the profile names
    plan: Plan = field(init=False)  # its readings, without the addresses that the unit refused
    until_whole: int = 0  # polls
    until_facts: int = 0
    layouts: dict[tuple[int, ...], Layout] = field(default_factory=dict)  # by what is missing

    def __post_init__(self) -> None:
        self.plan = self.plans.readings

    def due(self) -> None:
        """Counts a poll; a device that changed may have the addresses that it once refused."""
        if self.plan is not self.plans.readings:
            self.until_whole -= 1
            if self.until_whole <= 0:
                self.plan = self.plans.readings
                self.layouts.clear()

    def learn(self, asked: Sequence[Block]) -> None:
        """The unit refused some addresses: for now only these blocks are asked for."""
        self.plan = plan(asked)
        self.until_whole = SELDOM
        self.layouts.clear()

    def layout(self, missing: tuple[int, ...]) -> Layout:
        """The layout without the values at `missing`: always the same object for the same."""
        if (known := self.layouts.get(missing)) is not None:
            return known
        if len(self.layouts) >= VARIANTS_MAX:
            self.layouts.clear()
        items = [item for i, item in enumerate(self.plan.items) if i not in missing]
        made = Layout(tuple(item.reading for item in items), tuple(item.part for item in items))
        self.layouts[missing] = made
        return made


class ModbusProbe:
    """Asks one unit over the line to its device or gateway."""

    __slots__ = ("_line", "_unit")

    def __init__(self, line: Line, unit: Unit) -> None:
        self._line = line
        self._unit = unit

    async def read(self) -> Batch:
        """One poll. What the unit has no address for, or marks as not known, is left out; Refused
        only if it refuses all, or for another reason."""
        unit = self._unit
        unit.due()
        asked = list(unit.plan.blocks)
        try:
            answers = await self._ask(asked)
        finally:
            if tuple(asked) != unit.plan.blocks:
                unit.learn(asked)
        values = unit.plan.decode(answers)
        missing: tuple[int, ...] = ()
        if None in values:
            missing = tuple(i for i, value in enumerate(values) if value is None)
            values = [value for value in values if value is not None]
        return Batch(unit.layout(missing), values, await self._facts())

    async def _ask(self, asked: list[Block]) -> list[bytes]:
        """One answer per block. A block that is refused gives way, in `asked`, to its halves; a
        single refused value is dropped, but the last one is kept, so that something is asked."""
        answers: list[bytes] = []
        while len(answers) < len(asked):
            at = len(answers)
            read = asked[at].read
            try:
                answers.append(await self._line.ask(self._unit.number, read))
            except Declined as no:
                halves = halve(asked[at])
                if no.code not in NOT_THIS_RANGE or (not halves and len(asked) == 1):
                    raise self._line.refusal(self._unit.number, read, no) from None
                asked[at : at + 1] = halves
        return answers

    async def _facts(self) -> Mapping[str, str]:
        """What the profile calls facts, seldom; a unit may refuse them without harm."""
        unit = self._unit
        unit.until_facts -= 1
        if unit.until_facts > 0 or not unit.plans.facts.blocks:
            return {}
        unit.until_facts = SELDOM  # set before asking: a unit that is silent here loses one poll
        asked = list(unit.plans.facts.blocks)
        try:
            answers = await self._ask(asked)
        except Refused:
            return {}
        made = plan(asked)
        found = zip(made.items, made.decode(answers), strict=True)
        return {item.fact: str(value)[:FACT_MAX] for item, value in found if value or value == 0}
