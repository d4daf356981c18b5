"""A cylinder before the public (no sign-in) and before a market inspector. E5.8.4-5, E5.8.4-6."""

from litestar import Response, get, post
from litestar.response import Redirect
from sqlalchemy.ext.asyncio import AsyncSession

from backend.db import Database
from backend.lookups import service as lookups
from backend.lookups.schemas import MarketScanIn
from backend.scope import requires
from backend.settings import Settings
from web_console.forms import read_form
from web_console.rendering import Visit, render
from web_console.visiting import visitor

_SCAN = [requires("market.scan")]
_MOST = 100
# Said to somebody in a kitchen: what it means, and what to do.
_STOP = ("请停止使用，联系供气企业更换。", "Stop using it and have the gas company exchange it.")
PUBLIC_VERDICTS = {
    "good": (
        ("可以使用", "May be used"),
        (
            "在检验有效期内。请核对瓶身钢印号与下面的编号一致。",
            "Its inspection is valid. Compare the number stamped on the cylinder with the one below.",
        ),
        "ok",
    ),
    "overdue": (
        ("不要使用", "Do not use"),
        (f"检验已过期。{_STOP[0]}", f"Its inspection is overdue. {_STOP[1]}"),
        "danger",
    ),
    "ended": (
        ("不要使用", "Do not use"),
        (f"已超过使用年限。{_STOP[0]}", f"It is past its service life. {_STOP[1]}"),
        "danger",
    ),
    "failed": (
        ("不要使用", "Do not use"),
        (f"检验不合格。{_STOP[0]}", f"It failed its inspection. {_STOP[1]}"),
        "danger",
    ),
    "scrapped": (
        ("严禁使用", "Never use"),
        (
            "气瓶已报废。请停止使用，告诉供气企业，或拨打 12315 举报。",
            "The cylinder is scrapped. Stop using it, and call the gas company or 12315.",
        ),
        "danger",
    ),
}


@get("/c/{token:str}")
async def public(
    request: Visit, database: Database, settings: Settings, session: AsyncSession, token: str
) -> Response[str]:
    """Whoever has the code sees what stands on the cylinder itself, and its last filling; no search engine does."""
    await lookups.admit(database, settings, request.client.host if request.client else "")
    found = await lookups.find_public(session, token)
    answer = render(request, "public_cylinder.html", c=found, verdict=PUBLIC_VERDICTS[found.state], token=token)
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    answer.headers["Cache-Control"] = "no-store"
    return answer


@get("/market", guards=_SCAN)
async def show(request: Visit, session: AsyncSession, id: str = "", read: str = "", verdict: str = "") -> Response[str]:  # noqa: A002
    caller = visitor(request).narrowed("market.scan")
    page = await lookups.list_market_scans(session, caller, verdict=verdict, limit=_MOST)
    one = await lookups.find_market_scan(session, caller, id) if id else None
    return render(request, "market.html", scans=page.items, total=page.total, one=one, read=read, verdict=verdict)


@post("/market", guards=_SCAN, status_code=303)
async def scan(request: Visit, session: AsyncSession) -> Redirect:
    given = await read_form(request, MarketScanIn)
    kept = await lookups.scan_in_market(session, visitor(request).narrowed("market.scan"), given)
    return Redirect(f"/market?id={kept.id}", status_code=303)


handlers = [show, scan]
