"""Bringing the schemas of all services up to date."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from dualspan_cli.errors import CommandError
from dualspan_cli.failures import EXIT_UNAVAILABLE

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


@contextmanager
def told_plainly() -> Generator[None]:
    """What keeps a database from being brought up to date, for whoever reads the log of a Job that failed.

    Raises:
        CommandError: With the exit code of a wrong configuration where another try would say the same.
    """
    import asyncpg

    from dualspan_runtime.database import DatabaseRefusedError
    from dualspan_runtime.migrations import MigrationError, SchemaMismatchError
    from dualspan_runtime.settings import CONFIGURATION_ERROR

    try:
        yield
    except SchemaMismatchError as err:
        raise CommandError("SCHEMA_MISMATCH", str(err), exit_code=CONFIGURATION_ERROR) from err
    except MigrationError as err:
        raise CommandError("MIGRATION_FAILED", str(err)) from err
    except DatabaseRefusedError as err:
        raise CommandError("DATABASE_REFUSED", str(err), exit_code=CONFIGURATION_ERROR) from err
    except (
        asyncpg.InvalidPasswordError,
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        asyncpg.InsufficientPrivilegeError,
    ) as err:
        words = (
            f"PostgreSQL refuses the administrator: {err}. Set DUALSPAN_ADMIN_DATABASE_URL to the right role, password "
            "and database; the role must be allowed to create roles and schemas."
        )
        raise CommandError("DATABASE_REFUSED", words, exit_code=CONFIGURATION_ERROR) from err
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError) as err:
        said = str(err) or "it does not answer in time"
        words = f"PostgreSQL cannot be reached: {said}. Is it running, and is this its address?"
        raise CommandError("DATABASE_UNREACHABLE", words, exit_code=EXIT_UNAVAILABLE) from err
