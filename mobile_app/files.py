"""Small files that must survive a kill: written beside, flushed, and put in place in one step."""

import os
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


def write_durable(path: Path, data: bytes) -> None:
    """Readable by this user alone; on the disk when it returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_struct(path: Path, kind: type[T]) -> T | None:
    """What `write_durable` kept, or None when it is not there or cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None
