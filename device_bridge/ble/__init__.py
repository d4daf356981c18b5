"""Gas detectors over Bluetooth LE."""

from device_bridge.ble.connection import GasDetector, Status, open_detector
from device_bridge.ble.discovery import find_detectors
from device_bridge.models import FoundDetector

__all__ = ["FoundDetector", "GasDetector", "Status", "find_detectors", "open_detector"]
