"""`dualspan onboarding quickstart`: from the address of an OPC UA server to proven data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan_cli.commands.options import DataOption, TenantOption, settings_with, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag

if TYPE_CHECKING:
    from dualspan_cli.quickstart.plan import Reached
    from dualspan_cli.session import Session

_SHORTEST_PROOF_S = 2.0


def quickstart(
    server: Annotated[str, typer.Option("--server", help="opc.tcp://host:port/path, as the gateway sees it.")],
    gateway: Annotated[str, typer.Option("--gateway", help="The gateway; this machine becomes one if not given.")] = "",
    server_id: Annotated[str, typer.Option("--id", help="What to call the server; made of its address.")] = "",
    site: Annotated[str, typer.Option("--site", help="The plant that the gateway stands in.")] = "My plant",
    username: Annotated[str, typer.Option("--username", help="At the server; asked for where it wants one.")] = "",
    password: Annotated[
        str, typer.Option(envvar="DUALSPAN_OPCUA_PASSWORD", help="Its password; better in the environment.")
    ] = "",
    fingerprint: Annotated[
        str, typer.Option("--fingerprint", help="SHA-256 that the server's certificate must have.")
    ] = "",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="No message security; written into the audit log.")
    ] = False,
    accept_over_budget: Annotated[
        bool, typer.Option("--accept-over-budget", help="Even if the server bears less; written into the audit log.")
    ] = False,
    prove_seconds: Annotated[float, typer.Option(help="How much of the stream is proven.")] = 10.0,
    report: Annotated[Path, typer.Option("--report", help="Where the proof is written.")] = Path("completeness.json"),
    gateway_data: Annotated[
        Path | None, typer.Option("--gateway-data", help="Data folder of the gateway on this machine.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take what is proposed; ask nothing.")] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Discover, trust, browse, propose, accept, stream, prove: one question at a time, or --yes."""
    from dualspan_cli.quickstart.plan import Plan
    from dualspan_cli.quickstart.run import quickstart as run
    from dualspan_cli.quickstart.talk import Talk

    if not server.startswith("opc.tcp://"):
        raise CommandError("BAD_SERVER", f"Write the server as opc.tcp://host:port/path, not {server!r}.", exit_code=2)
    settings = settings_with(data)
    plan = Plan(
        url=server,
        gateway=gateway,
        server_id=server_id,
        site=site,
        username=username,
        password=password,
        fingerprint=fingerprint,
        insecure=insecure,
        accept_over_budget=accept_over_budget,
        prove_seconds=max(prove_seconds, _SHORTEST_PROOF_S),
        report=report,
        gateway_folder=gateway_data or settings.data_dir / "gateway",
        settings=settings,
    )
    talk = Talk(yes=yes, as_json=as_json)

    async def use(session: Session) -> Reached:
        return await run(session, plan, talk, as_json=as_json)

    with_session(use, tenant=tenant, data=data)
