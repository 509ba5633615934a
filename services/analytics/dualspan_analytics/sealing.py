"""Secrets of tenants, sealed before they reach the database."""

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class Seal:
    """AES-256-GCM under a key derived from the platform's secret, bound to what the secret belongs to.

    Args:
        service_secret: DUALSPAN_SERVICE_SECRET. With another one, what was sealed cannot be opened.
    """

    def __init__(self, service_secret: str) -> None:
        derivation = HKDF(SHA256(), length=32, salt=None, info=b"dualspan/analytics/tenant-secret")
        self._cipher = AESGCM(derivation.derive(service_secret.encode()))

    def close(self, secret: str, belongs_to: str) -> bytes:
        """Seal a secret; it opens for the same owner only, so that rows cannot be swapped."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), belongs_to.encode())

    def open(self, sealed: bytes, belongs_to: str) -> str:
        """Open it.

        Raises:
            cryptography.exceptions.InvalidTag: It was sealed with another secret, or for something else.
        """
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], belongs_to.encode()).decode()
