"""One scan, several ways at once: camera, NFC, UHF, typed number. Whichever answers first wins."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

from device_bridge.errors import DeviceError, TagAbsent

T = TypeVar("T")


class Race(Generic[T]):
    """`offer` is how a way that is not awaited (a picture, a typed number) wins. Nothing of it outlives `run`."""

    def __init__(
        self, ways: Mapping[str, Callable[[], Awaitable[T]]], on_fault: Callable[[str, DeviceError], object]
    ) -> None:
        self._ways = ways
        self._on_fault = on_fault
        self._offered: asyncio.Future[tuple[str, T]] = asyncio.get_running_loop().create_future()

    def offer(self, way: str, answer: T) -> bool:
        """False when another was quicker."""
        if self._offered.done():
            return False
        self._offered.set_result((way, answer))
        return True

    def stop(self) -> None:
        self._offered.cancel()

    async def run(self) -> tuple[str, T] | None:
        """The first way and its answer; None when it was stopped, or none of the awaited ways can answer any more. A
        way that fails is told and leaves the others alone; a tag that never came is no failure.
        """
        tasks = {asyncio.ensure_future(start()): name for name, start in self._ways.items()}
        waiting = set(tasks)
        try:
            while waiting:
                either: set[asyncio.Future[Any]] = {*waiting, self._offered}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if self._offered.done():
                    return None if self._offered.cancelled() else self._offered.result()
                for task in [each for each in waiting if each.done()]:
                    waiting.discard(task)
                    error = task.exception()
                    if error is None:
                        return tasks[task], task.result()
                    if not isinstance(error, DeviceError):
                        raise error
                    if not isinstance(error, TagAbsent):
                        self._on_fault(tasks[task], error)
            return None
        finally:
            self._offered.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
