"""The CAs of platforms that this user has worked with: whose reports are trusted without being told."""

from __future__ import annotations

import json
from pathlib import Path

from dualspan_cli.settings import CliSettings

_FILE = "authorities.json"
# Whoever has the database's superuser and the platform's secret: no account of the platform.
_ADMIN = "services/dualspan"


def known_authorities(settings: CliSettings) -> set[str]:
    """SHA-256 of their certificates, hex."""
    try:
        return {str(one) for one in json.loads(_path(settings).read_text())}
    except (OSError, ValueError, TypeError):
        return set()


def remember_authority(settings: CliSettings, sha256: str) -> None:
    """Trusts reports that a CA vouches for from now on: this user is signed in to its platform."""
    known = known_authorities(settings)
    if sha256 in known:
        return
    path = _path(settings)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(sorted({*known, sha256})))
    temporary.replace(path)


async def replace_gateway_authority(database_url: str, service_secret: str) -> str:
    """Makes a new gateway CA in a platform's database; identity uses it from its next start on.

    Every tenant's audit log says so, because every tenant's gateways have to enrol anew.

    Returns:
        SHA-256 of its certificate, hex.

    Raises:
        CommandError: The database cannot be reached, or the secret is another platform's.
    """
    from uuid import uuid4

    from cryptography.hazmat.primitives import serialization

    from dualspan_cli.backup.server import connected
    from dualspan_cli.backup.taking import check_secret
    from dualspan_identity.certification import make_authority
    from dualspan_identity.sealing import CA_PURPOSE, Sealer

    async with connected(database_url) as connection, connection.transaction():
        await check_secret(connection, service_secret)
        made = make_authority()
        key = made.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        await connection.execute(
            "INSERT INTO identity.gateway_ca (ca_id, certificate_pem, sealed_private_key) VALUES ($1, $2, $3)",
            uuid4().hex,
            made.certificate_pem,
            Sealer(service_secret).seal(key, CA_PURPOSE),
        )
        await connection.execute(
            """INSERT INTO identity.audit_event (tenant_id, actor, action, resource, details, request_id)
            SELECT tenant_id, $1, 'gateway.authority_replace', 'tenants/' || tenant_id, $2, ''
            FROM identity.tenant""",
            _ADMIN,
            json.dumps({"fingerprint_sha256": made.fingerprint_sha256}),
        )
    return made.fingerprint_sha256


def _path(settings: CliSettings) -> Path:
    return settings.credential_file.parent / _FILE
