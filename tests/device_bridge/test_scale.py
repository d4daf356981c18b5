"""The scale and its lock against a simulated one in a process of its own, which closes by itself like a real one."""

import asyncio
import json
from contextlib import aclosing
from datetime import date
from typing import Any

import pytest

from device_bridge.errors import AddressInvalid, DeviceError, DeviceGarbled, DeviceLost, DeviceMissing, LockRefused
from device_bridge.models import Weight
from device_bridge.scale import AT_TARGET, FAULT, OPEN, OVERLOAD, STABLE, FillingScale, Plausible, Reading, open_scale
from tests.device_bridge.conftest import running

RECORD = "filling.checked_before:01936f0a-7c1e-7a3b-8c5d-0123456789ab"


@pytest.fixture(scope="module")
def peer():
    with running("scale", "--number", "CS-0007", "--gun", "3", "--verified-until", "20270531") as simulator:
        yield simulator


@pytest.fixture
async def scale(peer):
    for command in ("join", "resume", "weight 20", "flow 0.5", "drift 0", "noise 0.003", "verified 20270531"):
        peer.tell(command)
    opened = open_scale(peer.address)
    yield opened
    peer.tell("join")
    peer.tell("resume")
    await opened.close()


def state(peer: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(peer.tell("state"))
    return found


async def closes(peer: Any, within_s: float = 3.0) -> str:
    """Why the lock closed, once it has."""
    async with asyncio.timeout(within_s):
        while (found := state(peer))["lock"] == "open":  # noqa: ASYNC110 - another process is looked at
            await asyncio.sleep(0.05)
    return str(found["closed_by"])


async def weigh(scale: FillingScale, count: int) -> list[Weight]:
    found: list[Weight] = []
    async with asyncio.timeout(20), aclosing(scale.weights()) as weights:
        async for weight in weights:
            found.append(weight)
            if len(found) == count:
                break
    return found


async def open_and_go_on(scale: FillingScale, stop_at_kg: float = 100.0, *, after_open: Any = lambda: None) -> None:
    """Weighs with an open gun until something ends it."""
    async with asyncio.timeout(20), aclosing(scale.weights()) as weights:
        opened = False
        async for weight in weights:
            if not opened:
                opened = True
                await scale.unlock(RECORD, stop_at_kg)
                after_open()
            elif not weight.unlocked:
                return


class TestInfo:
    async def test_the_type_plate(self, scale):
        found = await scale.info()
        assert (found.number, found.gun_number, found.verified_until) == ("CS-0007", "3", date(2027, 5, 31))

    async def test_a_date_that_is_none_is_not_made_up(self, peer, scale):
        peer.tell("verified 20271399")
        assert (await scale.info()).verified_until is None


class TestWeights:
    async def test_they_come_locked_and_to_the_gram(self, scale):
        found = await weigh(scale, 3)
        assert [round(weight.kg, 1) for weight in found] == [20.0] * 3
        assert not any(weight.unlocked for weight in found)

    @pytest.mark.parametrize(
        ("command", "error", "words"),
        [
            ("garbage", DeviceGarbled, "秤的应答读不懂，枪已锁"),
            ("absurd", DeviceGarbled, "秤的读数不合理（900 kg），枪已锁"),
            ("freeze", DeviceGarbled, "秤的读数不动了，枪已锁"),
            ("fault", DeviceGarbled, "秤报故障，枪已锁"),
            ("overload", DeviceGarbled, "秤超载，枪已锁"),
            ("silent", DeviceLost, "与充装秤断开，枪已锁"),
            ("cut", DeviceError, "枪已锁"),
        ],
    )
    async def test_whatever_goes_wrong_mid_fill_is_said_and_the_lock_really_closes(
        self, peer, scale, command: str, error: type[DeviceError], words: str
    ):
        with pytest.raises(error) as told:
            await open_and_go_on(scale, after_open=lambda: peer.tell(command))
        assert words in told.value.detail_zh
        assert told.value.what_to_do_zh
        assert await closes(peer) in {"heartbeat", "told"}

    async def test_no_gas_coming_is_told(self, peer, scale):
        peer.tell("flow 0")
        peer.tell("noise 0")
        with pytest.raises(DeviceGarbled, match="没有进气"):
            await open_and_go_on(scale)
        assert state(peer)["lock"] == "closed"

    async def test_a_scale_that_is_not_there(self):
        with pytest.raises(DeviceMissing):
            await weigh(open_scale("modbus-tcp://127.0.0.1:9"), 1)

    async def test_it_goes_on_after_the_cable_was_mended(self, peer, scale):
        await weigh(scale, 1)
        peer.tell("cut")
        with pytest.raises(DeviceError):
            await weigh(scale, 1)
        peer.tell("join")
        assert len(await weigh(scale, 2)) == 2


class TestLock:
    async def test_opens_on_the_strength_of_a_record_and_stops_at_the_target(self, peer, scale):
        peer.tell("flow 4")
        await open_and_go_on(scale, 22.0)
        told = state(peer)
        assert (told["lock"], told["closed_by"]) == ("closed", "target")
        assert told["weight_kg"] == pytest.approx(22.0, abs=0.2)
        assert len(told["permits"][-1]) == 16

    async def test_without_a_record_nothing_opens(self, peer, scale):
        with pytest.raises(ValueError, match="record"):
            await scale.unlock("", 30)
        assert state(peer)["lock"] == "closed"

    async def test_a_lock_that_does_not_open_is_told(self, peer, scale):
        peer.tell("refuse")
        with pytest.raises(LockRefused):
            await scale.unlock(RECORD, 30)

    async def test_closes_when_told(self, peer, scale):
        await scale.unlock(RECORD, 30)
        assert state(peer)["lock"] == "open"
        await scale.lock()
        assert (state(peer)["lock"], state(peer)["closed_by"]) == ("closed", "told")

    async def test_a_program_that_hangs_closes_it(self, peer, scale):
        """Nobody asks for the next weight any more."""
        await scale.unlock(RECORD, 100)
        assert await closes(peer) == "heartbeat"
        assert state(peer)["weight_kg"] < 21

    async def test_it_stays_closed_after_that_though_weights_are_read_again(self, peer, scale):
        await scale.unlock(RECORD, 100)
        await closes(peer)
        assert not any(weight.unlocked for weight in await weigh(scale, 4))
        assert state(peer)["lock"] == "closed"

    async def test_leaving_the_stream_closes_it(self, peer, scale):
        async with aclosing(scale.weights()) as weights:
            await anext(weights)
            await scale.unlock(RECORD, 100)
        assert (state(peer)["lock"], state(peer)["closed_by"]) == ("closed", "told")


def check_all(readings: list[tuple[float, float, int, int]]) -> None:
    watch = Plausible()
    for at, kg, status, counter in readings:
        watch.check(Reading(kg, status, counter), at)


class TestPlausible:
    """Readings as (seconds, kg, status, counter)."""

    @pytest.mark.parametrize(
        ("readings", "words"),
        [
            ([(0, -2.5, STABLE, 1)], "不合理"),
            ([(0, 301, STABLE, 1)], "不合理"),
            ([(0, 20, OVERLOAD, 1)], "超载"),
            ([(0, 20, FAULT, 1)], "故障"),
            ([(0, 20, OPEN, 1), (0.2, 25, OPEN, 2)], "跳变"),
            ([(0, 20, OPEN, 1), (0.2, 15, OPEN, 2)], "跳变"),
            ([(0, 20, STABLE, 1), (2.1, 20, STABLE, 1)], "不动"),
            ([(t, 20, OPEN, t) for t in range(10)], "重量不变"),
        ],
    )
    def test_nonsense_is_told(self, readings: list[tuple[float, float, int, int]], words: str):
        with pytest.raises(DeviceGarbled, match=words):
            check_all(readings)

    @pytest.mark.parametrize(
        "readings",
        [
            [(0, 0, STABLE, 1), (0.2, 31, 0, 2)],  # a cylinder is put on
            [(0, 20, OPEN, 1), (5, 22.5, OPEN, 2), (5.2, 22.6, OPEN | AT_TARGET, 3)],
            [(t, 20, STABLE, t) for t in range(100)],  # locked, nothing moves
            [(0, 0, STABLE, 0xFFFF), (0.2, 0, STABLE, 0)],
        ],
    )
    def test_ordinary_weighing_is_believed(self, readings: list[tuple[float, float, int, int]]):
        check_all(readings)


class TestAddress:
    @pytest.mark.parametrize(
        "address", ["", "modbus-tcp://", "modbus-tcp://h", "tcp://h:1", "modbus-tcp://h:1?unit=0", "modbus-tcp://h:x"]
    )
    def test_what_cannot_be_read_is_told_with_an_example(self, address: str):
        with pytest.raises(AddressInvalid, match="modbus-tcp://192"):
            open_scale(address)
