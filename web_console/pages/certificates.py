"""台账, 证照: what runs out when, who may not work any more, and renewing it."""

from typing import Any, Literal

import msgspec
from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.certificates import service as certificates
from backend.certificates.rules import State
from backend.certificates.schemas import CertificateIn, CertificateOut, Holder, HolderKind, WithdrawIn
from backend.lists import Columns
from backend.pages import EXPORT_MOST, Page
from backend.reference import service as reference
from backend.scope import Caller, requires
from sync.databases import beijing_today
from sync.rules.certificates import READER_CONFORMITY, TAG_CONFORMITY, in_force
from web_console.forms import read_form
from web_console.listing import PageNumber, export, files, read_filters
from web_console.lists import words_for
from web_console.pages.ledgers import tabs
from web_console.rendering import Visit, done, language_of, render, sayer, translate_into
from web_console.visiting import visitor, with_right

PAGE = 50
HOLDER_KINDS: dict[HolderKind, tuple[str, str]] = {
    "staff": ("人员", "Staff"),
    "company": ("企业", "Company"),
    "station": ("场站", "Station"),
    "vehicle": ("车辆", "Vehicle"),
    "device": ("手持设备", "Handheld"),
}
STATES: dict[State, tuple[str, str]] = {
    "expired": ("已过期", "Expired"),
    "due": ("即将到期", "Due soon"),
    "valid": ("有效", "Valid"),
    "withdrawn": ("已作废", "Withdrawn"),
    "replaced": ("已换证", "Renewed"),
}
_VIEW = requires("certificate.view")
_EDIT = requires("certificate.edit")


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    holder_kind: str = ""
    holder_id: str = ""
    state: State | None = None


async def _found(request: Visit, session: AsyncSession, *, limit: int, offset: int = 0) -> Page[CertificateOut]:
    wanted = msgspec.structs.asdict(read_filters(request, Filter))
    caller = visitor(request).narrowed("certificate.view")
    return await certificates.list_certificates(session, caller, **wanted, limit=limit, offset=offset)


@get("/ledgers/certificates", guards=[_VIEW])
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    caller = visitor(request).narrowed("certificate.view")
    return render(
        request,
        "certificates.html",
        filter=read_filters(request, Filter),
        tabs=tabs(request),
        holder_kinds=HOLDER_KINDS,
        states=STATES,
        lacking=await _lacking(request, session, caller),
        may_edit=with_right(request, "certificate.edit") is not None,
    )


async def _lacking(request: Visit, session: AsyncSession, caller: Caller) -> list[tuple[str, list[Holder]]]:
    """Who may not fill, and what cannot be shown to conform; where the company asks for it from a day on."""
    t, day = translate_into(language_of(request)), beijing_today()
    settings = (await reference.find_settings(session, caller.company_id)).fields
    found = [(t("没有有效的气瓶充装许可证，不得充装："), await certificates.companies_without(session, caller))]
    if in_force(settings.explosion_proof_from, day):
        devices = await certificates.handhelds_without(session, caller)
        found.append((t("没有有效的防爆合格证、不得用于充装的设备："), devices))
    if in_force(settings.tag_required_from, day):
        for kind, words in (
            (TAG_CONFORMITY, t("没有登记所用电子标签型号的符合性证书（GB/T 32830.1）：")),
            (READER_CONFORMITY, t("没有登记所用读写器型号的符合性证书（GB/T 32830.2）：")),
        ):
            found.append((words, await certificates.companies_without(session, caller, kind)))
    return [(words, holders) for words, holders in found if holders]


@get("/ledgers/certificates/found", guards=[_VIEW])
async def found(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    caller = visitor(request).narrowed("certificate.view")
    return render(
        request,
        "parts/certificates.html",
        ledger=await _found(request, session, limit=PAGE, offset=PAGE * (page - 1)),
        expiry=await certificates.expiry(session, caller),
        holder_kinds=HOLDER_KINDS,
        states=STATES,
        page=page,
        size=PAGE,
    )


@get(files("/ledgers/certificates/export"), guards=[_VIEW])
async def download(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    columns: Columns = [
        (t("所属单位"), "organisation_name"),
        (t("持证人类型"), lambda one: say(HOLDER_KINDS[one.holder_kind])),
        (t("持证人编码"), "holder_code"),
        (t("持证人"), "holder_name"),
        (t("证照类型"), lambda one: say((one.kind_zh, one.kind_en))),
        (t("证号"), "number"),
        (t("发证机关"), "issued_by"),
        (t("发证日期"), "issued_on"),
        (t("有效期至"), "expires_on"),
        (t("剩余天数"), "days_left"),
        (t("状态"), lambda one: say(STATES[one.state])),
    ]
    return await export(request, "certificates", columns, await _found(request, session, limit=EXPORT_MOST))


@get("/ledgers/certificates/new", guards=[_EDIT])
async def new(
    request: Visit, session: AsyncSession, holder_kind: HolderKind = "staff", holder_id: str = "", kind: str = ""
) -> Response[str]:
    """Also a renewal: holder and kind are then given."""
    return await _form(request, session, None, holder_kind, holder_id, kind)


@get("/ledgers/certificates/holders", guards=[_EDIT])
async def holders(
    request: Visit, session: AsyncSession, holder_kind: HolderKind, holder_search: str = ""
) -> Response[str]:
    """The fields that depend on the kind of holder."""
    return render(
        request, "parts/certificate_holder.html", **await _choices(request, session, holder_kind, holder_search)
    )


@get("/ledgers/certificates/{certificate_id:str}", guards=[_VIEW])
async def open_one(request: Visit, session: AsyncSession, certificate_id: str) -> Response[str]:
    caller = visitor(request).narrowed("certificate.view")
    one = await certificates.find_certificate(session, caller, certificate_id)
    return await _form(request, session, one, one.holder_kind, one.holder_id, one.kind)


async def _form(  # noqa: PLR0917 - one form for all
    request: Visit,
    session: AsyncSession,
    one: CertificateOut | None,
    holder_kind: HolderKind,
    holder_id: str,
    kind: str,
) -> Response[str]:
    editor = with_right(request, "certificate.edit")
    choices = await _choices(request, session, holder_kind, "") if editor else {"holders": [], "kinds": []}
    return render(
        request,
        "parts/certificate_form.html",
        one=one,
        holder_kinds=HOLDER_KINDS,
        states=STATES,
        may_edit=editor is not None,
        **{**choices, "holder_kind": holder_kind, "holder_id": holder_id, "kind": kind},
    )


async def _choices(
    request: Visit, session: AsyncSession, holder_kind: HolderKind, holder_search: str
) -> dict[str, Any]:
    caller = visitor(request).narrowed("certificate.edit")
    words = await words_for(request, session)
    return {
        "holder_kind": holder_kind,
        "holder_id": "",
        "kind": "",
        "holders": await certificates.list_holders(session, caller, holder_kind, search=holder_search),
        "kinds": words.choices(certificates.LIST_OF[holder_kind]),
        "holders_at": "/ledgers/certificates/holders",
    }


@post("/ledgers/certificates", guards=[_EDIT], status_code=204)
async def create(request: Visit, session: AsyncSession) -> Response[None]:
    given = await read_form(request, CertificateIn)
    await certificates.create_certificate(session, visitor(request).narrowed("certificate.edit"), given)
    return _saved(request, "saved")


@post("/ledgers/certificates/{certificate_id:str}", guards=[_EDIT], status_code=204)
async def change(request: Visit, session: AsyncSession, certificate_id: str) -> Response[None]:
    given = await read_form(request, CertificateIn)
    await certificates.change_certificate(session, visitor(request).narrowed("certificate.edit"), certificate_id, given)
    return _saved(request, "saved")


@post("/ledgers/certificates/{certificate_id:str}/withdraw", guards=[_EDIT], status_code=204)
async def withdraw(request: Visit, session: AsyncSession, certificate_id: str) -> Response[None]:
    given = await read_form(request, WithdrawIn)
    caller = visitor(request).narrowed("certificate.edit")
    await certificates.withdraw_certificate(session, caller, certificate_id, given.reason)
    return _saved(request, "withdrawn")


def _saved(request: Visit, how: Literal["saved", "withdrawn"]) -> Response[None]:
    t = translate_into(language_of(request))
    toast = t("证照已保存") if how == "saved" else t("证照已作废")
    return done(toast=toast, changed="certificates-changed")


handlers: list[Any] = [show, found, download, new, holders, open_one, create, change, withdraw]
