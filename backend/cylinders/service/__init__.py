"""What the rest asks of cylinders; split by use case: the archive, what was recorded of them, and how it is shown."""

from backend.cylinders.service.archive import change_cylinder, create_cylinder, delete_cylinder
from backend.cylinders.service.dead_tags import bury, dead_among, dead_tag, refuse_dead
from backend.cylinders.service.held import HeldCylinder, count_held, list_held
from backend.cylinders.service.lost import list_lost
from backend.cylinders.service.movements import (
    Scanned,
    adopt,
    adopt_strays,
    drop_movements,
    record_movements,
    refold,
)
from backend.cylinders.service.office import OfficeMovement, moment_of, record_office_movements
from backend.cylinders.service.posting import documents_by_code
from backend.cylinders.service.scrapping import list_scrappings, scrap_cylinder, undo_scrapping
from backend.cylinders.service.showing import find_cylinder, list_cylinders, regulator_items
from backend.cylinders.service.stock import balance_stock, list_balances, list_stock

__all__ = [
    "HeldCylinder",
    "OfficeMovement",
    "Scanned",
    "adopt",
    "adopt_strays",
    "balance_stock",
    "bury",
    "change_cylinder",
    "count_held",
    "create_cylinder",
    "dead_among",
    "dead_tag",
    "delete_cylinder",
    "documents_by_code",
    "drop_movements",
    "find_cylinder",
    "list_balances",
    "list_cylinders",
    "list_held",
    "list_lost",
    "list_scrappings",
    "list_stock",
    "moment_of",
    "record_movements",
    "record_office_movements",
    "refold",
    "refuse_dead",
    "regulator_items",
    "scrap_cylinder",
    "undo_scrapping",
]
