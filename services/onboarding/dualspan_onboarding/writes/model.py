"""Guards and write commands: what they are, and how a command goes from one state to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Self, TypeAlias

from dualspan_onboarding.names import GatewayName, ServerName, TagName, UuidName
from dualspan_runtime.names import ResourceName

_GUARD = ResourceName("tenants/{tenant}/writeGuards/{write_guard}")

Scalar: TypeAlias = Decimal | bool | str | bytes
"""A value for a machine, exact."""


@dataclass(frozen=True, slots=True)
class GuardName:
    """`tenants/{tenant}/writeGuards/{write_guard}`."""

    tenant: str
    guard: str

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name; raises InvalidArgument `MALFORMED_NAME`."""
        parts = _GUARD.parse(name)
        return cls(parts["tenant"], parts["write_guard"])

    def __str__(self) -> str:
        return _GUARD.format(tenant=self.tenant, write_guard=self.guard)


@dataclass(frozen=True, slots=True)
class WriteCommandName(UuidName):
    """`tenants/{tenant}/writeCommands/{write_command}`."""

    pattern = ResourceName("tenants/{tenant}/writeCommands/{write_command}")


class WriteState(IntEnum):
    """How a command stands; the numbers of the contract."""

    PENDING_APPROVAL = 1
    QUEUED = 2
    SUCCEEDED = 3
    FAILED = 4
    MISMATCHED = 5
    UNKNOWN = 6
    REJECTED = 7
    CANCELLED = 8
    EXPIRED = 9


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value may be; None and empty do not limit."""

    minimum: Decimal | None = None
    maximum: Decimal | None = None
    allowed: tuple[Scalar, ...] = ()
    maximum_step: Decimal | None = None


@dataclass(frozen=True, slots=True)
class MachineMode:
    """The tag that has the machine's mode, and what it must be one of."""

    tag: TagName
    allowed: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class MethodTarget:
    """A method of an object; NodeIds with their namespace as URI."""

    server: ServerName
    object_id: str
    method_id: str


Target: TypeAlias = TagName | MethodTarget


@dataclass(frozen=True, slots=True)
class GuardRules:
    """What a guard asks for.

    Attributes:
        limits: Of a tag's value.
        argument_limits: Of a method's arguments, in order.
        mode: The mode that the machine must be in; None if any will do.
        tolerance: By how much the value that is read back may differ.
    """

    limits: Limits = Limits()
    argument_limits: tuple[Limits, ...] = ()
    mode: MachineMode | None = None
    tolerance: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Guard:
    """What may be written to one tag, or when one method may be called.

    Attributes:
        name: Its name.
        target: What it guards.
        enabled: Something may pass.
        needs_approval: A second person must agree each time.
        lifetime: How long a command may take until it is executed.
        rules: What a command must keep to.
        server: The target's server, as it was when the guard was made; None before it is stored.
        updated_at: When it was last changed; None before it is stored.
        updater: Who changed it last.
    """

    name: GuardName
    target: Target
    enabled: bool
    needs_approval: bool
    lifetime: timedelta
    rules: GuardRules
    server: ServerName | None = None
    updated_at: datetime | None = None
    updater: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done: a value for a tag, or arguments for a method."""

    value: Scalar | None = None
    arguments: tuple[Scalar, ...] | None = None


@dataclass(frozen=True, slots=True)
class WriteCommand:
    """One write or call that somebody asked for, with what came of it.

    Attributes:
        name: Its name.
        guard: The guard that it passed.
        server: Of the target.
        request_id: The caller's; the same one is never a second command.
        work: What to do.
        reason: Why, in the requester's words.
        state: How it stands.
        requester: Who asked.
        created_at: When.
        expire_at: Not begun after this.
        decider: Who approved, rejected or cancelled.
        decided_at: When.
        comment: What they said.
        detail: What is wrong, if something is.
        operation_name: Of the gateway's work.
        outcome: What the gateway said, serialized dualspan.onboarding.v1.WriteOutcome; None if it said nothing.
        ended_at: When it ended.
    """

    name: WriteCommandName
    guard: GuardName
    server: ServerName
    request_id: str
    work: Work
    reason: str
    state: WriteState
    requester: str
    created_at: datetime
    expire_at: datetime
    decider: str = ""
    decided_at: datetime | None = None
    comment: str = ""
    detail: str = ""
    operation_name: str = ""
    outcome: bytes | None = None
    ended_at: datetime | None = None

    @property
    def gateway(self) -> GatewayName:
        """Who carries it out."""
        return self.server.parent

    @property
    def ended(self) -> bool:
        """Nothing more will become of it."""
        return self.state not in {WriteState.PENDING_APPROVAL, WriteState.QUEUED}


@dataclass(frozen=True, slots=True)
class CommandQuery:
    """Which commands are wanted; None is all."""

    state: WriteState | None = None
    guard: GuardName | None = None


def shown(values: Sequence[Scalar]) -> str:
    """Values as people and the audit log read them."""
    return ", ".join(value.hex() if isinstance(value, bytes) else str(value) for value in values)[:500]
