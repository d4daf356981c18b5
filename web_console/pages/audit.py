"""审计: who did what, when, on what; filtered, exported, and whether the sealed chain still holds."""

from typing import Any

import msgspec
from litestar import Response, get
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts import service as accounts
from backend.lists import Columns
from backend.pages import EXPORT_MOST
from backend.scope import requires
from web_console.listing import export, files, read_filters
from web_console.rendering import Visit, language_of, render, sayer, translate_into
from web_console.visiting import visitor
from web_console.words import ACTIONS, action_words

PAGE = 100


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    action: str = ""
    actor_id: str = ""
    subject_id: str = ""

    def given(self) -> dict[str, Any]:
        return msgspec.structs.asdict(self)


@get("/audit", guards=[requires("audit.view")])
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    staff = await accounts.list_staff(session, visitor(request).narrowed("audit.view"), limit=500)
    areas = sorted({action.partition(".")[0] for action in ACTIONS})
    return render(
        request, "audit.html", filter=read_filters(request, Filter), staff=staff, areas=areas, action_words=action_words
    )


@get("/audit/found", guards=[requires("audit.view")])
async def found(request: Visit, session: AsyncSession, before: int | None = None) -> Response[str]:
    caller = visitor(request).narrowed("audit.view")
    entries = await audit.list_entries(
        session, caller, before=before, limit=PAGE + 1, **read_filters(request, Filter).given()
    )
    names = await accounts.staff_names(session, [entry.actor_id for entry in entries])
    return render(
        request,
        "parts/audit.html",
        entries=entries[:PAGE],
        more=len(entries) > PAGE,
        first=before is None,
        names=names,
        action_words=action_words,
    )


@get("/audit/chain", guards=[requires("audit.view")])
async def chain(request: Visit, session: AsyncSession) -> Response[str]:
    """Reads the whole chain: asked for by a click, not with the page."""
    return render(request, "parts/chain.html", broken=await audit.find_broken_link(session))


@get(files("/audit/export"), guards=[requires("audit.view")])
async def download(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    caller = visitor(request).narrowed("audit.view")
    entries = await audit.list_entries(session, caller, limit=EXPORT_MOST + 1, **read_filters(request, Filter).given())
    names = await accounts.staff_names(session, [entry.actor_id for entry in entries])
    columns: Columns = [
        (t("时间"), "at"),
        (t("人员"), lambda entry: names.get(entry.actor_id, entry.actor_id)),
        (t("操作"), lambda entry: say(action_words(entry.action))),
        (t("对象"), lambda entry: f"{entry.subject_type} {entry.subject_id}"),
        (t("内容"), lambda entry: msgspec.json.encode(entry.facts).decode()),
        (t("链序号"), "position"),
    ]
    return await export(request, "audit", columns, entries)


handlers = [show, found, chain, download]
