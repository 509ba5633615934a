"""`dualspan bootstrap`: somebody must be able to sign in before anybody can be invited."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from pydantic import ValidationError

from dualspan_cli.errors import CommandError
from dualspan_cli.migrations import told_plainly
from dualspan_cli.output import JsonFlag, messages, print_json
from dualspan_cli.platform import FIRST_EMAIL, FIRST_TENANT
from dualspan_cli.settings import FirstUserSettings
from dualspan_identity.bootstrap import FirstUser
from dualspan_identity.bootstrap import bootstrap as make_first_user
from dualspan_identity.settings import IdentitySettings


def bootstrap(
    email: Annotated[str, typer.Option(help="Signs in with it.")] = FIRST_EMAIL,
    tenant: Annotated[str, typer.Option(help="Id of the first tenant.")] = FIRST_TENANT,
    display_name: Annotated[str, typer.Option("--name", help="What people call the tenant.")] = "My enterprise",
    as_json: JsonFlag = False,
) -> None:
    """Make the first tenant and its administrator, if there is no user at all. Safe to repeat.

    Reads identity's own settings (DUALSPAN_IDENTITY_DATABASE_URL, DUALSPAN_SERVICE_SECRET) and the password in
    DUALSPAN_FIRST_PASSWORD.
    """
    try:
        settings = IdentitySettings()  # pyright: ignore[reportCallIssue] - read from the environment
        password = FirstUserSettings().first_password.get_secret_value()  # pyright: ignore[reportCallIssue] - the same
    except ValidationError as err:
        raise CommandError(
            "SETTINGS_MISSING",
            "Set DUALSPAN_IDENTITY_DATABASE_URL, DUALSPAN_SERVICE_SECRET and DUALSPAN_FIRST_PASSWORD "
            "(10 characters or more).",
            exit_code=2,
        ) from err
    with told_plainly():
        made = asyncio.run(make_first_user(settings, FirstUser(tenant, display_name, email, password)))
    if as_json:
        print_json({"made": made, "email": email, "tenant": tenant})
    else:
        messages.print(f"{email} can sign in." if made else "There are users already; nothing was changed.")
