"""Which gas detectors are near: a scan for the services in the table of parsers."""

from collections.abc import Iterator
from contextlib import contextmanager

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from device_bridge.ble.parsers import PROFILES
from device_bridge.errors import DeviceMissing
from device_bridge.models import FoundDetector

SCHEME = "ble://"
SERVICE_UUIDS = [profile.service_uuid for profile in PROFILES]


async def find_detectors(timeout_s: float = 5.0) -> list[FoundDetector]:
    """Every known detector heard within `timeout_s`, the nearest first. Raises DeviceMissing without Bluetooth."""
    with bluetooth_needed():
        heard = await BleakScanner.discover(timeout_s, return_adv=True, service_uuids=SERVICE_UUIDS)
    found = [
        FoundDetector(SCHEME + device.address, device.name or device.address, advertisement.rssi)
        for device, advertisement in heard.values()
    ]
    return sorted(found, key=lambda detector: -detector.rssi_dbm)


async def find_device(mac: str, timeout_s: float) -> BLEDevice:
    """The device of that address, or with "" the first known detector. Raises DeviceMissing."""

    def is_wanted(device: BLEDevice, advertisement: AdvertisementData) -> bool:
        if mac:
            return device.address.upper() == mac.upper()
        return any(uuid in SERVICE_UUIDS for uuid in advertisement.service_uuids)

    with bluetooth_needed():
        device = await BleakScanner.find_device_by_filter(is_wanted, timeout_s)
    if device is None:
        raise DeviceMissing(
            "没有找到检漏仪",
            "no gas detector was found",
            "请打开检漏仪电源并靠近手机",
            "switch the detector on and bring it near",
        )
    return device


@contextmanager
def bluetooth_needed() -> Iterator[None]:
    """Turns what a machine without working Bluetooth raises into DeviceMissing."""
    try:
        yield
    except (BleakError, OSError, EOFError) as error:
        raise DeviceMissing(
            "蓝牙不可用",
            "Bluetooth is not available",
            "请打开蓝牙并允许本应用使用",
            "switch Bluetooth on and allow this app to use it",
        ) from error
