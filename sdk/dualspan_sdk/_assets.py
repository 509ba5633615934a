"""Assets as apps see them: machines, what their properties mean, and where the values come from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from dualspan.onboarding.v1 import asset_service_pb2
from dualspan_frame import ValueKind
from dualspan_sdk._columns import PropertyRef
from dualspan_sdk._errors import DualSpanError


class AssetLevel(IntEnum):
    """Where an asset stands in the hierarchy of ISA-95 (IEC 62264-1, 5.3)."""

    SITE = asset_service_pb2.ASSET_LEVEL_SITE
    AREA = asset_service_pb2.ASSET_LEVEL_AREA
    LINE = asset_service_pb2.ASSET_LEVEL_LINE
    MACHINE = asset_service_pb2.ASSET_LEVEL_MACHINE


@dataclass(frozen=True, slots=True)
class Property:
    """What an asset model says of a property.

    Attributes:
        id: Such as `good-count`.
        name: In English.
        name_zh: In Chinese.
        kind: What its values are.
        unit: UCUM code; empty for none.
        role: "MEASUREMENT", "SETPOINT", "COUNTER", "STATE", "ALARM" or "INFORMATION".
    """

    id: str
    name: str
    name_zh: str
    kind: ValueKind
    unit: str
    role: str


@dataclass(frozen=True, slots=True)
class State:
    """A state of a kind of machine.

    Attributes:
        id: Such as `running`.
        name: In English.
        name_zh: In Chinese.
        packml: State of ISA-TR88.00.02 that it is counted as.
        iso22400: Time element of ISO 22400-2 that it is counted as, such as `APT`.
    """

    id: str
    name: str
    name_zh: str
    packml: str
    iso22400: str


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of machine, in one version.

    Attributes:
        id: Such as `bottle-filler`.
        version: SemVer.
        industry: Such as `bottling-packaging`.
        name: In English.
        name_zh: In Chinese.
        properties: By id.
        states: In the order of the model.
    """

    id: str
    version: str
    industry: str
    name: str
    name_zh: str
    properties: Mapping[str, Property]
    states: tuple[State, ...]

    @classmethod
    def from_message(cls, message: asset_service_pb2.AssetModel) -> Self:
        """The model that an answer holds."""
        return cls(
            id=_last(message.name),
            version=message.version,
            industry=message.industry,
            name=message.display_name.en,
            name_zh=message.display_name.zh,
            properties={each.id: _property(each) for each in message.properties},
            states=tuple(_state(each) for each in message.states),
        )


@dataclass(frozen=True, slots=True)
class Source:
    """Where a property's values come from: value = sample × factor + offset."""

    tag_id: int
    factor: float
    offset: float

    @property
    def is_identity(self) -> bool:
        """Samples are the property's values as they are."""
        return self.factor == 1.0 and self.offset == 0.0


@dataclass(frozen=True, slots=True)
class Asset:
    """A site, an area, a line or a machine.

    Attributes:
        id: Such as `imm01`.
        name: What people call it.
        level: Where it stands.
        parent: Id of the asset that it is part of; empty for the enterprise.
        model: What kind it is; None for places.
        sources: What its properties are bound to, by property and index.
    """

    id: str
    name: str
    level: AssetLevel
    parent: str
    model: Model | None
    sources: Mapping[tuple[str, int], Source]

    def has(self, *properties: str) -> bool:
        """Whether all of these properties have values."""
        bound = {each for each, _ in self.sources}
        return bound.issuperset(properties)

    def refs(self, property_id: str) -> list[PropertyRef]:
        """All that is bound of a property: one, or one for each index; none if it is not bound."""
        return [PropertyRef(self.id, *slot) for slot in sorted(self.sources) if slot[0] == property_id]

    @classmethod
    def from_message(cls, message: asset_service_pb2.Asset, model: Model | None) -> Self:
        """The asset that an answer holds."""
        return cls(
            id=_last(message.name),
            name=message.display_name or _last(message.name),
            level=AssetLevel(message.level),
            parent=_last(message.parent_asset),
            model=model,
            sources={
                (each.property, each.index): Source(int(_last(each.tag)), each.factor, each.offset)
                for each in message.bindings
            },
        )


class Assets:
    """What an app may see of a plant, at one moment.

    Args:
        assets: In any order.
    """

    def __init__(self, assets: Iterable[Asset]) -> None:
        self._by_id = {asset.id: asset for asset in sorted(assets, key=lambda each: each.id)}

    def __iter__(self) -> Iterator[Asset]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __getitem__(self, asset_id: str) -> Asset:
        """An asset; raises `DualSpanError` `ASSET_NOT_FOUND`."""
        found = self._by_id.get(asset_id)
        if found is None:
            known = ", ".join(list(self._by_id)[:8]) or "none"
            raise DualSpanError("NOT_FOUND", "ASSET_NOT_FOUND", f"There is no asset {asset_id!r}. There are: {known}.")
        return found

    def machines(self, having: Iterable[str] = ()) -> list[Asset]:
        """The machines that have values of all of these properties, in order of id."""
        wanted = tuple(having)
        return [each for each in self._by_id.values() if each.level is AssetLevel.MACHINE and each.has(*wanted)]

    def path(self, asset_id: str) -> list[Asset]:
        """From the highest asset above this one down to it."""
        path = [self[asset_id]]
        while (parent := self._by_id.get(path[-1].parent)) is not None and parent not in path:
            path.append(parent)
        return path[::-1]

    def source(self, ref: PropertyRef) -> Source:
        """What a property is bound to; raises `DualSpanError` `PROPERTY_NOT_BOUND`."""
        asset = self[ref.asset]
        found = asset.sources.get((ref.property, ref.index))
        if found is None:
            bound = ", ".join(sorted({each for each, _ in asset.sources})) or "none"
            raise DualSpanError(
                "FAILED_PRECONDITION", "PROPERTY_NOT_BOUND", f"{ref} has no values. {ref.asset} has: {bound}."
            )
        return found

    def property(self, ref: PropertyRef) -> Property | None:
        """What the model says of a property; None where nothing is known of it."""
        model = self[ref.asset].model
        return None if model is None else model.properties.get(ref.property)

    def unit(self, ref: PropertyRef) -> str:
        """UCUM code of a property's values; empty for none."""
        found = self.property(ref)
        return "" if found is None else found.unit


def _property(message: asset_service_pb2.AssetProperty) -> Property:
    return Property(
        id=message.id,
        name=message.display_name.en,
        name_zh=message.display_name.zh,
        kind=ValueKind(message.kind),
        unit=message.unit,
        role=asset_service_pb2.PropertyRole.Name(message.role).removeprefix("PROPERTY_ROLE_"),
    )


def _state(message: asset_service_pb2.AssetState) -> State:
    return State(message.id, message.display_name.en, message.display_name.zh, message.packml, message.iso22400)


def _last(name: str) -> str:
    return name.rpartition("/")[2]
