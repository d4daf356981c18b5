"""The regulator's client pulls data sets: JSON pages, or NDJSON with the cursor in headers."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.params import Parameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.errors import NotAllowedError
from backend.regulator import service
from backend.regulator.schemas import DatasetOut, FeedPage
from backend.scope import Caller, signed_in

NDJSON = "application/x-ndjson"
_LIMIT_MOST = 5000


@get("/datasets", guards=[signed_in])
async def list_datasets(caller: Caller) -> list[DatasetOut]:
    _require_client(caller)
    return service.list_datasets(caller)


@get("/datasets/{dataset:str}", guards=[signed_in])
async def read_dataset(
    request: Request[Any, Any, Any],
    session: AsyncSession,
    caller: Caller,
    *,
    dataset: str,
    cursor: str = "",
    limit: Annotated[int, Parameter(ge=1, le=_LIMIT_MOST)] = 500,
) -> Response[FeedPage]:
    """As NDJSON where `Accept` asks for it: an item a line, the rest in X-Next-Cursor, X-Has-More and X-Snapshot-At."""
    _require_client(caller)
    page = await service.read_dataset(session, caller, dataset, cursor=cursor, limit=limit)
    return _ndjson(page) if NDJSON in request.headers.get("accept", "") else Response(page)


def _ndjson(page: FeedPage) -> Response[Any]:
    body = b"".join(msgspec.json.encode(item) + b"\n" for item in page.items)
    headers = {
        "X-Next-Cursor": page.next_cursor,
        "X-Has-More": "true" if page.has_more else "false",
        "X-Snapshot-At": page.snapshot_at.isoformat(),
    }
    return Response(body, media_type=NDJSON, headers=headers)


def _require_client(caller: Caller) -> None:
    if not caller.client_id:
        raise NotAllowedError("client.needed", "仅供监管平台的接入方读取。", "Only a regulator's client may read this.")


router = Router("/api/regulator", tags=["regulator"], route_handlers=[list_datasets, read_dataset])
