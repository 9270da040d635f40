"""`secmon run`, `run --once`, `check` and `probe`."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from secmon.api import StoreDown
from secmon.app.listeners import PortTaken, socket_path
from secmon.app.once import faults_now, poll_once
from secmon.app.running import run, set_up_logging
from secmon.app.watch import is_equipment
from secmon.cli import output
from secmon.cli.link import CannotReach, ask
from secmon.console.views import fault_row, observation_page
from secmon.core.model import Cause, Failure, Observation, Reading, Reason, arrange
from secmon.loading import ConfigError, Loaded, load

GOOD, FAULTY, WRONG = 0, 1, 2


def carry_out(args: argparse.Namespace) -> int:
    """One of the commands that read the whole site file."""
    try:
        match args.command:
            case "check":
                return _check(args)
            case "probe":
                return _probe(args)
        return _once(args) if args.once else _run(args)
    except ConfigError as error:
        for text in error.problems:
            output.complain(text)
        return WRONG


def _run(args: argparse.Namespace) -> int:
    set_up_logging(args.log_level)
    try:
        run(args.config)
    except PortTaken as error:
        output.complain(f"secmon: {error}")
        return WRONG
    except StoreDown as error:
        raise CannotReach(f"store: {error}") from None
    return GOOD


def _check(args: argparse.Namespace) -> int:
    loaded = load(args.config, secrets=not args.no_secrets)
    for warning in loaded.warnings:
        output.complain(f"warning: {warning}")
    policy = loaded.policy
    output.say(
        f"{args.config}: good: {sum(map(is_equipment, policy.devices.values()))} devices, "
        f"{len(loaded.probes)} probes, "
        f"{len(policy.rules)} rules, {len(policy.channels)} channels"
    )
    return GOOD


# --- one device, or all of them, once ---


def _probe(args: argparse.Namespace) -> int:
    set_up_logging("WARNING")
    loaded = load(args.config, secrets=False)
    device = loaded.policy.devices.get(args.device)
    if device is None or not device.probes:
        known = "has no probes" if device else "is not in the site file"
        output.complain(f"secmon: device {args.device} {known}")
        return WRONG
    pages = _through_daemon(loaded, args.device)
    if pages is None:
        loaded = load(args.config)
        seen = asyncio.run(poll_once(loaded, [args.device]))[args.device]
        pages = [observation_page(loaded.policy, one) for one in seen]
    faults = faults_now(loaded.policy, [_observation(args.device, page) for page in pages])
    if args.json:
        output.say(output.as_json({"device": args.device, "observations": pages}))
    else:
        for page in pages:
            output.say(_page(page))
        for fault in faults:
            where = f" {fault.key.part}" if fault.key.part else ""
            text = f"faulty: {fault.key.rule}{where}={output.plain(fault.value)}"
            output.say(output.colour(text, output.RED))
    return FAULTY if faults or any(page["failure"] for page in pages) else GOOD


def _through_daemon(loaded: Loaded, device: str) -> Sequence[Mapping[str, Any]] | None:
    """What the daemon's own poll brought; None where no daemon runs."""
    try:
        status, answer = ask(
            socket_path(loaded.site.store), "POST", f"/api/v1/devices/{device}/poll"
        )
    except OSError:
        return None
    if status != 200:
        raise CannotReach(f"the daemon said {status}: {answer.get('detail')}")
    pages: Any = answer["observations"]
    return list(pages)


def _observation(device: str, page: Mapping[str, Any]) -> Observation:
    """What `observation_page` made its page of."""
    failed = page["failure"]
    layout, values = arrange(
        Reading(one["reading"], one["value"], one["part"]) for one in page["readings"]
    )
    failure = (
        Failure(Reason(failed["reason"]), failed["text"], Cause(failed["cause"]), failed["facts"])
        if failed
        else None
    )
    at = datetime.fromisoformat(page["at"])
    return Observation(device, page["probe"], at, 0.0, layout, values, failure, page["facts"])


def _page(page: Mapping[str, Any]) -> str:
    failure = page["failure"]
    if failure:
        return output.colour(
            f"{page['probe']}: {failure['reason']}: {output.plain(failure['text'])}", output.RED
        )
    rows = [
        (one["reading"], one["part"], output.amount(one["value"], one["unit"]))
        for one in page["readings"]
    ]
    facts = [(f"({name})", "", text) for name, text in sorted(page["facts"].items())]
    head = (page["probe"], "part", "value")
    return output.table(head, [*rows, *facts]) if rows or facts else f"{page['probe']}: answers"


def _once(args: argparse.Namespace) -> int:
    set_up_logging("WARNING")
    loaded = load(args.config)
    probed = list(dict.fromkeys(probe.device for probe in loaded.probes))
    found = asyncio.run(poll_once(loaded, probed))
    everything = [one for seen in found.values() for one in seen]
    wrong: dict[str, list[str]] = {}
    for fault in faults_now(loaded.policy, everything):
        row = fault_row(loaded.policy, fault)
        where = f" {fault.key.part}" if fault.key.part else ""
        wrong.setdefault(fault.key.device, []).append(f"{row['rule']}{where}={row['value']}")
    rows = [
        (
            device,
            loaded.policy.devices[device].name,
            _how(seen),
            ", ".join(wrong.get(device, [])) or "-",
        )
        for device, seen in found.items()
    ]
    output.say(output.table(("device", "name", "probes", "faults"), rows))
    failed = any(one.failure for one in everything)
    return FAULTY if wrong or failed else GOOD


def _how(seen: Sequence[Observation]) -> str:
    return " ".join(
        f"{one.probe}:{one.failure.reason if one.failure else len(one.values)}" for one in seen
    )
