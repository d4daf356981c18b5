"""One worker's phone: the app's own code without its screens, told what to do by lines of JSON.

The journal is the truth of what was acknowledged: a line is written and flushed to the disk after the app said 已存,
and lies outside of the phone's own folder, so that a phone restored from a backup cannot take it back.
"""

import asyncio
import functools
import hashlib
import io
import json
import os
import random
import socket
import sqlite3
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image

import mobile_app.clock
import mobile_app.session
from mobile_app.errors import WorkError
from mobile_app.phone import Phone
from mobile_app.photo_drafts import PhotoDraft, Picture
from mobile_app.syncing import Syncing
from sync.documents.envelope import Record, new_id
from sync.documents.hazards import HazardReported, ThirdPartyWorksReported
from sync.errors import SyncError

# Phones start by the dozen a minute here; what a password costs is tested elsewhere.
_QUICK_HASH = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}
_REAL = datetime


class Jumped(datetime):
    """The phone's own clock, set wrong: a process cannot have another system clock than its neighbours."""

    shift = timedelta()

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return _REAL.now(tz) + cls.shift

    @classmethod
    def fromtimestamp(cls, timestamp: float, tz: Any = None) -> datetime:  # type: ignore[override]
        return _REAL.fromtimestamp(timestamp, tz)

    @classmethod
    def fromisoformat(cls, text: str) -> datetime:  # type: ignore[override]
        return _REAL.fromisoformat(text)


class Journal:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, *entries: dict[str, Any]) -> None:
        # Begun on a line of its own: what a full disk has cut off before is no entry.
        os.write(self._file, b"\n" + b"".join(json.dumps(entry).encode() + b"\n" for entry in entries))
        os.fsync(self._file)


class Commands:
    def __init__(self, phone: Phone, journal: Journal) -> None:
        self._phone, self._journal = phone, journal
        self._syncing = Syncing(phone)

    async def open(self, number: str, password: str) -> dict[str, Any]:
        profile = await self._phone.sign_in(number, password)
        self._syncing.start()
        return {"staff_id": profile.staff.staff_id, "device_id": profile.device_id}

    async def record(
        self, kind: str, note: str = "", photos: Iterable[tuple[int, int]] = (), about: str = ""
    ) -> dict[str, Any]:
        """`photos` are pictures of noise: size in pixels (negative: without an unmarked original) and seed."""
        drafts = [_photo(abs(size), seed, original=size > 0) for size, seed in photos]
        fields: dict[str, Any] = {"hazard_type": "exposed_pipe"}
        if kind != "hazard":
            fields = {"machinery": ("excavator",), "kind": "guarding" if about else "found", "works_id": about}
        shape = HazardReported if kind == "hazard" else ThirdPartyWorksReported
        record = await self._phone.record(shape, photos=drafts, note=note, **fields)
        pictures = [picture for draft in drafts for picture in (draft.original, draft.picture) if picture]
        self._journal.note(
            _entry(record),
            *({"id": picture.id, "database": "media", "length": len(picture.data)} for picture in pictures),
        )
        return {"id": record.id}

    async def giant(self, size_bytes: int) -> dict[str, Any]:
        """A record that no form of the app lets anybody make, kept by the store all the same."""
        profile, store = self._phone.profile, self._phone.record_store()
        made: list[Record] = []

        def make(number: int) -> Record:
            made.append(
                HazardReported(
                    id=new_id("hazard.reported"),
                    schema_version=1,
                    record_number=number,
                    recorded=self._phone.clock.now(),
                    staff_id=profile.staff.staff_id,
                    unit_id=profile.units[0].unit_id,
                    device_id=profile.device_id,
                    hazard_type="exposed_pipe",
                    note="x" * size_bytes,
                )
            )
            return made[-1]

        await asyncio.to_thread(store.append, make)
        self._journal.note({**_entry(made[-1]), "giant": True})
        return {"id": made[-1].id}

    async def wake(self) -> dict[str, Any]:
        self._syncing.wake()
        return {}

    async def token(self) -> dict[str, Any]:
        profile = self._phone.profile
        return {
            "token": await self._phone.session.token(),
            "user": profile.databases.user[0],
            "media": profile.databases.media[0],
            "staff_id": profile.staff.staff_id,
            "device_id": profile.device_id,
            "unit_id": profile.units[0].unit_id,
        }

    async def oversleep(self) -> dict[str, Any]:
        """The phone slept past its token's end: it believes in a token that the hub does not take any more."""
        self._phone.session._renew_at = float("inf")
        return {}

    async def clock(self, shift_s: float) -> dict[str, Any]:
        _jump(shift_s)
        return {}

    async def status(self) -> dict[str, Any]:
        status = msgspec.to_builtins(self._syncing.status)
        return {"counts": await self._phone.counts(), "photos": await self._phone.photo_counts(), "status": status}

    async def close(self) -> dict[str, Any]:
        await self._syncing.stop()
        await self._phone.close()
        return {}


def _entry(record: Record) -> dict[str, Any]:
    body = msgspec.to_builtins(record)
    return {"id": body.pop("_id"), "database": "user", "number": record.record_number, "body": body}


def _photo(size: int, seed: int, *, original: bool) -> PhotoDraft:
    noise = random.Random(seed)

    def picture() -> Picture:
        out = io.BytesIO()
        Image.frombytes("RGB", (size, size), noise.randbytes(3 * size * size)).save(out, "JPEG", quality=90)
        return Picture(hashlib.sha256(out.getvalue()).hexdigest(), size, size, out.getvalue())

    clock = mobile_app.clock
    moment = clock.Moment(at=_REAL.now(UTC), boot_id=clock.boot_id(), monotonic_s=clock.monotonic())
    marked, unmarked = picture(), picture() if original else None
    return PhotoDraft(picture=marked, original=unmarked, source="camera", recorded=moment, position=None)


def _jump(shift_s: float) -> None:
    Jumped.shift = timedelta(seconds=shift_s)
    for name, module in tuple(sys.modules.items()):
        if name.startswith(("mobile_app.", "sync.")) and getattr(module, "datetime", None) is _REAL:
            module.datetime = Jumped  # type: ignore[attr-defined]


async def _serve(control: socket.socket, data: str, server: str, journal: str) -> None:
    reader, writer = await asyncio.open_connection(sock=control)
    commands = Commands(await Phone.open(Path(data), server, name=Path(data).name), Journal(Path(journal)))
    while line := await reader.readline():
        command = json.loads(line)
        try:
            answer = await getattr(commands, command.pop("do"))(**command)
        except (SyncError, WorkError, sqlite3.Error, OSError, msgspec.MsgspecError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        writer.write(json.dumps(answer, default=str).encode() + b"\n")
        await writer.drain()


def main(control: socket.socket, data: str, server: str, journal: str, *, boot: int, shift_s: float) -> None:
    mobile_app.session.PasswordHasher = functools.partial(  # type: ignore[misc,assignment]
        mobile_app.session.PasswordHasher, **_QUICK_HASH
    )
    mobile_app.clock.boot_id = lambda: f"boot-{boot}"
    if shift_s:
        _jump(shift_s)
    asyncio.run(_serve(control, data, server, journal))
