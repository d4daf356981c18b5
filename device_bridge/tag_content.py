"""What a cylinder's tag says about it (E5.8.6-1, E5.8.6-2), in few bytes, and whether it may be believed.

Layout 1 (the mark of `tag_slots` names it): a 16-bit set of the fields that follow, then those fields in the order of
`_FIELDS`, big-endian. A day is 2 bytes since 1970-01-01, a weight 2 bytes in units of 10 g, a text its length and its
GB18030 bytes (Chinese in two). A later version may only append fields: who does not know them stops before them.
Customer's name and address are sealed: any phone reads a tag (8 bytes synthetic IV, then SM4-CTR).

What does not fit is left out whole, in the order of `_EXPENDABLE`, and said so (`fit`): a tag of 144 bytes (NTAG213)
keeps the days, the weight and the factory number; one of 504 (NTAG215) all of it with names of usual length; UHF user
memory of 64 bytes the days and the weight.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from device_bridge.tag_slots import Slot, TagKey, current, derive, is_genuine

_EPOCH = date(1970, 1, 1)
_LAST_DAY = 0xFFFF
_LAST_WEIGHT_KG = 655.35
_IV_BYTES = 8
_TEXT_MOST = 0xFF
_FIELDS = (
    *("made_on", "next_inspection_on", "filled_on", "gross_kg", "delivered_on"),
    *("factory_number", "code", "manufacturer", "filling_company", "personal"),
)
_DAYS = frozenset({"made_on", "next_inspection_on", "filled_on", "delivered_on"})
_EXPENDABLE = ("address", "customer_name", "code", "filling_company", "manufacturer", "factory_number")
TagField = str

# genuine: the newest entry is proved. retired: proved by a key that a lost phone may know. copied: it was written for
# the UID that the archive names, and lies on another tag. other_company: under a key that is not ours. damaged: under
# our key, and not what was written. unsealed: only a code, as tags had before entries. blank, foreign: as the tag says.
TagState = Literal["genuine", "retired", "copied", "other_company", "damaged", "unsealed", "blank", "foreign"]


class TagContent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Archive (E5.8.6-1) and use (E5.8.6-2) of one cylinder; empty or None where it is not known."""

    code: str = ""
    manufacturer: str = ""
    factory_number: str = ""
    made_on: date | None = None
    next_inspection_on: date | None = None
    filling_company: str = ""
    gross_kg: float | None = None
    filled_on: date | None = None
    customer_name: str = ""
    address: str = ""
    delivered_on: date | None = None


class TagReading(msgspec.Struct, frozen=True):
    """`content` is the newest entry, `previous` the one before it; both None unless they are proved."""

    state: TagState
    content: TagContent | None = None
    previous: TagContent | None = None
    sequence: int = 0


class Fitted(msgspec.Struct, frozen=True):
    packed: bytes
    left_out: tuple[TagField, ...]


def fit(content: TagContent, room: int, uid: bytes, sequence: int, key: TagKey) -> Fitted:
    """`content` in at most `room` bytes, and the fields that had to be left out."""
    left_out: list[str] = []
    for name in (None, *_EXPENDABLE):
        if name is not None and getattr(content, name):
            content = msgspec.structs.replace(content, **{name: ""})
            left_out.append(name)
        packed = pack(content, uid, sequence, key)
        if len(packed) <= room:
            break
    return Fitted(packed, tuple(left_out))  # longer than `room` only where days and weight alone do not fit


def pack(content: TagContent, uid: bytes, sequence: int, key: TagKey) -> bytes:
    present, parts = 0, []
    for bit, name in enumerate(_FIELDS):
        part = _pack_field(content, name, uid, sequence, key)
        if part:
            present |= 1 << bit
            parts.append(part)
    return present.to_bytes(2, "big") + b"".join(parts)


def _pack_field(content: TagContent, name: str, uid: bytes, sequence: int, key: TagKey) -> bytes:
    if name == "personal":
        text = f"{content.customer_name}\0{content.address}" if content.customer_name or content.address else ""
        return _pack_text(_seal(_cut(text, _TEXT_MOST - _IV_BYTES), uid, sequence, key)) if text else b""
    value = getattr(content, name)
    if name in _DAYS:
        days = (value - _EPOCH).days if value is not None else -1
        return days.to_bytes(2, "big") if 0 <= days <= _LAST_DAY else b""
    if name == "gross_kg":
        known = value is not None and 0 <= value <= _LAST_WEIGHT_KG
        return round(value * 100).to_bytes(2, "big") if known else b""
    return _pack_text(_cut(value, _TEXT_MOST)) if value else b""


def _cut(text: str, most: int) -> bytes:
    return text.encode("gb18030", errors="replace")[:most]


def _pack_text(raw: bytes) -> bytes:
    return bytes([len(raw)]) + raw


def unpack(packed: bytes, uid: bytes, sequence: int, key: TagKey) -> TagContent | None:
    """What `pack` made; None for bytes that it never makes."""
    try:
        present, at = int.from_bytes(packed[:2], "big"), 2
        found: dict[str, object] = {}
        for bit, name in enumerate(_FIELDS):
            if not present >> bit & 1:
                continue
            size = 2 if name in _DAYS or name == "gross_kg" else packed[at] + 1
            raw, at = packed[at : at + size], at + size
            found |= _unpack_field(name, raw, uid, sequence, key)
        return TagContent(**found) if at <= len(packed) else None  # type: ignore[arg-type]
    except (IndexError, ValueError, UnicodeDecodeError):
        return None


def _unpack_field(name: str, raw: bytes, uid: bytes, sequence: int, key: TagKey) -> dict[str, object]:
    if name in _DAYS:
        return {name: _EPOCH + timedelta(days=int.from_bytes(raw, "big"))}
    if name == "gross_kg":
        return {name: int.from_bytes(raw, "big") / 100}
    if name != "personal":
        return {name: raw[1:].decode("gb18030", errors="replace")}
    customer_name, _, address = _unseal(raw[1:], uid, sequence, key).decode("gb18030", errors="replace").partition("\0")
    return {"customer_name": customer_name, "address": address}


def _seal(plain: bytes, uid: bytes, sequence: int, key: TagKey) -> bytes:
    # Synthetic: an entry torn away and written anew with other words under the same number shares no key stream.
    iv = derive(key.secret, b"iv", uid, sequence.to_bytes(2, "big"), plain)[:_IV_BYTES]
    return iv + _stream(plain, iv, uid, key)


def _unseal(sealed: bytes, uid: bytes, sequence: int, key: TagKey) -> bytes:
    iv, rest = sealed[:_IV_BYTES], sealed[_IV_BYTES:]
    plain = _stream(rest, iv, uid, key)
    if derive(key.secret, b"iv", uid, sequence.to_bytes(2, "big"), plain)[:_IV_BYTES] != iv:
        raise ValueError("not sealed under this key")
    return plain


def _stream(data: bytes, iv: bytes, uid: bytes, key: TagKey) -> bytes:
    cipher = Cipher(algorithms.SM4(derive(key.secret, b"personal", uid)[:16]), modes.CTR(iv.ljust(16, b"\0")))
    stream = cipher.encryptor()
    return stream.update(data) + stream.finalize()


def judge(
    slots: Sequence[Slot | None],
    uid: bytes,
    keys: Sequence[TagKey],
    *,
    bound_uids: Sequence[bytes] = (),
    empty: bool = False,
    foreign: bool = False,
) -> TagReading:
    """`bound_uids`: the tags that the archive names for the cylinder that this tag claims to be; `empty` and `foreign`
    as the reader told it.
    """
    there = [slot for slot in slots if slot is not None]
    found = current(there, uid, keys)
    if found is not None:
        slot, key = found
        before = current([each for each in there if each is not slot], uid, keys)
        return TagReading(
            "retired" if key.retired else "genuine",
            unpack(slot.content, uid, slot.sequence, key),
            unpack(before[0].content, uid, before[0].sequence, before[1]) if before else None,
            slot.sequence,
        )
    if not there:
        return TagReading("blank" if empty else "foreign" if foreign else "unsealed")
    if any(is_genuine(slot, bound, key) for slot in there for bound in bound_uids for key in keys):
        return TagReading("copied")
    ours = {key.id for key in keys}
    return TagReading("damaged" if any(slot.key_id in ours for slot in there) else "other_company")
