"""Assets: sites, areas, lines and machines, what their properties are bound to, and mappings. No I/O."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Self

from dualspan_onboarding.errors import malformed
from dualspan_onboarding.names import ServerName, TagName, UuidName
from dualspan_runtime.names import ResourceName

_ASSET = ResourceName("tenants/{tenant}/assets/{asset}")
_MODEL = ResourceName("tenants/{tenant}/assetModels/{model}")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MOST = 40


class AssetLevel(IntEnum):
    """Where an asset stands in the hierarchy of ISA-95; the numbers of the contract."""

    SITE = 1
    AREA = 2
    LINE = 3
    MACHINE = 4


@dataclass(frozen=True, slots=True)
class AssetName:
    """`tenants/{tenant}/assets/{asset}`."""

    tenant: str
    asset: str

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name; raises InvalidArgument."""
        return cls(**_ASSET.parse(name))

    def __str__(self) -> str:
        return _ASSET.format(tenant=self.tenant, asset=self.asset)


@dataclass(frozen=True, slots=True)
class AssetModelName:
    """`tenants/{tenant}/assetModels/{model}`."""

    tenant: str
    model: str

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name; raises InvalidArgument."""
        return cls(**_MODEL.parse(name))

    def __str__(self) -> str:
        return _MODEL.format(tenant=self.tenant, model=self.model)


@dataclass(frozen=True, slots=True)
class ProposalName(UuidName):
    """`tenants/{tenant}/mappingProposals/{proposal}`."""

    pattern = ResourceName("tenants/{tenant}/mappingProposals/{proposal}")


@dataclass(frozen=True, slots=True)
class ApplicationName(UuidName):
    """`tenants/{tenant}/mappingApplications/{application}`."""

    pattern = ResourceName("tenants/{tenant}/mappingApplications/{application}")


@dataclass(frozen=True, slots=True)
class UnitConversion:
    """Value of the property = sample × factor + offset; `known` if the tag's unit could be converted."""

    factor: float
    offset: float
    known: bool


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A place of an asset that a tag can be bound to; the number is 0 for properties that are not indexed."""

    property: str
    number: int


@dataclass(frozen=True, slots=True)
class Binding:
    """A property of an asset and the tag whose samples are its values."""

    slot: Slot
    tag_id: int
    conversion: UnitConversion


@dataclass(frozen=True, slots=True)
class Asset:
    """A site, an area, a line or a machine."""

    name: AssetName
    display_name: str
    level: AssetLevel
    parent: str | None
    model: str
    model_version: str
    created_at: datetime
    bindings: tuple[Binding, ...] = ()


@dataclass(frozen=True, slots=True)
class NewAsset:
    """An asset about to be made."""

    asset_id: str
    display_name: str
    level: AssetLevel
    parent: str | None
    model: str
    model_version: str


@dataclass(frozen=True, slots=True)
class AssetChange:
    """What a person wants changed of an asset; None stays. An empty parent takes it to the top."""

    display_name: str | None = None
    parent: str | None = None
    model_version: str | None = None


@dataclass(frozen=True, slots=True)
class StoredMatch:
    """What is proposed for one variable of a machine; an empty property says that it is none."""

    node_id: str
    browse_path: str
    slot: Slot
    confidence: float
    reason: str
    unit: str
    conversion: UnitConversion


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """What is proposed for one machine."""

    number: int
    browse_path: str
    display_name: str
    asset_id: str
    model: str
    model_version: str
    confidence: float
    reason: str
    family: int
    matches: tuple[StoredMatch, ...]
    unmatched: tuple[str, ...]
    applied_asset: str | None = None


@dataclass(frozen=True, slots=True)
class StoredProposal:
    """A proposal in numbers."""

    name: ProposalName
    server: ServerName
    created_at: datetime
    variables: int
    matched: int
    sure: int
    groups: int


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person says a variable is; an empty property: none."""

    node_id: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class MappingChoice:
    """Which groups of a proposal are applied, and where their assets go. No groups: all that are not applied."""

    groups: tuple[int, ...]
    with_twins: bool
    minimum_confidence: float
    parent: AssetName | None
    accept_over_budget: bool


@dataclass(frozen=True, slots=True)
class BindingChange:
    """A binding that is new, another than before, or gone: browse paths, empty for nothing."""

    asset: str
    slot: Slot
    browse_path: str
    was: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What applying or undoing changes."""

    assets: tuple[NewAsset, ...]
    bindings: tuple[BindingChange, ...]
    tags: int
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MadeBinding:
    """A binding that an application made, and what was bound there before."""

    asset: str
    slot: Slot
    tag_id: int
    was: Binding | None


@dataclass(frozen=True, slots=True)
class Application:
    """A proposal, or part of one, that was applied."""

    name: ApplicationName
    proposal: ProposalName
    created_at: datetime
    undone_at: datetime | None
    assets: tuple[str, ...]
    tag_ids: tuple[int, ...]
    groups: tuple[int, ...]
    bindings: int


def check_parent_level(level: AssetLevel, parent: AssetLevel) -> None:
    """An asset is part of one of a higher level (IEC 62264-1, 5.3); raises InvalidArgument otherwise."""
    if parent >= level:
        raise malformed(
            "LEVEL_MISMATCH",
            "parent_asset",
            f"A {level.name.lower()} cannot be part of a {parent.name.lower()}. "
            "The order is site, area, line, machine.",
        )


def asset_id_for(name: str, model: str, taken: Collection[str]) -> str:
    """An id for a machine: its name as far as it has letters of the alphabet, else its model and its number."""
    words = _NOT_SLUG.sub("-", _HUMP.sub("-", name).lower()).strip("-")
    readable = sum(character.isascii() and character.isalpha() for character in name) >= 2
    base = (words if readable else f"{model}-{words}".strip("-"))[:_MOST].strip("-")
    candidate, number = base, 2
    while candidate in taken:
        suffix = f"-{number}"
        candidate = base[: _MOST - len(suffix)].strip("-") + suffix
        number += 1
    return candidate


def tag_name(tenant: str, tag_id: int) -> str:
    """The full name of a tag."""
    return str(TagName(tenant, tag_id))
