"""`secmon demo`."""

from __future__ import annotations

import argparse
import asyncio
import signal
from contextlib import suppress

from secmon.app.demo.show import Failed, show
from secmon.app.demo.site import taken
from secmon.cli import output

GOOD, WRONG = 0, 2


def carry_out(args: argparse.Namespace) -> int:
    """0 when the time is over or somebody said so, 2 if it can't start."""
    if not 1 <= args.port <= 65535:
        output.complain(f"secmon: --port: expected 1 to 65535 (got {args.port})")
        return WRONG
    why = taken(args.port)
    if why:
        output.complain(f"secmon: port {args.port} can't be had: {why}; try --port N")
        return WRONG
    try:
        asyncio.run(_until_told(args))
    except Failed as error:
        output.complain(f"secmon: {error}")
        return WRONG
    except ExceptionGroup as group:
        failed = group.subgroup(Failed)
        if failed is None:
            raise
        output.complain("\n".join(f"secmon: {error}" for error in failed.exceptions))
        return WRONG
    return GOOD


async def _until_told(args: argparse.Namespace) -> None:
    """Ends on SIGTERM as on Ctrl-C: everything that was started is ended first."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, task.cancel if task else loop.stop)
    with suppress(asyncio.CancelledError):
        await show(args.port, args.seconds, args.lang)
