"""D 气瓶: search first, then the verdict, where it has been, who holds it, and what contradicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.customers import service as customers
from backend.cylinders import service as cylinders
from backend.cylinders.schemas import CylinderIn, CylinderLine, CylinderOut, MovementOut
from backend.errors import MissingError
from backend.filling import service as filling
from backend.intake import conflicts, facts
from backend.intake.schemas import ConflictOut
from backend.pages import Page
from backend.photos import service as photos
from backend.scope import requires
from backend.settings import Settings
from web_console.basemap import base_of
from web_console.chain import SHOWN, Place, passages, way, years_and_months
from web_console.forms import read_form
from web_console.lists import words_for
from web_console.rendering import Visit, beijing, done, language_of, render, sayer, translate_into
from web_console.visiting import visitor, with_right
from web_console.words import record_words

_MOST = 30
# A contradiction is between two records, or between one and the archive.
_BOTH = 2
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
    "tag_missing": ("没有装标签", "no tag"),
    "tag_unfit": ("标签松动或读不出", "tag loose or unreadable"),
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


class Dispute(msgspec.Struct, frozen=True):
    """A contradiction with both records side by side; `numbers`: where they stand on the map."""

    kind: str
    records: list[facts.RecordOut]
    moves: dict[str, MovementOut]
    numbers: dict[str, int]
    apart_min: int | None
    conflict: ConflictOut | None


async def find_hits(
    request: Visit, session: AsyncSession, *, q: str, holder: str, untagged: bool, limit: int
) -> Page[CylinderLine]:
    """What the page shows, and its file holds."""
    kind, _, key = holder.partition(":")
    # Four digits may be the end of a customer's telephone, where the visitor may see customers; the audit tells of it.
    customer_ids = await customers.found_by_phone(session, visitor(request).narrowed("customer.view"), q.strip())
    return await cylinders.list_cylinders(
        session,
        visitor(request).narrowed("cylinder.view"),
        search=q.strip(),
        holder_kind=kind,
        holder_id=key,
        at_customers=customer_ids,
        tagged=False if untagged else None,
        limit=limit,
    )


@get("/cylinders", guards=[requires("cylinder.view")])
async def show(
    request: Visit,
    session: AsyncSession,
    settings: Settings,
    *,
    q: str = "",
    id: str = "",  # noqa: A002
    shown: str = "",
    holder: str = "",
    untagged: bool = False,
) -> Response[str]:
    """One hit opens by itself. `holder` (`station:id`, `vehicle:id`): those that stand there."""
    caller = visitor(request).narrowed("cylinder.view")
    hits = await find_hits(request, session, q=q, holder=holder, untagged=untagged, limit=_MOST)
    chosen = id or (hits.items[0].id if q.strip() and hits.items else "")
    one = await cylinders.find_cylinder(session, caller, chosen) if chosen else None
    told = await _told(request, session, one, shown) if one is not None else {}
    return render(
        request,
        "cylinders.html",
        q=q,
        untagged=untagged,
        holder=holder,
        hits=hits,
        one=one,
        shown=shown,
        kinds=SHOWN,
        states=STATES,
        moves=MOVES,
        methods=METHODS,
        holders=HOLDERS,
        refusals=REFUSALS,
        words_of=CONTRADICTIONS,
        base=base_of(settings),
        may_network=with_right(request, "network.view") is not None,
        may_edit=with_right(request, "cylinder.edit") is not None,
        may_settle=with_right(request, "records.review") is not None,
        **told,
    )


async def _told(request: Visit, session: AsyncSession, one: CylinderOut, shown: str) -> dict[str, Any]:
    """What the page says of one cylinder besides its archive."""
    caller = visitor(request).narrowed("cylinder.view")
    contradicted = {record for each in one.contradictions for record in (each.earlier, each.later) if record}
    customers_met = [move.customer_id for move in one.chain if move.customer_id]
    names = {key: line.name or line.code for key, line in (await customers.names_of(session, customers_met)).items()}
    names |= {o.id: o.name for o in await accounts.list_organisations(session, caller)}
    places = way(one, contradicted)
    return {
        "names": names,
        "contradicted": contradicted,
        "line": passages(one.chain, contradicted, shown),
        "years_and_months": years_and_months,
        "last": await _last_filling(session, one),
        "filled": sum(move.kind == "filled" for move in one.chain),
        "places": places,
        "shown_places": [_on_map(request, place) for place in places],
        "pictures": await photos.count_photos(session, visitor(request), {move.record_id for move in one.chain}),
        "disputes": await _disputes(request, session, one, {place.record_id: place.number for place in places}),
    }


async def _last_filling(session: AsyncSession, one: CylinderOut) -> str:
    """末次充装: the day, by whom, and how much."""
    company = await accounts.find_company(session, one.cylinder.organisation_id)
    last = await filling.last_filling(session, company.id, one.cylinder.code)
    return f"{last.filled_on} · {last.filling_company} · {last.net_kg:.2f} kg" if last else ""


def _on_map(request: Visit, place: Place) -> dict[str, Any]:
    words = {"word": sayer(language_of(request))(MOVES[place.kind]), "time": beijing(place.at)}
    return msgspec.structs.asdict(place) | words | {"at": place.at.isoformat()}


async def _disputes(
    request: Visit, session: AsyncSession, one: CylinderOut, numbers: Mapping[str, int]
) -> list[Dispute]:
    caller = visitor(request).narrowed("cylinder.view")
    subject = f"reference.cylinder:{one.cylinder.id}"
    known = await conflicts.conflicts_about(session, caller, subject) if one.contradictions else []
    moves = {move.record_id: move for move in one.chain}
    found = []
    for each in one.contradictions:
        both = [key for key in (each.earlier, each.later) if key]
        records = await facts.find_records(session, caller, both)
        at = [moves[key].at for key in both]
        found.append(
            Dispute(
                each.kind,
                records,
                {key: moves[key] for key in both},
                {key: numbers[key] for key in both if key in numbers},
                round((at[1] - at[0]).total_seconds() / 60) if len(at) == len({*both}) == _BOTH else None,
                next((c for c in known if _is_about(c, each.kind, both, subject)), None),
            )
        )
    return found


def _is_about(conflict: ConflictOut, kind: str, both: Sequence[str], subject: str) -> bool:
    return conflict.kind == f"cylinder.{kind}" and set(conflict.record_ids) == {*both, subject}


@get("/cylinders/{cylinder_id:str}/records/{record_id:str}", guards=[requires("cylinder.view")])
async def open_record(request: Visit, session: AsyncSession, cylinder_id: str, record_id: str) -> Response[str]:
    """One fact of the chain as the phone wrote it, with its pictures."""
    caller = visitor(request).narrowed("cylinder.view")
    one = await cylinders.find_cylinder(session, caller, cylinder_id)
    moves = [move for move in one.chain if move.record_id == record_id]
    if not moves:
        raise MissingError("record.unknown", "这个气瓶没有这条记录。", "There is no such record of this cylinder.")
    found = await facts.find_records(session, caller, [record_id])
    return render(
        request,
        "parts/cylinder_record.html",
        cylinder=one.cylinder,
        move=moves[0],
        record=found[0] if found else None,
        pictures=await photos.list_photos(session, visitor(request), record_id),
        moves=MOVES,
        methods=METHODS,
        record_words=record_words,
        words=await words_for(request, session),
    )


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
    words = await words_for(request, session)
    sizes = [code for code, _ in words.choices("cylinder_specification")]
    # What is on record stays to be chosen, though the list has changed since.
    sizes += [one.cylinder.specification] if one and one.cylinder.specification not in sizes else []
    media = words.choices("cylinder_medium")
    media += [(one.cylinder.medium,) * 2] if one and one.cylinder.medium not in dict(media) else []
    return render(request, "parts/cylinder_form.html", one=one, stations=stations, sizes=sizes, media=media)


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


handlers = [show, open_record, new, edit, create, change]
