"""An app's manifest: frozen dataclasses, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class ValueKind(Enum):
    """What values are; `number` is float64 or int64, whichever the machine has."""

    NUMBER = "number"
    FLOAT64 = "float64"
    INT64 = "int64"
    BOOL = "bool"
    TEXT = "text"

    @property
    def is_numeric(self) -> bool:
        """Whether values can have a unit."""
        return self in {ValueKind.NUMBER, ValueKind.FLOAT64, ValueKind.INT64}


@dataclass(frozen=True, slots=True)
class LocalText:
    """A text in English and Chinese."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Category:
    """Where the app is found: industries of the asset models, and domains."""

    industries: tuple[str, ...]
    domains: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PropertyNeed:
    """A property that the app reads.

    Attributes:
        property: As the asset models name it, such as `good-count`.
        kind: What its values must be.
        unit: UCUM code that the app wants its values in; "" if it takes them as they are.
        dimension: In place of a unit: any unit of this dimension (`dualspan_standards.ucum.DIMENSIONS`) will do; or "".
        optional: The app works without it, too.
    """

    property: str
    kind: ValueKind
    unit: str = ""
    dimension: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Requirement:
    """Assets that play a part in the app.

    Attributes:
        role: What the app calls them, such as `machine`.
        models: Asset models, and those that extend them; empty: any asset that has the properties.
        minimum: So many assets at least.
        maximum: So many at the most.
        properties: What is read of each.
    """

    role: str
    models: tuple[str, ...]
    minimum: int
    maximum: int
    properties: tuple[PropertyNeed, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """A result that the app writes back as a new tag, one for each asset of a role.

    Attributes:
        id: Such as `oee`.
        names: For people.
        kind: Never `number`: the app says which.
        unit: UCUM code, or "".
        role: Of which requirement's assets; "" for one tag of the whole subscription.
    """

    id: str
    names: LocalText
    kind: ValueKind
    unit: str
    role: str


@dataclass(frozen=True, slots=True)
class Resources:
    """What one instance may use at the most.

    Attributes:
        cpu: Thousandths of a core.
        memory: Bytes.
        pids: Processes and threads.
        disk: Bytes of temporary files.
    """

    cpu: int
    memory: int
    pids: int
    disk: int


@dataclass(frozen=True, slots=True)
class Port:
    """A TCP port that the app listens on."""

    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Health:
    """How the platform knows that an instance is well: HTTP 200 from here. Times in seconds."""

    port: str
    path: str
    interval: float
    timeout: float


@dataclass(frozen=True, slots=True)
class Ui:
    """Where the app's pages begin."""

    port: str
    path: str


@dataclass(frozen=True, slots=True)
class Egress:
    """A host outside that the app may reach, and why: the person who subscribes reads it."""

    host: str
    port: int
    reason: LocalText


@dataclass(frozen=True, slots=True)
class HelmChart:
    """A chart in an OCI registry, by digest: `oci://host/path@sha256:…`."""

    chart: str
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Run:
    """How it is started; at least one of these.

    Attributes:
        image: Docker image by digest, `host/path@sha256:…`; "" if there is none.
        helm: A chart.
        module: Python module of an app that comes with the platform, run as a process; "" if there is none.
    """

    image: str
    helm: HelmChart | None
    module: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """An output of the new version that must stay near the old one's.

    Attributes:
        output: One of the manifest's outputs.
        tolerance: Largest difference, in the output's own unit.
        relative: Largest difference as a share of the old value; whichever of both allows more counts.
        share: Of all compared samples, so many must be within.
    """

    output: str
    tolerance: float
    relative: float
    share: float


@dataclass(frozen=True, slots=True)
class Upgrade:
    """How a version takes the place of the one before it: a canary beside it for `canary` seconds, then compared."""

    canary: float
    compare: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """An app at one version.

    Attributes:
        scopes: What the app's credential is for, such as `samples.read`.
        configuration: JSON Schema of the subscriber's settings (draft 2020-12, the part that forms are made of).
        icon: File beside the manifest, or "".
        screenshots: Files beside the manifest.
        source: The document as it was written.
    """

    id: str
    version: str
    names: LocalText
    summary: LocalText
    description: LocalText
    license: str
    categories: Category
    requires: tuple[Requirement, ...]
    outputs: tuple[Output, ...]
    scopes: tuple[str, ...]
    configuration: Mapping[str, Any]
    resources: Resources
    ports: tuple[Port, ...]
    health: Health
    ui: Ui | None
    egress: tuple[Egress, ...]
    run: Run
    upgrade: Upgrade
    icon: str
    screenshots: tuple[str, ...]
    source: str

    def requirement(self, role: str) -> Requirement | None:
        """What the assets of a role must have."""
        return next((each for each in self.requires if each.role == role), None)

    def port(self, name: str) -> int:
        """The number of a port; 0 if there is none with this name."""
        return next((each.port for each in self.ports if each.name == name), 0)
