"""The demo network is a whole town with the standard's words, and comes in through the same import as any other."""

import collections
from pathlib import Path
from typing import Any

import networkx as nx
import pyogrio.raw
import pytest
import shapely
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.network import service as network
from backend.network.models import Facility, PatrolArea, Pipe
from qixun.demo.network import CRS, FACILITY_LAYER, PIPE_LAYER, export_network
from tests.factories.accounts import make_company

PIPES = 2_559


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    path = tmp_path_factory.mktemp("network") / "demo.gpkg"
    return path, export_network(path)


def _rows(path: Path, layer: str) -> tuple[dict[str, Any], Any]:
    meta, _, wkb, columns = pyogrio.raw.read(path, layer=layer)
    assert str(meta["crs"]) == CRS
    return dict(zip(meta["fields"], columns, strict=True)), shapely.from_wkb(wkb)


class TestExportNetwork:
    def test_every_pipe_of_the_town_is_there_with_a_code_of_its_own(
        self, exported: tuple[Path, dict[str, int]]
    ) -> None:
        path, counts = exported
        fields, lines = _rows(path, PIPE_LAYER)
        assert counts[PIPE_LAYER] == len(lines) == PIPES
        assert len(set(fields["管段编号"])) == PIPES
        assert min(line.length for line in lines) > 0.01

    def test_it_has_four_pressure_levels_and_six_areas(self, exported: tuple[Path, dict[str, int]]) -> None:
        fields, _ = _rows(exported[0], PIPE_LAYER)
        levels = collections.Counter(fields["压力级制"])
        assert set(levels) == {"次高压B", "中压A", "中压B", "低压"}
        assert levels["低压"] > levels["中压B"] > levels["中压A"] > 0
        assert len(set(fields["片区"])) == 6

    def test_it_hangs_together(self, exported: tuple[Path, dict[str, int]]) -> None:
        _, lines = _rows(exported[0], PIPE_LAYER)
        graph = nx.Graph([(line.coords[0], line.coords[-1]) for line in lines])
        assert nx.is_connected(graph)

    def test_valves_and_regulators_stand_on_pipes(self, exported: tuple[Path, dict[str, int]]) -> None:
        fields, points = _rows(exported[0], FACILITY_LAYER)
        _, lines = _rows(exported[0], PIPE_LAYER)
        distances = shapely.distance(points, shapely.union_all(lines))
        assert set(fields["类型"]) == {"阀门", "调压箱"}
        assert len(set(fields["设施编号"])) == exported[1][FACILITY_LAYER] == len(points)
        assert max(distances) < 0.01

    def test_it_is_the_same_every_time(self, exported: tuple[Path, dict[str, int]], tmp_path: Path) -> None:
        again = tmp_path / "again.gpkg"
        assert export_network(again) == exported[1]
        ours, theirs = (_rows(path, PIPE_LAYER) for path in (again, exported[0]))
        assert all((ours[0][name] == theirs[0][name]).all() for name in theirs[0])
        assert shapely.equals(ours[1], theirs[1]).all()

    async def test_the_import_takes_every_row(
        self, exported: tuple[Path, dict[str, int]], session: AsyncSession
    ) -> None:
        company = await make_company(session)
        report = await network.import_network(session, None, exported[0], organisation_id=company.unit.id)
        own = {table: table.organisation_id == company.unit.id for table in (Pipe, Facility, PatrolArea)}
        held = {table: await session.scalar(select(func.count()).where(own[table])) for table in own}
        west, south, east, north = shapely.from_wkt(
            await session.scalar(select(func.ST_AsText(func.ST_Extent(Pipe.line))).where(own[Pipe]))
        ).bounds
        assert report.rejected == ()
        assert held == {Pipe: PIPES, Facility: exported[1][FACILITY_LAYER], PatrolArea: 6}
        assert 126.3 < west < east < 126.4
        assert 43.15 < south < north < 43.25
