"""The archive as a file: every field of E5.8.3-3, in the office's words, under heads that the import knows again."""

from datetime import date

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders.importing.rows import HEADS
from backend.cylinders.schemas import CylinderFilters, CylinderLine, DueFilters
from backend.cylinders.service.due import list_due
from backend.cylinders.service.showing import list_cylinders
from backend.errors import UnusableError
from backend.pages import EXPORT_MOST
from backend.reference import service as reference
from backend.scope import Caller

STATES = {
    "normal": "正常",
    "due_soon": "待检",
    "overdue": "过期",
    "service_ended": "超使用年限",
    "scrapped": "报废",
}
_HOLDERS = {
    "station": "在站",
    "vehicle": "在车上",
    "customer": "在客户处",
    "inspection_body": "在检验机构",
    "scrapped": "已报废",
}
_FIELDS = (
    *("code", "specification", "factory_number", "manufacturer", "made_on", "standard", "medium", "state", "tag_uid"),
    *(
        "last_inspected_on",
        "next_inspection_on",
        "inspected_by",
        "service_ends_on",
        "tare_kg",
        "water_capacity_l",
        "owned",
    ),
    *("organisation", "storage_position", "registered_at"),
)
EXPORT_HEADS = {name: HEADS[name][0] for name in _FIELDS} | {
    "holder": "当前位置",
    "holder_name": "持有",
    "holder_since": "起",
}


DUE_HEADS = {"due_on": "应检日期", "days_left": "剩余天数"} | EXPORT_HEADS


class Exported(msgspec.Struct, frozen=True):
    """A line with the office's words in place of codes; the rest is the line's own."""

    line: CylinderLine
    medium: str
    due_on: date | None = None
    days_left: int | None = None

    @property
    def state(self) -> str:
        return STATES[self.line.state]

    @property
    def organisation(self) -> str:
        return self.line.organisation_name

    @property
    def holder(self) -> str:
        return _HOLDERS[self.line.holder_kind]

    def __getattr__(self, name: str) -> object:
        return getattr(self.line, name)


async def export_cylinders(session: AsyncSession, caller: Caller, wanted: CylinderFilters) -> list[Exported]:
    """All that the filters leave; raises `UnusableError` rather than leaving any out."""
    page = await list_cylinders(session, caller, **msgspec.structs.asdict(wanted), limit=EXPORT_MOST)
    _refuse_more(page.total)
    media = await _media(session, caller)
    return [Exported(line, media.get(line.medium, line.medium)) for line in page.items]


async def export_due(session: AsyncSession, caller: Caller, wanted: DueFilters) -> list[Exported]:
    page = await list_due(session, caller, wanted, limit=EXPORT_MOST)
    _refuse_more(page.total)
    media = await _media(session, caller)
    return [
        Exported(due.line, media.get(due.line.medium, due.line.medium), due.due_on, due.days_left) for due in page.items
    ]


async def _media(session: AsyncSession, caller: Caller) -> dict[str, str]:
    return {
        code: entry.zh for code, entry in (await reference.words(session, caller.company_id, "cylinder_medium")).items()
    }


def _refuse_more(total: int) -> None:
    if total > EXPORT_MOST:
        raise UnusableError(
            "export.too_many",
            f"共 {total:,} 个气瓶，一次最多导出 {EXPORT_MOST:,} 个。",
            f"{total:,} cylinders match; an export holds {EXPORT_MOST:,} at most.",
            action="按站点或规格筛选后分几次导出",
            action_en="Filter by station or size and export in parts",
        )
