"""Networks of subscriptions, and who else is in them."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from docker.errors import APIError, NotFound  # pyright: ignore[reportMissingTypeStubs]
from docker.types import IPAMConfig, IPAMPool  # pyright: ignore[reportMissingTypeStubs]

from dualspan_marketplace.deployments.docker import options
from dualspan_marketplace.deployments.docker.options import Names
from dualspan_marketplace.deployments.docker.repeating import if_there, unless_there
from dualspan_marketplace.deployments.provisioner import CannotStartError

# Of networks that overlap with somebody else's.
_TRIES = 20
# What is known of peers is good for so long: they are the same for all subscriptions that are looked at.
_PEERS_SECONDS = 1.0


class Networks:
    """Those of one platform's subscriptions.

    Args:
        client: Gives the engine's client.
        pool: Address space that they are cut from.
        peers: Containers of the platform that each of an app's has, by the name that apps know them by.
    """

    def __init__(self, client: Callable[[], Any], pool: str, peers: Mapping[str, str]) -> None:
        self._client = client
        self._pool = pool
        self._peers = dict(peers)
        self._lock = threading.Lock()
        self._known: tuple[float, Mapping[str, Mapping[str, Any]]] = (0.0, {})

    def ensure(self, names: Names) -> None:
        """The app's own, with its peers; raises CannotStartError, NotFound: a peer is not there."""
        network = self._ensure(names, names.key, options.inside(among_peers=bool(self._peers)))
        for alias, container in self._peers.items():
            joined = self._joined(container)
            if joined is None:
                raise CannotStartError(f"{container}, a container of the platform that apps reach, is not there.")
            self.join(network, container, alias, joined)
        with self._lock:
            # Who looks after this sees what was done.
            self._known = (0.0, {})

    def ensure_outside(self, names: Names) -> None:
        """The way out of the one that stands between an app and the internet; raises CannotStartError."""
        self._ensure(names, names.outside, options.outside())

    def join(self, network: Any, container: str, alias: str, joined: Mapping[str, Any]) -> None:
        """Have a container in a network by a name, unless it is.

        Args:
            network: Of the engine's client.
            container: Its name or id.
            alias: That others in the network know it by.
            joined: The networks that it is in, as the engine tells of them.
        """
        there = joined.get(network.name)
        if there is not None and not _is_in(there, network.id, alias):
            if_there(lambda: _left(network, container))
            there = None
        if there is None:
            unless_there(lambda: network.connect(container, aliases=[alias]))

    def lacks(self, names: Names, network: Any) -> str:
        """What is missing in an app's network, and `ensure` puts there."""
        for alias, joined in self._peers_joined().items():
            there = joined.get(names.key)
            if there is None or not _is_in(there, network.id, alias):
                return f"{alias} was not in its network"
        return ""

    def found(self, names: Names) -> list[Any]:
        """All of a subscription."""
        return self._client().networks.list(filters=options.labelled(names))

    def remove(self, names: Names) -> None:
        """All of a subscription, whoever is in them."""
        for network in self.found(names):
            network.reload()
            for each in network.attrs.get("Containers") or {}:
                if_there(lambda network=network, each=each: network.disconnect(each, force=True))
            # One that has stopped is in it still, and not told of.
            for each in self._peers.values():
                if_there(lambda network=network, each=each: _left(network, each))
            if_there(network.remove)

    def get(self, name: str, names: Names) -> Any:
        """The one network of a name; raises CannotStartError."""
        for network in self.found(names):
            if network.name == name:
                return network
        raise CannotStartError(f"Its network {name} is not there.")

    def _ensure(self, names: Names, name: str, given: Mapping[str, Any]) -> Any:
        if not any(each.name == name for each in self.found(names)):
            self._make(names, name, given)
        # The engine takes a name twice when two ask at the same moment: all keep the same one of them.
        same = [each for each in self.found(names) if each.name == name]
        network, *others = sorted(same, key=lambda each: (each.attrs["Created"], each.id))
        for each in others:
            if_there(each.remove)
        return network

    def _make(self, names: Names, name: str, given: Mapping[str, Any]) -> None:
        for subnet in itertools.islice(options.subnets(self._pool, name), _TRIES):
            kept = options.way_on(subnet) if given["internal"] else None
            try:
                self._client().networks.create(
                    name,
                    labels=names.labels("network"),
                    ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=subnet, aux_addresses=kept)]),
                    **given,
                )
            except APIError as err:
                if "overlaps" not in str(err.explanation):
                    raise
            else:
                return
        raise CannotStartError(f"There is no address space left in {self._pool} for another app's network.")

    def _peers_joined(self) -> Mapping[str, Mapping[str, Any]]:
        """By name in apps' networks, the networks of each peer that there is: one that is not is nobody's to join."""
        with self._lock:
            asked, known = self._known
            if time.monotonic() - asked > _PEERS_SECONDS:
                known = dict(self._ask_peers())
                self._known = time.monotonic(), known
            return known

    def _ask_peers(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for alias, container in self._peers.items():
            joined = self._joined(container)
            if joined is not None:
                yield alias, joined

    def _joined(self, container: str) -> Mapping[str, Any] | None:
        """The networks of a container; None if there is none of that name."""
        try:
            return self._client().api.inspect_container(container)["NetworkSettings"]["Networks"] or {}
        except NotFound:
            return None


def _is_in(joined: Mapping[str, Any], network: str, alias: str) -> bool:
    return joined.get("NetworkID") == network and alias in (joined.get("Aliases") or [])


def _left(network: Any, container: str) -> None:
    try:
        network.disconnect(container, force=True)
    except APIError as err:
        if "is not connected" not in str(err.explanation):
            raise
