"""`dualspan onboarding trust`: whom gateways trust beside the approved certificates of their servers."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dualspan.onboarding.v1 import trust_pb2
from dualspan_cli.commands.gateways import gateway_name
from dualspan_cli.commands.onboarding.certificates import stub_of
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, messages, print_done, print_messages, print_rows
from dualspan_cli.session import Session, all_pages, required_tenant

trust = typer.Typer(help="Authorities and certificates of servers that gateways trust.", no_args_is_help=True)

_COLUMNS = ("id", "use", "gateway", "subject", "ends", "revocation_list", "note")
_MOST_BYTES = 4 * 1024 * 1024


class Use(StrEnum):
    """What a certificate is trusted for."""

    SERVER = "server"
    AUTHORITY = "authority"
    ISSUER = "issuer"


class Revocation(StrEnum):
    """How revocation is checked."""

    REQUIRED = "required"
    STALE_ALLOWED = "stale-allowed"
    IF_PRESENT = "if-present"


EntryArgument = Annotated[str, typer.Argument(help="The entry's id, from the list.")]
FileArgument = Annotated[Path, typer.Argument(help="DER or PEM.", exists=True, dir_okay=False, readable=True)]


def _content(path: Path) -> bytes:
    """A file's content, unless nobody would take it for its size."""
    size = path.stat().st_size
    if size > _MOST_BYTES:
        text = f"{path} has {size} bytes; a certificate has at most 16 KiB, a revocation list at most 2 MiB."
        raise CommandError("FILE_TOO_LARGE", text, exit_code=2)
    return path.read_bytes()


def _name(session: Session, entry: str) -> str:
    return entry if entry.startswith("tenants/") else f"{required_tenant(session)}/trustedCertificates/{entry}"


def _row(entry: trust_pb2.TrustedCertificate) -> dict[str, str]:
    crl, use = "", trust_pb2.TrustedCertificateUse.Name(entry.use).removeprefix("TRUSTED_CERTIFICATE_USE_").lower()
    if entry.HasField("revocation_list_facts"):
        facts = entry.revocation_list_facts
        crl = f"{facts.revoked_count} revoked, next {facts.next_update_time.ToDatetime():%Y-%m-%d}"
    elif entry.use != trust_pb2.TRUSTED_CERTIFICATE_USE_SERVER:
        crl = "none"
    return {
        "id": entry.name.rpartition("/")[2],
        "use": use,
        "gateway": entry.gateway.rpartition("/")[2] or "all",
        "subject": entry.facts.subject,
        "ends": f"{entry.facts.not_after_time.ToDatetime():%Y-%m-%d}",
        "revocation_list": crl,
        "note": entry.note,
    }


def _print(entries: list[trust_pb2.TrustedCertificate], *, as_json: bool) -> None:
    if as_json:
        print_messages(entries, as_json=True, columns=())
    else:
        print_rows([_row(entry) for entry in entries], as_json=False, columns=_COLUMNS)


@trust.command("list")
def list_entries(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List the trust list of a tenant."""

    async def use(session: Session) -> list[trust_pb2.TrustedCertificate]:
        request = trust_pb2.ListTrustedCertificatesRequest(parent=required_tenant(session), page_size=1000)
        call = partial(stub_of(session).ListTrustedCertificates)
        return await all_pages(call, request, lambda page: page.trusted_certificates)

    _print(with_session(use, tenant=tenant, data=data), as_json=as_json)


@trust.command("add")
def add(
    use: Annotated[Use, typer.Argument(help="What it is: a server's own, an authority, or an issuer between.")],
    certificate: FileArgument,
    revocation_list: Annotated[
        Path | None, typer.Option("--crl", help="The authority's revocation list.", exists=True, dir_okay=False)
    ] = None,
    gateway: Annotated[str, typer.Option(help="Only for this gateway; all gateways if not given.")] = "",
    revocation: Annotated[
        Revocation, typer.Option(help="Whether there must be a revocation list, and whether it may be out of date.")
    ] = Revocation.REQUIRED,
    note: Annotated[str, typer.Option(help="Why it is trusted, for others.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Trust a certificate. Servers that it vouches for connect without anybody's approval."""
    check = f"REVOCATION_CHECK_{revocation.name}"

    async def call(session: Session) -> trust_pb2.TrustedCertificate:
        wanted = trust_pb2.TrustedCertificate(
            gateway=gateway_name(session, gateway) if gateway else "",
            use=trust_pb2.TrustedCertificateUse.Value(f"TRUSTED_CERTIFICATE_USE_{use.name}"),
            certificate=_content(certificate),
            revocation_list=_content(revocation_list) if revocation_list else b"",
            revocation_check=trust_pb2.RevocationCheck.Value(check),
            note=note,
        )
        request = trust_pb2.CreateTrustedCertificateRequest(parent=required_tenant(session), trusted_certificate=wanted)
        return await stub_of(session).CreateTrustedCertificate(request)

    entry = with_session(call, tenant=tenant, data=data)
    _print([entry], as_json=as_json)
    if not as_json and use is Use.AUTHORITY and not entry.HasField("revocation_list_facts"):
        messages.print(
            "Without a revocation list nothing that this authority has issued is trusted: add it with "
            "`dualspan onboarding trust revocation-list`, or choose --revocation if-present."
        )


@trust.command("revocation-list")
def update_revocation_list(
    entry: EntryArgument,
    revocation_list: FileArgument,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Replace an authority's revocation list (CRL). Streams with servers that it revokes stop."""

    async def call(session: Session) -> trust_pb2.TrustedCertificate:
        request = trust_pb2.UpdateRevocationListRequest(
            name=_name(session, entry), revocation_list=_content(revocation_list)
        )
        return await stub_of(session).UpdateRevocationList(request)

    _print([with_session(call, tenant=tenant, data=data)], as_json=as_json)


@trust.command("remove")
def remove(entry: EntryArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """Trust a certificate no more. Servers that were trusted because of it wait for approval."""

    async def call(session: Session) -> None:
        request = trust_pb2.DeleteTrustedCertificateRequest(name=_name(session, entry))
        await stub_of(session).DeleteTrustedCertificate(request)

    with_session(call, tenant=tenant, data=data)
    print_done("Removed.", {"deleted": entry}, as_json=as_json)
