"""What no honest phone does: a member of staff who writes to his own database by hand."""

import time
import uuid
from typing import Any

from tests.faults.ledger import Ledger, one_of
from tests.faults.world import PASSWORD, World, http


class Dishonest(Ledger):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._tokens: dict[int, tuple[dict[str, Any], float]] = {}

    def _do_foreign(self, phone: int, which: float, rev: str) -> None:
        """A second first revision of his own record, perhaps before the true one has come."""
        mine = [entry for entry in self._journaled(phone) if entry["database"] == "user"]
        if mine and (member := self._member(phone)):
            entry = one_of(mine, which)
            document = {**entry["body"], "note": "another", "_id": entry["id"], "_rev": rev}
            self._act(member, entry["id"], rev, document)

    def _do_edit(self, phone: int, which: float) -> None:
        if (member := self._member(phone)) and (document := self._own(member, which)):
            before = document.pop("_rev")
            rev = f"2-{uuid.uuid5(uuid.NAMESPACE_OID, before).hex}"
            revisions = {"start": 2, "ids": [rev[2:], before.partition("-")[2]]}
            self._act(member, document["_id"], rev, document | {"note": "edited", "_rev": rev, "_revisions": revisions})

    def _do_delete(self, phone: int, which: float) -> None:
        if (member := self._member(phone)) and (document := self._own(member, which)):
            path = f"{member['user']}/{document['_id']}?rev={document['_rev']}"
            status, answer = http("DELETE", f"{self._world.hub_url}/{path}", **member["bearer"])
            if status == 200:
                self._ledger["acts"].append({"id": document["_id"], "rev": answer["rev"]})
                self._note()

    def _do_forge(self, phone: int, what: str, which: float, state: str, key: str) -> None:
        if not (member := self._member(phone)):
            return
        mine = [entry for entry in self._journaled(phone) if entry["database"] == "user"]
        doc_id, fields = f"task.patrol:{key}", {"type": "task.patrol", "staff_id": member["staff_id"], "title": "演示"}
        if what != "task":
            named = one_of(mine, which)["id"] if mine else "hazard.reported:none"
            entries = [{"record_id": named, "rev": self._rev_of(member, named), "state": state}]
            doc_id = f"receipt:{key}"
            fields = {"type": "receipt", "device_id": member["device_id"], "issued_at": "2031-01-01T00:00:00Z"}
            fields |= {"entries": entries}
        rev = f"1-{key * 2}{'0' * 8}"
        document = {"_id": doc_id, "_rev": rev, "schema_version": 1, "signature": f"{key}.{'A' * 86}", **fields}
        if what == "overwritten receipt" and (there := self._receipt(member, which)):
            doc_id, rev = there["_id"], f"2-{key * 2}{'0' * 8}"
            revisions = {"start": 2, "ids": [rev[2:], there["_rev"].partition("-")[2]]}
            document |= {"_id": doc_id, "_rev": rev, "_revisions": revisions}
        self._act(member, doc_id, rev, document)

    def _act(self, member: dict[str, Any], doc_id: str, rev: str, document: dict[str, Any]) -> None:
        # Noted before it is done: an answer that is lost on its way leaves a revision that was not honest.
        self._ledger["acts"].append({"id": doc_id, "rev": rev})
        self._note()
        url = f"{self._world.hub_url}/{member['user']}/_bulk_docs"
        http("POST", url, {"new_edits": False, "docs": [document]}, **member["bearer"])

    def _member(self, phone: int) -> dict[str, Any] | None:
        """He signs in from a computer of his own with his phone's name; None while the office does not answer."""
        known, until_s = self._tokens.get(phone, ({}, 0.0))
        if time.monotonic() < until_s:
            return known
        person = self._world.people[phone]
        device = {"device_id": person["device_id"], "name": "own"}
        asked = {"staff_number": person["number"], "password": PASSWORD, "device": device}
        status, answer = http("POST", f"{self._world.office_url}/api/sign-in", asked)
        if status != 200:
            return None
        bearer = {"Authorization": f"Bearer {answer['access_token']}"}
        member = {**person, "bearer": bearer, "user": answer["databases"]["user"][0]}
        self._tokens[phone] = (member, time.monotonic() + 4)
        return member

    def _own(self, member: dict[str, Any], which: float) -> dict[str, Any] | None:
        """One of his submitted records as the hub has it."""
        rows = self._rows(member)
        mine = [row["doc"] for row in rows if row["id"].startswith(("hazard.", "works.")) and _first(row["doc"])]
        return one_of(mine, which) if mine else None

    def _receipt(self, member: dict[str, Any], which: float) -> dict[str, Any] | None:
        receipts = [row["doc"] for row in self._rows(member) if row["id"].startswith("receipt:") and _first(row["doc"])]
        return one_of(receipts, which) if receipts else None

    def _rev_of(self, member: dict[str, Any], doc_id: str) -> str:
        revs = [row["doc"]["_rev"] for row in self._rows(member) if row["id"] == doc_id]
        return revs[0] if revs else "1-0"

    def _rows(self, member: dict[str, Any]) -> list[dict[str, Any]]:
        url = f"{self._world.hub_url}/{member['user']}/_all_docs?include_docs=true"
        status, answer = http("GET", url, **member["bearer"])
        return list(answer["rows"]) if status == 200 else []


def _first(document: dict[str, Any]) -> bool:
    return str(document["_rev"]).startswith("1-")
