"""A simulated device's Modbus server, which can be cut off, fall silent, or answer with garbage."""

import random
from collections.abc import Callable
from typing import Any

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import SimDevice


class Peer:
    """`mode` is asked before each answer: `silent`, `garbage`, or anything else."""

    def __init__(self, device: SimDevice, port: int, mode: Callable[[], str]) -> None:
        self._device, self._port, self._mode = device, port, mode
        self._server: ModbusTcpServer | None = None

    async def start(self) -> int:
        self._server = ModbusTcpServer(self._device, address=("127.0.0.1", self._port), trace_packet=self._spoil)
        await self._server.serve_forever(background=True)
        listening: Any = self._server.transport
        self._port = int(listening.sockets[0].getsockname()[1])
        return self._port

    async def cut(self, _words: list[str]) -> str:
        """The cable is pulled: connections end, and new ones are refused until `join`."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]
            self._server = None
        return ""

    async def join(self, _words: list[str]) -> str:
        if self._server is None:
            await self.start()
        return ""

    def _spoil(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001 - pymodbus calls it so
        if not sending:
            return data
        if self._mode() == "silent":
            return b""
        return random.randbytes(len(data)) if self._mode() == "garbage" else data
