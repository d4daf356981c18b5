import gzip
import json

import pytest

from sync.store.models import Attachment

LI = "/user_li_2026q4"


class TestDocument:
    def test_a_deleted_document_and_a_missing_one_have_different_reasons(self, hub, li):
        store = hub.store("user_li_2026q4")
        store.put("a", b"{}", rev=store.put("a", b'{"k":1}'), deleted=True)
        assert li("GET", LI + "/a").json() == {"error": "not_found", "reason": "deleted"}
        assert li("GET", LI + "/b").json() == {"error": "not_found", "reason": "missing"}

    def test_a_reader_who_has_it_is_not_sent_it_again(self, li):
        rev = li("PUT", LI + "/a", json={}).json()["rev"]
        assert li("GET", LI + "/a", headers={"If-None-Match": f'"{rev}"'}).status_code == 304

    def test_head_tells_the_revision_without_the_document(self, li):
        rev = li("PUT", LI + "/a", json={}).json()["rev"]
        answer = li("HEAD", LI + "/a")
        assert (answer.headers["etag"], answer.content) == (f'"{rev}"', b"")

    def test_a_revision_may_be_named_in_the_address_or_in_a_header(self, li):
        first = li("PUT", LI + "/a", json={}).json()["rev"]
        second = li("PUT", LI + "/a", json={"k": 1}, headers={"If-Match": f'"{first}"'}).json()["rev"]
        third = li("PUT", f"{LI}/a?rev={second}", json={"k": 2}).json()["rev"]
        assert li("PUT", f"{LI}/a?rev={third}", json={"_rev": first}).status_code == 400
        assert li("DELETE", LI + "/a", headers={"If-Match": f'"{second}"'}).status_code == 409
        assert li("DELETE", LI + "/a", headers={"If-Match": f'"{third}"'}).status_code == 200

    def test_what_was_saved_first_can_be_read_until_the_database_is_compacted(self, admin, li):
        first = rev = li("PUT", LI + "/a", json={"k": 0}).json()["rev"]
        for number in range(1, 5):
            rev = li("PUT", LI + "/a", json={"_rev": rev, "k": number}).json()["rev"]
        li("DELETE", f"{LI}/a?rev={rev}")
        assert li("GET", f"{LI}/a?rev={first}").json()["k"] == 0
        assert admin("POST", LI + "/_compact", headers={"Content-Type": "application/json"}).status_code == 202
        assert li("GET", f"{LI}/a?rev={first}").status_code == 404

    def test_heads_are_those_of_the_answers(self, hub, li):
        rev = li("PUT", LI + "/a/p.jpg", data=b"123", headers={"Content-Type": "image/jpeg"}).json()["rev"]
        digest = hub.store("user_li_2026q4").get("a").attachments["p.jpg"].digest.removeprefix("md5-")
        for path, etag in ((LI, None), (LI + "/a", rev), (LI + "/a/p.jpg", digest), (LI + "/_all_docs", None)):
            head, full = li("HEAD", path), li("GET", path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-type"] == full.headers["content-type"]
            assert head.headers.get("etag") == (etag and f'"{etag}"')
        assert li("HEAD", LI + "/none").status_code == 404
        known = {"If-None-Match": f'"{digest}"'}
        assert li("GET", LI + "/a/p.jpg", headers=known).status_code == 304

    def test_a_long_answer_is_packed_for_who_takes_it(self, hub, li):
        hub.store("user_li_2026q4").put("a", json.dumps({"备注": "井盖冻结" * 500}).encode())
        packed = li("GET", LI + "/a")
        plain = li("GET", LI + "/a", headers={"Accept-Encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) < len(plain.content) // 5
        assert (packed.json(), "content-encoding" in plain.headers) == (plain.json(), False)

    def test_a_reader_who_would_hang_on_a_cut_packed_answer_gets_it_plain(self, hub, li):
        hub.store("user_li_2026q4").put("a", json.dumps({"备注": "井盖冻结" * 500}).encode())
        pouchdb = {
            "User-Agent": "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
            "Accept-Encoding": "gzip,deflate",
        }
        for path in ("/a", "/_changes"):
            assert "content-encoding" not in li("GET", LI + path, headers=pouchdb).headers

    def test_names_in_chinese_with_slashes_and_quotes_come_back(self, li):
        body = {"_id": '巡线/1"a', "备注": "井盖冻结"}
        assert li("POST", LI, json=body).status_code == 201
        answer = li("GET", LI + "/%E5%B7%A1%E7%BA%BF%2F1%22a").json()
        assert (answer["_id"], answer["备注"]) == (body["_id"], "井盖冻结")

    def test_the_past_and_the_conflicts_are_told_when_asked(self, li):
        docs = [
            {"_id": "c", "_rev": "2-bb", "_revisions": {"start": 2, "ids": ["bb", "aa"]}},
            {"_id": "c", "_rev": "2-cc", "_revisions": {"start": 2, "ids": ["cc", "aa"]}},
            {"_id": "c", "_rev": "3-dd", "_revisions": {"start": 3, "ids": ["dd", "xx", "aa"]}, "_deleted": True},
        ]
        li("POST", LI + "/_bulk_docs", json={"docs": docs, "new_edits": False})
        told = li("GET", LI + "/c?meta=true").json()
        assert (told["_rev"], told["_conflicts"], told["_deleted_conflicts"]) == ("2-cc", ["2-bb"], ["3-dd"])
        assert told["_revs_info"] == [
            {"rev": "2-cc", "status": "available"},
            {"rev": "1-aa", "status": "missing"},
        ]

    @pytest.mark.parametrize(
        ("query", "ids"),
        [
            ("", ["a", "b", "c"]),
            ('startkey="b"', ["b", "c"]),
            ('startkey="a"&endkey="c"&inclusive_end=false', ["a", "b"]),
            ("descending=true&limit=2", ["c", "b"]),
            ('descending=true&startkey="b"', ["b", "a"]),
            ('key="b"', ["b"]),
            ("skip=1&limit=1", ["b"]),
        ],
    )
    def test_documents_are_listed_by_id(self, li, query, ids):
        for doc_id in "cab":
            li("PUT", f"{LI}/{doc_id}", json={})
        assert [row["id"] for row in li("GET", f"{LI}/_all_docs?{query}").json()["rows"]] == ids

    def test_a_list_may_be_asked_for_in_a_body_too(self, hub, li):
        store = hub.store("user_li_2026q4")
        for doc_id in "abc":
            store.put(doc_id, b'{"k":1}')
        store.put("b", b"{}", rev=store.get("b").rev, deleted=True)
        asked = {"startkey": "b", "include_docs": True, "limit": 1}
        (row,) = li("POST", LI + "/_all_docs", json=asked).json()["rows"]
        assert (row["id"], row["doc"]["k"]) == ("c", 1)
        rows = li("POST", LI + "/_all_docs?include_docs=true", json={"keys": ["c", "b", "x", "c"]}).json()["rows"]
        assert [row["key"] for row in rows] == ["c", "b", "x", "c"]
        assert (rows[1]["value"]["deleted"], rows[1]["doc"], rows[2]["error"]) == (True, None, "not_found")


class TestAttachment:
    photo = bytes(range(256)) * 20

    def test_a_photo_comes_back_byte_for_byte_whole_and_in_part(self, li):
        li("PUT", LI + "/p/photo.jpg", data=self.photo, headers={"Content-Type": "image/jpeg"})
        answer = li("GET", LI + "/p/photo.jpg")
        assert (answer.content, answer.headers["content-type"]) == (self.photo, "image/jpeg")
        part = li("GET", LI + "/p/photo.jpg", headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, self.photo[10:20])

    def test_what_one_hub_sends_as_multipart_another_takes(self, hub, admin):
        photo = Attachment.of('image/jpeg\r\nX-Evil: "1"', self.photo)
        rev = hub.store("user_li_2026q4").put("p", b'{"k":1}', attachments={'a"b/图.jpg': photo})
        sent = admin("GET", LI + "/p?attachments=true&revs=true", headers={"Accept": "multipart/related"})
        assert "x-evil" not in admin("GET", LI + "/p/a%22b/%E5%9B%BE.jpg").headers
        taken = admin(
            "PUT",
            "/user_wang_2026q4/p?new_edits=false",
            data=sent.content,
            headers={"Content-Type": sent.headers["content-type"]},
        )
        assert taken.json() == {"ok": True, "id": "p", "rev": rev}
        assert hub.store("user_wang_2026q4").attachment(photo.digest) == self.photo

    def test_a_file_that_couchdb_packed_is_unpacked_once(self, hub, admin):
        packed = gzip.compress(b"hello" * 50)
        listed = {
            "f.txt": {"follows": True, "content_type": "text/plain", "length": 250, "revpos": 1, "encoding": "gzip"}
        }
        doc = {"_id": "m", "_rev": "1-abc", "_attachments": listed}
        head = b'Content-Disposition: attachment; filename="f.txt"\r\nContent-Encoding: gzip'
        body = b"--B\r\nContent-Type: application/json\r\n\r\n" + json.dumps(doc).encode()
        body += b"\r\n--B\r\n" + head + b"\r\n\r\n" + packed + b"\r\n--B--"
        headers = {"Content-Type": 'multipart/related; boundary="B"'}
        assert admin("PUT", LI + "/m?new_edits=false", data=body, headers=headers).status_code == 201
        assert admin("GET", LI + "/m/f.txt").content == b"hello" * 50

    def test_a_text_travels_packed_and_says_so(self, hub, admin):
        text = "井盖冻结\n".encode() * 100
        attachments = {"n.txt": Attachment.of("text/plain", text), "p.jpg": Attachment.of("image/jpeg", self.photo)}
        rev = hub.store("user_li_2026q4").put("p", b"{}", attachments=attachments)
        sent = admin("GET", LI + "/p?attachments=true&revs=true", headers={"Accept": "multipart/related"})
        assert text not in sent.content
        assert b'"encoding":"gzip"' in sent.content
        headers = {"Content-Type": sent.headers["content-type"]}
        assert (
            admin("PUT", "/user_wang_2026q4/p?new_edits=false", data=sent.content, headers=headers).status_code == 201
        )
        assert (
            hub.store("user_wang_2026q4").get("p", rev).attachments == hub.store("user_li_2026q4").get("p").attachments
        )
        plain = admin("GET", LI + "/p/n.txt", headers={"Accept-Encoding": "identity"})
        packed = admin("GET", LI + "/p/n.txt")
        assert (plain.content, packed.content) == (text, text)
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers

    def test_a_file_that_was_damaged_on_its_way_is_refused(self, hub, admin):
        listed = {
            "p": {"follows": True, "content_type": "image/jpeg", "length": 5, "digest": "md5-XUFAKrxLKna5cZ2REBfFkg=="}
        }
        doc = {"_id": "m", "_rev": "1-abc", "_attachments": listed}
        body = b"--B\r\nContent-Type: application/json\r\n\r\n" + json.dumps(doc).encode()
        headers = {"Content-Type": 'multipart/related; boundary="B"'}
        for data, status in ((b"hallo", 400), (b"hello", 201)):
            message = body + b"\r\n--B\r\n\r\n" + data + b"\r\n--B--"
            answer = admin("PUT", LI + "/m?new_edits=false", data=message, headers=headers)
            assert answer.status_code == status
            assert (hub.store("user_li_2026q4").get("m") is not None) == (status == 201)
            assert answer.json().get("error") == (None if status == 201 else "content_md5_mismatch")

    def test_an_upload_that_does_not_match_its_md5_is_refused(self, hub, li):
        for promised, status in (("AAAA", 400), ("XUFAKrxLKna5cZ2REBfFkg==", 201)):
            answer = li("PUT", LI + "/m/p", data=b"hello", headers={"Content-MD5": promised})
            assert answer.status_code == status
            assert bool(hub.store("user_li_2026q4").leaves("m")) == (status == 201)

    def test_a_new_edit_may_bring_several_files_in_one_message(self, hub, li):
        files = {"a b.jpg": self.photo, "图.txt": "开阀".encode()}
        listed = {name: {"follows": True, "content_type": "image/jpeg", "length": len(files[name])} for name in files}
        parts = [b"Content-Type: application/json\r\n\r\n" + json.dumps({"k": 1, "_attachments": listed}).encode()]
        parts += [b"\r\n" + data for data in files.values()]
        body = b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B--"
        answer = li("PUT", LI + "/m", data=body, headers={"Content-Type": "multipart/related; boundary=B"})
        assert answer.status_code == 201
        store = hub.store("user_li_2026q4")
        assert {name: store.attachment(att.digest) for name, att in store.get("m").attachments.items()} == files

    @pytest.mark.parametrize(
        ("stub", "status"),
        [
            ({"stub": True}, 201),
            ({"stub": True, "revpos": 1}, 201),
            ({"stub": True, "revpos": 2, "digest": "md5-AAAA"}, 412),
        ],
    )
    def test_a_kept_file_need_only_be_named(self, hub, li, stub, status):
        rev = hub.store("user_li_2026q4").put("p", b"{}", attachments={"p": Attachment.of("image/jpeg", self.photo)})
        answer = li("PUT", LI + "/p", json={"_rev": rev, "k": 1, "_attachments": {"p": stub}})
        assert answer.status_code == status
        assert li("GET", LI + "/p/p").content == self.photo

    def test_open_revisions_carry_their_files_unless_the_reader_has_them(self, hub, admin):
        store = hub.store("user_li_2026q4")
        rev = store.put("p", b"{}", attachments={"p": Attachment.of("image/jpeg", self.photo)})
        query = f'{LI}/p?open_revs=["{rev}","9-zz"]&revs=true'
        full = admin("GET", query, headers={"Accept": "multipart/mixed"})
        assert self.photo in full.content
        assert b'error="true"\r\n\r\n{"missing":"9-zz"}' in full.content
        spared = admin("GET", f'{query}&atts_since=["{rev}"]', headers={"Accept": "multipart/mixed"})
        assert self.photo not in spared.content

    def test_what_a_phone_uploaded_never_runs_as_a_page(self, li):
        li("PUT", LI + "/p/x.html", data=b"<script>1</script>", headers={"Content-Type": "text/html"})
        assert li("GET", LI + "/p/x.html").headers["content-security-policy"] == "sandbox"

    def test_the_digest_is_the_files_md5(self, hub, li):
        li("PUT", LI + "/p/x", data=b"hello")
        (att,) = hub.store("user_li_2026q4").get("p").attachments.values()
        assert att.digest == "md5-XUFAKrxLKna5cZ2REBfFkg=="
