"""What a phone seals for the office: only the office opens it, and only in the record that carries it."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sync.sealed import NotOpened, open_sealed, seal_for_office

OFFICE = ec.derive_private_key(11, ec.SECP256R1())
PEM = OFFICE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
TEXT = "演示-孙家人 220100188501010017".encode()


def test_the_office_reads_what_the_phone_sealed_and_nobody_sees_it_on_the_way() -> None:
    first, second = (seal_for_office(PEM, TEXT, "customer.completed:1") for _ in range(2))
    assert first != second
    assert TEXT not in base64.urlsafe_b64decode(first)
    assert open_sealed(OFFICE, first, "customer.completed:1") == TEXT


def test_another_office_or_another_record_does_not_open_it() -> None:
    sealed = seal_for_office(PEM, TEXT, "customer.completed:1")
    with pytest.raises(NotOpened):
        open_sealed(ec.derive_private_key(12, ec.SECP256R1()), sealed, "customer.completed:1")
    with pytest.raises(NotOpened):
        open_sealed(OFFICE, sealed, "customer.completed:2")


@pytest.mark.parametrize("damage", [slice(0, 40), slice(4, None), slice(0, 0)])
def test_a_damaged_text_is_told_and_not_read(damage: slice) -> None:
    with pytest.raises(NotOpened):
        open_sealed(OFFICE, seal_for_office(PEM, TEXT, "r")[damage], "r")


def test_one_turned_byte_anywhere_is_noticed() -> None:
    raw = base64.urlsafe_b64decode(seal_for_office(PEM, TEXT, "r"))
    for at in range(0, len(raw), 7):
        turned = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(NotOpened):
            open_sealed(OFFICE, base64.urlsafe_b64encode(turned).decode(), "r")


@pytest.mark.parametrize("text", ["", "nicht base64 ü", "AQ==", "AAAA" * 40])
def test_garbage_is_no_seal(text: str) -> None:
    with pytest.raises(NotOpened):
        open_sealed(OFFICE, text, "r")


def test_a_key_of_another_kind_is_refused() -> None:
    other = ec.derive_private_key(5, ec.SECP384R1()).public_key()
    with pytest.raises(ValueError, match="P-256"):
        seal_for_office(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), TEXT, "r")
