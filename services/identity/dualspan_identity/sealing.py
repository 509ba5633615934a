"""Private keys at rest: sealed with AES-256-GCM under a key derived from DUALSPAN_SERVICE_SECRET."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CA_PURPOSE = "gateway CA"
"""What the key of the gateway CA is sealed for."""
_NONCE_BYTES = 12


class SealError(Exception):
    """What was sealed cannot be opened."""


class Sealer:
    """Seals and opens small secrets.

    Args:
        secret: DUALSPAN_SERVICE_SECRET.
    """

    def __init__(self, secret: str) -> None:
        derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"dualspan identity keys at rest v1")
        self._cipher = AESGCM(derive.derive(secret.encode()))

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """Returns the sealed form; it opens for the same purpose only."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """Returns what was sealed.

        Raises:
            SealError: It was sealed with another secret or for another purpose, or was changed.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode())
        except InvalidTag as error:
            msg = (
                f"The stored key for {purpose} does not open. DUALSPAN_SERVICE_SECRET must be the one that the "
                "platform was first started with; set it back."
            )
            raise SealError(msg) from error
