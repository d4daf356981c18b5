"""Which domain takes which record: the one table of tags."""

from collections.abc import Mapping

from backend.alarms.intake import TAKES as ALARMS
from backend.customers.intake import TAKES as CUSTOMERS
from backend.cylinders.intake import TAKES as CYLINDERS
from backend.deliveries.intake import TAKES as DELIVERIES
from backend.filling.intake import TAKES as FILLING
from backend.hazards.intake import TAKES as HAZARDS
from backend.patrol.intake import TAKES as PATROL
from backend.photos.intake import TAKES as PHOTOS
from backend.taken import Take
from backend.vehicles.intake import TAKES as VEHICLES

TAKES: Mapping[str, Take] = {
    **PHOTOS,
    **PATROL,
    **HAZARDS,
    **CUSTOMERS,
    **CYLINDERS,
    **DELIVERIES,
    **VEHICLES,
    **FILLING,
    **ALARMS,
}
