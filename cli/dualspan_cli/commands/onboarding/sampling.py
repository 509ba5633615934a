"""`dualspan onboarding sampling | describe`: how tags are sampled, and what is in structures and arrays."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from google.protobuf.message import Message

from dualspan.frame.v1.frame_pb2 import ValueKind
from dualspan.onboarding.v1 import sampling_pb2 as sampling_messages
from dualspan.onboarding.v1 import sampling_service_pb2 as service
from dualspan.onboarding.v1.sampling_service_pb2_grpc import SamplingServiceStub
from dualspan_cli.commands.gateways import ServerArgument, server_name
from dualspan_cli.commands.onboarding.budget import print_load
from dualspan_cli.commands.onboarding.following import follow
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_rows
from dualspan_cli.session import Session
from dualspan_cli.times import parse_duration

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.sampling_service_pb2_grpc import SamplingServiceAsyncStub


class Mode(StrEnum):
    """How values are asked for."""

    SUBSCRIPTION = "subscription"
    CYCLIC_READ = "cyclic-read"


class Trigger(StrEnum):
    """What makes a new sample."""

    STATUS = "status"
    STATUS_VALUE = "status-value"
    STATUS_VALUE_TIMESTAMP = "status-value-timestamp"


def _stub(session: Session) -> SamplingServiceAsyncStub:
    return SamplingServiceStub(session.onboarding_channel)


def sampling(
    server: ServerArgument,
    prefix: Annotated[str, typer.Option(help="Tags at or below this browse path; / means all.")] = "",
    query: Annotated[str, typer.Option(help="Tags whose browse path or display name has this.")] = "",
    data_type: Annotated[str, typer.Option(help="Tags of this data type, such as Double.")] = "",
    tag: Annotated[list[int] | None, typer.Option(help="One tag by its id; repeatable.")] = None,
    interval: Annotated[str, typer.Option("--sampling", help="Sampling interval, such as 250ms.")] = "",
    publishing: Annotated[str, typer.Option(help="Publishing interval.")] = "",
    queue: Annotated[int | None, typer.Option(min=0, help="Queue at the server; 0: as long as it needs.")] = None,
    deadband: Annotated[
        str, typer.Option(help="Leave out changes of at most this: 0.5, or 2% of the EURange; 0: none.")
    ] = "",
    trigger: Annotated[Trigger | None, typer.Option(help="What makes a new sample.")] = None,
    heartbeat: Annotated[str, typer.Option(help="Repeat the last value after so long a silence; 0s: never.")] = "",
    mode: Annotated[Mode | None, typer.Option(help="Subscribe, or read in cycles.")] = None,
    discard: Annotated[str, typer.Option(help="What a full queue drops: oldest or newest.")] = "",
    register: Annotated[bool | None, typer.Option("--register/--no-register", help="Register the nodes.")] = None,
    severity: Annotated[int | None, typer.Option(min=0, max=1000, help="Least severity of events.")] = None,
    accept_over_budget: Annotated[
        bool, typer.Option("--accept-over-budget", help="Even if the server bears less. Written into the audit log.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Change how tags of a server are sampled, all that a filter chooses at once."""
    request = service.UpdateTagsRequest(
        browse_path_prefix=prefix,
        query=query,
        data_type=data_type,
        tag_ids=tag or (),
        accept_over_budget=accept_over_budget,
        validate_only=dry_run,
    )
    _set_rhythm(request, interval=interval, publishing=publishing, heartbeat=heartbeat, queue=queue)
    _set_deadband(request, deadband)
    _set(request, "trigger", trigger and _number("DATA_CHANGE_TRIGGER", trigger))
    _set(request, "mode", mode and _number("ACQUISITION_MODE", mode))
    _set(request, "discard_newest", _newest(discard))
    _set(request, "register_node", register)
    _set(request, "minimum_severity", severity)
    if not request.update_mask.paths:
        raise CommandError("NOTHING_TO_CHANGE", "Say what is to be different, such as --sampling 250ms.", exit_code=2)
    answer = with_session(partial(_update, request, server), tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(answer))
        return
    print_load(answer.load)
    words = "would change" if dry_run else "changed"
    messages.print(f"{answer.changed} of {answer.matched} tags {words}.")


async def _update(request: service.UpdateTagsRequest, server: str, session: Session) -> service.UpdateTagsResponse:
    request.server = server_name(session, server)
    return await _stub(session).UpdateTags(request)


def _set(request: service.UpdateTagsRequest, field: str, value: object) -> None:
    if value is not None:
        setattr(request.acquisition, field, value)
        request.update_mask.paths.append(f"acquisition.{field}")


def _set_rhythm(
    request: service.UpdateTagsRequest, *, interval: str, publishing: str, heartbeat: str, queue: int | None
) -> None:
    _set_span(request, "sampling_interval", interval, request)
    _set_span(request, "publishing_interval", publishing, request)
    _set_span(request.acquisition, "heartbeat_interval", heartbeat, request)
    if queue is not None:
        request.queue_size = queue
        request.update_mask.paths.append("queue_size")


def _set_span(target: Message, field: str, text: str, request: service.UpdateTagsRequest) -> None:
    if text:
        getattr(target, field).FromTimedelta(timedelta(seconds=parse_duration(text)))
        request.update_mask.paths.append(field if target is request else f"acquisition.{field}")


def _set_deadband(request: service.UpdateTagsRequest, text: str) -> None:
    if not text:
        return
    try:
        value = float(text.removesuffix("%"))
    except ValueError as err:
        raise CommandError("BAD_DEADBAND", f"Write a deadband as 0.5 or 2%, not {text!r}.", exit_code=2) from err
    kind = sampling_messages.DEADBAND_TYPE_PERCENT if text.endswith("%") else sampling_messages.DEADBAND_TYPE_ABSOLUTE
    _set(request, "deadband_type", kind if value else sampling_messages.DEADBAND_TYPE_NONE)
    _set(request, "deadband_value", value)


def _number(prefix: str, word: str) -> int:
    return getattr(sampling_messages, f"{prefix}_{word.upper().replace('-', '_')}")


def _newest(discard: str) -> bool | None:
    if discard not in {"", "oldest", "newest"}:
        raise CommandError("BAD_DISCARD", "Write --discard oldest or --discard newest.", exit_code=2)
    return None if not discard else discard == "newest"


def describe(
    server: ServerArgument,
    node: Annotated[list[str], typer.Argument(metavar="NODE…", help="NodeIds of structures or arrays, as browsed.")],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Look into structures and arrays: which fields and elements can be tags of their own."""

    async def use(session: Session) -> service.DescribeValuesResponse:
        request = service.DescribeValuesRequest(server=server_name(session, server), node_ids=node)
        operation = await _stub(session).DescribeValues(request)
        return await follow(session, operation, service.DescribeValuesResponse(), title="Looking into values")

    answer = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(answer))
        return
    rows = [
        {
            "node": value.node_id,
            "path": field.path,
            "data_type": field.data_type + (f"[{field.length or ''}]" if _is_vector(field) else ""),
            "kind": ValueKind.Name(ValueKind.ValueType(field.kind)),
            "optional": field.optional,
        }
        for value in answer.values
        for field in value.fields
    ]
    print_rows(rows, as_json=False, columns=("node", "path", "data_type", "kind", "optional"))
    for value in answer.values:
        if value.error:
            messages.print(f"{value.node_id}: {value.error}", markup=False, soft_wrap=True)


def _is_vector(field: sampling_messages.ValueField) -> bool:
    return bool(field.length)
