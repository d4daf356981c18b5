"""A document with its files as one `multipart/related` message, as CouchDB's replicator sends it.

https://docs.couchdb.org/en/stable/api/document/common.html#creating-multiple-attachments
"""

import re
import secrets

from sync.store.models import Document
from sync.store.wire import encode_document

_LINE_END = re.compile(r"[\r\n]+")


def write_related(document: Document) -> tuple[str, bytes]:
    """Content type and body; every attachment carries its data."""
    boundary = secrets.token_hex(16)
    parts = [b"Content-Type: application/json\r\n\r\n" + encode_document(document, revisions=True, follows=True)]
    for name, attachment in document.attachments.items():
        safe = _LINE_END.sub(" ", name).replace("\\", "\\\\").replace('"', '\\"')
        kind = _LINE_END.sub(" ", attachment.content_type)
        data = attachment.data or b""
        head = f'Content-Disposition: attachment; filename="{safe}"\r\nContent-Type: {kind}\r\n'
        parts.append(head.encode() + f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
    line = b"--" + boundary.encode()
    body = b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--"
    return f'multipart/related; boundary="{boundary}"', body
