"""Where people were last seen, over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from litestar import Router, get
from litestar.params import Parameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.positions import service
from backend.positions.service import Seen
from backend.scope import Caller, requires


@get("/", guards=[requires("patrol.view")])
async def list_positions(
    session: AsyncSession, caller: Caller, *, hours: Annotated[int, Parameter(ge=1, le=168)] = 12
) -> list[Seen]:
    return await service.list_positions(session, caller, since=datetime.now(UTC) - timedelta(hours=hours))


router = Router("/api/positions", tags=["positions"], route_handlers=[list_positions])
