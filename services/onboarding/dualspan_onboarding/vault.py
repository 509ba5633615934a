"""Passwords of OPC UA servers, and what gateways are asked to do: sealed before they reach the database."""

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dualspan_onboarding.names import ServerName

_NONCE_BYTES = 12


class Vault:
    """AES-256-GCM with a key derived from the platform's secret; bound to the server, so that rows cannot be swapped.

    Args:
        service_secret: DUALSPAN_SERVICE_SECRET. With another one, what was sealed cannot be opened.
    """

    def __init__(self, service_secret: str) -> None:
        derivation = HKDF(SHA256(), length=32, salt=None, info=b"dualspan/onboarding/opc-ua-password")
        self._cipher = AESGCM(derivation.derive(service_secret.encode()))

    def seal(self, password: str, server: ServerName) -> bytes | None:
        """Seal a password; None for the empty one, which means that there is none."""
        if not password:
            return None
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, password.encode(), str(server).encode())

    def open(self, sealed: bytes | None, server: ServerName) -> str:
        """Open a sealed password.

        Raises:
            cryptography.exceptions.InvalidTag: it was sealed with another secret, or for another server.
        """
        if sealed is None:
            return ""
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], str(server).encode()).decode()

    def seal_bytes(self, content: bytes, bound_to: str) -> bytes:
        """Seal what may hold a secret.

        Args:
            content: What.
            bound_to: Names whose it is; it can be opened with the same name only. No server's name.
        """
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, bound_to.encode())

    def open_bytes(self, sealed: bytes, bound_to: str) -> bytes:
        """Open what `seal_bytes` sealed.

        Raises:
            cryptography.exceptions.InvalidTag: it was sealed with another secret, or for somebody else.
        """
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())
