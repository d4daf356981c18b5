import base64
from datetime import UTC, datetime

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sync.documents import BackendWritten
from sync.documents.envelope import encode_body
from sync.documents.receipts import Receipt, ReceiptEntry
from sync.documents.tasks import PatrolTask
from sync.signatures import read_signed, sign, verify

BACKEND = ec.generate_private_key(ec.SECP256R1())
STRANGER = ec.generate_private_key(ec.SECP256R1())


def public_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


KEYS = {"2026a": public_pem(BACKEND)}


def signed(document: BackendWritten, key: ec.EllipticCurvePrivateKey = BACKEND, key_id: str = "2026a") -> bytes:
    fields = msgspec.to_builtins(document)
    return encode_body(msgspec.structs.replace(document, signature=sign(fields, key, key_id)))


@pytest.fixture
def receipt() -> Receipt:
    entry = ReceiptEntry(record_id="photo:1", rev="1-a", state="accepted")
    return Receipt(id="receipt:1", device_id="d1", issued_at=datetime(2026, 11, 23, tzinfo=UTC), entries=(entry,))


@pytest.fixture
def task() -> PatrolTask:
    return PatrolTask(
        id="task.patrol:1",
        staff_id="li",
        unit_id="u",
        title="河东巡线",
        area_name="河东",
        pressure_levels=("中压A",),
        start_at=datetime(2026, 11, 23, tzinfo=UTC),
        due_at=datetime(2026, 11, 24, tzinfo=UTC),
        pipe_ids=("p1",),
        length_m=1200.0,
    )


class TestReadSigned:
    def test_the_backends_own_document_is_believed(self, task: PatrolTask) -> None:
        read = read_signed(task.id, signed(task), KEYS)
        assert isinstance(read, PatrolTask)
        assert msgspec.structs.replace(read, signature="") == task

    def test_a_forged_receipt_is_not_believed(self, receipt: Receipt) -> None:
        assert read_signed(receipt.id, signed(receipt, STRANGER), KEYS) is None

    def test_an_unsigned_receipt_is_not_believed(self, receipt: Receipt) -> None:
        assert read_signed(receipt.id, encode_body(receipt), KEYS) is None

    def test_a_changed_field_is_noticed(self, task: PatrolTask) -> None:
        assert read_signed(task.id, signed(task).replace(b"1200.0", b"12.0"), KEYS) is None

    def test_a_signature_does_not_serve_for_another_id(self, receipt: Receipt) -> None:
        assert read_signed("receipt:2", signed(receipt), KEYS) is None

    def test_a_signed_kind_of_a_newer_server_is_left_alone(self) -> None:
        fields = {"_id": "later:1", "type": "later"}
        body = msgspec.json.encode({"type": "later", "signature": sign(fields, BACKEND, "2026a")})
        assert verify("later:1", body, KEYS)
        assert read_signed("later:1", body, KEYS) is None


class TestVerify:
    def test_a_number_may_be_written_in_another_way(self, task: PatrolTask) -> None:
        """CouchDB may write 1200.0 as 1200: canonical JSON is the same."""
        assert verify(task.id, signed(task).replace(b"1200.0", b"1200"), KEYS)

    def test_fields_may_come_in_another_order(self, task: PatrolTask) -> None:
        fields = msgspec.json.decode(signed(task))
        assert verify(task.id, msgspec.json.encode(dict(reversed(fields.items()))), KEYS)

    def test_a_rolled_over_key_is_chosen_by_its_id(self, receipt: Receipt) -> None:
        keys = {**KEYS, "2027a": public_pem(STRANGER)}
        assert verify(receipt.id, signed(receipt, STRANGER, "2027a"), keys)
        assert not verify(receipt.id, signed(receipt, STRANGER, "2026a"), keys)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b'{"signature":5}',
            b'{"signature":"2026a"}',
            b'{"signature":"2026a.!!!"}',
            b'{"signature":"2026a.' + base64.urlsafe_b64encode(b"\0" * 64) + b'"}',
            b'{"signature":"2026a.' + base64.urlsafe_b64encode(b"\1" * 64) + b'","n":1e999}',
            b'{"signature":"2026a.' + base64.urlsafe_b64encode(b"\1" * 64) + b'","n":99999999999999999999}',
            b'{"signature":"2026a.' + base64.urlsafe_b64encode(b"\1" * 64) + b'","_id":"x"}',
            b'{"signature":"unknown.' + base64.urlsafe_b64encode(b"\1" * 64) + b'"}',
        ],
    )
    def test_nonsense_is_not_believed_and_never_raises(self, body: bytes) -> None:
        assert not verify("x", body, KEYS)

    def test_a_broken_public_key_believes_nothing(self, receipt: Receipt) -> None:
        assert not verify(receipt.id, signed(receipt), {"2026a": "no key"})


class TestSign:
    def test_what_is_written_once_more_is_the_same_to_the_letter(self, receipt: Receipt) -> None:
        assert signed(receipt) == signed(receipt)

    def test_another_curve_is_refused(self) -> None:
        with pytest.raises(ValueError, match="P-256"):
            sign({}, ec.generate_private_key(ec.SECP384R1()), "a")

    def test_a_key_id_with_a_dot_is_refused(self) -> None:
        with pytest.raises(ValueError, match="dot"):
            sign({}, BACKEND, "a.b")
