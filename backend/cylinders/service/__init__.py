"""What the rest asks of cylinders; split by use case: the archive, what was recorded of them, and how it is shown."""

from backend.cylinders.service.archive import change_cylinder, create_cylinder, delete_cylinder
from backend.cylinders.service.dead_tags import bury, dead_among, dead_tag, refuse_dead
from backend.cylinders.service.due import count_due, list_due
from backend.cylinders.service.faces import CylinderFace, find_face, find_faces
from backend.cylinders.service.held import HeldCylinder, count_held, list_held
from backend.cylinders.service.lost import list_lost
from backend.cylinders.service.movements import Scanned, adopt, adopt_strays, drop_movements, record_movements, refold
from backend.cylinders.service.office import (
    Inspected,
    OfficeMovement,
    lock_cylinders,
    moment_of,
    note_inspected,
    record_office_movements,
    withdraw_movement,
)
from backend.cylinders.service.posting import documents_by_code
from backend.cylinders.service.reminders import list_reminders, mark_seen, remind, remind_all
from backend.cylinders.service.scrapping import list_scrappings, scrap_cylinder, undo_scrapping
from backend.cylinders.service.showing import find_cylinder, list_cylinders, regulator_items, scrapped_among
from backend.cylinders.service.stock import balance_stock, list_balances, list_stock
from backend.cylinders.service.tag_keys import find_tag_key, post_tag_keys, replace_tag_key
from backend.cylinders.service.tags import (
    adopt_stray_tags,
    bind_in_archive,
    record_bindings,
    record_writings,
    refold_tags,
    require_free_tags,
)

__all__ = [
    "CylinderFace",
    "HeldCylinder",
    "Inspected",
    "OfficeMovement",
    "Scanned",
    "adopt",
    "adopt_stray_tags",
    "adopt_strays",
    "balance_stock",
    "bind_in_archive",
    "bury",
    "change_cylinder",
    "count_due",
    "count_held",
    "create_cylinder",
    "dead_among",
    "dead_tag",
    "delete_cylinder",
    "documents_by_code",
    "drop_movements",
    "find_cylinder",
    "find_face",
    "find_faces",
    "find_tag_key",
    "list_balances",
    "list_cylinders",
    "list_due",
    "list_held",
    "list_lost",
    "list_reminders",
    "list_scrappings",
    "list_stock",
    "lock_cylinders",
    "mark_seen",
    "moment_of",
    "note_inspected",
    "post_tag_keys",
    "record_bindings",
    "record_movements",
    "record_office_movements",
    "record_writings",
    "refold",
    "refold_tags",
    "refuse_dead",
    "regulator_items",
    "remind",
    "remind_all",
    "replace_tag_key",
    "require_free_tags",
    "scrap_cylinder",
    "scrapped_among",
    "undo_scrapping",
    "withdraw_movement",
]
