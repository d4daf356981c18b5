"""What a phone records of a person, sealed for the office: a name or a number lies readable neither on the hub, nor
in an archive of its databases, nor in the table of facts.

ECIES on P-256: an ephemeral key for each text, HKDF-SHA256 (RFC 5869) over the shared secret, SM4-GCM; the text is
bound to the record that carries it. `1 || ephemeral point (65) || nonce (12) || sealed || tag (16)` in base64url.
"""

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

_VERSION = b"\x01"
_POINT_BYTES = 65
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_BYTES = 16


class NotOpened(Exception):  # noqa: N818 - as it reads in an except line
    """Not sealed for this office, for another record, or damaged."""


def seal_for_office(public_pem: str, plain: bytes, record_id: str) -> str:
    """Raises ValueError where the key is no P-256 key."""
    office = load_pem_public_key(public_pem.encode())
    if not isinstance(office, EllipticCurvePublicKey) or not isinstance(office.curve, SECP256R1):
        raise ValueError("the office's key is no P-256 key")  # noqa: TRY004 - a value that came as text
    mine = generate_private_key(SECP256R1())
    point = mine.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    nonce = os.urandom(_NONCE_BYTES)
    encryptor = Cipher(algorithms.SM4(_key(mine, office, point)), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(record_id.encode())
    sealed = encryptor.update(plain) + encryptor.finalize()
    return base64.urlsafe_b64encode(_VERSION + point + nonce + sealed + encryptor.tag).decode()


def open_sealed(office: EllipticCurvePrivateKey, text: str, record_id: str) -> bytes:
    """Raises NotOpened."""
    try:
        raw = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
        point = raw[1 : 1 + _POINT_BYTES]
        theirs = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except (ValueError, binascii.Error) as error:
        raise NotOpened from error
    rest = raw[1 + _POINT_BYTES :]
    if raw[:1] != _VERSION or len(rest) < _NONCE_BYTES + _TAG_BYTES:
        raise NotOpened
    nonce, tag = rest[:_NONCE_BYTES], rest[-_TAG_BYTES:]
    decryptor = Cipher(algorithms.SM4(_key(office, theirs, point)), modes.GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(record_id.encode())
    try:
        return decryptor.update(rest[_NONCE_BYTES:-_TAG_BYTES]) + decryptor.finalize()
    except InvalidTag as error:
        raise NotOpened from error


def _key(own: EllipticCurvePrivateKey, other: EllipticCurvePublicKey, point: bytes) -> bytes:
    derive = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=b"qixun personal 1" + point)
    return derive.derive(own.exchange(ECDH(), other))
