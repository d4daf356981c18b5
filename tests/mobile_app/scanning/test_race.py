import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from device_bridge.errors import DeviceError, DeviceLost
from device_bridge.tag_errors import absent, lost
from mobile_app.scanning.race import Race


def after(seconds: float, answer: str | Exception, ended: list[str] | None = None) -> Callable[[], Awaitable[str]]:
    async def way() -> str:
        try:
            await asyncio.sleep(seconds)
        finally:
            if ended is not None:
                ended.append(str(answer))
        if isinstance(answer, Exception):
            raise answer
        return answer

    return way


class TestRun:
    async def test_the_first_that_answers_wins_and_the_others_end_at_once(self) -> None:
        ended: list[str] = []
        ways = {"nfc": after(0.05, "nfc", ended), "uhf": after(30, "uhf", ended)}
        began = time.monotonic()
        assert await Race(ways, print).run() == ("nfc", "nfc")
        assert (sorted(ended), time.monotonic() - began < 5) == (["nfc", "uhf"], True)

    async def test_a_picture_wins_over_readers_that_hear_nothing(self) -> None:
        race = Race({"nfc": after(30, "nfc")}, print)
        running = asyncio.create_task(race.run())
        await asyncio.sleep(0)
        assert race.offer("qr", "SH0001")
        assert await running == ("qr", "SH0001")
        assert not race.offer("typed", "SH0002")

    async def test_a_reader_that_vanishes_is_told_and_the_others_go_on(self) -> None:
        told: list[tuple[str, DeviceError]] = []
        ways = {"nfc": after(0.01, lost()), "uhf": after(0.1, "uhf")}
        assert await Race(ways, lambda way, error: told.append((way, error))).run() == ("uhf", "uhf")
        assert [(way, type(error)) for way, error in told] == [("nfc", DeviceLost)]

    async def test_when_none_can_answer_it_ends(self) -> None:
        told: list[str] = []
        ways = {"nfc": after(0.01, absent()), "uhf": after(0.02, lost())}
        assert await Race(ways, lambda way, _error: told.append(way)).run() is None
        assert told == ["uhf"]

    async def test_without_any_reader_it_ends_at_once(self) -> None:
        assert await Race({}, print).run() is None

    async def test_stopped_it_leaves_nothing_behind(self) -> None:
        ended: list[str] = []
        race = Race({"nfc": after(30, "nfc", ended)}, print)
        running = asyncio.create_task(race.run())
        await asyncio.sleep(0.01)
        race.stop()
        assert (await running, ended) == (None, ["nfc"])

    async def test_a_fault_of_the_program_is_not_swallowed(self) -> None:
        with pytest.raises(ZeroDivisionError):
            await Race({"nfc": after(0, ZeroDivisionError())}, print).run()
