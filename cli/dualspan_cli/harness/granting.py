"""What of a simulated plant an app is given: exactly what its manifest asks for, as a subscription would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dualspan_cli.harness.machines import LocalMachines
from dualspan_frame import ValueKind
from dualspan_manifest import PropertyNeed, Requirement
from dualspan_manifest import ValueKind as NeedKind
from dualspan_onboarding.asset_models.library import built_in
from dualspan_onboarding.assets import Asset, AssetLevel, Binding

_KINDS = {
    NeedKind.NUMBER: {ValueKind.FLOAT64, ValueKind.INT64},
    NeedKind.FLOAT64: {ValueKind.FLOAT64, ValueKind.INT64},
    NeedKind.INT64: {ValueKind.INT64},
    NeedKind.BOOL: {ValueKind.BOOL},
    NeedKind.TEXT: {ValueKind.TEXT},
}


@dataclass(frozen=True, slots=True)
class Fit:
    """How a requirement is met.

    Attributes:
        role: What the app calls the assets.
        assets: Those that have all that must be there.
        minimum: So many are needed.
        missing: Properties that keep others out, with how many assets lack them, the most frequent first.
    """

    role: str
    assets: Sequence[str]
    minimum: int
    missing: Sequence[tuple[str, int]]

    @property
    def is_met(self) -> bool:
        """Whether there are enough."""
        return len(self.assets) >= self.minimum


def granted(machines: LocalMachines, requirements: Sequence[Requirement]) -> tuple[LocalMachines, list[Fit]]:
    """The assets that fit, with the properties that were asked for; nothing else is there for the app."""
    chosen: dict[str, set[Binding]] = {}
    fits: list[Fit] = []
    for need in requirements:
        fit = _fit(machines, need)
        fits.append(fit)
        wanted = {each.property for each in need.properties}
        for asset in machines.assets:
            if asset.name.asset in fit.assets:
                chosen.setdefault(asset.name.asset, set()).update(
                    binding for binding in asset.bindings if binding.slot.property in wanted
                )
    parents = {asset.parent for asset in machines.assets if asset.name.asset in chosen}
    assets = [
        replace(asset, bindings=tuple(sorted(chosen.get(asset.name.asset, ()), key=lambda each: each.slot)))
        for asset in machines.assets
        if asset.name.asset in chosen or asset.name.asset in parents
    ]
    kept = {binding.tag_id for bindings in chosen.values() for binding in bindings}
    return LocalMachines(assets, {tag: each for tag, each in machines.tags.items() if tag in kept}), fits


def _fit(machines: LocalMachines, need: Requirement) -> Fit:
    found: list[str] = []
    missing: dict[str, int] = {}
    for asset in machines.assets:
        if asset.level is not AssetLevel.MACHINE or not _is_of(asset, need.models):
            continue
        lacks = [each.property for each in need.properties if not each.optional and not _has(machines, asset, each)]
        for each in lacks:
            missing[each] = missing.get(each, 0) + 1
        if not lacks:
            found.append(asset.name.asset)
    most = sorted(missing.items(), key=lambda each: -each[1])
    return Fit(need.role, found[: need.maximum], need.minimum, most)


def _is_of(asset: Asset, models: Sequence[str]) -> bool:
    return not models or not built_in().ancestors(asset.model).isdisjoint(models)


def _has(machines: LocalMachines, asset: Asset, need: PropertyNeed) -> bool:
    return any(
        binding.slot.property == need.property and machines.tags[binding.tag_id].kind in _KINDS[need.kind]
        for binding in asset.bindings
    )
