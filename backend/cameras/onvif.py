"""How far back a recorder's recordings go: the few calls of ONVIF that tell it.

Device Management (GetSystemDateAndTime, GetServices) and Recording Search (FindRecordings, FindEvents,
GetRecordingSummary): https://www.onvif.org/specs/srv/rsrch/ONVIF-RecordingSearch-Service-Spec.pdf. Signing in is
WS-UsernameToken with a digest (OASIS Username Token Profile 1.1), by the recorder's clock: it refuses any other time.
"""

import base64
import hashlib
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from yarl import URL

from backend.cameras.reach import Credentials, Failed
from backend.cameras.rules import Change, Recording, choose

# (address, SOAP envelope) -> answer's body; raises `Failed`.
Post = Callable[[str, bytes], Awaitable[bytes]]

CONTENT_TYPE = "application/soap+xml; charset=utf-8"
_SEARCH = "http://www.onvif.org/ver10/search/wsdl"
# A search answers in pieces; a recorder that never says Completed is left after so many.
_MOST_PIECES = 20
_MOST_RECORDINGS = 256
_MOST_CHANGES = 20_000
_NAMESPACES = (
    'xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tds="http://www.onvif.org/ver10/device/wsdl" '
    f'xmlns:tse="{_SEARCH}" xmlns:tt="http://www.onvif.org/ver10/schema" '
    'xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:tns1="http://www.onvif.org/ver10/topics"'
)
_PROLOGUE = '<?xml version="1.0" encoding="utf-8"?>'
_SECURITY = (
    '<s:Header><wsse:Security s:mustUnderstand="true" '
    'xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" '
    'xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"><wsse:UsernameToken>'
    "<wsse:Username>{user}</wsse:Username><wsse:Password "
    'Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest">{digest}'
    "</wsse:Password><wsse:Nonce "
    'EncodingType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary">'
    "{nonce}</wsse:Nonce><wsu:Created>{created}</wsu:Created></wsse:UsernameToken></wsse:Security></s:Header>"
)


class Told(msgspec.Struct, frozen=True):
    """`now` is the recorder's own clock. `chosen` is None where it is not clear which recording is meant, `changes`
    where the recorder does not tell when it recorded.
    """

    now: datetime
    recordings: tuple[Recording, ...]
    chosen: Recording | None
    changes: tuple[Change, ...] | None


class _Fault(Exception):  # noqa: N818 - what the recorder answered
    """It understood, and will not."""


async def ask_recorder(
    post: Post, address: str, credentials: Credentials | None, *, token: str, back: timedelta
) -> Told:
    """What it has recorded, and of the recording `token` the interruptions of the time since. Raises `Failed`."""
    asking = _Asking(post, address, credentials)
    try:
        await asking.read_clock()
        await asking.find_search()
        recordings = await asking.recordings()
        chosen = choose(recordings, token)
        changes = None if chosen is None or not chosen.token else await asking.changes(chosen, back)
    except _Fault as error:
        raise Failed("garbled") from error
    return Told(asking.now(), tuple(recordings), chosen, None if changes is None else tuple(changes))


class _Asking:
    def __init__(self, post: Post, address: str, credentials: Credentials | None) -> None:
        self._post, self._address, self._credentials = post, address, credentials
        self._search = address
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    async def read_clock(self) -> None:
        """Asked without signing in, as the specification has it."""
        answer = await self._call(self._address, "<tds:GetSystemDateAndTime/>", signed=False)
        utc = answer.find(".//{*}UTCDateTime")
        if utc is None:
            return
        try:
            year, month, day, hour, minute, second = (int(_text(utc, f"{{*}}{path}")) for path in _CLOCK)
            self._ahead = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - datetime.now(UTC)
        except (ValueError, OverflowError) as error:
            raise Failed("garbled") from error

    async def find_search(self) -> None:
        """Its path alone is taken: the host and port stay those that were registered, whatever the recorder says."""
        services = "<tds:GetServices><tds:IncludeCapability>false</tds:IncludeCapability></tds:GetServices>"
        answer = await self._call(self._address, services)
        for service in answer.iterfind(".//{*}Service"):
            if _text(service, "{*}Namespace") == _SEARCH:
                try:
                    path = URL(_text(service, "{*}XAddr")).path_qs
                except ValueError as error:
                    raise Failed("garbled") from error
                self._search = str(URL(self._address).origin().join(URL(path, encoded=True)))
                return

    async def recordings(self) -> list[Recording]:
        try:
            found = await self._search_for(
                "FindRecordings", "<tse:Scope/>", "GetRecordingSearchResults", "RecordingInformation", _MOST_RECORDINGS
            )
        except _Fault:
            return [await self._summary()]
        return [_recording(each) for each in found]

    async def _summary(self) -> Recording:
        """Of a recorder without a search: it then has one recording, without a name."""
        answer = await self._call(self._search, "<tse:GetRecordingSummary/>")
        summary = answer.find(".//{*}Summary")
        if summary is None:
            raise Failed("garbled")
        return Recording("", "", _time(_text(summary, "{*}DataFrom")), _time(_text(summary, "{*}DataUntil")))

    async def changes(self, recording: Recording, back: timedelta) -> list[Change] | None:
        now = self.now()
        since = max(now - back, recording.earliest or now - back)
        what = (
            f"<tse:StartPoint>{_stamp(since)}</tse:StartPoint><tse:EndPoint>{_stamp(now)}</tse:EndPoint>"
            f"<tse:Scope><tt:IncludedRecordings>{escape(recording.token)}</tt:IncludedRecordings></tse:Scope>"
            '<tse:SearchFilter><wsnt:TopicExpression Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">'
            "tns1:RecordingHistory/Track/State</wsnt:TopicExpression></tse:SearchFilter>"
            "<tse:IncludeStartState>true</tse:IncludeStartState>"
        )
        try:
            found = await self._search_for("FindEvents", what, "GetEventSearchResults", "Result", _MOST_CHANGES)
        except _Fault:
            return None
        changes = []
        for event in found:
            track, present = _text(event, "{*}TrackToken"), _item(event, "IsDataPresent")
            mine = _text(event, "{*}RecordingToken") in {"", recording.token}
            if (
                not mine
                or present is None
                or (track and recording.video_tracks and track not in recording.video_tracks)
            ):
                continue
            if (at := _time(_text(event, "{*}Time"))) is not None:
                changes.append(Change(at, present in {"true", "1"}))
        return changes

    async def _search_for(self, begin: str, what: str, results: str, item: str, most: int) -> list[Element]:
        keep = "<tse:KeepAliveTime>PT60S</tse:KeepAliveTime>"
        answer = await self._call(self._search, f"<tse:{begin}>{what}{keep}</tse:{begin}>")
        token = escape(_text(answer, ".//{*}SearchToken"))
        found: list[Element] = []
        for _ in range(_MOST_PIECES):
            wait = f"<tse:SearchToken>{token}</tse:SearchToken><tse:WaitTime>PT5S</tse:WaitTime>"
            piece = await self._call(self._search, f"<tse:{results}>{wait}</tse:{results}>")
            found += piece.findall(f".//{{*}}ResultList/{{*}}{item}")
            if len(found) > most:
                raise Failed("too_large")
            if _text(piece, ".//{*}SearchState") == "Completed":
                return found
        raise Failed("garbled")

    async def _call(self, address: str, body: str, *, signed: bool = True) -> Element:
        head = _signature(self._credentials, self.now()) if signed and self._credentials else ""
        text = f"{_PROLOGUE}<s:Envelope {_NAMESPACES}>{head}<s:Body>{body}</s:Body></s:Envelope>"
        try:
            answer: Element = fromstring(await self._post(address, text.encode()), forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError) as error:
            raise Failed("garbled") from error
        fault = answer.find(".//{*}Fault")
        if fault is not None:
            # The subcode tells; `NotAuthorized` is the specification's, the other is WS-Security's own.
            codes = " ".join(value.text or "" for value in fault.iterfind(".//{*}Value"))
            if "NotAuthorized" in codes or "FailedAuthentication" in codes:
                raise Failed("refused")
            raise _Fault(codes[:200])
        if answer.find("{*}Body") is None:
            raise Failed("garbled")
        return answer


_CLOCK = ("Date/{*}Year", "Date/{*}Month", "Date/{*}Day", "Time/{*}Hour", "Time/{*}Minute", "Time/{*}Second")


def _signature(credentials: Credentials, now: datetime) -> str:
    nonce, created = os.urandom(16), _stamp(now)
    # SHA-1 is what the profile prescribes.
    digest = hashlib.sha1(nonce + created.encode() + credentials.password.encode(), usedforsecurity=False).digest()
    return _SECURITY.format(
        user=escape(credentials.username),
        digest=base64.b64encode(digest).decode(),
        nonce=base64.b64encode(nonce).decode(),
        created=created,
    )


def _recording(found: Element) -> Recording:
    """From when until when its video tracks have data; where no track is told, the recording's own times."""
    tracks = [each for each in found.iterfind("{*}Track") if _text(each, "{*}TrackType") in {"Video", "Extended", ""}]
    starts = [at for each in tracks if (at := _time(_text(each, "{*}DataFrom")))]
    ends = [at for each in tracks if (at := _time(_text(each, "{*}DataTo")))]
    return Recording(
        token=_text(found, "{*}RecordingToken"),
        name=_text(found, "{*}Source/{*}Name") or _text(found, "{*}Content"),
        earliest=min(starts) if starts else _time(_text(found, "{*}EarliestRecording")),
        latest=max(ends) if ends else _time(_text(found, "{*}LatestRecording")),
        video_tracks=frozenset(_text(each, "{*}TrackToken") for each in tracks) - {""},
    )


def _item(event: Element, name: str) -> str | None:
    for item in event.iterfind(".//{*}SimpleItem"):
        if item.get("Name") == name:
            return (item.get("Value") or "").lower()
    return None


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(text: str) -> datetime | None:
    """A time without a zone is UTC, as ONVIF has it. Raises `Failed` for what is no time."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Failed("garbled") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
