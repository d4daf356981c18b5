"""台账, 许可: companies, staff and stations apply; the county's reviewer takes up, returns, refuses or grants."""

import json
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from sqlalchemy.ext.asyncio import AsyncSession

from backend.certificates import service as certificates
from backend.errors import MissingError, UnusableError
from backend.licensing import service as licences
from backend.licensing.routes import as_file
from backend.licensing.rules import State
from backend.licensing.schemas import ApplicationIn, ApplicationOut, ApprovalIn, HolderKind, ReasonIn
from backend.photos.service import PhotoStore
from backend.scope import Caller, requires
from backend.settings import Settings
from sync.databases import beijing_today
from web_console.forms import read_form
from web_console.listing import PageNumber, read_filters
from web_console.lists import words_for
from web_console.pages.certificates import HOLDER_KINDS
from web_console.pages.ledgers import tabs
from web_console.rendering import Visit, language_of, render, sayer, translate_into
from web_console.visiting import visitor, with_right

PAGE = 50
STATES: dict[State, tuple[str, str, str]] = {
    "draft": ("草稿", "Draft", ""),
    "submitted": ("待受理", "Submitted", "sent"),
    "under_review": ("审核中", "Under review", "sent"),
    "returned": ("已退回", "Returned", "warn"),
    "approved": ("准予许可", "Granted", "ok"),
    "refused": ("不予许可", "Refused", "danger"),
    "withdrawn": ("已撤回", "Withdrawn", ""),
}
PURPOSES = {"new": ("新办", "New"), "renewal": ("延续", "Renewal"), "change": ("变更", "Change")}
STEPS = {
    "submit": ("提交", "Submitted"),
    "withdraw": ("撤回", "Withdrawn"),
    "accept": ("受理", "Taken up"),
    "return": ("退回补正", "Returned"),
    "approve": ("准予许可", "Granted"),
    "refuse": ("不予许可", "Refused"),
}
# Steps that need a reason.
_REASONED = {"return": licences.send_back, "refuse": licences.refuse}
_VIEW = requires("licence.view")
_APPLY = requires("licence.apply")
_REVIEW = requires("licence.review")
_LARGEST_BODY = 16 * 1024 * 1024
_HOLDERS: tuple[HolderKind, ...] = ("company", "staff", "station")


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    holder_kind: str = ""
    state: State | None = None
    overdue: bool = False


def _viewer(request: Visit) -> Caller:
    return visitor(request).narrowed("licence.view")


@get("/ledgers/licences", guards=[_VIEW])
async def show(request: Visit) -> Response[str]:
    return render(
        request,
        "licences.html",
        filter=read_filters(request, Filter),
        tabs=tabs(request),
        holder_kinds={kind: HOLDER_KINDS[kind] for kind in _HOLDERS},
        states=STATES,
        may_apply=with_right(request, "licence.apply") is not None,
    )


@get("/ledgers/licences/found", guards=[_VIEW])
async def found(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    wanted = msgspec.structs.asdict(read_filters(request, Filter))
    ledger = await licences.list_applications(session, _viewer(request), **wanted, limit=PAGE, offset=PAGE * (page - 1))
    return render(
        request,
        "parts/licences.html",
        ledger=ledger,
        holder_kinds=HOLDER_KINDS,
        states=STATES,
        purposes=PURPOSES,
        today=beijing_today(),
        page=page,
        size=PAGE,
    )


@get("/ledgers/licences/new", guards=[_APPLY])
async def new(request: Visit, session: AsyncSession) -> Response[str]:
    return render(
        request,
        "parts/licence_new.html",
        purposes=PURPOSES,
        holder_kinds={kind: HOLDER_KINDS[kind] for kind in _HOLDERS},
        **await _choices(request, session, "company", ""),
    )


@get("/ledgers/licences/holders", guards=[_APPLY])
async def holders(
    request: Visit, session: AsyncSession, holder_kind: HolderKind, holder_search: str = ""
) -> Response[str]:
    choices = await _choices(request, session, holder_kind, holder_search)
    return render(request, "parts/certificate_holder.html", **choices)


async def _choices(
    request: Visit, session: AsyncSession, holder_kind: HolderKind, holder_search: str
) -> dict[str, Any]:
    caller = visitor(request).narrowed("licence.apply")
    words = await words_for(request, session)
    return {
        "holder_kind": holder_kind,
        "holder_id": "",
        "kind": "",
        "holders": await certificates.list_holders(session, caller, holder_kind, search=holder_search),
        "kinds": words.choices(certificates.LIST_OF[holder_kind]),
        "holders_at": "/ledgers/licences/holders",
    }


@post("/ledgers/licences", guards=[_APPLY], status_code=200)
async def create(request: Visit, session: AsyncSession) -> Response[str]:
    given = await read_form(request, ApplicationIn)
    made = await licences.create_application(session, visitor(request).narrowed("licence.apply"), given)
    return await _again(request, session, made)


@get("/ledgers/licences/{application_id:str}", guards=[_VIEW])
async def open_one(request: Visit, session: AsyncSession, application_id: str) -> Response[str]:
    return await _opened(request, session, await licences.find_application(session, _viewer(request), application_id))


async def _opened(request: Visit, session: AsyncSession, one: ApplicationOut) -> Response[str]:
    words = await words_for(request, session)
    return render(
        request,
        "parts/licence.html",
        one=one,
        holder_kinds=HOLDER_KINDS,
        states=STATES,
        purposes=PURPOSES,
        steps=STEPS,
        words=words,
        kinds=words.choices(certificates.LIST_OF[one.application.holder_kind]),
        today=beijing_today(),
    )


async def _again(request: Visit, session: AsyncSession, one: ApplicationOut) -> Response[str]:
    """The application as it now stands, with what the visitor may do next."""
    answer = await _opened(
        request, session, await licences.find_application(session, _viewer(request), one.application.id)
    )
    answer.headers["HX-Trigger"] = "licences-changed"
    return answer


@post("/ledgers/licences/{application_id:str}", guards=[_APPLY], status_code=200)
async def change(request: Visit, session: AsyncSession, application_id: str) -> Response[str]:
    """Saved, and submitted where that button was pressed."""
    given, caller = await read_form(request, ApplicationIn), visitor(request).narrowed("licence.apply")
    saved = await licences.change_application(session, caller, application_id, given)
    if (await request.form()).get("then") == "submit":
        saved = await licences.submit(session, caller, application_id)
    return await _again(request, session, saved)


async def _keep(request: Visit, session: AsyncSession, application_id: str) -> None:
    """What was written in the form beside the papers is not lost by adding or removing one."""
    if "holder_id" in await request.form():
        given, caller = await read_form(request, ApplicationIn), visitor(request).narrowed("licence.apply")
        await licences.change_application(session, caller, application_id, given)


@post(
    "/ledgers/licences/{application_id:str}/papers",
    guards=[_APPLY],
    status_code=200,
    request_max_body_size=_LARGEST_BODY,
)
async def add_paper(request: Visit, session: AsyncSession, settings: Settings, application_id: str) -> Response[str]:
    form = await request.form()
    upload = form.get("file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise UnusableError("import.no_file", "请选择文件。", "Choose a file.")
    caller, store = visitor(request).narrowed("licence.apply"), PhotoStore.of(settings)
    await _keep(request, session, application_id)
    role, content = str(form.get("role", "")), await upload.read()
    added = await licences.add_attachment(session, caller, store, application_id, role, upload.filename, content)
    return await _again(request, session, added)


@get("/ledgers/licences/{application_id:str}/papers/{attachment_id:str}", guards=[_VIEW])
async def open_paper(
    request: Visit, session: AsyncSession, settings: Settings, application_id: str, attachment_id: str
) -> Response[bytes]:
    store = PhotoStore.of(settings)
    return as_file(*await licences.open_attachment(session, _viewer(request), store, application_id, attachment_id))


@post("/ledgers/licences/{application_id:str}/papers/{attachment_id:str}/remove", guards=[_APPLY], status_code=200)
async def remove_paper(request: Visit, session: AsyncSession, application_id: str, attachment_id: str) -> Response[str]:
    caller = visitor(request).narrowed("licence.apply")
    await _keep(request, session, application_id)
    return await _again(
        request, session, await licences.remove_attachment(session, caller, application_id, attachment_id)
    )


@post("/ledgers/licences/{application_id:str}/withdraw", guards=[_APPLY], status_code=200)
async def withdraw(request: Visit, session: AsyncSession, application_id: str) -> Response[str]:
    caller = visitor(request).narrowed("licence.apply")
    return await _again(request, session, await licences.withdraw(session, caller, application_id))


@post("/ledgers/licences/{application_id:str}/review/{action:str}", guards=[_REVIEW], status_code=200)
async def review(request: Visit, session: AsyncSession, application_id: str, action: str) -> Response[str]:
    caller = visitor(request).narrowed("licence.review")
    if action == "accept":
        done = await licences.accept(session, caller, application_id)
    elif action == "approve":
        done = await licences.approve(session, caller, application_id, await read_form(request, ApprovalIn))
    elif action in _REASONED:
        reason = (await read_form(request, ReasonIn)).reason
        done = await _REASONED[action](session, caller, application_id, reason)
    else:
        raise MissingError("licence.unknown", "没有这个操作。", "There is no such step.")
    answer = await _again(request, session, done)
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    toast = {"text": t("已办理：{step}", step=say(STEPS[action]))}
    answer.headers["HX-Trigger"] = json.dumps({"licences-changed": True, "toast": toast})
    return answer


handlers: list[Any] = [
    show,
    found,
    new,
    holders,
    create,
    open_one,
    change,
    add_paper,
    open_paper,
    remove_paper,
    withdraw,
    review,
]
