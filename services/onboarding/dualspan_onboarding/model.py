"""What the service is about: gateways, OPC UA servers and tags. Times are aware UTC datetimes."""

import dataclasses
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from dualspan_onboarding.browsed import Browse, BrowsedNode
from dualspan_onboarding.budget import Estimate
from dualspan_onboarding.certificates import Anchor
from dualspan_onboarding.names import GatewayName, ServerName, TagName
from dualspan_onboarding.sampling import DEFAULT_ACQUISITION, WHOLE_VALUE, Acquisition, Address

_FLOAT64 = 1  # dualspan.frame.v1.ValueKind


class GatewayState(IntEnum):
    """How a gateway stands; the numbers of the contract."""

    PENDING = 1
    OFFLINE = 2
    ONLINE = 3
    REVOKED = 4


class SecurityMode(IntEnum):
    """OPC UA message security mode (Part 4, 7.20); the numbers of the contract."""

    NONE = 1
    SIGN = 2
    SIGN_AND_ENCRYPT = 3


class SecurityPolicy(IntEnum):
    """OPC UA security policy (Part 7); STRONGEST leaves the choice to the gateway."""

    STRONGEST = 0
    NONE = 1
    BASIC256SHA256 = 2
    AES128_SHA256_RSAOAEP = 3
    AES256_SHA256_RSAPSS = 4


class ConnectionState(IntEnum):
    """How a gateway stands with a server; the numbers of the contract."""

    UNKNOWN = 0
    CONNECTING = 1
    CONNECTED = 2
    FAILED = 3
    UNTRUSTED = 4


class TagState(IntEnum):
    """How a tag stands at its gateway; the numbers of the contract."""

    PENDING = 1
    ACTIVE = 2
    REFUSED = 3


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """What a gateway says of itself. Microseconds, bytes and counts."""

    software_version: str = ""
    buffered_frames: int = 0
    buffered_bytes: int = 0
    oldest_buffered_age_us: int = 0
    buffer_full: bool = False
    clock_offset_us: int = 0
    received_samples: int = 0
    overflowed_samples: int = 0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ServerReport:
    """What a gateway says of one of its servers."""

    server: str
    state: ConnectionState = ConnectionState.UNKNOWN
    detail: str = ""
    monitored_items: int = 0
    clock_offset_us: int = 0
    untrusted_certificate: bytes = b""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A box in a plant that connects to OPC UA servers."""

    name: GatewayName
    display_name: str
    site: str
    created_at: datetime
    enrolled_at: datetime | None
    revoked_at: datetime | None
    revocation_confirmed_at: datetime | None
    certificate_expire_at: datetime | None
    session_id: uuid.UUID | None
    last_seen_at: datetime | None
    online: bool
    desired_revision: int
    observed_revision: int
    report: GatewayReport
    servers: tuple[ServerReport, ...] = ()

    @property
    def state(self) -> GatewayState:
        """How it stands now."""
        if self.revoked_at is not None:
            return GatewayState.REVOKED
        if self.enrolled_at is None:
            return GatewayState.PENDING
        return GatewayState.ONLINE if self.online else GatewayState.OFFLINE


@dataclass(frozen=True, slots=True)
class EnrolmentToken:
    """A single-use right to a gateway's certificate; `live` when it is neither used, superseded nor expired."""

    gateway: GatewayName
    used: bool
    superseded: bool
    expired: bool


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a person states of an OPC UA server."""

    display_name: str
    endpoint_url: str
    security_mode: SecurityMode
    security_policy: SecurityPolicy
    username: str
    trusted_certificate_sha256: str
    # The server calls the gateway, and must have this application URI.
    reverse_connect: bool = False
    server_uri: str = ""


@dataclass(frozen=True, slots=True)
class ServerChange:
    """What a person wants changed of an OPC UA server; None stays. An empty password takes it away."""

    display_name: str | None = None
    endpoint_url: str | None = None
    security_mode: SecurityMode | None = None
    security_policy: SecurityPolicy | None = None
    username: str | None = None
    password: str | None = None
    trusted_certificate_sha256: str | None = None
    reverse_connect: bool | None = None
    server_uri: str | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of what changes."""
        return tuple(f.name for f in dataclasses.fields(self) if getattr(self, f.name) is not None)


@dataclass(frozen=True, slots=True)
class OpcUaServer:
    """An OPC UA server in a plant, reached by one gateway. The password stays sealed."""

    name: ServerName
    settings: ServerSettings
    password_sealed: bytes | None
    created_at: datetime
    snapshot: uuid.UUID | None
    report: ServerReport


@dataclass(frozen=True, slots=True)
class Tag:
    """A variable whose samples are stored. Intervals in microseconds."""

    name: TagName
    server: ServerName
    node_id: str
    browse_path: str
    display_name: str
    kind: int
    data_type: str
    unit: str
    sampling_interval_us: int
    publishing_interval_us: int
    queue_size: int
    state: TagState
    state_detail: str
    created_at: datetime
    address: Address = WHOLE_VALUE
    acquisition: Acquisition = DEFAULT_ACQUISITION


@dataclass(frozen=True, slots=True)
class VariableChoice:
    """A variable that a person wants as a tag; None where the person left it open.

    With `expand`, every field or element of its value becomes a tag instead. With `lenient`, settings that do not go
    with the variable are left out instead of refused: they were not chosen for it.
    """

    node_id: str
    sampling_interval_us: int | None
    publishing_interval_us: int | None
    queue_size: int
    display_name: str
    address: Address = WHOLE_VALUE
    acquisition: Acquisition | None = None
    expand: bool = False
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class NewTag:
    """A tag about to be made; of a field, the node has the field's path, kind and data type."""

    node: BrowsedNode
    display_name: str
    sampling_interval_us: int
    publishing_interval_us: int
    queue_size: int
    address: Address = WHOLE_VALUE
    acquisition: Acquisition = DEFAULT_ACQUISITION


@dataclass(frozen=True, slots=True)
class UntoldTag:
    """A tag that the historian is to be told of."""

    tag_id: int
    gateway: GatewayName
    kind: int

    @property
    def sloped(self) -> bool:
        """Between two samples, a floating-point quantity is taken for a line; all else holds its value."""
        return self.kind == _FLOAT64


@dataclass(frozen=True, slots=True)
class TagReport:
    """How one item of the configuration fared at the gateway."""

    tag_id: int
    state: TagState
    status_code: int
    detail: str
    revised_sampling_interval_us: int
    revised_queue_size: int = 0


@dataclass(frozen=True, slots=True)
class ConfiguredTag:
    """One variable to subscribe to, as the gateway is told."""

    tag_id: int
    node_id: str
    kind: int
    sampling_interval_us: int
    publishing_interval_us: int
    queue_size: int
    address: Address = WHOLE_VALUE
    acquisition: Acquisition = DEFAULT_ACQUISITION


@dataclass(frozen=True, slots=True)
class ConfiguredServer:
    """One server to connect to, as the gateway is told; the password in clear, for the wire only."""

    server: str
    settings: ServerSettings
    password: str
    tags: tuple[ConfiguredTag, ...]
    # Up to when another box has recorded it; None: none has, or this box knows better.
    complete_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that a gateway should do."""

    revision: int
    servers: tuple[ConfiguredServer, ...]
    anchors: tuple[Anchor, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """A stream that speaks for a gateway."""

    gateway: GatewayName
    session_id: uuid.UUID
    # For a box that has no configuration yet: up to when another box has recorded each server.
    covered: Mapping[str, datetime] = dataclasses.field(default_factory=dict[str, datetime], hash=False)


@dataclass(frozen=True, slots=True)
class Orders:
    """What a gateway is to be told now."""

    configuration: Configuration | None
    browses: tuple[Browse, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of the chosen variables; ids in order of browse path."""

    created: int
    existing: int
    tag_ids: tuple[int, ...]
    load: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a gateway gets for its token. PEM, and `host:port`."""

    gateway: GatewayName
    certificate_chain_pem: str
    ca_pem: str
    onboarding_address: str
    historian_address: str


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that was done, on its way to the audit log. Details hold no secrets."""

    event_id: uuid.UUID
    tenant: str
    actor: str
    action: str
    resource: str
    details: dict[str, str]
    request_id: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is allowed."""

    tags_per_gateway: int = 100_000
    servers_per_gateway: int = 200
    variables_per_request: int = 10_000
    browsed_nodes: int = 1_000_000
    # Finished browses that are kept of a server.
    snapshots: int = 5
    default_browsed_nodes: int = 100_000


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take."""

    status_interval: timedelta = timedelta(seconds=5)
    # A gateway is offline when its stream has ended or has been silent for so long.
    offline_after: timedelta = timedelta(seconds=20)
    # How often a stream looks for changes that no notification told it of.
    session_poll: timedelta = timedelta(seconds=15)
    # A stream that says nothing for so long is ended.
    session_silence: timedelta = timedelta(seconds=60)
    reconcile_interval: timedelta = timedelta(seconds=5)
    # How often it is looked for certificates whose end comes near.
    expiry_interval: timedelta = timedelta(minutes=1)
    # A browse whose gateway is gone waits so long for it to come back.
    browse_offline_grace: timedelta = timedelta(seconds=30)
    # A browse without any news from a gateway that is there.
    browse_stalled_after: timedelta = timedelta(minutes=5)
    # Samples of a deleted tag may still be in a buffer that is being sent.
    retire_at_latest_after: timedelta = timedelta(days=7)
