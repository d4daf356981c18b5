"""Patrol plans: an area and pressure levels picked on the map, who walks it and how often."""

from datetime import date, time
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.response import Redirect
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.errors import UnusableError
from backend.network import service as network
from backend.patrol import service as patrol
from backend.patrol.rules import Recurrence, Window
from backend.patrol.schemas import CheckPointIn, PlanIn
from backend.scope import requires
from backend.settings import Settings
from sync.databases import beijing_today
from sync.documents.patrol import PatrolMode
from web_console.basemap import base_of
from web_console.forms import read_form
from web_console.lists import words_for
from web_console.pages.tasks import MODE_WORDS
from web_console.rendering import Visit, done, language_of, render, translate_into
from web_console.visiting import visitor, with_right

# Walking, cycling, driving: over this a stretch does not count as patrolled, in m/s.
SPEEDS = {"walk": 2.5, "bicycle": 6.0, "vehicle": 11.0}


class PlanForm(msgspec.Struct, frozen=True, kw_only=True):
    """As the page sends it: times of one or two turns, check points as JSON from the map."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    area_id: Annotated[str, msgspec.Meta(min_length=1)]
    pressure_levels: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    staff_id: Annotated[str, msgspec.Meta(min_length=1)]
    kind: Literal["every_days", "weekdays"] = "every_days"
    every_days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 1
    weekdays: tuple[Annotated[int, msgspec.Meta(ge=1, le=7)], ...] = ()
    start_1: time = time(8)
    end_1: time = time(17)
    start_2: time | None = None
    end_2: time | None = None
    mode: PatrolMode = "walk"
    buffer_m: Annotated[float, msgspec.Meta(gt=0, le=200)] = 15.0
    max_speed_mps: Annotated[float, msgspec.Meta(gt=0, le=40)] = 2.5
    starts_on: date | None = None
    ends_on: date | None = None
    check_points: str = "[]"

    def plan(self) -> PlanIn:
        windows = [Window(self.start_1, self.end_1)]
        if self.start_2 is not None and self.end_2 is not None:
            windows.append(Window(self.start_2, self.end_2))
        recurrence = Recurrence(
            kind=self.kind, every_days=self.every_days, weekdays=self.weekdays, windows=tuple(windows)
        )
        try:
            points = msgspec.json.decode(self.check_points, type=tuple[CheckPointIn, ...])
        except msgspec.DecodeError as error:
            raise UnusableError(
                "plan.check_points", "检查点填写不完整。", f"A check point is incomplete: {error}"
            ) from error
        copied = ("name", "area_id", "pressure_levels", "mode", "staff_id", "buffer_m", "max_speed_mps")
        return PlanIn(
            recurrence=recurrence,
            check_points=points,
            starts_on=self.starts_on,
            ends_on=self.ends_on,
            **{name: getattr(self, name) for name in copied},
        )


@get("/plans", guards=[requires("patrol.view")])
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    plans = await patrol.list_plans(session, visitor(request).narrowed("patrol.view"), state="")
    return render(
        request,
        "plans.html",
        plans=plans,
        levels=network.PRESSURE_LEVELS,
        modes=MODE_WORDS,
        may_plan=with_right(request, "patrol.plan") is not None,
    )


@get("/plans/new", guards=[requires("patrol.plan")])
async def new(request: Visit, session: AsyncSession, settings: Settings) -> Response[str]:
    caller = visitor(request).narrowed("patrol.plan")
    return render(
        request,
        "plan_new.html",
        areas=await network.list_areas(session, caller),
        levels=network.PRESSURE_LEVELS,
        modes=MODE_WORDS,
        speeds=SPEEDS,
        words=await words_for(request, session),
        base=base_of(settings),
    )


@get("/plans/preview", guards=[requires("patrol.plan")])
async def preview(request: Visit, session: AsyncSession, area_id: str = "") -> Response[str]:
    """What the choice on the map comes to, and who may walk it."""
    caller = visitor(request).narrowed("patrol.plan")
    levels = request.query_params.getall("pressure_levels", [])
    context: dict[str, Any] = {"picked": None, "staff": []}
    if area_id:
        area = await network.find_area(session, area_id, caller)
        context["staff"] = await accounts.staff_of_unit(session, area.organisation_id)
    if area_id and levels:
        context["picked"] = await patrol.preview_plan(session, caller, area_id, levels)
    chosen = request.query_params.get("staff_id", "")
    return render(request, "parts/plan_preview.html", chosen=chosen, **context)


@post("/plans", guards=[requires("patrol.plan")], status_code=303)
async def save(request: Visit, session: AsyncSession) -> Response[Any]:
    form = await read_form(request, PlanForm)
    plan = await patrol.save_plan(session, visitor(request).narrowed("patrol.plan"), form.plan())
    tasks = await patrol.list_tasks(
        session,
        visitor(request).narrowed("patrol.plan"),
        day_from=beijing_today(),
        day_to=beijing_today(),
        staff_id=plan.staff_id,
    )
    first = next((task for task in tasks.items if task.plan_id == plan.id), None)
    target = f"/tasks?task={first.id}" if first else "/plans"
    if request.headers.get("hx-request"):
        return Response(None, status_code=204, headers={"HX-Redirect": target})
    return Redirect(target, status_code=303)


@post("/plans/{plan_id:str}/stop", guards=[requires("patrol.plan")], status_code=204)
async def stop(request: Visit, session: AsyncSession, plan_id: str) -> Response[None]:
    plan = await patrol.stop_plan(session, visitor(request).narrowed("patrol.plan"), plan_id)
    t = translate_into(language_of(request))
    answer = done(toast=t("计划“{name}”已停止", name=plan.name))
    answer.headers["HX-Refresh"] = "true"
    return answer


handlers = [show, new, preview, save, stop]
