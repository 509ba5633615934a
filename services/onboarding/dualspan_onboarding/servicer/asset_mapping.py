"""Asset models, assets and mappings of the contract, made of what the model holds; and the other way round."""

from dualspan.frame.v1.frame_pb2 import ValueKind
from dualspan.onboarding.v1 import asset_service_pb2, mapping_service_pb2
from dualspan_onboarding.asset_models import units
from dualspan_onboarding.asset_models.model import CompanionLink, LocalName, Problem, Property
from dualspan_onboarding.assets import (
    Application,
    Asset,
    AssetChange,
    AssetLevel,
    AssetName,
    Binding,
    Correction,
    Difference,
    MappingChoice,
    NewAsset,
    ProposalName,
    Slot,
    StoredGroup,
    StoredMatch,
    StoredProposal,
    tag_name,
)
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.mapping.calibration import SURE
from dualspan_onboarding.service.asset_models import KnownModel
from dualspan_onboarding.servicer.mapping import timestamp

_CHANGEABLE = ("display_name", "parent_asset", "model_version")


def _local(names: LocalName) -> asset_service_pb2.LocalName:
    return asset_service_pb2.LocalName(en=names.en, zh=names.zh)


def _link(link: CompanionLink) -> asset_service_pb2.CompanionLink:
    return asset_service_pb2.CompanionLink(namespace=link.namespace, type=link.type, path=link.path)


def _property(each: Property) -> asset_service_pb2.AssetProperty:
    unit = units.table().get(each.unit)
    return asset_service_pb2.AssetProperty(
        id=each.id,
        display_name=_local(each.names),
        kind=ValueKind.ValueType(each.kind),
        unit=each.unit,
        unit_code=unit.unece if unit else "",
        role=asset_service_pb2.PropertyRole.ValueType(each.role),
        indexed=each.indexed,
        companions=[_link(link) for link in each.companions],
    )


def asset_model(tenant: str, known: KnownModel, *, source: bool) -> asset_service_pb2.AssetModel:
    """An asset model, whole; with its document if wanted."""
    model = known.model
    return asset_service_pb2.AssetModel(
        name=f"tenants/{tenant}/assetModels/{model.id}",
        version=model.version,
        versions=known.versions,
        industry=model.industry,
        display_name=_local(model.names),
        built_in=known.built_in,
        extends=model.extends,
        properties=[_property(each) for each in model.properties],
        states=[
            asset_service_pb2.AssetState(
                id=state.id,
                display_name=_local(state.names),
                packml=state.packml,
                iso22400=state.iso22400,
                isa95=state.isa95,
            )
            for state in model.states
        ],
        kpis=[
            asset_service_pb2.KpiBinding(
                kpi=kpi.kpi,
                standard=kpi.standard,
                inputs=[asset_service_pb2.KpiBinding.Input(name=name, property=wants) for name, wants in kpi.inputs],
            )
            for kpi in model.kpis
        ],
        companions=[_link(link) for link in model.companions],
        source=model.source if source else "",
    )


def problem(each: Problem) -> asset_service_pb2.ModelProblem:
    """What is wrong with a document at one place."""
    return asset_service_pb2.ModelProblem(line=each.line, path=each.path, reason=each.reason, remedy=each.remedy)


def _binding(tenant: str, binding: Binding) -> asset_service_pb2.PropertyBinding:
    return asset_service_pb2.PropertyBinding(
        property=binding.slot.property,
        index=binding.slot.number,
        tag=tag_name(tenant, binding.tag_id),
        factor=binding.conversion.factor,
        offset=binding.conversion.offset,
        unit_known=binding.conversion.known,
    )


def asset(model: Asset) -> asset_service_pb2.Asset:
    """An asset with its bindings."""
    tenant = model.name.tenant
    return asset_service_pb2.Asset(
        name=str(model.name),
        display_name=model.display_name,
        level=asset_service_pb2.AssetLevel.ValueType(model.level),
        parent_asset=str(AssetName(tenant, model.parent)) if model.parent else "",
        model=model.model,
        model_version=model.model_version,
        bindings=[_binding(tenant, binding) for binding in model.bindings],
        create_time=timestamp(model.created_at),
    )


def own_asset(tenant: str, name: str, field: str) -> AssetName:
    """The name of an asset of the tenant; raises InvalidArgument if it is another's."""
    parsed = AssetName.parse(name)
    if parsed.tenant != tenant:
        raise malformed("FOREIGN_NAME", field, f"{field} must name an asset of the same tenant.")
    return parsed


def own_proposal(tenant: str, name: str, field: str) -> ProposalName:
    """The name of a proposal of the tenant; raises InvalidArgument if it is another's."""
    parsed = ProposalName.parse(name)
    if parsed.tenant != tenant:
        raise malformed("FOREIGN_NAME", field, f"{field} must name a proposal of the same tenant.")
    return parsed


def _level(value: int) -> AssetLevel:
    try:
        return AssetLevel(value)
    except ValueError as err:
        raise malformed("UNKNOWN_ASSET_LEVEL", "level", "State the level: site, area, line or machine.") from err


def new_asset(tenant: str, message: asset_service_pb2.Asset, asset_id: str) -> NewAsset:
    """What a person states of a new asset."""
    parent = own_asset(tenant, message.parent_asset, "parent_asset").asset if message.parent_asset else None
    level = _level(message.level)
    return NewAsset(asset_id, message.display_name, level, parent, message.model, message.model_version)


def asset_change(request: asset_service_pb2.UpdateAssetRequest) -> AssetChange:
    """What a person wants changed (AIP-134): the fields of the mask, or those that are set without one."""
    message, paths = request.asset, set(request.update_mask.paths)
    unknown = paths - set(_CHANGEABLE)
    if unknown:
        raise malformed("UNKNOWN_FIELD", "update_mask", f"Cannot be changed: {', '.join(sorted(unknown))[:200]}.")
    wanted = paths or {field for field in _CHANGEABLE if getattr(message, field)}
    tenant = AssetName.parse(message.name).tenant
    parent = own_asset(tenant, message.parent_asset, "parent_asset").asset if message.parent_asset else ""
    return AssetChange(
        display_name=message.display_name if "display_name" in wanted else None,
        parent=parent if "parent_asset" in wanted else None,
        model_version=message.model_version if "model_version" in wanted else None,
    )


def proposal(model: StoredProposal) -> mapping_service_pb2.MappingProposal:
    """A proposal in numbers."""
    return mapping_service_pb2.MappingProposal(
        name=str(model.name),
        server=str(model.server),
        create_time=timestamp(model.created_at),
        variables=model.variables,
        matched=model.matched,
        sure=model.sure,
        groups=model.groups,
    )


def _match(model: StoredMatch) -> mapping_service_pb2.MappingMatch:
    return mapping_service_pb2.MappingMatch(
        property=model.slot.property,
        index=model.slot.number,
        node_id=model.node_id,
        browse_path=model.browse_path,
        confidence=model.confidence,
        reason=model.reason,
        sure=model.confidence >= SURE,
        unit=model.unit,
        factor=model.conversion.factor,
        offset=model.conversion.offset,
        unit_known=model.conversion.known,
    )


def group(tenant: str, model: StoredGroup) -> mapping_service_pb2.MappingGroup:
    """What is proposed for one machine."""
    return mapping_service_pb2.MappingGroup(
        group=str(model.number),
        browse_path=model.browse_path,
        display_name=model.display_name,
        asset_id=model.asset_id,
        model=model.model,
        model_version=model.model_version,
        confidence=model.confidence,
        reason=model.reason,
        family=model.family,
        matches=[_match(match) for match in model.matches],
        unmatched=model.unmatched,
        asset=str(AssetName(tenant, model.applied_asset)) if model.applied_asset else "",
    )


def group_number(text: str) -> int:
    """A group's number; raises InvalidArgument."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise malformed("MALFORMED_GROUP", "group", f"{text[:60]!r} is not a group. List the proposal's groups.")
    return int(text)


def corrections(request: mapping_service_pb2.CorrectMappingRequest) -> list[Correction]:
    """What a person says that variables are."""
    return [Correction(each.node_id, Slot(each.property, each.index)) for each in request.corrections]


def choice(tenant: str, message: mapping_service_pb2.MappingChoice) -> MappingChoice:
    """Which groups are applied, and where they go."""
    if not 0.0 <= message.minimum_confidence <= 1.0:
        raise malformed("CONFIDENCE_OUT_OF_RANGE", "minimum_confidence", "minimum_confidence must be from 0 to 1.")
    return MappingChoice(
        groups=tuple(group_number(each) for each in message.groups),
        with_twins=message.with_twins,
        minimum_confidence=message.minimum_confidence,
        parent=own_asset(tenant, message.parent_asset, "parent_asset") if message.parent_asset else None,
        accept_over_budget=message.accept_over_budget,
    )


def difference(tenant: str, model: Difference) -> mapping_service_pb2.MappingDifference:
    """What changes."""
    return mapping_service_pb2.MappingDifference(
        assets=[
            asset_service_pb2.Asset(
                name=str(AssetName(tenant, each.asset_id)),
                display_name=each.display_name,
                level=asset_service_pb2.AssetLevel.ValueType(each.level),
                parent_asset=str(AssetName(tenant, each.parent)) if each.parent else "",
                model=each.model,
                model_version=each.model_version,
            )
            for each in model.assets
        ],
        bindings=[
            mapping_service_pb2.MappingDifference.BindingChange(
                asset=str(AssetName(tenant, each.asset)),
                property=each.slot.property,
                index=each.slot.number,
                browse_path=each.browse_path,
                was=each.was,
            )
            for each in model.bindings
        ],
        tags=model.tags,
        kept=model.kept,
    )


def application(model: Application, changed: Difference | None = None) -> mapping_service_pb2.MappingApplication:
    """What was applied; with the difference where it was just made."""
    return mapping_service_pb2.MappingApplication(
        name=str(model.name),
        proposal=str(model.proposal),
        create_time=timestamp(model.created_at),
        undo_time=timestamp(model.undone_at),
        assets=len(model.assets),
        tags=len(model.tag_ids),
        bindings=model.bindings,
        difference=None if changed is None else difference(model.name.tenant, changed),
    )
