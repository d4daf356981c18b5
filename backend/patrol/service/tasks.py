"""A plan's tasks: made for a day, sent to a phone, reassigned (改派) or withdrawn, and done by the worker's records."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.bulk import one_of
from backend.errors import ConflictingError, MissingError, UnusableError
from backend.intake import service as intake
from backend.network import service as network
from backend.pages import Page
from backend.patrol.models import Patrol, PatrolPlan, PatrolTask, PlanCheckPoint
from backend.patrol.rules import Recurrence, Turn, turns_on
from backend.patrol.schemas import TaskLine, TaskOut, TaskState
from backend.reference import service as reference
from backend.scope import Caller, scoped, within
from backend.taken import Taken
from sync.documents import tasks as documents
from sync.documents.envelope import new_id
from sync.documents.patrol import PatrolFinished, PatrolMode, PatrolStarted

_UNDONE = ("open", "in_progress")
# What a stand-in's task has from the one that it replaces.
_COPIED = (
    *("organisation_id", "plan_id", "day", "turn", "title", "area_id", "area_name", "pressure_levels", "start_at"),
    *("due_at", "pipe_ids", "length_m", "check_points", "mode", "buffer_m", "max_speed_mps"),
)


async def generate_tasks(session: AsyncSession, day: date, *, plan_id: str | None = None) -> int:
    """The day's tasks of every active plan that has none yet; answers how many are new."""
    query = select(PatrolPlan).where(PatrolPlan.state == "active").order_by(PatrolPlan.id)
    if plan_id is not None:
        query = query.where(PatrolPlan.id == plan_id)
    made = 0
    for plan in (await session.scalars(query)).all():
        turns = turns_on(msgspec.convert(plan.recurrence, Recurrence), plan.starts_on, plan.ends_on, day)
        for turn in turns:
            made += await _make(session, plan, day, turn)
    return made


async def _make(session: AsyncSession, plan: PatrolPlan, day: date, turn: Turn) -> int:
    exists = select(PatrolTask.id).where(
        PatrolTask.plan_id == plan.id, PatrolTask.day == day, PatrolTask.turn == turn.number
    )
    if await session.scalar(exists.limit(1)) is not None:
        return 0
    pipes = await network.pipes_of_area(session, plan.area_id, plan.pressure_levels)
    row = insert(PatrolTask).values(
        id=new_id("task.patrol"),
        organisation_id=plan.organisation_id,
        plan_id=plan.id,
        day=day,
        turn=turn.number,
        staff_id=plan.staff_id,
        title=plan.name,
        area_id=plan.area_id,
        area_name=plan.area_name,
        pressure_levels=plan.pressure_levels,
        start_at=turn.start_at,
        due_at=turn.due_at,
        pipe_ids=[pipe.id for pipe in pipes],
        length_m=round(sum(pipe.length_m for pipe in pipes), 1),
        check_points=await _check_points(session, plan.id),
        mode=plan.mode,
        buffer_m=plan.buffer_m,
        max_speed_mps=plan.max_speed_mps,
        created_at=datetime.now(UTC),
    )
    # Two workers that make the same day's tasks at once make them once.
    task_id = await session.scalar(row.on_conflict_do_nothing().returning(PatrolTask.id))
    if task_id is None:
        return 0
    await _send(session, await session.get_one(PatrolTask, task_id))
    return 1


async def _check_points(session: AsyncSession, plan_id: str) -> list[Any]:
    rows = await session.execute(
        select(PlanCheckPoint, func.ST_X(PlanCheckPoint.point), func.ST_Y(PlanCheckPoint.point))
        .where(PlanCheckPoint.plan_id == plan_id)
        .order_by(PlanCheckPoint.order)
    )
    points = [
        documents.CheckPoint(
            check_point_id=point.id,
            name=point.name,
            lon=lon,
            lat=lat,
            order=point.order,
            proof=point.proof,
            code=point.code,
            radius_m=point.radius_m,
            dwell_s=point.dwell_s,
            accuracy_m=point.accuracy_m,
            items=tuple(point.items),
        )
        for point, lon, lat in rows
    ]
    return [msgspec.to_builtins(point) for point in points]


def task_document(task: PatrolTask) -> documents.PatrolTask:
    """As the phone gets it; it knows nothing of `in_progress`, which is its own doing."""
    status: Any = "open" if task.status == "in_progress" else task.status
    return documents.PatrolTask(
        id=task.id,
        staff_id=task.staff_id,
        unit_id=task.organisation_id,
        title=task.title,
        area_name=task.area_name,
        pressure_levels=tuple(task.pressure_levels),
        start_at=task.start_at.astimezone(UTC),
        due_at=task.due_at.astimezone(UTC),
        pipe_ids=tuple(task.pipe_ids),
        length_m=task.length_m,
        check_points=tuple(msgspec.convert(task.check_points, list[documents.CheckPoint])),
        mode=msgspec.convert(task.mode, PatrolMode),
        buffer_m=task.buffer_m,
        max_speed_mps=task.max_speed_mps,
        status=status,
        status_reason=task.status_reason,
    )


async def _send(session: AsyncSession, task: PatrolTask) -> None:
    await intake.post(session, staff_id=task.staff_id, document=task_document(task))
    await events.announce(session, "task.changed", task.id, task.organisation_id, status=task.status)


async def list_tasks(
    session: AsyncSession,
    caller: Caller,
    *,
    day_from: date | None = None,
    day_to: date | None = None,
    staff_id: str = "",
    area_id: str = "",
    state: TaskState | None = None,
    search: str = "",
    limit: int = 100,
    offset: int = 0,
) -> Page[TaskLine]:
    """Newest day first, by when they are due."""
    query = scoped(select(PatrolTask), PatrolTask.organisation_id, caller)
    wanted: list[ColumnElement[bool]] = []
    if day_from is not None:
        wanted.append(PatrolTask.day >= day_from)
    if day_to is not None:
        wanted.append(PatrolTask.day <= day_to)
    if staff_id:
        wanted.append(PatrolTask.staff_id == staff_id)
    if area_id:
        wanted.append(PatrolTask.area_id == area_id)
    if state is not None:
        wanted.append(_is(state))
    if search:
        wanted.append(
            or_(
                PatrolTask.title.contains(search, autoescape=True),
                PatrolTask.area_name.contains(search, autoescape=True),
            )
        )
    return await _page(session, query.where(*wanted), limit, offset)


async def _page(session: AsyncSession, query: Select[Any], limit: int, offset: int) -> Page[TaskLine]:
    total = await session.scalar(select(func.count()).select_from(query.subquery()))
    ordered = query.order_by(PatrolTask.day.desc(), PatrolTask.due_at, PatrolTask.id)
    rows = (await session.scalars(ordered.limit(limit).offset(offset))).all()
    names = await accounts.staff_names(session, [row.staff_id for row in rows])
    return Page([line(row, names) for row in rows], total or 0)


def _is(state: TaskState) -> ColumnElement[bool]:
    late = PatrolTask.due_at < datetime.now(UTC)
    match state:
        case "overdue":
            return and_(PatrolTask.status.in_(_UNDONE), late)
        case "open" | "in_progress":
            return and_(PatrolTask.status == state, ~late)
    return PatrolTask.status == state


def line(task: PatrolTask, names: dict[str, str]) -> TaskLine:
    late = task.status in _UNDONE and task.due_at < datetime.now(UTC)
    state: Any = "overdue" if late else task.status
    return TaskLine(
        id=task.id,
        organisation_id=task.organisation_id,
        plan_id=task.plan_id,
        replaces=task.replaces,
        day=task.day,
        title=task.title,
        area_id=task.area_id,
        area_name=task.area_name,
        pressure_levels=tuple(task.pressure_levels),
        staff_id=task.staff_id,
        staff_name=names.get(task.staff_id, ""),
        start_at=task.start_at,
        due_at=task.due_at,
        state=state,
        status_reason=task.status_reason,
        done_at=task.done_at,
        length_m=task.length_m,
        covered_m=round(task.covered_m, 1),
        coverage_percent=round(100 * task.covered_m / task.length_m, 1) if task.length_m else 0.0,
        points=len(task.check_points),
        points_reached=task.points_reached,
        too_fast=task.too_fast,
    )


async def find_task(session: AsyncSession, caller: Caller, task_id: str) -> TaskOut:
    task = await _find(session, caller, task_id)
    names = await accounts.staff_names(session, [task.staff_id])
    patrols = await session.scalars(
        select(Patrol.id).where(Patrol.task_id == task.id, within(Patrol.organisation_id, caller)).order_by(Patrol.id)
    )
    return TaskOut(
        task=line(task, names),
        mode=task.mode,
        buffer_m=task.buffer_m,
        max_speed_mps=task.max_speed_mps,
        pipe_ids=tuple(task.pipe_ids),
        check_points=tuple(task.check_points),
        patrol_ids=tuple(patrols),
    )


async def _find(session: AsyncSession, caller: Caller, task_id: str, *, change: bool = False) -> PatrolTask:
    query = scoped(select(PatrolTask).where(PatrolTask.id == task_id), PatrolTask.organisation_id, caller)
    task: PatrolTask | None = await session.scalar(query.with_for_update() if change else query)
    if task is None:
        raise MissingError("task.unknown", "没有这个任务。", "There is no such task.")
    if change:
        await reference.find_place(session, task.organisation_id, caller=caller, right="patrol.plan")
        if task.status not in _UNDONE:
            raise ConflictingError(
                "task.over", "任务已结束，不能再改。", "The task is over and cannot be changed.", state=task.status
            )
    return task


async def reassign_task(session: AsyncSession, caller: Caller, task_id: str, staff_id: str, reason: str) -> TaskOut:
    """改派 or 代班: a task of its own for the stand-in; the first one is marked on the first phone."""
    task = await _find(session, caller, task_id, change=True)
    if staff_id == task.staff_id:
        raise UnusableError("task.same_staff", "任务已经是他的。", "The task is this person's already.")
    if staff_id not in {staff.id for staff in await accounts.staff_of_unit(session, task.organisation_id)}:
        raise UnusableError("plan.staff", "所选人员不在这个单位。", "This person does not belong to the unit.")
    task.status, task.status_reason = "reassigned", reason
    successor = PatrolTask(
        id=new_id("task.patrol"),
        replaces=task.id,
        staff_id=staff_id,
        status="open",
        status_reason="",
        created_at=datetime.now(UTC),
        **{name: getattr(task, name) for name in _COPIED},
    )
    session.add(successor)
    await session.flush()
    await audit.record(
        session, caller, "task.reassigned", "task.patrol", task.id, {"from": task.staff_id, "to": staff_id}
    )
    await _send(session, task)
    await _send(session, successor)
    return await find_task(session, caller, successor.id)


async def withdraw_task(session: AsyncSession, caller: Caller, task_id: str, reason: str) -> TaskOut:
    task = await _find(session, caller, task_id, change=True)
    task.status, task.status_reason = "withdrawn", reason
    await session.flush()
    await audit.record(session, caller, "task.withdrawn", "task.patrol", task.id, {"reason": reason})
    await _send(session, task)
    return await find_task(session, caller, task.id)


async def record_starts(session: AsyncSession, takens: Sequence[Taken[PatrolStarted]]) -> None:
    """The worker has begun; a task that was taken from him meanwhile becomes a matter for the office."""
    for task, taken in await _locked(session, takens):
        if task.status == "open":
            task.status = "in_progress"
            await events.announce(session, "task.changed", task.id, task.organisation_id, status=task.status)
        await _note_contradiction(session, task, taken)


async def record_finishes(session: AsyncSession, takens: Sequence[Taken[PatrolFinished]]) -> None:
    for task, taken in await _locked(session, takens):
        if task.status in _UNDONE:
            task.status, task.done_at = "done", taken.recorded_at
            await _send(session, task)
        elif task.status == "done" and task.done_at is not None:
            # Two walks of one task: it was done when the first one ended.
            task.done_at = min(task.done_at, taken.recorded_at)
        await _note_contradiction(session, task, taken)


async def _note_contradiction(session: AsyncSession, task: PatrolTask, taken: Taken[Any]) -> None:
    if task.status in {"withdrawn", "reassigned"} or task.staff_id != taken.staff_id:
        await intake.open_conflict(
            session,
            task.organisation_id,
            f"task.{task.status}" if task.staff_id == taken.staff_id else "task.other_staff",
            [taken.record.id, task.id],
            {"task_id": task.id, "staff_id": taken.staff_id, "at": taken.recorded_at, "title": task.title},
        )


async def _locked(session: AsyncSession, takens: Sequence[Taken[Any]]) -> list[tuple[PatrolTask, Taken[Any]]]:
    """The tasks that the records name, locked in the order of their ids; another company's is none of its own."""
    named = {taken.record.task_id for taken in takens if taken.record.task_id}
    if not named:
        return []
    query = select(PatrolTask).where(one_of(PatrolTask.id, sorted(named))).order_by(PatrolTask.id).with_for_update()
    tasks = {task.id: task for task in await session.scalars(query)}
    return [
        (task, taken)
        for taken in takens
        if (task := tasks.get(taken.record.task_id)) is not None
        and await accounts.same_company(session, task.organisation_id, taken.organisation_id)
    ]
