"""The databases of an embedded hub: one store file each in one folder, opened when asked for."""

import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from sync.endpoint.access import ADMIN_ROLE, UNIT_PREFIX, Gate, Group, Security
from sync.endpoint.users import PREFIX, USERS, Account, account_of
from sync.errors import BadRequest, FileExists, NotFound
from sync.store.store import Store

SUFFIX = ".couch.db"
# Stands in a file's name for the slash of a database's name, which has no comma.
SLASH = ","
_NAME = re.compile(r"[a-z][a-z0-9_$()+/-]*", re.ASCII)
# CouchDB's own limit; with our suffix and SQLite's "-journal" it is what a file name may have, too.
LONGEST_NAME = 238
# Each open store takes up to six file descriptors, of 1,024 that a process usually has.
OPEN_STORES = 64


class Limits(Struct, frozen=True):
    document_bytes: int = 8 * 1024 * 1024  # with its attachments
    request_bytes: int = 64 * 1024 * 1024
    # Of one answer that is put together in memory: a request may name the same file ten thousand times.
    answer_bytes: int = 256 * 1024 * 1024
    # Of a request from nobody known: a sign-in.
    stranger_bytes: int = 64 * 1024
    # Current revisions of one document: each further one costs as much as there are.
    leaves: int = 100
    # Of a member's checkpoint, and how many a database holds: what does not replicate must not fill the disk either.
    local_bytes: int = 64 * 1024
    local_count: int = 10_000


class DatabaseEvent(Struct, frozen=True):
    """One line of `_db_updates`."""

    seq: int
    db_name: str
    type: str  # "created", "updated" or "deleted"


class Hub:
    """The backend's way to the embedded hub; every call may come from any thread.

    `keys` maps each key id to the public key (PEM) that signs the phones' tokens; it is asked at every
    request, so that a withdrawn key is out at once.
    """

    def __init__(
        self,
        data_dir: Path,
        admin: tuple[str, str],
        keys: Callable[[], Mapping[str, str]],
        *,
        limits: Limits | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.limits = limits or Limits()
        self.gate = Gate(admin, keys, self._account)
        self.uuid = secrets.token_hex(16)
        self.closing = False
        self._lock = threading.RLock()
        # A store lives as long as anyone holds it; the hub itself holds the ones used last.
        self._stores: WeakValueDictionary[str, Store] = WeakValueDictionary()
        self._recent: OrderedDict[str, Store] = OrderedDict()
        self._securities: dict[str, Security] = {}
        self._events: OrderedDict[str, DatabaseEvent] = OrderedDict()
        self._event_seq = 0
        self._listeners: dict[object, Callable[[], None]] = {}
        data_dir.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """Ends the open feeds and closes all files."""
        self.end_feeds()
        with self._lock:
            for store in list(self._stores.values()):
                store.close()
            self._stores.clear()
            self._recent.clear()

    def end_feeds(self) -> None:
        """Ends every open feed, so that a server that waits for its answers can stop."""
        self.closing = True
        self._tell_listeners()
        for store in list(self._stores.values()):
            store.wake()

    def create_database(self, name: str, *, revs_limit: int | None = None) -> None:
        """`FileExists` if it is there, `BadRequest` for a name that CouchDB would refuse."""
        path = self._path(name)
        with self._lock:
            if path.exists() or name == USERS:
                raise FileExists("The database could not be created, the file already exists.")
            if revs_limit is None and name.startswith(UNIT_PREFIX):
                revs_limit = 20  # one writer: a long history would only make every pull larger
            self._keep(name, self._guarded(name, Store.open(path, revs_limit=revs_limit)))
            self._note(name, "created")

    def delete_database(self, name: str) -> None:
        path = self._path(name)
        with self._lock:
            self.store(name).close()
            self._stores.pop(name, None)
            self._recent.pop(name, None)
            self._securities.pop(name, None)
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            self._note(name, "deleted")

    def list_databases(self) -> list[str]:
        files = self.data_dir.glob("*" + SUFFIX)
        return sorted(file.name.removesuffix(SUFFIX).replace(SLASH, "/") for file in files)

    def has_database(self, name: str) -> bool:
        return self._path(name).exists()

    def store(self, name: str) -> Store:
        """The database's store; `NotFound` if there is none. It stays open while it is held."""
        with self._lock:
            store = self._stores.get(name)
            if store is None:
                path = self._path(name)
                if not path.exists() and name != USERS:  # which is there as soon as it is asked for
                    raise NotFound("Database does not exist.")
                store = self._guarded(name, Store.open(path))
            self._keep(name, store)
            return store

    def security(self, name: str) -> Security:
        with self._lock:
            known = self._securities.get(name)
            if known is None or name not in self._stores:
                raw = self.store(name).get_meta("security")
                known = msgspec.json.decode(raw, type=Security) if raw else Security()
                self._securities[name] = known
            return known

    def set_security(self, name: str, roles: list[str]) -> None:
        """Makes the holders of these roles the members of the database."""
        self.write_security(name, Security(members=Group(roles=tuple(roles) or (ADMIN_ROLE,))))

    def write_security(self, name: str, security: Security) -> None:
        with self._lock:
            store = self.store(name)
            store.set_meta("security", msgspec.json.encode(security).decode())
            self._securities[name] = security
            store.wake()

    # _db_updates

    @property
    def event_seq(self) -> int:
        return self._event_seq

    def events(self, since: int) -> list[DatabaseEvent]:
        """Each database touched after `since`, once. The numbers begin anew with each start of the hub."""
        with self._lock:
            return [event for event in self._events.values() if event.seq > since]

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` whenever any database changes; returns the way to stop it."""
        token = object()
        self._listeners[token] = listener
        return lambda: self._listeners.pop(token, None) and None

    # Inside

    def _path(self, name: str) -> Path:
        if (_NAME.fullmatch(name) is None and name != USERS) or len(name) > LONGEST_NAME:
            raise BadRequest(
                f"Name: '{name}'. Only lowercase characters (a-z), digits (0-9), and any of the characters "
                "_, $, (, ), +, -, and / are allowed. Must begin with a letter.",
                error="illegal_database_name",
            )
        return self.data_dir / (name.replace("/", SLASH) + SUFFIX)

    def _account(self, name: str) -> Account | None:
        return account_of(self.store(USERS).get(PREFIX + name)) if self.has_database(USERS) else None

    def _guarded(self, name: str, store: Store) -> Store:
        store.most_leaves = self.limits.leaves
        # Reference data is written often, by one writer, who needs no past.
        store.keeps_superseded = not name.startswith(UNIT_PREFIX)
        return store

    def _keep(self, name: str, store: Store) -> None:
        if name not in self._stores:
            self._stores[name] = store
            self._watch(name, store)
        self._recent[name] = store
        self._recent.move_to_end(name)
        while len(self._recent) > OPEN_STORES:
            self._recent.popitem(last=False)

    def _watch(self, name: str, store: Store) -> None:
        def note() -> None:
            self._note(name, "updated")

        store.subscribe(note)

    def _note(self, name: str, kind: str) -> None:
        with self._lock:
            self._event_seq += 1
            self._events[name] = DatabaseEvent(self._event_seq, name, kind)
            self._events.move_to_end(name)
        self._tell_listeners()

    def _tell_listeners(self) -> None:
        for listener in tuple(self._listeners.values()):
            listener()
