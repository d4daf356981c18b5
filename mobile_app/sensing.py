"""The receiver and the detector of one phone, read as long as the shift lasts, whoever looks at a screen.

A device that goes away leaves its error to be shown, the work goes on, and it is taken up again when it comes back.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from device_bridge.ble.connection import open_detector
from device_bridge.errors import DeviceError
from device_bridge.gps import open_gps
from device_bridge.models import Fix, GasReading, InstrumentInfo

# Long enough for a worker to switch the device on again, short enough not to lose a street.
TRY_AGAIN_S = 3.0

T = TypeVar("T")
Take = Callable[[T], Awaitable[None]]


class Sensing:
    """The latest `fix`, `reading` and `instrument`; `gps_error` and `detector_error` say what is wrong now."""

    def __init__(self, on_fix: Take[Fix], on_reading: Take[GasReading], on_change: Callable[[], None]) -> None:
        self.fix: Fix | None = None
        self.reading: GasReading | None = None
        self.instrument: InstrumentInfo | None = None
        self.gps_error: DeviceError | None = None
        self.detector_error: DeviceError | None = None
        self._on_fix = on_fix
        self._on_reading = on_reading
        self._on_change = on_change
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, *, gps: str, detector: str) -> None:
        """Reads the devices at these addresses from now on; an empty address is no device."""
        self.stop()
        if gps:
            self._tasks.append(
                asyncio.create_task(self._keep_on(lambda: open_gps(gps).fixes(), self._take_fix, "gps_error"))
            )
        if detector:
            self._tasks.append(
                asyncio.create_task(
                    self._keep_on(lambda: self._readings(detector), self._take_reading, "detector_error")
                )
            )

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        self.gps_error = self.detector_error = None
        self.fix = self.reading = self.instrument = None

    async def _keep_on(
        self, open_stream: Callable[[], AsyncGenerator[T, None]], take: Take[T], error_name: str
    ) -> None:
        while True:
            try:
                async with aclosing(open_stream()) as stream:
                    async for value in stream:
                        if getattr(self, error_name) is not None:
                            setattr(self, error_name, None)
                        await take(value)
            except DeviceError as error:
                setattr(self, error_name, error)
                self._on_change()
            await asyncio.sleep(TRY_AGAIN_S)

    async def _readings(self, address: str) -> AsyncGenerator[GasReading, None]:
        detector = open_detector(address)
        async with aclosing(detector.readings()) as readings:
            async for reading in readings:
                if self.instrument is None or self.instrument.instrument_id != reading.instrument_id:
                    self.instrument = await detector.info()
                yield reading

    async def _take_fix(self, fix: Fix) -> None:
        self.fix = fix
        await self._on_fix(fix)
        self._on_change()

    async def _take_reading(self, reading: GasReading) -> None:
        self.reading = reading
        await self._on_reading(reading)
        self._on_change()
