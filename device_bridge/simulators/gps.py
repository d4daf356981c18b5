"""A walking GNSS receiver: NMEA (GGA, RMC, GST) over TCP to any number of clients, and on a pty if asked."""

import argparse
import asyncio
import math
import os
import pty
import tty
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise
from operator import xor
from pathlib import Path
from random import randrange
from time import monotonic

import msgspec
from pyproj import Geod

from device_bridge.simulators.control import Control

KNOT_MPS = 1852 / 3600
GEOD = Geod(ellps="WGS84")
# The square of a made-up county town: a start for a receiver that was told nothing.
START = (126.56, 43.86)
Point = tuple[float, float]


class Walker:
    """Walks a polyline at a steady speed; its clock, the satellites', may run `time_factor` times faster."""

    def __init__(self, start: Point, *, speed_mps: float, time_factor: float) -> None:
        self.time_factor = time_factor
        self.clock_offset_s = 0.0
        self._started = monotonic()
        self._epoch = datetime.now(UTC)
        self.teleport(start)
        self.speed_mps = speed_mps

    def elapsed_s(self) -> float:
        return (monotonic() - self._started) * self.time_factor

    def gnss_time(self) -> datetime:
        return self._epoch + timedelta(seconds=self.elapsed_s() + self.clock_offset_s)

    def teleport(self, to: Point) -> None:
        self._points = [to]
        self._marks_m = [0.0]
        self._set_out_s = self.elapsed_s()

    def walk(self, points: list[Point], speed_mps: float) -> float:
        """Sets out along `points`; answers their length in metres."""
        if not points or not 0 < speed_mps < 100 or not all(_on_earth(point) for point in points):
            raise ValueError("a route needs points [lon,lat] in degrees and a speed in m/s below 100")
        self._points, self.speed_mps = points, speed_mps
        self._marks_m = [0.0]
        for (lon1, lat1), (lon2, lat2) in pairwise(points):
            self._marks_m.append(self._marks_m[-1] + GEOD.inv(lon1, lat1, lon2, lat2)[2])
        self._set_out_s = self.elapsed_s()
        return self._marks_m[-1]

    def where(self) -> tuple[Point, float, float]:
        """Position, speed in m/s and heading in degrees, now."""
        walked_m = (self.elapsed_s() - self._set_out_s) * self.speed_mps
        if walked_m >= self._marks_m[-1]:
            return self._points[-1], 0.0, 0.0
        leg = next(i for i, mark in enumerate(self._marks_m) if mark > walked_m)
        (lon1, lat1), (lon2, lat2) = self._points[leg - 1], self._points[leg]
        heading = GEOD.inv(lon1, lat1, lon2, lat2)[0]
        lon, lat, _ = GEOD.fwd(lon1, lat1, heading, walked_m - self._marks_m[leg - 1])
        return (lon, lat), self.speed_mps, heading % 360


class Receiver:
    """Sends what the walker does; can fall silent, garble, lose sight of the sky."""

    def __init__(self, walker: Walker, *, interval_s: float) -> None:
        self.walker = walker
        self.accuracy_m = 3.0
        self.quality = 1
        self.mode = "on"
        self._interval_s = interval_s
        self._clients: set[asyncio.StreamWriter] = set()
        self._pty: int | None = None

    async def serve(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._serve_peer, "127.0.0.1", port)

    def open_pty(self) -> str:
        self._pty, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(self._pty, False)
        return os.ttyname(slave)

    async def send_forever(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            if self.mode != "silent":
                self._send(self.sentences())

    def sentences(self) -> bytes:
        (lon, lat), speed_mps, heading = self.walker.where()
        lines = nmea_epoch(self.walker.gnss_time(), lon, lat, speed_mps, heading, self.accuracy_m, self.quality)
        if self.mode == "garble":
            # Every fifth byte is noise, as with a wrong baud rate or a wet plug.
            return bytes(randrange(0x20, 0x100) if i % 5 == 0 and b > 13 else b for i, b in enumerate(lines))
        return lines

    def drop(self) -> int:
        dropped = len(self._clients)
        for client in self._clients:
            client.transport.abort()
        self._clients.clear()
        return dropped

    def _send(self, data: bytes) -> None:
        for client in list(self._clients):
            # A client that does not read is cut off instead of filling the memory.
            if client.is_closing() or client.transport.get_write_buffer_size() > 1_000_000:
                client.transport.abort()
                self._clients.discard(client)
            else:
                client.write(data)
        if self._pty is not None:
            try:
                os.write(self._pty, data)
            except OSError:
                return  # nobody reads the pty: the sentences are lost, as on a real line

    async def _serve_peer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while await reader.read(1024):
                pass
        except (ConnectionError, asyncio.CancelledError):
            return  # the peer went, or the simulator is being stopped
        finally:
            self._clients.discard(writer)
            writer.close()


def nmea_epoch(  # noqa: PLR0917 - one instant is these seven numbers
    at: datetime, lon: float, lat: float, speed_mps: float, heading: float, accuracy_m: float, quality: int
) -> bytes:
    """GGA, RMC and GST of one instant. `accuracy_m` is the two-dimensional error, so each axis has 1/sqrt 2 of it."""
    clock, day = at.strftime("%H%M%S.%f")[:9], at.strftime("%d%m%y")
    place = f"{_dm(lat, 2)},{'N' if lat >= 0 else 'S'},{_dm(lon, 3)},{'E' if lon >= 0 else 'W'}"
    place, status = (place, "A") if quality else (",,,", "V")
    axis = accuracy_m / math.sqrt(2)
    return b"".join(
        (
            _sentence(f"GNGGA,{clock},{place},{quality},12,{accuracy_m / 5:.2f},200.0,M,8.0,M,,"),
            _sentence(f"GNRMC,{clock},{status},{place},{speed_mps / KNOT_MPS:.3f},{heading:.2f},{day},,,A"),
            _sentence(f"GNGST,{clock},{axis:.2f},,,,{axis:.2f},{axis:.2f},{axis * 2:.2f}"),
        )
    )


def _sentence(body: str) -> bytes:
    return f"${body}*{reduce(xor, body.encode()):02X}\r\n".encode()


def _dm(degrees: float, width: int) -> str:
    minutes = round(abs(degrees) * 60, 6)  # rounded first: 59.9999999 must not be printed as 60 minutes
    return f"{int(minutes // 60):0{width}d}{minutes % 60:09.6f}"


def _on_earth(point: Point) -> bool:
    return len(point) == 2 and abs(point[0]) <= 180 and abs(point[1]) <= 90


def _point(words: list[str]) -> Point:
    point = (float(words[0]), float(words[1]))
    if not _on_earth(point):
        raise ValueError("longitude and latitude in degrees, longitude first")
    return point


class Commands:
    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.walker = receiver.walker

    def goto(self, words: list[str]) -> str:
        length = self.walker.walk([self.walker.where()[0], _point(words)], self.walker.speed_mps)
        return self._journey(length)

    def route(self, words: list[str]) -> str:
        text = " ".join(words)
        points_text, bracket, speed = text.rpartition("]")
        points = msgspec.json.decode(points_text + bracket, type=list[Point])
        return self._journey(self.walker.walk(points, float(speed or self.walker.speed_mps)))

    def teleport(self, words: list[str]) -> str:
        self.walker.teleport(_point(words))
        return self.where([])

    def accuracy(self, words: list[str]) -> str:
        self.receiver.accuracy_m = float(words[0])
        return ""

    def clock(self, words: list[str]) -> str:
        self.walker.clock_offset_s = float(words[0])
        return self.walker.gnss_time().isoformat()

    def quality(self, words: list[str]) -> str:
        """GGA quality: 0 no sky in sight, 1 normal, 8 says that it is a simulator (a mocked position)."""
        self.receiver.quality = int(words[0])
        return ""

    def where(self, _words: list[str]) -> str:
        (lon, lat), speed_mps, heading = self.walker.where()
        told = {
            "lon": lon,
            "lat": lat,
            "speed_mps": speed_mps,
            "heading_deg": heading,
            "arrived": speed_mps == 0,
            "gnss_time": self.walker.gnss_time(),
        }
        return msgspec.json.encode(told).decode()

    def drop(self, _words: list[str]) -> str:
        return str(self.receiver.drop())

    def set_mode(self, mode: str) -> str:
        self.receiver.mode = mode
        return ""

    def _journey(self, length_m: float) -> str:
        seconds = length_m / self.walker.speed_mps / self.walker.time_factor
        return msgspec.json.encode({"length_m": length_m, "seconds": seconds}).decode()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--track", type=Path, help="JSON file [[lon,lat],...] to walk from the start")
    parser.add_argument("--speed", type=float, default=1.4, help="m/s of the track and of goto")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between fixes by the wall clock")
    parser.add_argument("--time-factor", type=float, default=1.0, help="walk and satellite time N times faster")
    parser.add_argument("--pty", action="store_true", help="also as a serial line")


async def run(options: argparse.Namespace) -> None:
    walker = Walker(START, speed_mps=options.speed, time_factor=options.time_factor)
    if options.track:
        walker.walk(msgspec.json.decode(options.track.read_bytes(), type=list[Point]), options.speed)
    receiver = Receiver(walker, interval_s=options.interval)
    server = await receiver.serve(options.port)
    port = server.sockets[0].getsockname()[1]
    addresses: dict[str, object] = {"address": f"nmea-tcp://127.0.0.1:{port}", "port": port}
    if options.pty:
        addresses["serial"] = f"nmea-serial://{receiver.open_pty()}?baud=9600"
    told = Commands(receiver)
    control = Control(
        {
            "goto": told.goto,
            "route": told.route,
            "teleport": told.teleport,
            "accuracy": told.accuracy,
            "clock": told.clock,
            "quality": told.quality,
            "where": told.where,
            "drop": told.drop,
            "silent": lambda _: told.set_mode("silent"),
            "garble": lambda _: told.set_mode("garble"),
            "resume": lambda _: told.set_mode("on"),
        }
    )
    sending = asyncio.create_task(receiver.send_forever())
    ending = asyncio.create_task(control.run(addresses, control_port=options.control))
    await asyncio.wait({sending, ending}, return_when=asyncio.FIRST_COMPLETED)
    server.close()
    receiver.drop()
    if sending.done():
        ending.cancel()
        sending.result()
    sending.cancel()
