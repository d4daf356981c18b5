"""Icons by what they stand for: a list's `icon` word, a record's type, a record's state."""

import flet as ft

from sync.documents.envelope import tag_of

Icons = ft.Icons

_LISTED: dict[str, ft.IconData] = {
    "leak": Icons.AIR_ROUNDED,
    "building": Icons.HOME_OUTLINED,
    "works": Icons.FRONT_LOADER,
    "subsidence": Icons.LANDSLIDE_OUTLINED,
    "marker": Icons.SIGNPOST_OUTLINED,
    "water": Icons.WATER_DROP_OUTLINED,
    "ice": Icons.AC_UNIT_ROUNDED,
    "snow": Icons.AC_UNIT_ROUNDED,
    "pressure": Icons.SPEED_ROUNDED,
    "other": Icons.MORE_HORIZ_ROUNDED,
    "fence": Icons.FENCE_ROUNDED,
    "crane": Icons.PRECISION_MANUFACTURING_OUTLINED,
    "excavator": Icons.FRONT_LOADER,
    "drill": Icons.CONSTRUCTION_ROUNDED,
    "truck": Icons.LOCAL_SHIPPING_OUTLINED,
}

_RECORDS: dict[str, ft.IconData] = {
    "shift.checked": Icons.FACT_CHECK_OUTLINED,
    "patrol.started": Icons.PLAY_CIRCLE_OUTLINE_ROUNDED,
    "patrol.tracked": Icons.TIMELINE_ROUNDED,
    "patrol.paused": Icons.PAUSE_CIRCLE_OUTLINE_ROUNDED,
    "patrol.finished": Icons.ROUTE_OUTLINED,
    "checkpoint.visited": Icons.FLAG_OUTLINED,
    "hazard.reported": Icons.REPORT_OUTLINED,
    "leak.suspected": Icons.AIR_ROUNDED,
    "works.reported": Icons.FRONT_LOADER,
    "cylinders.loaded": Icons.LOCAL_SHIPPING_OUTLINED,
    "cylinder.refused": Icons.BLOCK_ROUNDED,
    "delivery.checked": Icons.FACT_CHECK_OUTLINED,
    "delivery.completed": Icons.PROPANE_TANK_OUTLINED,
    "visit.failed": Icons.NO_MEETING_ROOM_OUTLINED,
    "cylinders.stored": Icons.WAREHOUSE_OUTLINED,
    "customer.completed": Icons.HOW_TO_REG_ROUNDED,
    "customer.paper_done": Icons.DESCRIPTION_OUTLINED,
    "vehicle.tracked": Icons.TIMELINE_ROUNDED,
    "alarm.raised": Icons.NOTIFICATIONS_ACTIVE_OUTLINED,
    "alarm.cleared": Icons.NOTIFICATIONS_NONE_OUTLINED,
    "fire_water.started": Icons.WATER_DROP_OUTLINED,
    "station.readings": Icons.SPEED_OUTLINED,
    "photo": Icons.PHOTO_OUTLINED,
    "voice_note": Icons.MIC_NONE_ROUNDED,
}

STATES: dict[str, ft.IconData] = {
    "saved": Icons.SAVE_ROUNDED,
    "sent": Icons.ARROW_CIRCLE_UP_ROUNDED,
    "accepted": Icons.CHECK_CIRCLE_ROUNDED,
    "waiting": Icons.CHECK_CIRCLE_ROUNDED,
    "refused": Icons.UNDO_ROUNDED,
}


def listed(name: str) -> ft.IconData | None:
    """The icon an administrator named for a list's entry: one of ours, or a Material icon's own name."""
    if not name:
        return None
    return _LISTED.get(name) or getattr(Icons, f"{name.upper()}_ROUNDED", None) or getattr(Icons, name.upper(), None)


def record(record_id_or_tag: str) -> ft.IconData:
    return _RECORDS.get(tag_of(record_id_or_tag), Icons.DESCRIPTION_OUTLINED)
