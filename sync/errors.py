"""Everything that `sync` refuses, in CouchDB's own words and statuses.

Exception
└── SyncError            error, reason, status
    ├── BadRequest       400 bad_request
    ├── Unauthorized     401 unauthorized
    ├── Forbidden        403 forbidden
    ├── NotFound         404 not_found
    ├── NotAllowed       405 method_not_allowed
    ├── NotAcceptable    406 not_acceptable
    ├── Conflict         409 conflict
    ├── FileExists       412 file_exists
    ├── MissingStub      412 missing_stub
    ├── TooLarge         413 too_large, document_too_large
    ├── UnsupportedType  415 bad_content_type
    ├── NotImplementedHere 501 not_implemented
    ├── Unreachable      503 unreachable: nothing is known of the request's fate
    └── StoreError       500 the document file cannot be used
"""

from typing import ClassVar

# CouchDB's words for what will not change by itself; anything else (a time-out, a full disk) is tried again.
FINAL = frozenset({
    "forbidden", "unauthorized", "doc_validation", "illegal_docid", "bad_request", "missing_stub",
    "document_too_large", "attachment_too_large", "too_large",
})  # fmt: skip


class SyncError(Exception):
    """A refusal: what CouchDB calls it, a sentence for a person, and its HTTP status."""

    status: ClassVar[int] = 500
    default_error: ClassVar[str] = "internal_server_error"

    def __init__(self, reason: str, *, error: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error or self.default_error


class BadRequest(SyncError):  # noqa: N818 (these are CouchDB's words)
    status = 400
    default_error = "bad_request"


class Unauthorized(SyncError):  # noqa: N818
    status = 401
    default_error = "unauthorized"


class Forbidden(SyncError):  # noqa: N818
    status = 403
    default_error = "forbidden"


class NotFound(SyncError):  # noqa: N818
    status = 404
    default_error = "not_found"

    def __init__(self, reason: str = "missing") -> None:
        super().__init__(reason)


class NotAllowed(SyncError):  # noqa: N818
    status = 405
    default_error = "method_not_allowed"


class NotAcceptable(SyncError):  # noqa: N818
    status = 406
    default_error = "not_acceptable"


class Conflict(SyncError):  # noqa: N818
    status = 409
    default_error = "conflict"

    def __init__(self, reason: str = "Document update conflict.") -> None:
        super().__init__(reason)


class FileExists(SyncError):  # noqa: N818
    status = 412
    default_error = "file_exists"


class MissingStub(SyncError):  # noqa: N818
    status = 412
    default_error = "missing_stub"


class TooLarge(SyncError):  # noqa: N818
    status = 413
    default_error = "too_large"


class UnsupportedType(SyncError):  # noqa: N818
    status = 415
    default_error = "bad_content_type"


class NotImplementedHere(SyncError):  # noqa: N818
    status = 501
    default_error = "not_implemented"


class Unreachable(SyncError):  # noqa: N818
    """No answer, or none that a hub gives. `connected` tells a failing hub from a missing network."""

    status = 503
    default_error = "unreachable"

    def __init__(self, reason: str, *, connected: bool = True) -> None:
        super().__init__(reason)
        self.connected = connected


class StoreError(SyncError):
    """The document file is not ours, is broken, or comes from a newer version."""

    default_error = "store_error"


def is_final(error: str) -> bool:
    return error in FINAL
