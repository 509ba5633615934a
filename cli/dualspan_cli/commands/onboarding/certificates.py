"""`dualspan onboarding certificates`: what ends when, and the gateways' own certificates."""

from __future__ import annotations

import ssl
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dualspan.onboarding.v1 import trust_pb2
from dualspan.onboarding.v1.trust_pb2_grpc import TrustServiceStub
from dualspan_cli.commands.gateways import GatewayArgument, ServerArgument, gateway_name, server_name
from dualspan_cli.commands.onboarding.following import finish
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_done, print_json, print_messages, print_rows, screen
from dualspan_cli.session import Session, all_pages, required_tenant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.trust_pb2_grpc import TrustServiceAsyncStub

certificates = typer.Typer(
    help="Every certificate: what ends when, and what to do. And the gateways' own.", invoke_without_command=True
)

_COLUMNS = ("ends", "state", "use", "resource", "subject", "renews", "action")
_ROLES = {
    trust_pb2.APPLICATION_CERTIFICATE_ROLE_IN_USE: "in use",
    trust_pb2.APPLICATION_CERTIFICATE_ROLE_UPCOMING: "made to follow it",
}


def stub_of(session: Session) -> TrustServiceAsyncStub:
    """The service of trust."""
    return TrustServiceStub(session.onboarding_channel)


def _day(message: Any, field: str) -> str:
    return getattr(message, field).ToDatetime().strftime("%Y-%m-%d") if message.HasField(field) else ""


def _row(line: trust_pb2.Certificate) -> dict[str, str]:
    state = trust_pb2.CertificateState.Name(line.state).removeprefix("CERTIFICATE_STATE_")
    use = trust_pb2.CertificateUse.Name(line.use).removeprefix("CERTIFICATE_USE_")
    return {
        "ends": _day(line.facts, "not_after_time"),
        "state": state.lower().replace("_", " "),
        "use": use.lower().replace("_", " "),
        "resource": line.resource,
        "subject": line.facts.subject or line.facts.sha256[:16],
        "renews": _day(line, "renew_time"),
        "action": line.action,
    }


@certificates.callback()
def calendar(
    context: typer.Context, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """List every certificate; what ends first comes first."""
    if context.invoked_subcommand is not None:
        return

    async def use(session: Session) -> list[trust_pb2.Certificate]:
        request = trust_pb2.ListCertificatesRequest(parent=required_tenant(session), page_size=1000)
        call = partial(stub_of(session).ListCertificates)
        return await all_pages(call, request, lambda page: page.certificates)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_messages(found, as_json=True, columns=())
        return
    print_rows([_row(line) for line in found], as_json=False, columns=_COLUMNS)


def _pem(der: bytes) -> bytes:
    return ssl.DER_cert_to_PEM_cert(der).encode()


@certificates.command("gateway")
def gateway_certificates(
    gateway: GatewayArgument,
    out: Annotated[Path | None, typer.Option(help="Save the certificate there; the newest one.")] = None,
    form: Annotated[str, typer.Option("--format", help="der or pem.")] = "der",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a gateway shows to OPC UA servers, and what to do there so that they trust it."""
    if form not in ("der", "pem"):
        raise CommandError("BAD_FORMAT", f"Write --format der or --format pem, not {form!r}.", exit_code=2)

    async def use(session: Session) -> trust_pb2.GetApplicationCertificatesResponse:
        request = trust_pb2.GetApplicationCertificatesRequest(name=gateway_name(session, gateway))
        return await stub_of(session).GetApplicationCertificates(request)

    found = with_session(use, tenant=tenant, data=data)
    if out is not None and found.certificates:
        der = found.certificates[-1].certificate
        out.write_bytes(_pem(der) if form == "pem" else der)
    if as_json:
        print_json(as_dict(found))
        return
    _show_own(found, out)


def _show_own(found: trust_pb2.GetApplicationCertificatesResponse, out: Path | None) -> None:
    if not found.certificates:
        messages.print("The gateway has not said yet which certificate it has. Start it, then try again.")
        return
    for one in found.certificates:
        facts = one.facts
        screen.print(f"[bold]{_ROLES.get(one.role, 'known')}[/]: {facts.subject}", markup=True, soft_wrap=True)
        lines = (
            f"SHA-256          {facts.sha256}",
            f"application URI  {facts.application_uri}",
            f"hosts            {', '.join(facts.hosts)}",
            f"valid            {_day(facts, 'not_before_time')} to {_day(facts, 'not_after_time')}",
            f"refused by       {', '.join(one.refusing_servers) or 'no server'}",
        )
        for line in lines:
            screen.print(f"  {line}", markup=False, soft_wrap=True)
    for make in found.trust_steps:
        screen.print(f"\n[bold]{make.vendor}[/]", markup=True)
        for number, step in enumerate(make.steps, 1):
            screen.print(f"  {number}. {step}", markup=False, soft_wrap=True)
    if out is not None:
        messages.print(f"Saved to {out}.")


@certificates.command("push")
def push(
    server: ServerArgument,
    username: Annotated[str, typer.Option(help="A user who may manage the server's certificates.")] = "",
    password: Annotated[str, typer.Option(help="Asked for if there is a user name.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Put the gateway's certificates into a server's trust list, where the server offers that (OPC UA Part 12)."""
    if username and not password:
        password = typer.prompt("Password", hide_input=True)

    async def use(session: Session) -> trust_pb2.PushTrustResponse:
        request = trust_pb2.PushTrustRequest(name=server_name(session, server), username=username, password=password)
        operation = await stub_of(session).PushTrust(request)
        with messages.status("Waiting for the gateway…") as status:
            return await finish(session, operation, trust_pb2.PushTrustResponse(), status.update)

    answer = with_session(use, tenant=tenant, data=data)
    print_done(answer.detail, answer, as_json=as_json)
