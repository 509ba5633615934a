"""How often a password may be guessed: a count per e-mail address, whether anybody has that address or not."""

import hashlib

from dualspan_identity.errors import too_many_attempts
from dualspan_identity.model import block_after
from dualspan_identity.store import tokens
from dualspan_runtime.database import Database


class Throttle:
    """Counts attempts to prove a password.

    Args:
        database: Where the counts are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, email: str) -> None:
        """Counts an attempt, before the password is looked at: many at the same time count as many.

        Raises:
            ResourceExhausted: It failed too often with this address (`TOO_MANY_ATTEMPTS`).
        """
        email_hash = _hash(email)
        async with self._database.platform_transaction() as connection:
            attempts = await tokens.lock_attempts(connection, email_hash)
            if attempts.blocked_seconds <= 0:
                failures = attempts.failures + 1
                await tokens.count_attempt(connection, email_hash, failures, block_after(failures))
        if attempts.blocked_seconds > 0:
            raise too_many_attempts(attempts.blocked_seconds)

    async def note_failure(self, email: str) -> None:
        """Writes down that nobody has the address; costs what the audit log costs when somebody has."""
        async with self._database.platform_transaction() as connection:
            await tokens.touch_attempt(connection, _hash(email))

    async def forget(self, email: str) -> None:
        """Begins to count anew: the password was right."""
        async with self._database.platform_transaction() as connection:
            await tokens.forget_attempts(connection, _hash(email))


def _hash(email: str) -> bytes:
    return hashlib.sha256(email.strip().lower().encode()).digest()
