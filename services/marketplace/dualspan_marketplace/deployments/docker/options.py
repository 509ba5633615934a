"""What a container of an app is made with. Pure, so that a test can hold every word of it."""

import hashlib
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dualspan_manifest import Manifest, Resources
from dualspan_marketplace.deployments.provisioner import Orders
from dualspan_marketplace.subscriptions.model import SubscriptionName

PLATFORM = "io.dualspan.platform"
TENANT = "io.dualspan.tenant"
SUBSCRIPTION = "io.dualspan.subscription"
GENERATION = "io.dualspan.generation"
PART = "io.dualspan.part"
# What it was made with: labels stay as they are whatever is done to a container by hand.
LIMITS = "io.dualspan.limits"

# Nobody of the host's, and the user of our own images.
USER = "10001:10001"
GIVEN = "/run/dualspan"
_SOCKETS = "/run/platform"
_DATA = "/tmp/dualspan-app"  # noqa: S108 - the container is the app's own
_LOG_SIZE = "5m"
_LOG_FILES = "2"
_OPEN_FILES = 1024
# Of a subscription: the app, the platform's own, the host and what addresses come to nothing.
_NETWORK_BITS = 28


@dataclass(frozen=True, slots=True)
class Names:
    """What a subscription's things are called.

    One container's name for all generations: the engine itself refuses a second one, whoever asks for it.
    """

    platform: str
    name: SubscriptionName

    @property
    def key(self) -> str:
        """Of everything: a digest, for names are longer than the engine's may be."""
        whole = f"{self.platform}/{self.name.tenant}/{self.name.subscription_id}"
        return "dualspan-" + hashlib.sha256(whole.encode()).hexdigest()[:24]

    @property
    def files(self) -> str:
        """Of the container, never started, that files are written through."""
        return f"{self.key}-files"

    def labels(self, part: str, generation: int = 0) -> dict[str, str]:
        """What everything carries."""
        marks = {PLATFORM: self.platform, TENANT: self.name.tenant, SUBSCRIPTION: self.name.subscription_id, PART: part}
        return marks | ({GENERATION: str(generation)} if generation else {})


def refusal(manifest: Manifest) -> str:
    """Why an app cannot be run as a container; "" if it can."""
    if not manifest.run.image:
        return "It comes with no image."
    if "@sha256:" not in manifest.run.image:
        return "Its image is not named by digest."
    if manifest.egress:
        hosts = ", ".join(f"{each.host}:{each.port}" for each in manifest.egress)
        return f"It wants to reach {hosts}, and containers here reach the platform only."
    return ""


def through(sockets: str) -> dict[str, str]:
    """Where an app finds the platform through a folder of Unix sockets."""
    found = {"HISTORIAN": "historian", "MARKETPLACE": "marketplace"}
    return {key: f"unix:{_SOCKETS}/{name}.sock" for key, name in found.items()} if sockets else {}


def app(orders: Orders, names: Names, sockets: str = "") -> dict[str, Any]:
    """Arguments of the container that the app is.

    Args:
        orders: What it is, and what it is given.
        names: Of its things.
        sockets: Folder of the platform's Unix sockets; "" where it has peers in its network.
    """
    told = {
        **orders.environment,
        **{each.variable: f"{GIVEN}/{each.file}" for each in orders.files},
        "HOST": "0.0.0.0",
        "PORT": str(health_port(orders.manifest)),
        "DATA": _DATA,
    }
    return {
        "image": orders.manifest.run.image,
        "name": names.key,
        "hostname": "app",
        "labels": {**names.labels("app", orders.generation), LIMITS: _limits(orders.manifest)},
        "environment": {f"DUALSPAN_APP_{key}": value for key, value in sorted(told.items())},
        "network": names.key,
        "volumes": {
            names.key: {"bind": GIVEN, "mode": "ro"},
            **({sockets: {"bind": _SOCKETS, "mode": "ro"}} if sockets else {}),
        },
        "init": True,
        "detach": True,
        # The platform asks for itself; a check of the image's own would only take its time.
        "healthcheck": {"test": ["NONE"]},
        "restart_policy": {"Name": "no"},
        "log_config": {"type": "json-file", "config": {"max-size": _LOG_SIZE, "max-file": _LOG_FILES}},
        **confinement(orders.manifest.resources),
    }


def confinement(resources: Resources) -> dict[str, Any]:
    """What keeps an app within bounds."""
    return {
        "user": USER,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "privileged": False,
        "read_only": True,
        "tmpfs": {"/tmp": f"rw,noexec,nosuid,nodev,size={resources.disk},mode=1777"},  # noqa: S108 - its own
        "mem_limit": resources.memory,
        # No more than the memory: no swap.
        "memswap_limit": resources.memory,
        "nano_cpus": resources.cpu * 1_000_000,
        "pids_limit": resources.pids,
        "ulimits": [{"Name": "nofile", "Soft": _OPEN_FILES, "Hard": _OPEN_FILES}],
        "ipc_mode": "private",
        "shm_size": "16m",
        "oom_score_adj": 500,
    }


def files(image: str, names: Names) -> dict[str, Any]:
    """Arguments of the container that is never started: the way to the files of the other, which cannot write them."""
    return {
        "image": image,
        "name": names.files,
        "labels": names.labels("files"),
        "command": ["-"],
        "network_mode": "none",
        "volumes": {names.key: {"bind": GIVEN, "mode": "rw"}},
        "user": USER,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }


def altered(attributes: Mapping[str, Any]) -> bool:
    """Whether a container is not, or no more, as it was made; its attributes are those that the engine tells."""
    host, config = attributes["HostConfig"], attributes["Config"]
    try:
        memory, cpu, pids, _ = map(int, config["Labels"][LIMITS].split())
    except (KeyError, ValueError):
        return True
    is_so: dict[str, object] = {
        "CapDrop": ["ALL"],
        "CapAdd": None,
        "SecurityOpt": ["no-new-privileges:true"],
        "Privileged": False,
        "ReadonlyRootfs": True,
        "Memory": memory,
        "MemorySwap": memory,
        "NanoCpus": cpu * 1_000_000,
        "PidsLimit": pids,
        "IpcMode": "private",
    }
    return config["User"] != USER or any((host.get(key) or None) != (value or None) for key, value in is_so.items())


def port_of(attributes: Mapping[str, Any]) -> int:
    """The port of a container's health; 0 if that cannot be told."""
    _, _, port = attributes["Config"]["Labels"].get(LIMITS, "").rpartition(" ")
    return int(port) if port.isdigit() else 0


def _limits(manifest: Manifest) -> str:
    resources = manifest.resources
    return f"{resources.memory} {resources.cpu} {resources.pids} {health_port(manifest)}"


def health_port(manifest: Manifest) -> int:
    """The port that health is asked at, which is that of the pages."""
    return manifest.port(manifest.health.port)


def bridge(*, among_peers: bool) -> dict[str, str]:
    """Options of a subscription's network.

    Args:
        among_peers: Whether those who ask the app are in its network. Else they are processes of the machine, which
            then needs an address there, and the app reaches by it whatever listens on all of the machine's addresses.
    """
    return {"com.docker.network.bridge.inhibit_ipv4": "true"} if among_peers else {}


def subnets(pool: str, key: str) -> Iterator[str]:
    """Networks of a pool, each subscription's own one first: two that collide take the next."""
    space = ipaddress.ip_network(pool)
    count = 1 << (_NETWORK_BITS - space.prefixlen)
    begin = int(hashlib.sha256(key.encode()).hexdigest(), 16) % count
    size = 1 << (space.max_prefixlen - _NETWORK_BITS)
    for at in range(count):
        first = int(space.network_address) + (begin + at) % count * size
        yield f"{ipaddress.ip_address(first)}/{_NETWORK_BITS}"
