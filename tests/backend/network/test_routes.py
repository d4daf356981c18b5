"""The network over HTTP: who sees which pipes, and uploads."""

from pathlib import Path
from typing import Any

import shapely
from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from backend.network import service
from tests.factories.accounts import bearer, make_company, make_staff
from tests.factories.network import LAT, LON, make_area, make_facility, make_pipe, pipe_row, write_layer

LINE = shapely.LineString([(LON, LAT), (LON + 0.001, LAT + 0.0005)])


async def _upload(client: AsyncTestClient, headers: dict[str, str], path: Path, **form: Any) -> Any:
    with path.open("rb") as file:
        return await client.post("/api/network/imports", headers=headers, data=form, files={"file": (path.name, file)})


class TestImport:
    async def test_a_dispatcher_may_not_import(
        self, client: AsyncTestClient, session: AsyncSession, tmp_path: Path
    ) -> None:
        company = await make_company(session)
        staff = await make_staff(session, company, roles=["dispatcher"])
        path = write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), LINE)])
        answer = await _upload(client, bearer(client, staff), path, organisation_id=company.unit.id)
        assert (answer.status_code, answer.json()["code"]) == (403, "right.missing")

    async def test_nobody_imports_into_another_company(
        self, client: AsyncTestClient, session: AsyncSession, tmp_path: Path
    ) -> None:
        ours, theirs = await make_company(session), await make_company(session)
        engineer = await make_staff(session, ours, roles=["network_engineer"])
        path = write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), LINE)])
        answer = await _upload(client, bearer(client, engineer), path, organisation_id=theirs.unit.id)
        assert answer.status_code == 404

    async def test_an_upload_is_reported_row_by_row(
        self, client: AsyncTestClient, session: AsyncSession, tmp_path: Path
    ) -> None:
        company = await make_company(session)
        engineer = await make_staff(session, company, roles=["network_engineer"])
        path = write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), LINE), (pipe_row("SH-2", "超高压"), LINE)])
        answer = await _upload(client, bearer(client, engineer), path, organisation_id=company.unit.id)
        assert answer.status_code == 200
        layer = answer.json()["layers"][0]
        assert (layer["accepted"], layer["rejected"][0]["code"]) == (1, "unknown_pressure_level")

    async def test_a_broken_file_is_a_clear_problem(
        self, client: AsyncTestClient, session: AsyncSession, tmp_path: Path
    ) -> None:
        company = await make_company(session)
        engineer = await make_staff(session, company, roles=["network_engineer"])
        path = tmp_path / "a.gpkg"
        path.write_bytes(b"rubbish")
        answer = await _upload(client, bearer(client, engineer), path, organisation_id=company.unit.id)
        assert (answer.status_code, answer.json()["code"]) == (422, "import.wrong_format")


class TestMap:
    async def test_an_inspector_without_the_right_sees_none(
        self, client: AsyncTestClient, session: AsyncSession
    ) -> None:
        staff = await make_staff(session, await make_company(session), roles=["inspector"])
        assert (await client.get("/api/network/pipes.geojson", headers=bearer(client, staff))).status_code == 403

    async def test_only_the_callers_pipes_are_shown(self, client: AsyncTestClient, session: AsyncSession) -> None:
        ours, theirs = await make_company(session), await make_company(session)
        staff = await make_staff(session, ours, roles=["dispatcher"])
        own = await make_pipe(session, ours.unit)
        await make_pipe(session, theirs.unit)
        answer = await client.get("/api/network/pipes.geojson", headers=bearer(client, staff))
        assert answer.headers["content-type"].startswith("application/geo+json")
        features = answer.json()["features"]
        assert [each["properties"]["code"] for each in features] == [own.code]
        assert features[0]["geometry"]["type"] == "LineString"

    async def test_box_and_level_narrow_it(self, client: AsyncTestClient, session: AsyncSession) -> None:
        company = await make_company(session)
        staff = await make_staff(session, company, roles=["dispatcher"])
        headers = bearer(client, staff)
        near = await make_pipe(session, company.unit)
        await make_pipe(session, company.unit, level="low")
        await make_pipe(session, company.unit, line=[(LON + 1, LAT), (LON + 1.001, LAT)])
        query = {"bbox": f"{LON - 0.01},{LAT - 0.01},{LON + 0.01},{LAT + 0.01}", "levels": "medium_a"}
        answer = await client.get("/api/network/pipes.geojson", headers=headers, params=query)
        assert [each["properties"]["id"] for each in answer.json()["features"]] == [near.id]
        wrong = await client.get("/api/network/pipes.geojson", headers=headers, params={"bbox": "1,2,3"})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "bbox.wrong")

    async def test_an_empty_map_is_an_empty_collection(self, client: AsyncTestClient, session: AsyncSession) -> None:
        staff = await make_staff(session, await make_company(session), roles=["dispatcher"])
        answer = await client.get("/api/network/facilities.geojson", headers=bearer(client, staff))
        assert answer.json() == {"type": "FeatureCollection", "features": []}


class TestArea:
    async def test_a_drawn_area_takes_the_pipes_in_it(self, client: AsyncTestClient, session: AsyncSession) -> None:
        company = await make_company(session)
        engineer = await make_staff(session, company, roles=["network_engineer"])
        inside = await make_pipe(session, company.unit)
        await make_pipe(session, company.unit, line=[(LON + 1, LAT), (LON + 1.001, LAT)])
        await make_facility(session, company.unit)
        square = shapely.box(LON - 0.01, LAT - 0.01, LON + 0.01, LAT + 0.01)
        body = {"organisation_id": company.unit.id, "name": "林场片区", "boundary": shapely.geometry.mapping(square)}
        made = await client.post("/api/network/areas", json=body, headers=bearer(client, engineer))
        assert made.status_code == 201, made.text
        assert made.json()["pipes"] == 1
        lines = await service.pipes_of_area(session, made.json()["id"])
        assert [line.id for line in lines] == [inside.id]


class TestNearestPipe:
    async def test_it_is_measured_in_metres_within_the_unit(self, session: AsyncSession) -> None:
        company = await make_company(session)
        area = await make_area(session, company.unit)
        pipe = await make_pipe(session, company.unit, area=area)
        places = [
            service.Place(company.unit.id, LON, LAT + 0.01),
            service.Place(company.unit.id, LON + 0.0005, LAT + 0.0001),
            service.Place("another unit", LON + 0.0005, LAT + 0.0001),
        ]
        far, near, theirs = await service.nearest_pipes(session, places, within_m=50)
        assert near is not None
        assert near.id == pipe.id
        assert 10 < near.distance_m < 12.5
        assert (far, theirs) == (None, None)
