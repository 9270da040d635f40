"""The series of one device: its probes' polls and readings, whether it is up, what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from secmon.adapters.exposition.block import Block, Cells
from secmon.adapters.exposition.catalogue import Catalogue
from secmon.adapters.exposition.text import Family, label, labels
from secmon.core.model import (
    EMPTY_LAYOUT,
    Device,
    Layout,
    Observation,
    ProbePlan,
    Reason,
    Value,
)

_INFO = ("model", "serial", "firmware")  # facts that `secmon_device_info` shows


class DeviceSeries:
    """Everything on the page that belongs to one device of the site file."""

    def __init__(self, catalogue: Catalogue, device: Device, device_labels: str) -> None:
        self.labels = device_labels
        self.device = device
        self.probes: dict[str, ProbeSeries] = {}
        self._catalogue = catalogue
        self._rivals: dict[tuple[str, str], list[Block]] = {}
        self._facts: dict[str, str] = {}
        self.update(device)

    def update(self, device: Device) -> None:
        """The site file was read again; a probe that changed starts afresh, the rest stays."""
        moved = device.address != self.device.address
        self.device = device
        plans = {plan.label: plan for plan in device.probes}
        for gone in self.probes.keys() - plans.keys():
            self.probes.pop(gone).remove()
        for name, plan in plans.items():
            probe = self.probes.get(name)
            if probe is None:
                self.probes[name] = ProbeSeries(self._catalogue, self.labels, plan, self._rivals)
            elif moved or probe.plan != plan:
                probe.restart(plan)
        self._show_up()
        self._show_info()

    def remove(self) -> None:
        """The device is no longer in the site file."""
        for probe in self.probes.values():
            probe.remove()
        self._catalogue.up.blocks.pop(self, None)
        self._catalogue.info.blocks.pop(self, None)

    def pause(self) -> None:
        """It is not asked for now: nothing that it said is shown."""
        asked = [probe for probe in self.probes.values() if probe.asked]
        for probe in asked:
            probe.restart(probe.plan)
        if asked:
            self._show_up()

    def observe(self, seen: Observation, duration_s: float) -> None:
        """One poll of one probe; of a probe that is no longer there, nothing is kept."""
        probe = self.probes.get(seen.probe)
        if probe is None:
            return
        before = (probe.asked, probe.reached)
        probe.observe(seen, duration_s)
        if before != (probe.asked, probe.reached):
            self._show_up()
        if seen.facts:
            self.learn(seen.facts)

    def learn(self, facts: Mapping[str, str]) -> None:
        """Facts that fill what the site file leaves open in `secmon_device_info`."""
        known = {name: facts[name] for name in _INFO if name in facts}
        if not known.items() <= self._facts.items():
            self._facts.update(known)
            self._show_info()

    def _show_up(self) -> None:
        """Our own bug says nothing about the device, so the other probes decide, if any do."""
        probes, family = self.probes.values(), self._catalogue.up
        reached = {probe.reached for probe in probes}
        if True in reached:
            family.blocks[self] = _line(family, self.labels, 1)
        elif False in reached and all(probe.asked for probe in probes):
            family.blocks[self] = _line(family, self.labels, 0)
        else:
            family.blocks.pop(self, None)

    def _show_info(self) -> None:
        device, family = self.device, self._catalogue.info
        parents = (f"{p.device}/{p.part}" if p.part else p.device for p in device.parents)
        known = labels(
            name=device.name,
            model=device.model or self._facts.get("model", ""),
            serial=device.serial or self._facts.get("serial", ""),
            firmware=self._facts.get("firmware", ""),
            location=device.location,
            parent=",".join(parents),
        )
        family.blocks[self] = _line(family, f"{self.labels},{known}" if known else self.labels, 1)


@dataclass(slots=True, eq=False)
class ProbeSeries:
    """The series of one probe: of its polls, and of what the latest one brought."""

    catalogue: Catalogue
    device_labels: str
    plan: ProbePlan
    device_rivals: dict[tuple[str, str], list[Block]]
    asked: bool = False
    reached: bool | None = None  # by the latest poll
    succeeded: bool | None = None  # so says the page
    layout: Layout = EMPTY_LAYOUT
    values: Sequence[Value] | None = None  # shown now; None: nothing is
    blocks: dict[str, Block] = field(default_factory=dict)  # by reading
    failed: dict[Reason, int] = field(default_factory=lambda: dict.fromkeys(Reason, 0))
    labels: str = ""

    def __post_init__(self) -> None:
        self.labels = f"{self.device_labels},{label('probe', self.plan.label)}"
        self._show_failures()

    def observe(self, seen: Observation, duration_s: float) -> None:
        """What the poll brought is shown, and what an earlier one brought no longer."""
        self.asked, self.reached = True, seen.reached
        at, own = seen.at.timestamp(), self.catalogue
        self._put(own.duration, duration_s)
        self._put(own.last_run, at)
        if self.succeeded is not (seen.failure is None):
            self.succeeded = seen.failure is None
            self._put(own.success, int(self.succeeded))
        if seen.failure is None:
            self._put(own.last_success, at)
            self._show(seen.layout, seen.values)
        else:
            self.failed[seen.failure.reason] += 1
            self._show_failures()
            self._hide()

    def restart(self, plan: ProbePlan) -> None:
        """Another way of asking: nothing that the old one brought is shown; failures add up."""
        self.plan = plan
        self.asked, self.reached, self.succeeded = False, None, None
        self._rearrange(EMPTY_LAYOUT)
        own = self.catalogue
        for family in (own.success, own.duration, own.last_run, own.last_success):
            family.blocks.pop(self, None)

    def remove(self) -> None:
        """The probe is no longer in the site file."""
        self.restart(self.plan)
        self.catalogue.failures.blocks.pop(self, None)

    def _put(self, family: Family, value: float) -> None:
        family.blocks[self] = _line(family, self.labels, value)

    def _show_failures(self) -> None:
        """All reasons from the start: a counter that appears with 1 hides its first step."""
        family = self.catalogue.failures
        family.blocks[self] = b"".join(
            _line(family, f"{self.labels},{label('reason', reason)}", count)
            for reason, count in self.failed.items()
        )

    def _hide(self) -> None:
        if self.values is not None:
            self.values = None
            for block in self.blocks.values():
                block.hide()

    def _show(self, layout: Layout, values: Sequence[Value]) -> None:
        if layout is not self.layout:
            self._rearrange(layout)
        old, self.values = self.values, values
        if old is values:  # filled anew by the driver: it does not tell what changed
            old = None
        for block in self.blocks.values():
            cells = values[block.start : block.end]
            if old is None or block.form is None or old[block.start : block.end] != cells:
                block.show(cast("Cells", cells))

    def _rearrange(self, layout: Layout) -> None:
        """Readings that keep their parts keep their format: a derived one may come and go."""
        same = layout.names == self.layout.names and layout.parts == self.layout.parts
        self.layout = layout
        if same:
            return
        self.values = None
        for gone in self.blocks.keys() - layout.spans.keys():
            self.blocks.pop(gone).remove()
        for name, (start, end) in layout.spans.items():
            block = self.blocks.get(name) or self._block(name)
            if block is not None:
                self.blocks[name] = block
                block.place(start, layout.parts[start:end])

    def _block(self, name: str) -> Block | None:
        found = self.catalogue.of_reading(name)
        if found is None:
            return None
        family, fixed = found
        # Where a device has two probes of one driver, their readings must not be one series.
        all_labels = (self.labels if ":" in self.plan.label else self.device_labels) + fixed
        key = (family.name, all_labels)
        return Block(family, all_labels, self.device_rivals.setdefault(key, []))


def _line(family: Family, series_labels: str, value: float) -> bytes:
    return f"{family.name}{{{series_labels}}} {value!r}\n".encode()
