"""Who works with this phone, and his files on it. Files are read and written in threads, so that a screen never waits
for them.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mobile_app.clock import Clock
from mobile_app.errors import SignInError, StoreProblem, store_problem
from mobile_app.reference import Reference
from mobile_app.session import Profile, Session
from mobile_app.store_keys import KeySource, store_key
from mobile_app.stores import Stores
from mobile_app.tasks import Tasks
from sync.errors import StoreError
from sync.store.records import RecordStore

T = TypeVar("T")


class SignedIn:
    def __init__(self, data_dir: Path, session: Session, clock: Clock, keys: KeySource) -> None:
        self.data_dir = data_dir
        self.keys = keys
        self.session = session
        self.clock = clock
        self._stores: Stores | None = None
        self._reference: Reference | None = None
        self._tasks: Tasks | None = None
        self._listeners: dict[object, Callable[[], None]] = {}

    async def close(self) -> None:
        await self.session.close()
        if self._stores is not None:
            await asyncio.to_thread(self._stores.close)
        self._stores = self._reference = self._tasks = None

    @property
    def profile(self) -> Profile:
        """Of who is signed in. Raises SignInError when nobody is."""
        if self.session.profile is None:
            raise SignInError("sign_in.needed", "请先登录", "Sign in first")
        return self.session.profile

    @property
    def signed_in(self) -> bool:
        return self.session.profile is not None

    @property
    def device_id(self) -> str:
        return self.profile.device_id

    async def sign_in(self, staff_number: str, password: str) -> Profile:
        """Needs the network the first time only. Raises SignInError, ServerError, StoreProblem."""
        folder = self.data_dir / "stores"
        try:
            key = await store_key(self.keys, folder)
        except StoreError as error:
            raise store_problem(error) from error
        profile = await self.session.sign_in(staff_number, password)
        if self._stores is not None:
            await asyncio.to_thread(self._stores.close)
        self._stores = Stores(folder / profile.staff.staff_id, profile.staff.staff_id, seal=key)
        self._reference = Reference(self._stores)
        self._tasks = Tasks(self._stores)
        try:
            await self._in_thread(self.record_store)
        except StoreProblem:
            # Nobody works on files that do not open; they stay as they are.
            await asyncio.to_thread(self._stores.close)
            self.session.profile = self._stores = self._reference = self._tasks = None
            raise
        return profile

    async def sign_out(self) -> None:
        """All that was recorded stays on the phone and is sent after the next sign-in."""
        await self.session.sign_out()
        if self._stores is not None:
            await asyncio.to_thread(self._stores.close)
        self._stores = self._reference = self._tasks = None

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after each record and each news of one; returns the way to stop it."""
        token = object()
        self._listeners[token] = listener
        return lambda: self._listeners.pop(token, None) and None

    # For the parts of the app (called in threads)

    @property
    def stores(self) -> Stores:
        if self._stores is None:
            raise SignInError("sign_in.needed", "请先登录", "Sign in first")
        return self._stores

    @property
    def reference(self) -> Reference:
        if self._reference is None:
            raise SignInError("sign_in.needed", "请先登录", "Sign in first")
        return self._reference

    def record_store(self) -> RecordStore:
        """This quarter's file of records."""
        return self.stores.own("user", self._quarter())

    def photo_store(self) -> RecordStore:
        return self.stores.own("media", self._quarter())

    def tell(self) -> None:
        """Something about the records has changed (a receipt came)."""
        self._tell()

    # Inside

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except StoreError as error:
            raise store_problem(error) from error

    def _tell(self) -> None:
        for listener in tuple(self._listeners.values()):
            listener()

    def _quarter(self) -> str:
        now = self.clock.now()
        named = self.profile.databases.user
        return self.stores.current_quarter(now.at, trusted=now.clock != "unset", named_by_server=named)
