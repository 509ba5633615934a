"""`dualspan analytics models …`: models of machines, trained, proven, promoted; what they say, and what comes next."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.analytics.v1 import models_pb2 as contract
from dualspan.analytics.v1.models_pb2_grpc import ModelServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_done, print_json, print_rows
from dualspan_cli.session import Session
from dualspan_cli.times import format_time, parse_time

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.models_pb2_grpc import ModelServiceAsyncStub

models = typer.Typer(help="Anomalies, forecasts, changes, and time to a limit.", no_args_is_help=True)
_POLL_SECONDS = 1.0
_VERDICTS = {
    contract.VERDICT_BETTER: "better than its baseline",
    contract.VERDICT_NOT_BETTER: "not better",
    contract.VERDICT_UNPROVEN: "unproven",
}


class ForecastKind(StrEnum):
    """What a step of a forecast is."""

    MEAN = "mean"
    COUNTED = "counted"


NameArgument = Annotated[str, typer.Argument(metavar="DEFINITION", help="Id of the model definition.")]
AssetOption = Annotated[str, typer.Option(help="Which machine.")]
FromOption = Annotated[str, typer.Option("--from", help="-7d, 2026-05-04T06:00:00Z; included.")]
ToOption = Annotated[str, typer.Option("--to", help="now, -1h, 2026-05-04T14:00:00Z; not included.")]
VersionOption = Annotated[int, typer.Option(min=0, help="Which version; the live one if not given.")]


def model_stub(session: Session) -> ModelServiceAsyncStub:
    """The calls around models."""
    return ModelServiceStub(session.analytics_channel)


def definition_name(session: Session, definition: str) -> str:
    """The resource name of a definition."""
    return f"{session.tenant}/modelDefinitions/{definition}"


def span(start: str, end: str) -> tuple[Timestamp, Timestamp]:
    """The two ends of a span that a person wrote down."""
    now = datetime.now(UTC)
    return timestamp(parse_time(start, now)), timestamp(parse_time(end, now))


def timestamp(time_us: int) -> Timestamp:
    """A time of µs since the Unix epoch."""
    message = Timestamp()
    message.FromMicroseconds(time_us)
    return message


@models.command("templates")
def list_templates(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List what the platform watches of which asset model, if nothing else is said."""

    async def use(session: Session) -> contract.ListModelTemplatesResponse:
        return await model_stub(session).ListModelTemplates(contract.ListModelTemplatesRequest(parent=session.tenant))

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json([as_dict(each) for each in found.model_templates])
        return
    rows = [
        {"asset model": each.asset_model, "watches": ", ".join(w.property for w in each.anomaly.watched)}
        for each in found.model_templates
    ]
    print_rows(rows, as_json=False, columns=["asset model", "watches"])


@models.command("create")
def create(
    definition: NameArgument,
    model: Annotated[str, typer.Option(help="All machines of this asset model.")],
    under: Annotated[str, typer.Option(help="Only machines at or below this asset.")] = "",
    forecast: Annotated[str, typer.Option(help="Forecast this property, instead of finding anomalies.")] = "",
    kind: Annotated[ForecastKind, typer.Option(help="A load's mean, or what a counter counts.")] = ForecastKind.MEAN,
    horizon: Annotated[int, typer.Option(min=0, help="Steps of 15 min ahead; a day if not given.")] = 0,
    name: Annotated[str, typer.Option(help="Display name.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Define a model: anomalies as the template of the asset model finds them, or a forecast."""
    given = contract.ModelDefinition(display_name=name, asset_model=model, under=under)
    if forecast:
        wanted = contract.ForecastKind.Value(f"FORECAST_KIND_{kind.name}")
        given.forecast.CopyFrom(contract.ForecastSpec(property=forecast, kind=wanted, horizon=horizon))
    else:
        given.anomaly.SetInParent()

    async def use(session: Session) -> contract.ModelDefinition:
        request = contract.CreateModelDefinitionRequest(
            parent=session.tenant, model_definition_id=definition, model_definition=given
        )
        return await model_stub(session).CreateModelDefinition(request)

    made = with_session(use, tenant=tenant, data=data)
    print_done(
        f"{definition} is defined. Train it with `dualspan analytics models train {definition}`.", made, as_json=as_json
    )


@models.command("list")
def list_definitions(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List model definitions."""

    async def use(session: Session) -> list[contract.ModelDefinition]:
        request = contract.ListModelDefinitionsRequest(parent=session.tenant, page_size=1000)
        found: list[contract.ModelDefinition] = []
        while True:
            page = await model_stub(session).ListModelDefinitions(request)
            found += page.model_definitions
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json([as_dict(each) for each in found])
        return
    rows = [
        {
            "definition": each.name.rpartition("/")[2],
            "finds": "anomalies" if each.HasField("anomaly") else f"{each.forecast.property} ahead",
            "of": each.asset_model,
            "live": str(each.live_version or "-"),
            "": "train it again: its inputs have moved" if each.needs_retraining else "",
        }
        for each in found
    ]
    print_rows(rows, as_json=False, columns=["definition", "finds", "of", "live", ""])


@models.command("delete")
def delete(
    definition: NameArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Delete a definition with its versions and scores."""

    async def use(session: Session) -> None:
        request = contract.DeleteModelDefinitionRequest(name=definition_name(session, definition))
        await model_stub(session).DeleteModelDefinition(request)

    with_session(use, tenant=tenant, data=data)
    print_done(f"{definition} is deleted.", {"deleted": definition}, as_json=as_json)


@models.command("train")
def train(
    definition: NameArgument,
    start: FromOption = "-14d",
    end: ToOption = "now",
    fault: Annotated[
        list[str] | None,
        typer.Option(help="A confirmed fault that it should find, ASSET=ONSET/STOP/END; repeatable."),
    ] = None,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Train a new version in the background, and wait for its proof."""
    first, last = span(start, end)
    known = [_fault(each) for each in fault or ()]

    async def use(session: Session) -> contract.ModelVersion:
        request = contract.TrainModelsRequest(
            name=definition_name(session, definition), start_time=first, end_time=last
        )
        request.known_faults.extend(known)
        return await _ended(session, await model_stub(session).TrainModels(request))

    made = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(made))
        return
    number = made.name.rpartition("/")[2]
    messages.print(f"Version {number}: {made.verdict_text}")
    for each in made.assets:
        if each.problem:
            messages.print(f"  {each.asset} has no model: {each.problem}")
    if made.verdict == contract.VERDICT_BETTER:
        messages.print(f"Let it score with `dualspan analytics models promote {definition} {number}`.")


def _fault(text: str) -> contract.KnownFault:
    asset, _, times = text.partition("=")
    moments = times.split("/")
    if not asset or len(moments) != 3:  # onset, stop, end
        raise CommandError("MALFORMED_FAULT", f"{text!r} is not ASSET=ONSET/STOP/END.", exit_code=2)
    now = datetime.now(UTC)
    onset, stop, end = (timestamp(parse_time(moment, now)) for moment in moments)
    return contract.KnownFault(asset=asset, onset_time=onset, stop_time=stop, end_time=end)


async def _ended(session: Session, operation: operations_pb2.Operation) -> contract.ModelVersion:
    progress, stub = contract.TrainingProgress(), OperationsStub(session.analytics_channel)
    with messages.status("Training…") as status:
        while not operation.done:
            if operation.metadata.Unpack(progress):
                status.update(f"Training: {progress.done} of {progress.total} machines, {progress.step}")
            await asyncio.sleep(_POLL_SECONDS)
            operation = await stub.GetOperation(operations_pb2.GetOperationRequest(name=operation.name))
    if operation.HasField("error"):
        raise CommandError("TRAINING_FAILED", operation.error.message)
    made = contract.ModelVersion()
    operation.response.Unpack(made)
    return made


@models.command("versions")
def versions(
    definition: NameArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """List the versions of a definition with their backtests."""

    async def use(session: Session) -> contract.ListModelVersionsResponse:
        request = contract.ListModelVersionsRequest(parent=definition_name(session, definition), page_size=100)
        return await model_stub(session).ListModelVersions(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json([as_dict(each) for each in found.model_versions])
        return
    rows = [
        {
            "version": each.name.rpartition("/")[2],
            "trained to": format_time(each.end_time.ToMicroseconds()),
            "machines": str(sum(not one.problem for one in each.assets)),
            "verdict": _VERDICTS.get(each.verdict, "training"),
            "figures": each.verdict_text,
        }
        for each in found.model_versions
    ]
    print_rows(rows, as_json=False, columns=["version", "trained to", "machines", "verdict", "figures"])


@models.command("promote")
def promote(
    definition: NameArgument,
    version: Annotated[int, typer.Argument(min=1, help="Which version.")],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Let a version score, if it beat its naive baseline."""

    async def use(session: Session) -> contract.ModelVersion:
        request = contract.PromoteModelVersionRequest(name=f"{definition_name(session, definition)}/versions/{version}")
        return await model_stub(session).PromoteModelVersion(request)

    made = with_session(use, tenant=tenant, data=data)
    print_done(f"Version {version} of {definition} scores from now on. {made.verdict_text}", made, as_json=as_json)


@models.command("score")
def score(
    definition: NameArgument,
    asset: AssetOption,
    start: FromOption = "-1d",
    end: ToOption = "now",
    version: VersionOption = 0,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Judge a machine over a span: its anomalies, and what contributed to them."""
    first, last = span(start, end)

    async def use(session: Session) -> contract.ScoreColumns:
        request = contract.ScoreSpanRequest(
            name=definition_name(session, definition), asset=asset, start_time=first, end_time=last, version=version
        )
        return await model_stub(session).ScoreSpan(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    rows = [
        {
            "from": format_time(each.start_time.ToMicroseconds()),
            "to": format_time(each.end_time.ToMicroseconds()),
            "peak": f"{each.peak:.1f}",
            "because of": ", ".join(f"{c.property} {c.share:.0%}" for c in each.contributions[:3]),
        }
        for each in found.episodes
    ]
    print_rows(rows, as_json=False, columns=["from", "to", "peak", "because of"])
    messages.print(f"{len(rows)} anomalies; {found.scored_share:.0%} of the span could be judged.")
