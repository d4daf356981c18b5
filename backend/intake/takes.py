"""Which domain takes which record: the one table of tags."""

from collections.abc import Mapping

from backend.cylinders.intake import TAKES as CYLINDERS
from backend.deliveries.intake import TAKES as DELIVERIES
from backend.hazards.intake import TAKES as HAZARDS
from backend.patrol.intake import TAKES as PATROL
from backend.photos.intake import TAKES as PHOTOS
from backend.taken import Take

TAKES: Mapping[str, Take] = {**PHOTOS, **PATROL, **HAZARDS, **CYLINDERS, **DELIVERIES}
