"""Simulated devices as the processes that a person would start."""

import json
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

START_TIMEOUT_S = 30


class Simulator:
    """One `python -m device_bridge.simulators KIND ...`, told what to do on its standard input."""

    def __init__(self, kind: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "device_bridge.simulators", kind, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        word, _, told = self._line().partition(" ")
        assert word == "ready"
        self.told: dict[str, Any] = json.loads(told)
        self.address: str = self.told["address"]

    def tell(self, command: str) -> str:
        self.process.stdin.write(command + "\n")
        answer = self._line().strip()
        assert answer.startswith("ok"), answer
        return answer[3:]

    def close(self) -> int:
        self.process.stdin.close()
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)

    def _line(self) -> str:
        assert select.select([self.process.stdout], [], [], START_TIMEOUT_S)[0], "the simulator says nothing"
        return self.process.stdout.readline()


@contextmanager
def running(kind: str, *arguments: str) -> Iterator[Simulator]:
    simulator = Simulator(kind, *arguments)
    try:
        yield simulator
    finally:
        simulator.close()


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulator]]:
    """Starts simulators that end with the test."""
    started: list[Simulator] = []

    def start(kind: str, *arguments: str) -> Simulator:
        started.append(Simulator(kind, *arguments))
        return started[-1]

    yield start
    for simulator in started:
        simulator.close()


@pytest.fixture(scope="module")
def gps() -> Iterator[Simulator]:
    with running("gps", "--interval", "0.05", "--pty") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def tags() -> Iterator[Simulator]:
    with running("tags", "--tags", "YSP35.5-0001,气瓶-0002") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def detector() -> Iterator[Simulator]:
    with running("detector", "--interval", "0.1") as simulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBUS_SYSTEM_BUS_ADDRESS", simulator.told["bus"])
        yield simulator
