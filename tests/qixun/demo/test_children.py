"""The played shift's processes: one that ends, refuses or never starts is told, and none is left behind."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from qixun.demo.children import Child, ChildFailed, Refused, SimulatedPhone, simulator
from tests.qixun.command import Server
from tests.qixun.conftest import ADMINISTRATOR, PASSWORD


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
async def phone(server: Server, tmp_path: Path) -> AsyncIterator[SimulatedPhone]:
    started = SimulatedPhone("li", tmp_path, server.url, {})
    await started.start()
    yield started
    await started.stop()


class TestSimulatedPhone:
    async def test_it_signs_in_and_what_it_kept_outlives_a_kill(
        self, phone: SimulatedPhone, server: Server, tmp_path: Path
    ) -> None:
        first = await phone.do("sign_in", number=ADMINISTRATOR, password=PASSWORD)
        await phone.kill()
        again = SimulatedPhone("li", tmp_path, server.url, {})
        await again.start()
        assert await again.do("sign_in", number=ADMINISTRATOR, password=PASSWORD) == first
        await again.stop()

    async def test_one_that_was_killed_is_noticed(self, phone: SimulatedPhone) -> None:
        await phone.kill()
        with pytest.raises(ChildFailed, match=r"has ended; see .*li\.log"):
            await phone.do("tasks")

    async def test_one_that_dies_while_it_is_asked_is_noticed(self, phone: SimulatedPhone) -> None:
        assert phone._process is not None
        asked = asyncio.create_task(phone.do("sign_in", number=ADMINISTRATOR, password=PASSWORD))
        await asyncio.sleep(0)
        phone._process.kill()
        with pytest.raises(ChildFailed, match="has ended"):
            await asyncio.wait_for(asked, 10)

    async def test_a_refusal_is_told_in_the_worker_s_words(self, phone: SimulatedPhone) -> None:
        with pytest.raises(Refused) as refusal:
            await phone.do("sign_in", number=ADMINISTRATOR, password="not-his-password")
        assert refusal.value.code == "sign_in.wrong_password"
        assert refusal.value.zh.endswith("。")

    @pytest.mark.parametrize("command", ["dance", "_delivery"])
    async def test_a_command_that_there_is_not_is_refused(self, phone: SimulatedPhone, command: str) -> None:
        with pytest.raises(Refused, match=command):
            await phone.do(command)

    async def test_it_ends_when_it_is_stopped(self, phone: SimulatedPhone) -> None:
        assert phone._process is not None
        await phone.stop()
        assert phone._process.returncode == 0
        assert not _alive(phone._process.pid)


class TestChild:
    async def test_one_that_does_not_start_is_told_and_its_log_says_why(self, tmp_path: Path) -> None:
        child = simulator("no-such-device", tmp_path, "device")
        with pytest.raises(ChildFailed, match=r"device_bridge\.simulators has ended"):
            await child.start()
        assert "no-such-device" in (tmp_path / "device.log").read_text()
        await child.stop()

    async def test_one_that_does_not_listen_any_more_is_ended_all_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("qixun.demo.children._STOP_S", 0.3)
        (tmp_path / "deaf.py").write_text("import time\nprint('ready {}', flush=True)\ntime.sleep(60)\n")
        child = Child(tmp_path / "deaf.log", "deaf", environ={"PYTHONPATH": str(tmp_path)})
        await child.start()
        assert child._process is not None
        await child.stop()
        assert not _alive(child._process.pid)

    async def test_one_that_does_not_answer_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("qixun.demo.children._ANSWER_S", 0.3)
        monkeypatch.setattr("qixun.demo.children._STOP_S", 0.3)
        (tmp_path / "mute.py").write_text("import time\nprint('ready {}', flush=True)\ntime.sleep(60)\n")
        child = Child(tmp_path / "mute.log", "mute", environ={"PYTHONPATH": str(tmp_path)})
        await child.start()
        with pytest.raises(ChildFailed, match="mute did not answer"):
            await child.command("anything")
        await child.stop()
