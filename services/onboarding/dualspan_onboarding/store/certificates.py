"""Certificates that gateways have or see, and everything that has an end."""

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Record

from dualspan_onboarding.calendar import CertificateUse, Dated
from dualspan_onboarding.certificates import Facts, facts_of_der
from dualspan_onboarding.known import Earlier, GatewayCertificates, OwnCertificate, OwnRole, SeenCertificate
from dualspan_onboarding.names import GatewayName, ServerName, TrustedCertificateName
from dualspan_runtime.database import Connection

_TLS, _APPLICATION, _SERVER = 1, 2, 3
_UNTRUSTED = 1
_UPSERT = """
    INSERT INTO known_certificate (tenant_id, gateway_id, server_id, use, sha256, certificate, subject, issuer,
        not_before, not_after, standing, detail, refuses)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT ON CONSTRAINT known_certificate_pkey DO UPDATE SET
        standing = excluded.standing, detail = excluded.detail, refuses = excluded.refuses,
        last_seen = clock_timestamp(), replaced_at = NULL
"""
# Every line of the calendar but the platform's own: certificates, then revocation lists.
_CALENDAR = """
    SELECT tenant_id, gateway_id, server_id, NULL::uuid AS entry_id, use, sha256, subject, issuer, not_before,
        not_after, standing, detail
    FROM known_certificate WHERE replaced_at IS NULL
    UNION ALL
    SELECT tenant_id, gateway_id, '', NULL, 1, '', '', '', NULL, certificate_expire_at, 1, ''
    FROM gateway AS g WHERE certificate_expire_at IS NOT NULL AND revoked_at IS NULL AND NOT EXISTS (
        SELECT FROM known_certificate AS k WHERE (k.tenant_id, k.gateway_id, k.use) = (g.tenant_id, g.gateway_id, 1)
            AND k.replaced_at IS NULL)
    UNION ALL
    SELECT tenant_id, gateway_id, '', entry_id, 4, sha256, subject, issuer, not_before, not_after, 0, ''
    FROM trusted_certificate
    UNION ALL
    SELECT tenant_id, gateway_id, '', entry_id, 5, sha256, subject, subject, crl_updated_at, crl_next_at, 0, ''
    FROM trusted_certificate WHERE crl_next_at IS NOT NULL
"""


def _resource(row: Record) -> str:
    if row["entry_id"] is not None:
        return str(TrustedCertificateName(row["tenant_id"], row["entry_id"]))
    if row["server_id"]:
        return str(ServerName(row["tenant_id"], row["gateway_id"], row["server_id"]))
    return str(GatewayName(row["tenant_id"], row["gateway_id"]))


def _dated(row: Record) -> Dated:
    use = CertificateUse(row["use"])
    facts = Facts(
        sha256=row["sha256"],
        subject=row["subject"],
        issuer=row["issuer"],
        self_signed=bool(row["subject"]) and row["subject"] == row["issuer"],
        not_before=row["not_before"],
        not_after=row["not_after"],
    )
    return Dated(
        tenant=row["tenant_id"],
        resource=_resource(row),
        use=use,
        facts=facts,
        waiting=use is CertificateUse.SERVER and row["standing"] == _UNTRUSTED,
        upcoming=use is CertificateUse.GATEWAY_APPLICATION and row["standing"] == OwnRole.UPCOMING,
        detail=row["detail"],
    )


async def calendar(connection: Connection, tenant: str) -> Sequence[Dated]:
    """Everything of a tenant that has an end."""
    rows = await connection.fetch(f"SELECT * FROM ({_CALENDAR}) AS c WHERE tenant_id = $1", tenant)
    return [_dated(row) for row in rows]


async def ending_before(connection: Connection, moment: datetime) -> Sequence[Dated]:
    """Everything of every tenant that ends before a moment."""
    rows = await connection.fetch(f"SELECT * FROM ({_CALENDAR}) AS c WHERE not_after < $1 ORDER BY not_after", moment)
    return [_dated(row) for row in rows]


async def _put(
    connection: Connection,
    gateway: GatewayName,
    server: str,
    use: int,
    certificate: bytes,
    facts: Facts,
    standing: int,
    detail: str = "",
    refuses: Sequence[str] = (),
) -> None:
    await connection.execute(
        _UPSERT,
        gateway.tenant,
        gateway.gateway,
        server,
        use,
        facts.sha256,
        certificate,
        facts.subject,
        facts.issuer,
        facts.not_before,
        facts.not_after,
        standing,
        detail,
        list(refuses),
    )


async def save_own(connection: Connection, gateway: GatewayName, stated: GatewayCertificates) -> None:
    """Keep what a gateway says that it has; what it no longer has is replaced."""
    own = [(_APPLICATION, one.certificate, one.facts, int(one.role)) for one in stated.applications]
    if stated.tls:
        own.append((_TLS, stated.tls, facts_of_der(stated.tls), int(OwnRole.IN_USE)))
    await connection.execute(
        "UPDATE known_certificate SET replaced_at = clock_timestamp() WHERE tenant_id = $1 AND gateway_id = $2"
        " AND server_id = '' AND replaced_at IS NULL AND sha256 <> ALL($3::text[])",
        gateway.tenant,
        gateway.gateway,
        [facts.sha256 for _, _, facts, _ in own],
    )
    for use, certificate, facts, role in own:
        await _put(connection, gateway, "", use, certificate, facts, role)


async def save_seen(connection: Connection, gateway: GatewayName, seen: SeenCertificate) -> None:
    """Keep what a server shows. One that is trusted replaces the others; one that is not replaces only its like."""
    await connection.execute(
        "UPDATE known_certificate SET replaced_at = clock_timestamp() WHERE tenant_id = $1 AND gateway_id = $2"
        " AND server_id = $3 AND use = 3 AND sha256 <> $4 AND replaced_at IS NULL AND ($5 OR standing = 1)",
        gateway.tenant,
        gateway.gateway,
        seen.server,
        seen.facts.sha256,
        seen.verdict != _UNTRUSTED,
    )
    await _put(
        connection, gateway, seen.server, _SERVER, seen.certificate, seen.facts, seen.verdict, seen.detail, seen.refuses
    )


async def trusted_before(connection: Connection, server: ServerName, but_sha256: str) -> Earlier | None:
    """The certificate of a server that was trusted last, other than this one."""
    row = await connection.fetchrow(
        "SELECT certificate, last_seen FROM known_certificate WHERE tenant_id = $1 AND gateway_id = $2"
        " AND server_id = $3 AND use = 3 AND standing > 1 AND sha256 <> $4 ORDER BY last_seen DESC LIMIT 1",
        server.tenant,
        server.gateway,
        server.server,
        but_sha256,
    )
    return None if row is None else Earlier(facts_of_der(row["certificate"]), row["last_seen"])


async def forget_server(connection: Connection, server: ServerName) -> None:
    """A server is removed, and what it showed with it."""
    await connection.execute(
        "DELETE FROM known_certificate WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3",
        server.tenant,
        server.gateway,
        server.server,
    )


async def own_certificates(connection: Connection, gateway: GatewayName) -> Sequence[OwnCertificate]:
    """What a gateway shows to servers, the one in use first."""
    rows = await connection.fetch(
        "SELECT certificate, standing FROM known_certificate WHERE tenant_id = $1 AND gateway_id = $2"
        " AND server_id = '' AND use = 2 AND replaced_at IS NULL ORDER BY standing, first_seen DESC",
        gateway.tenant,
        gateway.gateway,
    )
    return [
        OwnCertificate(row["certificate"], facts_of_der(row["certificate"]), OwnRole(row["standing"])) for row in rows
    ]


async def refusals(connection: Connection, gateway: GatewayName) -> dict[str, list[str]]:
    """Which servers refuse which of a gateway's certificates: SHA-256 to server ids."""
    rows = await connection.fetch(
        "SELECT DISTINCT server_id, unnest(refuses) AS sha256 FROM known_certificate WHERE tenant_id = $1"
        " AND gateway_id = $2 AND use = 3 AND replaced_at IS NULL ORDER BY server_id",
        gateway.tenant,
        gateway.gateway,
    )
    refused: dict[str, list[str]] = {}
    for row in rows:
        refused.setdefault(row["sha256"], []).append(row["server_id"])
    return refused
