"""D 气瓶: search first, then the verdict, where it has been, who holds it, and what contradicts."""

from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.customers import service as customers
from backend.cylinders import service as cylinders
from backend.cylinders.schemas import CylinderIn, CylinderOut
from backend.intake import facts
from backend.scope import requires
from web_console.forms import read_form
from web_console.rendering import Visit, done, language_of, render, translate_into
from web_console.visiting import visitor, with_right

_MOST = 30
STATES = {
    "normal": ("可配送", "Good", "ok"),
    "due_soon": ("30 天内到检", "Due within 30 days", "warn"),
    "overdue": ("检验逾期", "Inspection overdue", "danger"),
    "service_ended": ("超使用年限", "Service ended", "danger"),
    "scrapped": ("已报废", "Scrapped", "danger"),
}
MOVES = {
    "bound": ("标签绑定", "Tag bound", "icon:link"),
    "filled": ("充装", "Filled", "icon:propane_tank"),
    "stored": ("入库", "Stored", "icon:warehouse"),
    "loaded": ("装车", "Loaded", "icon:local_shipping"),
    "delivered": ("送达", "Delivered", "icon:home"),
    "returned": ("空瓶回收", "Taken back", "icon:undo"),
    "sent_out": ("送检", "Sent for inspection", "icon:outbox"),
    "inspected": ("检验完成", "Inspected", "icon:fact_check"),
    "scrapped": ("报废", "Scrapped", "icon:delete"),
    "refused": ("被拒", "Refused", "icon:block"),
}
HOLDERS = {
    "station": ("在站", "At the station", "icon:store"),
    "vehicle": ("在车上", "On a vehicle", "icon:local_shipping"),
    "customer": ("在客户处", "At a customer's", "icon:home"),
    "inspection_body": ("在检验机构", "At an inspection body", "icon:fact_check"),
    "scrapped": ("已报废", "Scrapped", "icon:delete"),
}
# Why a scan was refused, as the phone's record says it: `<purpose>: <code>, <code>`.
REFUSALS = {
    "loading": ("装车", "loading"),
    "delivery": ("配送", "delivery"),
    "return": ("回收", "return"),
    "filling": ("充装", "filling"),
    "unknown_cylinder": ("没有档案", "not on record"),
    "not_owned": ("非自有", "not the company's"),
    "inspection_overdue": ("检验逾期", "inspection overdue"),
    "service_ended": ("超使用年限", "service ended"),
    "scrapped": ("已报废", "scrapped"),
    "tag_mismatch": ("标签不符", "tag does not match"),
    "tag_torn": ("标签损坏", "tag damaged"),
}
METHODS = {
    "qr": ("扫码", "QR code"),
    "barcode": ("条码", "Bar code"),
    "nfc": ("NFC", "NFC"),
    "uhf": ("UHF", "UHF"),
    "typed": ("手输", "Typed"),
    "office": ("办公室", "Office"),
}
CONTRADICTIONS = {
    "delivered_twice": ("两处送达，中间没有回收记录", "Delivered twice with no return between"),
    "delivered_by_other": ("送达人不是装车人", "Delivered by somebody who had not loaded it"),
    "returned_from_other": ("从另一户回收，中间没有送达记录", "Taken back from another customer"),
    "loaded_while_at_customer": ("还在客户处就装车，中间没有回收记录", "Loaded while at a customer's"),
    "delivered_not_loaded": ("送达之前没有装车记录", "Delivered but never loaded"),
    "returned_not_delivered": ("回收之前没有送达记录", "Taken back but never delivered"),
    "not_returned": ("从客户处回站，中间没有回收记录", "At a station without having been taken back"),
    "filled_not_at_station": ("充装时不在站内，中间没有入库记录", "Filled while not at a station"),
    "filled_twice": ("两次充装之间没有送出和回收记录", "Filled twice without return"),
    "two_places": ("同时在两处，中间没有运输记录", "In two places at once"),
    "used_after_scrapping": ("报废之后仍有使用记录", "Used after it was scrapped"),
}


@get("/cylinders", guards=[requires("cylinder.view")])
async def show(request: Visit, session: AsyncSession, q: str = "", id: str = "") -> Response[str]:  # noqa: A002
    """One hit opens by itself."""
    caller = visitor(request).narrowed("cylinder.view")
    hits = await cylinders.list_cylinders(session, caller, search=q.strip(), limit=_MOST)
    chosen = id or (hits.items[0].id if q.strip() and hits.items else "")
    one = await cylinders.find_cylinder(session, caller, chosen) if chosen else None
    customer_names = {}
    if one is not None:
        wanted = [move.customer_id for move in one.chain if move.customer_id]
        customer_names = {
            key: line.name or line.code for key, line in (await customers.names_of(session, wanted)).items()
        }
    return render(
        request,
        "cylinders.html",
        q=q,
        hits=hits,
        one=one,
        names={o.id: o.name for o in await accounts.list_organisations(session, caller)} | customer_names,
        contradicted=_contradicted(one),
        disputes=await _disputes(request, session, one),
        states=STATES,
        moves=MOVES,
        methods=METHODS,
        holders=HOLDERS,
        refusals=REFUSALS,
        words_of=CONTRADICTIONS,
        may_edit=with_right(request, "cylinder.edit") is not None,
    )


def _contradicted(one: CylinderOut | None) -> set[str]:
    return {record for each in one.contradictions for record in (each.earlier, each.later)} if one else set()


async def _disputes(
    request: Visit, session: AsyncSession, one: CylinderOut | None
) -> list[tuple[str, list[facts.RecordOut]]]:
    """Each contradiction with both records side by side."""
    caller = visitor(request).narrowed("cylinder.view")
    return [
        (each.kind, await facts.find_records(session, caller, [each.earlier, each.later]))
        for each in (one.contradictions if one else ())
    ]


@get("/cylinders/new", guards=[requires("cylinder.edit")])
async def new(request: Visit, session: AsyncSession) -> Response[str]:
    return await _form(request, session, None)


@get("/cylinders/{cylinder_id:str}/edit", guards=[requires("cylinder.edit")])
async def edit(request: Visit, session: AsyncSession, cylinder_id: str) -> Response[str]:
    one = await cylinders.find_cylinder(session, visitor(request).narrowed("cylinder.edit"), cylinder_id)
    return await _form(request, session, one)


async def _form(request: Visit, session: AsyncSession, one: CylinderOut | None) -> Response[str]:
    caller = visitor(request).narrowed("cylinder.edit")
    stations = [o for o in await accounts.list_organisations(session, caller) if o.kind == "unit"]
    return render(request, "parts/cylinder_form.html", one=one, stations=stations)


@post("/cylinders", guards=[requires("cylinder.edit")], status_code=204)
async def create(request: Visit, session: AsyncSession) -> Response[None]:
    given = await read_form(request, CylinderIn)
    made = await cylinders.create_cylinder(session, visitor(request).narrowed("cylinder.edit"), given)
    return _saved(request, made)


@post("/cylinders/{cylinder_id:str}", guards=[requires("cylinder.edit")], status_code=204)
async def change(request: Visit, session: AsyncSession, cylinder_id: str) -> Response[None]:
    given = await read_form(request, CylinderIn)
    saved = await cylinders.change_cylinder(session, visitor(request).narrowed("cylinder.edit"), cylinder_id, given)
    return _saved(request, saved)


def _saved(request: Visit, saved: CylinderOut) -> Response[None]:
    answer = done(toast=translate_into(language_of(request))("气瓶档案已保存"))
    answer.headers["HX-Redirect"] = f"/cylinders?id={saved.cylinder.id}"
    return answer


handlers = [show, new, edit, create, change]
