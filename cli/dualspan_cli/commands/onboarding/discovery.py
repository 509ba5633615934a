"""`dualspan onboarding discover | discovered | test-connection`: what is in the plant and can be reached."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import grpc
import typer

from dualspan.onboarding.v1 import discovery_pb2, resources_pb2
from dualspan.onboarding.v1.discovery_pb2_grpc import DiscoveryServiceStub
from dualspan_cli.commands.gateways import found_gateway, gateway_name
from dualspan_cli.commands.onboarding.following import follow
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.failures import EXIT_BAD_INPUT
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_messages, screen
from dualspan_cli.session import Session, all_pages
from dualspan_cli.times import parse_duration

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.discovery_pb2_grpc import DiscoveryServiceAsyncStub

_MODES = {
    "sign-and-encrypt": resources_pb2.SECURITY_MODE_SIGN_AND_ENCRYPT,
    "sign": resources_pb2.SECURITY_MODE_SIGN,
    "none": resources_pb2.SECURITY_MODE_NONE,
}
_MARKS = {
    discovery_pb2.CONNECTION_VERDICT_PASSED: ("ok  ", "green"),
    discovery_pb2.CONNECTION_VERDICT_WARNING: ("look", "yellow"),
    discovery_pb2.CONNECTION_VERDICT_FAILED: ("FAIL", "bold red"),
    discovery_pb2.CONNECTION_VERDICT_SKIPPED: ("-   ", "dim"),
}
EXIT_CANNOT_CONNECT = 1
GatewayArgument = Annotated[str, typer.Argument(help="The gateway to look from.")]


_DISCOVER = "dualspan onboarding discover GATEWAY ADDRESS…"


def _stub(session: Session) -> DiscoveryServiceAsyncStub:
    return DiscoveryServiceStub(session.onboarding_channel)


def discover(
    gateway: GatewayArgument,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(help="plc7, 10.0.0.7:4840, 10.0.0.10-10.0.0.20, 10.0.0.0/24, opc.tcp://plc7:4840/path."),
    ] = None,
    port: Annotated[list[int] | None, typer.Option(help="Tried at addresses that state none; repeatable.")] = None,
    multicast: Annotated[bool, typer.Option("--multicast", help="Listen for announcements (mDNS) too.")] = False,
    endpoints_only: Annotated[bool, typer.Option("--endpoints-only", help="Open no session anywhere.")] = False,
    pace: Annotated[int, typer.Option(help="Connections begun in a second; 200 at most.")] = 20,
    timeout: Annotated[str, typer.Option(help="How long an address may take to answer.")] = "2s",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Find OPC UA servers at the addresses that you name, and nowhere else."""
    seconds = parse_duration(timeout)
    if not gateway.startswith("tenants/") and set(gateway) & set(":/"):
        words = f"The gateway that looks comes first, and {gateway!r} is an address: {_DISCOVER}"
        raise CommandError("BAD_GATEWAY", words, exit_code=EXIT_BAD_INPUT)
    if not addresses and not multicast:
        raise with_session(partial(nothing_to_look_at, gateway=gateway), tenant=tenant, data=data)

    async def use(session: Session) -> discovery_pb2.DiscoverServersResponse:
        scope = discovery_pb2.DiscoveryScope(
            addresses=addresses or [],
            ports=port or [],
            multicast=multicast,
            endpoints_only=endpoints_only,
            connections_per_second=pace,
        )
        scope.answer_timeout.FromTimedelta(timedelta(seconds=seconds))
        request = discovery_pb2.DiscoverServersRequest(parent=gateway_name(session, gateway), scope=scope)
        operation = await _stub(session).DiscoverServers(request)
        response = discovery_pb2.DiscoverServersResponse()
        return await follow(session, operation, response, title="Looking for servers")

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
    else:
        print_found(found)


async def nothing_to_look_at(session: Session, gateway: str) -> CommandError:
    """What to say where one word was given: it is the gateway, also if an address was meant."""
    try:
        await found_gateway(session, gateway)
        known = "there is one of that id"
    except grpc.aio.AioRpcError as error:
        if error.code() not in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}:
            raise
        known = "there is none of that id (`dualspan gateways list` has them)"
    words = f"{gateway!r} is taken as the gateway that looks, and {known}. Name addresses after it, or --multicast"
    return CommandError("SCOPE_EMPTY", f"{words}: {_DISCOVER}", exit_code=EXIT_BAD_INPUT)


def print_found(found: discovery_pb2.DiscoverServersResponse) -> None:
    """What a search found, for a person."""
    for server in found.servers:
        _print_server(server)
    for note in found.notes:
        messages.print(f"Note: {note}", markup=False)
    reached = sum(server.reached for server in found.servers)
    messages.print(
        f"{reached} servers at {found.asked_addresses} addresses that were asked; {found.open_addresses} accepted a "
        "connection.",
        markup=False,
    )


def discovered(
    gateway: GatewayArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """List the servers that were found, each as it was seen last."""

    async def use(session: Session) -> list[discovery_pb2.DiscoveredServer]:
        request = discovery_pb2.ListDiscoveredServersRequest(parent=gateway_name(session, gateway))
        call = partial(_stub(session).ListDiscoveredServers)
        return await all_pages(call, request, lambda page: page.discovered_servers)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_messages(found, as_json=True, columns=())
        return
    for server in found:
        _print_server(server)
    if not found:
        messages.print("Nothing was found yet. Look with `dualspan onboarding discover GATEWAY ADDRESS…`.")


def _print_server(server: discovery_pb2.DiscoveredServer) -> None:
    name = server.application_name or server.application_uri
    style = "bold green" if server.reached else "yellow"
    screen.print(_plain(server.discovery_url), style=style, markup=False, soft_wrap=True, end="")
    screen.print(_plain(f"  {name}"), markup=False, soft_wrap=True)
    if server.server:
        _line(f"configured as {server.server.partition('/')[2].partition('/')[2]}")
    if server.announced_by or server.source == discovery_pb2.DISCOVERY_SOURCE_MULTICAST:
        capabilities = f"; capabilities: {', '.join(server.capabilities)}" if server.capabilities else ""
        _line(f"announced by {server.announced_by or 'multicast'}{capabilities}")
    software = server.software
    if software.product_name or software.software_version:
        _line(f"runs {software.product_name} {software.software_version} of {software.manufacturer_name or '?'}")
    limits = server.limits
    if limits.ByteSize():
        _line(
            f"allows {limits.sessions or '?'} sessions, {limits.subscriptions_per_session or '?'} subscriptions, "
            f"{limits.nodes_per_read or '?'} nodes per read, {limits.monitored_items_per_call or '?'} items per call"
        )
    if server.HasField("clock_offset") and abs(server.clock_offset.ToMilliseconds()) >= 1000:
        _line(f"its clock is {server.clock_offset.ToMilliseconds() / 1000:+.1f} s from the gateway's")
    for endpoint in server.endpoints:
        _print_endpoint(endpoint)
    _print_certificates(server)
    if server.detail:
        _line(server.detail)


def _line(text: str) -> None:
    screen.print(_plain(f"  {text}"), markup=False, soft_wrap=True)


def _plain(text: str) -> str:
    """A server's words without what would steer a terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _print_endpoint(endpoint: discovery_pb2.DiscoveredEndpoint) -> None:
    mode = resources_pb2.SecurityMode.Name(endpoint.security_mode).removeprefix("SECURITY_MODE_").lower()
    policy = endpoint.security_policy_uri.rpartition("#")[2] or "?"
    users = ", ".join(
        discovery_pb2.UserTokenType.Name(one).removeprefix("USER_TOKEN_TYPE_").lower()
        for one in endpoint.user_token_types
    )
    mark = "+" if endpoint.usable else "-"
    detail = f"  ({endpoint.detail})" if endpoint.detail else ""
    _line(f"{mark} {policy} {mode.replace('_', ' ')}; users: {users or 'none'}{detail}")


def _print_certificates(server: discovery_pb2.DiscoveredServer) -> None:
    shown: set[str] = set()
    for endpoint in server.endpoints:
        facts = endpoint.certificate_facts
        if not facts.sha256 or facts.sha256 in shown:
            continue
        shown.add(facts.sha256)
        until = facts.not_after_time.ToDatetime().strftime("%Y-%m-%d") if facts.HasField("not_after_time") else "?"
        _line(f"certificate {facts.subject or '?'}, until {until}, SHA-256 {facts.sha256}")
        for problem in facts.problems:
            _line(f"! {problem}")


def try_connection(
    target: Annotated[
        str, typer.Argument(help="A configured server as GATEWAY/SERVER or by its full name, or a gateway with --url.")
    ],
    url: Annotated[str, typer.Option(help="Settings to try: opc.tcp://host:port/path.")] = "",
    security: Annotated[str, typer.Option(help="sign-and-encrypt, sign or none.")] = "sign-and-encrypt",
    user: Annotated[str, typer.Option(help="User name; anonymous if empty.")] = "",
    password: Annotated[
        str, typer.Option(envvar="DUALSPAN_OPCUA_PASSWORD", help="Its password; better in the environment.")
    ] = "",
    certificate_sha256: Annotated[str, typer.Option(help="SHA-256 of the certificate that you expect.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Try to connect to a server, step by step; say what is wrong and what to do."""
    gateway, server = subject_of(target, url)
    if security not in _MODES:
        raise CommandError("BAD_SECURITY", f"--security is one of {', '.join(_MODES)}.", exit_code=EXIT_BAD_INPUT)

    async def use(session: Session) -> discovery_pb2.TestConnectionResponse:
        request = discovery_pb2.TestConnectionRequest(parent=gateway_name(session, gateway), server_id=server)
        if url:
            request.opc_ua_server.CopyFrom(
                resources_pb2.OpcUaServer(
                    endpoint_url=url,
                    security_mode=_MODES[security],
                    username=user,
                    password=password,
                    trusted_certificate_sha256=certificate_sha256,
                )
            )
        operation = await _stub(session).TestConnection(request)
        response = discovery_pb2.TestConnectionResponse()
        return await follow(session, operation, response, title="Testing the connection")

    print_tested(with_session(use, tenant=tenant, data=data), as_json=as_json)


def subject_of(target: str, url: str) -> tuple[str, str]:
    """The gateway that is to try, and the id of its server; empty if it is to try a URL.

    Args:
        target: A server or a gateway, in short or by its full name.
        url: The URL to try; empty: the server as it is configured.

    Raises:
        CommandError: Neither or both are named.
    """
    gateway, _, server = target.partition("/servers/" if target.startswith("tenants/") else "/")
    if bool(server) == bool(url) or not gateway or set(server) & set(":/"):
        words = (
            "Write a configured server as GATEWAY/SERVER, or settings to try as GATEWAY --url opc.tcp://host:port/path"
        )
        raise CommandError("SUBJECT_MISSING", f"{words}, not {target!r}.", exit_code=EXIT_BAD_INPUT)
    return gateway, server


def print_tested(tested: discovery_pb2.TestConnectionResponse, *, as_json: bool) -> None:
    """How a test went.

    Raises:
        typer.Exit: A step failed.
    """
    if as_json:
        print_json(as_dict(tested))
    else:
        for check in tested.checks:
            _print_check(check)
        if tested.gateway_certificate_sha1 and _failed(tested, discovery_pb2.CONNECTION_STEP_GATEWAY_TRUST):
            messages.print(f"The gateway's certificate has the SHA-1 {tested.gateway_certificate_sha1}.", markup=False)
    if any(check.verdict == discovery_pb2.CONNECTION_VERDICT_FAILED for check in tested.checks):
        raise typer.Exit(EXIT_CANNOT_CONNECT)


def _failed(tested: discovery_pb2.TestConnectionResponse, step: discovery_pb2.ConnectionStep.ValueType) -> bool:
    return any(one.step == step and one.verdict == discovery_pb2.CONNECTION_VERDICT_FAILED for one in tested.checks)


def _print_check(check: discovery_pb2.ConnectionCheck) -> None:
    mark, style = _MARKS.get(check.verdict, ("?   ", "dim"))
    step = discovery_pb2.ConnectionStep.Name(check.step).removeprefix("CONNECTION_STEP_").lower().replace("_", " ")
    screen.print(f"[{style}]{mark}[/] [bold]{step:<20}[/] ", end="", markup=True)
    screen.print(_plain(check.finding), markup=False, soft_wrap=True)
    if check.remedy:
        screen.print(_plain(f"{'':26}-> {check.remedy}"), markup=False, soft_wrap=True)
