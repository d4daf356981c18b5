"""The customers' ledger: who is complete enough to be supplied (5.8.3-07), and filling in what is missing."""

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import Parameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.customers import service as customers
from backend.customers.schemas import CustomerIn
from backend.scope import requires
from web_console.forms import read_form
from web_console.lists import words_for
from web_console.rendering import Visit, done, language_of, render, sayer, translate_into
from web_console.visiting import visitor, with_right
from web_console.words import FIELD_WORDS

PAGE = 50


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    category: str = ""
    complete: bool | None = None


def _filter(request: Visit) -> Filter:
    return msgspec.convert({k: v for k, v in request.query_params.items() if v}, Filter, strict=False)


@get("/customers", guards=[requires("customer.view")])
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    return render(
        request,
        "customers.html",
        filter=_filter(request),
        words=await words_for(request, session),
        may_edit=with_right(request, "customer.edit") is not None,
        may_deliveries=with_right(request, "delivery.view") is not None,
    )


@get("/customers/found", guards=[requires("customer.view")])
async def found(
    request: Visit, session: AsyncSession, page: Annotated[int, Parameter(ge=1, le=10_000)] = 1
) -> Response[str]:
    wanted = _filter(request)
    ledger = await customers.list_customers(
        session,
        visitor(request).narrowed("customer.view"),
        search=wanted.search,
        category=wanted.category,
        complete=wanted.complete,
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
    one = await customers.find_customer(session, visitor(request).narrowed("customer.view"), customer_id)
    template = "parts/customer_form.html" if with_right(request, "customer.edit") else "parts/customer.html"
    return render(request, template, one=one, **await _context(request, session))


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


handlers = [show, found, new, open_one, create, change]
