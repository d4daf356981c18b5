"""One document: reading, writing, its attachments, and local documents."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from sync.endpoint.databases import check_answer, check_size
from sync.endpoint.hub import Hub
from sync.endpoint.messages import LONGEST_NUMBER, Request, Response, answer, pack
from sync.endpoint.multipart import Part, parse_related, write_mixed, write_related
from sync.endpoint.reading import ReadOptions, document_json, document_parts, is_text
from sync.endpoint.users import USERS, sealed
from sync.errors import BadRequest, Conflict, NotAllowed, NotFound, NotImplementedHere, SyncError, TooLarge
from sync.store.models import Attachment, Document, MissingRev
from sync.store.store import Store
from sync.store.wire import Fields, decode_document, decode_fields, encode


def handle(hub: Hub, request: Request) -> Response:
    store = hub.store(request.parts[0])
    doc_id, rest = _split(request.parts[1:])
    if doc_id.startswith("_local/"):
        return _handle_local(hub, store, request, doc_id.removeprefix("_local/"), rest)
    if doc_id.startswith("_design/") and rest and rest[0].startswith("_"):
        raise NotImplementedHere("Views and other functions are not part of the embedded hub.")
    methods = _ATTACHMENT if rest else _DOCUMENT
    handler = methods.get("GET" if request.method == "HEAD" else request.method)
    if handler is None:
        raise NotAllowed(f"Only {','.join(sorted(methods))} allowed")
    response: Response = handler(hub, request, doc_id, "/".join(rest))
    return response


def _split(parts: list[str]) -> tuple[str, list[str]]:
    """The document's id and what follows; `_design/x` and `_local/x` are ids of two parts."""
    if parts[0] in {"_design", "_local"}:
        if len(parts) == 1:
            raise BadRequest("Document id must not be empty", error="illegal_docid")
        return f"{parts[0]}/{parts[1]}", parts[2:]
    return parts[0], parts[1:]


# Documents


def _get(hub: Hub, request: Request, doc_id: str, _rest: str) -> Response:
    store = hub.store(request.parts[0])
    options = ReadOptions.of(request)
    if "open_revs" in request.query:
        return _get_open_revs(hub, request, doc_id, options)
    rev = request.query.get("rev")
    if rev is not None and request.flag("latest"):
        found = store.open_revs(doc_id, [rev], latest=True)[0]
        document = found if isinstance(found, Document) else None
    else:
        document = store.get(doc_id, rev)
    if document is None:
        raise NotFound("deleted" if rev is None and store.leaves(doc_id) else "missing")
    etag = f'"{document.rev}"'
    if request.headers.get("if-none-match") == etag:
        return Response(304, headers={"etag": etag})
    if options.attachments and document.attachments and request.accepts("multipart/related"):
        check_answer(_files_bytes([document]), hub.limits)
        body, parts = document_parts(store, document, options)
        if not parts:  # the reader has all of them
            return Response(200, body, {"content-type": "application/json", "etag": etag})
        content_type, body = write_related(body, parts)
        return Response(200, body, {"content-type": content_type, "etag": etag})
    body = document_json(store, document, options) + b"\n"
    return Response(200, body, {"content-type": "application/json", "etag": etag})


def _get_open_revs(hub: Hub, request: Request, doc_id: str, options: ReadOptions) -> Response:
    store = hub.store(request.parts[0])
    asked: Any = "all" if request.query["open_revs"] == "all" else request.json_query("open_revs", list[str])
    if isinstance(asked, list):
        asked = list(dict.fromkeys(asked))  # the same one a thousand times is one
    found = store.open_revs(doc_id, asked, latest=request.flag("latest"))
    if not found:
        raise NotFound
    if request.accepts("multipart/mixed"):
        # As in CouchDB: files come along unless the reader says that it has them.
        options = msgspec.structs.replace(options, attachments=True)
        check_answer(_files_bytes(found), hub.limits)
        content_type, body = write_mixed([_mixed_part(store, each, options) for each in found])
        return Response(200, body, {"content-type": content_type})
    listed = [
        b'{"ok":' + document_json(store, each, options) + b"}"
        if isinstance(each, Document)
        else encode({"missing": each.rev})
        for each in found
    ]
    return Response(200, b"[" + b",".join(listed) + b"]\n", {"content-type": "application/json"})


def _files_bytes(found: Sequence[Document | MissingRev]) -> int:
    documents = [each for each in found if isinstance(each, Document)]
    return sum(att.length for document in documents for att in document.attachments.values())


def _mixed_part(store: Store, found: Document | MissingRev, options: ReadOptions) -> tuple[bytes, Sequence[Part], bool]:
    if isinstance(found, MissingRev):
        return encode({"missing": found.rev}), (), True
    return *document_parts(store, found, options), False


def _put(hub: Hub, request: Request, doc_id: str, _rest: str) -> Response:
    content_type = request.headers.get("content-type", "application/json")
    files: Mapping[str, bytes] = {}
    raw = request.body
    if content_type.startswith("multipart/related"):
        raw, files = parse_related(content_type, request.body)
    document = check_size(decode_document(decode_fields(raw), doc_id=doc_id, files=files), hub.limits)
    if request.parts[0] == USERS:
        document = sealed(document)
    store = hub.store(request.parts[0])
    if request.query.get("new_edits") == "false":
        if not document.rev:
            raise BadRequest("With new_edits=false a document needs a _rev.")
        store.write([document])
        return _written(request, doc_id, document.rev)
    rev = _asked_rev(request)
    if rev and document.rev and rev != document.rev:
        raise BadRequest("Document rev from request body and query string have different values")
    result = store.put_many([msgspec.structs.replace(document, rev=rev or document.rev)])[0]
    if isinstance(result, SyncError):
        raise result
    return _written(request, doc_id, result)


def _delete(hub: Hub, request: Request, doc_id: str, _rest: str) -> Response:
    store = hub.store(request.parts[0])
    if not store.leaves(doc_id):
        raise NotFound
    rev = _asked_rev(request)
    if not rev:
        raise Conflict
    return _written(request, doc_id, store.put(doc_id, b"{}", rev=rev, deleted=True), status=200)


def _asked_rev(request: Request) -> str:
    return request.query.get("rev") or request.headers.get("if-match", "").strip('"')


def _written(request: Request, doc_id: str, rev: str, *, status: int = 201) -> Response:
    location = f"{request.base}/{quote(request.parts[0], safe='')}/{quote(doc_id, safe='')}"
    return answer({"ok": True, "id": doc_id, "rev": rev}, status, etag=f'"{rev}"', location=location)


# Attachments


def _get_attachment(hub: Hub, request: Request, doc_id: str, name: str) -> Response:
    store = hub.store(request.parts[0])
    document = store.get(doc_id, request.query.get("rev"))
    if document is None:
        raise NotFound
    attachment = document.attachments.get(name)
    if attachment is None:
        raise NotFound("Document is missing attachment")
    etag = f'"{attachment.digest.removeprefix("md5-")}"'
    if request.headers.get("if-none-match") == etag:
        return Response(304, headers={"etag": etag})
    text = is_text(attachment.content_type)
    headers = {
        "content-type": attachment.content_type,
        "etag": etag,
        "accept-ranges": "none" if text else "bytes",
        # What a phone uploaded is never run as a page of ours.
        "content-security-policy": "sandbox",
        "x-content-type-options": "nosniff",
    }
    data = store.attachment(attachment.digest)
    if text:
        if not request.takes_gzip:
            return Response(200, data, headers)
        return Response(200, pack(data), {**headers, "content-encoding": "gzip"})
    part = _range(request.headers.get("range", ""), len(data))
    if part is None:
        return Response(200, data, headers)
    headers["content-range"] = f"bytes {part.start}-{part.stop - 1}/{len(data)}"
    return Response(206, data[part.start : part.stop], headers)


def _range(header: str, length: int) -> range | None:
    """The one range of bytes asked for; None where it is not of that kind, so that all is sent."""
    first, dash, last = header.removeprefix("bytes=").partition("-")
    if not header.startswith("bytes=") or not dash or not (first + last).isdecimal() or not first:
        return None
    if max(len(first), len(last)) > LONGEST_NUMBER:
        return None
    wanted = range(int(first), min(int(last) + 1 if last else length, length))
    return wanted or None


def _put_attachment(hub: Hub, request: Request, doc_id: str, name: str) -> Response:
    attachment = Attachment.of(request.headers.get("content-type", "application/octet-stream"), request.body)
    promised = request.headers.get("content-md5")
    if promised is not None and f"md5-{promised}" != attachment.digest:
        raise BadRequest("Possible message corruption.", error="content_md5_mismatch")
    return _change_files(hub, request, doc_id, {name: attachment}, 201)


def _delete_attachment(hub: Hub, request: Request, doc_id: str, name: str) -> Response:
    document = hub.store(request.parts[0]).get(doc_id, _asked_rev(request) or None)
    if document is None or name not in document.attachments:
        raise NotFound("Document is missing attachment")
    return _change_files(hub, request, doc_id, {name: None}, 200)


def _change_files(
    hub: Hub, request: Request, doc_id: str, changed: Mapping[str, Attachment | None], status: int
) -> Response:
    store = hub.store(request.parts[0])
    rev = _asked_rev(request)
    old = store.get(doc_id, rev) if rev else None
    files = {**(old.attachments if old else {}), **changed}
    kept = {name: att for name, att in files.items() if att is not None}
    document = check_size(Document(doc_id, rev, old.body if old else b"{}", attachments=kept), hub.limits)
    new = store.put(doc_id, document.body, rev=rev or None, attachments=kept)
    return _written(request, doc_id, new, status=status)


# Local documents


def _handle_local(hub: Hub, store: Store, request: Request, key: str, rest: list[str]) -> Response:
    if rest:
        raise BadRequest("_local documents do not accept attachments.")
    doc_id = f"_local/{key}"
    if request.method in {"GET", "HEAD"}:
        found = store.get_local(key)
        if found is None:
            raise NotFound
        body = encode({"_id": doc_id, "_rev": found[0]})
        if found[1] != b"{}":
            body = body[:-1] + b"," + found[1][1:]
        return Response(200, body + b"\n", {"content-type": "application/json"})
    if request.method == "PUT":
        document = check_size(_local_document(decode_fields(request.body), doc_id), hub.limits)
        if not request.principal.is_admin:
            _check_local(hub, store, key, document)
        return _written(request, doc_id, store.put_local(key, document.body, rev=document.rev or None))
    if request.method == "DELETE":
        if not store.delete_local(key):
            raise NotFound
        return answer({"ok": True, "id": doc_id, "rev": "0-0"})
    raise NotAllowed("Only DELETE,GET,PUT allowed")


def _check_local(hub: Hub, store: Store, key: str, document: Document) -> None:
    """What a member keeps for himself is a checkpoint, and there are not endlessly many."""
    if len(document.body) + len(key) > hub.limits.local_bytes:
        raise TooLarge(document.id[:100], error="document_too_large")
    if store.get_local(key) is None and len(store.list_local(limit=hub.limits.local_count)) >= hub.limits.local_count:
        raise TooLarge("There are too many local documents in this database.")


def _local_document(fields: Fields, doc_id: str) -> Document:
    return decode_document({name: raw for name, raw in fields.items() if name != "_attachments"}, doc_id=doc_id)


_DOCUMENT = {"GET": _get, "PUT": _put, "DELETE": _delete}
_ATTACHMENT = {"GET": _get_attachment, "PUT": _put_attachment, "DELETE": _delete_attachment}
