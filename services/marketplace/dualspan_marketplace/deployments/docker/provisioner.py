"""Containers, one to a subscription, each in a network of its own."""

import asyncio
import io
import itertools
import tarfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

import docker  # pyright: ignore[reportMissingTypeStubs]
import requests
from docker.errors import (  # pyright: ignore[reportMissingTypeStubs]
    APIError,
    DockerException,
    ImageNotFound,
    NotFound,
)
from docker.types import (  # pyright: ignore[reportMissingTypeStubs]
    IPAMConfig,
    IPAMPool,
    LogConfig,
    Ulimit,
)

from dualspan_manifest import Manifest
from dualspan_marketplace.deployments.docker import options
from dualspan_marketplace.deployments.docker.options import Names
from dualspan_marketplace.deployments.docker.statistics import observed
from dualspan_marketplace.deployments.provisioner import (
    CannotStartError,
    Found,
    Given,
    Holding,
    Orders,
    UnreachableError,
)
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage.counters import Observation

T = TypeVar("T")

_CALL_SECONDS = 30
_CONFLICT = 409
# Of networks that overlap with somebody else's.
_TRIES = 20
_STOP_SECONDS = 5
_LAST_LINES = 20
_LAST_WORDS = 500


class DockerProvisioner:
    """Runs images by digest on one engine.

    Args:
        url: Of the engine's socket.
        platform: Tells this platform's things from those of others on the same engine.
        pool: Address space of the subscriptions' networks, such as 10.213.0.0/16; the engine's own holds about 30.
        peers: Containers of the platform that every such network has, by the name that apps know them by. Nothing
            else is reachable from there, and the machine itself has no address there; without peers it has one.
        environment: What differs for containers, without the prefix `DUALSPAN_APP_`: HISTORIAN and MARKETPLACE, as
            peers.
        sockets: Folder with the Unix sockets of these, which containers then have in place of peers; empty: none.
    """

    kind = "docker"

    def __init__(
        self,
        url: str,
        platform: str,
        pool: str,
        peers: Mapping[str, str],
        environment: Mapping[str, str],
        *,
        sockets: str = "",
    ) -> None:
        self._url = url
        self._platform = platform
        self._pool = pool
        self._peers = dict(peers)
        self._environment = {**environment, **options.through(sockets)}
        self._sockets = sockets

    @cached_property
    def _client(self) -> Any:
        # Asks the engine what it speaks: when it is first needed, and again as long as it does not answer.
        return docker.DockerClient(base_url=self._url, timeout=_CALL_SECONDS)

    def refuses(self, manifest: Manifest, publisher: str) -> str:
        """Why an app cannot be run here; "" if it can."""
        del publisher  # whoever's it is
        return options.refusal(manifest)

    async def prepare(self, manifest: Manifest) -> None:
        """Pull the image, if it is not there."""
        await _asked(lambda: self._pull(manifest.run.image))

    async def ensure(self, orders: Orders) -> None:
        """Network, files, container; what is there already stays."""
        await _asked(lambda: self._ensure(orders))

    async def deliver(self, orders: Orders) -> None:
        """Write the files anew."""
        names = Names(self._platform, orders.name)
        await _asked(lambda: self._give(names, orders.files))

    async def observe(self, name: SubscriptionName) -> Holding:
        """What carries the subscription's labels."""
        return await _asked(lambda: self._observe(Names(self._platform, name)))

    async def consumption(self, name: SubscriptionName) -> Sequence[Observation]:
        """What the app's containers use, as the engine counts it."""
        return await _asked(lambda: self._consumption(Names(self._platform, name)))

    async def remove(self, name: SubscriptionName) -> None:
        """Containers, network, volume."""
        await _asked(lambda: self._remove(Names(self._platform, name)))

    async def subscriptions(self) -> Sequence[SubscriptionName]:
        """Of all that carries this platform's label."""
        return await _asked(self._list)

    def _pull(self, image: str) -> None:
        if not self._present(image):
            try:
                # Bounded by the task, not by a call's time: the engine sends progress all the while.
                self._client.images.pull(image)
            except (NotFound, APIError) as err:
                raise CannotStartError(f"The image {image} cannot be pulled: {err.explanation or err}") from err

    def _present(self, image: str) -> str:
        """What the engine knows an image by; "" if it is not there.

        One that was built here and never came from a registry has no digest of one: its id is as good, the SHA-256 of
        the configuration, which names all layers by theirs.
        """
        for known in (image, "sha256:" + image.rpartition("@sha256:")[2]):
            try:
                self._client.images.get(known)
            except ImageNotFound:
                continue
            return known
        return ""

    def _ensure(self, orders: Orders) -> None:
        image = self._present(orders.manifest.run.image)
        if not image:
            raise CannotStartError(f"The image {orders.manifest.run.image} is not there.")
        names = Names(self._platform, orders.name)
        told = {**orders.environment, **self._environment}
        arguments = options.app(replace(orders, environment=told), names, self._sockets)
        arguments["image"] = image
        arguments["log_config"] = LogConfig(**arguments["log_config"])
        arguments["ulimits"] = [Ulimit(**each) for each in arguments["ulimits"]]
        try:
            # A network takes the engine as long as all the rest before the start.
            with ThreadPoolExecutor(1) as beside:
                network = beside.submit(self._ensure_network, names)
                self._client.volumes.create(names.key, labels=names.labels("volume"))
                _unless_there(lambda: self._client.containers.create(**options.files(image, names)))
                self._give(names, orders.files)
                network.result()
            _unless_there(lambda: self._client.containers.create(**arguments))
            self._client.containers.get(names.key).start()
        except ImageNotFound as err:
            raise CannotStartError(f"The image {orders.manifest.run.image} is not there.") from err
        except APIError as err:
            raise CannotStartError(f"The engine refuses to start it: {err.explanation or err}") from err

    def _ensure_network(self, names: Names) -> None:
        if not self._networks(names):
            self._new_network(names)
        # The engine takes a name twice when two ask at the same moment: all keep the same one of them.
        network, *others = sorted(self._networks(names), key=lambda each: (each.attrs["Created"], each.id))
        for each in others:
            _if_there(each.remove)
        network.reload()
        there = {each["Name"] for each in (network.attrs.get("Containers") or {}).values()}
        for alias, container in self._peers.items():
            if container not in there:
                _unless_there(lambda alias=alias, container=container: network.connect(container, aliases=[alias]))

    def _new_network(self, names: Names) -> None:
        for subnet in itertools.islice(options.subnets(self._pool, names.key), _TRIES):
            try:
                self._client.networks.create(
                    names.key,
                    driver="bridge",
                    internal=True,
                    enable_ipv6=False,
                    options=options.bridge(among_peers=bool(self._peers)),
                    labels=names.labels("network"),
                    ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)]),
                )
            except APIError as err:
                if "overlaps" not in str(err.explanation):
                    raise
            else:
                return
        raise CannotStartError(f"There is no address space left in {self._pool} for another app's network.")

    def _give(self, names: Names, files: Sequence[Given]) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for each in files:
                entry = tarfile.TarInfo(each.file)
                entry.size, entry.mode = len(each.content), 0o400
                entry.uid, entry.gid = (int(part) for part in options.USER.split(":"))
                archive.addfile(entry, io.BytesIO(each.content))
        self._client.containers.get(names.files).put_archive(options.GIVEN, packed.getvalue())

    def _observe(self, names: Names) -> Holding:
        found = self._containers(names)
        apps = [each for each in found if each.labels.get(options.PART) == "app"]
        instances = tuple(_found(each, names.key) for each in apps)
        remains = bool(found) or bool(self._networks(names)) or bool(self._volumes(names))
        return Holding(instances, remains=remains)

    def _consumption(self, names: Names) -> list[Observation]:
        apps = [each for each in self._containers(names) if each.labels.get(options.PART) == "app"]
        running = [each for each in apps if each.attrs["State"]["Running"]]
        seen = [
            observed(each.id, _time(each.attrs["State"]["StartedAt"]), datetime.now(UTC), _statistics(each))
            for each in running
        ]
        return [each for each in seen if each is not None]

    def _remove(self, names: Names) -> None:
        for each in self._containers(names):
            if each.labels.get(options.PART) == "app":
                _if_there(lambda each=each: each.stop(timeout=_STOP_SECONDS))
            _if_there(lambda each=each: each.remove(force=True, v=True))
        for network in self._networks(names):
            network.reload()
            for each in network.attrs.get("Containers") or {}:
                _if_there(lambda network=network, each=each: network.disconnect(each, force=True))
            _if_there(network.remove)
        for volume in self._volumes(names):
            _if_there(lambda volume=volume: volume.remove(force=True))

    def _list(self) -> list[SubscriptionName]:
        wanted = {"label": f"{options.PLATFORM}={self._platform}"}
        things = [
            *(each.labels for each in self._client.containers.list(all=True, filters=wanted, ignore_removed=True)),
            *(each.attrs["Labels"] for each in self._client.networks.list(filters=wanted)),
            *(each.attrs["Labels"] for each in self._client.volumes.list(filters=wanted)),
        ]
        return sorted(
            {SubscriptionName(each[options.TENANT], each[options.SUBSCRIPTION]) for each in things},
            key=lambda name: (name.tenant, name.subscription_id),
        )

    def _containers(self, names: Names) -> list[Any]:
        return self._client.containers.list(all=True, filters=_labelled(names), ignore_removed=True)

    def _networks(self, names: Names) -> list[Any]:
        return self._client.networks.list(filters=_labelled(names))

    def _volumes(self, names: Names) -> list[Any]:
        return self._client.volumes.list(filters=_labelled(names))


def _labelled(names: Names) -> dict[str, list[str]]:
    marks = names.labels("")
    return {"label": [f"{key}={marks[key]}" for key in (options.PLATFORM, options.TENANT, options.SUBSCRIPTION)]}


def _found(container: Any, network: str) -> Found:
    attributes, state = container.attrs, container.attrs["State"]
    alive = bool(state["Running"])
    networks = attributes["NetworkSettings"]["Networks"] or {}
    joined = networks.get(network) or {}
    return Found(
        handle=container.id,
        generation=int(container.labels.get(options.GENERATION, "0")),
        started=_time(state["StartedAt"] if alive else attributes["Created"]),
        alive=alive,
        altered=container.name != network or set(networks) != {network} or options.altered(attributes),
        address=f"{joined.get('IPAddress', '')}:{options.port_of(attributes)}",
        words="" if alive else _last_words(container, state),
    )


def _statistics(container: Any) -> Mapping[str, Any]:
    # One shot: else the engine takes a second for each, to show percentages.
    return container.client.api.stats(container.id, stream=False, one_shot=True)


def _last_words(container: Any, state: Mapping[str, Any]) -> str:
    if state.get("OOMKilled"):
        return "It needed more memory than its manifest asks for."
    said = container.logs(tail=_LAST_LINES).decode("utf-8", "replace").strip()
    return said[-_LAST_WORDS:] or state.get("Error", "") or f"It ended with {state.get('ExitCode')}."


def _time(text: str) -> datetime:
    # Nanoseconds, which datetime does not take.
    return datetime.fromisoformat(text.rstrip("Z")[:26]).replace(tzinfo=UTC)


def _unless_there(make: Callable[[], object]) -> None:
    try:
        make()
    except APIError as err:
        if err.status_code != _CONFLICT and "already exists" not in str(err.explanation):
            raise


def _if_there(end: Callable[[], object]) -> None:
    try:
        end()
    except NotFound:
        return


async def _asked(question: Callable[[], T]) -> T:
    """What the engine says, asked beside the event loop."""
    try:
        return await asyncio.to_thread(question)
    except (DockerException, requests.RequestException) as err:
        raise UnreachableError(f"The Docker Engine does not do as it is told: {err}") from err
