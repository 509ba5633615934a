"""The assets of an enterprise as analytics sees them: a tree by ISA-95, models, and what properties are bound to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.errors import properties_not_bound, properties_unknown, unknown_assets
from dualspan_frame import ValueKind


class AssetLevel(IntEnum):
    """Where an asset stands in the hierarchy of ISA-95 (IEC 62264-1, 5.3); the numbers of the contract."""

    SITE = 1
    AREA = 2
    LINE = 3
    MACHINE = 4


class PropertyRole(IntEnum):
    """What a property's values mean; the numbers of the contract."""

    MEASUREMENT = 1
    SETPOINT = 2
    COUNTER = 3
    STATE = 4
    ALARM = 5
    INFORMATION = 6


@dataclass(frozen=True, slots=True)
class ModelProperty:
    """A property of an asset model.

    Attributes:
        id: Such as `good-count`.
        name: In English.
        name_zh: In Chinese.
        kind: Of its values, as the model has it; a tag may be of another.
        unit: UCUM; "" if it has none.
        role: What its values mean.
        indexed: A machine can have several, numbered from 1.
    """

    id: str
    name: str
    name_zh: str
    kind: ValueKind
    unit: str
    role: PropertyRole
    indexed: bool


@dataclass(frozen=True, slots=True)
class ModelState:
    """A state of an asset model, and what it is counted as by PackML (ISA-TR88.00.02), ISO 22400-2 and ISA-95."""

    id: str
    name: str
    packml: str
    iso22400: str
    isa95: str


@dataclass(frozen=True, slots=True)
class KpiBinding:
    """Which properties a KPI of a model is computed from: the KPI's word for an input, and the property's id."""

    kpi: str
    standard: str
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AssetModel:
    """An asset model in one version; a version never changes.

    `extends` are the ids of the models right above it; `built_in`: it comes with the platform.
    """

    id: str
    version: str
    industry: str
    name: str
    properties: Mapping[str, ModelProperty]
    states: tuple[ModelState, ...]
    kpis: tuple[KpiBinding, ...]
    extends: tuple[str, ...] = ()
    built_in: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """The tag that gives a property's values: value = sample × factor + offset.

    Attributes:
        tag_id: The tag.
        factor: See above.
        offset: See above.
        unit_known: The tag's unit could be converted; if not, the factor is 1 and somebody should look.
    """

    tag_id: int
    factor: float
    offset: float
    unit_known: bool

    @property
    def is_identity(self) -> bool:
        """Samples are the property's values as they are."""
        return self.factor == 1.0 and self.offset == 0.0


@dataclass(frozen=True, slots=True)
class Asset:
    """A site, an area, a line or a machine; `bindings` by property and index."""

    id: str
    display_name: str
    level: AssetLevel
    parent: str
    model: str
    model_version: str
    bindings: Mapping[tuple[str, int], Binding]


@dataclass(frozen=True, slots=True)
class AssetTree:
    """All assets of a tenant at one moment, and their models.

    Attributes:
        assets: By id, in order of id.
        models: By id and version.
        extended: Models that these extend, by id, in their newest versions.
    """

    assets: Mapping[str, Asset]
    models: Mapping[tuple[str, str], AssetModel]
    extended: Mapping[str, AssetModel] = field(default_factory=dict[str, AssetModel])
    _children: Mapping[str, tuple[str, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        children: dict[str, list[str]] = {}
        for asset in self.assets.values():
            children.setdefault(asset.parent, []).append(asset.id)
        object.__setattr__(self, "_children", {parent: tuple(ids) for parent, ids in children.items()})

    def asset(self, asset_id: str) -> Asset:
        """An asset; raises NotFound `ASSET_NOT_FOUND`."""
        found = self.assets.get(asset_id)
        if found is None:
            raise unknown_assets([asset_id])
        return found

    def check_known(self, asset_ids: Iterable[str]) -> None:
        """Raises NotFound `ASSET_NOT_FOUND` with all names that are not there."""
        missing = sorted(set(asset_ids) - self.assets.keys())
        if missing:
            raise unknown_assets(missing)

    def children(self, asset_id: str) -> Sequence[Asset]:
        """The assets right below one, in order of id; those below the enterprise for ""."""
        return [self.assets[child] for child in self._children.get(asset_id, ())]

    def under(self, asset_id: str) -> Sequence[Asset]:
        """An asset and everything below it, parents before children; everything for "" (the enterprise).

        Raises:
            NotFound: There is no such asset.
        """
        found = [self.asset(asset_id)] if asset_id else []
        waiting = list(self._children.get(asset_id, ()))[::-1]
        while waiting:
            asset = self.assets[waiting.pop()]
            found.append(asset)
            waiting.extend(self._children.get(asset.id, ())[::-1])
        return found

    def machines_under(self, asset_id: str) -> Sequence[Asset]:
        """The machines among an asset and everything below it; all machines for ""."""
        return [asset for asset in self.under(asset_id) if asset.level is AssetLevel.MACHINE]

    def path(self, asset_id: str) -> Sequence[Asset]:
        """From the highest asset above this one down to it."""
        path = [self.asset(asset_id)]
        while (parent := self.assets.get(path[-1].parent)) is not None:
            path.append(parent)
        return path[::-1]

    def site_of(self, asset_id: str) -> Asset | None:
        """The site that an asset belongs to; None if it stands under none."""
        return next((asset for asset in self.path(asset_id) if asset.level is AssetLevel.SITE), None)

    def model_of(self, asset_id: str) -> AssetModel | None:
        """The model of an asset; None if it has none."""
        asset = self.asset(asset_id)
        return self.models.get((asset.model, asset.model_version))

    def lineage(self, asset_id: str) -> Sequence[AssetModel]:
        """The model of an asset and all that it extends, the nearest first."""
        model = self.model_of(asset_id)
        found = {} if model is None else {model.id: model}
        waiting = list(found.values())
        while waiting:
            parents = [self.extended[each] for model in waiting for each in model.extends if each in self.extended]
            waiting = [each for each in {parent.id: parent for parent in parents}.values() if each.id not in found]
            found |= {each.id: each for each in waiting}
        return list(found.values())

    def property(self, ref: PropertyRef) -> ModelProperty:
        """What the model says of a property; raises NotFound `PROPERTY_NOT_FOUND`."""
        model = self.model_of(ref.asset)
        found = model.properties.get(ref.property) if model else None
        if found is None:
            raise properties_unknown([ref])
        return found

    def binding(self, ref: PropertyRef) -> Binding:
        """What a property is bound to; raises FailedPrecondition `PROPERTY_NOT_BOUND`."""
        return self.bindings([ref])[ref]

    def bindings(self, refs: Iterable[PropertyRef]) -> dict[PropertyRef, Binding]:
        """What properties are bound to.

        Raises:
            NotFound: Assets or properties are not there (`ASSET_NOT_FOUND`, `PROPERTY_NOT_FOUND`); all are named.
            FailedPrecondition: Properties are not bound to a tag (`PROPERTY_NOT_BOUND`); all are named.
        """
        wanted = list(dict.fromkeys(refs))
        self.check_known(ref.asset for ref in wanted)
        unknown = [ref for ref in wanted if not self._has_property(ref)]
        if unknown:
            raise properties_unknown(unknown)
        bound = {ref: self.assets[ref.asset].bindings.get((ref.property, ref.index)) for ref in wanted}
        unbound = [ref for ref, binding in bound.items() if binding is None]
        if unbound:
            raise properties_not_bound(unbound)
        return {ref: binding for ref, binding in bound.items() if binding is not None}

    def is_bound(self, ref: PropertyRef) -> bool:
        """Whether the asset is there and a tag gives the property's values."""
        asset = self.assets.get(ref.asset)
        return asset is not None and (ref.property, ref.index) in asset.bindings

    def bound_refs(self, asset_id: str) -> Sequence[PropertyRef]:
        """All properties of an asset that are bound, in order of property and index."""
        return [PropertyRef(asset_id, *slot) for slot in sorted(self.asset(asset_id).bindings)]

    def unit(self, ref: PropertyRef) -> str:
        """The unit of a property's values, UCUM; "" if it has none."""
        return self.property(ref).unit

    def _has_property(self, ref: PropertyRef) -> bool:
        model = self.model_of(ref.asset)
        return model is not None and ref.property in model.properties
