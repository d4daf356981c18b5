"""What the rest asks of cylinders; split by use case: the archive, what was recorded of them, and how it is shown."""

from backend.cylinders.service.archive import change_cylinder, create_cylinder
from backend.cylinders.service.dead_tags import bury, dead_among, dead_tag, refuse_dead
from backend.cylinders.service.movements import Scanned, record_movements, refold
from backend.cylinders.service.office import OfficeMovement, moment_of, record_office_movements
from backend.cylinders.service.scrapping import list_scrappings, scrap_cylinder, undo_scrapping
from backend.cylinders.service.showing import find_cylinder, list_cylinders

__all__ = [
    "OfficeMovement",
    "Scanned",
    "bury",
    "change_cylinder",
    "create_cylinder",
    "dead_among",
    "dead_tag",
    "find_cylinder",
    "list_cylinders",
    "list_scrappings",
    "moment_of",
    "record_movements",
    "record_office_movements",
    "refold",
    "refuse_dead",
    "scrap_cylinder",
    "undo_scrapping",
]
