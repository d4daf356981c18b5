"""Where a vehicle of bottled gas drives (运行定位): the track of the phone in it while it is on a round. E5.8.3-8."""

from typing import Annotated

import msgspec

from sync.documents.envelope import Id, Record, Utc, Word, label
from sync.documents.patrol import TrackPoint


class VehicleTracked(Record, tag="vehicle.tracked", frozen=True, kw_only=True):
    """A chunk of at most five minutes; a round begins with 出库装车 (`round_id`, its record) and ends with 回站入库."""

    round_id: Id
    vehicle: Annotated[Word, label("车牌号", "Plate")] = ""
    chunk: Annotated[int, msgspec.Meta(ge=0)]
    started_at: Utc
    points: Annotated[tuple[TrackPoint, ...], label("轨迹点", "Track points", min_length=1, max_length=1000)]
