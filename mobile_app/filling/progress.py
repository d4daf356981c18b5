"""How far the cylinder at the gun has come: what a restarted app needs to go on."""

from datetime import datetime
from typing import Literal

import msgspec

from device_bridge.models import ScaleInfo
from sync.documents.cylinders import CylinderScan
from sync.documents.envelope import new_id
from sync.documents.filling import FillingEnd
from sync.documents.reference import Cylinder
from sync.rules.cylinders import Reason

Step = Literal["scan", "check", "fill", "filling", "after", "done", "refused", "set_aside"]
STEP_TITLES: dict[str, tuple[str, str]] = {
    "scan": ("扫码", "Scan"),
    "check": ("充装前检查", "Check before"),
    "fill": ("充装", "Filling"),
    "filling": ("没充完", "Unfinished"),
    "after": ("充装后检查", "Check after"),
    "done": ("充好了", "Filled"),
    "refused": ("禁止充装", "Refused"),
    "set_aside": ("不合格，隔离", "Set aside"),
}
DRAFT = "filling/current"


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """How the gun was opened: what a restarted app needs to finish or report this filling."""

    at: datetime
    gross_kg: float
    tare_kg: float
    target_kg: float
    scale: ScaleInfo


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    check_id: str
    filled_id: str
    after_id: str
    step: Step = "scan"
    scan: CylinderScan | None = None
    cylinder: Cylinder | None = None
    reasons: tuple[Reason, ...] = ()
    start: Start | None = None
    # Why it was broken off, as far as it is known.
    broken_by: FillingEnd = "interrupted"


def fresh() -> Progress:
    return Progress(
        check_id=new_id("filling.checked_before"),
        filled_id=new_id("cylinder.filled"),
        after_id=new_id("filling.checked_after"),
    )
