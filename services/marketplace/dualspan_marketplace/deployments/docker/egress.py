"""The way out of an app that declares hosts: a container between its network and one that leads to the internet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dualspan_marketplace.deployments.docker import options
from dualspan_marketplace.deployments.docker.images import Images
from dualspan_marketplace.deployments.docker.networks import Networks
from dualspan_marketplace.deployments.docker.options import Names, Outward
from dualspan_marketplace.deployments.docker.repeating import unless_there
from dualspan_marketplace.deployments.provisioner import CannotStartError, Orders


@dataclass(frozen=True, slots=True)
class Egress:
    """Makes them.

    Attributes:
        client: Gives the engine's client.
        images: Of the engine.
        networks: Of subscriptions.
        outward: What they are made with.
    """

    client: Callable[[], Any]
    images: Images
    networks: Networks
    outward: Outward

    def ensure(self, orders: Orders, names: Names) -> None:
        """Have it run; one that is not as it was made is made anew. The app's own network is there.

        Raises:
            CannotStartError: Its image is not there.
        """
        image = self.images.identity(self.outward.image)
        if not image:
            raise CannotStartError(f"The image {self.outward.image}, through which apps reach hosts, is not there.")
        self.networks.ensure_outside(names)
        found = self._found(names)
        if found is not None and not _is_as_made(found, names):
            found.remove(force=True, v=True)
        made_with = options.egress(image, orders, names, self.outward, self.images.volumes(image))
        arguments = options.for_engine(self.images.sealed(made_with))
        unless_there(lambda: self.client().containers.create(**arguments))
        made = self.client().containers.get(names.egress)
        network = self.networks.get(names.key, names)
        self.networks.join(network, made.id, options.EGRESS_NAME, made.attrs["NetworkSettings"]["Networks"])
        made.start()

    def _found(self, names: Names) -> Any | None:
        containers = self.client().containers.list(all=True, filters=options.labelled(names), ignore_removed=True)
        return next((each for each in containers if each.name == names.egress), None)


def lacks(containers: list[Any], names: Names) -> str:
    """What is wrong with the one that is there, or missing; "" if all is well."""
    found = next((each for each in containers if each.name == names.egress), None)
    if found is None:
        return "its way out was not there"
    if not found.attrs["State"]["Running"]:
        return "its way out had ended"
    if not _is_as_made(found, names):
        return "its way out was changed by hand"
    return "" if names.key in _joined(found) else "its way out was not in its network"


def _is_as_made(container: Any, names: Names) -> bool:
    is_elsewhere = not {names.outside} <= set(_joined(container)) <= {names.key, names.outside}
    return not is_elsewhere and not options.altered(container.attrs, names.outside)


def _joined(container: Any) -> Mapping[str, Any]:
    return container.attrs["NetworkSettings"]["Networks"] or {}
