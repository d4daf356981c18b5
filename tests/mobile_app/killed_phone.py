"""A phone as a process of its own, to be killed at any moment: walks, visits, reports, and prints each record's id
once it is said to be saved.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mobile_app.hazards.work import report_hazard
from mobile_app.patrol.work import Patrol
from mobile_app.photos import take_photo
from tests.mobile_app.phones import PATROL, fill, fix_at, jpeg, lay_out, open_phone

# Simulated seconds between two fixes: a chunk of five minutes is full after thirty.
STEP_S = 10


async def work(data_dir: Path) -> None:
    lay_out(data_dir)
    phone = await open_phone(data_dir)
    fill(phone)
    patrol = await Patrol.start(phone, PATROL)
    print("record", patrol.patrol_id, flush=True)  # noqa: T201
    start = datetime.now(UTC)
    for number in range(100_000):
        await patrol.take_fix(fix_at(number % 200, 3, start + timedelta(seconds=STEP_S * number)))
        print("fix", number, flush=True)  # noqa: T201
        if number % 10 == 0:
            photo = await take_photo(phone, jpeg(number % 255, (64, 48)))
            hazard = await report_hazard(phone, hazard_type="corrosion", photos=[photo], task_id=PATROL.id)
            print("record", hazard.id, photo.id, flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1])))
