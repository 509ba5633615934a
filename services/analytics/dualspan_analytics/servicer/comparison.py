"""ComparisonService: like machines, compared."""

# ruff: noqa: N802 - the contract's names

from typing import Any

from dualspan.analytics.v1 import comparison_pb2 as contract
from dualspan.analytics.v1 import comparison_pb2_grpc
from dualspan_analytics.service.comparing import Comparing, Comparison, Like, site_of
from dualspan_analytics.servicer.times import read_time
from dualspan_runtime.names import TENANT, check_slug


class ComparisonServicer(comparison_pb2_grpc.ComparisonServiceServicer):
    """See the contract.

    Args:
        comparing: The use case.
    """

    def __init__(self, comparing: Comparing) -> None:
        self._comparing = comparing

    async def CompareAssets(self, request: contract.CompareAssetsRequest, context: Any) -> contract.AssetComparison:
        """See the contract."""
        like = Like(
            model=check_slug(request.model, "model"),
            kpi=check_slug(request.kpi, "kpi"),
            start_us=read_time(request, "start_time"),
            end_us=read_time(request, "end_time"),
            assets=list(request.assets),
            lower_is_better=request.lower_is_better,
        )
        return _answer(like.kpi, await self._comparing.compare(TENANT.parse(request.parent)["tenant"], like))


def _answer(kpi: str, found: Comparison) -> contract.AssetComparison:
    ranking = found.ranking
    return contract.AssetComparison(
        kpi=kpi,
        unit=found.unit,
        higher_is_better=found.higher_is_better,
        members=[_member(found, place) for place in ranking.order.tolist()],
        sites=[
            contract.AssetComparison.Site(
                site=each.site,
                machines=each.machines,
                value=each.value,
                good_share=each.good_share,
                reason=each.reason,
            )
            for each in found.sites
        ],
        lower_quartile=ranking.lower,
        median=ranking.median,
        upper_quartile=ranking.upper,
        best_to_median=[
            contract.AssetComparison.Loss(cause=each.cause, share=each.share, hours=each.hours) for each in found.gap
        ],
        skipped_assets=found.skipped,
    )


def _member(found: Comparison, place: int) -> contract.AssetComparison.Member:
    asset = found.tree.asset(found.machines[place])
    losses = found.losses
    has_value = bool(found.ranking.rank[place])
    return contract.AssetComparison.Member(
        asset=asset.id,
        display_name=asset.display_name,
        site=site_of(found.tree, asset.id),
        model=asset.model,
        value=found.figures.value[place],
        good_share=found.figures.good_share[place],
        reason=str(found.figures.reason[place]),
        rank=found.ranking.rank[place],
        quartile=found.ranking.quartile[place],
        losses=[
            contract.AssetComparison.Loss(
                cause=cause, share=losses.share[place, column], hours=losses.hours[place, column]
            )
            for column, cause in enumerate(losses.causes)
        ]
        if losses and has_value
        else [],
    )
