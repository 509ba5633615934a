"""Whose database and secret an administrator's command works with: a platform elsewhere, or this machine's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dualspan_cli.embedded import EmbeddedPostgres
from dualspan_cli.errors import CommandError
from dualspan_cli.failures import EXIT_BAD_INPUT, EXIT_UNAVAILABLE
from dualspan_cli.local import RunningPlatform
from dualspan_cli.settings import CliSettings


@dataclass(frozen=True, slots=True)
class Origin:
    """What is backed up.

    Attributes:
        database_url: PostgreSQL, as a superuser or with the right to replicate, and to read every schema.
        service_secret: The platform's own: without it nothing that identity keeps sealed can be opened.
        files: Others that belong to it, by the name under which they come back.
        programs: PostgreSQL's `bin`; the built-in one if None.
    """

    database_url: str
    service_secret: str
    files: Mapping[str, Path] = field(default_factory=dict[str, Path])
    programs: Path | None = None


def origin_of(settings: CliSettings, url: str, *, is_named: bool) -> Origin:
    """The database that the command or its environment names; this machine's platform if neither does.

    Args:
        settings: The command's.
        url: Of the command line; empty: none.
        is_named: The data folder stands on the command line, and goes before the environment.

    Raises:
        CommandError: Neither is there, or the secret of the one that is named is missing.
    """
    if address := url or ("" if is_named else settings.admin_database_url):
        secret = settings.service_secret.get_secret_value()
        if not secret:
            raise CommandError(
                "SECRET_MISSING",
                "Set DUALSPAN_SERVICE_SECRET to the platform's own: without it the database's keys open for nobody.",
                exit_code=EXIT_BAD_INPUT,
            )
        return Origin(address, secret)
    running = RunningPlatform.find(settings.data_dir)
    if running is None:
        raise CommandError(
            "NOT_RUNNING",
            f"No platform runs on {settings.data_dir}. Start it, or name a database with --database-url.",
            exit_code=EXIT_UNAVAILABLE,
        )
    own = {name: settings.data_dir / name for name in ("ports.json", "sign-in.json")}
    return Origin(EmbeddedPostgres.url_on(settings.data_dir), running.service_secret, own)
