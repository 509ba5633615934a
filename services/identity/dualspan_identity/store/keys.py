"""Signing keys, the gateway CA and the certificates that it has signed. Platform transactions, but for certificates."""

from datetime import datetime

from asyncpg import Record

from dualspan_identity.model import SigningKey
from dualspan_runtime.database import Connection

_KEY = "key_id, public_key_pem, sealed_private_key, created_at"


async def lock_keys(connection: Connection) -> None:
    """Waits until no other replica makes keys; released when the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('identity keys', 0))")


async def current_signing_key(connection: Connection) -> SigningKey | None:
    """Returns the key that new tokens are signed with."""
    row = await connection.fetchrow(
        f"SELECT {_KEY} FROM signing_key WHERE retired_at IS NULL ORDER BY created_at DESC LIMIT 1"
    )
    return None if row is None else _key(row)


async def replace_signing_key(connection: Connection, key: SigningKey) -> None:
    """Makes a key the current one; retires the others, and deletes those that were retired a day ago."""
    await connection.execute("DELETE FROM signing_key WHERE retired_at < now() - interval '1 day'")
    await connection.execute("UPDATE signing_key SET retired_at = now() WHERE retired_at IS NULL")
    await connection.execute(
        f"INSERT INTO signing_key ({_KEY}) VALUES ($1, $2, $3, $4)",
        key.key_id,
        key.public_key_pem,
        key.sealed_private_key,
        key.created_at,
    )


async def signing_keys(connection: Connection) -> list[SigningKey]:
    """Returns the current key, then those that retired within the last hour."""
    rows = await connection.fetch(
        f"""SELECT {_KEY} FROM signing_key WHERE retired_at IS NULL OR retired_at > now() - interval '1 hour'
        ORDER BY retired_at DESC NULLS FIRST, created_at DESC"""
    )
    return [_key(row) for row in rows]


async def find_ca(connection: Connection) -> tuple[str, bytes] | None:
    """Returns the CA's certificate (PEM) and its sealed key, if there is one."""
    row = await connection.fetchrow(
        "SELECT certificate_pem, sealed_private_key FROM gateway_ca ORDER BY created_at DESC LIMIT 1"
    )
    return None if row is None else (row["certificate_pem"], row["sealed_private_key"])


async def insert_ca(connection: Connection, ca_id: str, certificate_pem: str, sealed_private_key: bytes) -> None:
    """Stores the CA."""
    await connection.execute(
        "INSERT INTO gateway_ca (ca_id, certificate_pem, sealed_private_key) VALUES ($1, $2, $3)",
        ca_id,
        certificate_pem,
        sealed_private_key,
    )


async def insert_certificate(
    connection: Connection, tenant_id: str, gateway_id: str, serial: str, expires_at: datetime
) -> None:
    """Writes down a gateway's certificate. Wants a transaction of the tenant."""
    await connection.execute(
        "INSERT INTO gateway_certificate (tenant_id, gateway_id, serial, expires_at) VALUES ($1, $2, $3, $4)",
        tenant_id,
        gateway_id,
        serial,
        expires_at,
    )


async def revoke_certificates(connection: Connection, tenant_id: str, gateway_id: str) -> int:
    """Revokes a gateway's certificates and returns how many. Wants a transaction of the tenant."""
    rows = await connection.fetch(
        """UPDATE gateway_certificate SET revoked_at = now()
        WHERE tenant_id = $1 AND gateway_id = $2 AND revoked_at IS NULL RETURNING serial""",
        tenant_id,
        gateway_id,
    )
    return len(rows)


async def revoked_serials(connection: Connection) -> list[str]:
    """Returns the revoked serials that have not expired."""
    rows = await connection.fetch(
        "SELECT serial FROM gateway_certificate WHERE revoked_at IS NOT NULL AND expires_at > now() ORDER BY serial"
    )
    return [row["serial"] for row in rows]


def _key(row: Record) -> SigningKey:
    return SigningKey(row["key_id"], row["public_key_pem"], row["sealed_private_key"], row["created_at"])
