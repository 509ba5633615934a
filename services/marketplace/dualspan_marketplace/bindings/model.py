"""Assets as an app may use them, and what is granted of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from dualspan_manifest import ValueKind


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a property that a tag gives values for.

    Attributes:
        index: Of properties that a machine has several of; else 0.
        tag_id: The tag.
        factor: Value in the model's unit = tag's value × factor + offset.
        offset: See factor.
        unit_known: The tag's own unit is one that converts into the model's; else values are as the machine has them.
    """

    index: int
    tag_id: int
    factor: float
    offset: float
    unit_known: bool


@dataclass(frozen=True, slots=True)
class AssetProperty:
    """A property of an asset's model.

    Attributes:
        kind: float64, int64, bool or text; None for what is none of these.
        unit: UCUM code of the model, or "".
        slots: Empty while no tag is bound.
    """

    kind: ValueKind | None
    unit: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset of the tenant's.

    Attributes:
        lineage: Its model and all that this extends.
    """

    id: str
    name: str
    lineage: frozenset[str]
    properties: Mapping[str, AssetProperty]


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why an asset cannot give a property, and what to do."""

    property: str
    reason: str
    advice: str


@dataclass(frozen=True, slots=True)
class GrantedTag:
    """One tag that an app may read, as the app sees it.

    Attributes:
        unit: UCUM code of what the app gets; "" without one.
        factor: What the app gets = tag's value × factor + offset.
        offset: See factor.
    """

    role: str
    asset_id: str
    property: str
    index: int
    tag_id: int
    kind: ValueKind
    unit: str
    factor: float
    offset: float


@dataclass(frozen=True, slots=True)
class Fit:
    """How an asset suits a role.

    Attributes:
        tags: What would be granted; of an asset that misses something required, nothing.
        missing: What is required and is not there.
        without: Optional properties that are not there.
    """

    role: str
    asset: Asset
    tags: tuple[GrantedTag, ...]
    missing: tuple[Misfit, ...]
    without: tuple[Misfit, ...]

    @property
    def suits(self) -> bool:
        """Whether the app can use it."""
        return not self.missing


@dataclass(frozen=True, slots=True)
class RoleProposal:
    """All assets that may play a role: those that suit, and those that nearly do."""

    role: str
    minimum: int
    maximum: int
    fits: tuple[Fit, ...]

    @property
    def suitable(self) -> tuple[Fit, ...]:
        """Those that the app can use."""
        return tuple(fit for fit in self.fits if fit.suits)

    @property
    def is_met(self) -> bool:
        """Whether there are enough."""
        return len(self.suitable) >= self.minimum
