"""CatalogueService: published apps, as an enterprise sees them."""

# ruff: noqa: N802 - the contract's names

import functools
from typing import Any

from dualspan.marketplace.v1 import apps_pb2, catalogue_pb2_grpc
from dualspan.marketplace.v1 import catalogue_pb2 as contract
from dualspan_manifest import Manifest, parse
from dualspan_marketplace.names import LISTING
from dualspan_marketplace.service.listings import Listings
from dualspan_marketplace.service.version_messages import needed_role, text_message
from dualspan_marketplace.servicer.app_mapping import plan_message
from dualspan_marketplace.store.listings import Hit, Listed
from dualspan_runtime.names import TENANT
from dualspan_runtime.paging import PageRules, PageTokens

_PAGES = PageRules(default=50, maximum=200)
_LONGEST_QUERY = 200
# A published manifest never changes.
_read = functools.lru_cache(maxsize=1024)(parse)


class CatalogueServicer(catalogue_pb2_grpc.CatalogueServiceServicer):
    """See the contract.

    Args:
        listings: Use cases.
        tokens: Makes page tokens.
    """

    def __init__(self, listings: Listings, tokens: PageTokens) -> None:
        self._listings = listings
        self._tokens = tokens

    async def ListListings(self, request: contract.ListListingsRequest, context: Any) -> contract.ListListingsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        asked = (request.query[:_LONGEST_QUERY], request.industry, request.domain)
        query = ("ListListings", tenant, *asked)
        key = self._tokens.read(request.page_token, query)
        found, last = await self._listings.page(tenant, *asked, Hit(str(key[1]), bool(key[0])) if key else None, size)
        response = contract.ListListingsResponse(listings=[_listing(tenant, each) for each in found])
        if last is not None:
            response.next_page_token = self._tokens.write((int(last.in_name), last.app_id), query)
        return response

    async def GetListing(self, request: contract.GetListingRequest, context: Any) -> contract.Listing:
        """See the contract."""
        name = LISTING.parse(request.name)
        found, plans = await self._listings.get(name["tenant"], name["app"])
        message = _listing(name["tenant"], found)
        message.description.CopyFrom(text_message(_read(found.manifest).description))
        message.manifest = found.manifest
        message.plans.extend(plan_message(each) for each in plans)
        _needs(message, _read(found.manifest))
        return message

    async def GetListingPicture(self, request: contract.GetListingPictureRequest, context: Any) -> apps_pb2.AppPicture:
        """See the contract."""
        name = LISTING.parse(request.name)
        found = await self._listings.picture(name["tenant"], name["app"], request.path)
        return apps_pb2.AppPicture(path=found.path, content=found.content, media_type=found.media_type)


def _listing(tenant: str, given: Listed) -> contract.Listing:
    manifest = _read(given.manifest)
    message = contract.Listing(
        name=LISTING.format(tenant=tenant, app=given.app_id),
        display_name=text_message(manifest.names),
        summary=text_message(manifest.summary),
        publisher=apps_pb2.MarketText(en=given.publisher_en, zh=given.publisher_zh),
        industries=manifest.categories.industries,
        domains=manifest.categories.domains,
        version=given.version,
        license=manifest.license,
        icon=manifest.icon,
        screenshots=manifest.screenshots,
        scopes=manifest.scopes,
        egress=[f"{each.host}:{each.port}" for each in manifest.egress],
    )
    message.publish_time.FromDatetime(given.publish_time)
    return message


def _needs(message: contract.Listing, manifest: Manifest) -> None:
    """What a person sees before they subscribe: the form of the settings, and what is read."""
    message.configuration.update(dict(manifest.configuration))
    message.roles.extend(needed_role(each) for each in manifest.requires)
