"""Invented stations."""

import itertools
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.stations import service as stations
from backend.stations.schemas import StationIn, StationLine
from tests.factories.accounts import Company
from tests.factories.network import LAT, LON
from tests.factories.taken import office

_numbers = itertools.count(1)


def station_in(company: Company, **fields: Any) -> StationIn:
    given: dict[str, Any] = {
        "organisation_id": company.unit.id,
        "code": f"CZ-{next(_numbers):04d}",
        "name": "松河液化气储配站",
        "kind": "storage",
        "address": "松河县站前街 1 号",
        "lon": LON,
        "lat": LAT,
        "capacity_t": 90.0,
        "manager": "演示-钱站长",
        "manager_phone": "100-0000-0001",
    }
    return StationIn(**(given | fields))


async def make_station_record(session: AsyncSession, company: Company, staff: Staff, **fields: Any) -> StationLine:
    return await stations.create_station(session, office(company, staff), station_in(company, **fields))
