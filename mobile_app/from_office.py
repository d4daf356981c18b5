"""What the office has sent to this phone, read from its files: tasks, limits, lists, pipes, cylinders."""

from collections.abc import Iterable

from mobile_app.errors import NotReady
from mobile_app.signed_in import SignedIn
from mobile_app.tasks import Task
from sync.databases import parse_database
from sync.documents.envelope import Position
from sync.documents.reference import (
    Certificate,
    ChoiceList,
    CompanySettings,
    Cylinder,
    Facility,
    InspectionReminder,
    Pipe,
    TagKeys,
)
from sync.rules.geometry import Nearest


class FromOffice(SignedIn):
    async def tasks(self) -> list[Task]:
        """The office's tasks, believed by its signature: open ones first, then by when they are due."""
        tasks, keys = self._tasks, self.profile.signing_keys
        return await self._in_thread(lambda: tasks.all(keys)) if tasks else []

    async def task(self, task_id: str) -> Task | None:
        return next((found for found in await self.tasks() if found.task.id == task_id), None)

    async def downloading(self) -> set[str]:
        """Units whose data are still on their first way to this phone."""
        listed = {found.owner for name in self.profile.databases.units if (found := parse_database(name))}
        return await self._in_thread(lambda: listed - set(self.stores.unit_ids()) | self.stores.downloading())

    async def settings(self) -> CompanySettings:
        """The company's limits. Raises NotReady before the first sync."""
        found = await self._in_thread(self.reference.settings)
        if found is None:
            raise not_ready("公司设置", "the company's settings")
        return found

    async def lists(self, name: str) -> ChoiceList:
        """A list to choose from. Raises NotReady before the first sync."""
        found = await self._in_thread(lambda: self.reference.choices(name))
        if found is None:
            raise not_ready(f"选项表“{name}”", f"the list “{name}”")
        return found

    async def pipes(self, ids: Iterable[str] | None = None) -> dict[str, Pipe]:
        """By pipe id, those that are on this phone."""
        return await self._in_thread(lambda: self.reference.pipes(ids))

    async def facilities(self) -> list[Facility]:
        return await self._in_thread(self.reference.facilities)

    async def certificates(self) -> list[Certificate]:
        """Those of the company and of its staff that were sent to this phone."""
        return await self._in_thread(self.reference.certificates)

    async def inspections_due(self) -> list[InspectionReminder]:
        """What the office reminded this phone's stations of."""
        return await self._in_thread(self.reference.inspections_due)

    async def cylinder(self, code_or_uid: str) -> Cylinder | None:
        return await self._in_thread(lambda: self.reference.cylinder(code_or_uid))

    async def index_cylinders(self) -> None:
        await self._in_thread(self.reference.index_cylinders)

    async def personal_key(self) -> str:
        """The office's key for personal texts, believed by its signature; empty before the first sync."""
        keys = self.profile.signing_keys
        return await self._in_thread(lambda: self.reference.personal_key(keys))

    async def tag_keys(self) -> TagKeys | None:
        """The company's keys for its tags, believed by the office's signature; None before the first sync."""
        keys = self.profile.signing_keys
        return await self._in_thread(lambda: self.reference.tag_keys(keys))

    async def nearest_pipe(self, position: Position) -> Nearest | None:
        return await self._in_thread(lambda: self.reference.nearest_pipe(position.lon, position.lat))


def not_ready(zh: str, en: str) -> NotReady:
    return NotReady(
        "reference.not_here",
        f"手机里还没有{zh}",
        f"The phone does not have {en} yet",
        action_zh="联网同步一次",
        action_en="sync once with a network",
    )
