"""Where the plants' machines stand: sites, areas and lines (IEC 62264-1, 5.3), named as a factory engineer would."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dualspan.onboarding.v1 import asset_service_pb2 as assets
from dualspan.onboarding.v1 import mapping_service_pb2 as mapping
from dualspan.onboarding.v1.asset_service_pb2_grpc import AssetServiceStub
from dualspan.onboarding.v1.mapping_service_pb2_grpc import MappingServiceStub
from dualspan_cli.demo.onboard import unless_there
from dualspan_cli.session import Session, all_pages

if TYPE_CHECKING:  # exist in the stub files only
    from dualspan.onboarding.v1.asset_service_pb2_grpc import AssetServiceAsyncStub
    from dualspan.onboarding.v1.mapping_service_pb2_grpc import MappingServiceAsyncStub

_MAPPING_S = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """A site, an area or a line of the demonstration.

    Attributes:
        asset_id: Its id.
        name: What people call it.
        level: Where it stands in the hierarchy.
        parent: Id of the place that it is part of; empty for the enterprise.
        machines: What the names of the machines begin with that stand right here; empty if none does.
    """

    asset_id: str
    name: str
    level: assets.AssetLevel.ValueType
    parent: str = ""
    machines: str = ""

    def has(self, machine: str) -> bool:
        """Whether a machine of this name stands right here."""
        return bool(self.machines) and machine.startswith(self.machines)


PLACES: Mapping[str, Sequence[Place]] = {
    "moulding": (
        Place("appliance-works", "Appliance works", assets.ASSET_LEVEL_SITE),
        Place("moulding-shop", "Moulding shop", assets.ASSET_LEVEL_AREA, "appliance-works", "IMM"),
    ),
    "curing": (
        Place("tyre-works", "Tyre works", assets.ASSET_LEVEL_SITE),
        Place("curing-shop", "Curing shop", assets.ASSET_LEVEL_AREA, "tyre-works", "Press"),
    ),
    "packaging": (
        Place("brewery", "Brewery", assets.ASSET_LEVEL_SITE),
        Place("packaging-hall", "Packaging hall", assets.ASSET_LEVEL_AREA, "brewery"),
        Place("bottle-line-1", "Bottle line 1", assets.ASSET_LEVEL_LINE, "packaging-hall", "Line1"),
        Place("bottle-line-2", "Bottle line 2", assets.ASSET_LEVEL_LINE, "packaging-hall", "Line2"),
    ),
}
"""By plant, each place after the one that it is part of."""

SITES: Mapping[str, str] = {plant: places[0].name for plant, places in PLACES.items()}
"""What the site of each plant is called."""


class Places:
    """Makes assets of the plants' machines, each where it stands; safe to repeat.

    Args:
        session: Of somebody who may manage assets.
    """

    def __init__(self, session: Session) -> None:
        self._tenant = session.tenant
        self._assets: AssetServiceAsyncStub = AssetServiceStub(session.onboarding_channel)
        self._mapping: MappingServiceAsyncStub = MappingServiceStub(session.onboarding_channel)

    async def fill(self, servers: Sequence[str]) -> int:
        """Name the places, and all machines that are recognized. Returns how many machines there are.

        Args:
            servers: The plants' servers, by full name, browsed.
        """
        return sum(await asyncio.gather(*(self._fill(server, PLACES[server.rpartition("/")[2]]) for server in servers)))

    async def _fill(self, server: str, places: Sequence[Place]) -> int:
        for place in places:
            wanted = assets.Asset(display_name=place.name, level=place.level, parent_asset=self._name(place.parent))
            request = assets.CreateAssetRequest(parent=self._tenant, asset=wanted, asset_id=place.asset_id)
            await unless_there(self._assets.CreateAsset(request))
        await self._move(places)
        empty = [place for place in places if place.machines and not await self._machines(place.asset_id)]
        if empty:
            await self._apply(server, empty)
        return len(await self._machines(places[0].asset_id))

    async def _machines(self, under: str = "") -> Sequence[assets.Asset]:
        request = assets.ListAssetsRequest(parent=self._tenant, under=self._name(under), page_size=1000)
        found = await all_pages(self._assets.ListAssets, request, lambda page: page.assets)
        return [each for each in found if each.level == assets.ASSET_LEVEL_MACHINE]

    async def _move(self, places: Sequence[Place]) -> None:
        """Machines that somebody has named already, but not where they stand."""
        for machine in await self._machines():
            for place in places:
                if place.has(machine.display_name) and not machine.parent_asset:
                    moved = assets.Asset(name=machine.name, parent_asset=self._name(place.asset_id))
                    await self._assets.UpdateAsset(assets.UpdateAssetRequest(asset=moved))

    async def _apply(self, server: str, places: Sequence[Place]) -> None:
        request = mapping.ProposeMappingRequest(server=server)
        proposal = await self._mapping.ProposeMapping(request, timeout=_MAPPING_S)
        listing = mapping.ListMappingGroupsRequest(parent=proposal.name, page_size=200)
        groups = await all_pages(self._mapping.ListMappingGroups, listing, lambda page: page.groups)
        sure = [each for each in groups if any(match.sure for match in each.matches)]
        for place in places:
            here = [each.group for each in sure if place.has(each.display_name)]
            if here:
                choice = mapping.MappingChoice(groups=here, parent_asset=self._name(place.asset_id))
                apply = mapping.ApplyMappingRequest(name=proposal.name, choice=choice)
                await self._mapping.ApplyMapping(apply, timeout=_MAPPING_S)

    def _name(self, asset_id: str) -> str:
        return f"{self._tenant}/assets/{asset_id}" if asset_id else ""
