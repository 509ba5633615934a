"""Bringing the schemas of all services up to date."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dualspan_runtime.migrations import Migrations

SERVICES_WITH_SCHEMA = ("identity", "onboarding", "historian", "analytics", "marketplace")


async def migrate_all(
    admin_url: str,
    *,
    password: str = "",
    services: tuple[str, ...] = SERVICES_WITH_SCHEMA,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Applies what is missing, service by service. Safe to repeat, and from several machines at once.

    Args:
        admin_url: PostgreSQL, with a role that may create roles and schemas.
        password: For the services' roles; empty: leave as it is.
        services: Which.
        report: Told of each service that is up to date.
    """
    from dualspan_runtime.migrations import migrate

    for name in services:
        migrations: Migrations = import_module(f"dualspan_{name}.migrations").MIGRATIONS
        await migrate(admin_url, migrations, password=password)
        report(name)
