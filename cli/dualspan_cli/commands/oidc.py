"""`dualspan oidc`: identity providers of a tenant (OpenID Connect)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.identity.v1 import oidc_service_pb2 as contract
from dualspan.identity.v1.oidc_service_pb2_grpc import OidcServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.output import JsonFlag, print_done, print_message, print_messages
from dualspan_cli.session import Session, required_tenant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.identity.v1.oidc_service_pb2_grpc import OidcServiceAsyncStub

oidc = typer.Typer(help="Identity providers by which a tenant's people sign in.", no_args_is_help=True)
_COLUMNS = ("name", "display_name", "issuer", "client_id", "email_domains", "create_time")


def _stub(session: Session) -> OidcServiceAsyncStub:
    return OidcServiceStub(session.identity_channel)


@oidc.command("create")
def create_provider(
    provider_id: Annotated[str, typer.Argument(metavar="ID", help="1 to 40 of a-z, 0-9 and -.")],
    issuer: Annotated[str, typer.Option(help="https address, exactly as the provider says it of itself.")],
    client_id: Annotated[str, typer.Option(help="What the provider calls the platform.")],
    client_secret: Annotated[
        str,
        typer.Option(
            envvar="DUALSPAN_OIDC_CLIENT_SECRET",
            prompt="Client secret",
            hide_input=True,
            help="The platform's secret at the provider; asked for if not given.",
        ),
    ],
    display_name: Annotated[str, typer.Option("--name", help="What people call it.")] = "",
    email_domain: Annotated[
        list[str] | None,
        typer.Option(help="Whose verified addresses are let in the first time; repeatable. None: nobody new."),
    ] = None,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Add a provider. It must know the console's address and /v1/session/oidc/callback to return to."""
    provider = contract.OidcProvider(
        display_name=display_name or provider_id,
        issuer=issuer,
        client_id=client_id,
        client_secret=client_secret,
        email_domains=email_domain or [],
    )

    async def use(session: Session) -> contract.OidcProvider:
        request = contract.CreateOidcProviderRequest(
            parent=required_tenant(session), oidc_provider=provider, oidc_provider_id=provider_id
        )
        return await _stub(session).CreateOidcProvider(request)

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_COLUMNS)


@oidc.command("list")
def list_providers(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List the providers of a tenant, without their secrets."""

    async def use(session: Session) -> list[contract.OidcProvider]:
        request = contract.ListOidcProvidersRequest(parent=required_tenant(session))
        return list((await _stub(session).ListOidcProviders(request)).oidc_providers)

    print_messages(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_COLUMNS)


@oidc.command("delete")
def delete_provider(
    provider: Annotated[str, typer.Argument(help="The provider's id or full name.")],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Remove a provider. Sessions that began with it go on."""

    async def use(session: Session) -> None:
        full = provider if provider.startswith("tenants/") else f"{required_tenant(session)}/oidcProviders/{provider}"
        await _stub(session).DeleteOidcProvider(contract.DeleteOidcProviderRequest(name=full))

    with_session(use, tenant=tenant, data=data)
    print_done(f"Nobody signs in with {provider} any more.", {"oidc_provider": provider}, as_json=as_json)
