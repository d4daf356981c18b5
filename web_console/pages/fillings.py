"""充装记录 and 拒充: what was filled, whether it was right, and what became of cylinders that were refused."""

from datetime import date
from typing import Any, Literal

import msgspec
from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.filling import service as filling
from backend.filling.rules import State
from backend.filling.schemas import FillingDetail, Handling, Withdrawal
from backend.lists import Columns
from backend.pages import EXPORT_MOST
from backend.photos import service as photos
from backend.photos.service import PhotoOut
from backend.scope import requires
from web_console.forms import read_form
from web_console.listing import PageNumber, export, files, read_filters
from web_console.lists import words_for
from web_console.pages.cylinders import METHODS, REFUSALS
from web_console.rendering import Visit, done, language_of, render, sayer, translate_into
from web_console.visiting import visitor, with_right

PAGE = 50
STATES: dict[State, tuple[str, str]] = {
    "unchecked": ("待后检", "To be checked"),
    "passed": ("合格", "Passed"),
    "failed": ("后检不合格", "Failed its check"),
    "underfilled": ("欠装", "Under-filled"),
    "overfilled": ("超装", "Over-filled"),
}
TONES = {"passed": "ok", "failed": "danger", "overfilled": "danger", "underfilled": "warn", "unchecked": "warn"}
ENDS = {
    "target_reached": ("充到应充量", "Target reached"),
    "stopped": ("人工停止", "Stopped by hand"),
    "link_lost": ("与秤断开", "Link lost"),
    "scale_fault": ("秤故障", "Scale fault"),
    "interrupted": ("中断", "Interrupted"),
}
# Beside the reasons that any scan may have.
REASONS = REFUSALS | {
    "inspection_failed": ("检验不合格", "failed its inspection"),
    "tag_void": ("标签已作废", "tag is void"),
    "tag_copied": ("标签是复制的", "tag is a copy"),
    "tag_damaged": ("标签内容损坏", "tag's content is damaged"),
    "tag_other_company": ("其他企业的标签", "another company's tag"),
    "inspection_unknown": ("检验日期未登记", "inspection date unknown"),
    "medium_wrong": ("介质不符", "wrong medium"),
    "tare_unknown": ("皮重未登记", "tare unknown"),
    "net_weight_unknown": ("充装量未设定", "no net weight set"),
    "filler_certificate_missing": ("无充装员证", "no filler's certificate"),
    "filler_certificate_expired": ("充装员证过期", "filler's certificate expired"),
    "filling_licence_missing": ("无充装许可证", "no filling licence"),
    "filling_licence_expired": ("充装许可证过期", "filling licence expired"),
    "scale_overdue": ("秤检定过期", "scale not verified"),
    "check_failed": ("检查不合格", "failed its check"),
    "tag_missing": ("没有装标签", "no tag"),
    "tag_unfit": ("标签松动或读不出", "tag loose or unreadable"),
    "explosion_proof_missing": ("设备无防爆证", "handheld not certified"),
    "explosion_proof_expired": ("设备防爆证过期", "handheld's certificate expired"),
    "overfilled": ("超装", "over-filled"),
}
_VIEW = requires("filling.view")
_EDIT = requires("filling.edit")


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    since: date | None = None
    until: date | None = None
    organisation_id: str = ""
    state: State | Literal["", "doubted", "withdrawn"] = ""

    def given(self) -> dict[str, Any]:
        found: dict[str, Any] = {name: getattr(self, name) for name in ("search", "since", "until", "organisation_id")}
        if self.state in {"doubted", "withdrawn"}:
            return found | {self.state: True}
        return found | ({"state": self.state} if self.state else {})


@get("/fillings", guards=[_VIEW])
async def show(request: Visit, session: AsyncSession, open: str = "", tab: str = "") -> Response[str]:  # noqa: A002
    caller = visitor(request).narrowed("filling.view")
    return render(
        request,
        "fillings.html",
        filter=read_filters(request, Filter),
        states=STATES,
        stations=[o for o in await accounts.list_organisations(session, caller) if o.kind == "unit"],
        tab="refusals" if tab == "refusals" else "",
        open=open,
        unhandled=await filling.count_unhandled(session, caller),
    )


@get("/fillings/found", guards=[_VIEW])
async def found(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    caller = visitor(request).narrowed("filling.view")
    rows = await filling.list_fillings(
        session, caller, limit=PAGE, offset=PAGE * (page - 1), **read_filters(request, Filter).given()
    )
    return render(
        request, "parts/fillings.html", fillings=rows, states=STATES, tones=TONES, reasons=REASONS, page=page, size=PAGE
    )


@get(files("/fillings/export"), guards=[_VIEW])
async def download(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    caller = visitor(request).narrowed("filling.view")
    page = await filling.list_fillings(session, caller, limit=EXPORT_MOST, **read_filters(request, Filter).given())
    columns: Columns = [
        (t("气瓶条码"), "code"),
        (t("充装单位"), "filling_company"),
        (t("充装站"), "station_name"),
        (t("检验单位"), "inspection_company"),
        (t("充装枪号"), "gun_number"),
        (t("瓶身总重"), "gross_kg"),
        (t("充装净含量"), "net_kg"),
        (t("复秤净含量"), "final_net_kg"),
        (t("皮重"), "tare_kg"),
        (t("残液量"), "residue_kg"),
        (t("充装介质"), "medium"),
        (t("充装日期"), "filled_on"),
        (t("末次充装日期"), "last_filled_on"),
        (t("充装人员工号"), "filler_number"),
        (t("充装人员证号"), "filler_certificate"),
        (t("秤号"), "scale_number"),
        (t("秤检定有效期至"), "scale_verified_until"),
        (t("开始"), "started_at"),
        (t("结束"), "ended_at"),
        (t("状态"), lambda one: say(STATES[one.state])),
        (t("疑点"), lambda one: [say(REASONS.get(code, (code, code))) for code in one.doubts]),
    ]
    return await export(request, "fillings", columns, page)


@get("/fillings/refusals", guards=[_VIEW])
async def refusals(
    request: Visit,
    session: AsyncSession,
    handled: Literal["", "true", "false"] = "",
    page: PageNumber = 1,
) -> Response[str]:
    caller = visitor(request).narrowed("filling.view")
    wanted = read_filters(request, Filter)
    rows = await filling.list_refusals(
        session,
        caller,
        search=wanted.search,
        organisation_id=wanted.organisation_id,
        handled=handled == "true" if handled else None,
        limit=PAGE,
        offset=PAGE * (page - 1),
    )
    return render(
        request,
        "parts/refusals.html",
        refusals=rows,
        reasons=REASONS,
        words=await words_for(request, session),
        page=page,
        size=PAGE,
    )


@get("/fillings/refusals/{refusal_id:str}", guards=[_VIEW])
async def open_refusal(request: Visit, session: AsyncSession, refusal_id: str) -> Response[str]:
    one = await filling.find_refusal(session, visitor(request).narrowed("filling.view"), refusal_id)
    return render(
        request,
        "parts/refusal.html",
        one=one,
        reasons=REASONS,
        pictures=await photos.list_photos(session, visitor(request), one.id),
        words=await words_for(request, session),
        may_edit=with_right(request, "filling.edit") is not None,
    )


@post("/fillings/refusals/{refusal_id:str}", guards=[_EDIT], status_code=204)
async def handle(request: Visit, session: AsyncSession, refusal_id: str) -> Response[None]:
    given = await read_form(request, Handling)
    one = await filling.handle_refusal(session, visitor(request).narrowed("filling.edit"), refusal_id, given)
    t = translate_into(language_of(request))
    return done(toast=t("{code} 的处理已登记", code=one.code), changed="fillings-changed")


@get("/fillings/{filling_id:str}", guards=[_VIEW])
async def open_one(request: Visit, session: AsyncSession, filling_id: str) -> Response[str]:
    one = await filling.find_filling(session, visitor(request).narrowed("filling.view"), filling_id)
    return render(
        request,
        "parts/filling.html",
        one=one,
        pictures=await _pictures(request, session, one),
        states=STATES,
        tones=TONES,
        ends=ENDS,
        methods=METHODS,
        reasons=REASONS,
        words=await words_for(request, session),
        may_edit=with_right(request, "filling.edit") is not None,
    )


async def _pictures(request: Visit, session: AsyncSession, one: FillingDetail) -> dict[str, list[PhotoOut]]:
    ids = [one.filling.id, *(check.id for check in one.after), *((one.before.id,) if one.before else ())]
    return {record_id: await photos.list_photos(session, visitor(request), record_id) for record_id in ids}


@post("/fillings/{filling_id:str}/withdraw", guards=[_EDIT], status_code=204)
async def withdraw(request: Visit, session: AsyncSession, filling_id: str) -> Response[None]:
    given = await read_form(request, Withdrawal)
    caller = visitor(request).narrowed("filling.edit")
    one = await filling.withdraw_filling(session, caller, filling_id, given.reason)
    t = translate_into(language_of(request))
    return done(toast=t("{code} 的充装记录已作废", code=one.filling.code), changed="fillings-changed")


handlers = [
    show,
    found,
    download,
    refusals,
    open_refusal,
    handle,
    open_one,
    withdraw,
]
