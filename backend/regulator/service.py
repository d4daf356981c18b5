"""What a gas company uploads to the regulator (table 2 of the standard, clause 4.1.3), as incremental feeds.

A client reads from the cursor it was given last; each record appears in its newest version, a deleted one as such.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.cameras import service as cameras
from backend.changes import service as changes
from backend.customers import service as customers
from backend.cylinders import service as cylinders
from backend.deliveries import service as deliveries
from backend.errors import NotAllowedError, UnusableError
from backend.filling import service as filling
from backend.hazards import service as hazards
from backend.patrol import service as patrol
from backend.regulator.schemas import DatasetOut, FeedPage
from backend.scope import Caller
from backend.stations import service as stations

Describe = Callable[[AsyncSession, Sequence[str]], Awaitable[dict[str, dict[str, Any]]]]
# A first reading of a large company's patrols is counted in steps of this many.
_COUNT_AT_ONCE = 200


class Dataset(msgspec.Struct, frozen=True):
    zh: str
    en: str
    describe: Describe


DATASETS: dict[str, Dataset] = {
    "T2-05": Dataset("气瓶信息", "Cylinders", cylinders.regulator_items),
    "T2-02": Dataset("用户档案", "User files", customers.regulator_items),
    "T2-04": Dataset("厂站信息", "Stations", stations.regulator_items),
    "T2-07": Dataset("入户安检记录", "In-home safety checks", deliveries.check_items),
    "T2-08": Dataset("管网巡检记录", "Network patrol records", patrol.regulator_items),
    "T2-10": Dataset("气瓶充装记录", "Cylinder filling records", filling.regulator_items),
    "T2-11": Dataset("气瓶配送记录", "Cylinder delivery records", deliveries.regulator_items),
    "T2-14": Dataset("隐患上报记录", "Hazard reports", hazards.regulator_items),
    "T2-20": Dataset("视频点位信息", "Video points", cameras.regulator_items),
}


def list_datasets(caller: Caller) -> list[DatasetOut]:
    """Those that this client may read."""
    return [
        DatasetOut(key, dataset.zh, dataset.en, f"/api/regulator/datasets/{key}")
        for key, dataset in DATASETS.items()
        if key in caller.datasets
    ]


async def read_dataset(session: AsyncSession, caller: Caller, dataset: str, *, cursor: str, limit: int) -> FeedPage:
    """Every reading is audited. Raises `NotAllowedError` for a data set that this client was not given."""
    if dataset not in DATASETS or dataset not in caller.datasets:
        raise NotAllowedError(
            "dataset.not_granted",
            "未授权读取该数据集。",
            "This data set is not granted to you.",
            dataset=dataset,
            granted=sorted(caller.datasets),
        )
    after = _position(cursor)
    if dataset == "T2-08":
        # What came in this moment may not be counted yet; the feed shows figures that hold.
        while await patrol.count_due(session, limit=_COUNT_AT_ONCE):
            pass
    snapshot_at = datetime.now(UTC)
    lines = list(await changes.read_changes(session, caller, dataset, after=after, limit=limit + 1))
    page = lines[:limit]
    described = await DATASETS[dataset].describe(session, [line.subject_id for line in page if not line.deleted])
    items = [_item(line, described.get(line.subject_id)) for line in page]
    next_cursor = str(page[-1].position) if page else cursor or "0"
    await audit.record(
        session,
        caller,
        "regulator.read",
        "dataset",
        dataset,
        {"after": after, "items": len(items), "next": next_cursor},
    )
    return FeedPage(
        dataset=dataset,
        items=items,
        next_cursor=next_cursor,
        has_more=len(lines) > limit,
        snapshot_at=snapshot_at,
    )


def _position(cursor: str) -> int:
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise UnusableError(
            "cursor.unknown",
            "游标无效，请从头读取（不带游标）。",
            "The cursor is not one of ours: read from the beginning, without one.",
        )
    return int(cursor)


def _item(line: changes.ChangeLine, record: dict[str, Any] | None) -> dict[str, Any]:
    head: dict[str, Any] = {
        "id": line.subject_id,
        "version": line.version,
        "deleted": line.deleted or record is None,
        "changed_at": line.changed_at,
        "organisation_id": line.organisation_id,
    }
    return head | (record or {})
