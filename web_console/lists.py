"""The company's words for codes, in the visitor's language: hazard types, grades, reasons."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from backend.reference import service as reference
from sync.documents.reference import ListEntry
from web_console.rendering import Visit, language_of
from web_console.visiting import visitor


class Words:
    """`words("hazard_type", code)`; a code that the list lacks stands for itself."""

    def __init__(self, lists: Mapping[str, tuple[ListEntry, ...]], *, english: bool) -> None:
        self._english = english
        self._lists = lists
        self._found = {
            (name, entry.code): entry.en if english else entry.zh
            for name, entries in lists.items()
            for entry in entries
        }

    def __call__(self, name: str, code: str) -> str:
        return self._found.get((name, code), code)

    def choices(self, name: str) -> list[tuple[str, str]]:
        return [(entry.code, self(name, entry.code)) for entry in self._lists.get(name, ())]


async def words_for(request: Visit, session: AsyncSession) -> Words:
    lists = await reference.list_lists(session, visitor(request).company_id)
    return Words({found.name: found.entries for found in lists}, english=language_of(request) == "en")
