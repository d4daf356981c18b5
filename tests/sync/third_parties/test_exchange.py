"""PouchDB 9 and the phone exchange documents with a hub, one suite for both: afterwards both sides hold the same.

"The same" is every current revision with its history, its body and its files. The hub is the embedded one, and the
CouchDB that `QIXUN_COUCHDB_URL` names, where it names one.
"""

import asyncio
import base64
import random

import pytest

from tests.sync.third_parties.conftest import Make
from tests.sync.third_parties.peers import BreakingLink, Doc, Peer, PouchPeer, Server, until

PHOTO = random.Random(1).randbytes(70_000)
FILES = {
    "photo.jpg": ("image/jpeg", PHOTO),
    "签名 1.png": ("image/png", PHOTO[:3]),
    "empty": ("application/octet-stream", b""),
    "note.txt": ("text/plain", "井盖冻结\n".encode() * 50),
}


def with_files(doc: Doc) -> Doc:
    files = {
        name: {"content_type": kind, "data": base64.b64encode(data).decode()} for name, (kind, data) in FILES.items()
    }
    return {**doc, "_attachments": files}


def branch(doc_id: str, *ids: str, deleted: bool = False, **body: object) -> Doc:
    """A revision with its history, newest first."""
    doc = {"_id": doc_id, "_rev": f"{len(ids)}-{ids[0]}", "_revisions": {"start": len(ids), "ids": list(ids)}, **body}
    return {**doc, "_deleted": True} if deleted else doc


def many(prefix: str, count: int) -> list[Doc]:
    """Of about 600 bytes each, which do not pack well."""
    chance = random.Random(prefix)
    return [{"_id": f"{prefix}{number:04}", "n": number, "x": chance.randbytes(300).hex()} for number in range(count)]


# Two branches, three with a dead one, one that is dead altogether, a long history, and files on one branch only.
THEIRS = [
    branch("two", "bb", "aa", k=1),
    branch("two", "cc", "aa", k=2),
    branch("three", "d1", "b1", "a1", k=1),
    branch("three", "d2", "b1", "a1", k=2),
    branch("three", "e3", "d3", "b1", "a1", deleted=True),
    branch("gone", "b", "a", deleted=True),
    branch("long", *[f"{number:032x}" for number in range(40, 0, -1)], k=1),
    with_files(branch("files", "f1", "f0", k=1)),
    branch("files", "f2", "f0", k=2),
    branch("巡线/1", "aa", 备注="井盖"),
]
OURS = [
    branch("two", "dd", "aa", k=3),
    branch("three", "f3", "e3", "d3", "b1", "a1", k=4),
    branch("mine", "bb", "aa", k=1),
    with_files(branch("my files", "bb", k=1)),
    branch("my dead", "bb", "aa", deleted=True),
]


class TestOneShot:
    async def test_a_pull_brings_conflicts_deletions_and_files(self, server: Server, database: str, peer: Peer) -> None:
        server.write(database, THEIRS)
        await peer.exchange("pull")
        assert await peer.state() == server.state(database)
        assert (await peer.state())["files"]["2-f1"].files == FILES

    async def test_a_push_takes_conflicts_deletions_and_files(self, server: Server, database: str, peer: Peer) -> None:
        await peer.write(THEIRS)
        await peer.exchange("push")
        assert server.state(database) == await peer.state()
        assert server.state(database)["files"]["2-f1"].files == FILES

    async def test_both_ways_end_equal_and_a_second_time_moves_nothing(
        self, server: Server, database: str, peer: Peer
    ) -> None:
        server.write(database, THEIRS)
        await peer.write(OURS)
        assert await peer.exchange() > 0
        both = server.state(database)
        assert await peer.state() == both
        assert sorted(both["two"]) == ["2-bb", "2-cc", "2-dd"]
        assert {doc["_id"] for doc in THEIRS + OURS} == set(both)
        assert await peer.exchange() == 0

    async def test_what_both_sides_edited_is_a_conflict_with_one_winner(
        self, server: Server, database: str, peer: Peer
    ) -> None:
        server.edit(database, [{"_id": "a", "k": 0}, {"_id": "b", "k": 0}])
        await peer.exchange()
        await peer.edit([{"_id": doc_id, "_rev": await peer.rev(doc_id), "k": 1} for doc_id in "ab"])
        gone = {"_id": "b", "_rev": server.rev(database, "b"), "_deleted": True}
        server.edit(database, [{"_id": "a", "_rev": server.rev(database, "a"), "k": 2}, gone])
        await peer.exchange()
        assert await peer.state() == server.state(database)
        assert [len(leaves) for leaves in server.state(database).values()] == [2, 2]
        for doc_id in "ab":
            assert await peer.rev(doc_id) == server.rev(database, doc_id)

    async def test_a_file_travels_once_and_is_kept_by_later_edits(
        self, server: Server, database: str, peer: Peer
    ) -> None:
        await peer.edit([with_files({"_id": "a", "k": 1})])
        await peer.exchange()
        stubs = server.ask("GET", f"{database}/a")["_attachments"]
        server.edit(database, [{"_id": "a", "_rev": server.rev(database, "a"), "k": 2, "_attachments": stubs}])
        await peer.exchange()
        (leaf,) = (await peer.state())["a"].values()
        assert (leaf.body, leaf.files) == ({"k": 2}, FILES)
        assert await peer.state() == server.state(database)

    async def test_more_than_one_batch_arrives_whole(self, server: Server, database: str, peer: Peer) -> None:
        server.edit(database, many("t", 130))
        await peer.edit(many("o", 130))
        await peer.exchange()
        assert await peer.state() == server.state(database)
        assert len(await peer.state()) == 260


class TestCut:
    @pytest.mark.parametrize("way", ["push", "pull"])
    async def test_what_broke_off_goes_on_where_it_was(
        self, server: Server, database: str, peer: Peer, way: str
    ) -> None:
        count = 400
        await (
            peer.edit(many("d", count)) if way == "push" else asyncio.to_thread(server.edit, database, many("d", count))
        )
        link = BreakingLink(server.url, budget_bytes=90_000)
        url = await link.start()
        try:
            with pytest.raises(Exception):  # noqa: B017 (each peer has its own word for a broken link)
                await peer.exchange(way, url=url)  # type: ignore[arg-type]
            assert link.broken
            arrived = len(server.state(database) if way == "push" else await peer.state())
            assert 0 < arrived < count
            link.mend()
            assert await peer.exchange(way, url=url) < count  # type: ignore[arg-type]
        finally:
            await link.close()
        assert await peer.state() == server.state(database)
        assert len(await peer.state()) == count


class TestLive:
    async def test_either_side_hears_of_the_other_for_as_long_as_it_listens(
        self, server: Server, database: str, peer: Peer
    ) -> None:
        async def equal() -> bool:
            return await peer.state() == await asyncio.to_thread(server.state, database)

        server.write(database, THEIRS)
        await peer.go_live()
        await until(equal)
        await peer.write(OURS)
        server.edit(database, [with_files({"_id": "later", "k": 1})])
        await until(equal)
        assert len(await peer.state()) == len({doc["_id"] for doc in THEIRS + OURS}) + 1
        await peer.edit([{"_id": "later", "_rev": await peer.rev("later"), "_deleted": True}])
        await until(equal)
        (leaf,) = server.state(database)["later"].values()
        assert leaf.deleted
        await peer.end_live()

    async def test_it_goes_on_after_the_link_was_broken(self, server: Server, database: str, peer: Peer) -> None:
        async def equal() -> bool:
            return await peer.state() == await asyncio.to_thread(server.state, database)

        link = BreakingLink(server.url, budget_bytes=90_000)
        url = await link.start()
        try:
            await peer.go_live(url=url)
            await peer.edit(many("o", 150))
            server.edit(database, many("t", 150))

            async def broken() -> bool:
                return link.broken

            await until(broken)
            link.mend()
            await until(equal)
            await peer.end_live()
        finally:
            await link.close()
        assert len(await peer.state()) == 300


class TestFilter:
    async def test_only_what_a_selector_matches_is_pulled(
        self, server: Server, database: str, pouch: PouchPeer
    ) -> None:
        server.edit(database, [*many("d", 50), with_files({"_id": "photo", "n": 1000})])
        await pouch.exchange("pull", selector={"n": {"$gte": 40}})
        there = server.state(database)
        assert await pouch.state() == {
            doc_id: there[doc_id] for doc_id in [f"d{n:04}" for n in range(40, 50)] + ["photo"]
        }

    async def test_only_the_named_documents_are_pulled(self, server: Server, database: str, pouch: PouchPeer) -> None:
        server.write(database, THEIRS)
        await pouch.exchange("pull", doc_ids=["two", "files", "unknown"])
        there = server.state(database)
        assert await pouch.state() == {doc_id: there[doc_id] for doc_id in ("two", "files")}


class TestTogether:
    async def test_a_phone_and_a_pouchdb_that_use_one_hub_end_equal(
        self, server: Server, database: str, make_peer: Make
    ) -> None:
        chance = random.Random(7)
        peers = [await make_peer("phone"), await make_peer("PouchDB"), await make_peer("phone")]
        for step in range(40):
            one = chance.choice(peers)
            doc_id = chance.choice("abcdef")
            leaves = (await one.state()).get(doc_id, {})
            living = sorted(rev for rev, leaf in leaves.items() if not leaf.deleted)
            doc: Doc = {"_id": doc_id, "step": step}
            if living:
                doc["_rev"] = chance.choice(living)
            if living and chance.random() < 0.3:
                doc["_deleted"] = True
            await one.edit([with_files(doc) if chance.random() < 0.2 and "_deleted" not in doc else doc])
            if chance.random() < 0.5:
                await chance.choice(peers).exchange(chance.choice(["push", "pull", "both"]))
        for one in [*peers, *peers]:
            await one.exchange()
        states = [await one.state() for one in peers]
        assert states == [server.state(database)] * 3
        assert max(len(leaves) for leaves in states[0].values()) > 1
