"""SQL about apps and their versions.

Published versions of all tenants are visible to every tenant: who asks for its own says so with the tenant's id.
"""

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

from asyncpg import Record

from dualspan_marketplace.catalogue.model import (
    AppVersion,
    CheckResult,
    Outcome,
    Picture,
    Signature,
    VersionName,
    VersionState,
)
from dualspan_runtime.database import Connection

_COLUMNS = """v.tenant_id, v.app_id, v.version, v.state, v.manifest, v.content_digest, v.signatures, v.checks,
    v.operation, v.approver, v.remark, v.create_time, v.state_time,
    ARRAY(SELECT p.path FROM picture AS p WHERE p.tenant_id = v.tenant_id AND p.app_id = v.app_id
          AND p.version = v.version ORDER BY p.path) AS picture_paths"""
_THIS = "v.tenant_id = $1 AND v.app_id = $2 AND v.version = $3"


def _key(name: VersionName) -> tuple[str, str, str]:
    return name.tenant, name.app_id, name.version


async def lock_app(connection: Connection, tenant: str, app_id: str) -> None:
    """Make an app if it is new, and hold it: its versions and plans change one after the other."""
    await connection.execute(
        "INSERT INTO app (tenant_id, app_id) VALUES ($1, $2) ON CONFLICT (tenant_id, app_id) DO NOTHING",
        tenant,
        app_id,
    )
    await connection.execute("SELECT FROM app WHERE tenant_id = $1 AND app_id = $2 FOR UPDATE", tenant, app_id)


async def find(connection: Connection, name: VersionName, *, lock: bool = False) -> AppVersion | None:
    """One version of the tenant's own."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM app_version AS v WHERE {_THIS}{' FOR UPDATE OF v' if lock else ''}", *_key(name)
    )
    return _version(row) if row else None


async def put_draft(
    connection: Connection,
    name: VersionName,
    order: str,
    manifest: str,
    digest: bytes,
    signatures: Iterable[Signature],
    pictures: Sequence[Picture],
) -> None:
    """Make a draft, or put another content into one."""
    await connection.execute("DELETE FROM picture AS v WHERE " + _THIS, *_key(name))
    await connection.execute(
        """INSERT INTO app_version (tenant_id, app_id, version, version_order, state, manifest, content_digest,
            signatures)
        VALUES ($1, $2, $3, $4, 'draft', $5, $6, $7)
        ON CONFLICT (tenant_id, app_id, version) DO UPDATE SET manifest = excluded.manifest,
            content_digest = excluded.content_digest, signatures = excluded.signatures, checks = '[]',
            operation = '', approver = '', remark = '', state_time = now()""",
        *_key(name),
        order,
        manifest,
        digest,
        json.dumps([_signature_facts(each) for each in signatures]),
    )
    await connection.executemany(
        "INSERT INTO picture (tenant_id, app_id, version, state, path, media_type, content)"
        " VALUES ($1, $2, $3, 'draft', $4, $5, $6)",
        [(*_key(name), each.path, each.media_type, each.content) for each in pictures],
    )


async def submit(connection: Connection, name: VersionName, operation: str) -> None:
    """Checks are to run."""
    await connection.execute(
        f"""UPDATE app_version AS v SET state = 'submitted', operation = $4, checks = '[]', approver = '', remark = '',
            state_time = now() WHERE {_THIS}""",
        *_key(name),
        operation,
    )


async def set_state(
    connection: Connection, name: VersionName, state: VersionState, *, approver: str = "", remark: str = ""
) -> None:
    """Take a step of a version's life."""
    await connection.execute(
        f"""UPDATE app_version AS v SET state = $4, state_time = now(), approver = coalesce(nullif($5, ''), approver),
            remark = coalesce(nullif($6, ''), remark) WHERE {_THIS}""",
        *_key(name),
        state.value,
        approver,
        remark,
    )


async def set_checks(connection: Connection, name: VersionName, checks: Iterable[CheckResult]) -> None:
    """What came of the checks."""
    facts = [
        {"check": each.check, "outcome": each.outcome.value if each.outcome else None, "findings": each.findings}
        for each in checks
    ]
    await connection.execute(f"UPDATE app_version AS v SET checks = $4 WHERE {_THIS}", *_key(name), json.dumps(facts))


async def set_words(
    connection: Connection,
    name: VersionName,
    *,
    industries: Sequence[str],
    domains: Sequence[str],
    name_words: Sequence[str],
    words: Sequence[str],
) -> None:
    """What the catalogue finds the version by."""
    await connection.execute(
        f"UPDATE app_version AS v SET industries = $4, domains = $5, name_words = $6, words = $7 WHERE {_THIS}",
        *_key(name),
        industries,
        domains,
        name_words,
        words,
    )


async def page(
    connection: Connection, tenant: str, app_id: str, after: tuple[str, str] | None, limit: int
) -> list[tuple[AppVersion, str]]:
    """The tenant's own versions with their sort keys: by app, the newest first."""
    after_app, after_order = after or ("", "")
    rows = await connection.fetch(
        f"""SELECT {_COLUMNS}, v.version_order FROM app_version AS v
        WHERE v.tenant_id = $1 AND ($2 = '' OR v.app_id = $2)
            AND ($3 = '' OR v.app_id > $3 OR (v.app_id = $3 AND v.version_order < $4))
        ORDER BY v.app_id, v.version_order DESC LIMIT $5""",
        tenant,
        app_id,
        after_app,
        after_order,
        limit,
    )
    return [(_version(row), row["version_order"]) for row in rows]


async def waiting(connection: Connection, state: VersionState, limit: int) -> list[AppVersion]:
    """Versions of all tenants in a state, the oldest first; in a platform transaction."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM app_version AS v WHERE v.state = $1 ORDER BY v.state_time LIMIT $2",
        state.value,
        limit,
    )
    return [_version(row) for row in rows]


async def published_manifest(connection: Connection, tenant: str, app_id: str) -> str:
    """The manifest of the newest published version; empty if there is none."""
    found = await connection.fetchval(
        """SELECT manifest FROM app_version WHERE tenant_id = $1 AND app_id = $2 AND state = 'published'
        ORDER BY version_order DESC LIMIT 1""",
        tenant,
        app_id,
    )
    return found or ""


def _signature_facts(given: Signature) -> dict[str, str]:
    encoded = base64.b64encode
    return {"payload": encoded(given.payload).decode(), "signature": encoded(given.signature).decode()}


def _signature(facts: dict[str, Any]) -> Signature:
    return Signature(base64.b64decode(facts["payload"]), base64.b64decode(facts["signature"]))


def _check(facts: dict[str, Any]) -> CheckResult:
    outcome = Outcome(facts["outcome"]) if facts["outcome"] else None
    return CheckResult(facts["check"], outcome, tuple(facts["findings"]))


def _version(row: Record) -> AppVersion:
    return AppVersion(
        name=VersionName(row["tenant_id"], row["app_id"], row["version"]),
        state=VersionState(row["state"]),
        manifest=row["manifest"],
        content_digest=row["content_digest"],
        signatures=tuple(_signature(each) for each in json.loads(row["signatures"])),
        checks=tuple(_check(each) for each in json.loads(row["checks"])),
        operation=row["operation"],
        approver=row["approver"],
        remark=row["remark"],
        picture_paths=tuple(row["picture_paths"]),
        create_time=row["create_time"],
        state_time=row["state_time"],
    )
