"""NFC tags on cylinders and check points, read and written with nfcpy.

What a tag holds: one NDEF external record `qixun:code` with the code in UTF-8; if the company has a public page for
it, a URI record that any phone opens; and two entries about the cylinder (`tag_slots`, `tag_content`). nfcpy blocks,
so each call runs in a thread of its own that gives up by itself shortly after the deadline; callers never wait longer.
NDEF record types: NFC Forum RTD, external type "urn:nfc:ext:<domain>:<type>".
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import msgspec
import ndef
import nfc
import nfc.clf
import nfc.tag

from device_bridge import tag_errors
from device_bridge.errors import (
    DeviceError,
    TagRefused,
)
from device_bridge.models import Tag, WrittenTag
from device_bridge.nfc_memory import fitting_message, memory_of
from device_bridge.tag_content import TagContent, fit
from device_bridge.tag_reader import DEFAULT_TIMEOUT_S
from device_bridge.tag_slots import TagKey, read_slots, write_slot

CODE_RECORD = "urn:nfc:ext:qixun:code"
LONGEST_CODE_BYTES = 64
DRIVERS = ("usb", "tty", "com", "udp")
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
                raise tag_errors.wrong_tag()
            if before.foreign and not replace_foreign:
                raise tag_errors.foreign_tag()
            _write_records(tag, records)
            # Silence is the only sign of a tag that was pulled away after its last page.
            after = _describe(tag) if tag.ndef is not None and not tag.ndef.has_changed else None
            if after is None or after.text != code:
                raise tag_errors.torn()
            return after

        return await self._with_tag(write_and_check, timeout_s)

    async def write_entry(
        self,
        content: TagContent,
        *,
        uid: str,
        keys: Sequence[TagKey],
        page_url: str | None = None,
        replace_foreign: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> WrittenTag:
        records = code_records(content.code, page_url)

        def add(tag: Any) -> WrittenTag:
            return _add_entry(tag, content, records, uid.upper(), tuple(keys), replace_foreign=replace_foreign)

        return await self._with_tag(add, timeout_s)

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
            raise tag_errors.absent()
        return thread.result()

    def _session(self, work: Callable[[Any], Outcome], attempt: "_Attempt") -> Outcome:
        if not self._radio.acquire(timeout=max(attempt.deadline - time.monotonic(), 0)):
            raise tag_errors.absent()
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
                        raise tag_errors.lost()
        except OSError as error:
            raise tag_errors.missing() from error
        if not outcomes:
            raise tag_errors.absent()
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
        return _caused_by(tag_errors.torn(), error)


def _describe(tag: Any) -> Tag:
    uid, kind = bytes(tag.identifier).hex().upper(), str(getattr(tag, "product", tag.type))
    if not any(tag.ndef is not None for _ in range(_LOOKS)):
        if not tag.is_present:
            raise tag_errors.torn()
        return Tag(uid=uid, kind=kind, text="", empty=False, foreign=True)
    octets = bytes(tag.ndef.octets)
    try:
        records = list(ndef.message_decoder(octets, errors="strict")) if octets else []
        codes = [record.data.decode() for record in records if record.type == CODE_RECORD]
    except (ndef.DecodeError, UnicodeDecodeError) as error:
        raise tag_errors.garbled() from error
    pages = [record.uri for record in records if isinstance(record, ndef.UriRecord)]
    memory = memory_of(tag)
    slots = read_slots(memory) if memory else ()
    ours = bool(codes) or any(slots)
    # An empty NDEF message is one empty record: what many shops sell.
    empty = not ours and all(record.type == "" for record in records)
    return Tag(
        uid=uid,
        kind=kind,
        text=codes[0] if codes else "",
        empty=empty,
        foreign=not empty and not ours,
        page_url=pages[0] if pages else "",
        slots=slots if any(slots) else (),
    )


def _write_records(tag: Any, records: list[ndef.Record]) -> None:
    _require_writeable(tag)
    octets = fitting_message(tag, records, None)
    if len(octets) < len(b"".join(ndef.message_encoder(records))):
        raise tag_errors.too_small()
    tag.ndef.octets = octets


def _require_writeable(tag: Any) -> None:
    if tag.ndef is None or not tag.ndef.is_writeable:
        raise tag_errors.locked()


def _add_entry(
    tag: Any,
    content: TagContent,
    records: list[ndef.Record],
    uid: str,
    keys: tuple[TagKey, ...],
    *,
    replace_foreign: bool,
) -> WrittenTag:
    before = _describe(tag)
    if before.uid != uid:
        raise tag_errors.wrong_tag()
    if not replace_foreign and (before.foreign or is_other_s(before, keys)):
        raise tag_errors.foreign_tag()
    _require_writeable(tag)
    memory = memory_of(tag)
    octets = fitting_message(tag, records, memory)
    if bytes(tag.ndef.octets) != octets:
        tag.ndef.octets = octets
        # Silence is the only sign of a tag that was pulled away after its last page.
        if tag.ndef is None or tag.ndef.has_changed or bytes(tag.ndef.octets) != octets:
            raise tag_errors.torn()
        memory = memory_of(tag)
    if memory is None:
        raise tag_errors.too_small()
    raw_uid = bytes.fromhex(uid)
    left_out: list[tuple[str, ...]] = [()]

    def make(sequence: int, room: int) -> bytes:
        fitted = fit(content, room, raw_uid, sequence, keys[0])
        left_out[0] = fitted.left_out
        return fitted.packed

    slot, previous = write_slot(memory, raw_uid, make, keys)
    after = msgspec.structs.replace(
        before, text=content.code, empty=False, foreign=False, slots=(slot, previous) if previous else (slot,)
    )
    return WrittenTag(after, slot.sequence, left_out[0])


def is_other_s(tag: Tag, keys: Sequence[TagKey]) -> bool:
    """Whether another company's entries lie on it: under keys of which we have none, and none of ours beside."""
    slots = [slot for slot in tag.slots if slot is not None]
    mine = {key.id for key in keys}
    return bool(slots) and not any(slot.key_id in mine for slot in slots)


def _caused_by(error: DeviceError, cause: BaseException) -> DeviceError:
    error.__cause__ = cause
    return error
