"""`dualspan platform`: how the platform's services are, and the evidence of its breadth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from dualspan.runtime.v1 import status_pb2 as contract
from dualspan.runtime.v1.status_pb2_grpc import StatusServiceStub
from dualspan_cli.commands.options import DataOption, with_session
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_rows
from dualspan_cli.session import Session

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.runtime.v1.status_pb2_grpc import StatusServiceAsyncStub

Answer = TypeVar("Answer")
platform = typer.Typer(help="For who runs the platform: its services and its breadth.", no_args_is_help=True)
_STATUS_COLUMNS = ("service", "version", "running_since", "waiting_tasks", "stored_bytes", "daily_growth_bytes")


def _stubs(session: Session) -> Mapping[str, StatusServiceAsyncStub]:
    """Every service answers for itself."""
    channels = {
        "identity": session.identity_channel,
        "onboarding": session.onboarding_channel,
        "historian": session.historian_channel,
        "analytics": session.analytics_channel,
        "marketplace": session.marketplace_channel,
    }
    return {name: StatusServiceStub(channel) for name, channel in channels.items()}


@platform.command("status")
def status(data: DataOption = None, as_json: JsonFlag = False) -> None:
    """Show how each service is, what waits for its workers, and what its tables take and grow."""

    async def ask(name: str, stub: StatusServiceAsyncStub) -> contract.ServiceStatus:
        return await stub.GetServiceStatus(contract.GetServiceStatusRequest(name=f"services/{name}/status"))

    found = with_session(lambda session: _of_each(session, ask), data=data)
    print_rows([as_dict(each) if as_json else _row(each) for each in found], as_json=as_json, columns=_STATUS_COLUMNS)


@platform.command("evidence")
def evidence(
    kind: Annotated[str, typer.Argument(help="List what is behind this number, such as devices or apps.")] = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Count what is connected, described and offered, over all enterprises."""

    async def ask(name: str, stub: StatusServiceAsyncStub) -> contract.ServiceEvidence:
        return await stub.GetServiceEvidence(contract.GetServiceEvidenceRequest(name=f"services/{name}/evidence"))

    answers = with_session(lambda session: _of_each(session, ask), data=data)
    found = [each for answer in answers for each in answer.evidence if kind in {"", each.kind}]
    if as_json:
        print_json([as_dict(each) for each in found])
    elif kind:
        rows = [as_dict(item) | {"count": item.count} for each in found for item in each.items]
        print_rows(rows, as_json=False, columns=("id", "display_name", "group", "count"))
    else:
        print_rows(
            [{"kind": each.kind, "count": each.count} for each in found], as_json=False, columns=("kind", "count")
        )


@platform.command("replace-authority")
def replace_authority(
    confirmed: Annotated[
        bool, typer.Option("--yes", help="Every gateway has to enrol anew afterwards: you know that.")
    ] = False,
    database_url: Annotated[
        str, typer.Option("--database-url", help="PostgreSQL; DUALSPAN_ADMIN_DATABASE_URL, or this machine's platform.")
    ] = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a new gateway CA, because the old one has expired or its key may be known. Start identity again after it."""
    from dualspan_cli.authorities import replace_gateway_authority
    from dualspan_cli.commands.options import settings_with
    from dualspan_cli.errors import CommandError
    from dualspan_cli.origins import origin_of

    if not confirmed:
        raise CommandError(
            "NOT_CONFIRMED",
            "No gateway can connect until it has enrolled anew. Add --yes if that is wanted.",
            exit_code=2,
        )
    origin = origin_of(settings_with(data), database_url, is_named=data is not None)
    fingerprint = asyncio.run(replace_gateway_authority(origin.database_url, origin.service_secret))
    if as_json:
        print_json({"fingerprint_sha256": fingerprint})
        return
    messages.print(f"[green]✔[/] The new gateway CA has the fingerprint {fingerprint}.", soft_wrap=True)
    messages.print("  Start identity again, then the services that gateways reach, and enrol every gateway anew.")


async def _of_each(session: Session, ask: Callable[[str, StatusServiceAsyncStub], Awaitable[Answer]]) -> list[Answer]:
    return await asyncio.gather(*(ask(name, stub) for name, stub in _stubs(session).items()))


def _row(given: contract.ServiceStatus) -> dict[str, Any]:
    growth = [table.daily_growth_bytes for table in given.tables if table.HasField("daily_growth_bytes")]
    return {
        "service": given.name.split("/")[1],
        "version": given.version,
        "running_since": given.start_time.ToJsonString(),
        "waiting_tasks": _waiting(given.queue) if given.HasField("queue") else "",
        "stored_bytes": sum(table.bytes for table in given.tables),
        "daily_growth_bytes": round(sum(growth)) if growth else "",
    }


def _waiting(queue: contract.TaskQueue) -> int | str:
    return "the broker does not answer" if queue.silent else queue.waiting
