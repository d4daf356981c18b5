"""B 隐患看板: hazards by stage, what may be done at each, leaks to be judged and works to be watched."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Literal

import msgspec
from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.errors import MissingError
from backend.hazards import service as hazards
from backend.hazards.rules import ACTION_WORDS, STAGE_WORDS, Action, Stage
from backend.hazards.schemas import (
    ConfirmLeak,
    Decide,
    Dispatch,
    Extend,
    HazardLine,
    HazardOut,
    Reasoned,
    Recheck,
    Rectify,
)
from backend.lists import Columns
from backend.network import service as network
from backend.network.schemas import PipeLine
from backend.pages import EXPORT_MOST
from backend.photos import service as photos
from backend.scope import Caller, requires
from sync.databases import beijing_today
from web_console.forms import read_form
from web_console.listing import PageNumber, export, files, read_filters
from web_console.lists import words_for
from web_console.rendering import Visit, done, language_of, render, sayer, translate_into
from web_console.visiting import visitor, with_right

PAGE = 50
Move = Callable[[AsyncSession, Caller, str, Any], Awaitable[HazardOut]]

# What each button sends, and which service takes it.
MOVES: dict[str, tuple[type[msgspec.Struct], Move]] = {
    "decide": (Decide, hazards.decide_grade),
    "dismiss": (Reasoned, hazards.dismiss_hazard),
    "dispatch": (Dispatch, hazards.dispatch_hazard),
    "rectify": (Rectify, hazards.rectify_hazard),
    "recheck": (Recheck, hazards.close_hazard),
    "return": (Reasoned, hazards.return_hazard),
    "extend": (Extend, hazards.extend_hazard),
    "supervise": (Reasoned, hazards.supervise_hazard),
}
# The move that a ticket's stage waits for.
FORWARD: dict[Stage, Action] = {
    "pending_review": "decide",
    "pending_dispatch": "dispatch",
    "in_rectification": "rectify",
    "pending_recheck": "recheck",
}


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    grade: str = ""
    hazard_type: str = ""
    department: str = ""
    stage: Literal["", "pending_review", "pending_dispatch", "in_rectification", "pending_recheck", "closed"] = ""
    overdue: bool = False

    def given(self) -> dict[str, Any]:
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value}


@get("/hazards", guards=[requires("hazard.view")])
async def show(
    request: Visit, session: AsyncSession, view: Literal["board", "list", "leaks", "works"] = "board"
) -> Response[str]:
    caller = visitor(request).narrowed("hazard.view")
    leaks = await hazards.list_leaks(session, caller, limit=1)
    works = await hazards.list_works(session, caller, limit=1)
    return render(
        request,
        "hazards.html",
        view=view,
        filter=read_filters(request, Filter),
        words=await words_for(request, session),
        leaks=leaks.total,
        works=works.total,
        may_decide=with_right(request, "hazard.decide") is not None,
        opened=request.query_params,
        stages=STAGE_WORDS,
    )


@get("/hazards/found", guards=[requires("hazard.view")])
async def found(
    request: Visit,
    session: AsyncSession,
    view: Literal["board", "list", "leaks", "works"] = "board",
    page: PageNumber = 1,
) -> Response[str]:
    caller = visitor(request).narrowed("hazard.view")
    wanted, words = read_filters(request, Filter), await words_for(request, session)
    context: dict[str, Any] = {"words": words, "filter": wanted, "page": page, "size": PAGE}
    if view == "leaks":
        context["leaks"] = await hazards.list_leaks(session, caller, state="", limit=PAGE, offset=PAGE * (page - 1))
        return render(request, "parts/leaks.html", **context)
    if view == "works":
        context["works_page"] = await hazards.list_works(
            session, caller, state="", limit=PAGE, offset=PAGE * (page - 1)
        )
        return render(request, "parts/works.html", **context)
    if view == "list":
        given = wanted.given()
        context["hazards"] = await hazards.list_hazards(session, caller, limit=PAGE, offset=PAGE * (page - 1), **given)
        context["stages"] = STAGE_WORDS
        return render(request, "parts/hazard_list.html", **context)
    given = {name: value for name, value in wanted.given().items() if name != "stage"}
    lanes = await hazards.board(session, caller, **given)
    pipes = await _pipes(session, [ticket for lane in lanes for ticket in lane.tickets])
    return render(request, "parts/board.html", lanes=lanes, pipes=pipes, levels=network.PRESSURE_LEVELS, **context)


async def _pipes(session: AsyncSession, tickets: list[HazardLine]) -> dict[str, PipeLine]:
    return await network.find_pipes(session, {ticket.pipe_id for ticket in tickets if ticket.pipe_id})


@get(files("/hazards/export"), guards=[requires("hazard.view")])
async def download(request: Visit, session: AsyncSession) -> Response[bytes]:
    """隐患台账, as filtered."""
    words, say = await words_for(request, session), sayer(language_of(request))
    t = translate_into(language_of(request))
    caller = visitor(request).narrowed("hazard.view")
    page = await hazards.list_hazards(session, caller, limit=EXPORT_MOST, **read_filters(request, Filter).given())
    columns: Columns = [
        (t("编号"), "number"),
        (t("阶段"), lambda one: say(STAGE_WORDS[one.stage])),
        (t("等级"), lambda one: words("hazard_grade", one.grade or one.proposed_grade)),
        (t("类型"), lambda one: words("hazard_type", one.hazard_type)),
        (t("来源"), lambda one: words("hazard_source", one.source)),
        (t("地址"), "address"),
        (t("上报时间"), "reported_at"),
        (t("上报人"), "reported_by_name"),
        (t("责任部门"), "department"),
        (t("责任人"), "responsible_name"),
        (t("期限"), "due_on"),
        (t("逾期"), "overdue"),
        (t("销号时间"), "closed_at"),
    ]
    return await export(request, "hazards", columns, page)


@get("/hazards/{hazard_id:str}", guards=[requires("hazard.view")])
async def open_one(request: Visit, session: AsyncSession, hazard_id: str) -> Response[str]:
    caller = visitor(request).narrowed("hazard.view")
    one = await hazards.find_hazard(session, caller, hazard_id)
    pipes = await _pipes(session, [one.hazard])
    return render(
        request,
        "parts/hazard.html",
        one=one,
        words=await words_for(request, session),
        pipe=pipes.get(one.hazard.pipe_id),
        levels=network.PRESSURE_LEVELS,
        pictures=await photos.list_photos(session, visitor(request), hazard_id),
        notes=await photos.list_voice_notes(session, visitor(request), hazard_id),
        actions=ACTION_WORDS,
        stages=STAGE_WORDS,
        forward=FORWARD.get(one.hazard.stage),
        may_decide=with_right(request, "hazard.decide") is not None,
    )


@get("/hazards/{hazard_id:str}/{action:str}", guards=[requires("hazard.decide")])
async def ask(request: Visit, session: AsyncSession, hazard_id: str, action: str) -> Response[str]:
    """The form of one move."""
    caller = visitor(request).narrowed("hazard.decide")
    one = await hazards.find_hazard(session, caller, hazard_id)
    if action not in MOVES:
        raise MissingError("address.unknown", "没有这个操作。", "There is no such action.")
    context: dict[str, Any] = {"staff": [], "departments": []}
    if action == "dispatch":
        context["staff"] = await accounts.list_staff(session, caller, limit=500)
        context["departments"] = [o.name for o in await accounts.list_organisations(session, caller)]
    return render(
        request,
        "parts/hazard_move.html",
        one=one,
        action=action,
        title=ACTION_WORDS[action],  # type: ignore[index]
        words=await words_for(request, session),
        soon=beijing_today() + timedelta(days=7),
        **context,
    )


@post("/hazards/{hazard_id:str}/{action:str}", guards=[requires("hazard.decide")], status_code=204)
async def move(request: Visit, session: AsyncSession, hazard_id: str, action: str) -> Response[None]:
    if action not in MOVES:
        raise MissingError("address.unknown", "没有这个操作。", "There is no such action.")
    struct, service = MOVES[action]
    caller = visitor(request).narrowed("hazard.decide")
    moved = await service(session, caller, hazard_id, await read_form(request, struct))
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    said = t("{number} 已到“{stage}”", number=moved.hazard.number, stage=say(STAGE_WORDS[moved.hazard.stage]))
    return done(toast=said, changed="hazards-changed")


@get("/leaks/{leak_id:str}", guards=[requires("hazard.view")])
async def open_leak(request: Visit, session: AsyncSession, leak_id: str) -> Response[str]:
    leak = await hazards.find_leak(session, visitor(request).narrowed("hazard.view"), leak_id)
    pipe = (await network.find_pipes(session, {leak.pipe_id})).get(leak.pipe_id) if leak.pipe_id else None
    return render(
        request,
        "parts/leak.html",
        leak=leak,
        pipe=pipe,
        levels=network.PRESSURE_LEVELS,
        words=await words_for(request, session),
        pictures=await photos.list_photos(session, visitor(request), leak_id),
        may_decide=with_right(request, "hazard.decide") is not None,
    )


@post("/leaks/{leak_id:str}/confirm", guards=[requires("hazard.decide")], status_code=204)
async def confirm_leak(request: Visit, session: AsyncSession, leak_id: str) -> Response[None]:
    given = await read_form(request, ConfirmLeak)
    opened = await hazards.confirm_leak(session, visitor(request).narrowed("hazard.decide"), leak_id, given)
    t = translate_into(language_of(request))
    return done(toast=t("已立为隐患 {number}", number=opened.hazard.number), changed="hazards-changed")


@post("/leaks/{leak_id:str}/dismiss", guards=[requires("hazard.decide")], status_code=204)
async def dismiss_leak(request: Visit, session: AsyncSession, leak_id: str) -> Response[None]:
    given = await read_form(request, Reasoned)
    await hazards.dismiss_leak(session, visitor(request).narrowed("hazard.decide"), leak_id, given)
    return done(toast=translate_into(language_of(request))("已记为不成立"), changed="hazards-changed")


@get("/works/{works_id:str}", guards=[requires("hazard.view")])
async def open_works(request: Visit, session: AsyncSession, works_id: str) -> Response[str]:
    works = await hazards.find_works(session, visitor(request).narrowed("hazard.view"), works_id)
    pipe = (await network.find_pipes(session, {works.pipe_id})).get(works.pipe_id) if works.pipe_id else None
    return render(
        request,
        "parts/works_one.html",
        works=works,
        pipe=pipe,
        levels=network.PRESSURE_LEVELS,
        words=await words_for(request, session),
        pictures=await photos.list_photos(session, visitor(request), works_id),
        notes=await photos.list_voice_notes(session, visitor(request), works_id),
        may_decide=with_right(request, "hazard.decide") is not None,
    )


@post("/works/{works_id:str}/end", guards=[requires("hazard.decide")], status_code=204)
async def end_works(request: Visit, session: AsyncSession, works_id: str) -> Response[None]:
    given = await read_form(request, Reasoned)
    await hazards.end_works(session, visitor(request).narrowed("hazard.decide"), works_id, given)
    return done(toast=translate_into(language_of(request))("施工点已结束"), changed="hazards-changed")


handlers = [
    show,
    found,
    download,
    open_one,
    ask,
    move,
    open_leak,
    confirm_leak,
    dismiss_leak,
    open_works,
    end_works,
]
