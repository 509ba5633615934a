"""Trust lists: whom gateways trust beside the approved certificates of their servers."""

import uuid
from collections.abc import Sequence

from asyncpg import Record

from dualspan_onboarding.certificates import (
    Anchor,
    NewTrust,
    RevocationCheck,
    RevocationList,
    TrustEntry,
    TrustUse,
)
from dualspan_onboarding.names import GatewayName, TrustedCertificateName
from dualspan_runtime.database import Connection

_COLUMNS = """
    tenant_id, entry_id, gateway_id, use, certificate, revocation_check, note, added_by, created_at,
    crl_number, crl_updated_at, crl_next_at, crl_revoked
"""


def _entry(row: Record) -> TrustEntry:
    number = row["crl_number"]
    return TrustEntry(
        name=TrustedCertificateName(row["tenant_id"], row["entry_id"]),
        gateway=row["gateway_id"],
        use=TrustUse(row["use"]),
        certificate=row["certificate"],
        revocation_check=RevocationCheck(row["revocation_check"]),
        note=row["note"],
        added_by=row["added_by"],
        created_at=row["created_at"],
        crl_number=None if number is None else int(number),
        crl_updated_at=row["crl_updated_at"],
        crl_next_at=row["crl_next_at"],
        crl_revoked=row["crl_revoked"],
    )


async def insert(connection: Connection, tenant: str, new: NewTrust, added_by: str) -> TrustedCertificateName | None:
    """Add an entry; None if this certificate is there already for the same gateways."""
    facts = new.facts
    entry_id = await connection.fetchval(
        "INSERT INTO trusted_certificate (tenant_id, gateway_id, use, certificate, sha256, subject, issuer, not_before,"
        " not_after, revocation_check, note, added_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        " ON CONFLICT (tenant_id, coalesce(gateway_id, ''), sha256) DO NOTHING RETURNING entry_id",
        tenant,
        new.gateway,
        new.use,
        new.certificate,
        facts.sha256,
        facts.subject,
        facts.issuer,
        facts.not_before,
        facts.not_after,
        new.revocation_check,
        new.note,
        added_by,
    )
    if entry_id is None:
        return None
    name = TrustedCertificateName(tenant, entry_id)
    if new.revocation_list is not None:
        await set_revocation_list(connection, name, new.revocation_list)
    return name


async def set_revocation_list(connection: Connection, name: TrustedCertificateName, crl: RevocationList) -> None:
    """Replace an authority's revocation list."""
    await connection.execute(
        "UPDATE trusted_certificate SET crl = $3, crl_number = $4::text::numeric, crl_updated_at = $5,"
        " crl_next_at = $6, crl_revoked = $7 WHERE tenant_id = $1 AND entry_id = $2",
        name.tenant,
        name.uid,
        crl.der,
        None if crl.number is None else str(crl.number),
        crl.updated_at,
        crl.next_at,
        crl.revoked,
    )


async def find(connection: Connection, name: TrustedCertificateName) -> TrustEntry | None:
    """One entry."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM trusted_certificate WHERE tenant_id = $1 AND entry_id = $2", name.tenant, name.uid
    )
    return None if row is None else _entry(row)


async def count(connection: Connection, tenant: str) -> int:
    """How many entries a tenant has."""
    return await connection.fetchval("SELECT count(*) FROM trusted_certificate WHERE tenant_id = $1", tenant)


async def page(connection: Connection, tenant: str, after: uuid.UUID | None, limit: int) -> Sequence[TrustEntry]:
    """The entries after one, in order of id."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM trusted_certificate WHERE tenant_id = $1 AND ($2::uuid IS NULL OR entry_id > $2)"
        " ORDER BY entry_id LIMIT $3",
        tenant,
        after,
        limit,
    )
    return [_entry(row) for row in rows]


async def delete(connection: Connection, name: TrustedCertificateName) -> None:
    """Remove an entry."""
    await connection.execute(
        "DELETE FROM trusted_certificate WHERE tenant_id = $1 AND entry_id = $2", name.tenant, name.uid
    )


async def anchors(connection: Connection, gateway: GatewayName) -> Sequence[Anchor]:
    """What a gateway is told to trust: its own entries and those of all of the tenant's gateways."""
    rows = await connection.fetch(
        "SELECT entry_id, use, certificate, sha256, revocation_check, crl FROM trusted_certificate"
        " WHERE tenant_id = $1 AND (gateway_id IS NULL OR gateway_id = $2) ORDER BY entry_id",
        gateway.tenant,
        gateway.gateway,
    )
    return [
        Anchor(
            entry_id=row["entry_id"],
            use=TrustUse(row["use"]),
            certificate=row["certificate"],
            sha256=row["sha256"],
            revocation_check=RevocationCheck(row["revocation_check"]),
            revocation_list=row["crl"] or b"",
        )
        for row in rows
    ]


async def gateways_concerned(connection: Connection, tenant: str, gateway: str | None) -> Sequence[GatewayName]:
    """The gateways that an entry is for, in order of id, so that two changes cannot wait for each other."""
    rows = await connection.fetch(
        "SELECT gateway_id FROM gateway WHERE tenant_id = $1 AND ($2::text IS NULL OR gateway_id = $2)"
        " ORDER BY gateway_id",
        tenant,
        gateway,
    )
    return [GatewayName(tenant, row["gateway_id"]) for row in rows]
