"""One thread beside the event loop, which works one job after the other."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """What an executor of one thread does, in a third of its instructions."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any]]] = SimpleQueue()
        threading.Thread(target=self._work, name="engine", daemon=True).start()

    def run(self, job: Callable[[], T]) -> "asyncio.Future[T]":
        """Return the future of a job's result; one that is cancelled in time is never begun."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put((future, job))
        return future

    def _work(self) -> None:
        while True:
            future, job = self._jobs.get()
            if future.cancelled():
                continue
            result: Any = None
            fault: BaseException | None = None
            try:
                result = job()
            except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
                fault = error
            with suppress(RuntimeError):  # the loop ended meanwhile
                future.get_loop().call_soon_threadsafe(_settle, future, result, fault)
            del future, job, result, fault


def _settle(future: "asyncio.Future[Any]", result: Any, fault: BaseException | None) -> None:
    if future.cancelled():
        return
    if fault is None:
        future.set_result(result)
    else:
        future.set_exception(fault)
