"""What a simulated phone does at the filling gun: the very work that the screens call."""

from contextlib import suppress
from typing import Any

from device_bridge.errors import DeviceError
from device_bridge.scale import FillingScale, open_scale
from mobile_app.devices import addresses
from mobile_app.errors import NotReady, WorkError
from mobile_app.filling.after import check_after
from mobile_app.filling.tables import permits
from mobile_app.filling.work import Filling
from mobile_app.phone import Phone
from sync.documents.filling import FillingCheckItem
from sync.rules.filling import AFTER_LIST, BEFORE_LIST, NET_WEIGHT_LIST, TOLERANCE_LIST


class FillingCommands:
    """Commands of a phone whose worker fills cylinders; its scale is that of QIXUN_SCALE."""

    _phone: Phone
    _gun: FillingScale | None = None

    async def ready_for_filling(self, code: str) -> bool:
        """Lists, certificates and this cylinder are on the phone."""
        try:
            for name in (BEFORE_LIST, AFTER_LIST, NET_WEIGHT_LIST, TOLERANCE_LIST):
                await self._phone.lists(name)
        except NotReady:
            return False
        held = await permits(self._phone)
        return None not in {held.filler, held.licence} and await self._phone.cylinder(code) is not None

    async def filling(self) -> str:
        """Which step the cylinder at the gun has come to."""
        return (await Filling.open(self._phone)).step

    async def scan_to_fill(self, code: str, tag_uid: str = "") -> list[str]:
        """The reasons against; nothing where it may be filled."""
        filling = await Filling.open(self._phone)
        method: Any = "nfc" if tag_uid else "qr"
        return list((await filling.scan(code, method, tag_uid=tag_uid, scale=self._scale())).codes)

    async def check_before(self) -> bool:
        filling = await Filling.open(self._phone)
        items = await self._passed(BEFORE_LIST)
        return await filling.check(items, residual_pressure_mpa=0.1, ambient_c=-25.0, scale=self._scale())

    async def fill(self) -> dict[str, Any]:
        filling = await Filling.open(self._phone)
        filled = await filling.fill(self._scale())
        return {"id": filled.id, "net_kg": filled.net_kg, "ended": filled.ended}

    async def check_after(self, code: str, gross_kg: float, tag_uid: str = "") -> bool:
        filling = await Filling.open(self._phone)
        checked = await check_after(
            filling,
            code,
            "nfc" if tag_uid else "qr",
            await self._passed(AFTER_LIST),
            second_scale_number="FC-0001",
            gross_kg=gross_kg,
            checker_certificate="JC-DEMO-0001",
            tag_uid=tag_uid,
        )
        return checked.passed

    async def _passed(self, name: str) -> list[FillingCheckItem]:
        return [FillingCheckItem(item=e.code, result="pass") for e in (await self._phone.lists(name)).entries]

    def _scale(self) -> FillingScale:
        address = addresses(self._phone.data_dir).scale
        if not address:
            raise WorkError("scale.none", "没有设置充装秤", "No filling scale is set up")
        if self._gun is None:
            self._gun = open_scale(address)
        return self._gun

    async def _let_go(self) -> None:
        if self._gun is not None:
            with suppress(DeviceError):
                await self._gun.close()
