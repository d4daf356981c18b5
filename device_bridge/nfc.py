"""NFC tags on cylinders and check points, read and written with nfcpy.

What a tag holds: one NDEF external record `qixun:code` with the code in UTF-8, and, if the company has a public
page for it, a URI record that any phone opens. nfcpy blocks, so each call runs in a thread of its own that gives up
by itself shortly after the deadline; callers never wait longer.
NDEF record types: NFC Forum RTD, external type "urn:nfc:ext:<domain>:<type>".
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeVar

import ndef
import nfc
import nfc.clf
import nfc.tag

from device_bridge.errors import (
    AddressInvalid,
    DeviceError,
    DeviceGarbled,
    DeviceLost,
    DeviceMissing,
    TagAbsent,
    TagRefused,
    TagTorn,
)
from device_bridge.models import Tag

CODE_RECORD = "urn:nfc:ext:qixun:code"
LONGEST_CODE_BYTES = 64
ADDRESS_EXAMPLES = "usb, usb:072f:2200, tty:USB0:pn532, udp:127.0.0.1:54321"
DRIVERS = ("usb", "tty", "com", "udp")
DEFAULT_TIMEOUT_S = 10.0
# ISO 14443 type A: what cylinder and check-point tags are (NTAG, DESFire). Each further technology to look for
# delays every look.
TECHNOLOGIES = ("106A",)
# nfcpy finishes the exchange it is in: a tag that left costs it up to three retries of a page.
GRACE_S = 2.0
# Between two looks for a tag; a hand needs a second, so five looks are quick enough and leave the battery alone.
POLL_INTERVAL_S = 0.1

Outcome = TypeVar("Outcome")

# A reply that the radio lost looks to nfcpy like a tag without NDEF: only one that stays so is somebody else's.
_LOOKS = 3


class TagReader(Protocol):
    async def read(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> Tag:
        """The tag that is held near. Raises TagAbsent, TagTorn, DeviceMissing, DeviceGarbled."""
        ...

    async def write(
        self,
        code: str,
        *,
        uid: str | None = None,
        page_url: str | None = None,
        replace_foreign: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Tag:
        """Writes `code`, reads it back and answers what the tag holds now.

        With `uid` only that tag is written; a tag of somebody else only with `replace_foreign`. Raises what `read`
        raises, and TagRefused. After TagTorn the tag may be empty: hold it near again and write again.
        """
        ...


def open_tag_reader(address: str) -> TagReader:
    """The reader that `address` names in nfcpy's words; opened at each call. Raises AddressInvalid."""
    driver, _, rest = address.partition(":")
    if driver not in DRIVERS or (driver != "usb" and not rest):
        raise AddressInvalid(address, ADDRESS_EXAMPLES)
    return NfcpyReader(address)


def code_records(code: str, page_url: str | None = None) -> list[ndef.Record]:
    """What a tag with `code` holds. Raises TagRefused when the code is empty or too long."""
    data = code.encode()
    if not 0 < len(data) <= LONGEST_CODE_BYTES:
        raise TagRefused(
            "编号为空或过长",
            f"the code is empty or longer than {LONGEST_CODE_BYTES} bytes",
            "请核对编号",
            "check the code",
        )
    records: list[ndef.Record] = [ndef.Record(CODE_RECORD, "", data)]
    if page_url:
        records.append(ndef.UriRecord(page_url))
    return records


class NfcpyReader:
    def __init__(self, address: str) -> None:
        self._address = address
        # One radio: a second call waits for the thread of the first, which may outlive its caller a little.
        self._radio = threading.Lock()

    async def read(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> Tag:
        return await self._with_tag(_describe, timeout_s)

    async def write(
        self,
        code: str,
        *,
        uid: str | None = None,
        page_url: str | None = None,
        replace_foreign: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Tag:
        records = code_records(code, page_url)

        def write_and_check(tag: Any) -> Tag:
            before = _describe(tag)
            if uid is not None and before.uid != uid.upper():
                raise _wrong_tag()
            if before.foreign and not replace_foreign:
                raise _foreign_tag()
            _write_records(tag, records)
            # Silence is the only sign of a tag that was pulled away after its last page.
            after = _describe(tag) if tag.ndef is not None and not tag.ndef.has_changed else None
            if after is None or after.text != code:
                raise _torn()
            return after

        return await self._with_tag(write_and_check, timeout_s)

    async def _with_tag(self, work: Callable[[Any], Outcome], timeout_s: float) -> Outcome:
        attempt = _Attempt(time.monotonic() + timeout_s)
        thread = asyncio.ensure_future(asyncio.to_thread(self._session, work, attempt))
        # A thread that ends after its caller has gone must not report "exception was never retrieved".
        thread.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            done, _ = await asyncio.wait({thread}, timeout=timeout_s)
            if not done and not attempt.give_up():
                # A tag is being read or written: its outcome matters more than a second.
                done, _ = await asyncio.wait({thread}, timeout=GRACE_S)
        finally:
            attempt.give_up()
        if not done:
            raise _absent()
        return thread.result()

    def _session(self, work: Callable[[Any], Outcome], attempt: "_Attempt") -> Outcome:
        if not self._radio.acquire(timeout=max(attempt.deadline - time.monotonic(), 0)):
            raise _absent()
        try:
            return self._session_alone(work, attempt)
        finally:
            self._radio.release()

    def _session_alone(self, work: Callable[[Any], Outcome], attempt: "_Attempt") -> Outcome:
        outcomes: list[Outcome | DeviceError] = []

        def on_connect(tag: Any) -> bool:
            if attempt.begin_work():
                outcomes.append(_outcome_of(work, tag))
            return False

        def is_over() -> bool:
            return bool(outcomes) or attempt.is_over()

        looks = {
            "targets": TECHNOLOGIES,
            "iterations": 1,
            "interval": POLL_INTERVAL_S,
            "on-connect": on_connect,
        }
        try:
            with nfc.ContactlessFrontend(self._address) as frontend:
                while not is_over():
                    if frontend.connect(rdwr=looks, terminate=is_over) is False:
                        raise _lost()
        except OSError as error:
            raise _missing() from error
        if not outcomes:
            raise _absent()
        if isinstance(outcomes[0], DeviceError):
            raise outcomes[0]
        return outcomes[0]


class _Attempt:
    """Whose turn it is: a tag found after the caller was told "no tag" must not be written any more."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._lock = threading.Lock()
        self._state: Literal["looking", "working", "over"] = "looking"

    def begin_work(self) -> bool:
        with self._lock:
            if self._state == "looking":
                self._state = "working"
            return self._state == "working"

    def give_up(self) -> bool:
        """False when it is too late to give up: a tag is being worked on."""
        with self._lock:
            if self._state == "looking":
                self._state = "over"
            return self._state == "over"

    def is_over(self) -> bool:
        with self._lock:
            return self._state == "over" or (self._state == "looking" and time.monotonic() > self.deadline)


def _outcome_of(work: Callable[[Any], Outcome], tag: Any) -> Outcome | DeviceError:
    # Errors are carried out by hand: nfcpy takes some exceptions of a callback for a lost reader.
    try:
        return work(tag)
    except DeviceError as error:
        return error
    except (nfc.tag.TagCommandError, nfc.clf.CommunicationError) as error:
        return _caused_by(_torn(), error)


def _describe(tag: Any) -> Tag:
    uid, kind = bytes(tag.identifier).hex().upper(), str(getattr(tag, "product", tag.type))
    if not any(tag.ndef is not None for _ in range(_LOOKS)):
        if not tag.is_present:
            raise _torn()
        return Tag(uid=uid, kind=kind, text="", empty=False, foreign=True)
    octets = bytes(tag.ndef.octets)
    try:
        records = list(ndef.message_decoder(octets, errors="strict")) if octets else []
        codes = [record.data.decode() for record in records if record.type == CODE_RECORD]
    except (ndef.DecodeError, UnicodeDecodeError) as error:
        raise _garbled() from error
    # An empty NDEF message is one empty record: what many shops sell.
    empty = all(record.type == "" for record in records)
    return Tag(uid=uid, kind=kind, text=codes[0] if codes else "", empty=empty, foreign=not empty and not codes)


def _write_records(tag: Any, records: list[ndef.Record]) -> None:
    if tag.ndef is None or not tag.ndef.is_writeable:
        raise TagRefused(
            "标签已锁定，不能写入",
            "the tag is locked",
            "请换一张标签，或只使用二维码",
            "use another tag, or the QR code alone",
        )
    octets = b"".join(ndef.message_encoder(records))
    if len(octets) > tag.ndef.capacity:
        raise TagRefused("标签容量不足", "the tag is too small", "请使用容量更大的标签", "use a tag with more memory")
    tag.ndef.octets = octets


def _caused_by(error: DeviceError, cause: BaseException) -> DeviceError:
    error.__cause__ = cause
    return error


def _absent() -> TagAbsent:
    return TagAbsent(
        "没有读到标签",
        "no tag was read",
        "请把标签贴近读卡区；读不到时请扫二维码或手工输入钢印号",
        "hold the tag to the reader; if it still fails scan the QR code or type the stamped number",
    )


def _torn() -> TagTorn:
    return TagTorn(
        "标签离开过早",
        "the tag was taken away too early",
        "请再次贴近并保持不动，直到提示完成",
        "hold it near again and keep still until it is done",
    )


def _garbled() -> DeviceGarbled:
    return DeviceGarbled(
        "标签内容损坏",
        "the tag's content is damaged",
        "请扫二维码或手工输入钢印号，并上报标签损坏",
        "scan the QR code or type the stamped number, and report the damaged tag",
    )


def _missing() -> DeviceMissing:
    return DeviceMissing(
        "没有找到读卡器",
        "the tag reader was not found",
        "请检查读卡器连接；可先扫二维码或手工输入编号",
        "check its cable; meanwhile scan the QR code or type the number",
    )


def _lost() -> DeviceLost:
    return DeviceLost(
        "读卡器断开",
        "the tag reader is gone",
        "请检查读卡器连接；记录继续，可先扫二维码",
        "check its cable; the record goes on, scan the QR code meanwhile",
    )


def _wrong_tag() -> TagRefused:
    return TagRefused(
        "不是要写的那张标签",
        "this is another tag than the one to be written",
        "请贴近正确的标签",
        "hold the right tag near",
    )


def _foreign_tag() -> TagRefused:
    return TagRefused(
        "标签里有其他单位的内容",
        "the tag holds somebody else's content",
        "请确认后选择覆盖，或换一张标签",
        "confirm that it may be replaced, or use another tag",
    )
