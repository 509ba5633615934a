"""`dualspan verify-report` and `dualspan onboarding report`: completeness that anyone can verify."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan_cli.commands.options import DataOption, TenantOption, settings_with, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, messages, print_json, screen

if TYPE_CHECKING:
    from dualspan.onboarding.v1.completeness_pb2_grpc import PlantReportServiceAsyncStub
    from dualspan_cli.session import Session
    from dualspan_cli.statements import Statement

_SECONDS = 290.0
_SHA256 = re.compile(r"[0-9a-f]{64}")


def verify_report(
    file: Annotated[Path, typer.Argument(help="The report.")],
    ca: Annotated[Path | None, typer.Option("--ca", help="Certificate of the platform's CA, PEM.")] = None,
    fingerprint: Annotated[str, typer.Option("--fingerprint", help="SHA-256 of the CA's certificate, hex.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Verify a completeness report without asking any platform.

    Exit codes: 0 valid, 1 not valid or signed by somebody else, 2 a file or the fingerprint cannot be read, 4 intact,
    but who signed it is not known here.
    """
    from dualspan_cli.authorities import known_authorities
    from dualspan_cli.statements import check_signer, fingerprint_of, verify_statement

    trusted = {_fingerprint(fingerprint)} if fingerprint else set[str]()
    statement = verify_statement(_content_of(file))
    if ca is not None:
        trusted.add(fingerprint_of(_content_of(ca)))
    check_signer(statement, trusted or known_authorities(settings_with(None)))
    _print(statement, as_json=as_json)
    if not as_json:
        screen.print(f"\n[green]✔[/] The report is valid: signed by the platform with CA {statement.ca_sha256}.")


def report(
    out: Annotated[Path, typer.Option("--out", help="Where to write the report.")],
    site: Annotated[str, typer.Option("--site", help="A plant: the site of its gateways.")] = "",
    gateway: Annotated[str, typer.Option("--gateway", help="Or one gateway.")] = "",
    server: Annotated[str, typer.Option("--server", help="Or one server: GATEWAY/SERVER.")] = "",
    start: Annotated[str, typer.Option("--from", help="-1d, 2026-05-04T00:00:00Z; included.")] = "-1d",
    end: Annotated[str, typer.Option("--to", help="now, -1h, 2026-05-05T00:00:00Z; not included.")] = "now",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Have the completeness of a plant, a gateway or a server proven: a signed report, and what it says."""
    from dualspan_cli.authorities import remember_authority
    from dualspan_cli.statements import check_signer, verify_statement

    async def use(session: Session) -> tuple[bytes, str]:
        return await _ask(session, (site, gateway, server), start, end)

    with messages.status("The historian counts what is stored…"):
        envelope, authority = with_session(use, tenant=tenant, data=data)
    statement = verify_statement(envelope)
    check_signer(statement, {authority})
    out.write_bytes(envelope)
    remember_authority(settings_with(data), authority)
    _print(statement, as_json=as_json)
    if not as_json:
        screen.print(f"\n[green]✔[/] Written to {out}. Anyone can verify it: dualspan verify-report {out}")
        screen.print(f"  --fingerprint {authority}", soft_wrap=True)


async def _ask(session: Session, scope: tuple[str, str, str], start: str, end: str) -> tuple[bytes, str]:
    """The report, and the SHA-256 of the platform's CA."""
    from datetime import UTC, datetime, timedelta

    from dualspan.identity.v1.service_pb2 import GetGatewayCaRequest
    from dualspan.onboarding.v1.completeness_pb2 import CreatePlantReportRequest
    from dualspan.onboarding.v1.completeness_pb2_grpc import PlantReportServiceStub
    from dualspan_cli.session import required_tenant
    from dualspan_cli.times import parse_time

    parent, (site, gateway, server) = required_tenant(session), scope
    # What happened within the last second is on its way; and clocks differ a little.
    now = datetime.now(UTC) - timedelta(seconds=1)
    request = CreatePlantReportRequest(parent=parent, site=site)
    if gateway:
        request.gateway = gateway if "/" in gateway else f"{parent}/gateways/{gateway}"
    if server:
        request.server = _server_name(parent, server)
    request.start_time.FromMicroseconds(parse_time(start, now))
    request.end_time.FromMicroseconds(parse_time(end, now))
    stub: PlantReportServiceAsyncStub = PlantReportServiceStub(session.onboarding_channel)
    answer = await stub.CreatePlantReport(request, timeout=_SECONDS)
    ca = await session.identity.GetGatewayCa(GetGatewayCaRequest())
    return answer.envelope, ca.fingerprint_sha256


def _fingerprint(text: str) -> str:
    digits = text.replace(":", "").strip().lower()
    if _SHA256.fullmatch(digits) is None:
        words = f"{text!r} is no SHA-256: --fingerprint takes its 64 hex digits, with or without colons."
        raise CommandError("MALFORMED_FINGERPRINT", words, exit_code=2)
    return digits


def _server_name(parent: str, server: str) -> str:
    if server.startswith("tenants/"):
        return server
    gateway, separator, name = server.partition("/")
    if not separator:
        raise CommandError("MALFORMED_NAME", f"{server!r}: write a server as GATEWAY/SERVER.", exit_code=2)
    return f"{parent}/gateways/{gateway}/servers/{name}"


def _print(statement: Statement, *, as_json: bool) -> None:
    if as_json:
        print_json({"ca_sha256": statement.ca_sha256, "key_id": statement.key_id, "report": statement.content})
        return
    from dualspan_cli.report_screen import summary

    screen.print(summary(statement))


def _content_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        raise CommandError("FILE_UNREADABLE", f"{path} cannot be read: {err.strerror}.", exit_code=2) from err
