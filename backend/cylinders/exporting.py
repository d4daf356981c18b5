"""The archive as a file: every field of E5.8.3-3, in the office's words, under heads that the import knows again."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders.importing.rows import HEADS
from backend.cylinders.schemas import CylinderLine, DueLine
from backend.lists import Columns
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
_TOLD: dict[str, Callable[[CylinderLine], str]] = {
    "state": lambda line: STATES[line.state],
    "organisation": lambda line: line.organisation_name,
}


async def archive_columns(session: AsyncSession, caller: Caller) -> Columns:
    media = await reference.words(session, caller.company_id, "cylinder_medium")
    told = _TOLD | {"medium": lambda line: media[line.medium].zh if line.medium in media else line.medium}
    return [
        *((HEADS[field][0], told.get(field, field)) for field in _FIELDS),
        ("当前位置", lambda line: _HOLDERS[line.holder_kind]),
        ("持有", "holder_name"),
        ("起", "holder_since"),
    ]


async def due_columns(session: AsyncSession, caller: Caller) -> Columns:
    def of_line(told: str | Callable[[Any], Any]) -> Callable[[DueLine], Any]:
        return lambda due: getattr(due.line, told) if isinstance(told, str) else told(due.line)

    archive = await archive_columns(session, caller)
    own: Columns = [("应检日期", "due_on"), ("剩余天数", "days_left")]
    return [*own, *((head, of_line(told)) for head, told in archive)]
