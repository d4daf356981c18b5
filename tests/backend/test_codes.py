"""A code names one thing alone, and there is room for more of them: clause 4.4.2."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import shapely
from litestar.testing import AsyncTestClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.network import service as network
from backend.network.models import Facility, Pipe
from tests.factories.accounts import PASSWORD, bearer, make_staff
from tests.factories.customers import customer_in
from tests.factories.deliveries import Station, cylinder_in, make_station
from tests.factories.network import LAT, LON, pipe_row, write_layer

LINE = shapely.LineString([(LON, LAT), (LON + 0.001, LAT)])


def person(station: Station, code: str) -> dict[str, Any]:
    return {"staff_number": code, "name": "某人", "organisation_id": station.company.unit.id, "password": PASSWORD}


MAKE = {
    "/api/customers": lambda station, code: msgspec.to_builtins(customer_in(station.company, code=code)),
    "/api/cylinders": lambda station, code: msgspec.to_builtins(cylinder_in(station, code)),
    "/api/staff": person,
}


@pytest.mark.requirement("4.4.2b")
@pytest.mark.parametrize("path", list(MAKE))
async def test_the_same_code_twice_is_refused_and_longer_ones_are_taken(
    client: AsyncTestClient[Any], session: AsyncSession, path: str
) -> None:
    station = await make_station(session)
    headers = bearer(client, await make_staff(session, station.company, roles=["company_admin"]))

    async def status(code: str) -> int:
        return (await client.post(path, headers=headers, json=MAKE[path](station, code))).status_code

    codes = ["SH-9", "SH-9", "SH-10", "SH-1000000000000", "SH-1000000000000"]
    assert [await status(code) for code in codes] == [201, 409, 201, 201, 409]


@pytest.mark.requirement("4.4.2b")
async def test_a_pipes_and_a_facilitys_code_names_one_in_the_unit(session: AsyncSession, tmp_path: Path) -> None:
    unit_id = (await make_station(session)).company.unit.id
    rows = [(pipe_row("SH-9"), LINE), (pipe_row("SH-9"), shapely.reverse(LINE)), (pipe_row("SH-1000000000000"), LINE)]
    table = tmp_path / "阀门.csv"
    row = f"阀井,一号阀井,{LON},{LAT}"
    table.write_text(f"设施编号,类型,名称,经度,纬度\nF-9,{row}\nF-9,{row}\nF-10000000000,{row}\n", encoding="utf-8")
    pipes = write_layer(tmp_path / "a.gpkg", rows)
    for _ in range(2):
        for path, crs in ((pipes, None), (table, "EPSG:4490")):
            report = await network.import_network(session, None, path, organisation_id=unit_id, crs=crs)
            assert [(each.row, each.code) for each in report.rejected] == [(2, "duplicate_code")]
    counts = [await session.scalar(select(func.count()).select_from(kind)) for kind in (Pipe, Facility)]
    assert counts == [2, 2]
