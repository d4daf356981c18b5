"""Cylinders go to an inspection body on a sheet and come back with a result each, by form or by file."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import AuditEntry
from backend.cylinders import service as cylinders
from backend.cylinders.schemas import CylinderOut, ScrapIn
from backend.errors import AppError
from backend.inspections import service as inspections
from backend.inspections.schemas import BatchIn, BatchOut, RepairIn, ResultIn
from backend.intake.models import OutboxDocument
from backend.tables import read_table, write_xlsx
from sync.databases import BEIJING, beijing_today
from sync.documents import decode_backend
from tests.factories.accounts import bearer, make_staff
from tests.factories.deliveries import Station, make_cylinder, make_station

TODAY = datetime.now(BEIJING).date()
SENT = TODAY - timedelta(days=10)
BACK = TODAY - timedelta(days=3)


async def _out(session: AsyncSession, station: Station, *codes: str) -> BatchOut:
    given = BatchIn(
        organisation_id=station.company.unit.id, inspection_body="松河气瓶检验站", sent_on=SENT, codes=codes
    )
    return await inspections.send_batch(session, station.caller, given)


async def _new(session: AsyncSession, station: Station, code: str, **fields: Any) -> CylinderOut:
    given = {"made_on": date(2022, 5, 1), "next_inspection_on": None, "service_ends_on": None}
    return await make_cylinder(session, station, code, **(given | fields))


def _result(code: str, result: Any = "passed", **fields: Any) -> ResultIn:
    return ResultIn(code=code, result=result, **({"inspected_on": BACK} | fields))


async def _shown(session: AsyncSession, station: Station, code: str) -> CylinderOut:
    (hit,) = (await cylinders.list_cylinders(session, station.caller, search=code)).items
    return await cylinders.find_cylinder(session, station.caller, hit.id)


class TestSend:
    async def test_a_dispatcher_and_another_company_may_not(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station, other = await make_station(session), await make_station(session)
        await _new(session, station, "35-1")
        body = {
            "organisation_id": station.company.unit.id,
            "inspection_body": "站",
            "sent_on": SENT.isoformat(),
            "codes": ["35-1"],
        }
        stranger = await make_staff(session, other.company, roles=["station_keeper"])
        for staff, status in ((station.dispatcher, 403), (stranger, 404)):
            answer = await client.post("/api/inspections/batches", headers=bearer(client, staff), json=body)
            assert answer.status_code == status

    async def test_another_companys_cylinder_is_not_on_record_here(self, session: AsyncSession) -> None:
        station, other = await make_station(session), await make_station(session)
        await _new(session, other, "THEIRS-1")
        with pytest.raises(AppError) as refused:
            await _out(session, station, "THEIRS-1")
        assert refused.value.facts["unknown"] == ["THEIRS-1"]

    async def test_they_leave_the_station_and_stand_at_the_body(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await _new(session, station, "35-1")
        batch = await _out(session, station, "35-1")
        assert batch.batch.number == f"SJ{SENT:%Y%m%d}-001"
        assert (batch.batch.total, batch.batch.out) == (1, 1)
        shown = await _shown(session, station, "35-1")
        assert (shown.cylinder.holder_kind, shown.cylinder.holder_name) == ("inspection_body", "松河气瓶检验站")
        assert [(move.kind, move.detail) for move in shown.chain] == [("sent_out", batch.batch.number)]
        assert shown.contradictions == []

    async def test_one_that_cannot_go_holds_the_whole_sheet_back(self, session: AsyncSession) -> None:
        station = await make_station(session)
        for code in ("35-1", "35-2", "35-3"):
            await _new(session, station, code, scrapped=code == "35-2")
        await _out(session, station, "35-3")
        with pytest.raises(AppError) as refused:
            await _out(session, station, "35-1", "35-2", "35-3", "NONE")
        facts = refused.value.facts
        assert (facts["unknown"], facts["scrapped"], facts["out"]) == (["NONE"], ["35-2"], ["35-3"])
        assert (await _shown(session, station, "35-1")).cylinder.holder_kind == "station"

    async def test_one_put_on_the_sheet_by_mistake_is_where_it_was(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await _new(session, station, "35-1")
        batch = await _out(session, station, "35-1")
        after = await inspections.withdraw_item(session, station.caller, batch.batch.id, batch.items[0].id)
        assert after.items == []
        assert (await _shown(session, station, "35-1")).cylinder.holder_kind == "station"
        await _out(session, station, "35-1")


class TestResults:
    async def test_a_dispatcher_may_not(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        station = await make_station(session)
        await _new(session, station, "35-1")
        batch = await _out(session, station, "35-1")
        path = f"/api/inspections/batches/{batch.batch.id}/results"
        body = {"results": [{"code": "35-1", "result": "passed", "inspected_on": BACK.isoformat()}]}
        assert (await client.post(path, headers=bearer(client, station.dispatcher), json=body)).status_code == 403

    @pytest.mark.requirement("5.8.8-3b")
    async def test_one_that_passed_is_back_with_its_next_date(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        """The date follows from the table of periods: 4 years, within its 8 years of service."""
        station = await make_station(session)
        made = await _new(session, station, "35-1")
        batch = await _out(session, station, "35-1")
        keeper = bearer(client, await make_staff(session, station.company, roles=["station_keeper"]))
        body = {
            "results": [{"code": "35-1", "result": "passed", "inspected_on": BACK.isoformat(), "report_number": "R7"}]
        }
        answer = await client.post(f"/api/inspections/batches/{batch.batch.id}/results", headers=keeper, json=body)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["batch"]["out"], answer.json()["batch"]["passed"]) == (0, 1)
        shown = await _shown(session, station, "35-1")
        assert shown.last_inspected_on == BACK
        assert shown.cylinder.service_ends_on == made.cylinder.service_ends_on == date(2030, 5, 1)
        assert shown.cylinder.next_inspection_on == min(BACK.replace(year=BACK.year + 4), date(2030, 5, 1))
        assert (shown.cylinder.holder_kind, shown.cylinder.holder_id) == ("station", station.company.unit.id)
        assert [move.kind for move in shown.chain] == ["inspected", "sent_out"]
        entry = await session.scalar(select(AuditEntry).where(AuditEntry.action == "cylinder.inspected"))
        assert entry is not None
        assert entry.facts["after"]["last_inspected_on"] == BACK.isoformat()

    @pytest.mark.requirement("5.8.8-3b")
    async def test_passed_in_its_last_year_it_serves_four_more(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made_on = BACK.replace(day=1, year=BACK.year - 8) + timedelta(days=120)
        made = await _new(session, station, "35-1", made_on=made_on)
        batch = await _out(session, station, "35-1")
        await inspections.record_results(session, station.caller, batch.batch.id, [_result("35-1")])
        shown = await _shown(session, station, "35-1")
        before, after = made.cylinder.service_ends_on, shown.cylinder.service_ends_on
        assert before is not None
        assert after is not None
        assert after.year == before.year + 4

    @pytest.mark.requirement("5.8.8-3b")
    async def test_one_that_failed_is_refused_by_phones_at_once_and_then_scrapped(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await _new(session, station, "35-1", tag_uid="04:AA")
        batch = await _out(session, station, "35-1")
        await inspections.record_results(
            session, station.caller, batch.batch.id, [_result("35-1", "failed", note="壁厚不足")]
        )
        shown = await _shown(session, station, "35-1")
        assert (shown.allowed, "inspection_failed" in [reason.code for reason in shown.reasons]) == (False, True)
        query = select(OutboxDocument).where(OutboxDocument.doc_id == f"reference.cylinder:{made.cylinder.id}")
        row = (await session.scalars(query.execution_options(populate_existing=True))).one()
        assert row.body is not None
        assert decode_backend(row.doc_id, row.body).inspection_failed  # type: ignore[union-attr]
        scrap = ScrapIn(reason="inspection_failed", scrapped_on=TODAY, document=batch.batch.number)
        assert await cylinders.dead_among(session, ["04AA"]) == {}
        await cylinders.scrap_cylinder(session, station.caller, made.cylinder.id, scrap)
        assert await cylinders.dead_among(session, ["04AA"]) == {"04AA": "scrapped"}
        again = await inspections.find_batch(session, station.caller, batch.batch.id)
        assert (again.items[0].result, again.items[0].scrapped) == ("failed", True)

    async def test_one_in_repair_stays_out_until_it_passes(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await _new(session, station, "35-1", tag_uid="04:aa")
        batch = await _out(session, station, "35-1")
        await inspections.record_results(
            session, station.caller, batch.batch.id, [_result("35-1", "repair", note="换瓶阀")]
        )
        assert (await _shown(session, station, "35-1")).cylinder.holder_kind == "inspection_body"
        repairs = await inspections.list_repairs(session, station.caller, made.cylinder.id)
        assert [(each.fault, each.repairer) for each in repairs] == [("换瓶阀", "松河气瓶检验站")]
        done = await inspections.record_results(session, station.caller, batch.batch.id, [_result("35-1")])
        assert done.batch.passed == 1

    async def test_a_result_that_was_wrong_is_corrected(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await _new(session, station, "35-1")
        batch = await _out(session, station, "35-1")
        for result in ("failed", "passed"):
            await inspections.record_results(session, station.caller, batch.batch.id, [_result("35-1", result)])
        shown = await _shown(session, station, "35-1")
        assert (shown.allowed, [move.kind for move in shown.chain]) == (True, ["inspected", "sent_out"])

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"code": "NONE"}, "不在这张送检单里"),
            ({"inspected_on": TODAY + timedelta(days=1)}, "在今天之后"),
            ({"inspected_on": SENT - timedelta(days=1)}, "早于送检"),
            ({"next_inspection_on": BACK}, "不晚于本次检验"),
        ],
    )
    async def test_what_cannot_be_is_said_and_nothing_is_written(
        self, session: AsyncSession, given: dict[str, Any], words: str
    ) -> None:
        station = await make_station(session)
        for code in ("35-1", "35-2"):
            await _new(session, station, code)
        batch = await _out(session, station, "35-1", "35-2")
        bad = ResultIn(**({"code": "35-1", "result": "passed", "inspected_on": BACK} | given))
        with pytest.raises(AppError) as refused:
            await inspections.record_results(session, station.caller, batch.batch.id, [_result("35-2"), bad])
        assert words in refused.value.detail
        assert (await inspections.find_batch(session, station.caller, batch.batch.id)).batch.out == 2

    async def test_past_its_service_life_it_cannot_pass(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await _new(session, station, "35-1", made_on=date(2008, 1, 1))
        batch = await _out(session, station, "35-1")
        with pytest.raises(AppError) as refused:
            await inspections.record_results(session, station.caller, batch.batch.id, [_result("35-1")])
        assert "使用年限" in refused.value.detail


class TestResultsFile:
    _HEADS = ("钢印号", "检验结论", "检验日期", "下次检验日期", "报告编号", "备注")

    @pytest.mark.requirement("5.8.8-3b")
    async def test_good_rows_are_taken_and_each_bad_one_told_and_again_changes_nothing(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        codes = [f"35-{number}" for number in range(1, 6)]
        for code in codes:
            await _new(session, station, code)
        batch = await _out(session, station, *codes)
        day = BACK.strftime("%Y.%m.%d")
        rows = [
            ["35-1", "合格", day, "2029-06", "R-1", ""],
            ["35-2", "不合格", day, "", "R-2", "壁厚不足"],
            ["35-3", "很好", day, "", "", ""],
            ["35-4", "合格", "上周", "", "", ""],
            ["35-9", "合格", day, "", "", ""],
            ["35-1", "合格", day, "", "", ""],
        ]
        content = write_xlsx(self._HEADS, rows)
        keeper = bearer(client, await make_staff(session, station.company, roles=["station_keeper"]))
        path = f"/api/inspections/batches/{batch.batch.id}/results-file"
        trial = await client.post(path, headers=keeper, data={"dry_run": "true"}, files={"file": ("r", content)})
        assert (trial.status_code, trial.json()["taken"]) == (200, 2)
        assert (await inspections.find_batch(session, station.caller, batch.batch.id)).batch.out == 5
        taken = (await client.post(path, headers=keeper, files={"file": ("r", content)})).json()
        assert (taken["read"], taken["taken"]) == (6, 2)
        assert [(row["row"], row["reason"]) for row in taken["rejected"]] == [
            (4, "unknown_result"),
            (5, "bad_date"),
            (6, "not_sent"),
            (7, "duplicate_code"),
        ]
        found = await inspections.find_batch(session, station.caller, batch.batch.id)
        assert (found.batch.passed, found.batch.failed, found.batch.out) == (1, 1, 3)
        assert found.items[0].next_inspection_on == date(2029, 6, 30)
        again = (await client.post(path, headers=keeper, files={"file": ("r", content)})).json()
        assert (again["taken"], again["unchanged"]) == (0, 2)

    async def test_the_sheet_that_goes_with_them_is_read_again_as_results(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        await _new(session, station, "35-1")
        batch = await _out(session, station, "35-1")
        keeper = bearer(client, await make_staff(session, station.company, roles=["station_keeper"]))
        sheet = await client.get(f"/api/inspections/batches/{batch.batch.id}/sheet.xlsx", headers=keeper)
        heads, row = (list(line) for line in read_table(sheet.content)[:2])
        filled = dict(zip(heads, row, strict=False)) | {"检验结果": "合格", "检验日期": BACK}
        content = write_xlsx(heads, [list(filled.values())])
        report = await inspections.take_results_file(session, station.caller, batch.batch.id, content, dry_run=False)
        assert (report.taken, report.rejected) == (1, ())

    async def test_a_table_without_results_is_refused_whole(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await _new(session, station, "35-1")
        batch = await _out(session, station, "35-1")
        with pytest.raises(AppError) as refused:
            await inspections.take_results_file(
                session, station.caller, batch.batch.id, write_xlsx(["气瓶编号"], [["35-1"]]), dry_run=False
            )
        assert refused.value.facts["missing"] == ["检验结果", "检验日期"]


class TestRepair:
    async def test_another_company_may_not(self, session: AsyncSession) -> None:
        station, other = await make_station(session), await make_station(session)
        await _new(session, station, "35-1")
        given = RepairIn(
            code="35-1", organisation_id=other.company.unit.id, fault="瓶阀漏气", repaired_on=beijing_today()
        )
        with pytest.raises(AppError) as refused:
            await inspections.record_repair(session, other.caller, given)
        assert refused.value.code == "cylinder.unknown"

    async def test_it_is_kept_with_its_fault_and_work(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await _new(session, station, "35-1")
        unit_id = station.company.unit.id
        given = RepairIn(code="35-1", organisation_id=unit_id, fault="瓶阀漏气", work="换阀", repaired_on=TODAY)
        await inspections.record_repair(session, station.caller, given)
        (found,) = await inspections.list_repairs(session, station.caller, made.cylinder.id)
        assert (found.fault, found.work, found.staff_name) == ("瓶阀漏气", "换阀", "演示-赵调度")
