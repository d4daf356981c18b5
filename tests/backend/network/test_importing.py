"""A company's network file comes in whole: good rows as they are, bad rows each with its reason."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
import shapely
from pyproj import Transformer
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.errors import AppError
from backend.intake.models import OutboxDocument
from backend.network import service
from backend.network.models import Facility, PatrolArea, Pipe
from backend.network.schemas import ImportReport
from tests.factories.accounts import Company, make_company
from tests.factories.network import LAT, LON, pipe_row, write_layer

LINE = shapely.LineString([(LON, LAT), (LON + 0.001, LAT + 0.0005)])
OTHER = shapely.LineString([(LON + 0.001, LAT), (LON + 0.002, LAT)])


async def _import(session: AsyncSession, company: Company, path: Path, **rest: Any) -> ImportReport:
    return await service.import_network(session, None, path, organisation_id=company.unit.id, **rest)


async def _count(session: AsyncSession, table: type[Any]) -> int:
    return await session.scalar(select(func.count()).select_from(table)) or 0


class TestFormats:
    @pytest.mark.parametrize("suffix", [".gpkg", ".geojson"])
    async def test_a_file_is_taken_with_its_chinese_words(
        self, session: AsyncSession, tmp_path: Path, suffix: str
    ) -> None:
        company = await make_company(session)
        path = write_layer(tmp_path / f"管网{suffix}", [(pipe_row("SH-1"), LINE)])
        report = await _import(session, company, path)
        assert (report.read, report.accepted, report.rejected) == (1, 1, ())
        pipe = await session.scalar(select(Pipe).where(Pipe.organisation_id == company.unit.id))
        assert pipe is not None
        assert (pipe.pressure_level, pipe.material, pipe.laid_year) == ("medium_a", "PE80", 2009)

    async def test_a_zipped_shapefile_is_taken(self, session: AsyncSession, tmp_path: Path) -> None:
        company = await make_company(session)
        row = {"编号": "SH-1", "压力级": "中压A"}
        shapefile = write_layer(tmp_path / "pipes.shp", [(row, LINE)], layer=None)
        archive = tmp_path / "pipes.zip"
        with zipfile.ZipFile(archive, "w") as target:
            for suffix in (".shp", ".shx", ".dbf", ".prj", ".cpg"):
                target.write(shapefile.with_suffix(suffix), f"管网/pipes{suffix}")
        assert (await _import(session, company, archive)).accepted == 1

    async def test_a_csv_with_wkt_is_taken_where_its_system_is_named(
        self, session: AsyncSession, tmp_path: Path
    ) -> None:
        company = await make_company(session)
        path = tmp_path / "管段.csv"
        path.write_text(f'编号,压力级别,WKT\nSH-1,次高压B,"{LINE.wkt}"\n', encoding="gb18030")
        assert (await _import(session, company, path, crs="EPSG:4490")).accepted == 1

    async def test_a_csv_of_valves_by_longitude_and_latitude_is_taken(
        self, session: AsyncSession, tmp_path: Path
    ) -> None:
        company = await make_company(session)
        path = tmp_path / "阀门.csv"
        path.write_text(f"设施编号,类型,名称,经度,纬度\nF-1,阀井,一号阀井,{LON},{LAT}\n", encoding="utf-8-sig")
        report = await _import(session, company, path, crs="EPSG:4490")
        facility = await session.scalar(select(Facility).where(Facility.organisation_id == company.unit.id))
        assert (report.layers[0].kind, facility and facility.kind) == ("facility", "valve_chamber")

    async def test_plane_coordinates_of_a_zone_come_out_where_they_are(
        self, session: AsyncSession, tmp_path: Path
    ) -> None:
        company = await make_company(session)
        to_zone = Transformer.from_crs(4490, 4551, always_xy=True)
        line = shapely.LineString([to_zone.transform(*point) for point in LINE.coords])
        await _import(session, company, write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), line)], crs="EPSG:4551"))
        wkt = await session.scalar(select(func.ST_AsText(Pipe.line, 6)).where(Pipe.organisation_id == company.unit.id))
        assert shapely.equals_exact(shapely.from_wkt(wkt), LINE, tolerance=1e-6)

    async def test_lengths_agree_with_postgis(self, session: AsyncSession, tmp_path: Path) -> None:
        company = await make_company(session)
        await _import(session, company, write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), LINE)]))
        ours, theirs = (
            await session.execute(
                text("SELECT length_m, ST_Length(line::geography) FROM pipes WHERE organisation_id = :unit"),
                {"unit": company.unit.id},
            )
        ).one()
        assert ours == pytest.approx(theirs, abs=0.001)


class TestRefusedFiles:
    @pytest.mark.parametrize(
        ("name", "content", "code"),
        [
            ("a.gpkg", b"not a geopackage", "import.wrong_format"),
            ("a.gpkg", b"SQLite format 3\x00 and then rubbish", "import.unreadable"),
            ("a.zip", b"PK\x03\x04 cut off", "import.bad_archive"),
            ("a.geojson", b'{"type": "FeatureCollection", "features": [', "import.unreadable"),
            ("a.geojson", b"<OGRVRTDataSource></OGRVRTDataSource>", "import.wrong_format"),
            ("a.exe", b"MZ", "import.wrong_format"),
            ("a.csv", "编号,压力级制,WKT\n".encode(), "import.no_crs"),
        ],
    )
    async def test_it_is_told_why(
        self, session: AsyncSession, tmp_path: Path, name: str, content: bytes, code: str
    ) -> None:
        company = await make_company(session)
        (tmp_path / name).write_bytes(content)
        with pytest.raises(AppError) as error:
            await _import(session, company, tmp_path / name)
        assert (error.value.status, error.value.code) == (422, code)

    async def test_a_file_that_names_no_system_is_refused_unless_one_is_given(
        self, session: AsyncSession, tmp_path: Path
    ) -> None:
        company = await make_company(session)
        with pytest.warns(UserWarning, match="crs"):
            path = write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), LINE)], crs=None)
        with pytest.raises(AppError, match="coordinate system"):
            await _import(session, company, path)
        assert (await _import(session, company, path, crs="EPSG:4490")).accepted == 1

    @pytest.mark.parametrize(
        "crs", ["+proj=longlat +nadgrids=/etc/passwd", "+init=/etc/passwd:root", "+proj=vgridshift +grids=x", "/etc/x"]
    )
    async def test_a_system_that_names_a_file_of_this_machine_is_refused(
        self, session: AsyncSession, tmp_path: Path, crs: str
    ) -> None:
        company = await make_company(session)
        path = tmp_path / "管段.csv"
        path.write_text(f'编号,压力级制,wkt\nA,中压A,"{LINE.wkt}"\n', encoding="utf-8")
        with pytest.raises(AppError) as refused:
            await _import(session, company, path, crs=crs)
        assert refused.value.code == "import.unknown_crs"

    async def test_a_mapping_to_a_missing_column_is_refused(self, session: AsyncSession, tmp_path: Path) -> None:
        company = await make_company(session)
        path = write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), LINE)])
        with pytest.raises(AppError) as error:
            await _import(session, company, path, mapping={"code": "没有这列"})
        assert error.value.code == "import.unknown_column"


class TestRefusedRows:
    async def test_a_row_that_no_database_could_hold_is_listed_and_its_neighbour_comes_in(
        self, session: AsyncSession, tmp_path: Path
    ) -> None:
        company = await make_company(session)
        path = tmp_path / "管段.csv"
        # A long remark first: the beginning of the file looks like any other.
        rows = "".join(f'{code},中压A,"{LINE.wkt}",{note}\n' for code, note in (("A", "x" * 5000), ("B\0", "")))
        path.write_text(f"编号,压力级制,wkt,备注\n{rows}", encoding="utf-8")
        report = await _import(session, company, path, crs="EPSG:4490")
        assert report.accepted == 1
        assert [row.code for row in report.rejected] == ["unprintable"]

    async def test_a_city_with_more_pipes_than_a_statement_takes_parameters(
        self, session: AsyncSession, tmp_path: Path
    ) -> None:
        company = await make_company(session)
        path = tmp_path / "管段.csv"
        rows = "".join(f'P{number},中压A,"{LINE.wkt}"\n' for number in range(66_000))
        path.write_text(f"编号,压力级制,wkt\n{rows}", encoding="utf-8")
        report = await _import(session, company, path, crs="EPSG:4490", dry_run=True)
        assert report.accepted == 66_000

    async def test_each_is_listed_with_its_reason_and_good_neighbours_come_in(
        self, session: AsyncSession, tmp_path: Path
    ) -> None:
        company = await make_company(session)
        rows = [
            (pipe_row("SH-1"), LINE),
            (pipe_row("SH-2", "中压"), LINE),
            (pipe_row("SH-3", 敷设年份="去年"), LINE),
            (pipe_row(""), LINE),
            (pipe_row("SH-1"), OTHER),
            (pipe_row("SH-6"), None),
            (pipe_row("SH-7"), shapely.LineString([(LON, LAT), (LON, LAT)])),
            (pipe_row("SH-8"), shapely.LineString([(0.0, 0.0), (1.0, 1.0)])),
            (pipe_row("SH-9"), shapely.MultiLineString([LINE.coords, [(LON + 1, LAT), (LON + 1, LAT + 1)]])),
            (pipe_row("SH-10"), OTHER),
        ]
        path = write_layer(tmp_path / "a.gpkg", rows, geometry_type="Unknown")
        report = await _import(session, company, path)
        assert [(row.row, row.code) for row in report.rejected] == [
            (2, "unknown_pressure_level"),
            (3, "bad_year"),
            (4, "code_missing"),
            (5, "duplicate_code"),
            (6, "no_geometry"),
            (7, "zero_length"),
            (8, "outside"),
            (9, "wrong_geometry"),
        ]
        assert all(row.reason_zh and row.reason_en for row in report.rejected)
        codes = await session.scalars(
            select(Pipe.code).where(Pipe.organisation_id == company.unit.id).order_by(Pipe.code)
        )
        assert codes.all() == ["SH-1", "SH-10"]


class TestRepeat:
    async def test_a_dry_run_reports_and_writes_nothing(self, session: AsyncSession, tmp_path: Path) -> None:
        company = await make_company(session)
        path = write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), LINE)])
        before = await _count(session, OutboxDocument)
        report = await _import(session, company, path, dry_run=True)
        assert (report.layers[0].created, report.version) == (1, 0)
        assert [await _count(session, table) for table in (Pipe, PatrolArea)] == [0, 0]
        assert await _count(session, OutboxDocument) == before

    async def test_the_same_file_again_changes_nothing(self, session: AsyncSession, tmp_path: Path) -> None:
        company = await make_company(session)
        path = write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), LINE), (pipe_row("SH-2"), OTHER)])
        first = await _import(session, company, path)
        again = await _import(session, company, path)
        assert (first.layers[0].created, again.layers[0].unchanged) == (2, 2)
        assert (first.version, again.version) == (1, 1)

    async def test_a_changed_pipe_keeps_its_id_and_goes_to_the_units_phones(
        self, session: AsyncSession, tmp_path: Path
    ) -> None:
        company = await make_company(session)
        await _import(session, company, write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), LINE)]))
        own = select(Pipe).where(Pipe.organisation_id == company.unit.id)
        first = (await session.scalars(own)).one()
        report = await _import(session, company, write_layer(tmp_path / "b.gpkg", [(pipe_row("SH-1", "低压"), OTHER)]))
        session.expire_all()
        second = (await session.scalars(own)).one()
        assert (report.layers[0].changed, report.version) == (1, 2)
        assert (second.id, second.pressure_level) == (first.id, "low")
        posted = await session.scalar(
            select(OutboxDocument.body).where(OutboxDocument.doc_id == f"reference.pipe:{first.id}")
        )
        assert b'"pressure_level":"low"' in (posted or b"")
