"""Market inspectors' scans over HTTP; the public page is the console's (`/c/{token}`)."""

from litestar import Router, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.lists import list_routes
from backend.lookups import service
from backend.lookups.schemas import MarketScanFilters, MarketScanIn, MarketScanOut
from backend.scope import Caller, requires

_SCAN = [requires("market.scan")]
_SCANS = (
    ("时间", "at"),
    ("人员", "staff_name"),
    ("读到", "read"),
    ("气瓶编号", "code"),
    ("企业", "company_name"),
    ("结论", "verdict"),
    ("原因", lambda one: [reason.zh for reason in one.reasons]),
    ("备注", "note"),
    ("经度", "lon"),
    ("纬度", "lat"),
)


@post("/", guards=_SCAN)
async def scan_in_market(session: AsyncSession, caller: Caller, data: MarketScanIn) -> MarketScanOut:
    return await service.scan_in_market(session, caller, data)


router = Router(
    "/api/market-scans",
    tags=["market"],
    route_handlers=[
        scan_in_market,
        *list_routes("/", service.list_market_scans, MarketScanFilters, _SCANS, guards=_SCAN),
    ],
)
