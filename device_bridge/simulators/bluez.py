"""As much of BlueZ's D-Bus API as a central needs, over bumble's virtual controllers.

bleak's own BlueZ backend talks to it unchanged: scan reports, connections, GATT discovery, reads, subscriptions and
notifications are real Bluetooth LE packets between a bumble central here and bumble peripherals.
API: https://github.com/bluez/bluez/tree/master/doc (org.bluez.Adapter, .Device, .GattService, .GattCharacteristic)
"""

# ruff: noqa: N802, F722, F821 - D-Bus member names, and annotations that are D-Bus signatures
# mypy: disable-error-code="valid-type, name-defined, syntax, no-untyped-def, misc, attr-defined"

import asyncio
from typing import Any

from bumble.controller import Controller
from bumble.core import AdvertisingData, ProtocolError
from bumble.device import Device, Peer
from bumble.hci import Address
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink
from dbus_fast import DBusError, PropertyAccess
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_property, method

ADAPTER_PATH = "/org/bluez/hci0"
ADAPTER_ADDRESS = "F0:00:00:00:00:01"
RO = PropertyAccess.READ
ATT_UNLIKELY_ERROR = 0x0E
MTU = 247
FLAGS = ((0x02, "read"), (0x04, "write-without-response"), (0x08, "write"), (0x10, "notify"), (0x20, "indicate"))


class BluezService:
    """The `org.bluez` of one bus; `link` is the air that its central shares with simulated peripherals."""

    def __init__(self, link: LocalLink) -> None:
        self.controller = Controller("hci0", link=link, public_address=ADAPTER_ADDRESS)
        host = Host(self.controller, AsyncPipeSink(self.controller))
        self.central = Device(name="qixun", address=Address(ADAPTER_ADDRESS), host=host)
        self._devices: dict[str, RemoteDevice] = {}

    async def start(self, bus_address: str) -> None:
        await self.central.power_on()
        self.bus = await MessageBus(bus_address=bus_address, negotiate_unix_fd=True).connect()
        self.bus.export(ADAPTER_PATH, Adapter(self))
        self.central.on("advertisement", self._take_advertisement)
        await self.bus.request_name("org.bluez")

    def stop(self) -> None:
        self.bus.disconnect()

    async def remove(self, path: str) -> None:
        device = self._devices.pop(path, None)
        if device is not None:
            await device.hang_up()
            self.bus.unexport(path)

    def _take_advertisement(self, advertisement: Any) -> None:
        path = f"{ADAPTER_PATH}/dev_" + advertisement.address.to_string(with_type_qualifier=False).replace(":", "_")
        device = self._devices.get(path)
        if device is None:
            device = self._devices[path] = RemoteDevice(self, path, advertisement)
            self.bus.export(path, device)
        device.heard()


class Adapter(ServiceInterface):
    def __init__(self, service: BluezService) -> None:
        super().__init__("org.bluez.Adapter1")
        self._service = service
        self._discovering = False

    @method()
    async def SetDiscoveryFilter(self, _filter: "a{sv}") -> None:
        pass

    @method()
    async def StartDiscovery(self) -> None:
        if not self._discovering:
            await self._service.central.start_scanning(filter_duplicates=False)
        self._set_discovering(True)

    @method()
    async def StopDiscovery(self) -> None:
        if self._discovering:
            await self._service.central.stop_scanning()
        self._set_discovering(False)

    @method()
    async def RemoveDevice(self, device: "o") -> None:
        await self._service.remove(device)

    def _set_discovering(self, discovering: bool) -> None:  # noqa: FBT001
        self._discovering = discovering
        self.emit_properties_changed({"Discovering": discovering})

    @dbus_property(RO)
    def Address(self) -> "s":
        return ADAPTER_ADDRESS

    @dbus_property(RO)
    def Name(self) -> "s":
        return "qixun-simulated"

    @dbus_property(RO)
    def Alias(self) -> "s":
        return "qixun-simulated"

    @dbus_property(RO)
    def Powered(self) -> "b":
        return True

    @dbus_property(RO)
    def Discovering(self) -> "b":
        return self._discovering

    @dbus_property(RO)
    def Roles(self) -> "as":
        return ["central"]

    @dbus_property(RO)
    def UUIDs(self) -> "as":
        return []


class RemoteDevice(ServiceInterface):
    """A peripheral that was heard, and the connection to it."""

    def __init__(self, service: BluezService, path: str, advertisement: Any) -> None:
        super().__init__("org.bluez.Device1")
        self._service = service
        self.path = path
        self._address = advertisement.address
        self._connection: Any = None
        self._connecting: asyncio.Future[Any] | None = None
        self._resolved = False
        self._exported: list[tuple[str, ServiceInterface]] = []
        self._rssi = -60
        data = advertisement.data
        self._name = data.get(AdvertisingData.COMPLETE_LOCAL_NAME) or str(self._address)
        uuids = data.get(AdvertisingData.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS) or []
        self._uuids = [long_uuid(uuid) for uuid in uuids]

    @property
    def mtu(self) -> int:
        return self._peer.gatt_client.mtu if self._connection else 23

    def heard(self) -> None:
        # bleak reports an advertisement only when a property changes.
        self._rssi = -61 if self._rssi == -60 else -60
        self.emit_properties_changed({"RSSI": self._rssi})

    @method()
    async def Connect(self) -> None:
        # As BlueZ: stays pending until the peer appears or Disconnect() cancels it. bumble 0.0.236's virtual
        # controller ignores LE_Create_Connection_Cancel, hence by hand in hang_up().
        self._connecting = asyncio.ensure_future(self._service.central.connect(self._address, timeout=None))
        await asyncio.wait({self._connecting})
        attempt, self._connecting = self._connecting, None
        if attempt.cancelled() or attempt.exception():
            raise DBusError("org.bluez.Error.Failed", "le-connection-abort-by-local")
        self._connection = attempt.result()
        self._connection.on("disconnection", self._gone)
        self.emit_properties_changed({"Connected": True})
        try:
            await self._resolve()
        except (ProtocolError, TimeoutError, asyncio.CancelledError) as error:
            raise DBusError("org.bluez.Error.Failed", "connection lost while resolving") from error

    @method()
    async def Disconnect(self) -> None:
        await self.hang_up()

    async def hang_up(self) -> None:
        if self._connecting:
            self._connecting.cancel()
            self._service.controller.pending_le_connection = None
        if self._connection:
            await self._connection.disconnect()
        await asyncio.sleep(0.01)

    async def _resolve(self) -> None:
        self._peer = Peer(self._connection)
        await self._peer.request_mtu(MTU)
        for service in await self._peer.discover_services():
            service_path = f"{self.path}/service{service.handle:04x}"
            self._export(service_path, GattService(service, self.path))
            for item in await self._peer.discover_characteristics(service=service):
                item_path = f"{service_path}/char{item.handle - 1:04x}"
                self._export(item_path, GattCharacteristic(item, service_path, self))
        self._resolved = True
        self.emit_properties_changed({"ServicesResolved": True})

    def _export(self, path: str, interface: ServiceInterface) -> None:
        self._service.bus.export(path, interface)
        self._exported.append((path, interface))

    def _gone(self, _reason: int) -> None:
        self._connection = None
        self._resolved = False
        for path, interface in reversed(self._exported):
            self._service.bus.unexport(path, interface)
        self._exported = []
        self.emit_properties_changed({"ServicesResolved": False, "Connected": False})

    @dbus_property(RO)
    def Address(self) -> "s":
        return self._address.to_string(with_type_qualifier=False)

    @dbus_property(RO)
    def AddressType(self) -> "s":
        return "random"

    @dbus_property(RO)
    def Name(self) -> "s":
        return self._name

    @dbus_property(RO)
    def Alias(self) -> "s":
        return self._name

    @dbus_property(RO)
    def Adapter(self) -> "o":
        return ADAPTER_PATH

    @dbus_property(RO)
    def UUIDs(self) -> "as":
        return self._uuids

    @dbus_property(RO)
    def Paired(self) -> "b":
        return False

    @dbus_property(RO)
    def Trusted(self) -> "b":
        return False

    @dbus_property(RO)
    def Blocked(self) -> "b":
        return False

    @dbus_property(RO)
    def LegacyPairing(self) -> "b":
        return False

    @dbus_property(RO)
    def Connected(self) -> "b":
        return self._connection is not None

    @dbus_property(RO)
    def ServicesResolved(self) -> "b":
        return self._resolved

    @dbus_property(RO)
    def RSSI(self) -> "n":
        return self._rssi


class GattService(ServiceInterface):
    def __init__(self, service: Any, device_path: str) -> None:
        super().__init__("org.bluez.GattService1")
        self._service, self._device_path = service, device_path

    @dbus_property(RO)
    def UUID(self) -> "s":
        return long_uuid(self._service.uuid)

    @dbus_property(RO)
    def Primary(self) -> "b":
        return True

    @dbus_property(RO)
    def Device(self) -> "o":
        return self._device_path

    @dbus_property(RO)
    def Includes(self) -> "ao":
        return []


class GattCharacteristic(ServiceInterface):
    def __init__(self, item: Any, service_path: str, device: RemoteDevice) -> None:
        super().__init__("org.bluez.GattCharacteristic1")
        self._item, self._service_path, self._device = item, service_path, device
        self._value = b""
        self._notifying = False

    @method()
    async def ReadValue(self, _options: "a{sv}") -> "ay":
        try:
            return bytes(await self._item.read_value())
        except (ProtocolError, TimeoutError) as error:
            code = getattr(error, "error_code", ATT_UNLIKELY_ERROR)
            text = f"Operation failed with ATT error: 0x{code:02x}"
            raise DBusError("org.bluez.Error.Failed", text) from error

    @method()
    async def StartNotify(self) -> None:
        await self._item.subscribe(self._take)
        self._set_notifying(True)

    @method()
    async def StopNotify(self) -> None:
        await self._item.unsubscribe(self._take)
        self._set_notifying(False)

    def _take(self, value: bytes) -> None:
        self._value = bytes(value)
        self.emit_properties_changed({"Value": self._value})

    def _set_notifying(self, notifying: bool) -> None:  # noqa: FBT001
        self._notifying = notifying
        self.emit_properties_changed({"Notifying": notifying})

    @dbus_property(RO)
    def UUID(self) -> "s":
        return long_uuid(self._item.uuid)

    @dbus_property(RO)
    def Service(self) -> "o":
        return self._service_path

    @dbus_property(RO)
    def Value(self) -> "ay":
        return self._value

    @dbus_property(RO)
    def Notifying(self) -> "b":
        return self._notifying

    @dbus_property(RO)
    def Flags(self) -> "as":
        return [name for bit, name in FLAGS if self._item.properties & bit]

    @dbus_property(RO)
    def MTU(self) -> "q":
        return self._device.mtu


def long_uuid(uuid: Any) -> str:
    """The 128-bit form that BlueZ reports for a short UUID too."""
    if len(uuid.uuid_bytes) == 2:
        return f"0000{int.from_bytes(uuid.uuid_bytes, 'little'):04x}-0000-1000-8000-00805f9b34fb"
    return str(uuid.to_hex_str("-")).lower()
