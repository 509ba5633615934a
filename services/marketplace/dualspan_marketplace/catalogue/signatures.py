"""Signatures of images as cosign makes them, verified without a network.

The signed text is simple signing (containers/image, `atomic-signature`): JSON that names the image by its digest. The
signature is ECDSA on P-256 with SHA-256, ASN.1 DER.
"""

import json
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from dualspan_marketplace.catalogue.model import Signature

_TYPE = "cosign container image signature"
_NONE = "No signature was sent with the version."
_ANOTHER = "The signature is of another image."


class BadKeyError(ValueError):
    """A text is no public key that images can be signed with."""


def read_key(pem: str) -> EllipticCurvePublicKey:
    """The key of a PEM text.

    Raises:
        BadKeyError: It is none, or not on P-256.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as err:
        raise BadKeyError("It is no public key in PEM, such as the file cosign.pub.") from err
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise BadKeyError("It is not a key of ECDSA on P-256, which `cosign generate-key-pair` makes.")
    return key


def problem_with(reference: str, signatures: Sequence[Signature], pem: str) -> str:
    """Why an image is not shown to be signed with a key; empty if it is.

    Args:
        reference: `host/path@sha256:…`, of an image or a chart.
        signatures: One of them must be right.
        pem: The publisher's key.
    """
    key = read_key(pem)
    reasons = [_problem(reference, each, key) for each in signatures]
    if "" in reasons:
        return ""
    # What is wrong with one of this very image says more than that others are of others.
    return next((each for each in reasons if each != _ANOTHER), reasons[0] if reasons else _NONE)


def _problem(reference: str, given: Signature, key: EllipticCurvePublicKey) -> str:
    try:
        key.verify(given.signature, given.payload, ECDSA(SHA256()))
    except InvalidSignature:
        return "The signature was not made with the publisher's key, or the signed text was changed."
    named, _, digest = reference.partition("@")
    # A tag beside the digest says nothing; a port comes before a path.
    repository = named if "/" in named.rpartition(":")[2] else named.rpartition(":")[0] or named
    critical = _critical(given.payload)
    if critical is None or critical.get("type") != _TYPE:
        return "The signed text is not what cosign signs."
    if _inside(critical, "image", "docker-manifest-digest") != digest:
        return _ANOTHER
    if _inside(critical, "identity", "docker-reference") not in {repository, named, reference}:
        return "The signature is of the same image in another repository."
    return ""


def _critical(payload: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    critical = found.get("critical") if isinstance(found, dict) else None
    return critical if isinstance(critical, dict) else None


def _inside(critical: dict[str, Any], group: str, key: str) -> Any:
    found = critical.get(group)
    return found.get(key) if isinstance(found, dict) else None
