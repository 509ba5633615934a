"""`dualspan apps search|show`: what everybody can subscribe to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.marketplace.v1 import apps_pb2
from dualspan.marketplace.v1 import catalogue_pb2 as contract
from dualspan.marketplace.v1.catalogue_pb2_grpc import CatalogueServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_rows, screen
from dualspan_cli.session import Session, required_tenant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.marketplace.v1.catalogue_pb2_grpc import CatalogueServiceAsyncStub

AppArgument = Annotated[str, typer.Argument(metavar="APP", help="Id of the app.")]
_COLUMNS = ("app", "name", "名称", "version", "publisher", "domains")


def _stub(session: Session) -> CatalogueServiceAsyncStub:
    return CatalogueServiceStub(session.marketplace_channel)


def search(
    words: Annotated[list[str] | None, typer.Argument(help="Words in English or Chinese; all apps without.")] = None,
    industry: Annotated[str, typer.Option(help="Only of this industry, such as tyre-curing.")] = "",
    domain: Annotated[str, typer.Option(help="Only of this domain, such as energy.")] = "",
    most: Annotated[int, typer.Option("--limit", min=1, max=200, help="At most so many.")] = 50,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Find apps in the catalogue."""

    async def use(session: Session) -> contract.ListListingsResponse:
        request = contract.ListListingsRequest(
            parent=required_tenant(session),
            query=" ".join(words or ()),
            industry=industry,
            domain=domain,
            page_size=most,
        )
        return await _stub(session).ListListings(request)

    found = with_session(use, tenant=tenant, data=data).listings
    print_rows([as_dict(each) if as_json else _row(each) for each in found], as_json=as_json, columns=_COLUMNS)


def show(app: AppArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """Show one app of the catalogue: what it does, what it asks for and what it costs."""

    async def use(session: Session) -> contract.Listing:
        name = f"{required_tenant(session)}/listings/{app}"
        return await _stub(session).GetListing(contract.GetListingRequest(name=name))

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    screen.print(f"{found.display_name.en} ({found.display_name.zh}) {found.version}, by {found.publisher.en}")
    screen.print(found.summary.en, soft_wrap=True)
    screen.print(found.summary.zh, soft_wrap=True)
    screen.print(f"licence {found.license}; may {', '.join(found.scopes) or 'read nothing'}")
    screen.print(f"reaches {', '.join(found.egress) or 'no host outside'}")
    print_rows([_plan(each) for each in found.plans], as_json=False, columns=("plan", "name", "price"))
    messages.print(f"Which machines suit: dualspan subscriptions propose {app}", soft_wrap=True)
    messages.print(f"Subscribe:           dualspan subscriptions create {app} --plan PLAN --accept", soft_wrap=True)


def _row(each: contract.Listing) -> dict[str, object]:
    return {
        "app": each.name.rpartition("/")[2],
        "name": each.display_name.en,
        "名称": each.display_name.zh,
        "version": each.version,
        "publisher": each.publisher.en,
        "domains": ", ".join(each.domains),
    }


def _plan(each: apps_pb2.Plan) -> dict[str, object]:
    price = f"{each.price_micros / 1e6:.2f} {each.currency}"
    words = {
        apps_pb2.PLAN_MODEL_FREE: "free",
        apps_pb2.PLAN_MODEL_TRIAL: f"free for {each.trial_days} days",
        apps_pb2.PLAN_MODEL_FLAT: f"{price} a month",
        apps_pb2.PLAN_MODEL_PER_ASSET_HOUR: f"{price} for an asset and an hour",
    }
    return {"plan": each.name.rpartition("/")[2], "name": each.display_name.en, "price": words.get(each.model, "")}
