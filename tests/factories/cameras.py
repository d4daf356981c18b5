"""Invented cameras, and the simulated recorder as a process."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.cameras import service as cameras
from backend.cameras.schemas import CameraIn, CameraLine
from tests.factories.accounts import Company
from tests.factories.taken import office

USER, PASSWORD = "qixun", "camera-2026"


def camera_in(address: str, place_id: str, **fields: Any) -> CameraIn:
    """Channel 1 of the simulated recorder at this address."""
    given: dict[str, Any] = {
        "holder": "station",
        "place_id": place_id,
        "name": "1 号枪机",
        "area": "tanks",
        "picture_address": f"{address}/snapshot/1.jpg",
        "recorder_address": f"{address}/onvif/device_service",
        "recording": "REC-1",
        "username": USER,
        "password": PASSWORD,
    }
    return CameraIn(**(given | fields))


async def make_camera(
    session: AsyncSession, company: Company, staff: Staff, address: str, place_id: str, **fields: Any
) -> CameraLine:
    return await cameras.create_camera(session, office(company, staff), camera_in(address, place_id, **fields))
