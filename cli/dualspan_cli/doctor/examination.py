"""Which platform is looked at, and in which order: what all the rest needs comes first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from dualspan_cli.doctor.database import look_at_databases
from dualspan_cli.doctor.machine import look_at_backups, look_at_disk
from dualspan_cli.doctor.model import Finding, State
from dualspan_cli.doctor.services import look_at_rabbitmq, look_at_redis, look_at_services, look_through_services
from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from dualspan_cli.errors import CommandError
from dualspan_cli.local import RunningPlatform
from dualspan_cli.migrations import SERVICES_WITH_SCHEMA
from dualspan_cli.session import Access, choose_access, where
from dualspan_cli.settings import CliSettings, inherited_environment
from dualspan_runtime.broker import is_rabbitmq


@dataclass(frozen=True, slots=True)
class Patient:
    """What is known of a platform.

    Attributes:
        database_urls: By service.
        admin_url: Of PostgreSQL; empty: unknown.
        redis_url: Empty: unknown.
        broker_url: Where tasks go through something else than Redis; empty: they do not.
        addresses: Of the services, `host:port`.
        console: `host:port`; empty: unknown.
        access: Who asks; None: nobody can.
        folder: Its data folder, on this machine.
        findings: What was found out on the way.
    """

    database_urls: Mapping[str, str] = field(default_factory=dict[str, str])
    admin_url: str = ""
    redis_url: str = ""
    broker_url: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict[str, str])
    console: str = ""
    access: Access | None = None
    folder: Path | None = None
    findings: tuple[Finding, ...] = ()


async def examine(settings: CliSettings, *, is_named: bool, now: datetime) -> list[Finding]:
    """Looks at everything that is known of a platform.

    Args:
        settings: The command's.
        is_named: The data folder stands on the command line.
        now: For ages.
    """
    patient = _patient(settings, is_named=is_named)
    findings = list(patient.findings)
    if patient.folder is not None:
        findings.append(look_at_disk(patient.folder, "the platform's data"))
    findings += look_at_backups(settings.backup_repository, settings.backup_every_hours, now)
    findings += await look_at_databases(patient.database_urls, patient.admin_url)
    if patient.redis_url:
        findings.append(await look_at_redis(patient.redis_url))
    if is_rabbitmq(patient.broker_url):
        findings.append(await look_at_rabbitmq(patient.broker_url))
    logs = patient.folder / "logs" if patient.folder else None
    findings += await look_at_services(patient.addresses, patient.console, logs)
    if patient.access is not None:
        findings += await look_through_services(patient.access)
    return findings


def _patient(settings: CliSettings, *, is_named: bool) -> Patient:
    environment = {} if is_named else inherited_environment()
    urls = {name: environment.get(f"DUALSPAN_{name.upper()}_DATABASE_URL", "") for name in SERVICES_WITH_SCHEMA}
    urls = {name: url for name, url in urls.items() if url}
    if is_named or not (urls or settings.admin_database_url or settings.names_a_platform()):
        running = RunningPlatform.find(settings.data_dir)
        return _here(settings.data_dir, running) if running else _nothing(settings.data_dir)
    known = Patient(
        urls,
        settings.admin_database_url,
        environment.get("DUALSPAN_REDIS_URL", ""),
        environment.get("DUALSPAN_BROKER_URL", ""),
        console=settings.console_address,
    )
    try:
        access = choose_access(settings)
    except CommandError as err:
        findings = (Finding("services", "", State.UNKNOWN, str(err), "Then it can say how queues and gateways are."),)
        return replace(known, findings=findings)
    return replace(known, addresses=_addresses(access), access=access)


def _here(folder: Path, running: RunningPlatform) -> Patient:
    access = Access(where(running), service_secret=running.service_secret)
    return Patient(
        database_urls={name: EmbeddedPostgres.url_on(folder, user=f"dualspan_{name}") for name in SERVICES_WITH_SCHEMA},
        admin_url=EmbeddedPostgres.url_on(folder),
        redis_url=EmbeddedRedis.url_on(folder),
        addresses=_addresses(access),
        console=running.console_url.rpartition("/")[2],
        access=access,
        folder=folder,
    )


def _nothing(folder: Path) -> Patient:
    advice = f"Start it with `dualspan up --data {folder}`, or name a platform's addresses in the environment."
    finding = Finding("platform", str(folder), State.ERROR, "No platform runs on this folder", advice)
    return Patient(folder=folder if folder.exists() else None, findings=(finding,))


def _addresses(access: Access) -> dict[str, str]:
    found = access.addresses
    return {name: str(getattr(found, name)) for name in SERVICES_WITH_SCHEMA}
