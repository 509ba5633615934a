"""The keys of statements. Platform transactions."""

from dualspan_identity.statements import StatementKey
from dualspan_runtime.database import Connection

_COLUMNS = "key_id, certificate_chain_pem, sealed_private_key, renew_at"


async def newest(connection: Connection) -> StatementKey | None:
    """Return the key that was made last."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM statement_key ORDER BY created_at DESC LIMIT 1")
    return None if row is None else StatementKey(*row)


async def insert(connection: Connection, key: StatementKey) -> None:
    """Store a key."""
    await connection.execute(
        f"INSERT INTO statement_key ({_COLUMNS}) VALUES ($1, $2, $3, $4)",
        key.key_id,
        key.certificate_chain_pem,
        key.sealed_private_key,
        key.renew_at,
    )
