"""What runs apps: one interface, however they are run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from dualspan_manifest import Manifest
from dualspan_marketplace.subscriptions.model import SubscriptionName


class CannotStartError(Exception):
    """An instance cannot be started: the message says what is wrong and what to do."""


class UnreachableError(Exception):
    """Who runs the apps does not answer; later it may."""


@dataclass(frozen=True, slots=True)
class Given:
    """A file that an app is given; `DUALSPAN_APP_<variable>` says where it is.

    Attributes:
        variable: Such as `TOKEN_FILE`.
        file: Its name, without a folder.
        content: What is in it.
    """

    variable: str
    file: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Orders:
    """All that is needed to start an app.

    Attributes:
        name: Of the subscription.
        generation: Of the subscription.
        publisher: The tenant whose app it is.
        manifest: What to run, and within which limits.
        environment: Variables without the prefix `DUALSPAN_APP_`, such as HISTORIAN.
        files: What it is given as files; secrets are nowhere else.
        is_watched: A way out is there, where apps have any, though it declares no host: what it asks for is seen.
    """

    name: SubscriptionName
    generation: int
    publisher: str
    manifest: Manifest
    environment: Mapping[str, str]
    files: Sequence[Given]
    is_watched: bool = False

    @property
    def leads_out(self) -> bool:
        """A way out belongs to it."""
        return bool(self.manifest.egress) or self.is_watched


@dataclass(frozen=True, slots=True)
class Found:
    """An instance as it is found.

    Attributes:
        handle: What its provisioner knows it by.
        generation: Of the subscription when it was started.
        started: When.
        alive: It runs.
        altered: It is not as it was made.
        address: host:port of its health endpoint as the platform reaches it.
        words: Its last ones, where it ended.
    """

    handle: str
    generation: int
    started: datetime
    alive: bool
    altered: bool = False
    address: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """All that is there of a subscription.

    Attributes:
        instances: What runs, or has ended.
        remains: Anything is there at all.
        lacks: What an instance needs around it and has not, and `ensure` puts right; "" if nothing.
    """

    instances: tuple[Found, ...] = ()
    remains: bool = False
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A way out that an app asked for and did not get.

    Attributes:
        host: As the app wrote it, 255 printable characters at the most.
        port: 0 where it named none.
        why: In words.
        time: When.
        code: The same in a stable word; empty if it is not known.
    """

    host: str
    port: int
    why: str
    time: datetime
    code: str = ""


@runtime_checkable
class Guarding(Protocol):
    """A provisioner whose apps ask for every way out, and which knows what they did not get."""

    async def refused(self, name: SubscriptionName) -> Sequence[Refused]:
        """The latest of a subscription's, the oldest first, while what refused them is there."""
        ...


@runtime_checkable
class Listening(Protocol):
    """A provisioner that hears what an app writes to its log while it runs."""

    async def last_words(self, name: SubscriptionName) -> str:
        """The end of the log of what is there of a subscription, 2000 characters at the most; "" without any."""
        ...


class Provisioner(Protocol):
    """Runs apps. Every method may be called twice, and after a crash within any of them.

    All raise UnreachableError.
    """

    @property
    def kind(self) -> str:
        """`process`, `docker` or `helm`."""
        ...

    def refuses(self, manifest: Manifest, publisher: str) -> str:
        """Why an app cannot be run here; "" if it can."""
        ...

    async def prepare(self, manifest: Manifest) -> None:
        """Fetch what a start needs and takes long to get; raises CannotStartError."""
        ...

    async def ensure(self, orders: Orders) -> None:
        """Start an instance if there is none, and put right what it lacks; raises CannotStartError.

        There are never two.
        """
        ...

    async def deliver(self, orders: Orders) -> None:
        """Write the files of a running instance anew."""
        ...

    async def observe(self, name: SubscriptionName) -> Holding:
        """All that is there of a subscription."""
        ...

    async def remove(self, name: SubscriptionName) -> None:
        """Remove all of a subscription; nothing of it is there afterwards."""
        ...

    async def subscriptions(self) -> Sequence[SubscriptionName]:
        """The subscriptions that anything is there of."""
        ...
