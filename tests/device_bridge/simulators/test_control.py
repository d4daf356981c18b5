import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

KINDS = ["gps", "tags", "detector", "scale"]


def wait_until_gone(process_id: int) -> bool:
    deadline = monotonic() + 5
    while monotonic() < deadline:
        status = Path(f"/proc/{process_id}/status")
        # A zombie has ended; whoever adopted it has only not looked yet.
        if not status.exists() or "State:\tZ" in status.read_text():
            return True
        sleep(0.05)
    return False


def bus_of(simulator) -> int:
    """The process id of the simulator's private dbus-daemon."""
    task = Path(f"/proc/{simulator.process.pid}/task/{simulator.process.pid}/children")
    (child,) = task.read_text().split()
    return int(child)


def start_and_fail(*arguments: str, env: dict[str, str] | None = None) -> str:
    """What a simulator that cannot start says on standard error."""
    command = [sys.executable, "-m", "device_bridge.simulators", *arguments]
    ended = subprocess.run(command, check=False, env=env, input="", capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    return ended.stderr


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_ends_in_order_on_a_signal(self, simulate, kind: str, number: signal.Signals):
        assert simulate(kind).end(number) == 0

    def test_ends_when_nobody_holds_its_input_any_more(self, simulate, kind: str):
        assert simulate(kind).close() == 0

    def test_ends_on_quit(self, simulate, kind: str):
        simulator = simulate(kind)
        simulator.tell("quit")
        assert simulator.process.wait(10) == 0

    def test_a_mistyped_command_is_answered_and_harms_nothing(self, simulate, kind: str):
        simulator = simulate(kind)
        with pytest.raises(AssertionError, match="error unknown command 'sing'; there are:"):
            simulator.tell("sing")
        simulator.tell("quit")

    def test_may_be_driven_over_its_control_port(self, simulate, kind: str):
        simulator = simulate(kind, "--control", "0")
        with socket.create_connection(("127.0.0.1", simulator.told["control"]), 5) as peer:
            lines = peer.makefile("rw", encoding="utf-8", newline="\n")
            lines.write("nonsense\nquit\n")
            lines.flush()
            assert lines.readline().startswith("error unknown command")
            assert lines.readline() == "ok\n"
        assert simulator.process.wait(10) == 0


class TestGps:
    def test_commands(self, simulate):
        simulator = simulate("gps")
        simulator.tell("teleport 126.5 43.8")
        where = json.loads(simulator.tell("where"))
        assert (where["lon"], where["lat"], where["arrived"]) == (126.5, 43.8, True)
        journey = json.loads(simulator.tell("goto 126.501 43.8"))
        assert journey["length_m"] == pytest.approx(80.5, abs=0.5)
        assert not json.loads(simulator.tell("where"))["arrived"]

    @pytest.mark.parametrize(
        "command",
        ["goto", "goto 43.8 126.5", "route [[1,2,3]] 1", "route [] 1", "route [[1,2]] 0", "teleport x y"],
    )
    def test_a_wrong_place_is_refused(self, simulate, command: str):
        with pytest.raises(AssertionError, match="error"):
            simulate("gps").tell(command)

    def test_a_track_from_a_file_is_walked_from_the_start(self, simulate, tmp_path: Path):
        track = tmp_path / "track.json"
        track.write_text("[[126.5,43.8],[126.6,43.8]]")
        where = json.loads(simulate("gps", "--track", str(track), "--speed", "3").tell("where"))
        assert where["speed_mps"] == 3

    def test_a_busy_port_is_one_clear_sentence(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            ended = start_and_fail("gps", "--port", str(taken.getsockname()[1]))
        assert ended.startswith("gps: ")
        assert "address already in use" in ended


class TestDetector:
    def test_its_bus_ends_with_it(self, simulate):
        simulator = simulate("detector")
        bus = bus_of(simulator)
        simulator.close()
        assert wait_until_gone(bus)
        assert not Path(simulator.told["bus"].removeprefix("unix:path=")).exists()

    def test_its_bus_ends_even_if_it_is_killed(self, simulate):
        simulator = simulate("detector")
        bus = bus_of(simulator)
        simulator.process.kill()
        assert wait_until_gone(bus)

    def test_without_a_bus_program_it_says_what_to_install(self):
        assert "apt-get install dbus" in start_and_fail("detector", env={"PATH": ""})
