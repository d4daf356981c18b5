"""Market inspectors' scans over HTTP; the public page is the console's (`/c/{token}`)."""

from litestar import Router, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.lookups import service
from backend.lookups.schemas import MarketScanIn, MarketScanOut
from backend.pages import Limit, Offset, Page
from backend.scope import Caller, requires

_SCAN = [requires("market.scan")]


@post("/", guards=_SCAN)
async def scan_in_market(session: AsyncSession, caller: Caller, data: MarketScanIn) -> MarketScanOut:
    return await service.scan_in_market(session, caller, data)


@get("/", guards=_SCAN)
async def list_market_scans(
    session: AsyncSession, caller: Caller, verdict: str = "", limit: Limit = 100, offset: Offset = 0
) -> Page[MarketScanOut]:
    return await service.list_market_scans(session, caller, verdict=verdict, limit=limit, offset=offset)


router = Router("/api/market-scans", tags=["market"], route_handlers=[scan_in_market, list_market_scans])
