"""Options that many commands share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from dualspan.identity.v1.service_pb2 import GetTenantRequest
from dualspan_cli.errors import CommandError
from dualspan_cli.session import Session, choose_access, open_session
from dualspan_cli.settings import CliSettings
from dualspan_runtime.settings import AdminSettings

Result = TypeVar("Result")

TenantOption = Annotated[str, typer.Option("--tenant", help="Tenant to act in; your own if not given.")]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Data folder; DUALSPAN_DATA_DIR or a folder of your user if not given. What runs on a folder that you "
        "name either way goes before a sign-in elsewhere.",
    ),
]


def settings_with(data: Path | None) -> CliSettings:
    """The command's settings, with the data folder of the command line."""
    return CliSettings() if data is None else CliSettings(data_dir=data.absolute())


def admin_settings() -> AdminSettings:
    """Where PostgreSQL is for who may change its schemas.

    Raises:
        CommandError: Nobody said so (`NO_DATABASE`).
    """
    try:
        return AdminSettings()  # pyright: ignore[reportCallIssue] - read from the environment
    except ValidationError as err:
        raise CommandError(
            "NO_DATABASE",
            "Set DUALSPAN_ADMIN_DATABASE_URL to postgresql://… with a role that may create roles and schemas.",
            exit_code=2,
        ) from err


def with_session(use: Callable[[Session], Awaitable[Result]], *, tenant: str = "", data: Path | None = None) -> Result:
    """Opens a session, runs `use` with it and returns its result.

    A tenant that was named must be there: the platform's own commands may work for any, and would for one that is not.
    """

    async def main() -> Result:
        async with open_session(choose_access(settings_with(data), is_named=data is not None), tenant) as session:
            if tenant:
                await session.identity.GetTenant(GetTenantRequest(name=session.tenant))
            return await use(session)

    return asyncio.run(main())
