"""`dualspan onboarding assets …`: sites, areas, lines and machines."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from dualspan.onboarding.v1 import asset_service_pb2 as contract
from dualspan_cli.commands.onboarding.models import stub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, print_done, print_json, print_message, print_rows, screen
from dualspan_cli.session import Session, all_pages, required_tenant

assets = typer.Typer(help="Sites, areas, lines and machines, and what their properties are.", no_args_is_help=True)

_COLUMNS = ("name", "display_name", "level", "parent_asset", "model", "model_version")
_BINDING_COLUMNS = ("property", "tag", "factor", "offset", "unit_known")
AssetArgument = Annotated[str, typer.Argument(help="The asset's id.")]


class Level(StrEnum):
    """ISA-95 levels."""

    SITE = "site"
    AREA = "area"
    LINE = "line"
    MACHINE = "machine"

    @property
    def number(self) -> contract.AssetLevel.ValueType:
        """The contract's number."""
        return contract.AssetLevel.Value(f"ASSET_LEVEL_{self.name}")


def asset_name(session: Session, asset: str) -> str:
    """The full name of an asset; empty stays empty."""
    if not asset or asset.startswith("tenants/"):
        return asset
    return f"{required_tenant(session)}/assets/{asset}"


def place_of(binding: contract.PropertyBinding) -> str:
    """A property with its number, as people write it."""
    return f"{binding.property}/{binding.index}" if binding.index else binding.property


def split_place(text: str) -> tuple[str, int]:
    """`barrel-temperature/3` as property and number.

    Raises:
        CommandError: The number is none.
    """
    name, slash, number = text.partition("/")
    if slash and not number.isdigit():
        raise CommandError("BAD_PROPERTY", f"Write PROPERTY or PROPERTY/NUMBER, not {text!r}.", exit_code=2)
    return name, int(number or 0)


def _row(asset: contract.Asset) -> dict[str, object]:
    level = contract.AssetLevel.Name(asset.level).removeprefix("ASSET_LEVEL_").lower()
    return {**as_dict(asset), "level": level, "bindings": len(asset.bindings)}


@assets.command("list")
def list_assets(
    under: Annotated[str, typer.Option(help="Only this asset and what is below it.")] = "",
    model: Annotated[str, typer.Option(help="Only assets of this model.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the assets of a tenant."""

    async def use(session: Session) -> list[contract.Asset]:
        request = contract.ListAssetsRequest(
            parent=required_tenant(session), under=asset_name(session, under), model=model, page_size=1000
        )
        call = partial(stub(session).ListAssets)
        return await all_pages(call, request, lambda page: page.assets)

    found = with_session(use, tenant=tenant, data=data)
    rows = [as_dict(asset) for asset in found] if as_json else [_row(asset) for asset in found]
    print_rows(rows, as_json=as_json, columns=(*_COLUMNS, "bindings"))


@assets.command("show")
def show_asset(
    asset: AssetArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Show an asset with the tags that its properties are bound to."""

    async def use(session: Session) -> contract.Asset:
        request = contract.GetAssetRequest(name=asset_name(session, asset))
        return await stub(session).GetAsset(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    row = _row(found)
    screen.print(f"{found.display_name} ({row['level']}), {found.model or 'no model'} {found.model_version}")
    rows = [
        {
            "property": place_of(each),
            "tag": each.tag,
            "factor": f"{each.factor:g}",
            "offset": f"{each.offset:g}",
            "unit_known": each.unit_known,
        }
        for each in found.bindings
    ]
    print_rows(rows, as_json=False, columns=_BINDING_COLUMNS)


@assets.command("create")
def create_asset(
    asset: AssetArgument,
    level: Annotated[Level, typer.Option(help="Where it stands in the hierarchy of ISA-95.")],
    parent: Annotated[str, typer.Option(help="The asset that it is part of.")] = "",
    model: Annotated[str, typer.Option(help="Its asset model.")] = "",
    version: Annotated[str, typer.Option(help="The model's version; the newest if not given.")] = "",
    display_name: Annotated[str, typer.Option("--name", help="What people call it.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Create a site, an area, a line or a machine."""

    async def use(session: Session) -> contract.Asset:
        wanted = contract.Asset(
            display_name=display_name,
            level=level.number,
            parent_asset=asset_name(session, parent),
            model=model,
            model_version=version,
        )
        request = contract.CreateAssetRequest(parent=required_tenant(session), asset=wanted, asset_id=asset)
        return await stub(session).CreateAsset(request)

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_COLUMNS)


@assets.command("update")
def update_asset(
    asset: AssetArgument,
    display_name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    parent: Annotated[str | None, typer.Option(help="The asset that it becomes part of; '' for none.")] = None,
    version: Annotated[str | None, typer.Option(help="Another version of its model.")] = None,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Change an asset's name, place or model version."""
    stated = {"display_name": display_name, "parent_asset": parent, "model_version": version}
    paths = [field for field, value in stated.items() if value is not None]
    if not paths:
        raise CommandError("NOTHING_CHOSEN", "Say what to change: --name, --parent or --version.", exit_code=2)

    async def use(session: Session) -> contract.Asset:
        wanted = contract.Asset(
            name=asset_name(session, asset),
            display_name=display_name or "",
            parent_asset=asset_name(session, parent or ""),
            model_version=version or "",
        )
        request = contract.UpdateAssetRequest(asset=wanted)
        request.update_mask.paths.extend(paths)
        return await stub(session).UpdateAsset(request)

    print_message(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_COLUMNS)


@assets.command("delete")
def delete_asset(
    asset: AssetArgument,
    with_parts: Annotated[bool, typer.Option("--with-parts", help="What is below it too.")] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Remove an asset. Its tags and their samples stay."""

    async def use(session: Session) -> None:
        request = contract.DeleteAssetRequest(name=asset_name(session, asset), with_descendants=with_parts)
        await stub(session).DeleteAsset(request)

    with_session(use, tenant=tenant, data=data)
    print_done("Removed. Its tags and their samples stay.", {"deleted": asset}, as_json=as_json)


@assets.command("bind")
def bind(
    asset: AssetArgument,
    properties: Annotated[
        list[str], typer.Argument(help="PROPERTY=TAG_ID, PROPERTY/NUMBER=TAG_ID, or PROPERTY= to free it.")
    ],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Bind properties of an asset to tags, all or none."""

    async def use(session: Session) -> contract.Asset:
        request = contract.BindPropertiesRequest(name=asset_name(session, asset))
        for text in properties:
            place, equals, tag = text.partition("=")
            name, number = split_place(place)
            if not equals or (tag and not tag.isdigit()):
                raise CommandError("BAD_BINDING", f"Write PROPERTY=TAG_ID, not {text!r}.", exit_code=2)
            if tag:
                request.bindings.add(property=name, index=number, tag=f"{required_tenant(session)}/tags/{tag}")
            else:
                request.unbindings.add(property=name, index=number)
        return await stub(session).BindProperties(request)

    found = with_session(use, tenant=tenant, data=data)
    print_done(f"{asset} has {len(found.bindings)} bound properties.", found, as_json=as_json)
