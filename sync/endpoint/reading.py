"""What a reader may ask to see of a document, and the document so written."""

from typing import Any

import msgspec
from msgspec import Struct

from sync.endpoint.messages import Request, pack
from sync.endpoint.multipart import Part
from sync.merge import ancestry, generation
from sync.store.models import NO_ATTACHMENTS, Document
from sync.store.store import Store
from sync.store.wire import encode_document

_TEXTS = frozenset({"application/javascript", "application/json", "application/xml"})


class ReadOptions(Struct, frozen=True):
    revisions: bool = False
    revs_info: bool = False
    conflicts: bool = False
    deleted_conflicts: bool = False
    attachments: bool = False
    atts_since: tuple[str, ...] = ()  # revisions the reader has: files that came with them stay stubs

    @classmethod
    def of(cls, request: Request) -> "ReadOptions":
        meta = request.flag("meta")
        return cls(
            revisions=request.flag("revs"),
            revs_info=meta or request.flag("revs_info"),
            conflicts=meta or request.flag("conflicts"),
            deleted_conflicts=meta or request.flag("deleted_conflicts"),
            attachments=request.flag("attachments"),
            atts_since=tuple(request.json_query("atts_since", list[str]) or ()),
        )


def with_files(store: Store, document: Document, options: ReadOptions) -> Document:
    """The document carrying those attachments that the reader asks for and does not have."""
    if not options.attachments or not document.attachments:
        return document
    known = max(
        (generation(rev) for rev in options.atts_since if rev in document.revisions), default=0
    )  # everything up to the latest revision that both have
    carried = {
        name: att if att.revpos <= known else msgspec.structs.replace(att, data=store.attachment(att.digest))
        for name, att in document.attachments.items()
    }
    return msgspec.structs.replace(document, attachments=carried)


def document_json(store: Store, document: Document, options: ReadOptions) -> bytes:
    return encode_document(
        with_files(store, document, options),
        revisions=options.revisions,
        extra=_about(store, document, options),
    )


def document_parts(store: Store, document: Document, options: ReadOptions) -> tuple[bytes, list[Part]]:
    """The document for a multipart message, and the files that follow it."""
    parts = []
    listed: dict[str, dict[str, Any]] = {}
    carried = with_files(store, document, options)
    for name, att in carried.attachments.items():
        listed[name] = {
            "content_type": att.content_type, "revpos": att.revpos, "digest": att.digest, "length": att.length,
            "stub" if att.data is None else "follows": True,
        }  # fmt: skip
        data = att.data
        encoding = "gzip" if is_text(att.content_type) else None
        if encoding:
            packed = pack(store.attachment(att.digest) if data is None else data)
            listed[name] |= {"encoding": encoding, "encoded_length": len(packed)}
            data = None if data is None else packed
        if data is not None:
            parts.append(Part(name, att.content_type, data, encoding))
    extra = _about(store, document, options) | ({"_attachments": listed} if listed else {})
    bare = msgspec.structs.replace(document, attachments=NO_ATTACHMENTS)
    return encode_document(bare, revisions=options.revisions, extra=extra), parts


def is_text(content_type: str) -> bool:
    """Whether CouchDB packs such a file: text of any kind (its setting `compressible_types`)."""
    return content_type.startswith("text/") or content_type.partition(";")[0].rstrip() in _TEXTS


def _about(store: Store, document: Document, options: ReadOptions) -> dict[str, Any]:
    """Further underscore fields, as asked for."""
    if not (options.conflicts or options.deleted_conflicts or options.revs_info):
        return {}
    extra: dict[str, Any] = {}
    tree = store.tree(document.id)
    others = [rev for rev in store.leaves(document.id) if rev != document.rev]
    if options.revs_info:
        past = ancestry(tree, document.rev)
        extra["_revs_info"] = [{"rev": rev, "status": "available" if tree[rev].body else "missing"} for rev in past]
    if options.conflicts and (living := [rev for rev in others if not tree[rev].deleted]):
        extra["_conflicts"] = living
    if options.deleted_conflicts and (dead := [rev for rev in others if tree[rev].deleted]):
        extra["_deleted_conflicts"] = dead
    return extra
