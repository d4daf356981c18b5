"""A phone as a process of its own that binds a tag and is killed (SIGKILL) before page number N of the entry, or,
with N = -1, when the tag is written and the record is not.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from device_bridge import nfc_memory
from device_bridge.errors import DeviceError
from device_bridge.tag_reader import open_tag_reader
from mobile_app.tags import work
from sync.documents.cylinders import CylinderScan
from tests.mobile_app.phones import open_phone


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


async def bind(data_dir: Path, address: str, kill_before: int) -> None:
    phone = await open_phone(data_dir)
    memory: Any = nfc_memory._Type2Memory
    write, written = memory.write_block, 0

    def write_or_die(self: Any, at: int, block: bytes) -> None:
        nonlocal written
        if written == kill_before:
            die()
        written += 1
        write(self, at, block)

    async def die_later(*_: Any) -> None:
        die()

    memory.write_block = write_or_die
    if kill_before < 0:
        work._record = die_later  # type: ignore[assignment]
    cylinder = await phone.cylinder("SH0009")
    assert cylinder is not None
    scan = CylinderScan(code="SH0009", method="qr", cylinder_id="sh0009")
    # On a busy machine nfcpy takes a late answer for a tag that has left: held near again, as a worker would.
    for _ in range(10):
        with suppress(DeviceError):
            await work.bind_tag(phone, open_tag_reader(address), "nfc", cylinder, scan)


if __name__ == "__main__":
    asyncio.run(bind(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
