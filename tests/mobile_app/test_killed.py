import asyncio
import sys
from pathlib import Path

import pytest

from mobile_app.patrol.work import DRAFT_EVERY_FIXES, Patrol
from sync.documents.patrol import PatrolTracked
from tests.mobile_app.phones import open_phone


async def run_and_kill(data_dir: Path, after_fixes: int) -> tuple[list[str], int]:
    """The ids that the process said were saved before SIGKILL, and how many fixes it had taken."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.mobile_app.killed_phone", str(data_dir), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    saved: list[str] = []
    fixes = 0
    async for line in process.stdout:
        kind, *rest = line.decode().split()
        if kind == "record":
            saved += rest
        else:
            fixes = int(rest[0]) + 1
            if fixes == after_fixes:
                process.kill()  # SIGKILL; what it printed meanwhile is still read
    await process.wait()
    return saved, fixes


class TestKilledWhileRecording:
    @pytest.mark.parametrize("after_fixes", [3, 31, 67])
    async def test_every_saved_record_is_there_and_the_patrol_goes_on(self, tmp_path: Path, after_fixes: int) -> None:
        saved, fixes = await run_and_kill(tmp_path, after_fixes)
        phone = await open_phone(tmp_path)
        kept = {line.id for line in await phone.records(limit=10_000)}
        photos = [await phone.read(photo_id) for photo_id in saved if photo_id.startswith("photo:")]
        assert [record_id for record_id in saved if not record_id.startswith("photo:") and record_id not in kept] == []
        assert len(photos) > 0
        assert None not in photos
        numbers = sorted(line.number for line in await phone.records(limit=10_000))
        assert numbers == list(range(1, len(numbers) + 1))
        patrol = await Patrol.resume(phone)
        assert patrol is not None
        chunks = await phone.recorded(PatrolTracked)
        draft_points = len(patrol._running.chunk.points)
        assert sum(len(chunk.points) for chunk in chunks) + draft_points >= fixes - DRAFT_EVERY_FIXES
        assert [chunk.chunk for chunk in chunks] == list(range(patrol.chunks))
        finished = await patrol.finish(unfinished_reason="演示")
        assert finished.patrol_id == saved[0]
        await phone.close()
