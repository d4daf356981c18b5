"""Sending and receiving while the app runs, and one status line that never says more than is true.

Records go first, then the office's answers come, then reference data, then photos. Each database has its own
replicator, so that one that refuses (401, 403, 404: stale, nothing is deleted) hinders no other.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from mobile_app import errors
from mobile_app.closed_quarters import drop_closed, still_to_sync
from mobile_app.device_report import device_report
from mobile_app.office_news import act_on_membership, newer_membership, take_receipts
from mobile_app.phone import Phone
from mobile_app.stores import is_downloading, note_download
from mobile_app.sync_status import StatusBoard, SyncStatus
from sync.databases import parse_database
from sync.errors import Forbidden, NotFound, StoreError, SyncError, Unauthorized, Unreachable
from sync.store.store import Store

if TYPE_CHECKING:
    from sync.replication import RemoteDatabase, Replicator

__all__ = ["SyncStatus", "Syncing"]

# A database that refused is asked again: rights come back without the phone being told.
ASK_AGAIN_S = 30.0
# Without a network a try costs nothing.
OFFLINE_PAUSE_S = 0.8
LONGEST_PAUSE_S = 30.0
# The office shows a device as silent after some minutes without this.
STATUS_EVERY_S = 60.0
# How often it is looked whether another quarter or unit is to be replicated.
PLAN_EVERY_S = 5.0
# Photos wait for records, but not for one that the hub keeps failing at.
PHOTOS_EVERY_S = 2.0
# Photos that were sent long ago are compared so often: the hub may have been restored from an older copy.
PHOTOS_RECHECK_S = 600.0
# A full disk may have room again.
FILES_AGAIN_S = 5.0
_LOOK_EVERY_S = 0.1
# `sync_now` waits at most so long for what is being sent live.
SENT_WITHIN_S = 30.0

# What is noted of the phone's own files.
_FILES = "files"

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Syncing:
    """`start` when somebody has signed in, `stop` before he signs out or the app ends."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self._board = StatusBoard(phone)
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._woken = asyncio.Event()
        self._replan = asyncio.Event()
        self._news = asyncio.Event()
        self._live: list[Replicator] = []
        self._wakes = 0
        self._one_round = asyncio.Lock()

    @property
    def status(self) -> SyncStatus:
        return self._board.status

    def subscribe(self, listener: Callable[[SyncStatus], None]) -> Callable[[], None]:
        """Calls `listener` on the event loop with each new status; returns the way to stop it."""
        return self._board.subscribe(listener)

    def start(self) -> None:
        if self._task is None or self._task.done():
            self._stop.clear()
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._stop.set()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._live.clear()

    def wake(self) -> None:
        """The network is back, or the worker asks: tries at once instead of after a pause."""
        self._woken.set()
        self._wakes += 1
        for replicator in self._live:
            replicator.wake()

    async def read_status(self) -> SyncStatus:
        """The status as the phone's files are now."""
        await self._board.refresh()
        return self.status

    async def sync_now(self) -> SyncStatus:
        """Everything once, both ways, and the status then. Never raises for a missing network: the status tells."""
        self.wake()
        if self._live:
            await self._wait_until_sent()
        else:
            await self._round()
        return await self.read_status()

    # The life of it

    async def _run(self) -> None:
        unsubscribe = self.phone.subscribe(self._board.changed)
        helpers = [
            asyncio.create_task(part) for part in (self._board.keep_drawn(), self._report_device(), self._read_news())
        ]
        pause_s = OFFLINE_PAUSE_S
        try:
            while not self._stop.is_set():
                if await self._round():
                    pause_s = OFFLINE_PAUSE_S
                    await self._on_files(self._live_until_replanned())
                else:
                    await self._pause(pause_s)
                    pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S) if self._board.online else OFFLINE_PAUSE_S
        finally:
            unsubscribe()
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def _round(self) -> bool:
        """One pass over all databases in their order; False when the server did not answer or wants a sign-in, or where
        the phone's own files failed.
        """
        return bool(await self._on_files(self._pass()))

    async def _on_files(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Does it, or notes that the phone's files failed: when there is room again, it goes on."""
        try:
            done = await work
        except StoreError as error:
            _log.exception("the phone's files failed")
            problem = errors.store_problem(error)
            self._board.note(_FILES, problem.zh, problem.en)
            return None
        self._board.clear(_FILES)
        return done

    async def _pass(self) -> bool:
        async with self._one_round:
            if not await self._reach():
                return False
            await asyncio.to_thread(import_module, "sync.replication")  # beside the screen: it takes a moment
            for kinds, push, pull in ((("user",), True, True), (("unit",), False, True), (("media",), True, False)):
                for name in await asyncio.to_thread(self._planned):
                    found = parse_database(name)
                    if found is not None and found.kind in kinds:
                        await self._once(name, push=push, pull=pull)
                if "user" in kinds:
                    await self._take_receipts()
                    await self._take_membership()
                    await asyncio.to_thread(drop_closed, self.phone)
            self._board.changed()
            return self._board.online

    async def _reach(self) -> bool:
        """A valid token, and with it the list of databases and the server's time."""
        try:
            await self.phone.session.token()
        except errors.WorkError as error:
            answers = error.status > 0 if isinstance(error, errors.ServerError) else error.facts.get("answered", False)
            self._board.went_silent(error.zh, error.en, online=answers)
            return False
        self._board.answered()
        return True

    async def _once(self, name: str, *, push: bool, pull: bool) -> None:
        async with self._remote(name) as remote:
            store = await asyncio.to_thread(self._store, name)
            replicator = self._replicator(store, remote, push=push, pull=pull)
            await self._guarded(name, replicator.run_once() if push else self._pull_whole(store, replicator))

    async def _pull_whole(self, store: Store, replicator: "Replicator") -> None:
        """A unit's data: no task starts before they are all here for the first time."""
        await asyncio.to_thread(note_download, store, whole=False)
        await replicator.run_once()
        if await asyncio.to_thread(is_downloading, store):
            await asyncio.to_thread(note_download, store, whole=True)
            self.phone.tell()

    async def _live_until_replanned(self) -> None:
        """Replicates all databases live, until another quarter begins or the units change."""
        plan = await asyncio.to_thread(self._planned)
        self._replan.clear()
        async with AsyncExitStack() as stack:
            tasks = [asyncio.create_task(self._watch_plan(plan))]
            try:
                for name in plan:
                    remote = await stack.enter_async_context(self._remote(name))
                    store = await asyncio.to_thread(self._store, name)
                    found = parse_database(name)
                    kind = found.kind if found else "user"
                    replicator = self._replicator(store, remote, push=kind != "unit", pull=kind != "media")
                    if kind == "media":
                        tasks.append(asyncio.create_task(self._photos_live(name, replicator)))
                    else:
                        self._live.append(replicator)
                        tasks.append(asyncio.create_task(self._keep_live(name, store, replicator)))
                await tasks[0]
            finally:
                self._live.clear()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch_plan(self, plan: list[str]) -> None:
        while not self._replan.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(PLAN_EVERY_S):
                    await self._replan.wait()
            if await asyncio.to_thread(self._planned) != plan:
                return

    async def _keep_live(self, name: str, store: Store, replicator: "Replicator") -> None:
        while True:
            if await asyncio.to_thread(is_downloading, store):
                await self._guarded(name, self._pull_whole(store, replicator))
            await self._guarded(name, replicator.run_live(self._stop))
            await self._pause(ASK_AGAIN_S)

    async def _photos_live(self, name: str, replicator: "Replicator") -> None:
        """Photos leave when no record is waiting to; now and then, and when woken, all is compared with the hub."""
        compared_at, wakes = time.monotonic(), self._wakes
        while True:
            due = self._wakes != wakes or time.monotonic() - compared_at > PHOTOS_RECHECK_S
            if await asyncio.to_thread(self._no_record_waits) and (due or await asyncio.to_thread(self._photos_wait)):
                compared_at, wakes = time.monotonic(), self._wakes
                await self._guarded(name, replicator.run_once())
            else:
                self._board.clear(name)
            await asyncio.sleep(PHOTOS_EVERY_S)

    async def _guarded(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        """Refusals and silences are noted for the status; nothing is ever deleted for them."""
        try:
            await work
        except Unreachable as error:
            if error.connected:
                self._board.failed()
            else:
                self._board.went_silent()
        except (Unauthorized, Forbidden, NotFound) as error:
            if not isinstance(error, NotFound):
                # Rights may have changed: the next token carries them.
                self.phone.session.drop_token()
            self._board.note(
                name, "服务器暂不允许同步，数据保留在手机里", f"The server does not allow it now ({error.reason})"
            )
        except StoreError as error:
            problem = errors.store_problem(error)
            self._board.note(name, problem.zh, problem.en)
        except SyncError as error:
            _log.exception("%s cannot be synchronised", name)
            self._board.note(name, f"同步出错：{error.reason}", f"Sync failed: {error.reason}")
        else:
            self._board.clear(name)

    # What is replicated

    def _planned(self) -> list[str]:
        """Own records first, units, then photos; a quarter that still holds unsent records is never left out."""
        listed = self.phone.profile.databases
        current = {self.phone.record_store(), self.phone.photo_store()}
        own: dict[str, list[str]] = {}
        for kind, names in (("user", listed.user), ("media", listed.media)):
            stores = self.phone.stores.all_own("user" if kind == "user" else "media")
            kept = [_name(store) for store in stores if store in current or still_to_sync(store)]
            own[kind] = list(dict.fromkeys([*kept, *names]))
        return [*own["user"], *listed.units, *own["media"]]

    def _store(self, name: str) -> Store:
        found = parse_database(name)
        if found is None:
            raise NotFound(f"{name} is no database of this product")
        stores = self.phone.stores
        return stores.unit(found.owner) if found.kind == "unit" else stores.own(found.kind, found.quarter)

    def _remote(self, name: str) -> "RemoteDatabase":
        from sync.replication import RemoteDatabase  # noqa: PLC0415 - loaded by the first pass

        return RemoteDatabase(self.phone.session.hub_url, name, self._token)

    def _replicator(self, store: Store, remote: "RemoteDatabase", *, push: bool, pull: bool) -> "Replicator":
        from sync.replication import Replicator  # noqa: PLC0415 - as above

        return Replicator(
            store,
            remote,
            push=push,
            pull=pull,
            # A record that is saved while photos are on their way goes before the next one.
            may_send=self._no_record_waits if push and not pull else lambda: True,
            on_sent=lambda _ids: self._board.changed(),
            on_pulled=lambda _ids: self._arrived(),
            on_progress=lambda progress: self._board.progressed(remote.name, progress.error),
        )

    async def _token(self) -> str:
        try:
            return await self.phone.session.token()
        except errors.ServerError as error:
            raise Unreachable(error.en, connected=error.status > 0) from error
        except errors.WorkError as error:
            raise Unauthorized(error.en) from error

    # News from the office

    def _arrived(self) -> None:
        self._news.set()
        self._board.changed()

    async def _read_news(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if not await self._on_files(self._take_receipts()):
                await asyncio.sleep(FILES_AGAIN_S)
                self._news.set()

    async def _take_receipts(self) -> bool:
        await asyncio.to_thread(take_receipts, self.phone)
        if await asyncio.to_thread(newer_membership, self.phone) is not None:
            # Acted on by the next round, when no replicator holds the unit's file.
            self._replan.set()
        self.phone.tell()
        return True

    async def _take_membership(self) -> None:
        membership = await asyncio.to_thread(newer_membership, self.phone)
        if membership is None:
            return
        gone = await asyncio.to_thread(act_on_membership, self.phone, membership)
        _log.info("membership %s: dropped %s", membership.version, gone)
        # The list of databases comes with a new token.
        self.phone.session.drop_token()
        await self._reach()

    async def _report_device(self) -> None:
        """The device's last contact, for the office; the answer sets the clock."""
        while True:
            if self._board.online:
                with suppress(errors.WorkError, StoreError, msgspec.MsgspecError):
                    report = await asyncio.to_thread(device_report, self.phone, self.status)
                    answer = await self.phone.session.post("/api/devices/status", report)
                    at = msgspec.convert(answer["server_time"], datetime)
                    await asyncio.to_thread(self.phone.clock.take_server, at)
            await asyncio.sleep(STATUS_EVERY_S if self._board.online else OFFLINE_PAUSE_S)

    # Inside

    def _no_record_waits(self) -> bool:
        """But for those that are sent apart, now and then, because the hub fails at them."""
        stores = self.phone.stores.all_own("user")
        return all(store.counts()["saved"] <= len(store.to_retry()) for store in stores)

    def _photos_wait(self) -> bool:
        return any(store.counts()["saved"] for store in self.phone.stores.all_own("media"))

    async def _wait_until_sent(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(SENT_WITHIN_S):
                while await asyncio.to_thread(self._to_send) and self._board.online:  # noqa: ASYNC110 - other threads write
                    await asyncio.sleep(_LOOK_EVERY_S)

    def _to_send(self) -> int:
        stores = (*self.phone.stores.all_own("user"), *self.phone.stores.all_own("media"))
        return sum(store.counts()["saved"] for store in stores)

    async def _pause(self, seconds: float) -> None:
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()


def _name(store: Store) -> str:
    return store.path.stem
