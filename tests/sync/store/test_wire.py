import gzip

import msgspec
import pytest

from sync.errors import BadRequest, TooLarge
from sync.store.models import Attachment
from sync.store.wire import decode_document, decode_fields, encode_document, unzip


def decoded(raw, **options):
    return decode_document(decode_fields(raw), **options)


class TestDecode:
    def test_the_body_keeps_its_bytes_and_loses_the_underscore_fields(self):
        document = decoded(
            b'{"_id":"a","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]},"_conflicts":["2-a"],'
            b'"x":1.50,"y":{"z":[1 , 2],"nul":"\\u0000"},"_deleted":true}'
        )
        assert (document.id, document.rev, document.deleted) == ("a", "2-b", True)
        assert document.revisions == ("2-b", "1-a")
        assert document.body == b'{"x":1.50,"y":{"z":[1 , 2],"nul":"\\u0000"}}'

    @pytest.mark.parametrize(
        "raw",
        [b"[]", b"", b"{", b'{"a":"\xff"}', b'{"a":1}}', b"[" * 50_000, b'{"_id":1}', b'{"_rev":{}}', b'{"_secret":1}',
         b'{"_id":"_x"}', b'{"_attachments":{"p":{"data":"%%%"}}}', b'{"_attachments":{"p":{"follows":true}}}',
         b'{"_attachments":{"p":{"data":"aGk=","length":9}}}', b'{"_id":"\\ud800"}'],
    )  # fmt: skip
    def test_what_is_no_document_is_refused(self, raw):
        with pytest.raises(BadRequest):
            decoded(raw)

    def test_an_id_that_is_not_the_addresss_is_refused(self):
        with pytest.raises(BadRequest):
            decoded(b'{"_id":"a"}', doc_id="b")

    def test_an_attachment_is_known_by_its_own_bytes_not_by_what_is_said(self):
        document = decoded(b'{"_attachments":{"p":{"data":"aGVsbG8=","digest":"md5-lie","revpos":3}}}')
        assert document.attachments["p"].digest == "md5-XUFAKrxLKna5cZ2REBfFkg=="
        assert document.attachments["p"].revpos == 3


class TestEncode:
    @pytest.mark.parametrize("body", [b"{}", b'{"k":[1,{"_x":2}]}', b' { "k" : 1 } '])
    def test_a_document_comes_back_as_it_was(self, body):
        document = decoded(b'{"_id":"a\\"b","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]}}')
        document = msgspec.structs.replace(document, body=body, deleted=True)
        again = decoded(encode_document(document, revisions=True))
        assert msgspec.json.decode(again.body) == msgspec.json.decode(body)
        assert (again.id, again.revisions, again.deleted) == (document.id, document.revisions, True)

    def test_attachments_are_stubs_or_inline_or_follow(self):
        photo = Attachment.of("image/jpeg", b"hello", revpos=1)
        document = msgspec.structs.replace(decoded(b'{"_id":"a","_rev":"1-a"}'), attachments={"p": photo})
        inline = msgspec.json.decode(encode_document(document))["_attachments"]["p"]
        assert inline["data"] == "aGVsbG8="
        assert msgspec.json.decode(encode_document(document, follows=True))["_attachments"]["p"]["follows"]
        stub = msgspec.structs.replace(photo, data=None)
        document = msgspec.structs.replace(document, attachments={"p": stub})
        assert msgspec.json.decode(encode_document(document))["_attachments"]["p"]["stub"]


class TestUnzip:
    def test_a_bomb_is_refused_before_it_is_unpacked(self):
        with pytest.raises(TooLarge):
            unzip(gzip.compress(bytes(10_000_000)), 1_000_000)

    def test_cut_short_is_refused(self):
        with pytest.raises(BadRequest):
            unzip(gzip.compress(b"hello" * 100)[:-4])
