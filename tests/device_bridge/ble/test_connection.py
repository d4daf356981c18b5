import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from time import monotonic

import pytest

from device_bridge.ble import find_detectors, open_detector
from device_bridge.errors import AddressInvalid, DeviceGarbled, DeviceLost, DeviceMissing
from device_bridge.models import GasReading, InstrumentInfo

# Bluetooth discovery and connection take about a second here; a busy machine needs air.
PATIENCE_S = 20


@pytest.fixture(autouse=True)
def awake(detector):
    detector.tell("ppm 2")
    yield
    detector.tell("resume")
    detector.tell("on")


async def until(stream: AsyncGenerator[GasReading], wanted: Callable[[GasReading], bool]) -> GasReading:
    async with asyncio.timeout(PATIENCE_S):
        async for reading in stream:
            if wanted(reading):
                return reading
    raise AssertionError("the stream ended")


async def drain(stream: AsyncGenerator[GasReading], at_each: Callable[[], object] = lambda: None) -> None:
    async with asyncio.timeout(PATIENCE_S), aclosing(stream):
        async for _ in stream:
            at_each()


class TestFindDetectors:
    async def test_a_detector_near_is_found_with_its_name(self, detector):
        (found,) = await find_detectors(1)
        assert (found.address, found.name) == (detector.address, "JLY-LD01")

    async def test_one_that_is_switched_off_is_not(self, detector):
        detector.tell("off")
        assert await find_detectors(0.5) == []


class TestInfo:
    async def test_who_it_is(self, detector):
        detector.tell("battery 41")
        info = await open_detector(detector.address).info()
        assert info == InstrumentInfo("LD01-0001", "JLY-LD01", "演示仪表", "LD-01", battery_percent=41)

    async def test_while_it_streams(self, detector):
        gas = open_detector(detector.address)
        async with aclosing(gas.readings()) as stream:
            reading = await until(stream, lambda _: True)
            assert (await gas.info()).instrument_id == reading.instrument_id == "LD01-0001"


class TestReadings:
    async def test_the_concentration_follows_the_gas(self, detector):
        async with aclosing(open_detector("ble://").readings()) as stream:
            assert (await until(stream, lambda _: True)).value_ppm == pytest.approx(2)
            detector.tell("ppm 12300")
            reading = await until(stream, lambda reading: reading.value_ppm > 12_000)
        assert reading.value_ppm == pytest.approx(12_300)
        assert (reading.raw_unit, reading.instrument_id) == ("ppb", "LD01-0001")
        assert abs(monotonic() - reading.at_monotonic_s) < 5

    async def test_a_leak_that_is_walked_into_rises(self, detector):
        async with aclosing(open_detector(detector.address).readings()) as stream:
            await until(stream, lambda _: True)
            detector.tell("ramp 2 500 1")
            await until(stream, lambda reading: 50 < reading.value_ppm < 450)
            await until(stream, lambda reading: reading.value_ppm == pytest.approx(500))

    async def test_a_broken_link_comes_back_by_itself_and_the_screen_hears_of_both(self, detector):
        heard: list[str] = []
        async with aclosing(open_detector(detector.address, on_status=heard.append).readings()) as stream:
            await until(stream, lambda _: True)
            detector.tell("drop")
            detector.tell("ppm 77")
            await until(stream, lambda reading: reading.value_ppm == pytest.approx(77))
        assert heard == ["lost", "back"]

    async def test_one_that_is_switched_off_and_on_again_comes_back(self, detector):
        heard: asyncio.Queue[str] = asyncio.Queue()
        gas = open_detector(detector.address, on_status=heard.put_nowait, scan_timeout_s=0.5)
        async with asyncio.timeout(PATIENCE_S), aclosing(gas.readings()) as stream:
            await until(stream, lambda _: True)
            detector.tell("off")
            back = asyncio.create_task(until(stream, lambda _: True))
            assert await heard.get() == "lost"
            detector.tell("on")
            await back
        assert heard.get_nowait() == "back"

    async def test_one_that_stays_away_ends_with_words_for_the_worker(self, detector):
        heard: list[str] = []
        gas = open_detector(detector.address, on_status=heard.append, give_up_s=1, scan_timeout_s=0.3)
        with pytest.raises(DeviceLost) as caught:
            await drain(gas.readings(), lambda: detector.tell("off"))
        assert heard == ["lost"]
        assert caught.value.detail_zh == "检漏仪断开"
        assert "记录继续" in caught.value.what_to_do_zh

    async def test_one_that_is_connected_but_silent_is_lost_too(self, detector):
        heard: list[str] = []
        gas = open_detector(detector.address, on_status=heard.append, silence_s=0.5, give_up_s=1)
        with pytest.raises(DeviceLost):
            await drain(gas.readings(), lambda: detector.tell("silent"))
        assert heard == ["lost"]

    async def test_noise_is_told_from_readings(self, detector):
        detector.tell("garble")
        with pytest.raises(DeviceGarbled):
            await drain(open_detector(detector.address, silence_s=0.3).readings())

    async def test_one_that_was_never_there(self, detector):
        gas = open_detector("ble://AA:BB:CC:DD:EE:FF", scan_timeout_s=0.5)
        with pytest.raises(DeviceMissing) as caught:
            await drain(gas.readings())
        assert caught.value.detail_zh == "没有找到检漏仪"

    async def test_a_cancelled_stream_frees_the_detector(self, detector):
        gas = open_detector(detector.address)
        streaming = asyncio.create_task(drain(gas.readings()))
        await asyncio.sleep(0.8)
        streaming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await streaming
        assert (await gas.info()).model == "LD-01"


def outcome_on_a_machine_without(work: Callable[[], Awaitable[object]]) -> BaseException | None:
    """bleak keeps one bus for each event loop, so another machine is another loop."""
    raised: list[BaseException | None] = []

    def run() -> None:
        try:
            asyncio.run(work())
            raised.append(None)
        except Exception as error:  # noqa: BLE001 - handed to the test
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(PATIENCE_S)
    return raised[0]


class TestWithoutBluetooth:
    @pytest.mark.parametrize(
        "work", [lambda: find_detectors(0.5), lambda: open_detector("ble://").info()], ids=["find", "info"]
    )
    def test_the_worker_is_told_to_switch_it_on(self, monkeypatch, work):
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus")
        error = outcome_on_a_machine_without(work)
        assert isinstance(error, DeviceMissing)
        assert error.detail_zh == "蓝牙不可用"


class TestSimulatorKilled:
    async def test_a_bluetooth_service_that_dies_in_mid_walk_is_a_lost_detector(self, simulate, monkeypatch):
        other = simulate("detector", "--interval", "0.1", "--address", "C4:DE:E2:11:22:44")

        async def work() -> None:
            gas = open_detector(other.address, give_up_s=0.5, scan_timeout_s=0.3)
            await drain(gas.readings(), other.process.kill)

        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", other.told["bus"])
        assert isinstance(outcome_on_a_machine_without(work), DeviceLost)


class TestOpenDetector:
    @pytest.mark.parametrize("address", ["", "C4:DE:E2:11:22:33", "usb://1"])
    def test_an_address_that_means_nothing_is_refused(self, address: str):
        with pytest.raises(AddressInvalid, match="ble://C4"):
            open_detector(address)
