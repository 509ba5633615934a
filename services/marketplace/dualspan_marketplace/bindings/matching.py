"""Matching: what an app needs against what a plant has."""

from collections.abc import Iterable, Mapping, Sequence

from dualspan_manifest import Manifest, PropertyNeed, Requirement, ValueKind
from dualspan_marketplace.bindings.model import Asset, AssetProperty, Fit, GrantedTag, Misfit, RoleProposal, Slot
from dualspan_standards import ucum


def propose(manifest: Manifest, assets: Iterable[Asset]) -> list[RoleProposal]:
    """For each role the assets that may play it, those that suit first.

    An asset of none of the role's models, and one that has none of the properties at all, is not named: the person who
    reads a proposal wants to see what nearly fits, not the whole plant.
    """
    every = sorted(assets, key=lambda asset: asset.id)
    return [_role(requirement, every) for requirement in manifest.requires]


def _role(requirement: Requirement, assets: Sequence[Asset]) -> RoleProposal:
    wanted = {need.property for need in requirement.properties}
    fits = [
        _fit(requirement, asset)
        for asset in assets
        if (not requirement.models or asset.lineage & set(requirement.models)) and wanted & asset.properties.keys()
    ]
    fits.sort(key=lambda fit: (len(fit.missing), fit.asset.id))
    return RoleProposal(requirement.role, requirement.minimum, requirement.maximum, tuple(fits))


def _fit(requirement: Requirement, asset: Asset) -> Fit:
    tags: list[GrantedTag] = []
    missing: list[Misfit] = []
    without: list[Misfit] = []
    for need in requirement.properties:
        found = asset.properties.get(need.property)
        misfit = _misfit(need, asset, found)
        if misfit is not None:
            (without if need.optional else missing).append(misfit)
        elif found is not None:
            tags += [_granted(requirement.role, asset, need, found, slot) for slot in found.slots]
    return Fit(requirement.role, asset, () if missing else tuple(tags), tuple(missing), tuple(without))


def _misfit(need: PropertyNeed, asset: Asset, found: AssetProperty | None) -> Misfit | None:
    name = need.property
    if found is None:
        return Misfit(name, f"{asset.name} has no {name}.", "Give it a model that has it.")
    if not _is_kind(need.kind, found.kind):
        kind = found.kind.value if found.kind else "a structure"
        return Misfit(name, f"Values of {name} are {kind}, {need.kind.value} is needed.", "Use another asset.")
    if not found.slots:
        advice = f"Bind one: dualspan onboarding assets bind {asset.id}."
        return Misfit(name, f"No tag is bound to {name}.", advice)
    if not _is_unit(need, found.unit):
        wanted = need.unit or need.dimension
        return Misfit(name, f"{name} is in {found.unit or 'no unit'}, {wanted} is needed.", "Use another asset.")
    if (need.unit or need.dimension) and not all(slot.unit_known for slot in found.slots):
        return Misfit(name, f"Nobody knows the unit of the tag of {name}.", "Say its unit where it is bound.")
    return None


def _is_kind(wanted: ValueKind, found: ValueKind | None) -> bool:
    if wanted is ValueKind.NUMBER:
        return found in {ValueKind.FLOAT64, ValueKind.INT64}
    return wanted is found


def _is_unit(need: PropertyNeed, found: str) -> bool:
    if need.dimension:
        return bool(found) and ucum.measures(found, need.dimension)
    return not need.unit or ucum.fits(found, need.unit)


def _granted(role: str, asset: Asset, need: PropertyNeed, found: AssetProperty, slot: Slot) -> GrantedTag:
    factor, offset, kind = slot.factor, slot.offset, found.kind or need.kind
    if need.unit:
        into = ucum.conversion(found.unit, need.unit)
        factor, offset = factor * into.factor, offset * into.factor + into.offset
    return GrantedTag(
        role=role,
        asset_id=asset.id,
        property=need.property,
        index=slot.index,
        tag_id=slot.tag_id,
        kind=kind,
        unit=need.unit or found.unit,
        factor=factor,
        offset=offset,
    )


def choose(
    proposals: Sequence[RoleProposal], chosen: Mapping[str, Sequence[str]], most: int
) -> tuple[tuple[GrantedTag, ...], tuple[str, ...]]:
    """What is granted of the assets that a person chose, and what is wrong with the choice.

    Args:
        proposals: What there is, now.
        chosen: Ids of assets by role; a role that is not named gets every asset that suits.
        most: Assets that the plan allows, all roles together; 0: as many as the manifest allows.

    Returns:
        Tags and problems: with a problem, no tags.
    """
    problems = [f"The app has no role {role!r}." for role in chosen if role not in {each.role for each in proposals}]
    tags: list[GrantedTag] = []
    assets: set[str] = set()
    for proposal in proposals:
        fits = {fit.asset.id: fit for fit in proposal.suitable}
        wanted = list(dict.fromkeys(chosen.get(proposal.role, fits)))
        problems += [
            f"{asset} cannot be {proposal.role}: {_why(proposal, asset)}" for asset in wanted if asset not in fits
        ]
        if not proposal.minimum <= len(wanted) <= proposal.maximum:
            between = f"{proposal.minimum} to {proposal.maximum}"
            problems.append(f"{len(wanted)} assets are {proposal.role}, {between} are needed.")
        for asset in wanted:
            if asset in fits:
                assets.add(asset)
                tags += fits[asset].tags
    if most and len(assets) > most:
        problems.append(f"The plan allows {most} assets, {len(assets)} were chosen.")
    return (() if problems else tuple(tags)), tuple(problems)


def _why(proposal: RoleProposal, asset_id: str) -> str:
    fit = next((each for each in proposal.fits if each.asset.id == asset_id), None)
    if fit is None:
        return "it is no asset that has any of the properties."
    return " ".join(f"{misfit.reason} {misfit.advice}" for misfit in fit.missing)
