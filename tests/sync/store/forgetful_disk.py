"""A disk that keeps only what it was told to sync: SQLite's own file layer (VFS) with a recorder in between.

Inside `Recorder(folder)` each write, truncation, sync and deletion that SQLite makes in the folder is done and written
down. `images` then plays the record up to any moment and lays out what a power cut at that moment may leave: what was
synced is there, of all else each 512-byte sector may be there or not, in any mixture. The shared-memory index (`-shm`)
is never left. Not shown: a disk that lies about syncing, and a file's name that is lost though its content was synced.

It also plays a full disk: `room` is how many more writes succeed.
"""

import _sqlite3
import ctypes
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

SECTOR_BYTES = 512
_OK, _FULL = 0, 13
# SQLITE_OPEN_MAIN_JOURNAL and SQLITE_OPEN_WAL: the first sync of such a file syncs its folder too (os_unix.c).
_JOURNAL = 0x800 | 0x80000

_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)
# Names as bare pointers: SQLite's files keep the pointer, not a copy of what it points to.
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)


class _Methods(Structure):
    """`sqlite3_io_methods` (sqlite3.h), version 3."""

    _fields_ = [
        ("version", c_int), ("close", c_void_p), ("read", c_void_p), ("write", _Write), ("truncate", _Truncate),
        ("sync", _Sync), *((f"further{n}", c_void_p) for n in range(13)),
    ]  # fmt: skip


class _Vfs(Structure):
    """`sqlite3_vfs` (sqlite3.h), version 3."""

    _fields_ = [
        ("version", c_int), ("file_bytes", c_int), ("longest_path", c_int), ("next", c_void_p), ("name", c_char_p),
        ("app_data", c_void_p), ("open", _Open), ("delete", _Delete), *((f"further{n}", c_void_p) for n in range(14)),
    ]  # fmt: skip


# The very library that Python's own module uses.
_sqlite = ctypes.CDLL(_sqlite3.__file__)
_sqlite.sqlite3_vfs_find.restype = POINTER(_Vfs)


@contextmanager
def quick_folder() -> Iterator[Path]:
    """In memory where there is such a place: hundreds of files are opened that no real cut threatens."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@dataclass
class Event:
    """`kind`: write, truncate, delete, sync, sync_folder; or ack, with what was acknowledged."""

    kind: str
    file: str = ""
    offset: int = 0
    data: bytes = b""
    what: Any = None


class Recorder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Event] = []
        self.before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} if folder.exists() else {}
        self.room: int | None = None
        self._names: dict[int, str] = {}
        self._real: dict[int, _Methods] = {}
        self._copies: dict[int, _Methods] = {}
        self._syncs_folder: set[int] = set()
        self._default = _sqlite.sqlite3_vfs_find(None)
        self._vfs = _Vfs.from_buffer_copy(self._default.contents)
        self._vfs.name = b"recorder"
        self._vfs.open, self._vfs.delete = _Open(self._open), _Delete(self._delete)
        self._write, self._truncate, self._sync = (
            _Write(self._on_write),
            _Truncate(self._on_truncate),
            _Sync(self._on_sync),
        )

    def __enter__(self) -> Self:
        assert _sqlite.sqlite3_vfs_register(ctypes.byref(self._vfs), 1) == _OK
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """The files that were opened inside must be closed by now."""
        _sqlite.sqlite3_vfs_unregister(ctypes.byref(self._vfs))
        assert _sqlite.sqlite3_vfs_register(self._default, 1) == _OK

    def acknowledge(self, what: Any) -> None:
        self.events.append(Event("ack", what=what))

    # What SQLite calls

    def _open(self, _vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
        done: int = self._default.contents.open(ctypes.addressof(self._default.contents), name, file, flags, out)
        path = Path(ctypes.string_at(name).decode()) if name else None
        if done == _OK and path is not None and path.parent == self.folder:
            place = c_void_p.from_address(file)
            assert place.value is not None
            real = _Methods.from_address(place.value)
            copy = self._copies.get(place.value)
            if copy is None:
                copy = self._copies[place.value] = _Methods.from_buffer_copy(real)
                copy.write, copy.truncate, copy.sync = self._write, self._truncate, self._sync
            self._names[file], self._real[file] = path.name, real
            if flags & _JOURNAL:
                self._syncs_folder.add(file)
            place.value = ctypes.addressof(copy)
        return done

    def _delete(self, _vfs: int, name: int, sync: int) -> int:
        path = Path(ctypes.string_at(name).decode())
        if path.parent == self.folder:
            self.events.append(Event("delete", path.name))
            if sync:
                self.events.append(Event("sync_folder"))
        done: int = self._default.contents.delete(ctypes.addressof(self._default.contents), name, sync)
        return done

    def _on_write(self, file: int, data: int, length: int, offset: int) -> int:
        if self.room is not None:
            if self.room <= 0:
                return _FULL
            self.room -= 1
        self.events.append(Event("write", self._names[file], offset, ctypes.string_at(data, length)))
        done: int = self._real[file].write(file, data, length, offset)
        return done

    def _on_truncate(self, file: int, length: int) -> int:
        self.events.append(Event("truncate", self._names[file], length))
        done: int = self._real[file].truncate(file, length)
        return done

    def _on_sync(self, file: int, flags: int) -> int:
        done: int = self._real[file].sync(file, flags)
        self.events.append(Event("sync", self._names[file]))
        if file in self._syncs_folder:
            self._syncs_folder.remove(file)
            self.events.append(Event("sync_folder"))
        return done


@dataclass
class _File:
    synced: bytearray | None = None  # None: there is no such file
    pending: list[Event] = field(default_factory=list)

    def settle_deletion(self) -> None:
        deleted = max((n for n, event in enumerate(self.pending) if event.kind == "delete"), default=None)
        if deleted is not None:
            self.synced, self.pending = None, self.pending[deleted + 1 :]


@dataclass
class Image:
    """What the cut left, and what had been acknowledged by then."""

    files: dict[str, bytes]
    acknowledged: list[Any]
    moment: str

    def lay_out(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)


def images(recorder: Recorder, *, seed: int, every: int = 10) -> Iterator[Image]:
    """A cut before each sync, after each acknowledgement, and in between at every so many steps."""
    chance = random.Random(seed)
    files = {name: _File(bytearray(content)) for name, content in recorder.before.items()}
    acknowledged: list[Any] = []
    for number, event in enumerate(recorder.events):
        if event.kind == "sync" or number % every == 0:
            yield _cut(files, acknowledged, chance, f"before step {number} ({event.kind} {event.file}), seed {seed}")
        if event.kind == "ack":
            acknowledged.append(event.what)
            yield _cut(files, acknowledged, chance, f"after step {number} (acknowledged), seed {seed}")
            continue
        if event.kind == "sync_folder":
            for gone in files.values():
                gone.settle_deletion()
            continue
        file = files.setdefault(event.file, _File())
        if event.kind == "sync":
            file.synced = _applied(file.synced, file.pending)
            file.pending = []
        else:
            file.pending.append(event)
    yield _cut(files, acknowledged, chance, f"at the end, seed {seed}")


def _cut(files: dict[str, _File], acknowledged: list[Any], chance: random.Random, moment: str) -> Image:
    left = {}
    for name, file in files.items():
        if name.endswith("-shm"):
            continue
        luck = chance.choice((0.0, 1.0, chance.random()))
        survived = [torn for event in file.pending for torn in _sectors(event) if chance.random() < luck]
        content = _applied(file.synced, survived)
        if content is not None:
            left[name] = bytes(content)
    return Image(left, list(acknowledged), moment)


def _sectors(event: Event) -> list[Event]:
    if event.kind != "write":
        return [event]
    step = SECTOR_BYTES
    cuts = [0, *range(step - event.offset % step, len(event.data), step), len(event.data)]
    return [Event("write", event.file, event.offset + start, event.data[start:end]) for start, end in pairwise(cuts)]


def _applied(content: bytearray | None, events: list[Event]) -> bytearray | None:
    result = None if content is None else bytearray(content)
    for event in events:
        if event.kind == "delete":
            result = None
            continue
        result = bytearray() if result is None else result
        if event.kind == "truncate":
            del result[event.offset :]
        else:
            result.extend(bytes(max(0, event.offset - len(result))))
            result[event.offset : event.offset + len(event.data)] = event.data
    return result
