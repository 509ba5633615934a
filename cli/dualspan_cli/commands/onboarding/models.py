"""`dualspan onboarding models …`: kinds of machines, as data."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.onboarding.v1 import asset_service_pb2 as contract
from dualspan.onboarding.v1.asset_service_pb2_grpc import AssetServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_message, print_rows, screen
from dualspan_cli.session import Session, all_pages, required_tenant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.asset_service_pb2_grpc import AssetServiceAsyncStub

models = typer.Typer(help="Asset models: kinds of machines with their properties, as data.", no_args_is_help=True)

_COLUMNS = ("model", "version", "industry", "name", "properties", "built_in")
_PROPERTY_COLUMNS = ("property", "name", "kind", "unit", "role", "indexed")
FileArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The model, YAML.")]


def stub(session: Session) -> AssetServiceAsyncStub:
    """The service of asset models and assets."""
    return AssetServiceStub(session.onboarding_channel)


def read_document(file: Path) -> str:
    """The text of a file.

    Raises:
        CommandError: It is not UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as err:
        raise CommandError("NOT_UTF8", f"{file} is not UTF-8: save it as such.", exit_code=2) from err


def _row(model: contract.AssetModel) -> dict[str, object]:
    return {
        "model": model.name.rpartition("/")[2],
        "version": model.version,
        "industry": model.industry,
        "name": f"{model.display_name.en} {model.display_name.zh}",
        "properties": len(model.properties),
        "built_in": model.built_in,
    }


@models.command("list")
def list_models(
    industry: Annotated[str, typer.Option(help="Only of this industry, such as tyre-curing.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the platform's asset models and your own."""

    async def use(session: Session) -> list[contract.AssetModel]:
        request = contract.ListAssetModelsRequest(parent=required_tenant(session), industry=industry)
        call = partial(stub(session).ListAssetModels)
        return await all_pages(call, request, lambda page: page.asset_models)

    found = with_session(use, tenant=tenant, data=data)
    rows = [as_dict(model) for model in found] if as_json else [_row(model) for model in found]
    print_rows(rows, as_json=as_json, columns=_COLUMNS)


@models.command("show")
def show_model(
    model: Annotated[str, typer.Argument(help="The model's id, such as tyre-curing-press.")],
    version: Annotated[str, typer.Option(help="Which version; the newest if not given.")] = "",
    source: Annotated[bool, typer.Option("--source", help="Print the document itself, YAML.")] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a model with its properties, those of the models that it extends among them."""

    async def use(session: Session) -> contract.AssetModel:
        name = f"{required_tenant(session)}/assetModels/{model}"
        request = contract.GetAssetModelRequest(name=name, version=version)
        return await stub(session).GetAssetModel(request)

    found = with_session(use, tenant=tenant, data=data)
    if source and not as_json:
        typer.echo(found.source, nl=False)
        return
    if as_json:
        print_json(as_dict(found))
        return
    screen.print(f"{found.display_name.en} {found.display_name.zh}, {model} {found.version}, {found.industry}")
    rows = [
        {
            "property": each.id,
            "name": f"{each.display_name.en} {each.display_name.zh}",
            "kind": as_dict(each).get("kind", ""),
            "unit": each.unit,
            "role": contract.PropertyRole.Name(each.role).removeprefix("PROPERTY_ROLE_").lower(),
            "indexed": each.indexed,
        }
        for each in found.properties
    ]
    print_rows(rows, as_json=False, columns=_PROPERTY_COLUMNS)


@models.command("validate")
def validate_model(
    file: FileArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Say what is wrong with a model, line by line; nothing is kept."""
    text = read_document(file)

    async def use(session: Session) -> contract.ValidateAssetModelResponse:
        request = contract.ValidateAssetModelRequest(parent=required_tenant(session), source=text)
        return await stub(session).ValidateAssetModel(request)

    answer = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(answer))
    else:
        for problem in answer.problems:
            place = f"{file}:{problem.line}" + (f" {problem.path}" if problem.path else "")
            screen.print(f"{place}: {problem.reason} {problem.remedy}", markup=False, soft_wrap=True)
        if not answer.problems:
            model = answer.asset_model
            count = len(model.properties)
            messages.print(f"{file} is an asset model: {_row(model)['model']} {model.version}, {count} properties.")
    if answer.problems:
        raise typer.Exit(1)


@models.command("create")
def create_model(
    file: FileArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Add a model of your own, or a newer version of one."""
    text = read_document(file)

    async def use(session: Session) -> contract.AssetModel:
        request = contract.CreateAssetModelRequest(parent=required_tenant(session), source=text)
        return await stub(session).CreateAssetModel(request)

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=("name", "version", "industry"))
