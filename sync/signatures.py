"""The backend's signature on what it writes for phones: ES256 (RFC 7518, 3.4) over RFC 8785 canonical JSON.

A hub only stores; whoever can write into a worker's database could otherwise forge a task or a receipt.
"""

import base64
import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
import rfc8785
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sync.documents import BackendWritten, decode_backend
from sync.documents.envelope import signed_bytes

# ES256 writes r and s as 32 bytes each.
NUMBER_BYTES = 32

_log = logging.getLogger(__name__)


def sign(fields: Mapping[str, Any], key: EllipticCurvePrivateKey, key_id: str) -> str:
    """The `signature` of a document's fields (`_id` among them): `<key id>.<base64url>`.

    Deterministic (RFC 6979): what has to be written once more, to a hub that was put back or after a crash, is the same
    revision as before, so that a phone which has the first copy does not hold two.
    """
    if not isinstance(key.curve, SECP256R1) or not key_id or "." in key_id:
        raise ValueError("ES256 needs a P-256 key and a key id without a dot")
    r, s = decode_dss_signature(key.sign(signed_bytes(fields), ECDSA(SHA256(), deterministic_signing=True)))
    raw = r.to_bytes(NUMBER_BYTES, "big") + s.to_bytes(NUMBER_BYTES, "big")
    return f"{key_id}.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"


def verify(doc_id: str, body: bytes, keys: Mapping[str, str]) -> bool:
    """Whether a stored body carries a valid signature by one of these keys (key id -> public key as PEM).

    Never raises: what cannot be read is not believed.
    """
    try:
        fields = msgspec.json.decode(body)
        if not isinstance(fields, dict) or any(name.startswith("_") for name in fields):
            return False
        key_id, _, text = str(fields.get("signature", "")).partition(".")
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if key_id not in keys or len(raw) != 2 * NUMBER_BYTES:
            return False
        signature = encode_dss_signature(
            int.from_bytes(raw[:NUMBER_BYTES], "big"), int.from_bytes(raw[NUMBER_BYTES:], "big")
        )
        signed = signed_bytes({**fields, "_id": doc_id})
    except (msgspec.MsgspecError, rfc8785.CanonicalizationError, RecursionError, ValueError):
        return False
    key = _public_key(keys[key_id])
    if key is None:
        return False
    try:
        key.verify(signature, signed, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def read_signed(doc_id: str, body: bytes, keys: Mapping[str, str]) -> BackendWritten | None:
    """What the backend wrote, or None for what it did not sign or what this version cannot read."""
    if not verify(doc_id, body, keys):
        return None
    try:
        return decode_backend(doc_id, body)
    except msgspec.MsgspecError as error:
        _log.warning("a signed document is of a kind this version does not know: %s: %s", doc_id, error)
        return None


@lru_cache(maxsize=64)
def _public_key(pem: str) -> EllipticCurvePublicKey | None:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1) else None
