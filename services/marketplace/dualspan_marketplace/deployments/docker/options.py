"""What a container of an app is made with. Pure, so that a test can hold every word of it."""

import hashlib
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docker.types import LogConfig, Ulimit  # pyright: ignore[reportMissingTypeStubs]

from dualspan_manifest import Manifest, Resources
from dualspan_marketplace.deployments.docker import seal
from dualspan_marketplace.deployments.provisioner import Orders
from dualspan_marketplace.subscriptions.model import SubscriptionName

PLATFORM = "io.dualspan.platform"
TENANT = "io.dualspan.tenant"
SUBSCRIPTION = "io.dualspan.subscription"
GENERATION = "io.dualspan.generation"
PART = "io.dualspan.part"
# Whether an app has a way out: written always, as an image may have labels, too.
EGRESS = "io.dualspan.egress"
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
_SHARED_MEMORY = 16 << 20
_ENDED_FIRST = 500
# What is no container of its network has no name: the engine asks no server of the machine's for an app, but this
# address of the app's own, where nobody answers (engines before 23.0.11 pass on questions else, CVE-2024-29018).
_NO_NAMES = "127.0.0.1"
_NAMES_QUICKLY = ("timeout:1", "attempts:1")
# What apps that declare hosts know their way out by.
EGRESS_NAME = "egress"
_EGRESS_PORT = 3128
_APP = "app"
_YES, _NO = "yes", "no"
_EGRESS_RESOURCES = Resources(cpu=250, memory=64 << 20, pids=32, disk=1 << 20)
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
    def outside(self) -> str:
        """Of the network that leads to the internet, for the container in between alone."""
        return f"{self.key}-out"

    @property
    def egress(self) -> str:
        """Of the container between an app that declares hosts and the internet."""
        return f"{self.key}-egress"

    @property
    def files(self) -> str:
        """Of the container, never started, that files are written through."""
        return f"{self.key}-files"

    def labels(self, part: str, generation: int = 0) -> dict[str, str]:
        """What everything carries."""
        marks = {PLATFORM: self.platform, TENANT: self.name.tenant, SUBSCRIPTION: self.name.subscription_id, PART: part}
        return marks | ({GENERATION: str(generation)} if generation else {})


@dataclass(frozen=True, slots=True)
class Outward:
    """How apps reach the hosts that they declare.

    Attributes:
        image: Of the container in between, by a name that the engine knows; "": they reach none.
        private: Networks that are not the internet's and that declared names may lead to, with commas.
        denied: Networks that no name leads to, with commas.
    """

    image: str = ""
    private: str = ""
    denied: str = ""


def labelled(names: Names) -> dict[str, list[str]]:
    """A filter of the engine's for everything of a subscription."""
    marks = names.labels("")
    return {"label": [f"{key}={marks[key]}" for key in (PLATFORM, TENANT, SUBSCRIPTION)]}


def refusal(manifest: Manifest, outward: Outward) -> str:
    """Why an app cannot be run as a container; "" if it can."""
    if not manifest.run.image:
        return "It comes with no image."
    if "@sha256:" not in manifest.run.image:
        return "Its image is not named by digest."
    if manifest.egress and not outward.image:
        words = "and containers here reach the platform only: DUALSPAN_MARKETPLACE_DOCKER_EGRESS_IMAGE is not set."
        return f"It wants to reach {_hosts(manifest)}, {words}"
    return ""


def through(sockets: str) -> dict[str, str]:
    """Where an app finds the platform through a folder of Unix sockets."""
    found = {"HISTORIAN": "historian", "MARKETPLACE": "marketplace"}
    return {key: f"unix:{_SOCKETS}/{name}.sock" for key, name in found.items()} if sockets else {}


def app(orders: Orders, names: Names, sockets: str = "", volumes: Sequence[str] = ()) -> dict[str, Any]:
    """Arguments of the container that the app is.

    Args:
        orders: What it is, and what it is given.
        names: Of its things.
        sockets: Folder of the platform's Unix sockets; "" where it has peers in its network.
        volumes: Folders that its image wants to be volumes: they are temporary files, as few as the others.
    """
    told = {
        **orders.environment,
        **{each.variable: f"{GIVEN}/{each.file}" for each in orders.files},
        "HOST": "0.0.0.0",
        "PORT": str(health_port(orders.manifest)),
        "DATA": _DATA,
    }
    limits = _limits(orders.manifest.resources, health_port(orders.manifest))
    return {
        "image": orders.manifest.run.image,
        "name": names.key,
        "hostname": "app",
        "labels": {
            **names.labels(_APP, orders.generation),
            LIMITS: limits,
            EGRESS: _YES if orders.leads_out else _NO,
        },
        "environment": {
            **{f"DUALSPAN_APP_{key}": value for key, value in sorted(told.items())},
            **(_way_out(told) if orders.leads_out else {}),
        },
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
        **confinement(orders.manifest.resources, [each for each in volumes if not _is_given(each, sockets)]),
    }


def egress(image: str, orders: Orders, names: Names, outward: Outward, volumes: Sequence[str] = ()) -> dict[str, Any]:
    """Arguments of the container that opens ways to declared hosts; `volumes` as in `app`."""
    settings = {
        "HOSTS": _hosts(orders.manifest),
        "PRIVATE": outward.private,
        "DENIED": outward.denied,
        "LISTEN": f"0.0.0.0:{_EGRESS_PORT}",
    }
    confined = confinement(_EGRESS_RESOURCES, volumes)
    # It is the one that asks for names.
    for each in ("dns", "dns_opt"):
        confined.pop(each)
    return {
        "image": image,
        "name": names.egress,
        "hostname": EGRESS_NAME,
        "labels": {**names.labels("egress", orders.generation), LIMITS: _limits(_EGRESS_RESOURCES, _EGRESS_PORT)},
        "environment": {f"DUALSPAN_EGRESS_{key}": value for key, value in settings.items()},
        "network": names.outside,
        "init": True,
        "detach": True,
        "healthcheck": {"test": ["NONE"]},
        "restart_policy": {"Name": "no"},
        "log_config": {"type": "json-file", "config": {"max-size": _LOG_SIZE, "max-file": _LOG_FILES}},
        **confined,
    }


def for_engine(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with the classes that the engine's client wants."""
    made = dict(arguments)
    made["log_config"] = LogConfig(**made["log_config"])
    made["ulimits"] = [Ulimit(**each) for each in made["ulimits"]]
    return made


def _hosts(manifest: Manifest) -> str:
    return ",".join(f"{each.host}:{each.port}" for each in manifest.egress)


def _way_out(told: Mapping[str, str]) -> dict[str, str]:
    """Variables that clients of HTTP know; the platform itself is reached without it."""
    proxy = f"http://{EGRESS_NAME}:{_EGRESS_PORT}"
    hosts = {told[key].rpartition(":")[0] for key in ("HISTORIAN", "MARKETPLACE") if key in told}
    near = ",".join(sorted({"localhost", "127.0.0.1", *(each for each in hosts if each and each != "unix")}))
    return {"HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": near, "no_proxy": near}


def _is_given(folder: str, sockets: str) -> bool:
    return folder.rstrip("/") in {GIVEN, "/tmp", *([_SOCKETS] if sockets else [])}  # noqa: S108 - its own


def _temporary(resources: Resources) -> str:
    return f"rw,noexec,nosuid,nodev,size={resources.disk},mode=1777"


def confinement(resources: Resources, volumes: Sequence[str] = ()) -> dict[str, Any]:
    """What keeps an app within bounds."""
    return {
        "user": USER,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "privileged": False,
        "read_only": True,
        "tmpfs": dict.fromkeys(["/tmp", *volumes], _temporary(resources)),  # noqa: S108 - its own
        "mem_limit": resources.memory,
        # No more than the memory: no swap.
        "memswap_limit": resources.memory,
        "nano_cpus": resources.cpu * 1_000_000,
        "pids_limit": resources.pids,
        "ulimits": [
            {"Name": "nofile", "Soft": _OPEN_FILES, "Hard": _OPEN_FILES},
            # What an app was is not written to the machine's disk.
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
        "ipc_mode": "private",
        "shm_size": _SHARED_MEMORY,
        "oom_score_adj": _ENDED_FIRST,
        "dns": [_NO_NAMES],
        "dns_opt": list(_NAMES_QUICKLY),
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


def altered(attributes: Mapping[str, Any], network: str) -> bool:
    """Whether a container is not, or no more, as it was made.

    Args:
        attributes: Those that the engine tells.
        network: That it was made in.
    """
    host, config = attributes["HostConfig"], attributes["Config"]
    try:
        cpu, memory, pids, disk, _ = map(int, config["Labels"][LIMITS].split())
    except (KeyError, ValueError):
        return True
    resources = Resources(cpu, memory, pids, disk)
    temporary = host.get("Tmpfs") or {}
    so = all((host.get(key) or None) == (value or None) for key, value in _as_made(resources, network).items())
    is_temporary = "/tmp" in temporary and set(temporary.values()) == {_temporary(resources)}  # noqa: S108 - its own
    limits = {(each["Name"], each["Soft"], each["Hard"]) for each in host.get("Ulimits") or ()}
    is_limited = limits == {("nofile", _OPEN_FILES, _OPEN_FILES), ("core", 0, 0)}
    names = (host.get("Dns") or [], host.get("DnsOptions") or [])
    is_nameless = names == (([_NO_NAMES], [*_NAMES_QUICKLY]) if config["Labels"].get(PART) == _APP else ([], []))
    is_confined = so and is_temporary and is_limited and is_nameless and config["User"] == USER
    return not (is_confined and seal.is_whole(attributes))


def _as_made(resources: Resources, network: str) -> dict[str, object]:
    """What the engine tells of a container's confinement, where it is the same for all of them."""
    log = {"Type": "json-file", "Config": {"max-size": _LOG_SIZE, "max-file": _LOG_FILES}}
    nothing = ("CapAdd", "Devices", "DeviceRequests", "ExtraHosts", "GroupAdd", "Links", "VolumesFrom", "CgroupParent")
    own = ("PidMode", "UTSMode", "UsernsMode", "PortBindings", "PublishAllPorts", "Privileged", "OomKillDisable")
    more = ("Mounts", "Sysctls", "DeviceCgroupRules", "DnsSearch", "StorageOpt", "AutoRemove")
    return {
        **dict.fromkeys((*nothing, *own, *more)),
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "ReadonlyRootfs": True,
        "Memory": resources.memory,
        "MemorySwap": resources.memory,
        "NanoCpus": resources.cpu * 1_000_000,
        "PidsLimit": resources.pids,
        "IpcMode": "private",
        "ShmSize": _SHARED_MEMORY,
        "OomScoreAdj": _ENDED_FIRST,
        "NetworkMode": network,
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "LogConfig": log,
        "Init": True,
    }


def has_egress(attributes: Mapping[str, Any]) -> bool:
    """Whether an app's container was made with a way out."""
    return attributes["Config"]["Labels"].get(EGRESS) == _YES


def port_of(attributes: Mapping[str, Any]) -> int:
    """The port of a container's health; 0 if that cannot be told."""
    _, _, port = attributes["Config"]["Labels"].get(LIMITS, "").rpartition(" ")
    return int(port) if port.isdigit() else 0


def _limits(resources: Resources, port: int) -> str:
    return f"{resources.cpu} {resources.memory} {resources.pids} {resources.disk} {port}"


def health_port(manifest: Manifest) -> int:
    """The port that health is asked at, which is that of the pages."""
    return manifest.port(manifest.health.port)


def inside(*, among_peers: bool) -> dict[str, Any]:
    """Arguments of an app's own network, which leads nowhere.

    Args:
        among_peers: Whether those who ask the app are in its network. Else they are processes of the machine, which
            then needs an address there, and the app reaches by it whatever listens on all of the machine's addresses;
            what listens on others of these only it does not reach, as there is no `way_on`.
    """
    given = {"com.docker.network.bridge.inhibit_ipv4": "true"} if among_peers else {}
    return {"driver": "bridge", "internal": True, "enable_ipv6": False, "options": given}


def way_on(subnet: str) -> dict[str, str]:
    """What the engine shall tell containers to send to what is not in their own network: an address that nobody has.

    Engines of before 28 name the machine, where it has an address, and that takes what is for any other of its own.
    """
    return {"DefaultGatewayIPv4": str(ipaddress.ip_network(subnet)[-2])}


def outside() -> dict[str, Any]:
    """Arguments of a network that leads out."""
    return {"driver": "bridge", "internal": False, "enable_ipv6": False, "options": {}}


def is_inside(network: Mapping[str, Any]) -> bool:
    """Whether a network, as the engine tells of it, leads nowhere."""
    return network["Driver"] == "bridge" and network["Internal"] is True and not network["EnableIPv6"]


def subnets(pool: str, key: str) -> Iterator[str]:
    """Networks of a pool, each subscription's own one first: two that collide take the next."""
    space = ipaddress.ip_network(pool)
    count = 1 << (_NETWORK_BITS - space.prefixlen)
    begin = int(hashlib.sha256(key.encode()).hexdigest(), 16) % count
    size = 1 << (space.max_prefixlen - _NETWORK_BITS)
    for at in range(count):
        first = int(space.network_address) + (begin + at) % count * size
        yield f"{ipaddress.ip_address(first)}/{_NETWORK_BITS}"
