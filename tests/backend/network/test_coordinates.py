"""One coordinate system in the whole database, and a way into it from every other: clause 5.2.3."""

from pathlib import Path

import pytest
import shapely
from pyproj import Transformer
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.errors import AppError
from backend.network import service
from backend.network.models import Pipe
from tests.factories.accounts import make_company
from tests.factories.network import LAT, LON, pipe_row, write_layer

LINE = shapely.LineString([(LON, LAT), (LON + 0.001, LAT + 0.0005)])
# The same metre: what PROJ and PostGIS round differs less.
_SAME_DEG = 1e-6
BEIJING_54 = "+proj=longlat +ellps=krass +towgs84=15.8,-154.4,-82.3,0,0,0,0 +type=crs"


async def imported(session: AsyncSession, path: Path, **rest: str) -> shapely.LineString:
    """The pipe of the file as it lies in the database."""
    company = await make_company(session)
    report = await service.import_network(session, None, path, organisation_id=company.unit.id, **rest)
    assert report.rejected == ()
    wkt = await session.scalar(select(func.ST_AsText(Pipe.line, 8)).where(Pipe.organisation_id == company.unit.id))
    return shapely.from_wkt(wkt)


class TestOneSystem:
    @pytest.mark.requirement("5.2.3a", "5.2.3b")
    async def test_every_place_in_the_database_is_in_cgcs2000(self, session: AsyncSession) -> None:
        query = "SELECT f_table_name, srid FROM geometry_columns WHERE f_table_schema = 'public'"
        geographies = "SELECT f_table_name, srid FROM geography_columns WHERE f_table_schema = 'public'"
        found = (await session.execute(text(f"{query} UNION ALL {geographies}"))).all()
        tables = {
            "pipes",
            "facilities",
            "patrol_areas",
            "patrol_track_chunks",
            "hazards",
            "third_party_works",
            "customers",
        }
        assert tables <= {table for table, _ in found}
        assert {srid for _, srid in found} == {4490}

    @pytest.mark.requirement("5.2.3a", "5.2.3b")
    async def test_a_shape_of_another_system_cannot_get_in(self, session: AsyncSession) -> None:
        company = await make_company(session)
        insert = text(
            "INSERT INTO patrol_areas (id, organisation_id, name, boundary) "
            "VALUES ('a', :unit, 'x', ST_Multi(ST_Buffer(ST_SetSRID(ST_Point(126, 43), 4326), 0.01)))"
        )
        with pytest.raises(Exception, match="SRID"):
            await session.execute(insert, {"unit": company.unit.id})


class TestOtherSystems:
    @pytest.mark.requirement("5.2.3c")
    @pytest.mark.parametrize("system", ["EPSG:4326", "EPSG:3857", "EPSG:32652", "EPSG:4549", "EPSG:4513", BEIJING_54])
    async def test_a_file_in_another_system_comes_out_where_the_pipe_is(
        self, session: AsyncSession, tmp_path: Path, system: str
    ) -> None:
        there = Transformer.from_crs(4326, system, always_xy=True)
        moved = shapely.LineString([there.transform(*point) for point in LINE.coords])
        # A file keeps no datum parameters: who imports it names them.
        crs, named = (None, {"crs": system}) if system.startswith("+") else (system, {})
        path = tmp_path / "a.csv"
        path.write_text(f'管段编号,压力级制,WKT\nSH-1,中压A,"{moved.wkt}"\n', encoding="utf-8")
        if crs is not None:
            path = write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), moved)], crs=crs)
        assert shapely.equals_exact(await imported(session, path, **named), LINE, tolerance=_SAME_DEG)

    @pytest.mark.requirement("5.2.3c")
    async def test_an_old_datum_is_never_taken_for_the_new_one(self, session: AsyncSession, tmp_path: Path) -> None:
        path = write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), LINE)], crs="EPSG:4214")
        shift_deg = shapely.hausdorff_distance(await imported(session, path), LINE)
        assert 0.0002 < shift_deg < 0.003

    @pytest.mark.requirement("5.2.3c")
    async def test_a_system_without_a_known_way_is_refused_with_what_to_do(
        self, session: AsyncSession, tmp_path: Path
    ) -> None:
        company = await make_company(session)
        path = write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), LINE)], crs="EPSG:4610")
        with pytest.raises(AppError) as refused:
            await service.import_network(session, None, path, organisation_id=company.unit.id)
        assert refused.value.code == "import.no_transformation"
        assert "Xian 1980" in refused.value.detail
        assert "+towgs84" in refused.value.action
        assert await session.scalar(select(func.count()).select_from(Pipe)) == 0
