"""What the map's layers give out comes in again unchanged: clause 5.2.5, import and export of base data."""

from pathlib import Path
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from tests.factories.accounts import bearer, make_company, make_staff
from tests.factories.network import LAT, LON, make_facility, make_pipe

OWN = {"id", "area_id"}


def told(layer: Any) -> dict[str, Any]:
    """Attributes and shape by code, without this database's own ids."""
    return {
        each["properties"]["code"]: (
            {name: value for name, value in each["properties"].items() if name not in OWN and name != "length_m"},
            each["geometry"],
        )
        for each in layer["features"]
    }


@pytest.mark.requirement("5.2.5-04")
async def test_pipes_and_facilities_are_exported_and_another_company_imports_the_same(
    client: AsyncTestClient[Any], session: AsyncSession, tmp_path: Path
) -> None:
    ours, theirs = await make_company(session), await make_company(session)
    giving, taking = [
        bearer(client, await make_staff(session, company, roles=["network_engineer"])) for company in (ours, theirs)
    ]
    await make_pipe(session, ours.unit)
    await make_pipe(session, ours.unit, level="low", line=((LON, LAT), (LON + 0.002, LAT + 0.001)))
    await make_facility(session, ours.unit)
    await make_facility(session, ours.unit, kind="regulator_box", at=(LON + 0.002, LAT))
    for name in ("pipes", "facilities"):
        url = f"/api/network/{name}.geojson"
        given = await client.get(url, headers=giving)
        assert len(told(given.json())) == 2
        answer = await client.post(
            "/api/network/imports",
            headers=taking,
            data={"organisation_id": theirs.unit.id},
            files={"file": (f"{name}.geojson", given.content)},
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["layers"][0]["rejected"] == []
        assert told((await client.get(url, headers=taking)).json()) == told(given.json())
