"""Documents with their files as MIME messages, the form in which CouchDB's replicator moves attachments.

https://docs.couchdb.org/en/stable/api/document/common.html#creating-multiple-attachments
"""

import re
import secrets
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from sync.errors import BadRequest
from sync.store.wire import UNZIPPED_LIMIT_BYTES, decode_fields, unzip

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
_FILENAME = re.compile(r'filename="((?:[^"\\]|\\.)*)"', re.IGNORECASE)

_LINE_END = re.compile(r"[\r\n]+")


class _Listed(Struct):
    follows: bool = False
    encoding: str | None = None


def parse_related(content_type: str, body: bytes) -> tuple[bytes, dict[str, bytes]]:
    """The document's JSON and the files that follow it, by name; `BadRequest` where the message is cut short."""
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise BadRequest("The multipart message names no boundary")
    boundary = b"\r\n--" + (match[1] or match[2]).encode("latin-1")
    sections = (b"\r\n" + body).split(boundary)
    if len(sections) < 3 or not sections[-1].startswith(b"--"):
        raise BadRequest("The multipart message is cut short")
    parts = [_parse_part(section) for section in sections[1:-1]]
    document = parts[0][1]
    raw = decode_fields(document).get("_attachments")
    try:
        listed = msgspec.json.decode(raw, type=dict[str, _Listed]) if raw is not None else {}
    except msgspec.MsgspecError as error:
        raise BadRequest(f"Invalid _attachments: {error}") from error
    following = [name for name, each in listed.items() if each.follows]
    if len(following) != len(parts) - 1:
        raise BadRequest("The message does not have one part for each attachment that follows")
    # A part may say its name; otherwise they come in the order of the document's list.
    files = {}
    left = UNZIPPED_LIMIT_BYTES
    for name, (headers, data) in zip(following, parts[1:], strict=True):
        said = _FILENAME.search(headers.get("content-disposition", ""))
        named = said[1].replace('\\"', '"') if said else name
        named = named if named in listed else name
        # CouchDB says "gzip" in both places; what the document says is undone with the document.
        packed = headers.get("content-encoding") == "gzip" and listed[named].encoding != "gzip"
        files[named] = unzip(data, left) if packed else data
        left -= len(files[named])
    return document, files


def _parse_part(section: bytes) -> tuple[dict[str, str], bytes]:
    head, found, data = section.partition(b"\r\n\r\n")
    if not found:
        raise BadRequest("A part of the multipart message has no end to its headers")
    lines = head.decode(errors="replace").split("\r\n")[1:]
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return headers, data


class Part(Struct, frozen=True):
    """A file on its way: `data` as it travels, which is packed where `encoding` says "gzip"."""

    name: str
    content_type: str
    data: bytes
    encoding: str | None = None


def write_related(document: bytes, files: Sequence[Part]) -> tuple[str, bytes]:
    """Content type and body: the document, then the files that follow it."""
    boundary = secrets.token_hex(16)
    parts = [b"Content-Type: application/json\r\n\r\n" + document]
    for file in files:
        safe = _LINE_END.sub(" ", file.name).replace("\\", "\\\\").replace('"', '\\"')
        kind = _LINE_END.sub(" ", file.content_type)
        head = f'Content-Disposition: attachment; filename="{safe}"\r\nContent-Type: {kind}\r\n'
        head += f"Content-Length: {len(file.data)}\r\n"
        head += f"Content-Encoding: {file.encoding}\r\n\r\n" if file.encoding else "\r\n"
        parts.append(head.encode() + file.data)
    return f'multipart/related; boundary="{boundary}"', _join(parts, boundary)


def write_mixed(found: Sequence[tuple[bytes, Sequence[Part], bool]]) -> tuple[str, bytes]:
    """Content type and body of several revisions: (JSON, files, whether it stands for a missing one)."""
    boundary = secrets.token_hex(16)
    parts = []
    for document, files, missing in found:
        if files:
            content_type, body = write_related(document, files)
            parts.append(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
        else:
            kind = b'application/json; error="true"' if missing else b"application/json"
            parts.append(b"Content-Type: " + kind + b"\r\n\r\n" + document)
    return f'multipart/mixed; boundary="{boundary}"', _join(parts, boundary)


def _join(parts: Sequence[bytes], boundary: str) -> bytes:
    line = b"--" + boundary.encode()
    return b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--"
