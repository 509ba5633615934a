"""Which partitions are due: not written yet, written from other samples, or gone from where they were. Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.assets import AssetTree
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.exports.model import ExportDefinition, Place
from dualspan_analytics.kpis.slots import QUARTER_US, DataVersions

SCHEMA = 1
"""Of the files; another one has every file written again."""
_QUARTERS = 86_400_000_000 // QUARTER_US


@dataclass(frozen=True, slots=True)
class AssetPlan:
    """What of one asset is exported.

    Attributes:
        refs: Its properties, in order.
        tags: Their tags.
        digest: Of all that the files depend on besides samples.
    """

    refs: Sequence[PropertyRef]
    tags: Sequence[int]
    digest: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """What is known of a partition that was written.

    Attributes:
        digest: As in `AssetPlan`.
        versions: Of the samples when they were read, one for each gateway of the asset.
        rows: Samples; 0 without a file.
        size: Of the file, in bytes.
    """

    digest: bytes
    versions: tuple[int, ...]
    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class Due:
    """A partition to write; `again` if it was written before."""

    place: Place
    versions: tuple[int, ...]
    again: bool


def plans(tree: AssetTree, definition: ExportDefinition) -> dict[str, AssetPlan]:
    """Every asset of an export that has something to export, in order of id.

    Raises:
        NotFound: There is no such asset.
    """
    wanted = set(definition.properties)
    found: dict[str, AssetPlan] = {}
    for asset in sorted(_assets(tree, definition.assets)):
        refs = [ref for ref in tree.bound_refs(asset) if not wanted or ref.property in wanted]
        if refs:
            found[asset] = _plan(tree, refs)
    return found


def _assets(tree: AssetTree, scope: Sequence[str]) -> set[str]:
    tree.check_known(scope)
    return {asset.id for one in scope or ("",) for asset in tree.under(one)}


def _plan(tree: AssetTree, refs: Sequence[PropertyRef]) -> AssetPlan:
    bound = tree.bindings(refs)
    digest = hashlib.sha256(b"%d" % SCHEMA)
    for ref, binding in bound.items():
        digest.update(f"{ref}\0{binding.tag_id}\0{binding.factor!r}\0{binding.offset!r}\0{tree.unit(ref)}\n".encode())
    return AssetPlan(list(bound), [binding.tag_id for binding in bound.values()], digest.digest())


def day_versions(known: Iterable[DataVersions], first_day: int, end_day: int) -> NDArray[np.int64]:
    """int64[days, gateways]: the commit that last touched each day, 0 if none did.

    Args:
        known: Of each gateway.
        first_day: Days since 1970-01-01.
        end_day: Not included.
    """
    columns: list[NDArray[np.int64]] = []
    for each in known:
        newest = np.zeros(end_day - first_day, np.int64)
        day = each.quarters // _QUARTERS - first_day
        inside = (day >= 0) & (day < len(newest))
        np.maximum.at(newest, day[inside], each.versions[inside])
        columns.append(newest)
    return np.stack(columns, axis=1) if columns else np.zeros((end_day - first_day, 0), np.int64)


def due(
    asset: str,
    plan: AssetPlan,
    versions: NDArray[np.int64],
    first_day: int,
    written: Mapping[Place, Written],
    sizes: Mapping[Place, int],
) -> list[Due]:
    """The days of an asset that are to be written.

    Args:
        asset: Its id.
        plan: What is exported of it.
        versions: int64[days, gateways], see `day_versions`.
        first_day: Of `versions`.
        written: What was written before.
        sizes: Bytes of the files that are where they should be.
    """
    found: list[Due] = []
    for row, each in enumerate(versions.tolist()):
        place = Place(asset, first_day + row)
        before = written.get(place)
        if before is None or not _holds(before, plan, tuple(each), sizes.get(place)):
            found.append(Due(place, tuple(each), before is not None))
    return found


def _holds(before: Written, plan: AssetPlan, versions: tuple[int, ...], size: int | None) -> bool:
    there = size is None if not before.rows else size == before.size
    return there and before.digest == plan.digest and before.versions == versions
