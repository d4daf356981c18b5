"""A quarter's archive: every document of a hub database in one compressed file, before the database is dropped.

`archives/<quarter>/<database>.<sequence>.ndjson.gz` in the data directory, one JSON object a line: first what it is an
archive of, then each current revision as CouchDB would give it (`_id`, `_rev`, `_revisions`, `_attachments`). A photo
whose picture lies in the photo store under its hash is a stub here; any other attachment is inside, in base64.
"""

import asyncio
import base64
import gzip
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from backend.errors import MissingError
from backend.intake.hub import HubClient, number_of
from backend.intake.hub_admin import Leaf, list_leaves, read_leaves, write_again
from backend.intake.manifest import digest_of, field_leaves
from backend.photos.service import PhotoStore, check_file
from sync.databases import parse_database
from sync.documents.photos import is_file

FORMAT = 1
_DOCUMENTS_AT_ONCE, _PICTURES_AT_ONCE = 500, 10


class ArchiveError(Exception):
    """The archive is not what was to be kept; nothing may be dropped for it."""


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """`sha256` is the file's, `digest` the manifest's that its lines give again."""

    path: str
    sha256: bytes
    seq: str
    documents: int
    digest: bytes


class Head(msgspec.Struct, frozen=True, kw_only=True):
    qixun_archive: int
    database: str
    seq: str
    made_at: datetime
    documents: int
    manifest_sha256: str


class Archives:
    def __init__(self, folder: Path, photos: PhotoStore) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._store = LocalStore(folder)
        self._photos = photos

    async def keep(self, hub: HubClient, name: str) -> Archived:
        """Writes the whole database to the archive and reads it back; raises `ArchiveError`, `HubError`, `OSError`."""
        parsed = parse_database(name)
        assert parsed is not None, f"{name} is no name of a hub database"
        leaves, seq = await list_leaves(hub, name)
        digest = digest_of(field_leaves(leaves))
        head = Head(
            qixun_archive=FORMAT,
            database=name,
            seq=seq,
            made_at=datetime.now(UTC),
            documents=len(leaves),
            manifest_sha256=digest.hex(),
        )
        path = f"{parsed.quarter}/{name}.{number_of(seq)}.ndjson.gz"
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".", suffix=".new") as file:
            with gzip.open(file, "wb", compresslevel=6) as packed:
                packed.write(msgspec.json.encode(head) + b"\n")
                async for line in self._lines(hub, name, leaves):
                    await asyncio.to_thread(packed.write, line + b"\n")
            file.flush()
            try:
                await obstore.put_async(self._store, path, Path(file.name))
            except BaseError as error:
                raise OSError(f"the archive {path} cannot be kept: {error}") from error
        sha256 = await self._verify(path, head)
        return Archived(path=path, sha256=sha256, seq=seq, documents=len(leaves), digest=digest)

    async def write_back(self, hub: HubClient, path: str) -> int:
        """Puts every document of an archive into its hub database again, which must be there; how many."""
        head, count, batch = None, 0, []
        for line in await asyncio.to_thread(lambda data: list(_unpacked(data)), await self._read(path)):
            if head is None:
                head = _head(line, path)
                continue
            batch.append(await self._whole(line))
            count += 1
            if len(batch) == _PICTURES_AT_ONCE:
                await write_again(hub, head.database, batch)
                batch = []
        if head is None:
            raise ArchiveError(f"{path} is empty")
        if batch:
            await write_again(hub, head.database, batch)
        return count

    async def _lines(self, hub: HubClient, name: str, leaves: Sequence[Leaf]) -> AsyncIterator[bytes]:
        pictured = [leaf for leaf in leaves if await self._has_picture(leaf)]
        known = set(pictured)
        rest = [leaf for leaf in leaves if leaf not in known]
        async for _, raw in read_leaves(hub, name, pictured, _DOCUMENTS_AT_ONCE, attachments=False):
            yield _one_line(raw)
        at_once = _PICTURES_AT_ONCE if name.startswith("media_") else _DOCUMENTS_AT_ONCE
        async for _, raw in read_leaves(hub, name, rest, at_once, attachments=True):
            yield _one_line(raw)

    async def _has_picture(self, leaf: Leaf) -> bool:
        if leaf.deleted or not is_file(leaf.id):
            return False
        try:
            picture = await self._photos.get(leaf.id)
        except (MissingError, OSError):
            return False
        return not await asyncio.to_thread(check_file, leaf.id, picture)

    async def _whole(self, line: bytes) -> bytes:
        """A stub's picture comes from the photo store."""
        fields: dict[str, Any] = msgspec.json.decode(line)
        for attachment in fields.get("_attachments", {}).values():
            if attachment.get("stub"):
                picture = await self._photos.get(fields["_id"])
                attachment["data"] = base64.b64encode(picture).decode()
                for key in ("stub", "length", "digest", "revpos"):
                    attachment.pop(key, None)
        return msgspec.json.encode(fields)

    async def _verify(self, path: str, head: Head) -> bytes:
        data = await self._read(path)
        return await asyncio.to_thread(_verified, data, path, head)

    async def _read(self, path: str) -> bytes:
        try:
            found = await obstore.get_async(self._store, path)
            return bytes(await found.bytes_async())
        except (BaseError, FileNotFoundError) as error:
            raise ArchiveError(f"没有这个归档 / there is no archive {path}: {error}") from error


def _verified(data: bytes, path: str, head: Head) -> bytes:
    """The file's SHA-256, if what it holds is what was listed."""
    lines = _unpacked(data)
    if _head(next(lines, b""), path) != head:
        raise ArchiveError(f"{path} does not begin as it was written")
    found = [_leaf(line) for line in lines]
    if len(found) != head.documents or digest_of(field_leaves(found)).hex() != head.manifest_sha256:
        raise ArchiveError(f"{path} holds something else than was listed")
    return hashlib.sha256(data).digest()


def _unpacked(data: bytes) -> Iterator[bytes]:
    try:
        yield from gzip.decompress(data).splitlines()
    except (OSError, EOFError) as error:
        raise ArchiveError(f"an archive is damaged: {error}") from error


def _head(line: bytes, path: str) -> Head:
    with suppress(msgspec.MsgspecError):
        head = msgspec.json.decode(line, type=Head)
        if head.qixun_archive == FORMAT:
            return head
    raise ArchiveError(f"{path} is no archive of this version")


def _leaf(line: bytes) -> Leaf:
    fields: dict[str, Any] = msgspec.json.decode(line)
    return Leaf(fields["_id"], fields["_rev"], bool(fields.get("_deleted")))


def _one_line(raw: bytes) -> bytes:
    """JSON text never needs a line break, but may have them between its parts."""
    return raw if b"\n" not in raw and b"\r" not in raw else msgspec.json.format(raw, indent=-1)
