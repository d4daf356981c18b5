"""What the rest asks of cylinders; split by use case: the archive, what was recorded of them, and how it is shown."""

from backend.cylinders.service.archive import change_cylinder, create_cylinder
from backend.cylinders.service.movements import Scanned, record_movements, refold
from backend.cylinders.service.showing import find_cylinder, list_cylinders

__all__ = [
    "Scanned",
    "change_cylinder",
    "create_cylinder",
    "find_cylinder",
    "list_cylinders",
    "record_movements",
    "refold",
]
