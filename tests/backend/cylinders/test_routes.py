"""A cylinder's archive over HTTP: what the standard lists can be entered, and is there when looked up."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from tests.factories.accounts import bearer, make_staff
from tests.factories.deliveries import cylinder_in, make_station

ENTERED: dict[str, Any] = {
    "manufacturer": "松河制造",
    "factory_number": "20181102-0731",
    "made_on": date(2018, 11, 2),
    "specification": "YSP35.5",
    "medium": "LPG",
    "storage_position": "A-3",
}


class TestArchive:
    @pytest.mark.requirement("E5.8.3-3")
    async def test_every_field_is_entered_and_shown(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        """制造单位, 出厂编号, 制造年月, 规格, 状态, 充装介质, 二维码, 当前库位, 登记时间."""
        station = await make_station(session)
        headers = bearer(client, await make_staff(session, station.company, roles=["station_keeper"]))
        body = msgspec.to_builtins(cylinder_in(station, "SH-QR-0731", **ENTERED))
        made = await client.post("/api/cylinders", headers=headers, json=body)
        assert made.status_code == 201, made.text
        shown = (await client.get(f"/api/cylinders/{made.json()['cylinder']['id']}", headers=headers)).json()
        flat = shown["cylinder"] | {name: value for name, value in shown.items() if name != "cylinder"}
        assert {name: flat[name] for name in ENTERED} == ENTERED | {"made_on": "2018-11-02"}
        assert (flat["code"], flat["state"]) == ("SH-QR-0731", "normal")
        registered = datetime.fromisoformat(flat["registered_at"])
        assert abs(registered - datetime.now(UTC)) < timedelta(minutes=1)
        listed = (await client.get("/api/cylinders", headers=headers)).json()["items"]
        assert [each["code"] for each in listed] == ["SH-QR-0731"]

    @pytest.mark.requirement("E5.8.3-3")
    @pytest.mark.parametrize(
        ("fields", "state"),
        [({}, "normal"), ({"next_inspection_on": date(2020, 1, 1)}, "overdue"), ({"scrapped": True}, "scrapped")],
    )
    async def test_its_state_is_told(
        self, client: AsyncTestClient[Any], session: AsyncSession, fields: dict[str, Any], state: str
    ) -> None:
        station = await make_station(session)
        headers = bearer(client, await make_staff(session, station.company, roles=["station_keeper"]))
        body = msgspec.to_builtins(cylinder_in(station, "35-1", **fields))
        made = (await client.post("/api/cylinders", headers=headers, json=body)).json()
        assert made["cylinder"]["state"] == state
        assert made["allowed"] is (state == "normal")
