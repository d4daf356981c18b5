"""The names of hub databases: a worker's quarter (`user_`, `media_`) and a unit's reference data (`unit_`)."""

import re
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

BEIJING = ZoneInfo("Asia/Shanghai")

_NAME = re.compile(r"(?P<kind>user|media)_(?P<owner>[a-z0-9]+)_(?P<quarter>\d{4}[1-4])|unit_(?P<unit>[a-z0-9]+)")


class DatabaseName(msgspec.Struct, frozen=True):
    """A hub database's name taken apart; `owner` is a staff id, or a unit id for kind `unit`; `quarter` as 20264."""

    kind: Literal["user", "media", "unit"]
    owner: str
    quarter: str = ""

    def __str__(self) -> str:
        return "_".join(filter(None, (self.kind, self.owner, self.quarter)))


def beijing_today() -> date:
    """The day that people here write on paper."""
    return datetime.now(BEIJING).date()


def quarter_of(moment: datetime) -> str:
    """The quarter in Beijing time: 2026-11-23 -> 20264."""
    local = moment.astimezone(BEIJING)
    return f"{local.year}{(local.month - 1) // 3 + 1}"


def user_database(staff_id: str, moment: datetime) -> str:
    return str(DatabaseName("user", staff_id, quarter_of(moment)))


def media_database(staff_id: str, moment: datetime) -> str:
    return str(DatabaseName("media", staff_id, quarter_of(moment)))


def unit_database(unit_id: str) -> str:
    return str(DatabaseName("unit", unit_id))


def parse_database(name: str) -> DatabaseName | None:
    """None for a database that is not the product's (`_users`, an administrator's own)."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    if found["unit"]:
        return DatabaseName("unit", found["unit"])
    return DatabaseName("user" if found["kind"] == "user" else "media", found["owner"], found["quarter"])
