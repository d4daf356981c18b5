"""Cameras and their recorder on 127.0.0.1: moving JPEG snapshots, MJPEG, and the recorder's ONVIF service.

Channels are numbered from 1. `/snapshot/1.jpg` and `/mjpeg/1` want the user and password (HTTP Digest; `/basic/1.jpg`
HTTP Basic), `/onvif/device_service` a WS-UsernameToken.
"""

import argparse
import asyncio
import base64
import hashlib
import io
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
from aiohttp import web
from PIL import Image, ImageDraw

from device_bridge.simulators.control import Command, Control

MODES = ("silent", "garbage", "redirect", "huge", "html", "bomb", "endless")
_MOVES_S = 0.2
_CLOCK_TOLERANCE_S = 60
_HUGE_BYTES = 40_000_000
_BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
_SCENES = ((58, 84, 96), (84, 72, 54), (60, 78, 62), (70, 66, 92))


class Channel:
    def __init__(self, number: int, now: datetime, kept_days: float) -> None:
        self.number = number
        self.earliest = now - timedelta(days=kept_days)
        self.stopped_at: datetime | None = None
        self.gaps: list[tuple[datetime, datetime]] = []


class Recorder:
    """What it keeps and how it misbehaves."""

    def __init__(self, options: argparse.Namespace) -> None:
        now = datetime.now(UTC)
        self.user, self.password = options.user, options.password
        self.names: list[str] = options.names.split(",") if options.names else []
        self.size = (options.width, options.height)
        kept = [float(days) for days in options.kept.split(",")]
        self.channels = {n: Channel(n, now, kept[min(n, len(kept)) - 1]) for n in range(1, options.channels + 1)}
        self.mode = "on"
        self.ahead = timedelta(0)
        self.elsewhere = "http://127.0.0.1:1/"
        self.searches = True
        self.counts = {"pictures": 0, "soap": 0, "elsewhere": 0}
        self.pieces: dict[str, list[str]] = {}

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def name(self, number: int) -> str:
        return self.names[number - 1] if number <= len(self.names) else f"CH{number}"

    def picture(self, number: int) -> bytes:
        """A yard in which something goes to and fro, with the time, so that one sees it move."""
        width, height = self.size
        scene = _SCENES[number % len(_SCENES)]
        image = Image.new("RGB", self.size, scene)
        draw = ImageDraw.Draw(image)
        horizon, unit = height // 2, height // 12
        draw.rectangle((0, horizon, width, height), fill=tuple(c // 2 for c in scene))
        for tank in range(3):
            left = unit * 2 + tank * unit * 4
            draw.rounded_rectangle((left, horizon - unit * 3, left + unit * 3, horizon), unit, fill=(196, 200, 204))
        place = int((datetime.now(UTC).timestamp() * width / 8) % (2 * width))
        x = place if place < width else 2 * width - place
        draw.ellipse((x - unit // 2, height - unit * 3, x + unit // 2, height - unit * 2), fill=(240, 180, 60))
        stamp = f"{datetime.now(UTC) + timedelta(hours=8):%Y-%m-%d %H:%M:%S}  CH{number}"
        draw.text((unit // 2, unit // 3), stamp, fill=(255, 255, 255), font_size=max(12, unit * 2 // 3))
        out = io.BytesIO()
        image.save(out, "JPEG", quality=75)
        self.counts["pictures"] += 1
        return out.getvalue()


class Service:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._misbehave], client_max_size=1_000_000)
        app.router.add_get(r"/snapshot/{channel:\d+}.jpg", self._snapshot)
        app.router.add_get(r"/basic/{channel:\d+}.jpg", self._snapshot)
        app.router.add_get(r"/mjpeg/{channel:\d+}", self._mjpeg)
        app.router.add_get("/elsewhere.jpg", self._elsewhere)
        app.router.add_post("/onvif/device_service", self._device)
        app.router.add_post("/onvif/search_service", self._search)
        return app

    @web.middleware
    async def _misbehave(  # noqa: PLR0911 - one return a mode
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        mode = self._recorder.mode
        if request.path == "/elsewhere.jpg":
            return await handler(request)
        if mode == "silent":
            await asyncio.sleep(3600)
        if mode == "redirect":
            return web.Response(status=302, headers={"Location": self._recorder.elsewhere})
        if mode == "html":
            return web.Response(text="<html><script>alert(1)</script></html>", content_type="image/jpeg")
        if mode == "garbage":
            return web.Response(body=b"\xff\xd8\xff" + bytes(range(256)) * 20, content_type="image/jpeg")
        if mode == "bomb":
            return web.Response(body=_BOMB, content_type="application/soap+xml")
        if mode in {"huge", "endless"}:
            return await self._long(request, endless=mode == "endless")
        return await handler(request)

    async def _long(self, request: web.Request, *, endless: bool) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "image/jpeg"})
        await response.prepare(request)
        sent = 0
        while endless or sent < _HUGE_BYTES:
            await response.write(b"\xff\xd8\xff" if sent == 0 else bytes(10 if endless else 65536))
            sent += 65536
            await asyncio.sleep(0.1 if endless else 0)
        return response

    def _signed_in(self, request: web.Request) -> bool:
        recorder, given = self._recorder, request.headers.get("Authorization", "")
        if request.path.startswith("/basic/"):
            wanted = base64.b64encode(f"{recorder.user}:{recorder.password}".encode()).decode()
            return given == f"Basic {wanted}"
        said = dict(re.findall(r'(\w+)="?([^",]+)"?', given.partition(" ")[2]))
        if not given.startswith("Digest ") or said.get("username") != recorder.user:
            return False
        secret = _md5(f"{recorder.user}:qixun:{recorder.password}")
        path = _md5(f"{request.method}:{said.get('uri', '')}")
        middle = (said.get("nonce", ""), said.get("nc", ""), said.get("cnonce", ""), said.get("qop", ""))
        return said.get("response") == _md5(":".join((secret, *middle, path))) and said.get("uri") == request.path_qs

    def _refuse(self, request: web.Request) -> web.Response:
        scheme = "Basic" if request.path.startswith("/basic/") else 'Digest qop="auth", nonce="a1b2c3", algorithm=MD5,'
        return web.Response(status=401, headers={"WWW-Authenticate": f'{scheme} realm="qixun"'})

    async def _elsewhere(self, _: web.Request) -> web.Response:
        self._recorder.counts["elsewhere"] += 1
        return web.Response(body=self._recorder.picture(1), content_type="image/jpeg")

    async def _snapshot(self, request: web.Request) -> web.StreamResponse:
        number = int(request.match_info["channel"])
        if number not in self._recorder.channels:
            raise web.HTTPNotFound
        if not self._signed_in(request):
            return self._refuse(request)
        return web.Response(body=self._recorder.picture(number), content_type="image/jpeg")

    async def _mjpeg(self, request: web.Request) -> web.StreamResponse:
        number = int(request.match_info["channel"])
        if not self._signed_in(request):
            return self._refuse(request)
        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"})
        await response.prepare(request)
        while True:
            picture = self._recorder.picture(number)
            length = b"" if "bare" in request.query else b"Content-Length: %d\r\n" % len(picture)
            await response.write(b"--frame\r\nContent-Type: image/jpeg\r\n" + length + b"\r\n" + picture + b"\r\n")
            await asyncio.sleep(_MOVES_S)

    async def _device(self, request: web.Request) -> web.Response:
        body = await request.text()
        self._recorder.counts["soap"] += 1
        if "GetSystemDateAndTime" in body:
            return _soap(_clock(self._recorder.now()))
        if not self._knows(body):
            return _not_authorised()
        # What a recorder behind a router says: an address of its own, which nobody outside reaches.
        return _soap(
            "<tds:GetServicesResponse><tds:Service><tds:Namespace>http://www.onvif.org/ver10/search/wsdl</tds:Namespace>"
            "<tds:XAddr>http://10.255.255.1/onvif/search_service</tds:XAddr></tds:Service></tds:GetServicesResponse>"
        )

    async def _search(self, request: web.Request) -> web.Response:
        body, recorder = await request.text(), self._recorder
        recorder.counts["soap"] += 1
        if not self._knows(body):
            return _not_authorised()
        if "GetRecordingSummary" in body:
            first = recorder.channels[1]
            return _soap(
                f"<tse:GetRecordingSummaryResponse><tse:Summary><tt:DataFrom>{_stamp(first.earliest)}</tt:DataFrom>"
                f"<tt:DataUntil>{_stamp(recorder.now())}</tt:DataUntil><tt:NumberRecordings>1</tt:NumberRecordings>"
                "</tse:Summary></tse:GetRecordingSummaryResponse>"
            )
        if not recorder.searches:
            return _soap(_fault("ter:ActionNotSupported"))
        if "FindRecordings" in body:
            return self._begin("FindRecordings", [self._recording(each) for each in recorder.channels.values()])
        if "FindEvents" in body:
            token = _between(body, "IncludedRecordings")
            return self._begin("FindEvents", self._events(recorder.channels[int(token.removeprefix("REC-"))]))
        kind = "GetEventSearchResults" if "GetEventSearchResults" in body else "GetRecordingSearchResults"
        token = _between(body, "SearchToken")
        # In pieces, as recorders answer.
        pieces = recorder.pieces[token]
        piece, recorder.pieces[token] = pieces[:2], pieces[2:]
        state = "Completed" if not recorder.pieces[token] else "Searching"
        return _soap(
            f"<tse:{kind}Response><tse:ResultList><tt:SearchState>{state}</tt:SearchState>{''.join(piece)}"
            f"</tse:ResultList></tse:{kind}Response>"
        )

    def _begin(self, kind: str, results: list[str]) -> web.Response:
        token = f"S{len(self._recorder.pieces)}"
        self._recorder.pieces[token] = results
        return _soap(f"<tse:{kind}Response><tse:SearchToken>{token}</tse:SearchToken></tse:{kind}Response>")

    def _recording(self, channel: Channel) -> str:
        token, latest = f"REC-{channel.number}", channel.stopped_at or self._recorder.now()
        return (
            f"<tt:RecordingInformation><tt:RecordingToken>{token}</tt:RecordingToken><tt:Source>"
            f"<tt:SourceId>{channel.number}</tt:SourceId><tt:Name>{self._recorder.name(channel.number)}</tt:Name>"
            f"</tt:Source><tt:EarliestRecording>{_stamp(channel.earliest)}</tt:EarliestRecording><tt:LatestRecording>"
            f"{_stamp(latest)}</tt:LatestRecording><tt:Content>video</tt:Content><tt:Track><tt:TrackToken>V{channel.number}"
            f"</tt:TrackToken><tt:TrackType>Video</tt:TrackType><tt:DataFrom>{_stamp(channel.earliest)}</tt:DataFrom>"
            f"<tt:DataTo>{_stamp(latest)}</tt:DataTo></tt:Track><tt:Track><tt:TrackToken>A{channel.number}</tt:TrackToken>"
            "<tt:TrackType>Audio</tt:TrackType><tt:DataFrom>2001-01-01T00:00:00Z</tt:DataFrom>"
            f"<tt:DataTo>{_stamp(latest)}</tt:DataTo></tt:Track><tt:RecordingStatus>Recording</tt:RecordingStatus>"
            "</tt:RecordingInformation>"
        )

    def _events(self, channel: Channel) -> list[str]:
        told = [_event(channel, channel.earliest, present=True)]
        for since, until in channel.gaps:
            told += [_event(channel, since, present=False), _event(channel, until, present=True)]
        if channel.stopped_at:
            told.append(_event(channel, channel.stopped_at, present=False))
        # Nobody watches the sound: its interruptions are not the picture's.
        quiet = _event(channel, self._recorder.now() - timedelta(days=1), present=False)
        return [*told, quiet.replace(f"<tt:TrackToken>V{channel.number}", f"<tt:TrackToken>A{channel.number}")]

    def _knows(self, body: str) -> bool:
        """WS-UsernameToken: the digest, and a time near the recorder's own."""
        if _between(body, "Username") != self._recorder.user:
            return False
        nonce, created = base64.b64decode(_between(body, "Nonce")), _between(body, "Created")
        digest = hashlib.sha1(  # noqa: S324 - the profile's
            nonce + created.encode() + self._recorder.password.encode()
        ).digest()
        off = abs((datetime.fromisoformat(created) - self._recorder.now()).total_seconds())
        return base64.b64encode(digest).decode() == _between(body, "Password") and off < _CLOCK_TOLERANCE_S


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - HTTP Digest's


def _between(body: str, name: str) -> str:
    found = re.search(rf"<(?:\w+:)?{name}(?: [^>]*)?>([^<]*)</", body)
    return found[1] if found else ""


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _clock(now: datetime) -> str:
    return (
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:UTCDateTime>"
        f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second>"
        f"</tt:Time><tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day>"
        "</tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )


def _event(channel: Channel, at: datetime, *, present: bool) -> str:
    return (
        f"<tt:Result><tt:RecordingToken>REC-{channel.number}</tt:RecordingToken><tt:TrackToken>V{channel.number}"
        f"</tt:TrackToken><tt:Time>{_stamp(at)}</tt:Time><tt:Event><wsnt:Topic>tns1:RecordingHistory/Track/State"
        '</wsnt:Topic><wsnt:Message><tt:Message><tt:Data><tt:SimpleItem Name="IsDataPresent" '
        f'Value="{str(present).lower()}"/></tt:Data></tt:Message></wsnt:Message></tt:Event>'
        "<tt:StartStateEvent>false</tt:StartStateEvent></tt:Result>"
    )


def _fault(code: str) -> str:
    return (
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>"
        f"{code}</s:Value></s:Subcode></s:Code><s:Reason><s:Text>no</s:Text></s:Reason></s:Fault>"
    )


def _not_authorised() -> web.Response:
    return _soap(_fault("ter:NotAuthorized"), status=400)


def _soap(body: str, status: int = 200) -> web.Response:
    text = (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:tse="http://www.onvif.org/ver10/search/wsdl" '
        'xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" '
        f'xmlns:ter="http://www.onvif.org/ver10/error"><s:Body>{body}</s:Body></s:Envelope>'
    )
    return web.Response(text=text, status=status, content_type="application/soap+xml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--channels", type=int, default=2)
    parser.add_argument("--names", default="", help="the channels' names in the recorder, with commas between")
    parser.add_argument(
        "--kept", default="100", help="days that each channel keeps, with commas; the last for the rest"
    )
    parser.add_argument("--user", default="qixun")
    parser.add_argument("--password", default="camera-2026")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)


def _commands(recorder: Recorder) -> dict[str, Command]:
    def channel(words: list[str]) -> Channel:
        return recorder.channels[int(words[0])]

    def kept(words: list[str]) -> str:
        """CHANNEL DAYS"""
        channel(words).earliest = recorder.now() - timedelta(days=float(words[1]))
        return ""

    def gap(words: list[str]) -> str:
        """CHANNEL HOURS-AGO MINUTES"""
        since = recorder.now() - timedelta(hours=float(words[1]))
        channel(words).gaps.append((since, since + timedelta(minutes=float(words[2]))))
        return ""

    def whole(words: list[str]) -> str:
        channel(words).gaps, channel(words).stopped_at = [], None
        return ""

    def stop(words: list[str]) -> str:
        """CHANNEL HOURS-AGO"""
        channel(words).stopped_at = recorder.now() - timedelta(hours=float(words[1]))
        return ""

    def setting(name: str, words: list[str]) -> str:
        setattr(recorder, name, words[0] if name in {"password", "elsewhere"} else words[0] == "on")
        return ""

    def clock(words: list[str]) -> str:
        recorder.ahead = timedelta(seconds=float(words[0]))
        return ""

    def switch(mode: str, _words: list[str]) -> str:
        recorder.mode = mode
        return ""

    return {
        "kept": kept,
        "gap": gap,
        "whole": whole,
        "stop": stop,
        "clock": clock,
        "password": partial(setting, "password"),
        "elsewhere": partial(setting, "elsewhere"),
        "searches": partial(setting, "searches"),
        "counts": lambda _: msgspec.json.encode(recorder.counts).decode(),
        **{mode: partial(switch, mode) for mode in MODES},
        "resume": partial(switch, "on"),
    }


async def run(options: argparse.Namespace) -> None:
    recorder = Recorder(options)
    runner = web.AppRunner(Service(recorder).app(), access_log=None, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", options.port)
    await site.start()
    port = runner.addresses[0][1]
    address = f"http://127.0.0.1:{port}"
    control = Control(_commands(recorder))
    try:
        await control.run({"address": address}, control_port=options.control)
    finally:
        await runner.cleanup()
