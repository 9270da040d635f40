"""Virtual time: an event loop in which waiting costs nothing, and a clock that moves with it.

    @virtual_time
    async def test_waits(tmp_path):
        await asyncio.sleep(3600)  # an hour, in microseconds

When no task can run, time jumps to the next timer. It stands still while a thread works (the
store's, an executor's), so real stores may be used. It knows nothing of real sockets: a test that
talks to a peer runs in real time.
"""

import asyncio
import selectors
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # ten in the morning at Shanghai
THREADED = ("aiosqlite.",)  # modules whose futures are answered by a thread of their own
LONGEST_S = 10 * 366 * 86400.0  # a loop that gets here waits for nothing


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0 and moves only by jumps; `working` counts threads at work for it."""

    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.passed_s

    def create_future(self) -> asyncio.Future[Any]:
        future = super().create_future()
        if sys._getframe(1).f_globals.get("__name__", "").startswith(THREADED):
            self._count(future)
        return future

    def run_in_executor(  # type: ignore[override]  # typeshed's TypeVarTuple form
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self._count(future)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Waits for the threads themselves: since 3.12 asyncio gives them 300 s, a jump here."""
        executor = getattr(self, "_default_executor", None)
        if executor is not None:
            executor.shutdown(wait=True)
            self._default_executor = None

    def _count(self, future: asyncio.Future[Any]) -> None:
        self._jumps.working += 1
        future.add_done_callback(self._uncount)

    def _uncount(self, _: asyncio.Future[Any]) -> None:
        self._jumps.working -= 1


class _Jumps(selectors.DefaultSelector):
    """Where the real loop would wait for its next timer, this one moves the time on."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_s = 0.0
        self.working = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0:  # tasks are ready
            return super().select(0)
        if timeout is None or self.working:
            return super().select(None)  # only a thread, or the outside, can bring something
        ready = super().select(0)
        if not ready:
            self.passed_s += timeout
            if self.passed_s > LONGEST_S:
                raise TimeoutError("ten virtual years have passed: the test waits for nothing")
        return ready


@dataclass(slots=True)
class VirtualClock:
    """Wall time that moves with the running loop; `step` sets it as an operator might."""

    start: datetime = START
    stepped: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        """Aware UTC."""
        return self.start + self.stepped + timedelta(seconds=self.tick())

    def tick(self) -> float:
        """Monotonic seconds; a step does not touch it."""
        return asyncio.get_running_loop().time()

    def step(self, by: timedelta) -> None:
        """The wall clock jumps; loop time does not."""
        self.stepped += by


def run_virtual(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs it to its end in a virtual loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


def virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Makes an async test an ordinary one that runs in virtual time; its fixtures stay."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_virtual(test(*args, **kwargs))

    return run
