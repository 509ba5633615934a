"""What is wrong with a platform is said by the service at its start or while it runs, and by `dualspan doctor`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from integration.identity.running import platform
from structlog.testing import capture_logs

from dualspan_cli.backup.keys import make_lock
from dualspan_cli.doctor.database import look_at_databases
from dualspan_cli.doctor.machine import look_at_backups, look_at_disk
from dualspan_cli.doctor.model import Finding, State, exit_code
from dualspan_cli.embedded import EmbeddedPostgres
from dualspan_cli.folder import give, system_user
from dualspan_cli.settings import child_environment
from dualspan_identity import certification
from dualspan_identity.migrations import MIGRATIONS
from dualspan_identity.sealing import Sealer
from dualspan_identity.service.authority import GatewayAuthority
from dualspan_runtime.database import Database
from dualspan_runtime.errors import Unavailable
from dualspan_runtime.migrations import migrate
from dualspan_runtime.settings import ServiceSettings
from harness.databases import ClonedDatabase, execute

SECRET = "the service secret of tests"
NOBODY = "127.0.0.1:9"


def settings(url: str) -> ServiceSettings:
    return ServiceSettings.model_validate({"listen": "", "database_url": url, "platform": platform()})


def run(module: str, *arguments: str, clock: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """A process of the platform with settings of its own, to its end."""
    given = {f"DUALSPAN_{name.upper()}": value for name, value in variables.items()}
    shared = {"DUALSPAN_SERVICE_SECRET": SECRET, "DUALSPAN_IDENTITY_LISTEN": "127.0.0.1:0"}
    environment = child_environment(shared | given | ({"PYTHONPATH": str(clock)} if clock else {}))
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def doctor(clock: Path | None = None, **variables: str) -> tuple[int, list[dict[str, str]]]:
    """Exit code and findings of `dualspan doctor --json` for a platform whose services nobody runs."""
    addresses = {
        f"{name}_address": NOBODY for name in ("identity", "onboarding", "historian", "analytics", "marketplace")
    }
    done = run("dualspan_cli", "doctor", "--json", clock=clock, **addresses, **variables)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["findings"]


def of(findings: list[dict[str, str]], check: str, subject: str) -> dict[str, str]:
    return next(one for one in findings if (one["check"], one["subject"]) == (check, subject))


def small_disk(folder: Path) -> bool:
    """A disk that is soon full; whether this machine lets one be mounted."""
    options = ["-t", "tmpfs", "-o", "size=160m,mode=755", "tmpfs", str(folder)]
    return subprocess.run(["mount", *options], check=False).returncode == 0


def remove_disk(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the system user may reach."""
    path = Path(tempfile.mkdtemp(prefix="dualspan-doctor-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


async def test_a_schema_that_is_newer_and_a_clock_that_is_off(database: ClonedDatabase, folder: Path) -> None:
    """One run of each program says both: the service does not start, and says so in a line and no traceback."""
    newer = "INSERT INTO identity.schema_migration (name, checksum) VALUES ('9999_of_tomorrow', 'x')"
    await execute(database.admin_url, newer)
    url = database.service_url("identity")
    started = run("dualspan_identity", identity_database_url=url)
    assert started.returncode == 78
    assert "newer than this program: it has 9999_of_tomorrow. Install the release that wrote it" in started.stderr
    assert "Traceback" not in started.stdout + started.stderr
    # As far as Python is asked, this process's clock is an hour ahead.
    (folder / "sitecustomize.py").write_text("import time\nreal = time.time\ntime.time = lambda: real() + 3600\n")
    code, findings = doctor(folder, identity_database_url=url, admin_database_url=database.admin_url)
    assert code == 10
    schema = of(findings, "database.schema", "identity")
    assert (schema["state"], schema["advice"]) == ("error", "Install the release that wrote it, or a later one.")
    assert of(findings, "database.schema", "historian")["state"] == "well"
    clock = of(findings, "clock", "database")
    assert clock["state"] == "error"
    assert "3600 s ahead of the database's" in clock["message"]
    assert of(findings, "service", "identity")["state"] == "error"


async def test_a_clock_that_is_off_is_in_the_services_log(
    database: ClonedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Database.open(settings(database.service_url("identity")), schema=MIGRATIONS)
    with capture_logs() as quiet:
        async with opened:
            pass
    assert not quiet
    real = datetime.now(UTC).timestamp
    monkeypatch.setattr("dualspan_runtime.clocks.time.time", lambda: real() - 3600)
    with capture_logs() as logs:
        async with Database.open(settings(database.service_url("identity")), schema=MIGRATIONS):
            pass
    (said,) = logs
    assert said["log_level"] == "error"
    assert "s behind the database's" in said["event"]
    assert "NTP" in said["event"]


async def test_a_wrong_password(folder: Path) -> None:
    """On a server that asks for one: the embedded one trusts whoever reaches its socket."""
    hba = folder / "pg_hba.conf"
    hba.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
    server = EmbeddedPostgres(folder / "platform", {"hba_file": str(hba), "fsync": "off", "shared_buffers": "16MB"})
    server.start()
    try:
        await migrate(server.url(), MIGRATIONS, password="the right one")
        right, wrong = (
            server.url(user="dualspan_identity").replace("dualspan_identity@", f"dualspan_identity:{word}@")
            for word in ("the%20right%20one", "wrong")
        )
        started = run("dualspan_identity", identity_database_url=wrong)
        assert started.returncode == 78
        assert "password authentication failed" in started.stderr
        assert "Set DUALSPAN_IDENTITY_DATABASE_URL to the right role, password" in started.stderr
        assert "Traceback" not in started.stdout + started.stderr
        (found,) = await look_at_databases({"identity": wrong}, "")
        assert (found.check, found.state) == ("database.password", State.ERROR)
        assert "DUALSPAN_IDENTITY_DATABASE_URL" in found.advice
        assert [one.state for one in await look_at_databases({"identity": right}, "")] == [State.WELL] * 2
    finally:
        server.stop()


async def test_a_gateway_ca_that_has_expired(database: ClonedDatabase) -> None:
    sealer = Sealer(SECRET)
    async with Database.open(settings(database.service_url("identity")), schema=MIGRATIONS) as opened:
        authority = GatewayAuthority(opened, sealer)
        with capture_logs() as quiet:
            await authority.load()
        assert not quiet
        for ends, words, state in (
            (timedelta(days=-1), "has expired: no gateway can connect", State.ERROR),
            (timedelta(days=90), "ends in 89 days", State.WARNING),
        ):
            pem = _ending(authority.ca, datetime.now(UTC) + ends)
            await execute(database.admin_url, f"UPDATE identity.gateway_ca SET certificate_pem = '{pem}'")
            with capture_logs() as logs:
                await authority.load()
            assert words in logs[0]["event"]
            found = await look_at_databases({}, database.admin_url)
            (ca,) = [one for one in found if one.check == "ca"]
            assert ca.state is state
            assert words in ca.message
            assert "dualspan platform replace-authority" in ca.advice
    await execute(database.admin_url, "INSERT INTO identity.tenant (tenant_id, display_name) VALUES ('acme', 'Acme')")
    done = run(
        "dualspan_cli", "platform", "replace-authority", "--yes", "--json", admin_database_url=database.admin_url
    )
    assert done.returncode == 0, done.stdout
    connection = await asyncpg.connect(database.admin_url)
    told = await connection.fetch("SELECT tenant_id, action, details FROM identity.audit_event")
    await connection.close()
    assert [(one["tenant_id"], one["action"], json.loads(one["details"])) for one in told] == [
        ("acme", "gateway.authority_replace", json.loads(done.stdout))
    ]
    async with Database.open(settings(database.service_url("identity")), schema=MIGRATIONS) as opened:
        renewed = GatewayAuthority(opened, sealer)
        await renewed.load()
    assert renewed.ca.fingerprint_sha256 == json.loads(done.stdout)["fingerprint_sha256"]
    assert exit_code(await look_at_databases({}, database.admin_url)) == 0


def _ending(ca: certification.CertificateAuthority, end: datetime) -> str:
    """The same CA with another end."""
    old = ca.certificate
    builder = x509.CertificateBuilder(
        old.issuer,
        old.subject,
        old.public_key(),
        old.serial_number,
        end - timedelta(days=3650),
        end,
        list(old.extensions),
    )
    return replace(ca, certificate=builder.sign(ca.key, hashes.SHA256())).certificate_pem


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
async def test_a_full_disk(folder: Path) -> None:
    disk = folder / "disk"
    disk.mkdir()
    if not small_disk(disk):
        pytest.skip("this machine lets nobody mount a small disk")
    server = EmbeddedPostgres(disk, {"fsync": "off", "shared_buffers": "16MB", "min_wal_size": "32MB"})
    try:
        give(disk, system_user())
        server.start()
        await migrate(server.url(), MIGRATIONS)
        assert exit_code(await look_at_databases({}, server.url())) == 10  # the other services' schemas are not there
        assert _state(await look_at_databases({}, server.url()), "database.disk") is State.WELL
        filler = disk / "filler"
        filler.write_bytes(b"\0" * (shutil.disk_usage(disk).free - (1 << 20)))
        assert look_at_disk(disk, "data").state is State.ERROR
        assert _state(await look_at_databases({}, server.url()), "database.disk") is State.ERROR
        with capture_logs() as logs:
            async with Database.open(settings(server.url(user="dualspan_identity")), schema=MIGRATIONS) as opened:
                await _fill(opened)
        assert [one["event"] for one in logs if one["log_level"] == "error"] == [
            "the database's disk is full: nothing can be stored until there is room"
        ]
        filler.unlink()
        assert _state(await look_at_databases({}, server.url()), "database.disk") is State.WELL
    finally:
        server.stop()
        remove_disk(disk)


async def _fill(database: Database) -> None:
    with pytest.raises(Unavailable, match="DATABASE_DISK_FULL"):
        async with database.platform_transaction() as connection:
            await connection.execute(
                "INSERT INTO tenant (tenant_id, display_name)"
                " SELECT 'tenant-' || number, repeat('x', 1000) FROM generate_series(1, 8000) AS number"
            )


def _state(findings: list[Finding], check: str) -> State:
    return next(one.state for one in findings if one.check == check)


def test_backups_that_are_missing_or_old(folder: Path) -> None:
    now = datetime.now(UTC)
    assert [one.state for one in look_at_backups(None, 24, now)] == [State.WARNING]
    make_lock(folder / "repository", key_file=folder / "key")
    (none,) = look_at_backups(folder / "repository", 24, now)
    assert (none.state, none.message) == (State.ERROR, "There is no backup")
