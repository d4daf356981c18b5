from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sync.errors import Forbidden, NotFound, Unauthorized, Unreachable
from sync.replication import Replicated, Replicator
from sync.signatures import read_signed, sign
from sync.store.records import RecordStore
from sync.store.store import Store
from tests.sync.replication.hubs import MEDIA, UNIT, USER, bearer, body, hazard, states

NOTHING = Replicated(read=0, written=0)


class TestPush:
    async def test_every_record_arrives_once_and_is_marked_sent(self, hub, store, remote) -> None:
        for _ in range(30):
            store.append(hazard())
        sent: list[str] = []
        replicator = Replicator(store, remote(), push=True, pull=True, on_sent=sent.extend)
        assert await replicator.run_once() == Replicated(read=0, written=30)
        kept = [line.id for line in store.records()]
        assert sorted(sent) == sorted(hub.ids(USER)) == sorted(kept)
        assert states(store) == {"sent": 30}

    async def test_the_hub_holds_what_the_phone_holds(self, hub, store, remote) -> None:
        rev = store.append(hazard(note="井盖松动 “东侧”\n第二行"))
        await Replicator(store, remote(), push=True, pull=False).run_once()
        record_id = store.records()[0].id
        arrived = hub.ask("GET", f"{USER}/{record_id}")
        assert arrived.pop("_rev") == rev
        assert arrived.pop("_id") == record_id
        assert arrived == msgspec.json.decode(store.get(record_id).body)

    async def test_a_second_run_sends_nothing(self, hub, store, remote) -> None:
        store.append(hazard())
        await Replicator(store, remote(), push=True, pull=True).run_once()
        assert await Replicator(store, remote(), push=True, pull=True).run_once() == NOTHING

    async def test_a_photo_arrives_byte_for_byte(self, hub, store, remote) -> None:
        jpeg = bytes(range(256)) * 300
        store.append(hazard(), attachments={"photo.jpg": ("image/jpeg", jpeg)})
        await Replicator(store, remote(MEDIA), push=True, pull=False).run_once()
        [record_id] = hub.ids(MEDIA)
        [attachment] = hub.ask("GET", f"{MEDIA}/{record_id}")["_attachments"].values()
        document = store.get(record_id)
        assert attachment["digest"] == document.attachments["photo.jpg"].digest
        assert (attachment["content_type"], attachment["length"]) == ("image/jpeg", len(jpeg))

    async def test_a_large_load_travels_in_batches_and_each_is_told(self, hub, store, remote) -> None:
        for _ in range(40):
            store.append(hazard(note="远" * 600))
        batches: list[int] = []
        progress: list[tuple[int, int]] = []
        replicator = Replicator(
            store,
            remote(),
            push=True,
            pull=False,
            batch_bytes=20_000,
            on_sent=lambda ids: batches.append(len(ids)),
            on_progress=lambda p: progress.append((p.done, p.total)),
        )
        await replicator.run_once()
        assert sum(batches) == 40
        assert max(batches) <= 20
        assert progress[-1] == (40, 40)
        assert all(total == 40 for _, total in progress)

    async def test_what_may_not_be_sent_now_goes_with_a_later_run(self, hub, store, remote) -> None:
        for _ in range(3):
            store.append(hazard(), attachments={"photo.jpg": ("image/jpeg", bytes(20_000))})
        more = iter([True, False])
        replicator = Replicator(store, remote(), push=True, pull=False, may_send=lambda: next(more, True))
        assert (await replicator.run_once()).written == 1
        assert states(store) == {"sent": 1, "saved": 2}
        assert (await replicator.run_once()).written == 2
        assert len(hub.ids(USER)) == 3

    async def test_only_own_records_are_pushed(self, hub, store, remote) -> None:
        """A receipt that another program wrote into the phone's file does not reach the office."""
        store.put("receipt:forged", body(type="receipt"))
        store.append(hazard())
        await Replicator(store, remote(), push=True, pull=False).run_once()
        assert hub.ids(USER) == [store.records()[0].id]


class TestParking:
    async def test_a_record_that_is_too_large_does_not_hold_up_its_neighbours(self, hub, store, remote) -> None:
        store.append(hazard())
        store.append(hazard(), attachments={"photo.jpg": ("image/jpeg", bytes(500_000))})
        store.append(hazard())
        large = store.records()[1].id
        result = await Replicator(store, remote(), push=True, pull=False).run_once()
        assert (result.written, result.parked) == (2, (large,))
        assert states(store) == {"sent": 2, "refused": 1}
        line = store.record(large)
        assert line.code == "document_too_large"
        assert "超过" in line.reason_zh
        assert line.action_zh
        assert store.get(large) is not None

    async def test_a_parked_record_is_not_sent_again_unless_asked(self, hub, store, remote) -> None:
        store.append(hazard(), attachments={"photo.jpg": ("image/jpeg", bytes(500_000))})
        replicator = Replicator(store, remote(), push=True, pull=False)
        await replicator.run_once()
        assert await replicator.run_once() == NOTHING
        store.retry([store.records()[0].id])
        assert (await replicator.run_once()).parked == (store.records()[0].id,)
        assert states(store) == {"refused": 1}

    async def test_a_parked_record_travels_once_the_hub_takes_it(self, hub, store, remote) -> None:
        store.append(hazard())
        record_id = store.records()[0].id
        store.append(hazard())
        replicator = Replicator(store, remote(), push=True, pull=False)
        await replicator.run_once()
        hub.ask("DELETE", USER)
        hub.create(USER, "device:li")
        store.park(record_id, "too_large", "")
        store.retry([record_id])
        await replicator.run_once()
        assert record_id in hub.ids(USER)
        assert store.to_retry() == []


class TestPull:
    async def test_tasks_come_to_the_phone(self, hub, store, remote) -> None:
        for number in range(5):
            hub.put(USER, f"task.patrol:{number}", type="task.patrol", title="河东")
        pulled: list[str] = []
        await Replicator(store, remote(), push=True, pull=True, on_pulled=pulled.extend).run_once()
        assert sorted(pulled) == [document.id for document in store.list(start="task.patrol:", end="task.patrol:~")]
        assert states(store) == {}

    async def test_a_changed_task_replaces_the_old_one(self, hub, store, remote) -> None:
        rev = hub.put(USER, "task.patrol:1", status="open")
        replicator = Replicator(store, remote(), push=True, pull=True)
        await replicator.run_once()
        hub.put(USER, "task.patrol:1", status="withdrawn", _rev=rev)
        await replicator.run_once()
        assert msgspec.json.decode(store.get("task.patrol:1").body) == {"status": "withdrawn"}

    async def test_many_documents_come_in_parts(self, hub, store, remote) -> None:
        documents = [{"_id": f"reference.pipe:{n:04}", "line": "x" * 300} for n in range(1200)]
        hub.ask("POST", f"{UNIT}/_bulk_docs", json={"docs": documents})
        parts: list[int] = []
        replicator = Replicator(
            store,
            remote(UNIT),
            push=False,
            pull=True,
            batch_bytes=100_000,
            on_pulled=lambda ids: parts.append(len(ids)),
        )
        assert await replicator.run_once() == Replicated(read=1200, written=0)
        assert store.info().doc_count == 1200
        assert len(parts) >= 4
        assert await replicator.run_once() == NOTHING

    async def test_a_forged_receipt_is_pulled_but_not_believed(self, hub, store, remote) -> None:
        """Whoever holds the worker's token can write a receipt into his database; he cannot sign it."""
        backend, forger = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        pem = backend.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        receipt = {"type": "receipt", "device_id": "li", "issued_at": "2026-11-23T00:00:00Z", "entries": []}
        for name, key in (("receipt:good", backend), ("receipt:forged", forger)):
            hub.put(USER, name, **receipt, signature=sign({"_id": name, **receipt}, key, "k"))
        await Replicator(store, remote(), push=True, pull=True).run_once()
        assert read_signed("receipt:good", store.get("receipt:good").body, {"k": pem}) is not None
        assert read_signed("receipt:forged", store.get("receipt:forged").body, {"k": pem}) is None


class TestBothWays:
    async def test_two_stores_end_equal_with_conflicts_deletions_and_files(self, hub, tmp_path, remote) -> None:
        one, two = Store.open(tmp_path / "1.db"), Store.open(tmp_path / "2.db")
        shared = one.put("shared", body(n=0))
        one.put("gone", body(n=0))
        await Replicator(one, remote(), push=True, pull=True).run_once()
        await Replicator(two, remote(), push=True, pull=True).run_once()
        one.put("shared", body(n=1), rev=shared)
        two.put("shared", body(n=2), rev=shared)
        two.put("gone", b"{}", rev=two.get("gone").rev, deleted=True)
        for _ in range(2):
            await Replicator(one, remote(), push=True, pull=True).run_once()
            await Replicator(two, remote(), push=True, pull=True).run_once()
        assert one.leaves("shared") == two.leaves("shared")
        assert len(one.leaves("shared")) == 2
        assert one.get("gone") is None
        assert hub.revisions(USER) == {change.id: sorted(change.revs, reverse=True) for change in one.changes()}
        one.close()
        two.close()

    async def test_a_new_phone_gets_the_photo_documents_with_their_bytes(self, hub, store, tmp_path, remote) -> None:
        store.append(hazard(), attachments={"photo.jpg": ("image/jpeg", b"jpeg" * 1000)})
        await Replicator(store, remote(), push=True, pull=False).run_once()
        new = RecordStore.open(tmp_path / "new.db")
        await Replicator(new, remote(), push=True, pull=True).run_once()
        document = new.get(store.records()[0].id)
        assert new.attachment(document.attachments["photo.jpg"].digest) == b"jpeg" * 1000
        assert new.records() == []
        new.close()


class TestNothingNew:
    @pytest.mark.parametrize(("push", "most"), [(True, 3), (False, 2)], ids=["both ways", "pull alone"])
    async def test_costs_few_requests(self, hub, store, remote, *, push: bool, most: int) -> None:
        asked: list[str] = []

        async def counted() -> str:
            asked.append("")
            return bearer("device:li")

        hub.put(USER, "task.patrol:1", title="河东")
        store.append(hazard())
        await Replicator(store, remote(), push=push, pull=True).run_once()
        assert await Replicator(store, remote(token=counted), push=push, pull=True).run_once() == NOTHING
        assert 0 < len(asked) <= most


class TestRefusals:
    """A hub that says no costs the phone nothing."""

    @pytest.fixture(autouse=True)
    def a_record(self, store: RecordStore) -> None:
        store.append(hazard())

    async def test_a_forged_token_is_unauthorized(self, hub, store, remote) -> None:
        async def token() -> str:
            return bearer("device:li")[:-4] + "AAAA"

        with pytest.raises(Unauthorized):
            await Replicator(store, remote(token=token), push=True, pull=True).run_once()
        assert states(store) == {"saved": 1}

    async def test_an_expired_token_is_unauthorized(self, hub, store, remote) -> None:
        async def token() -> str:
            return bearer("device:li", seconds=-5)

        with pytest.raises(Unauthorized):
            await Replicator(store, remote(token=token), push=True, pull=True).run_once()

    @pytest.mark.parametrize(
        ("name", "error"),
        # CouchDB says that there is none; the embedded hub does not tell those who have no right to it.
        [("user_wang_20264", Forbidden), (UNIT, Forbidden), ("user_li_20271", (Forbidden, NotFound))],
        ids=["another member's", "the unit's", "none yet"],
    )
    async def test_a_database_that_is_not_his(self, hub, store, remote, name: str, error: Any) -> None:
        with pytest.raises(error):
            await Replicator(store, remote(name), push=True, pull=False).run_once()
        assert states(store) == {"saved": 1}
        assert store.info().doc_count == 1

    async def test_no_hub_at_all_is_unreachable(self, store, remote) -> None:
        with pytest.raises(Unreachable) as caught:
            await Replicator(store, remote(url="http://127.0.0.1:9/sync"), push=True, pull=True).run_once()
        assert not caught.value.connected
        assert states(store) == {"saved": 1}
