"""Statements in the platform's name: the key is made when first needed, kept sealed, and replaced in time."""

import asyncio
import hashlib
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dualspan_identity.sealing import Sealer
from dualspan_identity.service.audit import note
from dualspan_identity.service.authority import GatewayAuthority
from dualspan_identity.statements import (
    RENEW_AFTER,
    Signature,
    StatementKey,
    certify,
    check_statement,
    key_id_of,
    sign,
)
from dualspan_identity.store import keys, statement_keys
from dualspan_runtime.database import Database


class Statements:
    """Signs statements.

    Args:
        database: Where the keys are.
        sealer: Opens them.
        authority: Vouches for them.
    """

    def __init__(self, database: Database, sealer: Sealer, authority: GatewayAuthority) -> None:
        self._database = database
        self._sealer = sealer
        self._authority = authority

    async def sign(self, tenant: str, payload_type: str, payload: bytes) -> Signature:
        """Sign a tenant's statement; the audit log says that it was signed, and the statement's SHA-256.

        Raises:
            InvalidArgument: It is nothing that the platform signs (`MALFORMED_FIELD`).
        """
        check_statement(payload_type, payload)
        key = await self._current()
        private = Ed25519PrivateKey.from_private_bytes(self._sealer.open(key.sealed_private_key, _purpose(key.key_id)))
        signature = await asyncio.to_thread(sign, key, private, payload_type, payload)
        digest = hashlib.sha256(payload).hexdigest()
        async with self._database.transaction(tenant) as connection:
            details = {"payload_type": payload_type, "sha256": digest, "key_id": key.key_id}
            await note(connection, tenant, "statement.sign", f"tenants/{tenant}", **details)
        return signature

    async def _current(self) -> StatementKey:
        """Return the key in force; replicas that need a new one at the same time make one."""
        async with self._database.platform_transaction() as connection:
            key = await statement_keys.newest(connection)
            if key is None or key.renew_at <= datetime.now(UTC):
                await keys.lock_keys(connection)
                key = await statement_keys.newest(connection)
            if key is None or key.renew_at <= datetime.now(UTC):
                key = self._make()
                await statement_keys.insert(connection, key)
        return key

    def _make(self) -> StatementKey:
        private = Ed25519PrivateKey.generate()
        key_id = key_id_of(private.public_key())
        chain = certify(self._authority.ca, private.public_key())
        sealed = self._sealer.seal(private.private_bytes_raw(), _purpose(key_id))
        return StatementKey(key_id, chain, sealed, datetime.now(UTC) + RENEW_AFTER)


def _purpose(key_id: str) -> str:
    return f"statement key {key_id}"
