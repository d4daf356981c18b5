import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from device_bridge.errors import AddressInvalid, DeviceLost, DeviceMissing
from device_bridge.models import Fix, GasReading
from mobile_app.devices import Addresses, Devices, DeviceState, addresses, probe, save_addresses, tag_reader
from mobile_app.patrol.work import Patrol
from mobile_app.phone import Phone
from tests.device_bridge.conftest import running
from tests.mobile_app.phones import PATROL

NOWHERE = "nmea-tcp://127.0.0.1:9"


async def until(true: Callable[[], object], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.02)


async def _no_reading(_reading: GasReading) -> None: ...


class TestAddresses:
    def test_settings_win_over_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("QIXUN_GPS", "gpsd://127.0.0.1")
        monkeypatch.setenv("QIXUN_TAGS", "usb")
        save_addresses(tmp_path, Addresses(gps="nmea-tcp://127.0.0.1:5001"))
        assert addresses(tmp_path) == Addresses(gps="nmea-tcp://127.0.0.1:5001", tags="usb")
        assert tag_reader(tmp_path) is not None

    def test_a_wrong_address_is_refused_and_not_kept(self, tmp_path: Path) -> None:
        with pytest.raises(AddressInvalid):
            save_addresses(tmp_path, Addresses(gps="nonsense"))
        assert addresses(tmp_path).gps == ""


class TestDevices:
    async def test_a_patrol_follows_a_real_receiver_and_goes_on_after_it_fell_silent(self, phone: Phone) -> None:
        patrol = await Patrol.start(phone, PATROL)
        states: list[DeviceState] = []
        devices = Devices(phone, on_fix=patrol.take_fix, on_reading=_no_reading, on_state=states.append)
        with running("gps", "--port", "0", "--interval", "0.1") as receiver:
            save_addresses(phone.data_dir, Addresses(gps=receiver.address))
            receiver.tell(f"teleport {PATROL.check_points[0].lon} {PATROL.check_points[0].lat}")
            devices.start()
            await until(lambda: patrol.approach("gps").arrival is not None)
            assert patrol.approach("gps").arrival.distance_m < 30  # type: ignore[union-attr]
        await until(lambda: states and not states[-1].connected)
        error = states[-1].error
        assert isinstance(error, DeviceLost | DeviceMissing)
        assert error.what_to_do_zh
        assert await patrol.finish(unfinished_reason="演示")
        await devices.stop()

    async def test_an_address_that_cannot_be_read_is_told_and_not_tried_again(
        self, phone: Phone, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("QIXUN_GPS", "nonsense")
        states: list[DeviceState] = []
        fixes: list[Fix] = []

        async def take(fix: Fix) -> None:
            fixes.append(fix)

        devices = Devices(phone, on_fix=take, on_reading=_no_reading, on_state=states.append)
        devices.start()
        await until(lambda: states)
        assert isinstance(states[0].error, AddressInvalid)
        await devices.stop()


class TestProbe:
    async def test_finds_position_storage_and_clock(self, phone: Phone) -> None:
        with running("gps", "--port", "0", "--interval", "0.1") as receiver:
            save_addresses(phone.data_dir, Addresses(gps=receiver.address))
            found = await probe(phone)
        assert found.fix is not None
        assert (found.free_storage_bytes or 0) > 0
        assert found.clock_ahead_s is not None
        assert not found.instrument_needed

    async def test_a_missing_receiver_is_found_out_and_nothing_hangs(self, phone: Phone) -> None:
        save_addresses(phone.data_dir, Addresses(gps=NOWHERE, detector="ble://C4:DE:E2:11:22:33"))
        found = await probe(phone, timeout_s=3)
        assert (found.fix, found.instrument, found.instrument_needed) == (None, None, True)

    async def test_asks_the_receiver_that_is_read_already_and_names_what_is_missing(self, phone: Phone) -> None:
        seen: list[Fix] = []

        async def take(fix: Fix) -> None:
            seen.append(fix)

        devices = Devices(phone, on_fix=take, on_reading=_no_reading)
        with running("gps", "--port", "0", "--interval", "0.1") as receiver:
            save_addresses(phone.data_dir, Addresses(gps=receiver.address))
            devices.start()
            found = await probe(phone, devices, instrument_needed=True)
            assert found.fix in seen  # not from a second connection to the receiver
            assert (found.instrument, found.instrument_needed) == (None, True)
        await until(lambda: "gps" in devices.errors)
        assert (await probe(phone, devices, timeout_s=1)).fix is None
        await devices.stop()

    async def test_a_computer_has_no_battery_saver_and_a_phone_says_that_it_does_not_know(
        self, phone: Phone, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert (await probe(phone)).battery_saver_exempt is True
        monkeypatch.setenv("ANDROID_ROOT", "/system")
        assert (await probe(phone)).battery_saver_exempt is None
