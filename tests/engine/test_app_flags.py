"""Every flag of an app's sandbox, asserted from outside; and each, broken once, is seen by this very test."""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio
from docker.types import LogConfig, Mount, Ulimit

from dualspan_manifest import Egress, LocalText
from dualspan_marketplace.deployments.docker import options, seal
from dualspan_marketplace.deployments.docker.options import Names, Outward
from dualspan_marketplace.deployments.docker.provisioner import DockerProvisioner
from dualspan_marketplace.deployments.provisioner import Orders
from harness.app_containers import BASE, NAME, SERVER, image_of, orders, provisioning, well

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

POOL = "10.214.32.0/20"
TEMPORARY = {"rw", "noexec", "nosuid", "nodev", "size=8388608", "mode=1777"}
MEGABYTE = 1 << 20


def of_host(key: str) -> Callable[[Mapping[str, Any]], object]:
    """Nothing, and what says nothing, are the same."""
    return lambda told: told["HostConfig"].get(key) or None


def mounts(told: Mapping[str, Any]) -> object:
    return {(each["Type"], each["Destination"], each["RW"]) for each in told["Mounts"]}


def temporary(told: Mapping[str, Any]) -> object:
    return {path: set(given.split(",")) for path, given in (told["HostConfig"]["Tmpfs"] or {}).items()}


def limits(told: Mapping[str, Any]) -> object:
    return {each["Name"]: (each["Soft"], each["Hard"]) for each in told["HostConfig"]["Ulimits"] or ()}


FLAGS: Mapping[str, tuple[Callable[[Mapping[str, Any]], object], object]] = {
    "user": (lambda told: told["Config"]["User"], "10001:10001"),
    "capabilities dropped": (of_host("CapDrop"), ["ALL"]),
    "capabilities added": (of_host("CapAdd"), None),
    # Nothing about seccomp: it is the engine's own filter.
    "no new privileges, seccomp": (of_host("SecurityOpt"), ["no-new-privileges:true"]),
    "privileged": (of_host("Privileged"), None),
    "read-only root": (of_host("ReadonlyRootfs"), True),
    "temporary files": (temporary, {"/tmp": TEMPORARY}),
    "mounts": (mounts, {("volume", "/run/dualspan", False)}),
    "mounts of others": (of_host("VolumesFrom"), None),
    "memory": (of_host("Memory"), 64 * MEGABYTE),
    "memory and swap": (of_host("MemorySwap"), 64 * MEGABYTE),
    "killed for memory": (of_host("OomKillDisable"), None),
    "killed first": (of_host("OomScoreAdj"), 500),
    "cores": (of_host("NanoCpus"), 500_000_000),
    "processes": (of_host("PidsLimit"), 48),
    "limits": (limits, {"nofile": (1024, 1024), "core": (0, 0)}),
    "shared memory": (of_host("ShmSize"), 16 * MEGABYTE),
    "log": (of_host("LogConfig"), {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"}}),
    "ipc": (of_host("IpcMode"), "private"),
    "pid": (of_host("PidMode"), None),
    "uts": (of_host("UTSMode"), None),
    "user namespace of the machine": (of_host("UsernsMode"), None),
    "published ports": (of_host("PortBindings"), None),
    "all ports published": (of_host("PublishAllPorts"), None),
    "devices": (of_host("Devices"), None),
    "groups": (of_host("GroupAdd"), None),
    "parent": (of_host("CgroupParent"), None),
    "names": (of_host("Dns"), ["127.0.0.1"]),
    "hosts": (of_host("ExtraHosts"), None),
    "restart": (of_host("RestartPolicy"), {"Name": "no", "MaximumRetryCount": 0}),
    "init": (of_host("Init"), True),
    "health check": (lambda told: told["Config"]["Healthcheck"], {"Test": ["NONE"]}),
    "hidden of /proc": (lambda told: "/proc/kcore" in (told["HostConfig"]["MaskedPaths"] or ()), True),
    "read-only of /proc": (lambda told: "/proc/sys" in (told["HostConfig"]["ReadonlyPaths"] or ()), True),
}


def broken(told: Mapping[str, Any], network: str, runtime: str) -> set[str]:
    """The flags that are not as they must be."""
    found = {name for name, (read, wanted) in FLAGS.items() if read(told) != wanted}
    if told["HostConfig"]["NetworkMode"] != network or set(told["NetworkSettings"]["Networks"]) != {network}:
        found.add("network")
    if told["HostConfig"]["Runtime"] != runtime:
        found.add("runtime")
    return found


@dataclass(frozen=True)
class Made:
    """A running app.

    Attributes:
        provisioner: Whose it is.
        orders: What it is.
        names: Of its things.
        runtime: The engine's own.
    """

    provisioner: DockerProvisioner
    orders: Orders
    names: Names
    runtime: str


@pytest.fixture(scope="module")
def image(engine: Any) -> Iterator[Any]:
    with image_of(engine, SERVER) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(engine: Any, engine_url: str, image: Any) -> AsyncGenerator[Made]:
    async with provisioning(engine_url, POOL) as provisioner:
        wanted = orders(image)
        await provisioner.ensure(wanted)
        app = await well(provisioner, wanted, engine)
        platform = engine.containers.get(app.handle).labels[options.PLATFORM]
        yield Made(provisioner, wanted, Names(platform, NAME), engine.info()["DefaultRuntime"])


async def test_an_app_is_confined(made: Made, engine: Any) -> None:
    told = engine.api.inspect_container(made.names.key)
    assert broken(told, made.names.key, made.runtime) == set()
    assert "name=seccomp,profile=default" in engine.info()["SecurityOptions"]
    network = engine.api.inspect_network(made.names.key)
    assert (network["Driver"], network["Internal"], network["EnableIPv6"]) == ("bridge", True, False)
    assert {each["Name"] for each in network["Containers"].values()} == {made.names.key}
    assert "first" not in repr(told), "no secret is told to whoever asks the engine"


async def test_the_container_that_files_go_through_never_runs(made: Made, engine: Any) -> None:
    told = engine.api.inspect_container(made.names.files)
    assert told["State"]["Status"] == "created"
    assert told["HostConfig"]["NetworkMode"] == "none"
    assert (told["HostConfig"]["CapDrop"], told["Config"]["User"]) == (["ALL"], "10001:10001")


async def test_the_way_out_is_confined_as_an_app_is(engine: Any, engine_url: str, image: Any) -> None:
    declared = [Egress("api.test", 443, LocalText("x", "x"))]
    # An image that has no such program: how the container is made is what is looked at.
    async with provisioning(engine_url, POOL, outward=Outward(image.id)) as provisioner:
        await provisioner.ensure(orders(image, egress=declared))
        (found,) = (await provisioner.observe(NAME)).instances
        app = engine.containers.get(found.handle)
        told = engine.api.inspect_container(f"{app.name}-egress")
        assert engine.api.inspect_network(f"{app.name}-out")["Internal"] is False
    differs = {"network", "temporary files", "mounts", "cores", "processes", "names"}
    assert broken(told, app.name, engine.info()["DefaultRuntime"]) == differs
    assert told["Mounts"] == []
    assert (told["HostConfig"]["Memory"], told["HostConfig"]["PidsLimit"]) == (64 * MEGABYTE, 32)
    assert set(told["NetworkSettings"]["Networks"]) == {app.name, f"{app.name}-out"}


TMPFS = "rw,noexec,nosuid,nodev,size=8388608,mode=1777"
BREAKS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "root": ("user", {"user": "0"}),
    "some capabilities": ("capabilities dropped", {"cap_drop": ["NET_RAW"]}),
    "a capability": ("capabilities added", {"cap_add": ["SYS_ADMIN"]}),
    "new privileges": ("no new privileges, seccomp", {"security_opt": []}),
    "no filter": ("no new privileges, seccomp", {"security_opt": ["no-new-privileges:true", "seccomp=unconfined"]}),
    "privileged": ("privileged", {"privileged": True}),
    "writable root": ("read-only root", {"read_only": False}),
    "exec": ("temporary files", {"tmpfs": {"/tmp": TMPFS.replace("noexec,", "")}}),
    "suid": ("temporary files", {"tmpfs": {"/tmp": TMPFS.replace("nosuid,", "")}}),
    "devices in files": ("temporary files", {"tmpfs": {"/tmp": TMPFS.replace("nodev,", "")}}),
    "no size": ("temporary files", {"tmpfs": {"/tmp": "rw,noexec,nosuid,nodev,mode=1777"}}),
    "another one": ("temporary files", {"tmpfs": {"/tmp": TMPFS, "/var": TMPFS}}),
    "a folder of the machine": ("mounts", {"volumes": {"/tmp": {"bind": "/machine", "mode": "ro"}}}),
    "the engine": ("mounts", {"volumes": {"/var/run/docker.sock": {"bind": "/var/run/docker.sock"}}}),
    "more memory": ("memory", {"mem_limit": 32 * MEGABYTE}),
    "swap": ("memory and swap", {"memswap_limit": -1}),
    "never killed": ("killed for memory", {"oom_kill_disable": True}),
    "killed last": ("killed first", {"oom_score_adj": 0}),
    "all cores": ("cores", {"nano_cpus": None}),
    "any processes": ("processes", {"pids_limit": -1}),
    "any files": ("limits", {"ulimits": [Ulimit(name="core", soft=0, hard=0)]}),
    "cores on the disk": ("limits", {"ulimits": [Ulimit(name="nofile", soft=1024, hard=1024)]}),
    "more shared memory": ("shared memory", {"shm_size": 64 * MEGABYTE}),
    "any log": ("log", {"log_config": LogConfig(type="json-file", config={})}),
    "memory of the machine": ("ipc", {"ipc_mode": "host"}),
    "processes of the machine": ("pid", {"pid_mode": "host"}),
    "name of the machine": ("uts", {"uts_mode": "host", "hostname": None}),
    "users of the machine": ("user namespace of the machine", {"userns_mode": "host"}),
    "a port": ("published ports", {"ports": {"8080/tcp": None}}),
    "all ports": ("all ports published", {"publish_all_ports": True}),
    "a device": ("devices", {"devices": ["/dev/null:/dev/mine"]}),
    "a group": ("groups", {"group_add": ["0"]}),
    "another parent": ("parent", {"cgroup_parent": "/elsewhere"}),
    "another server of names": ("names", {"dns": ["9.9.9.9"]}),
    "another address": ("hosts", {"extra_hosts": {"historian": "10.0.0.1"}}),
    "for ever": ("restart", {"restart_policy": {"Name": "always"}}),
    "no init": ("init", {"init": False}),
    "another runtime": ("runtime", {"runtime": "runc"}),
    "network of the machine": ("network", {"network": None, "network_mode": "host", "dns": None, "dns_opt": None}),
}


def beside(made: Made, engine: Any) -> dict[str, Any]:
    """Arguments of another container, of another platform, that is as the app is."""
    other = replace(made.names, platform=f"{made.names.platform}-b")
    arguments = {**options.app(made.orders, other), "network": made.names.key, "name": f"{made.names.key}-broken"}
    arguments["volumes"] = {made.names.key: {"bind": "/run/dualspan", "mode": "ro"}}
    image = engine.api.inspect_image(arguments["image"])
    return options.for_engine(seal.sealed(arguments, image, made.runtime))


def created(engine: Any, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the engine tells of a container that is gone again."""
    container = engine.containers.create(**{key: value for key, value in arguments.items() if value is not None})
    try:
        return engine.api.inspect_container(container.id)
    finally:
        container.remove(force=True, v=True)


@pytest.mark.parametrize("what", BREAKS)
async def test_each_flag_that_is_broken_is_seen(made: Made, engine: Any, what: str) -> None:
    flag, changes = BREAKS[what]
    if flag == "runtime" and made.runtime == "runc":
        changes = {"runtime": "io.containerd.runc.v2"}
    told = created(engine, {**beside(made, engine), **changes})
    assert flag in broken(told, made.names.key, made.runtime)
    assert options.altered(told, made.names.key), "the platform itself sees it, too"


AS_WELL: Mapping[str, Mapping[str, Any]] = {
    "another program": {"command": ["sh"]},
    "a program before it": {"entrypoint": ["/bin/sh"]},
    "another image": {"image": BASE},
    "another folder": {"working_dir": "/"},
    "no variables": {"environment": {}},
    "a setting of the kernel": {"sysctls": {"net.ipv4.ip_unprivileged_port_start": "0"}},
    "any device": {"device_cgroup_rules": ["c *:* rwm"]},
    "a mount": {"mounts": [Mount("/machine", "/tmp", type="bind", read_only=True)]},
    "a health check": {"healthcheck": {"test": ["CMD", "true"]}},
}


@pytest.mark.parametrize("what", AS_WELL)
async def test_one_made_by_hand_under_the_same_labels_is_seen(made: Made, engine: Any, what: str) -> None:
    assert options.altered(created(engine, {**beside(made, engine), **AS_WELL[what]}), made.names.key)


async def test_one_that_is_as_it_was_made_is_left_alone(made: Made, engine: Any) -> None:
    assert not options.altered(created(engine, beside(made, engine)), made.names.key)


async def test_each_flag_is_broken_once() -> None:
    # What the engine itself keeps of /proc, and what stands in the image, no argument of ours changes.
    apart = {"health check", "hidden of /proc", "read-only of /proc", "mounts of others"}
    assert {flag for flag, _ in BREAKS.values()} == (set(FLAGS) | {"network", "runtime"}) - apart
