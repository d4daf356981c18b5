"""What the store takes and gives."""

import base64
import hashlib
from collections.abc import Mapping

from msgspec import Struct

NO_ATTACHMENTS: Mapping[str, "Attachment"] = {}


class Attachment(Struct, frozen=True):
    """A file on a document; `data` is None for a stub (known by its digest, not carried)."""

    content_type: str
    digest: str  # `md5_digest` of its bytes
    length: int  # bytes
    revpos: int  # generation of the revision it came with
    data: bytes | None = None

    @classmethod
    def of(cls, content_type: str, data: bytes, *, revpos: int = 0) -> "Attachment":
        """An attachment carrying its data; a `revpos` of 0 means the revision it is written with."""
        return cls(content_type, md5_digest(data), len(data), revpos, data)


def md5_digest(data: bytes) -> str:
    """As CouchDB names a file: "md5-" and the base64 of its MD5."""
    return "md5-" + base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


class Document(Struct, frozen=True):
    """One revision of a document. `body` is a JSON object without CouchDB's underscore fields."""

    id: str
    rev: str
    body: bytes
    deleted: bool = False
    attachments: Mapping[str, Attachment] = NO_ATTACHMENTS
    revisions: tuple[str, ...] = ()  # "N-x", newest first, starting with `rev`


class MissingRev(Struct, frozen=True):
    """Stands where a wanted revision is not here."""

    id: str
    rev: str


class Change(Struct, frozen=True):
    seq: int
    id: str
    revs: tuple[str, ...]  # the leaves, the winner first
    deleted: bool  # of the winner


class Missing(Struct, frozen=True):
    """An answer of `_revs_diff`."""

    missing: tuple[str, ...]
    possible_ancestors: tuple[str, ...] = ()


class StoreInfo(Struct, frozen=True):
    doc_count: int
    deleted_count: int
    update_seq: int
    size_bytes: int
