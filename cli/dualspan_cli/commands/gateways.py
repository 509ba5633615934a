"""`dualspan gateways …` and `dualspan tags …`: from a box in a plant to stored variables."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer
from google.protobuf.duration_pb2 import Duration

from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import sampling_pb2
from dualspan.onboarding.v1 import service_pb2 as service
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.onboarding import browse_server, waiting_certificate
from dualspan_cli.output import (
    JsonFlag,
    as_dict,
    messages,
    print_done,
    print_json,
    print_message,
    print_messages,
    print_rows,
)
from dualspan_cli.session import Session, all_pages, required_tenant
from dualspan_cli.times import parse_duration

gateways = typer.Typer(help="Boxes in plants, their OPC UA servers and what these offer.", no_args_is_help=True)
servers = typer.Typer(help="OPC UA servers of a gateway.", no_args_is_help=True)
tags = typer.Typer(help="Variables whose samples are stored.", no_args_is_help=True)
gateways.add_typer(servers, name="servers")

_GATEWAY_COLUMNS = ("name", "display_name", "site", "state", "last_seen_time")
_SERVER_COLUMNS = ("name", "endpoint_url", "security_mode", "trusted_certificate_sha256", "connection")
_TAG_COLUMNS = ("tag_id", "browse_path", "kind", "data_type", "unit", "state", "state_detail")
_NODE_COLUMNS = ("browse_path", "node_id", "data_type", "kind", "unit")
GatewayArgument = Annotated[str, typer.Argument(help="The gateway's id.")]
ServerArgument = Annotated[str, typer.Argument(help="The server, as GATEWAY/SERVER.")]


def gateway_name(session: Session, gateway: str) -> str:
    """The full name of a gateway."""
    return gateway if gateway.startswith("tenants/") else f"{required_tenant(session)}/gateways/{gateway}"


async def found_gateway(session: Session, gateway: str) -> resources.Gateway:
    """The gateway itself; the service's NotFound says that there is none."""
    return await session.onboarding.GetGateway(service.GetGatewayRequest(name=gateway_name(session, gateway)))


def server_name(session: Session, server: str) -> str:
    """The full name of a server from GATEWAY/SERVER.

    Raises:
        CommandError: It is not of that form.
    """
    if server.startswith("tenants/"):
        return server
    gateway, separator, name = server.partition("/")
    if not separator or not name:
        raise CommandError("BAD_SERVER", f"Write the server as GATEWAY/SERVER, not {server!r}.", exit_code=2)
    return f"{required_tenant(session)}/gateways/{gateway}/servers/{name}"


@gateways.command("create")
def create_gateway(
    gateway: GatewayArgument,
    site: Annotated[str, typer.Option(help="The plant that it stands in.")] = "",
    display_name: Annotated[str, typer.Option("--name", help="What people call it.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Create a gateway; a box becomes it by enrolling."""

    async def use(session: Session) -> resources.Gateway:
        request = service.CreateGatewayRequest(
            parent=required_tenant(session),
            gateway=resources.Gateway(display_name=display_name or gateway, site=site),
            gateway_id=gateway,
        )
        return await session.onboarding.CreateGateway(request)

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_GATEWAY_COLUMNS)


@gateways.command("list")
def list_gateways(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List the gateways of a tenant and how they stand."""

    async def use(session: Session) -> list[resources.Gateway]:
        request = service.ListGatewaysRequest(parent=required_tenant(session))
        call = session.onboarding.ListGateways
        return await all_pages(call, request, lambda page: page.gateways)

    print_messages(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_GATEWAY_COLUMNS)


@gateways.command("enrolment-token")
def enrolment_token(
    gateway: GatewayArgument,
    lifetime: Annotated[str, typer.Option(help="How long it works; an hour at the most.")] = "1h",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make the single-use token that `dualspan-gateway enroll` takes. Shown once."""
    seconds = parse_duration(lifetime)

    async def use(session: Session) -> service.CreateEnrolmentTokenResponse:
        length = Duration()
        length.FromTimedelta(timedelta(seconds=seconds))
        request = service.CreateEnrolmentTokenRequest(gateway=gateway_name(session, gateway), lifetime=length)
        return await session.onboarding.CreateEnrolmentToken(request)

    answer = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(answer))
        return
    typer.echo(answer.enrolment_token)
    messages.print(f"Works once, until {answer.expire_time.ToJsonString()}. On the box: dualspan-gateway enroll TOKEN")


@gateways.command("revoke")
def revoke_gateway(
    gateway: GatewayArgument,
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Revoke a gateway's certificates; its streams end within a minute."""

    async def use(session: Session) -> resources.Gateway:
        request = service.RevokeGatewayRequest(name=gateway_name(session, gateway), reason=reason)
        return await session.onboarding.RevokeGateway(request)

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_GATEWAY_COLUMNS)


@gateways.command("browse")
def browse(
    server: ServerArgument,
    root: Annotated[str, typer.Option(help="NodeId to begin at; the Objects folder if not given.")] = "",
    prefix: Annotated[str, typer.Option(help="Print only nodes below this browse path.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Browse a server through its gateway and print the variables that it offers."""

    async def use(session: Session) -> list[resources.BrowsedNode]:
        name = server_name(session, server)
        with messages.status("Browsing…") as status:
            await browse_server(session, name, root, lambda nodes: status.update(f"Browsing… {nodes} nodes"))
        request = service.ListBrowsedNodesRequest(
            parent=name, page_size=10_000, variables_only=True, browse_path_prefix=prefix
        )
        call = session.onboarding.ListBrowsedNodes
        return await all_pages(call, request, lambda page: page.nodes)

    print_messages(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_NODE_COLUMNS)


@gateways.command("accept")
def accept(
    server: ServerArgument,
    prefix: Annotated[str, typer.Option(help="Every readable variable below this browse path; / means all.")] = "",
    node: Annotated[list[str] | None, typer.Option(help="One variable by its NodeId; repeatable.")] = None,
    sampling: Annotated[str, typer.Option(help="Sampling interval, such as 100ms; the server's if empty.")] = "",
    publishing: Annotated[str, typer.Option(help="Publishing interval.")] = "1s",
    events: Annotated[bool, typer.Option("--events", help="Events of event notifiers instead of values.")] = False,
    expand: Annotated[bool, typer.Option("--expand", help="Fields and elements, each a tag of its own.")] = False,
    accept_over_budget: Annotated[
        bool, typer.Option("--accept-over-budget", help="Even if the server bears less. Written into the audit log.")
    ] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make tags of variables that a browse found."""
    if bool(prefix) == bool(node):
        raise CommandError("NOTHING_CHOSEN", "Choose variables with either --prefix or --node.", exit_code=2)
    if prefix and (events or expand):
        raise CommandError("NODE_NEEDED", "--events and --expand go with --node.", exit_code=2)
    source = sampling_pb2.TAG_SOURCE_EVENTS if events else sampling_pb2.TAG_SOURCE_UNSPECIFIED

    async def use(session: Session) -> service.AcceptVariablesResponse:
        request = service.AcceptVariablesRequest(
            server=server_name(session, server),
            browse_path_prefix=prefix,
            variables=[
                service.AcceptVariablesRequest.Variable(node_id=node_id, source=source, expand=expand)
                for node_id in node or ()
            ],
            accept_over_budget=accept_over_budget,
        )
        request.publishing_interval.FromTimedelta(timedelta(seconds=parse_duration(publishing)))
        if sampling:
            request.sampling_interval.FromTimedelta(timedelta(seconds=parse_duration(sampling)))
        return await session.onboarding.AcceptVariables(request)

    answer = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json({"created": answer.created, "existing": answer.existing, "tag_ids": list(answer.tag_ids)})
        return
    messages.print(f"{answer.created} tags made, {answer.existing} were there already.")


@servers.command("create")
def create_server(
    server: ServerArgument,
    endpoint_url: Annotated[str, typer.Argument(help="opc.tcp://host:port/path, as the gateway sees it.")],
    username: Annotated[str, typer.Option(help="Anonymous if not given.")] = "",
    password: Annotated[str, typer.Option(help="Asked for if there is a user name.")] = "",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="No message security: an explicit choice, written into the audit log.")
    ] = False,
    calls_as: Annotated[
        str, typer.Option(help="The server calls the gateway (reverse connect): its application URI.")
    ] = "",
    display_name: Annotated[str, typer.Option("--name", help="What people call it.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Add an OPC UA server to a gateway."""
    if username and not password:
        password = typer.prompt("Password", hide_input=True)
    mode = resources.SECURITY_MODE_NONE if insecure else resources.SECURITY_MODE_SIGN_AND_ENCRYPT

    async def use(session: Session) -> resources.OpcUaServer:
        parent, _, server_id = server_name(session, server).rpartition("/servers/")
        wanted = resources.OpcUaServer(
            display_name=display_name or server_id,
            endpoint_url=endpoint_url,
            security_mode=mode,
            username=username,
            password=password,
            reverse_connect=bool(calls_as),
            server_uri=calls_as,
        )
        request = service.CreateOpcUaServerRequest(parent=parent, opc_ua_server=wanted, opc_ua_server_id=server_id)
        return await session.onboarding.CreateOpcUaServer(request)

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_SERVER_COLUMNS[:4])


@servers.command("update")
def update_server(
    server: ServerArgument,
    endpoint_url: Annotated[str | None, typer.Option("--url", help="Where it is now, as the gateway sees it.")] = None,
    username: Annotated[str | None, typer.Option(help="Another user; empty for anonymous.")] = None,
    password: Annotated[str | None, typer.Option(help="Another password; asked for with another user.")] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure/--secure", help="Message security; --insecure goes into the audit log.")
    ] = None,
    display_name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Change how an OPC UA server is reached. Its tags and samples stay; what is missed meanwhile is in the ledger."""
    if username and password is None:
        password = typer.prompt("Password", hide_input=True)
    if username == "":
        password = ""
    stated = {
        "endpoint_url": endpoint_url,
        "username": username,
        "password": password,
        "security_mode": insecure,
        "display_name": display_name,
    }
    fields = [field for field, value in stated.items() if value is not None]
    if not fields:
        raise CommandError("NOTHING_TO_CHANGE", "Say what is to change: --help lists it.", exit_code=2)

    async def use(session: Session) -> resources.OpcUaServer:
        wanted = resources.OpcUaServer(
            name=server_name(session, server),
            endpoint_url=endpoint_url or "",
            username=username or "",
            password=password or "",
            security_mode=resources.SECURITY_MODE_NONE if insecure else resources.SECURITY_MODE_SIGN_AND_ENCRYPT,
            display_name=display_name or "",
        )
        request = service.UpdateOpcUaServerRequest(opc_ua_server=wanted)
        request.update_mask.paths.extend(fields)
        return await session.onboarding.UpdateOpcUaServer(request)

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_SERVER_COLUMNS[:4])


@servers.command("list")
def list_servers(
    gateway: Annotated[str, typer.Argument(help="The gateway's id; all gateways if not given.")] = "-",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List OPC UA servers, and the certificates that wait for approval."""

    async def use(session: Session) -> list[resources.OpcUaServer]:
        request = service.ListOpcUaServersRequest(parent=gateway_name(session, gateway))
        call = session.onboarding.ListOpcUaServers
        return await all_pages(call, request, lambda page: page.opc_ua_servers)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_messages(found, as_json=True, columns=())
        return
    rows = [as_dict(server) | as_dict(server.status) for server in found]
    print_rows(rows, as_json=False, columns=("name", "endpoint_url", "security_mode", "state", "monitored_items"))
    for server in found:
        if fingerprint := waiting_certificate(server):
            messages.print(f"{server.name} shows the certificate {fingerprint} and waits for `servers approve`.")


@servers.command("approve")
def approve(
    server: ServerArgument,
    fingerprint: Annotated[str, typer.Argument(help="SHA-256 of the certificate, from the server's own display.")],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Approve the certificate that a server shows, after comparing its fingerprint."""

    async def use(session: Session) -> resources.OpcUaServer:
        request = service.ApproveServerCertificateRequest(
            name=server_name(session, server), certificate_sha256=fingerprint.replace(":", "").lower()
        )
        return await session.onboarding.ApproveServerCertificate(request)

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_SERVER_COLUMNS[:4])


@servers.command("delete")
def delete_server(
    server: ServerArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Remove a server and its tags. Stored samples stay."""

    async def use(session: Session) -> None:
        request = service.DeleteOpcUaServerRequest(name=server_name(session, server))
        await session.onboarding.DeleteOpcUaServer(request)

    with_session(use, tenant=tenant, data=data)
    print_done("Removed. Its stored samples stay.", {"deleted": server}, as_json=as_json)


@tags.command("list")
def list_tags(
    query: Annotated[str, typer.Argument(help="Part of the browse path or display name.")] = "",
    server: Annotated[str, typer.Option(help="Only this server's, as GATEWAY/SERVER.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the tags of a tenant."""

    async def use(session: Session) -> list[resources.Tag]:
        return await find_tags(session, query, server_name(session, server) if server else "")

    print_messages(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_TAG_COLUMNS)


async def find_tags(session: Session, query: str, server: str = "") -> list[resources.Tag]:
    """All tags of the tenant that match."""
    request = service.ListTagsRequest(parent=required_tenant(session), page_size=10_000, query=query, server=server)
    call = session.onboarding.ListTags
    return await all_pages(call, request, lambda page: page.tags)
