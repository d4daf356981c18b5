"""C 任务: who walks what this week, what came of it, and giving a task to somebody else."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.network import service as network
from backend.patrol import service as patrol
from backend.patrol.schemas import PlannedDay, Reason, Reassign, TaskLine, TaskOut
from backend.photos import service as photos
from backend.positions import service as positions
from backend.scope import requires
from backend.settings import Settings
from sync.databases import beijing_today
from sync.rules import geometry
from web_console.basemap import base_of
from web_console.forms import read_form
from web_console.lists import words_for
from web_console.rendering import Visit, done, language_of, render, translate_into
from web_console.visiting import visitor, with_right

_MOST = 500
TASK_WORDS = {
    "open": ("未开始", "Not begun"),
    "in_progress": ("进行中", "In progress"),
    "overdue": ("逾时", "Overdue"),
    "done": ("已完成", "Done"),
    "withdrawn": ("已撤回", "Withdrawn"),
    "reassigned": ("已改派", "Reassigned"),
}
MODE_WORDS = {"walk": ("步行", "On foot"), "bicycle": ("骑行", "By bicycle"), "vehicle": ("车巡", "By vehicle")}


class Person(msgspec.Struct):
    """A row of the week: tasks that are out, and days that plans ask for, by day."""

    staff_id: str
    name: str
    tasks: dict[date, list[TaskLine]]
    planned: dict[date, list[PlannedDay]]


@get("/tasks", guards=[requires("patrol.view")])
async def show(  # noqa: PLR0917 - an address's parameters
    request: Visit,
    session: AsyncSession,
    week: date | None = None,
    task: str = "",
    staff_id: str = "",
    area_id: str = "",
) -> Response[str]:
    caller = visitor(request).narrowed("patrol.view")
    day = week or beijing_today()
    monday = day - timedelta(days=day.isoweekday() - 1)
    return render(
        request,
        "tasks.html",
        monday=monday,
        days=[monday + timedelta(days=n) for n in range(7)],
        opened=task,
        staff_id=staff_id,
        area_id=area_id,
        areas=await network.list_areas(session, caller),
        may_plan=with_right(request, "patrol.plan") is not None,
    )


@get("/tasks/week", guards=[requires("patrol.view")])
async def week_grid(
    request: Visit, session: AsyncSession, week: date, staff_id: str = "", area_id: str = ""
) -> Response[str]:
    caller = visitor(request).narrowed("patrol.view")
    sunday = week + timedelta(days=6)
    page = await patrol.list_tasks(
        session, caller, day_from=week, day_to=sunday, staff_id=staff_id, area_id=area_id, limit=_MOST
    )
    planned = await patrol.list_planned_days(session, caller, week, sunday, area_id=area_id)
    people = _people(page.items, [p for p in planned if not staff_id or p.staff_id == staff_id])
    seen = await positions.list_positions(session, caller, since=datetime.now(UTC) - timedelta(days=1))
    days = [week + timedelta(days=n) for n in range(7)]
    counts = {day: sum(1 for t in page.items if t.day == day and t.state not in _GONE) for day in days}
    for one in planned:
        counts[one.day] += one.turns
    return render(
        request,
        "parts/week.html",
        people=people,
        days=days,
        counts=counts,
        seen={one.staff_id: one for one in seen},
        states=TASK_WORDS,
    )


_GONE = {"withdrawn", "reassigned"}


def _people(tasks: list[TaskLine], planned: list[PlannedDay]) -> list[Person]:
    people: dict[str, Person] = {}

    def row(staff_id: str, name: str) -> Person:
        return people.setdefault(staff_id, Person(staff_id, name, {}, {}))

    for task in tasks:
        if task.state not in _GONE:
            row(task.staff_id, task.staff_name).tasks.setdefault(task.day, []).append(task)
    for one in planned:
        row(one.staff_id, one.staff_name).planned.setdefault(one.day, []).append(one)
    return sorted(people.values(), key=lambda person: person.name)


@get("/tasks/side", guards=[requires("patrol.view")])
async def side(request: Visit, session: AsyncSession, task: str = "") -> Response[str]:
    """The chosen task with its stand-ins, and how today goes."""
    caller = visitor(request).narrowed("patrol.view")
    context: dict[str, Any] = {"one": None, "stand_ins": [], "may_plan": False}
    if task:
        one = await patrol.find_task(session, caller, task)
        context["one"] = one
        if planning := with_right(request, "patrol.plan"):
            context["may_plan"] = True
            context["stand_ins"] = await _stand_ins(session, planning, one)
    tasks = await patrol.list_tasks(session, caller, day_from=beijing_today(), day_to=beijing_today(), limit=_MOST)
    context["today_tasks"] = [t for t in tasks.items if t.state not in _GONE]
    context["rates_today"] = await patrol.rates_of(session, caller, beijing_today(), beijing_today())
    context["rates_week"] = await patrol.rates_of(session, caller, beijing_today() - timedelta(days=6), beijing_today())
    return render(request, "parts/task_side.html", states=TASK_WORDS, **context)


class StandIn(msgspec.Struct, frozen=True):
    staff_id: str
    name: str
    distance_m: float | None
    tasks: int


async def _stand_ins(session: AsyncSession, caller: Any, one: TaskOut) -> list[StandIn]:
    """Colleagues of the unit: the nearest to the task's beginning first, with what they have that day."""
    staff = await accounts.staff_of_unit(session, one.task.organisation_id)
    seen = {
        p.staff_id: p
        for p in await positions.list_positions(session, caller, since=datetime.now(UTC) - timedelta(hours=12))
    }
    tasks = await patrol.list_tasks(session, caller, day_from=one.task.day, day_to=one.task.day, limit=_MOST)
    loads: dict[str, int] = {}
    for task in tasks.items:
        if task.state not in _GONE:
            loads[task.staff_id] = loads.get(task.staff_id, 0) + 1
    start = await _start_of(session, one)
    found = []
    for person in staff:
        if person.id == one.task.staff_id:
            continue
        place = seen.get(person.id)
        distance_m = None
        if place and start:
            distance_m = geometry.distance_m(place.lon, place.lat, *start)
        found.append(StandIn(person.id, person.name, distance_m, loads.get(person.id, 0)))
    return sorted(found, key=lambda each: (each.distance_m is None, each.distance_m or 0, each.tasks))


async def _start_of(session: AsyncSession, one: TaskOut) -> tuple[float, float] | None:
    if one.check_points:
        return one.check_points[0]["lon"], one.check_points[0]["lat"]
    pipes = await network.find_pipes(session, one.pipe_ids[:1])
    return next((pipe.line[0] for pipe in pipes.values()), None)


@get("/tasks/{task_id:str}", guards=[requires("patrol.view")])
async def open_one(request: Visit, session: AsyncSession, settings: Settings, task_id: str) -> Response[str]:
    """One task on the map: what was to be walked, what was, and the points on the way."""
    caller = visitor(request).narrowed("patrol.view")
    one = await patrol.find_task(session, caller, task_id)
    walks = [await patrol.find_patrol(session, caller, patrol_id) for patrol_id in one.patrol_ids]
    pictures = {
        visit.id: await photos.list_photos(session, visitor(request), visit.id)
        for walk in walks
        for visit in walk.visits
        if visit.photos
    }
    visits = {visit.check_point_id: visit for walk in walks for visit in walk.visits}
    return render(
        request,
        "task.html",
        one=one,
        walks=walks,
        visits=visits,
        pictures=pictures,
        states=TASK_WORDS,
        modes=MODE_WORDS,
        words=await words_for(request, session),
        levels=network.PRESSURE_LEVELS,
        base=base_of(settings),
    )


@get("/tasks/{task_id:str}/map.json", guards=[requires("patrol.view")])
async def task_map(request: Visit, session: AsyncSession, task_id: str) -> dict[str, Any]:
    caller = visitor(request).narrowed("patrol.view")
    one = await patrol.find_task(session, caller, task_id)
    covered = [
        msgspec.json.decode(await patrol.uncovered_geojson(session, caller, patrol_id)) for patrol_id in one.patrol_ids
    ]
    tracks = [
        msgspec.json.decode(await patrol.tracks_geojson(session, caller, patrol_id=patrol_id))
        for patrol_id in one.patrol_ids
    ]
    return {
        "pipe_ids": one.pipe_ids,
        "walked": _joined(covered, walked=True),
        "tracks": _joined(tracks),
        "points": [{**point, "visited": False} for point in one.check_points],
    }


def _joined(collections: list[Any], **only: Any) -> dict[str, Any]:
    features = [feature for collection in collections for feature in collection["features"]]
    kept = [f for f in features if all(f["properties"].get(name) == value for name, value in only.items())]
    return {"type": "FeatureCollection", "features": kept}


@post("/tasks/{task_id:str}/reassign", guards=[requires("patrol.plan")], status_code=204)
async def reassign(request: Visit, session: AsyncSession, task_id: str) -> Response[None]:
    given = await read_form(request, Reassign)
    caller = visitor(request).narrowed("patrol.plan")
    moved = await patrol.reassign_task(session, caller, task_id, given.staff_id, given.reason)
    t = translate_into(language_of(request))
    return done(toast=t("已改派给{name}", name=moved.task.staff_name), changed="tasks-changed")


@get("/tasks/{task_id:str}/withdraw", guards=[requires("patrol.plan")])
async def ask_withdraw(request: Visit, session: AsyncSession, task_id: str) -> Response[str]:
    one = await patrol.find_task(session, visitor(request).narrowed("patrol.plan"), task_id)
    return render(request, "parts/task_withdraw.html", one=one)


@post("/tasks/{task_id:str}/withdraw", guards=[requires("patrol.plan")], status_code=204)
async def withdraw(request: Visit, session: AsyncSession, task_id: str) -> Response[None]:
    given = await read_form(request, Reason)
    await patrol.withdraw_task(session, visitor(request).narrowed("patrol.plan"), task_id, given.reason)
    return done(toast=translate_into(language_of(request))("任务已撤回"), changed="tasks-changed")


handlers = [show, week_grid, side, open_one, task_map, reassign, ask_withdraw, withdraw]
