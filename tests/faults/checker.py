"""What must hold when all faults are healed. Each finding is a sentence; no findings means that nothing was lost.

The ledger tells what was done on purpose: records that no copy survived of (`lost`), revisions that no honest phone
writes (`acts`), phones that were put back to an old backup (`restored`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.faults.evidence import Body, Copy, Evidence, Fact, Held, Leaf

_KINDS = {"hazard.reported": "hazards", "works.reported": "third_party_works_reports", "photo": "photos"}


def check(found: Evidence) -> list[str]:
    rules = (
        _every_record_once,
        _only_what_was_recorded,
        _receipts_tell_the_truth,
        _phones_tell_the_truth,
        _copies_are_equal,
        _postgis_has_what_the_hub_has,
        _no_tampering_counts,
        _no_number_missing_unnoticed,
        _every_number_is_counted,
        _nothing_hangs,
    )
    return [sentence for rule in rules for sentence in rule(found)]


class _Index:
    """The evidence by its keys."""

    def __init__(self, found: Evidence) -> None:
        self.facts: dict[str, list[Fact]] = {}
        for fact_id, fact in found.facts:
            self.facts.setdefault(fact_id, []).append(fact)
        self.held: dict[tuple[str, str], list[Held]] = {}
        for held in found.held:
            self.held.setdefault((held.doc_id, held.rev), []).append(held)
        self.lines = {
            doc_id: line for phone in found.phones for copy in phone.values() for doc_id, line in copy.lines.items()
        }
        self.lost: Mapping[str, str] = found.ledger.get("lost", {})
        self.acts = {(act["id"], act["rev"]) for act in found.ledger.get("acts", ())}
        self.restored = set(found.ledger.get("restored", ()))
        self.acted_on = {doc_id for doc_id, _ in self.acts}

    def fact(self, doc_id: str) -> Fact | None:
        return self.facts[doc_id][0] if doc_id in self.facts else None


def _same(recorded: Body, stored: Body) -> bool:
    """What was recorded is there, field by field; a store may leave out what is empty."""
    return all(stored.get(name, _empty(value)) == value for name, value in recorded.items())


def _empty(value: Any) -> Any:
    return [] if value == [] else value if value in ("", None, False, 0) else object()


# Every acknowledged record is in PostGIS exactly once


def _every_record_once(found: Evidence) -> Iterator[str]:
    index = _Index(found)
    for doc_id, entry in found.journal.items():
        yield from _once(index, found, doc_id, entry)


def _once(index: _Index, found: Evidence, doc_id: str, entry: Body) -> Iterator[str]:
    facts, line = index.facts.get(doc_id, []), index.lines.get(doc_id)
    if len(facts) > 1:
        yield f"{doc_id} is in PostGIS {len(facts)} times"
    if len(facts) == 1 and _is(entry, facts[0].body):
        table = _KINDS[doc_id.partition(":")[0]]
        rows = found.counts[table].get(doc_id, 0)
        if rows != 1:
            yield f"{doc_id} has {rows} rows in {table}"
        return
    held = [one for (held_id, _), rows in index.held.items() if held_id == doc_id for one in rows]
    mine = [one for one in held if line is not None and one.rev == line.rev]
    if len(mine) == 1:
        # Its own content is kept for the office; that is right only where something forbids to take it.
        if doc_id not in index.acted_on and "\0" not in entry.get("body", {}).get("note", ""):
            yield f"{doc_id} is held back although nothing speaks against it"
    elif len(mine) > 1:
        yield f"{doc_id} is in quarantine {len(mine)} times"
    elif entry.get("giant") and line is not None and line.state == "refused" and not line.answered:
        return
    elif facts and doc_id not in index.acted_on:
        yield f"{doc_id} is in PostGIS with another content than was recorded"
    elif doc_id not in index.lost:
        yield f"{doc_id} was acknowledged and is not in PostGIS" + ("" if not facts else ": another content is")


def _is(entry: Body, body: Body) -> bool:
    if "body" in entry:
        return _same(entry["body"], body)
    return bool(body.get("length_bytes") == entry["length"])


def _only_what_was_recorded(found: Evidence) -> Iterator[str]:
    index = _Index(found)
    on_phones = {doc_id for phone in found.phones for copy in phone.values() for doc_id in copy.leaves}
    for doc_id in index.facts:
        if doc_id not in found.journal and doc_id not in on_phones and not found.ledger.get("restored"):
            yield f"{doc_id} is in PostGIS and no phone has recorded it"


# Receipts


def _receipts_tell_the_truth(found: Evidence) -> Iterator[str]:
    index = _Index(found)
    latest = {(told.record_id, told.rev): told for told in found.told}
    for (doc_id, rev), told in latest.items():
        fact = index.fact(doc_id)
        taken = fact is not None and fact.rev == rev
        if told.state in {"accepted", "waiting"}:
            if not taken:
                yield f"a receipt calls {doc_id} {rev} {told.state}, and PostGIS does not have it"
            elif fact is not None and fact.state != told.state:
                yield f"the last receipt calls {doc_id} {told.state}, it is {fact.state}"
        elif (doc_id, rev) not in index.held:
            yield f"a receipt calls {doc_id} {rev} refused, and the office has never seen it"
        elif taken:
            yield f"the last receipt calls {doc_id} {rev} refused, and it is in PostGIS"
    for doc_id in found.unsigned:
        if doc_id not in index.acted_on:
            yield f"{doc_id} in the hub does not carry the office's signature"


def _phones_tell_the_truth(found: Evidence) -> Iterator[str]:
    index = _Index(found)
    hub = {doc_id: leaves for copy in found.hub.values() for doc_id, leaves in copy.leaves.items()}
    arrived = set(index.facts)
    for doc_id, line in index.lines.items():
        fact = index.fact(doc_id)
        taken = fact is not None and fact.rev == line.rev
        if line.state in {"saved", "sent"}:
            yield f"{doc_id} is still {line.state} on its phone"
        elif line.state == "refused" and not line.answered:
            if line.rev in hub.get(doc_id, {}):
                yield f"{doc_id} is refused on its phone, and the hub has it"
        elif line.state == "refused":
            if taken or (doc_id, line.rev) not in index.held:
                yield f"{doc_id} is refused on its phone, and the office does not say so"
        elif not taken:
            yield f"{doc_id} is {line.state} on its phone, and PostGIS does not have it"
        elif fact is not None and fact.state != line.state:
            yield f"{doc_id} is {line.state} on its phone and {fact.state} in PostGIS"
        elif fact is not None and line.photos_arrived != len(arrived.intersection(fact.photos)):
            there = len(arrived.intersection(fact.photos))
            yield f"{doc_id}: {line.photos_arrived} photos have arrived, says its phone; it is {there}"


# Copies


def _copies_are_equal(found: Evidence) -> Iterator[str]:
    everywhere = {name for phone in found.phones for name in phone}
    again = _given_anew(found)
    for name in sorted(everywhere):
        for phone in found.phones:
            if name in phone and name.startswith("media_"):
                yield from _pushed(found, phone[name], found.hub.get(name, Copy({})), name)
            elif name in phone:
                yield from _equal(phone[name], found.hub.get(name, Copy({})), name, again)
    for (database, doc_id), body in found.outbox.items():
        there = found.hub.get(database, Copy({})).leaves.get(doc_id, {})
        current = [leaf for leaf in there.values() if not leaf.deleted]
        if (body is None) != (not current) or (body is not None and not any(_written(body, leaf) for leaf in current)):
            yield f"{doc_id} in {database} is not what the office wants it to be"


def _given_anew(found: Evidence) -> frozenset[str]:
    """Receipts that a hub put back to an old copy has lost: their words are given anew, under other ids."""
    if not found.ledger.get("hub_put_back"):
        return frozenset()
    return frozenset(
        doc_id for phone in found.phones for copy in phone.values() for doc_id in copy.leaves if _receipt(doc_id)
    )


def _receipt(doc_id: str) -> bool:
    return doc_id.startswith("receipt:")


def _equal(phone: Copy, hub: Copy, name: str, given_anew: frozenset[str]) -> Iterator[str]:
    for doc_id in sorted({*phone.leaves, *hub.leaves}):
        here, there = phone.leaves.get(doc_id, {}), hub.leaves.get(doc_id, {})
        line = phone.lines.get(doc_id)
        if line is not None and line.state == "refused" and not line.answered and not there:
            continue  # the hub would not take it, and the phone says so
        if not there and doc_id in given_anew:
            continue
        if set(here) != set(there):
            yield f"{doc_id} of {name}: phone {sorted(here)}, hub {sorted(there)}"
        else:
            yield from _same_content(doc_id, here, there)


def _pushed(found: Evidence, phone: Copy, hub: Copy, name: str) -> Iterator[str]:
    """Photos go one way: all that the phone has is in the hub, and a phone put back to a backup has fewer."""
    for doc_id, here in phone.leaves.items():
        there = hub.leaves.get(doc_id, {})
        if not set(here) <= set(there):
            yield f"{doc_id} of {name}: phone {sorted(here)}, hub {sorted(there)}"
        else:
            yield from _same_content(doc_id, here, there)
    if not found.ledger.get("restored"):
        yield from (f"{doc_id} of {name} is in the hub alone" for doc_id in hub.leaves if doc_id not in phone.leaves)


def _same_content(doc_id: str, here: Mapping[str, Leaf], there: Mapping[str, Leaf]) -> Iterator[str]:
    for rev, leaf in here.items():
        other = there[rev]
        if (leaf.deleted, leaf.body, leaf.files) != (other.deleted, other.body, other.files):
            yield f"{doc_id} {rev} differs between phone and hub"


def _written(wanted: Body, leaf: Leaf) -> bool:
    there = {key: value for key, value in (leaf.body or {}).items() if key != "signature"}
    return there == {key: value for key, value in wanted.items() if key != "signature"}


def _postgis_has_what_the_hub_has(found: Evidence) -> Iterator[str]:
    index = _Index(found)
    for name, copy in found.hub.items():
        for doc_id, leaves in copy.leaves.items():
            if not name.startswith("unit_") and doc_id.partition(":")[0] in _KINDS:
                for rev, leaf in leaves.items():
                    yield from _taken_or_held(index, doc_id, rev, leaf)
    for (doc_id, rev), rows in index.held.items():
        if len(rows) > 1:
            yield f"{doc_id} {rev} is in quarantine {len(rows)} times"
    if not found.ledger.get("restored"):
        in_hub = {doc_id for copy in found.hub.values() for doc_id in copy.leaves}
        yield from (f"{doc_id} is in PostGIS and not in the hub" for doc_id in index.facts if doc_id not in in_hub)


def _taken_or_held(index: _Index, doc_id: str, rev: str, leaf: Leaf) -> Iterator[str]:
    fact = index.fact(doc_id)
    if fact is None or fact.rev != rev:
        if (doc_id, rev) not in index.held:
            yield f"{doc_id} {rev} is in the hub; PostGIS has neither taken nor held it"
    elif leaf.body != fact.body:
        yield f"{doc_id} {rev} differs between hub and PostGIS"


def _no_tampering_counts(found: Evidence) -> Iterator[str]:
    """But for a second first revision: nobody can tell which of the two is true, so the one that came first stays."""
    index = _Index(found)
    for doc_id, rev in index.acts:
        fact = index.fact(doc_id)
        if fact is not None and fact.rev == rev and not rev.startswith("1-"):
            yield f"{doc_id} {rev} was tampered with and was taken"


# Numbers


def _no_number_missing_unnoticed(found: Evidence) -> Iterator[str]:
    index = _Index(found)
    seen: dict[tuple[str, str], Counter[int]] = {}
    for fact_id, fact in found.facts:
        kind = "media" if fact_id.startswith("photo:") else "user"
        seen.setdefault((fact.device_id, kind), Counter())[fact.number] += 1
    for doc_id, entry in found.journal.items():
        if "number" not in entry:
            continue
        device = entry["body"]["device_id"]
        numbers = seen.get((device, "user"), Counter())
        known = index.fact(doc_id) is not None or any(held_id == doc_id for held_id, _ in index.held)
        if not known and entry["number"] in numbers and device not in index.restored:
            yield f"{doc_id} is missing, and its number {entry['number']} was given to another record"
        # What a phone had recorded last when it was put back to a backup, nobody can know of.
        if not known and entry["number"] > max(numbers, default=0) and device not in index.restored:
            yield f"{doc_id} is missing, and no later number shows it"
    for (device, kind), numbers in seen.items():
        for number, count in numbers.items():
            if count > 1 and device not in index.restored:
                yield f"number {number} of {device} ({kind}) is on {count} records"


def _every_number_is_counted(found: Evidence) -> Iterator[str]:
    """The office's list of missing numbers is reckoned from intake's log."""
    for fact_id, fact in found.facts:
        if found.logged.get((fact_id, fact.rev)) != (fact.device_id, fact.number):
            yield f"{fact_id} is in PostGIS, and its number {fact.number} is not counted as come"


def _nothing_hangs(found: Evidence) -> Iterator[str]:
    yield from found.unfinished
    for name, sequence in found.hub_sequences.items():
        if not name.startswith("unit_") and found.read_up_to.get(name) != sequence:
            yield f"intake has read {name} up to {found.read_up_to.get(name)}, the hub is at {sequence}"
