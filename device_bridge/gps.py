"""GNSS receivers behind one protocol: NMEA over TCP, NMEA on a serial line, or gpsd.

The stream of fixes ends with an error a worker can act on, never by hanging, and calling `fixes()` again connects
anew. A receiver that talks but has no position yet (indoors, under a bridge) is no error: it yields nothing.
gpsd's protocol: https://gpsd.io/gpsd_json.html
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, closing
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import msgspec
import serial

from device_bridge.errors import AddressInvalid, DeviceGarbled, DeviceLost, DeviceMissing
from device_bridge.models import Fix
from device_bridge.nmea import UNKNOWN_ACCURACY_M, NmeaFolder, SentenceError

ADDRESS_EXAMPLES = "nmea-tcp://127.0.0.1:5001, nmea-serial:///dev/ttyUSB0?baud=9600, gpsd://127.0.0.1:2947"
# Longer than any receiver's reporting interval, shorter than an inspector's walk past a check point.
DEFAULT_SILENCE_S = 10.0
CONNECT_TIMEOUT_S = 5.0
# How long a blocked serial read may outlive a cancelled stream.
SERIAL_READ_TIMEOUT_S = 0.2
# NMEA allows 82 characters, gpsd's JSON a few thousand; a longer "line" is noise.
LONGEST_LINE_BYTES = 16_384
GPSD_MODE_2D = 2
# gpsd tells the radius of 95% of the errors, Fix that of two thirds (1.41 against 2.45 sigma in two dimensions).
TWO_THIRDS_OF_95_PERCENT = 1.41 / 2.45


class GpsReceiver(Protocol):
    def fixes(self) -> AsyncGenerator[Fix, None]:
        """Positions as they come. Raises DeviceMissing, DeviceLost (silent, unplugged), DeviceGarbled."""
        ...


class LineReceiver:
    """A receiver that sends text lines; `lines` opens it, a fresh `decoder` turns lines into fixes."""

    def __init__(
        self,
        lines: Callable[[], AsyncGenerator[bytes, None]],
        decoder: Callable[[], Callable[[bytes], Fix | None]],
        *,
        silence_s: float,
    ) -> None:
        self._lines = lines
        self._decoder = decoder
        self._silence_s = silence_s

    async def fixes(self) -> AsyncGenerator[Fix, None]:
        decode = self._decoder()
        loop = asyncio.get_running_loop()
        understood_at = loop.time()
        async with aclosing(self._lines()) as lines:
            while True:
                left_s = understood_at + self._silence_s - loop.time()
                try:
                    line = await asyncio.wait_for(anext(lines), max(left_s, 0))
                except TimeoutError as error:
                    raise _lost() from error
                except StopAsyncIteration:
                    raise _lost() from None
                try:
                    fix = decode(line)
                except SentenceError as error:
                    if loop.time() - understood_at > self._silence_s / 2:
                        raise _garbled() from error
                    continue
                if fix is not None:
                    yield fix
                # After the yield: time that the caller takes is not the receiver's silence.
                understood_at = loop.time()


def open_gps(address: str, *, silence_s: float = DEFAULT_SILENCE_S) -> GpsReceiver:
    """The receiver that `address` names; connects only when fixes are asked for. Raises AddressInvalid."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        baud = int(parse_qs(parts.query).get("baud", ["9600"])[0])
    except ValueError as error:
        raise AddressInvalid(address, ADDRESS_EXAMPLES) from error
    if parts.scheme == "nmea-tcp" and host and port:
        return LineReceiver(lambda: _tcp_lines(host, port), _nmea_decoder, silence_s=silence_s)
    if parts.scheme == "nmea-serial" and parts.path:
        path = parts.path if parts.path.startswith("/dev/") else parts.path.lstrip("/")
        return LineReceiver(lambda: _serial_lines(path, baud), _nmea_decoder, silence_s=silence_s)
    if parts.scheme == "gpsd" and host:
        watch = b'?WATCH={"enable":true,"json":true};\n'
        return LineReceiver(
            lambda: _tcp_lines(host, port or 2947, hello=watch), lambda: decode_tpv, silence_s=silence_s
        )
    raise AddressInvalid(address, ADDRESS_EXAMPLES)


def decode_tpv(line: bytes) -> Fix | None:
    """One line of gpsd's JSON: the fix of a TPV report, None for anything else. Raises SentenceError."""
    try:
        report = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise SentenceError(line[:80]) from error
    if report.get("class") == "DEVICE" and report.get("activated") == 0:
        raise _lost()
    if report.get("class") != "TPV" or report.get("mode", 0) < GPSD_MODE_2D or "lat" not in report:
        return None
    try:
        at = msgspec.convert(report.get("time"), datetime | None)
    except msgspec.ValidationError as error:
        raise SentenceError(line[:80]) from error
    return Fix(
        lon=float(report["lon"]),
        lat=float(report["lat"]),
        accuracy_m=report["eph"] * TWO_THIRDS_OF_95_PERCENT if "eph" in report else UNKNOWN_ACCURACY_M,
        time_utc=at,
        speed_mps=report.get("speed"),
        heading_deg=report.get("track"),
        # gpsd 3.22: TPV status 8 is "simulated".
        mocked=report.get("status") == 8,
    )


def _nmea_decoder() -> Callable[[bytes], Fix | None]:
    return NmeaFolder().feed


async def _tcp_lines(host: str, port: int, *, hello: bytes = b"") -> AsyncGenerator[bytes, None]:
    try:
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(host, port, limit=LONGEST_LINE_BYTES), CONNECT_TIMEOUT_S
        )
    except (OSError, TimeoutError) as error:
        raise _missing() from error
    try:
        writer.write(hello)
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                # The reader has dropped the over-long line; what follows decides.
                yield b""
                continue
            except OSError as error:
                raise _lost() from error
            if not line:
                return
            yield line
    finally:
        writer.close()


async def _serial_lines(path: str, baud: int) -> AsyncGenerator[bytes, None]:
    try:
        port = await asyncio.to_thread(serial.Serial, path, baud, timeout=SERIAL_READ_TIMEOUT_S)
    except (serial.SerialException, OSError, ValueError) as error:
        raise _missing() from error
    pending = b""
    with closing(port):
        while True:
            # Shielded: a cancelled stream must not close the port under the thread that still reads it.
            reading = asyncio.ensure_future(asyncio.to_thread(_read_some, port))
            try:
                chunk = await asyncio.shield(reading)
            except asyncio.CancelledError:
                await asyncio.wait({reading})
                raise
            except (serial.SerialException, OSError, TypeError) as error:
                raise _lost() from error
            *lines, pending = (pending + chunk)[-LONGEST_LINE_BYTES:].split(b"\n")
            for line in lines:
                yield line


def _read_some(port: Any) -> bytes:
    return bytes(port.read(port.in_waiting or 1))


def _missing() -> DeviceMissing:
    return DeviceMissing(
        "定位接收机没有连接",
        "the positioning receiver is not connected",
        "请检查电源、连接线和设置中的地址",
        "check its power, its cable and the address in the settings",
    )


def _lost() -> DeviceLost:
    return DeviceLost(
        "定位中断",
        "the positioning receiver has gone silent",
        "请检查接收机电源和连接线；记录继续，位置恢复后自动接上",
        "check its power and cable; the record goes on and takes positions again when they return",
    )


def _garbled() -> DeviceGarbled:
    return DeviceGarbled(
        "定位数据无法识别",
        "what the positioning receiver sends cannot be understood",
        "请检查波特率设置和连接线；记录继续",
        "check the baud rate and the cable; the record goes on",
    )
