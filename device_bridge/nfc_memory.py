"""Where on an NFC tag our two entries lie, and how nfcpy reaches them.

They lie behind the NDEF message, at a place that follows from the tag's size alone, so that any phone still opens the
public page and every reader of ours finds them: 144 bytes (NTAG213) as 64 of NDEF and two slots of 40; 496 (NTAG215)
as 112 and two of 192; 872 (NTAG216) and larger as 112 and two of 256; files of 256 bytes on Type 4 tags as 96 and two
of 80. Smaller tags carry NDEF alone.
NXP NTAG213/215/216 data sheet 8.5; NFC Forum Type 4 Tag specification 5 (capability container, NDEF file).
"""

from collections.abc import Sequence
from typing import Any

import ndef
import nfc.tag
import nfc.tag.tt2
import nfc.tag.tt4

from device_bridge import tag_errors

# Memory of at least so many bytes: NDEF ends before the second, each slot has the third.
_PLACES = ((872, 112, 256), (496, 112, 192), (256, 96, 80), (144, 64, 40))
_PAGE_BYTES = 4
_FIRST_USER_PAGE = 4
_SIZE_IN_CC = 14
# The TLV's type, length and terminator, or a Type 4 file's length field.
_NDEF_FRAME_BYTES = 3
_NDEF_APPLICATION = bytes.fromhex("D2760000850101")
_CC_FILE = b"\xe1\x03"
_TYPE4_BLOCK_BYTES = 16
_SELECT, _READ_BINARY, _UPDATE_BINARY = 0xA4, 0xB0, 0xD6


class _Type2Memory:
    """Pages of four bytes, each written whole or not at all."""

    block_bytes = _PAGE_BYTES

    def __init__(self, tag: Any, start: int, slot_bytes: int) -> None:
        self._tag, self._start, self.slot_bytes = tag, start, slot_bytes

    def read(self, at: int, count: int) -> bytes:
        first = (self._start + at) // _PAGE_BYTES
        last = (self._start + at + count - 1) // _PAGE_BYTES
        raw = b"".join(bytes(self._tag.read(_FIRST_USER_PAGE + page)) for page in range(first, last + 1, 4))
        begin = (self._start + at) % _PAGE_BYTES
        return raw[begin : begin + count]

    def write_block(self, at: int, block: bytes) -> None:
        self._tag.write(_FIRST_USER_PAGE + (self._start + at) // _PAGE_BYTES, block)


class _Type4Memory:
    """The end of the NDEF file, in pieces that one command writes."""

    block_bytes = _TYPE4_BLOCK_BYTES

    def __init__(self, tag: Any, start: int, slot_bytes: int) -> None:
        self._tag, self._start, self.slot_bytes = tag, start, slot_bytes

    def read(self, at: int, count: int) -> bytes:
        return b"".join(
            self._command(_READ_BINARY, self._start + at + done, mrl=min(_TYPE4_BLOCK_BYTES, count - done))
            for done in range(0, count, _TYPE4_BLOCK_BYTES)
        )

    def write_block(self, at: int, block: bytes) -> None:
        self._command(_UPDATE_BINARY, self._start + at, data=block)

    def _command(self, instruction: int, offset: int, **rest: Any) -> bytes:
        return bytes(self._tag.send_apdu(0, instruction, offset >> 8, offset & 0xFF, **rest))


def memory_of(tag: Any) -> _Type2Memory | _Type4Memory | None:
    """The tag's slots; None where it is too small or of another kind. Raises what nfcpy raises."""
    if isinstance(tag, nfc.tag.tt2.Type2Tag):
        size = tag.read(3)[_SIZE_IN_CC - 12] * 8
        place = _place(size)
        return _Type2Memory(tag, *place) if place else None
    if isinstance(tag, nfc.tag.tt4.Type4Tag):
        file_id, size = _ndef_file(tag)
        place = _place(size)
        tag.send_apdu(0, _SELECT, 0x00, 0x0C, file_id)
        return _Type4Memory(tag, *place) if place else None
    return None


def _place(size: int) -> tuple[int, int] | None:
    return next(((start, slot) for least, start, slot in _PLACES if size >= least), None)


def _ndef_file(tag: Any) -> tuple[bytes, int]:
    tag.send_apdu(0, _SELECT, 0x04, 0x00, _NDEF_APPLICATION, mrl=256)
    tag.send_apdu(0, _SELECT, 0x00, 0x0C, _CC_FILE)
    container = bytes(tag.send_apdu(0, _READ_BINARY, 0, 0, mrl=15))
    return container[9:11], int.from_bytes(container[11:13], "big")


def fitting_message(tag: Any, records: Sequence[ndef.Record], memory: Any) -> bytes:
    """The NDEF message that leaves the slots free; a small tag carries the last record, the public page, alone.

    Raises TagRefused where not even that fits.
    """
    most = tag.ndef.capacity
    if memory is not None:
        most = min(most, next(start for _, start, slot in _PLACES if slot == memory.slot_bytes) - _NDEF_FRAME_BYTES)
    for some in (records, records[-1:]):
        octets = b"".join(ndef.message_encoder(some))
        if len(octets) <= most:
            return octets
    raise tag_errors.too_small()
