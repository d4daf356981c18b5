"""Stations and supply points: entered, found, on the map, brought in by a table, told to nobody else."""

from datetime import date
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.audit import AuditEntry
from backend.tables import read_table, write_xlsx
from tests.factories.accounts import Company, bearer, make_company, make_organisation, make_staff
from tests.factories.certificates import in_days, make_certificate
from tests.factories.network import LAT, LON
from tests.factories.stations import make_station_record, station_in

HEADS = ["场站编号", "场站名称", "场站类型", "所属单位", "地址", "经度", "纬度", "储存规模 t", "投用日期"]


class Office:
    def __init__(self, client: AsyncTestClient[Any], company: Company, staff: Staff) -> None:
        self.client, self.company, self.staff = client, company, staff
        self.headers = bearer(client, staff)

    async def post(self, **fields: Any) -> Any:
        body = msgspec.to_builtins(station_in(self.company)) | msgspec.to_builtins(fields)
        return await self.client.post("/api/stations", headers=self.headers, json=body)

    async def get(self, path: str = "", **params: Any) -> Any:
        return await self.client.get(f"/api/stations{path}", headers=self.headers, params=params)

    async def bring(self, content: bytes, *, dry_run: bool = False) -> Any:
        files = {"file": ("stations.bin", content)}
        data = {"dry_run": str(dry_run).lower()}
        return await self.client.post("/api/stations/imports", headers=self.headers, files=files, data=data)


@pytest.fixture
async def keeper(client: AsyncTestClient[Any], session: AsyncSession) -> Office:
    company = await make_company(session)
    return Office(client, company, await make_staff(session, company, roles=["company_admin"]))


class TestWhoMay:
    @pytest.mark.parametrize("path", ["", "/x", "/export.xlsx", "/map.geojson"])
    async def test_a_driver_sees_none(self, client: AsyncTestClient[Any], session: AsyncSession, path: str) -> None:
        company = await make_company(session)
        driver = Office(client, company, await make_staff(session, company, roles=["driver"]))
        assert (await driver.get(path)).status_code == 403
        assert (await driver.post()).status_code == 403
        assert (await driver.bring(b"x")).status_code == 403

    async def test_another_companys_are_neither_seen_nor_changed(self, keeper: Office, session: AsyncSession) -> None:
        theirs = await make_company(session)
        made = await make_station_record(session, theirs, await make_staff(session, theirs))
        assert (await keeper.get()).json() == {"items": [], "total": 0}
        assert (await keeper.get("/map.geojson")).json()["features"] == []
        assert (await keeper.get(f"/{made.id}")).status_code == 404
        body = msgspec.to_builtins(station_in(keeper.company))
        changed = await keeper.client.put(f"/api/stations/{made.id}", headers=keeper.headers, json=body)
        assert changed.status_code == 404
        assert (await keeper.post(organisation_id=theirs.unit.id)).status_code == 404

    async def test_a_regulator_sees_his_subtree_and_changes_nothing(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        await keeper.post()
        officer = await make_staff(session, keeper.company, roles=["supervisor"], on=keeper.company.province)
        his = Office(keeper.client, keeper.company, officer)
        assert (await his.get()).json()["total"] == 1
        assert (await his.post(code="X")).status_code == 403

    async def test_the_keeper_of_one_unit_makes_none_in_the_next(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        company = await make_company(session)
        keeper = await make_staff(session, company, roles=["station_keeper"], on=company.unit)
        his = Office(client, company, keeper)
        assert (await his.post()).status_code == 201
        assert (await his.post(organisation_id=company.other_unit.id)).status_code == 404


class TestRecord:
    async def test_every_field_is_entered_shown_changed_and_written_down(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        given = {"code": "CZ-1", "name": "东门供应站", "kind": "supply", "opened_on": "2019-05-01", "capacity_t": 4.5}
        made = (await keeper.post(**given)).json()
        shown = (await keeper.get(f"/{made['id']}")).json()
        assert {name: shown[name] for name in given} == given
        assert (shown["lon"], shown["lat"], shown["organisation_name"]) == (LON, LAT, keeper.company.unit.name)
        assert (shown["manager"], shown["manager_phone"]) == ("演示-钱站长", "100-0000-0001")
        assert shown["registered_at"]
        body = msgspec.to_builtins(station_in(keeper.company, code="CZ-1", state="closed"))
        await keeper.client.put(f"/api/stations/{made['id']}", headers=keeper.headers, json=body)
        assert (await keeper.get()).json()["total"] == 0
        assert (await keeper.get(state="")).json()["items"][0]["state"] == "closed"
        actions = await session.scalars(select(AuditEntry.action).where(AuditEntry.subject_id == made["id"]))
        assert actions.all() == ["station.saved", "station.saved"]

    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"kind": "castle"}, 400, "request.malformed"),
            ({"lat": None}, 422, "station.position"),
            ({"lon": 181}, 400, "request.malformed"),
            ({"capacity_t": -1}, 400, "request.malformed"),
            ({"manager_phone": "call me"}, 400, "request.malformed"),
        ],
    )
    async def test_what_cannot_be_is_told(self, keeper: Office, fields: dict[str, Any], status: int, code: str) -> None:
        answer = await keeper.post(**fields)
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    async def test_a_station_belongs_to_a_unit_and_has_a_code_of_its_own(self, keeper: Office) -> None:
        assert (await keeper.post(organisation_id=keeper.company.company.id)).json()["code"] == "unit.not_a_unit"
        assert [(await keeper.post(code="CZ-9")).status_code for _ in range(2)] == [201, 409]

    async def test_they_are_found_by_kind_unit_and_text(self, keeper: Office) -> None:
        await keeper.post(code="A-1", name="松河储配站")
        await keeper.post(code="A-2", name="东门供应站", kind="supply", organisation_id=keeper.company.other_unit.id)
        await keeper.post(code="A-3", name="林场供应点", kind="point")

        async def found(**params: Any) -> list[str]:
            return [each["code"] for each in (await keeper.get(**params)).json()["items"]]

        assert await found(kind="supply") == ["A-2"]
        assert await found(organisation_id=keeper.company.unit.id) == ["A-1", "A-3"]
        assert await found(search="东门") == ["A-2"]
        assert await found(search="a-3") == ["A-3"]

    async def test_its_licence_stands_beside_it(self, keeper: Office, session: AsyncSession) -> None:
        made = (await keeper.post()).json()
        assert made["licence_number"] == ""
        await make_certificate(
            session,
            keeper.company,
            keeper.staff,
            holder_kind="station",
            holder_id=made["id"],
            kind="gas_station",
            number="ZH-7",
            expires_on=in_days(-2),
        )
        shown = (await keeper.get(f"/{made['id']}")).json()
        assert (shown["licence_number"], shown["licence_state"]) == ("ZH-7", "expired")

    async def test_it_stands_on_the_map_while_it_is_open(self, keeper: Office) -> None:
        await keeper.post(code="A-1")
        await keeper.post(code="A-2", state="closed")
        await keeper.post(code="A-3", lon=None, lat=None)
        (feature,) = (await keeper.get("/map.geojson")).json()["features"]
        assert (feature["geometry"]["coordinates"], feature["properties"]["code"]) == ([LON, LAT], "A-1")


class TestImport:
    def row(self, keeper: Office, code: str, **cells: Any) -> list[Any]:
        given = {
            "场站编号": code,
            "场站名称": "导入站",
            "场站类型": "供应站",
            "所属单位": keeper.company.unit.name,
            "地址": "江沿路 8 号",
            "经度": LON,
            "纬度": LAT,
            "储存规模 t": 2.5,
            "投用日期": date(2020, 5, 1),
        }
        return [(given | cells)[head] for head in HEADS]

    async def test_good_rows_are_taken_and_each_bad_one_is_named_with_what_is_wrong(self, keeper: Office) -> None:
        rows = [
            self.row(keeper, "I-1"),
            self.row(keeper, "I-2", 场站类型="城堡"),
            self.row(keeper, "I-3", 所属单位="别的公司"),
            self.row(keeper, "I-4", 经度="东经"),
            self.row(keeper, "I-5", 投用日期="去年"),
            self.row(keeper, "I-1"),
            self.row(keeper, ""),
            self.row(keeper, "I-6"),
        ]
        report = (await keeper.bring(write_xlsx(HEADS, rows))).json()
        assert (report["added"], report["changed"]) == (2, 0)
        assert [(each["row"], each["code"]) for each in report["rejected"]] == [
            (3, "I-2"),
            (4, "I-3"),
            (5, "I-4"),
            (6, "I-5"),
            (7, "I-1"),
            (8, ""),
        ]
        assert all(each["zh"] and each["en"] for each in report["rejected"])
        assert [each["code"] for each in (await keeper.get()).json()["items"]] == ["I-1", "I-6"]

    async def test_a_trial_reports_the_same_and_changes_nothing(self, keeper: Office) -> None:
        content = write_xlsx(HEADS, [self.row(keeper, "I-1"), self.row(keeper, "I-2", 场站类型="城堡")])
        trial = (await keeper.bring(content, dry_run=True)).json()
        assert (trial["added"], len(trial["rejected"]), trial["dry_run"]) == (1, 1, True)
        assert (await keeper.get()).json()["total"] == 0
        assert (await keeper.bring(content)).json()["added"] == 1

    async def test_what_is_exported_comes_back_in_and_changes_nothing(self, keeper: Office) -> None:
        await keeper.post(code="E-1", opened_on="2019-05-01")
        await keeper.post(code="=E-2", kind="point", state="closed", capacity_t=None, lon=None, lat=None)
        before = (await keeper.get(state="")).json()
        sheet = (await keeper.get("/export.xlsx", state="")).content
        assert len(read_table(sheet)) == 3
        report = (await keeper.bring(sheet)).json()
        assert (report["added"], report["changed"], report["rejected"]) == (0, 2, [])
        assert (await keeper.get(state="")).json() == before

    async def test_what_the_table_has_no_column_for_stays(self, keeper: Office) -> None:
        await keeper.post(code="E-1", name="旧名")
        csv = "编号,名称,类型\nE-1,新名,储配站\n".encode()
        assert (await keeper.bring(csv)).json()["changed"] == 1
        (after,) = (await keeper.get()).json()["items"]
        assert (after["name"], after["lon"], after["capacity_t"], after["manager"]) == ("新名", LON, 90, "演示-钱站长")

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "table.empty"),
            (b"\x00\x01\x02", "table.unreadable"),
            ("姓名,电话\n甲,1\n".encode(), "import.heads"),
            (b"PK\x03\x04broken", "table.broken"),
        ],
    )
    async def test_a_file_that_is_no_such_table_is_told(self, keeper: Office, content: bytes, code: str) -> None:
        answer = await keeper.bring(content)
        assert (answer.status_code, answer.json()["code"]) == (422, code)

    async def test_another_companys_station_of_the_same_code_is_not_touched(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        theirs = await make_company(session)
        await make_station_record(session, theirs, await make_staff(session, theirs), code="I-1", name="他们的")
        report = (await keeper.bring(write_xlsx(HEADS, [self.row(keeper, "I-1")]))).json()
        assert (report["added"], report["rejected"]) == (1, [])
        other = await make_organisation(session, "unit", parent=theirs.company)
        refused = (await keeper.bring(write_xlsx(HEADS, [self.row(keeper, "I-2", 所属单位=other.name)]))).json()
        assert len(refused["rejected"]) == 1
