"""What is asked of one database: its settings, and its documents in bulk."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from sync.endpoint.access import Security
from sync.endpoint.hub import Hub, Limits
from sync.endpoint.messages import Request, Response, answer
from sync.endpoint.reading import ReadOptions, document_json
from sync.endpoint.users import USERS, sealed
from sync.errors import BadRequest, Forbidden, NotAllowed, NotImplementedHere, SyncError, TooLarge
from sync.store.models import Document
from sync.store.store import Store
from sync.store.wire import Fields, decode_document, encode

NO_ADMIN = "You are not a db or server admin."


class BulkDocs(Struct):
    docs: list[Fields]
    new_edits: bool = True
    all_or_nothing: bool = False


class WantedDoc(Struct):
    id: str
    rev: str | None = None
    atts_since: list[str] = []


class BulkGet(Struct):
    docs: list[WantedDoc]


def handle(hub: Hub, request: Request) -> Response:
    rest = request.parts[1:]
    handler = _HANDLERS.get(rest[0] if rest else "") if len(rest) <= 1 else None
    if handler is None:
        raise NotImplementedHere(f"/{'/'.join(rest)} is not part of the embedded hub.")
    function = handler.get("GET" if request.method == "HEAD" else request.method)
    if function is None:
        raise NotAllowed(f"Only {','.join(sorted(handler))} allowed")
    response: Response = function(hub, request)
    return response


def database_info(store: Store, name: str) -> dict[str, Any]:
    info = store.info()
    return {
        "instance_start_time": str(store.created),
        "db_name": name,
        "purge_seq": "0",
        "update_seq": sequence(store, info.update_seq),
        "sizes": {"file": info.size_bytes, "external": info.size_bytes, "active": info.size_bytes},
        "props": {},
        "doc_del_count": info.deleted_count,
        "doc_count": info.doc_count,
        "disk_format_version": 8,
        "compact_running": False,
        "cluster": {"q": 1, "n": 1, "w": 1, "r": 1},
    }


def sequence(store: Store, seq: int) -> str:
    """A sequence as peers see it: it names the file, so that one of another life of the database is known."""
    return f"{seq}-{store.uuid}"


def check_size(document: Document, limits: Limits) -> Document:
    size = len(document.body) + sum(len(att.data or b"") for att in document.attachments.values())
    if size > limits.document_bytes:
        raise TooLarge(document.id, error="document_too_large")
    return document


def check_answer(size_bytes: int, limits: Limits) -> None:
    """Raises before an answer is put together that would not fit into memory."""
    if size_bytes > limits.answer_bytes:
        raise TooLarge("the answer is too large: ask for less at once")


def decode_bulk(name: str, docs: Sequence[Fields], limits: Limits) -> list[Document]:
    decoded = [check_size(decode_document(fields), limits) for fields in docs]
    for document in decoded:
        if document.id.startswith("_local/"):
            raise NotImplementedHere("Write local documents with PUT.")
    if name == USERS:
        return [sealed(document) for document in decoded]
    return [doc if doc.id else msgspec.structs.replace(doc, id=uuid.uuid4().hex) for doc in decoded]


def _create(hub: Hub, request: Request) -> Response:
    name = request.parts[0]
    hub.create_database(name)
    return answer({"ok": True}, 201, location=f"{request.base}/{quote(name, safe='')}")


def _delete(hub: Hub, request: Request) -> Response:
    hub.delete_database(request.parts[0])
    return answer({"ok": True})


def _info(hub: Hub, request: Request) -> Response:
    name = request.parts[0]
    return answer(database_info(hub.store(name), name))


def _post_document(hub: Hub, request: Request) -> Response:
    (document,) = decode_bulk(request.parts[0], [request.json(Fields)], hub.limits)
    if _is_barred(hub, request, document):
        raise Forbidden(NO_ADMIN)
    rev = hub.store(request.parts[0]).put_many([document])[0]
    if isinstance(rev, SyncError):
        raise rev
    location = f"{request.base}/{quote(request.parts[0], safe='')}/{quote(document.id, safe='')}"
    return answer({"ok": True, "id": document.id, "rev": rev}, 201, location=location)


def _bulk_docs(hub: Hub, request: Request) -> Response:
    bulk = request.json(BulkDocs)
    documents = decode_bulk(request.parts[0], bulk.docs, hub.limits)
    if bulk.all_or_nothing:
        refused = {"rev": "0-", "error": "not_implemented", "reason": "all_or_nothing is not supported"}
        return answer([{"id": document.id, **refused} for document in documents], 417)
    store = hub.store(request.parts[0])
    if not bulk.new_edits:
        if any(not document.rev for document in documents):
            raise BadRequest("With new_edits=false every document needs a _rev.")
        store.write([doc for doc in documents if not _is_barred(hub, request, doc)])
        barred = [doc for doc in documents if _is_barred(hub, request, doc)]
        return answer([{"rev": doc.rev, **_bulk_result(doc, Forbidden(NO_ADMIN))} for doc in barred], 201)
    written = iter(store.put_many([doc for doc in documents if not _is_barred(hub, request, doc)]))
    results = [Forbidden(NO_ADMIN) if _is_barred(hub, request, doc) else next(written) for doc in documents]
    return answer([_bulk_result(doc, result) for doc, result in zip(documents, results, strict=True)], 201)


def _is_barred(hub: Hub, request: Request, document: Document) -> bool:
    """Design documents are an administrator's; among others in one request each is refused alone."""
    if request.principal.is_admin or not document.id.startswith("_design/"):
        return False
    return not hub.security(request.parts[0]).admins.holds(request.principal)


def _bulk_result(document: Document, result: str | SyncError) -> dict[str, Any]:
    if isinstance(result, SyncError):
        return {"id": document.id, "error": result.error, "reason": result.reason}
    return {"ok": True, "id": document.id, "rev": result}


def _bulk_get(hub: Hub, request: Request) -> Response:
    wanted: list[WantedDoc] = request.json(BulkGet).docs
    store = hub.store(request.parts[0])
    asked: list[tuple[str, Any]] = [(each.id, [each.rev] if each.rev else "all") for each in wanted]
    found = store.read_revs(asked, latest=request.flag("latest"))
    results: list[bytes] = []
    size = 0
    for each, documents in zip(wanted, found, strict=True):
        options = ReadOptions(
            revisions=request.flag("revs"),
            attachments=request.flag("attachments"),
            atts_since=tuple(each.atts_since),
        )
        listed = [
            b'{"ok":' + document_json(store, document, options) + b"}"
            if isinstance(document, Document)
            else encode({"error": _not_found(document.id, document.rev)})
            for document in documents
        ] or [encode({"error": _not_found(each.id, each.rev or "undefined")})]
        results.append(b'{"id":' + encode(each.id) + b',"docs":[' + b",".join(listed) + b"]}")
        size += len(results[-1])
        check_answer(size, hub.limits)
    body = b'{"results":[' + b",".join(results) + b"]}\n"
    return Response(200, body, {"content-type": "application/json"})


def _not_found(doc_id: str, rev: str) -> dict[str, str]:
    return {"id": doc_id, "rev": rev, "error": "not_found", "reason": "missing"}


def _revs_diff(hub: Hub, request: Request) -> Response:
    missing = hub.store(request.parts[0]).missing(request.json(dict[str, list[str]]))
    listed: dict[str, Mapping[str, Any]] = {}
    for doc_id, lack in missing.items():
        listed[doc_id] = {"missing": lack.missing}
        if lack.possible_ancestors:
            listed[doc_id] = {"missing": lack.missing, "possible_ancestors": lack.possible_ancestors}
    return answer(listed)


def _missing_revs(hub: Hub, request: Request) -> Response:
    missing = hub.store(request.parts[0]).missing(request.json(dict[str, list[str]]))
    return answer({"missing_revs": {doc_id: lack.missing for doc_id, lack in missing.items()}})


def _all_docs(hub: Hub, request: Request) -> Response:
    store = hub.store(request.parts[0])
    if request.method == "POST":
        # The body may ask whatever the address may: a value is written as JSON in both.
        request.query |= {name: bytes(raw).decode() for name, raw in request.json(Fields).items()}
    options = ReadOptions.of(request)
    keys = request.json_query("keys", list[str])
    include = request.flag("include_docs")
    if keys is not None:
        known = store.winners(keys)
        found = (_key_row(store, key, known.get(key), options if include else None) for key in keys)
    else:
        listed = _range(store, request)
        found = (_row(store, document, options if include else None) for document in listed)
    rows, size = [], 0
    for row in found:
        rows.append(row)
        size += len(row)
        check_answer(size, hub.limits)
    head = b'{"total_rows":%d,"offset":%s,"rows":[\r\n' % (
        store.info().doc_count,
        b"null" if keys is not None else b"0",
    )
    body = head + b",\r\n".join(rows) + b"\r\n]}\n"
    return Response(200, body, {"content-type": "application/json"})


def _range(store: Store, request: Request) -> list[Document]:
    query = request.query
    key = request.json_query("key", str)
    start = key or request.json_query("startkey" if "startkey" in query else "start_key", str)
    end = key or request.json_query("endkey" if "endkey" in query else "end_key", str)
    descending = request.flag("descending")
    low, high = (end, start) if descending else (start, end)
    skip = request.number("skip") or 0
    limit = request.number("limit")
    found = store.list(
        start=low or "",
        end=high or "\U0010ffff",
        limit=None if limit is None else skip + limit,
        descending=descending,
    )
    if end is not None and not request.flag("inclusive_end", default=True):
        found = [document for document in found if document.id != end]
    return found[skip:]


def _row(store: Store, document: Document, options: ReadOptions | None) -> bytes:
    doc_id = encode(document.id)
    row = b'{"id":' + doc_id + b',"key":' + doc_id + b',"value":{"rev":' + encode(document.rev)
    row += b',"deleted":true}' if document.deleted else b"}"
    if options is not None:
        doc = b"null" if document.deleted else document_json(store, document, options)
        row += b',"doc":' + doc
    return row + b"}"


def _key_row(store: Store, key: str, document: Document | None, options: ReadOptions | None) -> bytes:
    return encode({"key": key, "error": "not_found"}) if document is None else _row(store, document, options)


def _local_docs(hub: Hub, request: Request) -> Response:
    found = hub.store(request.parts[0]).list_local(limit=request.number("limit"))
    rows = [{"id": f"_local/{key}", "key": f"_local/{key}", "value": {"rev": rev}} for key, rev in found]
    return answer({"total_rows": None, "offset": None, "rows": rows})


def _get_security(hub: Hub, request: Request) -> Response:
    return answer(hub.security(request.parts[0]))


def _put_security(hub: Hub, request: Request) -> Response:
    hub.write_security(request.parts[0], request.json(Security))
    return answer({"ok": True})


def _get_revs_limit(hub: Hub, request: Request) -> Response:
    return answer(hub.store(request.parts[0]).revs_limit)


def _put_revs_limit(hub: Hub, request: Request) -> Response:
    hub.store(request.parts[0]).set_revs_limit(request.json(int))
    return answer({"ok": True})


def _ensure_full_commit(hub: Hub, request: Request) -> Response:
    # Every write was on the disk before it was answered.
    store = hub.store(request.parts[0])
    return answer({"ok": True, "instance_start_time": str(store.created)}, 201)


def _compact(hub: Hub, request: Request) -> Response:
    hub.store(request.parts[0]).compact()
    return answer({"ok": True}, 202)


_HANDLERS = {
    "": {"GET": _info, "PUT": _create, "DELETE": _delete, "POST": _post_document},
    "_all_docs": {"GET": _all_docs, "POST": _all_docs},
    "_bulk_docs": {"POST": _bulk_docs},
    "_bulk_get": {"POST": _bulk_get},
    "_compact": {"POST": _compact},
    "_ensure_full_commit": {"POST": _ensure_full_commit},
    "_local_docs": {"GET": _local_docs, "POST": _local_docs},
    "_missing_revs": {"POST": _missing_revs},
    "_revs_diff": {"POST": _revs_diff},
    "_revs_limit": {"GET": _get_revs_limit, "PUT": _put_revs_limit},
    "_security": {"GET": _get_security, "PUT": _put_security},
}
