"""A register taken into the archive: good rows in, every bad one told; the same file again changes nothing."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import AuditEntry
from backend.cylinders import service as cylinders
from backend.cylinders.exporting import archive_columns
from backend.cylinders.importing import import_cylinders
from backend.cylinders.models import Cylinder
from backend.cylinders.schemas import ImportReport
from backend.errors import AppError
from backend.intake.models import OutboxDocument
from backend.tables import read_table, write_xlsx
from sync.databases import unit_database
from tests.factories.accounts import bearer, make_staff
from tests.factories.deliveries import Station, completed, cylinder_in, make_cylinder, make_station
from tests.factories.taken import take

HEADS = [
    "气瓶编号",
    "规格",
    "制造单位",
    "出厂编号",
    "制造年月",
    "下次检验日期",
    "使用年限至",
    "充装介质",
    "库位",
    "登记时间",
]
GOOD = ["SH-1", "YSP35.5", "松河制造", "F-1", "2022-05", "2026-05", "2030-05", "液化石油气", "A-3", "2022-06-01"]


async def _take(session: AsyncSession, station: Station, rows: Sequence[Sequence[Any]], **given: Any) -> ImportReport:
    heads = given.pop("heads", HEADS)
    unit_id = station.company.unit.id
    content = write_xlsx(heads, rows)
    return await import_cylinders(session, station.caller, content, organisation_id=unit_id, **given)


def _row(**fields: Any) -> list[Any]:
    return [fields.get(head, value) for head, value in zip(HEADS, GOOD, strict=True)]


async def _archive(session: AsyncSession, station: Station, code: str = "SH-1") -> Cylinder:
    query = select(Cylinder).where(Cylinder.company_id == station.company.company.id, Cylinder.code == code)
    return (await session.scalars(query.execution_options(populate_existing=True))).one()


class TestWhoMay:
    async def test_not_a_dispatcher_nor_another_companys_keeper(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station, other = await make_station(session), await make_station(session)
        stranger = await make_staff(session, other.company, roles=["station_keeper"])
        file = {"file": ("x.xlsx", write_xlsx(HEADS, [GOOD]))}
        form = {"organisation_id": station.company.unit.id}
        for staff, status in ((station.dispatcher, 403), (stranger, 404)):
            answer = await client.post("/api/cylinders/imports", headers=bearer(client, staff), data=form, files=file)
            assert answer.status_code == status, answer.text

    async def test_a_row_cannot_reach_a_station_that_the_caller_may_not_edit(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        """By name in a column, or by the code of a cylinder that stands there."""
        station, other = await make_station(session), await make_station(session)
        keeper = await make_staff(session, station.company, roles=["station_keeper"], on=station.company.unit)
        await make_cylinder(session, station, "ELSE-1", organisation_id=station.company.other_unit.id)
        content = write_xlsx(
            [*HEADS, "所属站"],
            [
                [*_row(气瓶编号="A-1"), station.company.other_unit.name],
                [*_row(气瓶编号="A-2"), other.company.unit.id],
                [*_row(气瓶编号="ELSE-1"), ""],
                [*_row(气瓶编号="A-4"), station.company.unit.name],
            ],
        )
        answer = await client.post(
            "/api/cylinders/imports",
            headers=bearer(client, keeper),
            data={"organisation_id": station.company.unit.id},
            files={"file": ("x.csv", content)},
        )
        assert answer.status_code == 200, answer.text
        report = answer.json()
        assert report["created"] == 1
        assert [(row["code"], row["reasons"]) for row in report["rejected"]] == [
            ("A-1", ["unknown_organisation"]),
            ("A-2", ["unknown_organisation"]),
            ("ELSE-1", ["of_another_station"]),
        ]


class TestFields:
    @pytest.mark.requirement("E5.8.3-3", "E5.8.4-2")
    async def test_every_field_of_the_archive_comes_in(self, session: AsyncSession) -> None:
        station = await make_station(session)
        report = await _take(session, station, [GOOD])
        assert (report.created, report.rejected) == (1, ())
        row = await _archive(session, station)
        assert (row.manufacturer, row.factory_number, row.made_on) == ("松河制造", "F-1", date(2022, 5, 1))
        assert (row.specification, row.medium, row.storage_position) == ("YSP35.5", "LPG", "A-3")
        # A month runs out with its last day.
        assert (row.next_inspection_on, row.service_ends_on) == (date(2026, 5, 31), date(2030, 5, 31))
        assert row.registered_at == datetime(2022, 5, 31, 16, 0, tzinfo=UTC)
        assert (row.holder_kind, row.holder_id) == ("station", station.company.unit.id)

    @pytest.mark.requirement("E5.8.3-3")
    async def test_what_the_file_does_not_say_of_its_deadlines_follows_from_the_table(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        await _take(session, station, [_row(下次检验日期="", 使用年限至="")])
        row = await _archive(session, station)
        assert (row.next_inspection_on, row.service_ends_on) == (date(2026, 5, 1), date(2030, 5, 1))

    async def test_one_that_is_scrapped_is_registered_as_such_and_its_tag_is_dead(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await _take(session, station, [[*GOOD, "报废", "04:AA"]], heads=[*HEADS, "状态", "标签UID"])
        row = await _archive(session, station)
        assert (row.scrapped, row.holder_kind) == (True, "scrapped")
        assert await cylinders.dead_among(session, ["04AA"]) == {"04AA": "scrapped"}
        again = await _take(session, station, [[*_row(气瓶编号="SH-2"), "04-aa"]], heads=[*HEADS, "标签UID"])
        assert [each.reasons for each in again.rejected] == [("dead_tag",)]

    async def test_what_was_recorded_before_finds_its_cylinder(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await take(session, station.company, station.driver, completed(station, "", "SH-1", check_id="x"))
        await _take(session, station, [GOOD])
        assert (await _archive(session, station)).holder_kind == "customer"

    async def test_phones_get_the_new_ones(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await _take(session, station, [GOOD])
        key = (await _archive(session, station)).id
        found = await session.get(OutboxDocument, (unit_database(station.company.unit.id), f"reference.cylinder:{key}"))
        assert found is not None


class TestRejected:
    @pytest.mark.requirement("E5.8.4-2")
    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"气瓶编号": ""}, "no_code"),
            ({"气瓶编号": 12345678901234567890}, "code_lost"),
            ({"规格": ""}, "no_specification"),
            ({"规格": "YSP99"}, "unknown_specification"),
            ({"制造年月": "去年"}, "bad_date"),
            ({"制造年月": "2022-13"}, "bad_date"),
            ({"制造年月": "0022-05"}, "bad_date"),
            ({"制造年月": "2999-01"}, "future"),
            ({"使用年限至": "2021-05"}, "service_ends"),
            ({"下次检验日期": "2021-05"}, "due_before"),
            ({"充装介质": "氢气"}, "unknown_medium"),
            ({"登记时间": "2999-01-01"}, "future"),
            ({"制造单位": "长" * 300}, "too_long"),
        ],
    )
    async def test_a_bad_row_is_told_with_its_reason_and_the_good_one_taken(
        self, session: AsyncSession, fields: dict[str, Any], reason: str
    ) -> None:
        station = await make_station(session)
        report = await _take(session, station, [_row(**({"气瓶编号": "BAD"} | fields)), GOOD])
        assert (report.read, report.created) == (2, 1)
        assert [(row.row, row.reasons) for row in report.rejected] == [(2, (reason,))]
        assert report.rejected[0].reason_zh
        assert report.rejected[0].reason_en

    async def test_all_that_is_wrong_with_a_row_is_told_at_once(self, session: AsyncSession) -> None:
        station = await make_station(session)
        report = await _take(session, station, [_row(规格="?", 制造年月="?", 充装介质="?")])
        assert report.rejected[0].reasons == ("unknown_specification", "unknown_medium", "bad_date")

    async def test_a_code_or_tag_twice_in_the_file_names_the_first_row(self, session: AsyncSession) -> None:
        station = await make_station(session)
        rows = [[*GOOD, "04AA"], [*GOOD, ""], [*_row(气瓶编号="SH-2"), "04:aa"]]
        report = await _take(session, station, rows, heads=[*HEADS, "标签UID"])
        assert [(r.row, r.reasons) for r in report.rejected] == [(3, ("duplicate_code",)), (4, ("duplicate_tag",))]
        assert "2" in report.rejected[0].reason_zh

    @pytest.mark.requirement("5.8.6-4b")
    async def test_a_tag_that_another_cylinder_carries_is_refused_whosever_that_is(self, session: AsyncSession) -> None:
        station, other = await make_station(session), await make_station(session)
        await make_cylinder(session, station, "35-1", tag_uid="04:5E")
        await _take(session, other, [[*_row(气瓶编号="SECRET-1"), "04:5F"]], heads=[*HEADS, "标签UID"])
        for uid, told in (("045e", "35-1"), ("04-5f", "another company")):
            report = await _take(session, station, [[*GOOD, uid]], heads=[*HEADS, "标签UID"])
            assert [each.reasons for each in report.rejected] == [("tag_taken",)]
            assert told in report.rejected[0].reason_en

    async def test_a_scrapped_cylinders_code_is_not_used_again(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_cylinder(session, station, "SH-1", scrapped=True)
        report = await _take(session, station, [GOOD])
        assert [each.reasons for each in report.rejected] == [("scrapped",)]

    async def test_a_file_without_codes_is_refused_whole(self, session: AsyncSession) -> None:
        station = await make_station(session)
        with pytest.raises(AppError) as refused:
            await _take(session, station, [["a", "b"]], heads=["规格", "制造单位"])
        assert refused.value.code == "import.no_code_column"

    async def test_an_office_is_no_station(self, session: AsyncSession) -> None:
        station = await make_station(session)
        with pytest.raises(AppError) as refused:
            await import_cylinders(
                session, station.caller, write_xlsx(HEADS, [GOOD]), organisation_id=station.company.company.id
            )
        assert refused.value.code == "import.not_a_unit"

    async def test_the_refused_rows_come_back_as_a_workbook_to_mend(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        keeper = bearer(client, await make_staff(session, station.company, roles=["station_keeper"]))
        answer = await client.post(
            "/api/cylinders/imports",
            headers=keeper,
            data={"organisation_id": station.company.unit.id},
            files={"file": ("register", write_xlsx(HEADS, [_row(规格="YSP99"), GOOD]))},
        )
        path = f"/api/cylinders/imports/{answer.json()['id']}/rejected.xlsx"
        stranger = bearer(
            client, await make_staff(session, (await make_station(session)).company, roles=["station_keeper"])
        )
        assert (await client.get(path, headers=stranger)).status_code == 404
        rows = [list(row) for row in read_table((await client.get(path, headers=keeper)).content)]
        assert rows[0] == [*HEADS, "原行号", "不能导入的原因", "Reason"]
        assert rows[1][:2] == ["SH-1", "YSP99"]
        assert rows[1][-3:] == [2.0, "没有这个规格：YSP99", "there is no such size: YSP99"]
        mended = [rows[0], [*["SH-9", "YSP35.5"], *rows[1][2:]]]
        report = await _take(session, station, mended[1:], heads=mended[0])
        assert (report.created, report.ignored) == (1, ("原行号", "不能导入的原因", "Reason"))


class TestAgain:
    async def test_a_trial_writes_nothing(self, session: AsyncSession) -> None:
        station = await make_station(session)
        report = await _take(session, station, [GOOD], dry_run=True)
        assert (report.dry_run, report.created) == (True, 1)
        assert await session.scalar(select(func.count(Cylinder.id))) == 0

    async def test_the_same_file_changes_nothing(self, session: AsyncSession) -> None:
        station = await make_station(session)
        rows = [GOOD, [*_row(气瓶编号="SH-2", 下次检验日期="")]]
        await _take(session, station, rows)
        before = [(await _archive(session, station, code)).registered_at for code in ("SH-1", "SH-2")]
        again = await _take(session, station, rows)
        assert (again.created, again.changed, again.unchanged) == (0, 0, 2)
        assert [(await _archive(session, station, code)).registered_at for code in ("SH-1", "SH-2")] == before
        saved = select(func.count(AuditEntry.id)).where(AuditEntry.action == "cylinder.saved")
        assert await session.scalar(saved) == 0

    async def test_a_changed_row_is_updated_with_what_was_there_in_the_audit(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await _take(session, station, [GOOD])
        report = await _take(session, station, [_row(库位="B-9", 制造单位="")])
        assert (report.changed, report.unchanged) == (1, 0)
        row = await _archive(session, station)
        # An empty cell leaves what was there.
        assert (row.storage_position, row.manufacturer) == ("B-9", "松河制造")
        entry = await session.scalar(select(AuditEntry).where(AuditEntry.action == "cylinder.saved"))
        assert entry is not None
        assert (entry.actor_id, entry.subject_id) == (station.dispatcher.id, row.id)
        assert (entry.facts["before"], entry.facts["after"]) == (
            {"storage_position": "A-3"},
            {"storage_position": "B-9"},
        )

    async def test_what_is_there_is_left_alone_where_that_was_asked(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await _take(session, station, [GOOD])
        report = await _take(session, station, [_row(库位="B-9")], keep_existing=True)
        assert [each.reasons for each in report.rejected] == [("in_archive",)]

    @pytest.mark.requirement("E5.8.3-3")
    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    async def test_what_was_exported_is_read_again_as_the_same(
        self, client: AsyncTestClient[Any], session: AsyncSession, kind: str
    ) -> None:
        station = await make_station(session)
        keeper = bearer(client, await make_staff(session, station.company, roles=["station_keeper"]))
        await cylinders.create_cylinder(
            session, station.caller, cylinder_in(station, "35-1", tag_uid="04:5E", tare_kg=16.5)
        )
        await _take(session, station, [GOOD])
        only = await client.get(f"/api/cylinders/export.{kind}?search=SH-1", headers=keeper)
        assert [row[0] for row in read_table(only.content)] == ["气瓶编号", "SH-1"]
        whole = await client.get(f"/api/cylinders/export.{kind}", headers=keeper)
        table = read_table(whole.content)
        assert list(table[0]) == [head for head, _ in await archive_columns(session, station.caller)]
        report = await import_cylinders(session, station.caller, whole.content, organisation_id=station.company.unit.id)
        assert (report.read, report.unchanged, report.rejected) == (2, 2, ())


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class TestManyRows:
    @pytest.mark.requirement("E5.8.4-2")
    async def test_50000_rows_with_one_bad_in_a_hundred_take_less_than_ten_seconds(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = date(2021, 1, 1)
        rows = [
            [
                f"SH-{number:06d}",
                "YSP99" if number % 100 == 0 else "YSP35.5",
                "松河制造",
                f"F{number}",
                made + timedelta(days=number % 1000),
                "",
                "",
                "液化石油气",
                f"A-{number % 40}",
                "2022-06-01",
            ]
            for number in range(50_000)
        ]
        content = write_xlsx(HEADS, rows)
        seen: list[tuple[int, int]] = []

        async def note(done: int, total: int) -> None:
            seen.append((done, total))

        # Seconds of work, ours and the database's: a machine that is busy otherwise takes longer on the clock.
        backend = await session.scalar(text("SELECT pg_backend_pid()"))
        began = time.process_time() + _cpu_s(backend)
        report = await import_cylinders(
            session, station.caller, content, organisation_id=station.company.unit.id, on_progress=note
        )
        took_s = time.process_time() + _cpu_s(backend) - began
        assert (report.created, len(report.rejected)) == (49_500, 500)
        assert {row.reasons for row in report.rejected} == {("unknown_specification",)}
        assert seen[-1] == (49_500, 49_500)
        assert len(seen) > 5
        assert await session.scalar(select(func.count(Cylinder.id))) == 49_500
        assert took_s < 10
        again = await import_cylinders(session, station.caller, content, organisation_id=station.company.unit.id)
        assert (again.created, again.changed, again.unchanged) == (0, 0, 49_500)
