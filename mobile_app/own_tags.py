"""Tags that were bound on this phone and that the office's archive does not know of yet: here they count at once."""

from collections.abc import Callable

import msgspec

from mobile_app.read_once import ReadOnce
from mobile_app.stores import Stores
from sync.documents import decode_record
from sync.documents.reference import Cylinder
from sync.documents.tags import TagBound
from sync.errors import is_final
from sync.rules.cylinders import plain_uid

# The archive as it is on this phone, asked by number or tag.
Archive = Callable[[str], Cylinder | None]


class OwnTags:
    def __init__(self, stores: Stores, archive: Archive) -> None:
        self._stores = stores
        self._archive = archive
        self._records = ReadOnce(("tag.bound",))
        self._by_tag: dict[str, TagBound] = {}
        self._by_cylinder: dict[str, dict[str, TagBound]] = {}

    def carrier(self, tag_uid: str) -> Cylinder | None:
        """The archive of the cylinder that this tag was bound to, if only this phone knows of it."""
        self._read()
        bound = self._by_tag.get(plain_uid(tag_uid))
        found = self._archive(bound.scan.code.upper()) if bound is not None and self._counts(bound) else None
        return found if found is not None and bound is not None and _key(found) == bound.scan.cylinder_id else None

    def laid_over(self, cylinder: Cylinder) -> Cylinder:
        """With the tag that it has by this phone's records; the one before is a former tag."""
        self._read()
        for bound in sorted(self._by_cylinder.get(_key(cylinder), {}).values(), key=lambda each: each.record_number):
            if self._counts(bound):
                former = (*cylinder.former_tags, cylinder.tag_uid) if cylinder.tag_uid else cylinder.former_tags
                cylinder = msgspec.structs.replace(cylinder, tag_uid=bound.tag_uid, former_tags=former)
        return cylinder

    def _counts(self, bound: TagBound) -> bool:
        """Until the archive knows the tag, whatever it says of it; and not where the office refused the record. (The
        hub's refusal is none of the office.)
        """
        if self._archive(plain_uid(bound.tag_uid)) is not None:
            return False
        lines = (store.record(bound.id) for store in self._stores.all_own("user"))
        return all(line is None or line.state != "refused" or is_final(line.code) for line in lines)

    def _read(self) -> None:
        for store in self._stores.all_own("user"):
            for document in self._records.of(store):
                bound = decode_record(document.id, document.body)
                if isinstance(bound, TagBound):
                    latest = self._by_tag.setdefault(plain_uid(bound.tag_uid), bound)
                    if latest.record_number < bound.record_number:
                        self._by_tag[plain_uid(bound.tag_uid)] = bound
                    self._by_cylinder.setdefault(bound.scan.cylinder_id, {})[bound.id] = bound


def _key(cylinder: Cylinder) -> str:
    return cylinder.id.rpartition(":")[2]
