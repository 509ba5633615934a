"""Signed statements of a platform, verified without asking it: DSSE envelopes whose key the platform's CA vouches for.

A file is valid as it is, byte by byte: whatever is not covered by the signature must be what the platform would have
written.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.utils import CryptographyDeprecationWarning

from dualspan_cli.errors import CommandError

COMPLETENESS = "application/vnd.dualspan.completeness.v1+json"
EXIT_INVALID, EXIT_UNKNOWN_SIGNER = 1, 4
_DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
_LARGEST = 256 << 20
# What comes of certificates that were changed.
_UNREADABLE = (
    ValueError,
    TypeError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement whose signature is valid.

    Attributes:
        content: What is stated.
        key_id: SHA-256 of the key that signed it, hex.
        ca_sha256: SHA-256 of the certificate of the CA that vouches for the key, hex.
        create_time: When it was made, as it says itself.
    """

    content: Mapping[str, Any]
    key_id: str
    ca_sha256: str
    create_time: datetime


def verify_statement(data: bytes, payload_type: str = COMPLETENESS) -> Statement:
    """Checks everything but who the CA is; see `check_signer`.

    Raises:
        CommandError: Something is wrong; the words say what (`REPORT_INVALID`).
    """
    document = _document(data)
    signature = document["signatures"][0]
    payload, raw = _decoded(document["payload"], "payload"), _decoded(signature["sig"], "signature")
    if document["payloadType"] != payload_type:
        _invalid("it is not a completeness report but something else that is signed")
    leaf, authority = _chain(signature["certificates"])
    key = leaf.public_key()
    if not isinstance(key, Ed25519PublicKey):
        _invalid("the certificate in it is not one for signing reports")
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    key_id = hashlib.sha256(der).hexdigest()
    if signature["keyid"] != key_id:
        _invalid("the name of the key is not that of the certificate")
    try:
        key.verify(raw, pre_authentication_encoding(payload_type, payload))
    except InvalidSignature:
        _invalid("the signature does not fit: the report was changed after it was signed")
    content = _content(payload)
    created = _time(content)
    if not leaf.not_valid_before_utc <= created <= leaf.not_valid_after_utc:
        _invalid("it says that it was made when the certificate of its key was not valid")
    return Statement(content, key_id, authority.fingerprint(hashes.SHA256()).hex(), created)


def check_signer(statement: Statement, trusted: set[str]) -> None:
    """Checks that the CA is one that is trusted, by SHA-256.

    Raises:
        CommandError: It is not (`SIGNER_NOT_TRUSTED`), or none is known (`SIGNER_UNKNOWN`).
    """
    if statement.ca_sha256 in trusted:
        return
    if trusted:
        raise CommandError(
            "SIGNER_NOT_TRUSTED",
            f"The report is intact, but another platform signed it: its CA has the fingerprint {statement.ca_sha256}.",
            exit_code=EXIT_INVALID,
        )
    raise CommandError(
        "SIGNER_UNKNOWN",
        "The report is intact, but who signed it is not known here. Compare the fingerprint of the platform's CA, "
        f"{statement.ca_sha256}, with one that you got another way, and say --fingerprint or --ca.",
        exit_code=EXIT_UNKNOWN_SIGNER,
    )


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What is signed: DSSE v1.0's PAE."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def canonical(content: object) -> bytes:
    """JSON as RFC 8785 has it, of text, whole numbers, truth, lists, and objects with plain names."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def fingerprint_of(pem: bytes) -> str:
    """SHA-256 of a CA's certificate, hex.

    Raises:
        CommandError: It is no certificate (`BAD_CA`).
    """
    try:
        return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()
    except ValueError as err:
        raise CommandError("BAD_CA", "The file of --ca is not a certificate in PEM form.", exit_code=2) from err


def _invalid(why: str) -> NoReturn:
    raise CommandError("REPORT_INVALID", f"The report is not valid: {why}.", exit_code=EXIT_INVALID)


def _document(data: bytes) -> dict[str, Any]:
    if len(data) > _LARGEST:
        _invalid(f"it is larger than {_LARGEST >> 20} MiB")
    try:
        document = json.loads(data)
        signatures = document["signatures"]
        fields = [document["payload"], document["payloadType"]]
        fields += [signatures[0][name] for name in ("keyid", "sig", "certificates")]
        expected = canonical(document) + b"\n"
    except (ValueError, RecursionError, KeyError, IndexError, TypeError):
        _invalid("it is not a signed report; a byte of its frame was changed, or it is another file")
    plain = len(document) == 3 and len(signatures) == 1 and len(signatures[0]) == 3
    if not plain or not all(isinstance(field, str) for field in fields) or expected != data:
        _invalid("its frame is not as the platform writes it")
    return document


def _decoded(text: str, what: str) -> bytes:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        _invalid(f"its {what} is damaged")
    if base64.b64encode(decoded).decode() != text:
        _invalid(f"its {what} is damaged")
    return decoded


def _chain(pem: str) -> tuple[x509.Certificate, x509.Certificate]:
    """The key's certificate and the CA's, each checked."""
    try:
        # A serial number that a flipped bit made negative is found by the signature, not by a warning.
        with warnings.catch_warnings(action="ignore", category=CryptographyDeprecationWarning):
            certificates = x509.load_pem_x509_certificates(pem.encode())
        written = "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)
        leaf, authority = certificates
        authority.verify_directly_issued_by(authority)
        leaf.verify_directly_issued_by(authority)
        is_authority = authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        may_issue = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except _UNREADABLE:
        _invalid("the certificates in it are damaged or do not belong together")
    if written != pem or not all(map(_counts_every_bit, certificates)):
        _invalid("the certificates in it are damaged")
    if not is_authority or may_issue or _DOCUMENT_SIGNING not in usages:
        _invalid("the certificate in it is not one for signing reports")
    return leaf, authority


def _counts_every_bit(certificate: x509.Certificate) -> bool:
    """Whether all bits of a certificate's signature count.

    A BIT STRING says in front how many of its last bits do not (X.690, 8.6.2.2). Nothing signs that octet, and parsers
    take any that fits.
    """
    return certificate.public_bytes(serialization.Encoding.DER).endswith(b"\x00" + certificate.signature)


def _content(payload: bytes) -> dict[str, Any]:
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        _invalid("what it states cannot be read")
    if not isinstance(content, dict):
        _invalid("what it states cannot be read")
    return content


def _time(content: Mapping[str, Any]) -> datetime:
    try:
        created = datetime.fromisoformat(str(content.get("create_time")))
    except ValueError:
        _invalid("it does not say when it was made")
    if created.tzinfo is None:
        _invalid("it does not say when it was made")
    return created
