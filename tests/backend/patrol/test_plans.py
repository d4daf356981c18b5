"""Plans and their tasks: who may make them, what they pick, and that a day's tasks are made once."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.errors import AppError
from backend.intake.models import OutboxDocument
from backend.patrol import service as patrol
from backend.patrol.rules import Recurrence
from backend.patrol.schemas import CheckPointIn
from sync.databases import BEIJING, user_database
from sync.documents import decode_backend
from sync.documents.tasks import PatrolTask
from tests.factories.accounts import bearer, make_company, make_staff
from tests.factories.patrol import Street, make_plan, make_street, plan_for
from tests.factories.taken import office

TODAY = datetime.now(BEIJING).date()


async def posted_task(session: AsyncSession, task_id: str) -> PatrolTask:
    row = (await session.scalars(select(OutboxDocument).where(OutboxDocument.doc_id == task_id))).one()
    assert row.body is not None
    found = decode_backend(task_id, row.body)
    assert isinstance(found, PatrolTask)
    return found


class TestSavePlan:
    async def test_an_inspector_may_not(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        street = await make_street(session)
        answer = await client.post(
            "/api/patrol/plans",
            headers=bearer(client, street.inspector),
            json=msgspec.to_builtins(plan_for(street)),
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "right.missing")

    async def test_nobody_plans_in_another_companys_area(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        street = await make_street(session)
        stranger = await make_staff(session, await make_company(session), roles=["dispatcher"])
        answer = await client.post(
            "/api/patrol/plans", headers=bearer(client, stranger), json=msgspec.to_builtins(plan_for(street))
        )
        assert answer.status_code == 404

    async def test_todays_task_is_on_its_way_to_the_inspector_at_once(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        street = await make_street(session)
        answer = await client.post(
            "/api/patrol/plans",
            headers=bearer(client, street.dispatcher),
            json=msgspec.to_builtins(plan_for(street)),
        )
        assert answer.status_code == 201, answer.text
        caller = office(street.company, street.dispatcher)
        (task,) = (await patrol.list_tasks(session, caller)).items
        sent = await posted_task(session, task.id)
        assert (sent.staff_id, sent.status, sent.pipe_ids) == (street.inspector.id, "open", (street.pipe_id,))
        assert [point.name for point in sent.check_points] == ["阀井", "调压箱"]
        database = await session.scalar(select(OutboxDocument.database).where(OutboxDocument.doc_id == task.id))
        assert database == user_database(street.inspector.id, datetime.now(UTC))

    async def test_somebody_of_another_unit_cannot_be_sent(self, session: AsyncSession) -> None:
        street = await make_street(session)
        other = await make_staff(session, street.company, units=[street.company.other_unit])
        with pytest.raises(AppError) as refused:
            await make_plan(session, street, staff_id=other.id)
        assert refused.value.code == "plan.staff"

    async def test_a_point_proved_by_code_needs_one(self, session: AsyncSession) -> None:
        street = await make_street(session)
        with pytest.raises(AppError) as refused:
            await make_plan(session, street, check_points=(CheckPointIn(name="阀井", lon=1, lat=1, proof="nfc"),))
        assert refused.value.code == "plan.check_point_code"

    @pytest.mark.parametrize("speed", [0, -1, 41])
    async def test_a_speed_out_of_bounds_is_named(
        self, client: AsyncTestClient[Any], session: AsyncSession, speed: float
    ) -> None:
        street = await make_street(session)
        body = msgspec.to_builtins(plan_for(street)) | {"max_speed_mps": speed}
        answer = await client.post("/api/patrol/plans", headers=bearer(client, street.dispatcher), json=body)
        assert answer.status_code == 400
        assert "max_speed_mps" in answer.text


class TestPreview:
    async def test_only_the_chosen_pressure_level_is_picked(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        street = await make_street(session)
        answer = await client.get(
            "/api/patrol/plans/preview",
            headers=bearer(client, street.dispatcher),
            params={"area_id": street.area.id, "pressure_level": "medium_a"},
        )
        assert (answer.json()["pipe_ids"], answer.json()["length_m"]) == ([street.pipe_id], 81.3)

    async def test_an_area_without_such_pipes_says_so(self, session: AsyncSession) -> None:
        street = await make_street(session)
        caller = office(street.company, street.dispatcher)
        with pytest.raises(AppError) as refused:
            await patrol.preview_plan(session, caller, street.area.id, ["sub_high_a"])
        assert refused.value.code == "plan.no_pipes"


class TestGenerateTasks:
    async def test_a_day_generated_twice_has_its_tasks_once(self, session: AsyncSession) -> None:
        street = await make_street(session)
        await make_plan(session, street)
        day = TODAY + timedelta(days=1)
        assert [await patrol.generate_tasks(session, day) for _ in range(2)] == [1, 0]

    async def test_a_reassigned_task_is_not_made_again(self, session: AsyncSession) -> None:
        street, caller, task_id = await _with_task(session)
        stand_in = await make_staff(session, street.company, name="演示-周巡检")
        await patrol.reassign_task(session, caller, task_id, stand_in.id, "病假")
        assert await patrol.generate_tasks(session, TODAY) == 0

    async def test_a_stopped_plan_asks_for_nothing_more(self, session: AsyncSession) -> None:
        street = await make_street(session)
        plan = await make_plan(session, street)
        await patrol.stop_plan(session, office(street.company, street.dispatcher), plan.id)
        assert await patrol.generate_tasks(session, TODAY + timedelta(days=1)) == 0

    async def test_a_plan_waits_for_its_day(self, session: AsyncSession) -> None:
        street = await make_street(session)
        await make_plan(session, street, recurrence=Recurrence(every_days=2), starts_on=date(2026, 11, 24))
        made = [await patrol.generate_tasks(session, date(2026, 11, day)) for day in (23, 24, 25, 26)]
        assert made[0] == 0
        assert made[2] == 0


class TestReassign:
    async def test_the_first_phone_learns_that_it_was_taken_and_the_other_gets_it(self, session: AsyncSession) -> None:
        street, caller, task_id = await _with_task(session)
        stand_in = await make_staff(session, street.company, name="演示-周巡检")
        made = await patrol.reassign_task(session, caller, task_id, stand_in.id, "病假")
        first, second = await posted_task(session, task_id), await posted_task(session, made.task.id)
        assert (first.status, first.status_reason) == ("reassigned", "病假")
        assert (second.status, second.staff_id, second.pipe_ids) == ("open", stand_in.id, first.pipe_ids)

    async def test_a_task_that_is_over_is_left_alone(self, session: AsyncSession) -> None:
        street, caller, task_id = await _with_task(session)
        await patrol.withdraw_task(session, caller, task_id, "下雪")
        with pytest.raises(AppError) as refused:
            await patrol.reassign_task(session, caller, task_id, street.dispatcher.id, "")
        assert refused.value.code == "task.over"

    async def test_who_may_only_look_may_not_withdraw(self, session: AsyncSession) -> None:
        street, _, task_id = await _with_task(session)
        looker = office(street.company, street.dispatcher, "patrol.view")
        with pytest.raises(AppError) as refused:
            await patrol.withdraw_task(session, looker, task_id, "下雪")
        assert refused.value.status == 403


class TestListTasks:
    async def test_another_company_sees_none_of_them(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        await _with_task(session)
        stranger = await make_staff(session, await make_company(session), roles=["dispatcher"])
        answer = await client.get("/api/patrol/tasks", headers=bearer(client, stranger))
        assert answer.json() == {"items": [], "total": 0}

    async def test_a_spreadsheet_gets_chinese_heads(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        street, _, _ = await _with_task(session)
        answer = await client.get("/api/patrol/tasks.csv", headers=bearer(client, street.dispatcher))
        assert answer.content.startswith("\ufeff日期,任务".encode())
        assert "站前街中压" in answer.text


async def _with_task(session: AsyncSession) -> tuple[Street, Any, str]:
    street = await make_street(session)
    await make_plan(session, street)
    caller = office(street.company, street.dispatcher)
    (task,) = (await patrol.list_tasks(session, caller)).items
    return street, caller, task.id
