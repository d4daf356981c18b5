"""What every document carries: identity, number, time, person, device and place."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import rfc8785
import uuid_utils

type_separator = ":"


def label(zh: str, en: str, **rest: Any) -> msgspec.Meta:
    """A field's words and bounds: msgspec's own constraints by name; `unit`, `help`, `help_en`, `choices`, `personal`
    and `widget` travel in `extra`. `choices` names a versioned list (`reference.list`), `personal` marks personal data.
    """
    extra = {"en": en}
    extra |= {k: rest.pop(k) for k in ("unit", "help", "help_en", "choices", "personal", "widget") if k in rest}
    return msgspec.Meta(title=zh, extra=extra, **rest)


Utc = Annotated[datetime, msgspec.Meta(tz=True)]
Text = Annotated[str, msgspec.Meta(max_length=2000)]
Word = Annotated[str, msgspec.Meta(max_length=200)]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]


class Position(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where: degrees, CGCS2000 unless `datum` says what it was taken in; GNSS fixes are WGS-84."""

    lon: Longitude
    lat: Latitude
    accuracy_m: Annotated[float, msgspec.Meta(ge=0, le=100_000)]
    source: Literal["gnss", "network", "manual"]
    mocked: bool = False
    datum: Literal["CGCS2000", "WGS-84", "GCJ-02"] = "CGCS2000"


class Moment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When, so that a wrong clock can be corrected: `monotonic_s` since `boot_id` does not jump."""

    at: Utc
    boot_id: Id
    monotonic_s: Annotated[float, msgspec.Meta(ge=0)]
    clock: Literal["gnss", "server", "unset"] = "unset"


class Record(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="type",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """A fact that a phone writes once (generation 1) and never edits; a correction is a further record.

    `record_number` counts without a gap for each device and kind of database (`user_`, `media_`).
    """

    current_schema: ClassVar[int] = 1

    id: Id = msgspec.field(name="_id")
    schema_version: Annotated[int, msgspec.Meta(ge=1)]
    record_number: Annotated[int, msgspec.Meta(ge=1)]
    recorded: Moment
    staff_id: Id
    unit_id: Id
    device_id: Id
    position: Position | None = None
    task_id: Word = ""
    corrects: Word = ""
    photos: Annotated[tuple[Id, ...], label("照片", "Photos", max_length=20, widget="photos")] = ()
    note: Annotated[str, label("备注", "Note", max_length=2000)] = ""


class BackendDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """What only the backend writes. A phone tolerates fields it does not know: servers are upgraded first.

    `signature` is `<key id>.<base64url ES256>` over the RFC 8785 canonical JSON of all else (`signed_bytes`);
    a phone believes a task, receipt or membership only with a valid one.
    """

    current_schema: ClassVar[int] = 1

    id: Id = msgspec.field(name="_id")
    schema_version: int = 1
    signature: str = ""


def new_id(tag: str) -> str:
    """`<type>:<UUIDv7>`."""
    return f"{tag}{type_separator}{uuid_utils.uuid7()}"


def tag_of(doc_id: str) -> str:
    return doc_id.partition(type_separator)[0]


def encode_body(document: msgspec.Struct) -> bytes:
    """The JSON that is stored: without `_id`, which the store keeps beside it."""
    fields = msgspec.to_builtins(document)
    fields.pop("_id")
    return msgspec.json.encode(fields)


def with_id(doc_id: str, body: bytes) -> bytes:
    """A stored body with its `_id` again, ready to be decoded as its Struct."""
    head = b'{"_id":' + msgspec.json.encode(doc_id)
    inner = body.strip()[1:]
    return head + (b"" if inner.lstrip() == b"}" else b",") + inner


def signed_bytes(fields: Mapping[str, Any]) -> bytes:
    """RFC 8785 canonical JSON of a document's fields, without `signature` and CouchDB's own fields but `_id`."""
    kept = {k: v for k, v in fields.items() if k != "signature" and (k == "_id" or not k.startswith("_"))}
    return rfc8785.dumps(kept)
