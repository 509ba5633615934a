"""Containers, one to a subscription, each in a network of its own."""

import asyncio
import io
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

from dualspan_manifest import Manifest
from dualspan_marketplace.deployments.docker import egress, options
from dualspan_marketplace.deployments.docker.egress import Egress
from dualspan_marketplace.deployments.docker.images import Images
from dualspan_marketplace.deployments.docker.networks import Networks
from dualspan_marketplace.deployments.docker.options import Names, Outward
from dualspan_marketplace.deployments.docker.refusals import refusals
from dualspan_marketplace.deployments.docker.repeating import if_there, unless_there
from dualspan_marketplace.deployments.docker.statistics import observed
from dualspan_marketplace.deployments.provisioner import (
    CannotStartError,
    Found,
    Given,
    Holding,
    Orders,
    Refused,
    UnreachableError,
)
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage.counters import Observation

T = TypeVar("T")

_CALL_SECONDS = 30
# Requests to the engine at a time; images that are on their way have threads of their own.
_REQUESTS = 16
_PULLS = 8
_STOP_SECONDS = 5
_LAST_LINES = 20
_LAST_WORDS = 500
_LOG_END = 2000
_REFUSALS = 200


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
        outward: How apps reach the hosts that they declare.
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
        outward: Outward | None = None,
    ) -> None:
        self._url = url
        self._platform = platform
        self._outward = outward or Outward()
        self._images = Images(self._engine)
        self._networks = Networks(self._engine, pool, peers)
        self._egress = Egress(self._engine, self._images, self._networks, self._outward)
        self._requests = ThreadPoolExecutor(_REQUESTS, thread_name_prefix="engine")
        self._pulls = ThreadPoolExecutor(_PULLS, thread_name_prefix="pull")
        self._environment = {**environment, **options.through(sockets)}
        self._sockets = sockets

    @cached_property
    def _client(self) -> Any:
        # Asks the engine what it speaks: when it is first needed, and again as long as it does not answer.
        return docker.DockerClient(base_url=self._url, timeout=_CALL_SECONDS, max_pool_size=_REQUESTS + _PULLS)

    def _engine(self) -> Any:
        return self._client

    def refuses(self, manifest: Manifest, publisher: str) -> str:
        """Why an app cannot be run here; "" if it can."""
        del publisher  # whoever's it is
        return options.refusal(manifest, self._outward)

    async def prepare(self, manifest: Manifest) -> None:
        """Pull the image, if it is not there."""
        await _asked(self._pulls, lambda: self._images.pull(manifest.run.image))

    async def ensure(self, orders: Orders) -> None:
        """Network, way out, files, container; what is there already stays."""
        await _asked(self._requests, lambda: self._ensure(orders))

    async def deliver(self, orders: Orders) -> None:
        """Write the files anew."""
        names = Names(self._platform, orders.name)
        await _asked(self._requests, lambda: self._give(names, orders.files))

    async def observe(self, name: SubscriptionName) -> Holding:
        """What carries the subscription's labels."""
        return await _asked(self._requests, lambda: self._observe(Names(self._platform, name)))

    async def consumption(self, name: SubscriptionName) -> Sequence[Observation]:
        """What the app's containers use, as the engine counts it."""
        return await _asked(self._requests, lambda: self._consumption(Names(self._platform, name)))

    async def last_words(self, name: SubscriptionName) -> str:
        """The end of its containers' logs."""
        return await _asked(self._requests, lambda: self._said(Names(self._platform, name)))

    async def refused(self, name: SubscriptionName) -> Sequence[Refused]:
        """As the container between it and the hosts that it declares has told."""
        return await _asked(self._requests, lambda: self._refused(Names(self._platform, name)))

    async def remove(self, name: SubscriptionName) -> None:
        """Containers, network, volume."""
        await _asked(self._requests, lambda: self._remove(Names(self._platform, name)))

    async def subscriptions(self) -> Sequence[SubscriptionName]:
        """Of all that carries this platform's label."""
        return await _asked(self._requests, self._list)

    def _ensure(self, orders: Orders) -> None:
        image = self._images.present(orders.manifest.run.image)
        if not image:
            raise CannotStartError(f"The image {orders.manifest.run.image} is not there.")
        names = Names(self._platform, orders.name)
        told = replace(
            orders,
            environment={**orders.environment, **self._environment},
            is_watched=orders.is_watched and bool(self._outward.image),
        )
        arguments = options.app(told, names, self._sockets, self._images.volumes(image))
        arguments = options.for_engine(self._images.sealed({**arguments, "image": image}))
        try:
            # A network takes the engine as long as all the rest before the start.
            with ThreadPoolExecutor(1) as beside:
                surroundings = beside.submit(self._ensure_surroundings, told, names)
                self._client.volumes.create(names.key, labels=names.labels("volume"))
                unless_there(lambda: self._client.containers.create(**options.files(image, names)))
                self._give(names, orders.files)
                surroundings.result()
            unless_there(lambda: self._client.containers.create(**arguments))
            self._client.containers.get(names.key).start()
        except ImageNotFound as err:
            raise CannotStartError(f"The image {orders.manifest.run.image} is not there.") from err
        except APIError as err:
            raise CannotStartError(f"The engine refuses to start it: {err.explanation or err}") from err

    def _ensure_surroundings(self, orders: Orders, names: Names) -> None:
        self._networks.ensure(names)
        if orders.leads_out:
            self._egress.ensure(orders, names)

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
        found, networks = self._containers(names), self._networks.found(names)
        apps = [each for each in found if each.labels.get(options.PART) == "app"]
        own = [each for each in networks if each.name == names.key]
        instances = tuple(_found(each, names.key, is_sealed=self._is_sealed(own)) for each in apps)
        remains = bool(found) or bool(networks) or bool(self._volumes(names))
        return Holding(instances, remains, self._lacks(names, found, own) if instances else "")

    @staticmethod
    def _is_sealed(own: Sequence[Any]) -> bool:
        return len(own) == 1 and options.is_inside(own[0].attrs)

    def _lacks(self, names: Names, found: list[Any], own: Sequence[Any]) -> str:
        app = next(each for each in found if each.labels.get(options.PART) == "app")
        if all(each.name != names.files for each in found):
            return "the way to its files was not there"
        if options.has_egress(app.attrs):
            words = egress.lacks(found, names)
            if words:
                return words
        return self._networks.lacks(names, own[0]) if own else ""

    def _consumption(self, names: Names) -> list[Observation]:
        apps = [each for each in self._containers(names) if each.labels.get(options.PART) == "app"]
        running = [each for each in apps if each.attrs["State"]["Running"]]
        seen = [
            observed(each.id, _time(each.attrs["State"]["StartedAt"]), datetime.now(UTC), _statistics(each))
            for each in running
        ]
        return [each for each in seen if each is not None]

    def _said(self, names: Names) -> str:
        apps = [each for each in self._containers(names) if each.labels.get(options.PART) == "app"]
        logs = (each.logs(tail=_LAST_LINES).decode("utf-8", "replace").strip() for each in apps)
        return "\n".join(logs)[-_LOG_END:]

    def _refused(self, names: Names) -> list[Refused]:
        try:
            way = self._client.containers.get(names.egress)
        except NotFound:
            return []
        return list(refusals(way.logs(tail=_REFUSALS)))

    def _remove(self, names: Names) -> None:
        for each in self._containers(names):
            if each.labels.get(options.PART) == "app":
                if_there(lambda each=each: each.stop(timeout=_STOP_SECONDS))
            if_there(lambda each=each: each.remove(force=True, v=True))
        self._networks.remove(names)
        for volume in self._volumes(names):
            if_there(lambda volume=volume: volume.remove(force=True))

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
        return self._client.containers.list(all=True, filters=options.labelled(names), ignore_removed=True)

    def _volumes(self, names: Names) -> list[Any]:
        return self._client.volumes.list(filters=options.labelled(names))


def _found(container: Any, network: str, *, is_sealed: bool) -> Found:
    attributes, state = container.attrs, container.attrs["State"]
    alive = bool(state["Running"])
    networks = attributes["NetworkSettings"]["Networks"] or {}
    joined = networks.get(network) or {}
    return Found(
        handle=container.id,
        generation=int(container.labels.get(options.GENERATION, "0")),
        started=_time(state["StartedAt"] if alive else attributes["Created"]),
        alive=alive,
        altered=not is_sealed
        or container.name != network
        or set(networks) != {network}
        or options.altered(attributes, network),
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


async def _asked(threads: ThreadPoolExecutor, question: Callable[[], T]) -> T:
    """What the engine says, asked beside the event loop."""
    try:
        return await asyncio.get_running_loop().run_in_executor(threads, question)
    except (DockerException, requests.RequestException) as err:
        raise UnreachableError(f"The Docker Engine does not do as it is told: {err}") from err
