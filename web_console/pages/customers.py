"""The customers' ledger: who is complete enough to be supplied (5.8.3-07), and filling in what is missing."""

from datetime import date
from typing import Any, Literal

import msgspec
from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.customers import service as customers
from backend.customers.schemas import CustomerIn, GasAlarmIn, PaperIn
from backend.errors import MissingError
from backend.photos import service as photos
from backend.scope import requires
from sync.identity_card import TROUBLES
from web_console.forms import read_form
from web_console.listing import PageNumber, read_filters
from web_console.lists import words_for
from web_console.rendering import Visit, done, language_of, render, sayer, translate_into
from web_console.visiting import visitor, with_right
from web_console.words import FIELD_WORDS

PAGE = 50
PAPERS = {
    "agreement": ("供用气合同", "Supply contract"),
    "safety_notice": ("安全告示", "Safety notice"),
    "fittings": ("配件置换", "Fittings replaced"),
    "in_home_check": ("入户安检", "In-home check"),
}


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    category: str = ""
    complete: bool | None = None
    lacks_alarm: bool = False


@get("/customers", guards=[requires("customer.view")])
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    return render(
        request,
        "customers.html",
        filter=read_filters(request, Filter),
        words=await words_for(request, session),
        may_edit=with_right(request, "customer.edit") is not None,
        may_deliveries=with_right(request, "delivery.view") is not None,
    )


@get("/customers/found", guards=[requires("customer.view")])
async def found(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    wanted = read_filters(request, Filter)
    ledger = await customers.list_customers(
        session,
        visitor(request).narrowed("customer.view"),
        search=wanted.search,
        category=wanted.category,
        complete=wanted.complete,
        lacks_alarm=wanted.lacks_alarm,
        limit=PAGE,
        offset=PAGE * (page - 1),
    )
    words = await words_for(request, session)
    return render(request, "parts/customers.html", ledger=ledger, words=words, fields=FIELD_WORDS, page=page, size=PAGE)


@get("/customers/new", guards=[requires("customer.edit")])
async def new(request: Visit, session: AsyncSession) -> Response[str]:
    return render(request, "parts/customer_form.html", one=None, **await _context(request, session))


@get("/customers/{customer_id:str}", guards=[requires("customer.view")])
async def open_one(request: Visit, session: AsyncSession, customer_id: str) -> Response[str]:
    return await _opened(request, session, customer_id)


async def _opened(request: Visit, session: AsyncSession, customer_id: str) -> Response[str]:
    one = await customers.find_customer(session, visitor(request).narrowed("customer.view"), customer_id)
    template = "parts/customer_form.html" if with_right(request, "customer.edit") else "parts/customer.html"
    ids = [paper.done_by for paper in one.papers] + [paper.reviewed_by for paper in one.papers]
    people = await accounts.staff_names(session, [staff_id for staff_id in ids if staff_id])
    pictures = {
        record.id: await photos.list_photos(session, visitor(request), record.id)
        for record in one.paper_records
        if record.photos and record.kind != "in_home_check"
    }
    return render(
        request,
        template,
        one=one,
        people=people,
        pictures=pictures,
        papers=PAPERS,
        gas_alarm=await customers.find_gas_alarm(session, visitor(request).narrowed("customer.view"), customer_id),
        troubles=TROUBLES,
        **await _context(request, session),
    )


@get("/customers/{customer_id:str}/cards", guards=[requires("customer.edit")])
async def compare_cards(request: Visit, session: AsyncSession, customer_id: str) -> Response[str]:
    """Name and number in clear, as taken down and as read on the card; that they were looked at is written down."""
    cards = await customers.compare_cards(session, visitor(request).narrowed("customer.edit"), customer_id)
    return render(request, "parts/customer_cards.html", cards=cards)


class PaperForm(msgspec.Struct, frozen=True, kw_only=True):
    """`act`: what the button says."""

    act: Literal["save", "review"] = "save"
    done_on: date | None = None


@post("/customers/{customer_id:str}/papers/{kind:str}", guards=[requires("customer.edit")], status_code=200)
async def set_paper(request: Visit, session: AsyncSession, customer_id: str, kind: str) -> Response[str]:
    """已完成 and 已审核 apart (E5.8.3-6); answers with the record as it now stands."""
    form = await read_form(request, PaperForm)
    known = next((paper for paper in customers.PAPERS if paper == kind), None)
    if known is None:
        raise MissingError("paper.unknown", "没有这种资料。", "There is no such paper.")
    given = PaperIn(done_on=form.done_on, reviewed=form.act == "review")
    await customers.set_paper(session, visitor(request).narrowed("customer.edit"), customer_id, known, given)
    answer = await _opened(request, session, customer_id)
    answer.headers["HX-Trigger"] = "customers-changed"
    return answer


@post("/customers/{customer_id:str}/gas-alarm", guards=[requires("customer.edit")], status_code=200)
async def set_gas_alarm(request: Visit, session: AsyncSession, customer_id: str) -> Response[str]:
    given = await read_form(request, GasAlarmIn)
    await customers.set_gas_alarm(session, visitor(request).narrowed("customer.edit"), customer_id, given)
    answer = await _opened(request, session, customer_id)
    answer.headers["HX-Trigger"] = "customers-changed"
    return answer


async def _context(request: Visit, session: AsyncSession) -> dict[str, Any]:
    reach = with_right(request, "customer.edit") or visitor(request)
    places = [o for o in await accounts.list_organisations(session, reach) if o.kind in {"company", "unit"}]
    return {"places": places, "words": await words_for(request, session), "fields": FIELD_WORDS}


@post("/customers", guards=[requires("customer.edit")], status_code=204)
async def create(request: Visit, session: AsyncSession) -> Response[None]:
    given = await read_form(request, CustomerIn)
    made = await customers.create_customer(session, visitor(request).narrowed("customer.edit"), given)
    return _saved(request, made.findings)


@post("/customers/{customer_id:str}", guards=[requires("customer.edit")], status_code=204)
async def change(request: Visit, session: AsyncSession, customer_id: str) -> Response[None]:
    """What is left empty of telephone and identity number stays as it is on record."""
    given = await read_form(request, CustomerIn)
    saved = await customers.change_customer(session, visitor(request).narrowed("customer.edit"), customer_id, given)
    return _saved(request, saved.findings)


def _saved(request: Visit, findings: Any) -> Response[None]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    return done(
        toast=" ".join([t("客户档案已保存"), *(say(finding) for finding in findings)]), changed="customers-changed"
    )


handlers = [show, found, new, open_one, compare_cards, create, change, set_paper, set_gas_alarm]
