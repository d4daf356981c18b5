"""Records as intake hands them to a domain, and whoever asks in the office."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Organisation, Staff
from backend.intake.takes import TAKES
from backend.scope import RIGHTS, Caller, Grant
from backend.taken import Taken, Waiting
from sync.documents.envelope import Position, Record
from tests.factories.accounts import Company
from tests.factories.network import LAT, LON
from tests.factories.records import envelope

R = TypeVar("R", bound=Record)
# A winter morning in Beijing time.
MORNING = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
HERE = Position(lon=LON, lat=LAT, accuracy_m=4.0, source="gnss")


def record(kind: type[R], staff: Staff, /, **fields: Any) -> R:
    given = {"staff_id": staff.id, "unit_id": staff.organisation_id, **fields}
    return kind(**envelope(str(kind.__struct_config__.tag), **given))


async def take(
    session: AsyncSession, company: Company, staff: Staff, record: Record, *, at: datetime = MORNING
) -> Waiting | None:
    """Through the very table that intake uses."""
    waiting = await TAKES[str(type(record).__struct_config__.tag)](session, [taken_of(company, staff, record, at)])
    await session.flush()
    return waiting.get(record.id)


def taken_of(company: Company, staff: Staff, record: Record, at: datetime = MORNING) -> Taken[Any]:
    return Taken(
        record=record,
        rev="1-a",
        database="user_x_20264",
        organisation_id=company.unit.id,
        company_id=company.company.id,
        staff_id=staff.id,
        device_id="phone",
        recorded_at=at,
        received_at=at + timedelta(hours=8),
    )


def office(company: Company, staff: Staff, *rights: str, on: Organisation | None = None) -> Caller:
    """Somebody in the office with these rights (all of them where none is named) on the company's subtree."""
    place = on or company.company
    return Caller(
        staff_id=staff.id,
        company_id=company.company.id,
        grants=(Grant(place.id, place.path, frozenset(rights) or RIGHTS),),
    )
