"""How far replication has come, written on both sides so that neither side's loss goes unnoticed.

Every checkpoint has a session id of its own. Where the two sides name different ones (a hub restored from
an older copy, a kill between the two writes), the newest that both still know counts; where they know none
in common, all is compared again. Starting too early costs a comparison, starting too late would lose records.
https://docs.couchdb.org/en/stable/replication/protocol.html#retrieve-replication-logs-from-source-and-target
"""

import asyncio
import hashlib
from typing import Any, Literal

import msgspec
import uuid_utils
from msgspec import Struct

from sync.errors import Conflict, Unreachable
from sync.replication.remote import RemoteDatabase
from sync.store.store import Store

Direction = Literal["push", "pull"]

# Each entry is some 100 bytes on a worker's link; with fewer, a restored hub more often means comparing all.
HISTORY_SIZE = 20


class CheckpointLost(Unreachable):
    """The hub's checkpoint is not the one we wrote last: it was restored, or somebody replicates beside us."""


class _Session(Struct, frozen=True):
    session_id: str
    recorded_seq: str | int


class _Log(Struct, frozen=True):
    session_id: str
    source_last_seq: str | int
    history: tuple[_Session, ...]
    replication_id_version: int = 4


_NO_LOG = _Log("", 0, ())


class Checkpoint:
    """The checkpoint of one direction between one store and one database of the hub."""

    def __init__(self, store: Store, remote: RemoteDatabase, direction: Direction) -> None:
        self._store = store
        self._remote = remote
        self._direction = direction
        self._key = ""
        self._log = _NO_LOG
        self._remote_session = ""

    async def find(self) -> str | int:
        """The sequence to go on from: the store's when pushing, the hub's when pulling; 0 for all.

        One request, so that a sync with nothing new costs little: a database that was made anew has lost its
        local documents too, and needs no other sign.
        """
        # Changing what goes in here makes every phone compare all it has once.
        parties = (self._direction, self._store.uuid, self._remote.name)
        self._key = "qixun-" + hashlib.sha256(msgspec.json.encode(parties)).hexdigest()[:32]
        kept = await asyncio.to_thread(self._store.get_local, self._key)
        local = _read(kept[1]) if kept else _NO_LOG
        present = await self._remote.get_local(self._key)
        remote = _convert(present)
        self._remote_session = remote.session_id
        known = {session.session_id for session in remote.history}
        for age, session in enumerate(local.history):
            if session.session_id in known:
                self._log = _Log(session.session_id, session.recorded_seq, local.history[age:])
                return session.recorded_seq
        self._log = _NO_LOG
        return 0

    async def write(self, seq: str | int) -> None:
        """Everything up to `seq` is durable on the other side. Raises `CheckpointLost`."""
        session = _Session(uuid_utils.uuid7().hex, seq)
        log = _Log(session.session_id, seq, (session, *self._log.history)[:HISTORY_SIZE])
        fields = msgspec.to_builtins(log)
        # CouchDB writes a local document whatever revision is named: only what it holds tells a restored hub.
        present = await self._remote.get_local(self._key)
        if _convert(present).session_id != self._remote_session:
            raise CheckpointLost("the hub does not have the checkpoint that was written last")
        if present is not None:
            fields["_rev"] = present["_rev"]
        try:
            await self._remote.put_local(self._key, fields)
        except Conflict as error:
            raise CheckpointLost("the hub's checkpoint was written by somebody else") from error
        self._remote_session = log.session_id
        self._log = log
        await asyncio.to_thread(self._store.put_local, self._key, msgspec.json.encode(log))


def _read(body: bytes) -> _Log:
    try:
        return msgspec.json.decode(body, type=_Log)
    except msgspec.MsgspecError:
        return _NO_LOG


def _convert(fields: dict[str, Any] | None) -> _Log:
    try:
        return msgspec.convert(fields, _Log) if fields else _NO_LOG
    except msgspec.MsgspecError:
        return _NO_LOG
