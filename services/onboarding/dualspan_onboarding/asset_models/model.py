"""What an asset model is: properties, states, KPIs, and what companion specifications call them."""

from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """What a property's values are; the numbers of dualspan.frame.v1.ValueKind."""

    FLOAT64 = 1
    INT64 = 2
    BOOL = 3
    TEXT = 4
    BYTES = 5


class Role(IntEnum):
    """What a property's values mean; the numbers of the contract."""

    MEASUREMENT = 1
    SETPOINT = 2
    COUNTER = 3
    STATE = 4
    ALARM = 5
    INFORMATION = 6


@dataclass(frozen=True, slots=True)
class LocalName:
    """A name in English and Chinese."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class CompanionLink:
    """What a companion specification calls a model or a property.

    Attributes:
        namespace: Namespace URI of the specification.
        type: BrowseName of the ObjectType.
        path: BrowseNames from an instance of the type to the variable; "*" is any one.
    """

    namespace: str
    type: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SamplingDefault:
    """How a property's tags are sampled unless somebody says otherwise; what is None is left to the server.

    Attributes:
        interval_us: Sampling interval, microseconds.
        publishing_us: Publishing interval.
        deadband: Changes of at most this are left out; 0: none are.
        deadband_percent: The deadband is in per cent of the variable's EURange.
        heartbeat_us: The last value is repeated after so long a silence; 0: never.
    """

    interval_us: int | None = None
    publishing_us: int | None = None
    deadband: float = 0.0
    deadband_percent: bool = False
    heartbeat_us: int = 0


@dataclass(frozen=True, slots=True)
class Property:
    """Something that a kind of machine has and that a tag can be bound to; `unit` is a UCUM code or empty."""

    id: str
    names: LocalName
    kind: Kind
    role: Role
    domain: str
    unit: str = ""
    indexed: bool = False
    words: tuple[str, ...] = ()
    companions: tuple[CompanionLink, ...] = ()
    sampling: SamplingDefault | None = None


@dataclass(frozen=True, slots=True)
class State:
    """One state, in the words of PackML, ISO 22400-2 and ISA-95."""

    id: str
    names: LocalName
    packml: str
    iso22400: str
    isa95: str


@dataclass(frozen=True, slots=True)
class Kpi:
    """Which properties a KPI is computed from: pairs of the KPI's word and the property."""

    kpi: str
    standard: str
    inputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AssetModel:
    """A kind of machine, line or meter.

    Attributes:
        properties: Its own; after `Library.whole`, those of the models that it extends too.
        abstract: Only for others to extend: no asset is one.
        source: The document as it was written.
    """

    id: str
    version: str
    industry: str
    names: LocalName
    words: tuple[str, ...] = ()
    abstract: bool = False
    extends: tuple[str, ...] = ()
    companions: tuple[CompanionLink, ...] = ()
    properties: tuple[Property, ...] = ()
    state_property: str = ""
    states: tuple[State, ...] = ()
    kpis: tuple[Kpi, ...] = ()
    source: str = ""

    def property(self, property_id: str) -> Property | None:
        """One of its properties."""
        return next((each for each in self.properties if each.id == property_id), None)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a document at one place, and what to do. Lines from 1."""

    line: int
    path: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        place = f"line {self.line}" + (f", {self.path}" if self.path else "")
        return f"{place}: {self.reason} {self.remedy}"
