"""A document as CouchDB writes it in JSON: underscore fields and body in one object.

The body is never opened: its fields are carried as the bytes they came in.
"""

import base64
import re
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from sync.errors import BadRequest, TooLarge
from sync.store.models import NO_ATTACHMENTS, Attachment, Document, md5_digest

Fields = dict[str, Raw]
"""One JSON object, its values still as bytes."""

# Told by CouchDB when a document is read; taken back without effect when it is written.
_READ_ONLY = frozenset({
    "_conflicts", "_deleted_conflicts", "_local_seq", "_revs_info",
})  # fmt: skip
# A small gzip file can unpack to gigabytes; a whole request may have this size anyway.
UNZIPPED_LIMIT_BYTES = 64 * 1024 * 1024
_UNPAIRED = re.compile("[\ud800-\udfff]")


class Revisions(Struct, frozen=True):
    """`_revisions`: the ids of a history, newest first, and the newest one's generation."""

    start: int
    ids: list[str]

    def path(self) -> tuple[str, ...]:
        return tuple(f"{self.start - age}-{name}" for age, name in enumerate(self.ids))


class AttachmentIn(Struct, frozen=True):
    content_type: str = "application/octet-stream"
    data: bytes | None = None  # base64 on the wire
    stub: bool = False
    follows: bool = False
    digest: str = ""
    length: int | None = None
    revpos: int = 0
    encoding: str | None = None


_fields = msgspec.json.Decoder(Fields)
_revisions = msgspec.json.Decoder(Revisions)
_attachments = msgspec.json.Decoder(dict[str, AttachmentIn])
_text = msgspec.json.Decoder(str)
_flag = msgspec.json.Decoder(bool)
encode = msgspec.json.Encoder().encode


def decode_fields(raw: bytes) -> Fields:
    """The object in these bytes; `BadRequest` where they hold no JSON object in UTF-8."""
    check_text(raw)
    try:
        return _fields.decode(raw)
    except msgspec.ValidationError as error:
        raise BadRequest("Document must be a JSON object") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest("invalid UTF-8 JSON") from error


def check_text(raw: bytes) -> None:
    """`BadRequest` unless the bytes are UTF-8: fields carried unopened are not checked later."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise BadRequest("invalid UTF-8 JSON") from error


def decode_document(
    fields: Mapping[str, Raw], *, doc_id: str | None = None, files: Mapping[str, bytes] | None = None
) -> Document:
    """The document in these fields. `files` are the attachments that follow in a multipart message.

    A missing `_id` is empty unless `doc_id` says it; `rev` is empty where there is no `_rev`.
    """
    rest = dict(fields)
    try:
        raw = rest.pop("_id", None)
        named = _text.decode(raw) if raw is not None else ""
        raw = rest.pop("_rev", None)
        rev = _text.decode(raw) if raw is not None else ""
        raw = rest.pop("_deleted", None)
        deleted = raw is not None and _flag.decode(raw)
        raw = rest.pop("_revisions", None)
        path = _revisions.decode(raw).path() if raw is not None else ()
        raw = rest.pop("_attachments", None)
        attachments = _decode_attachments(raw, files or {}) if raw is not None else NO_ATTACHMENTS
    except msgspec.MsgspecError as error:
        raise BadRequest(f"Invalid special member of the document: {error}") from error
    _drop_read_only(rest)
    if doc_id is not None and named not in {"", doc_id}:
        raise BadRequest("Document ID must match the one in the address")
    final_id = doc_id if doc_id is not None else named
    _check_id(final_id)
    return Document(final_id, rev or (path[0] if path else ""), encode(rest), deleted, attachments, path)


def _drop_read_only(rest: Fields) -> None:
    for name in [name for name in rest if name.startswith("_")]:
        if name not in _READ_ONLY:
            raise BadRequest(f"Bad special document member: {name}", error="doc_validation")
        del rest[name]


def _check_id(doc_id: str) -> None:
    if doc_id.startswith("_") and not doc_id.startswith(("_design/", "_local/")):
        raise BadRequest("Only reserved document ids may start with underscore.", error="illegal_docid")
    if _UNPAIRED.search(doc_id):
        raise BadRequest("Document id must be UTF-8", error="illegal_docid")


def _decode_attachments(raw: Raw, files: Mapping[str, bytes]) -> Mapping[str, Attachment]:
    taken = {}
    left = UNZIPPED_LIMIT_BYTES
    for name, given in _attachments.decode(raw).items():
        if _UNPAIRED.search(name) or name.startswith("_"):
            raise BadRequest("Attachment name must be UTF-8 and not start with an underscore")
        data = files.get(name) if given.follows else given.data
        if given.follows and data is None:
            raise BadRequest(f"Attachment {name} does not follow in this message")
        if data is None:
            taken[name] = Attachment(given.content_type, given.digest, given.length or 0, given.revpos)
            continue
        sent = data
        if given.encoding == "gzip":
            # All of a document's files together: many small ones can be as large as one.
            data = unzip(data, left)
            left -= len(data)
        if given.length is not None and given.length != len(data):
            raise BadRequest(f"Attachment {name} is not {given.length} bytes long")
        taken[name] = Attachment.of(given.content_type, data, revpos=given.revpos)
        # As in CouchDB a digest counts where the file follows, and is that of the bytes as they were sent.
        if given.follows and given.digest and given.digest not in {taken[name].digest, md5_digest(sent)}:
            raise BadRequest("Possible message corruption.", error="content_md5_mismatch")
    return taken


def unzip(data: bytes, limit_bytes: int = UNZIPPED_LIMIT_BYTES) -> bytes:
    """What these gzip bytes hold; `TooLarge` before more than the limit is unpacked."""
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(data, limit_bytes + 1)
    except zlib.error as error:
        raise BadRequest("Not gzip data") from error
    if len(unpacked) > limit_bytes:
        raise TooLarge("the request entity is too large")
    if not unpacker.eof:
        raise BadRequest("The gzip data is cut short")
    return unpacked


def encode_document(
    document: Document,
    *,
    revisions: bool = False,
    follows: bool = False,
    extra: Mapping[str, Any] | None = None,
) -> bytes:
    """The JSON object. Attachments without data are stubs; with data they are inline, or with `follows`
    announced as parts of a multipart message. `extra` are further underscore fields.
    """
    parts = [b'"_id":', encode(document.id), b',"_rev":', encode(document.rev)]
    if document.deleted:
        parts.append(b',"_deleted":true')
    if revisions and document.revisions:
        names = [rev.partition("-")[2] for rev in document.revisions]
        start = int(document.revisions[0].partition("-")[0])
        parts += [b',"_revisions":', encode(Revisions(start, names))]
    if document.attachments:
        listed = {name: _attachment(att, follows=follows) for name, att in document.attachments.items()}
        parts += [b',"_attachments":', encode(listed)]
    for name, value in (extra or {}).items():
        parts += [b",", encode(name), b":", encode(value)]
    body = document.body.strip()
    inner = body[1:-1].strip()
    if inner:
        parts += [b",", inner]
    return b"{" + b"".join(parts) + b"}"


def _attachment(attachment: Attachment, *, follows: bool) -> dict[str, Any]:
    listed: dict[str, Any] = {
        "content_type": attachment.content_type,
        "revpos": attachment.revpos,
        "digest": attachment.digest,
    }
    if attachment.data is not None and not follows:
        listed["data"] = base64.b64encode(attachment.data).decode()
        return listed
    listed["length"] = attachment.length
    listed["follows" if attachment.data is not None else "stub"] = True
    return listed


__all__ = [
    "UNZIPPED_LIMIT_BYTES", "Fields", "Revisions", "check_text", "decode_document", "decode_fields", "encode",
    "encode_document", "unzip",
]  # fmt: skip
