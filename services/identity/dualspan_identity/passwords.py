"""Passwords: argon2id (RFC 9106, second recommended option), hashed off the event loop."""

import asyncio

import argon2
from argon2.exceptions import InvalidHashError, VerifyMismatchError


class PasswordHasher:
    """Hashes and verifies passwords, a few at a time: with 64 MiB each takes some 50 ms.

    Args:
        threads: At most so many at the same time.
        memory_kib: What each takes; 65 536 is the RFC's recommendation.
    """

    def __init__(self, threads: int, memory_kib: int) -> None:
        self._hasher = argon2.PasswordHasher(memory_cost=memory_kib, parallelism=1)
        self._places = asyncio.Semaphore(threads)
        # For addresses that nobody has: verifying against it takes as long as against a real one.
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """Returns the hash to store."""
        async with self._places:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Tells whether a password is the stored one; takes as long when nothing is stored (None)."""
        async with self._places:
            matches = await asyncio.to_thread(self._verify, stored or self._nobody, password)
        return matches and stored is not None

    def needs_rehash(self, stored: str) -> bool:
        """Tells whether a hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerifyMismatchError, InvalidHashError):
            return False
