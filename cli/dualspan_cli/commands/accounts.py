"""`dualspan sign-in`, `sign-out`, `tenants`, `users` and `tokens`."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as service
from dualspan.identity.v1.service_pb2_grpc import IdentityServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, settings_with, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.local import RunningPlatform
from dualspan_cli.output import JsonFlag, as_dict, messages, print_done, print_json, print_message, print_messages
from dualspan_cli.session import Addresses, Credential, Session, all_pages, known_addresses, required_tenant
from dualspan_cli.times import parse_duration
from dualspan_runtime.channels import open_channel

tenants = typer.Typer(help="Enterprises on the platform.", no_args_is_help=True)
users = typer.Typer(help="People of a tenant.", no_args_is_help=True)
tokens = typer.Typer(help="API tokens of a tenant: secrets for programs.", no_args_is_help=True)

_TENANT_COLUMNS = ("name", "display_name", "create_time")
_USER_COLUMNS = ("name", "email", "display_name", "roles", "disabled")
_TOKEN_COLUMNS = ("name", "display_name", "roles", "expire_time", "revoke_time")
_PAGE = 1000
RolesOption = Annotated[
    list[str],
    typer.Option("--role", help="viewer, operator, engineer, admin, publisher, platform-admin; repeatable."),
]


def parse_roles(names: list[str]) -> list[resources.Role.ValueType]:
    """Roles from the words that people type.

    Raises:
        CommandError: There is no such role.
    """
    known = list(resources.Role.keys())
    roles: list[resources.Role.ValueType] = []
    for name in names:
        key = f"ROLE_{name.upper().replace('-', '_')}"
        if key not in known or key == "ROLE_UNSPECIFIED":
            words = ", ".join(role.removeprefix("ROLE_").lower().replace("_", "-") for role in known[1:])
            raise CommandError("UNKNOWN_ROLE", f"There is no role {name!r}; there are {words}.", exit_code=2)
        roles.append(resources.Role.Value(key))
    return roles


def sign_in(
    email: Annotated[str, typer.Option(prompt="E-mail", help="Your e-mail address.")],
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, help="Asked for if not given.")],
    identity_address: Annotated[str, typer.Option(help="host:port; that of a platform on this machine if empty.")] = "",
    onboarding_address: Annotated[str, typer.Option(help="host:port.")] = "",
    historian_address: Annotated[str, typer.Option(help="host:port.")] = "",
    analytics_address: Annotated[str, typer.Option(help="host:port.")] = "",
    marketplace_address: Annotated[str, typer.Option(help="host:port.")] = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Sign in and remember it, so that other commands act as you."""
    settings = settings_with(data)
    known = known_addresses(settings, None, RunningPlatform.find(settings.data_dir))
    addresses = Addresses(
        identity=identity_address or known.identity,
        onboarding=onboarding_address or known.onboarding,
        historian=historian_address or known.historian,
        analytics=analytics_address or known.analytics,
        marketplace=marketplace_address or known.marketplace,
    )
    answer = asyncio.run(_sign_in(addresses.identity, email, password))
    tenant = "/".join(answer.user.name.split("/")[:2])
    Credential(addresses, email, tenant, answer.refresh_token).save(settings.credential_file)
    if as_json:
        print_json({"user": as_dict(answer.user), "tenant": tenant, "credential_file": str(settings.credential_file)})
        return
    messages.print(f"Signed in as [bold]{email}[/] in {tenant}. Remembered in {settings.credential_file}.")


def sign_out(as_json: JsonFlag = False) -> None:
    """End the session and forget it."""
    settings = settings_with(None)
    credential = Credential.load(settings.credential_file)
    if credential is not None:
        asyncio.run(_sign_out(credential))
        settings.credential_file.unlink()
    if as_json:
        print_json({"signed_out": credential is not None})
    else:
        messages.print("Signed out." if credential is not None else "Nobody was signed in.")


@tenants.command("create")
def create_tenant(
    tenant_id: Annotated[str, typer.Argument(help="1 to 40 of a-z, 0-9 and -.")],
    display_name: Annotated[str, typer.Option("--name", help="What people call it.")] = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Create a tenant."""

    async def use(session: Session) -> resources.Tenant:
        tenant = resources.Tenant(display_name=display_name or tenant_id)
        request = service.CreateTenantRequest(tenant=tenant, tenant_id=tenant_id)
        return await session.identity.CreateTenant(request)

    print_message(with_session(use, data=data), as_json=as_json, columns=_TENANT_COLUMNS)


@tenants.command("list")
def list_tenants(data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List the tenants that you may see."""

    async def use(session: Session) -> list[resources.Tenant]:
        request = service.ListTenantsRequest(page_size=_PAGE)
        call = session.identity.ListTenants
        return await all_pages(call, request, lambda page: page.tenants)

    print_messages(with_session(use, data=data), as_json=as_json, columns=_TENANT_COLUMNS)


@users.command("create")
def create_user(
    email: Annotated[str, typer.Argument(help="Signs in with it.")],
    role: RolesOption,
    display_name: Annotated[str, typer.Option("--name", help="What people call the person.")] = "",
    password: Annotated[str, typer.Option(help="At least 10 characters; made up and printed if not given.")] = "",
    user_id: Annotated[str, typer.Option("--id", help="Last part of the name; from the address if not given.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Create a user with a first password."""
    first_password = password or secrets.token_urlsafe(12)

    async def use(session: Session) -> resources.User:
        request = service.CreateUserRequest(
            parent=required_tenant(session),
            user=resources.User(email=email, display_name=display_name, roles=parse_roles(role)),
            user_id=user_id,
            password=first_password,
        )
        return await session.identity.CreateUser(request)

    user = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(user) | ({} if password else {"password": first_password}))
        return
    print_message(user, as_json=False, columns=_USER_COLUMNS)
    if not password:
        messages.print(f"First password, shown once: [bold]{first_password}[/]")


@users.command("list")
def list_users(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List the users of a tenant."""

    async def use(session: Session) -> list[resources.User]:
        request = service.ListUsersRequest(parent=required_tenant(session), page_size=_PAGE)
        call = session.identity.ListUsers
        return await all_pages(call, request, lambda page: page.users)

    print_messages(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_USER_COLUMNS)


@users.command("update")
def update_user(
    user: Annotated[str, typer.Argument(help="The user's id or full name.")],
    role: Annotated[
        list[str] | None, typer.Option("--role", help="In place of the roles so far; repeatable, as with `create`.")
    ] = None,
    display_name: Annotated[str | None, typer.Option("--name", help="What people call the person.")] = None,
    disable: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Signed out everywhere and kept out, or let in again.")
    ] = None,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Change a user's roles or name, or keep the user out."""
    given = {"roles": bool(role), "display_name": display_name is not None, "disabled": disable is not None}
    mask = FieldMask(paths=[path for path, is_given in given.items() if is_given])
    if not mask.paths:
        raise CommandError(
            "NOTHING_TO_CHANGE", "Say what to change: --role, --name, --disable or --enable.", exit_code=2
        )

    async def use(session: Session) -> resources.User:
        changed = resources.User(
            name=user if user.startswith("tenants/") else f"{required_tenant(session)}/users/{user}",
            display_name=display_name or "",
            roles=parse_roles(role or []),
            disabled=bool(disable),
        )
        return await session.identity.UpdateUser(service.UpdateUserRequest(user=changed, update_mask=mask))

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_USER_COLUMNS)


@users.command("set-password")
def set_password(
    user: Annotated[str, typer.Argument(help="The user's id or full name.")],
    password: Annotated[str, typer.Option(prompt="New password", hide_input=True, confirmation_prompt=True)],
    current_password: Annotated[str, typer.Option(help="Yours, when you change your own.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Set a user's password; all of the user's sessions end."""

    async def use(session: Session) -> None:
        name = user if user.startswith("tenants/") else f"{required_tenant(session)}/users/{user}"
        request = service.SetPasswordRequest(name=name, current_password=current_password, new_password=password)
        await session.identity.SetPassword(request)

    with_session(use, tenant=tenant, data=data)
    print_done("Password set.", {"user": user}, as_json=as_json)


@tokens.command("create")
def create_token(
    display_name: Annotated[str, typer.Argument(help="What it is for.")],
    role: RolesOption,
    lifetime: Annotated[str, typer.Option(help="How long it works, such as 90d or 12h.")] = "90d",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Create an API token. Its secret is shown once."""
    expire_time = Timestamp()
    expire_time.GetCurrentTime()
    expire_time.FromDatetime(expire_time.ToDatetime() + timedelta(seconds=parse_duration(lifetime)))

    async def use(session: Session) -> service.CreateApiTokenResponse:
        token = resources.ApiToken(display_name=display_name, roles=parse_roles(role), expire_time=expire_time)
        request = service.CreateApiTokenRequest(parent=required_tenant(session), api_token=token)
        return await session.identity.CreateApiToken(request)

    answer = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(answer))
        return
    print_message(answer.api_token, as_json=False, columns=_TOKEN_COLUMNS)
    messages.print(f"Secret, shown once: [bold]{answer.secret}[/]")


@tokens.command("list")
def list_tokens(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List the API tokens of a tenant, without their secrets."""

    async def use(session: Session) -> list[resources.ApiToken]:
        request = service.ListApiTokensRequest(parent=required_tenant(session), page_size=_PAGE)
        call = session.identity.ListApiTokens
        return await all_pages(call, request, lambda page: page.api_tokens)

    print_messages(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_TOKEN_COLUMNS)


@tokens.command("revoke")
def revoke_token(
    token: Annotated[str, typer.Argument(help="The token's id or full name.")],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Revoke an API token."""

    async def use(session: Session) -> resources.ApiToken:
        name = token if token.startswith("tenants/") else f"{required_tenant(session)}/apiTokens/{token}"
        return await session.identity.RevokeApiToken(service.RevokeApiTokenRequest(name=name))

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_TOKEN_COLUMNS)


async def _sign_in(address: str, email: str, password: str) -> service.SignInResponse:
    async with open_channel(address) as channel:
        return await IdentityServiceStub(channel).SignIn(service.SignInRequest(email=email, password=password))


async def _sign_out(credential: Credential) -> None:
    async with open_channel(credential.addresses.identity) as channel:
        await IdentityServiceStub(channel).SignOut(service.SignOutRequest(refresh_token=credential.refresh_token))
