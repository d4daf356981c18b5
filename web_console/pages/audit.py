"""审计: who did what, when, on what; filtered, exported, and whether the sealed chain still holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from litestar import Response, get
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts import service as accounts
from backend.pages import EXPORT_MOST, csv_response
from backend.scope import requires
from sync.databases import beijing_today
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


def _filter(request: Visit) -> Filter:
    return msgspec.convert({k: v.strip() for k, v in request.query_params.items() if v.strip()}, Filter)


@get("/audit", guards=[requires("audit.view")])
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    staff = await accounts.list_staff(session, visitor(request).narrowed("audit.view"), limit=500)
    areas = sorted({action.partition(".")[0] for action in ACTIONS})
    return render(request, "audit.html", filter=_filter(request), staff=staff, areas=areas, action_words=action_words)


@get("/audit/found", guards=[requires("audit.view")])
async def found(request: Visit, session: AsyncSession, before: int | None = None) -> Response[str]:
    caller = visitor(request).narrowed("audit.view")
    entries = await audit.list_entries(session, caller, before=before, limit=PAGE + 1, **_filter(request).given())
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


class Row(msgspec.Struct, frozen=True):
    at: datetime
    who: str
    action: str
    subject: str
    facts: str
    position: int | None


@get("/audit/export.csv", guards=[requires("audit.view")])
async def export(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    caller = visitor(request).narrowed("audit.view")
    entries: Sequence[Any] = await audit.list_entries(session, caller, limit=EXPORT_MOST, **_filter(request).given())
    names = await accounts.staff_names(session, [entry.actor_id for entry in entries])
    heads = {
        "at": t("时间"),
        "who": t("人员"),
        "action": t("操作"),
        "subject": t("对象"),
        "facts": t("内容"),
        "position": t("链序号"),
    }
    rows = (
        Row(
            at=entry.at,
            who=names.get(entry.actor_id, entry.actor_id),
            action=say(action_words(entry.action)),
            subject=f"{entry.subject_type} {entry.subject_id}",
            facts=msgspec.json.encode(entry.facts).decode(),
            position=entry.position,
        )
        for entry in entries
    )
    return csv_response(f"audit-{beijing_today():%Y%m%d}", heads, rows)


handlers = [show, found, chain, export]
