"""Every word that a container of an app is made with, and that a change by hand is seen."""

import copy
import ipaddress
import itertools
from dataclasses import replace
from typing import Any

import pytest

from dualspan_manifest import parse
from dualspan_marketplace.deployments.docker import seal
from dualspan_marketplace.deployments.docker.options import (
    LIMITS,
    Names,
    Outward,
    altered,
    app,
    confinement,
    egress,
    files,
    inside,
    is_inside,
    outside,
    port_of,
    refusal,
    subnets,
    through,
    way_on,
)
from dualspan_marketplace.deployments.provisioner import Given, Orders
from dualspan_marketplace.subscriptions.model import SubscriptionName
from harness.marketplace import MANIFEST

SAMPLE = replace(parse(MANIFEST), egress=())
NAME = SubscriptionName("acme", "oee")
NAMES = Names("here", NAME)
GIVEN = [Given("TOKEN_FILE", "token", b"the secret")]
ORDERS = Orders(NAME, 3, "maker", SAMPLE, {"HISTORIAN": "historian:7403"}, GIVEN)
NONE, OUTWARD = Outward(), Outward("dualspan/egress", "10.20.0.0/16", "203.0.113.7/32")
LABELS = {
    "io.dualspan.platform": "here",
    "io.dualspan.tenant": "acme",
    "io.dualspan.subscription": "oee",
}


def test_the_confinement_word_for_word() -> None:
    resources = SAMPLE.resources
    assert confinement(resources) == {
        "user": "10001:10001",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "privileged": False,
        "read_only": True,
        "tmpfs": {"/tmp": f"rw,noexec,nosuid,nodev,size={resources.disk},mode=1777"},
        "mem_limit": 256 << 20,
        "memswap_limit": 256 << 20,
        "nano_cpus": 500_000_000,
        "pids_limit": resources.pids,
        "ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 1024}, {"Name": "core", "Soft": 0, "Hard": 0}],
        "ipc_mode": "private",
        "shm_size": 16 << 20,
        "oom_score_adj": 500,
        "dns": ["127.0.0.1"],
        "dns_opt": ["timeout:1", "attempts:1"],
    }


def test_an_app_word_for_word() -> None:
    found = app(ORDERS, NAMES)
    for key in confinement(SAMPLE.resources):
        found.pop(key)
    assert found == {
        "image": SAMPLE.run.image,
        "name": NAMES.key,
        "hostname": "app",
        "labels": {
            **LABELS,
            "io.dualspan.part": "app",
            "io.dualspan.generation": "3",
            "io.dualspan.limits": f"500 {256 << 20} {SAMPLE.resources.pids} {SAMPLE.resources.disk} 8080",
            "io.dualspan.egress": "no",
        },
        "environment": {
            "DUALSPAN_APP_DATA": "/tmp/dualspan-app",
            "DUALSPAN_APP_HISTORIAN": "historian:7403",
            "DUALSPAN_APP_HOST": "0.0.0.0",
            "DUALSPAN_APP_PORT": "8080",
            "DUALSPAN_APP_TOKEN_FILE": "/run/dualspan/token",
        },
        "network": NAMES.key,
        "volumes": {NAMES.key: {"bind": "/run/dualspan", "mode": "ro"}},
        "init": True,
        "detach": True,
        "healthcheck": {"test": ["NONE"]},
        "restart_policy": {"Name": "no"},
        "log_config": {"type": "json-file", "config": {"max-size": "5m", "max-file": "2"}},
    }


def test_an_app_that_reaches_the_platform_through_sockets() -> None:
    ours, peers = app(ORDERS, NAMES, "/var/lib/dualspan/run/apps"), app(ORDERS, NAMES)
    assert ours.pop("volumes") == {
        **peers.pop("volumes"),
        "/var/lib/dualspan/run/apps": {"bind": "/run/platform", "mode": "ro"},
    }
    assert ours == peers
    assert through("") == {}
    assert through("/var/lib/dualspan/run/apps") == {
        "HISTORIAN": "unix:/run/platform/historian.sock",
        "MARKETPLACE": "unix:/run/platform/marketplace.sock",
    }


def test_secrets_are_in_no_argument() -> None:
    assert "the secret" not in repr(app(ORDERS, NAMES)) + repr(files(SAMPLE.run.image, NAMES))


def test_the_other_container_is_confined_too() -> None:
    found = files(SAMPLE.run.image, NAMES)
    assert found["network_mode"] == "none"
    assert found["cap_drop"] == ["ALL"]
    assert found["user"] == "10001:10001"


def test_names_are_a_subscriptions_own() -> None:
    others = [Names("there", NAME), Names("here", SubscriptionName("acm", "e/oee")), Names("here", NAME)]
    assert len({each.key for each in others}) == 3
    assert NAMES.key == others[2].key


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"image": ""}, "no image"), ({"image": "registry.example.com/app:latest"}, "by digest"), ({}, "")],
)
def test_what_cannot_be_run_says_why(changes: dict[str, str], words: str) -> None:
    found = refusal(replace(SAMPLE, run=replace(SAMPLE.run, **changes)), NONE)  # pyright: ignore[reportArgumentType]
    assert words in found
    assert bool(words) == bool(found)


def test_declared_hosts_need_a_way_out() -> None:
    assert "api.example.com:443" in refusal(parse(MANIFEST), NONE)
    assert not refusal(parse(MANIFEST), OUTWARD)


def test_the_way_out_of_an_app_that_declares_hosts() -> None:
    declaring = replace(ORDERS, manifest=parse(MANIFEST), environment={"HISTORIAN": "historian:7403"})
    variables = app(declaring, NAMES)["environment"]
    assert {key: value for key, value in variables.items() if not key.startswith("DUALSPAN_")} == {
        "HTTPS_PROXY": "http://egress:3128",
        "https_proxy": "http://egress:3128",
        "NO_PROXY": "127.0.0.1,historian,localhost",
        "no_proxy": "127.0.0.1,historian,localhost",
    }
    made = egress("sha256:12", declaring, NAMES, OUTWARD)
    for key, value in confinement(SAMPLE.resources).items():
        if key not in {"dns", "dns_opt", "mem_limit", "memswap_limit", "nano_cpus", "pids_limit", "tmpfs"}:
            assert made.pop(key) == value
    assert {key: made[key] for key in ("image", "name", "network", "environment", "mem_limit", "pids_limit")} == {
        "image": "sha256:12",
        "name": NAMES.egress,
        "network": NAMES.outside,
        "environment": {
            "DUALSPAN_EGRESS_HOSTS": "api.example.com:443",
            "DUALSPAN_EGRESS_PRIVATE": "10.20.0.0/16",
            "DUALSPAN_EGRESS_DENIED": "203.0.113.7/32",
            "DUALSPAN_EGRESS_LISTEN": "0.0.0.0:3128",
        },
        "mem_limit": 64 << 20,
        "pids_limit": 32,
    }
    assert "volumes" not in made
    watched = app(replace(ORDERS, is_watched=True), NAMES)
    assert (watched["labels"]["io.dualspan.egress"], watched["environment"]["HTTPS_PROXY"]) == (
        "yes",
        "http://egress:3128",
    )
    assert egress("sha256:12", ORDERS, NAMES, OUTWARD)["environment"]["DUALSPAN_EGRESS_HOSTS"] == ""
    assert len({NAMES.key, NAMES.outside, NAMES.egress, NAMES.files}) == 4


def test_volumes_that_an_image_wants_are_temporary_files() -> None:
    made = app(ORDERS, NAMES, volumes=["/data", "/run/dualspan/", "/tmp", "/var/cache"])
    assert set(made["tmpfs"]) == {"/tmp", "/data", "/var/cache"}
    assert len(set(made["tmpfs"].values())) == 1
    # Where no folder of sockets is, nothing but temporary files is either.
    assert "/run/platform" in app(ORDERS, NAMES, volumes=["/run/platform"])["tmpfs"]
    assert "/run/platform" not in app(ORDERS, NAMES, "/sockets", ["/run/platform"])["tmpfs"]


IMAGE = {
    "Config": {"Env": ["PATH=/bin", "DUALSPAN_APP_PORT=1"], "Cmd": ["serve"], "Entrypoint": None, "WorkingDir": "/app"}
}


def inspected() -> dict[str, Any]:
    """An app as the engine tells of it."""
    made = seal.sealed(app(ORDERS, NAMES), IMAGE, "runc")
    assert made["runtime"] == "runc"
    return {
        "Config": {
            "User": made["user"],
            "Labels": dict(made["labels"]),
            "Image": made["image"],
            "Env": [*(f"{key}={value}" for key, value in reversed(made["environment"].items())), "PATH=/bin"],
            "Cmd": ["serve"],
            "Entrypoint": None,
            "WorkingDir": "/app",
            "Healthcheck": {"Test": ["NONE"]},
        },
        "Mounts": [{"Type": "volume", "Name": NAMES.key, "Destination": "/run/dualspan", "RW": False}],
        "HostConfig": {
            "Binds": [f"{NAMES.key}:/run/dualspan:ro"],
            "Runtime": "runc",
            "DnsOptions": ["timeout:1", "attempts:1"],
            "MaskedPaths": [
                *("/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
                *("/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"),
            ],
            "ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            "CapDrop": ["ALL"],
            "CapAdd": None,
            "SecurityOpt": ["no-new-privileges:true"],
            "Privileged": False,
            "ReadonlyRootfs": True,
            "Memory": made["mem_limit"],
            "MemorySwap": made["memswap_limit"],
            "NanoCpus": made["nano_cpus"],
            "PidsLimit": made["pids_limit"],
            "IpcMode": "private",
            "PidMode": "",
            "UTSMode": "",
            "UsernsMode": "",
            "NetworkMode": NAMES.key,
            "PortBindings": {},
            "PublishAllPorts": False,
            "Devices": [],
            "Dns": ["127.0.0.1"],
            "Tmpfs": made["tmpfs"],
            "Ulimits": [*made["ulimits"]],
            "ShmSize": 16 << 20,
            "OomScoreAdj": 500,
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"}},
            "Init": True,
        },
    }


def test_one_that_is_as_it_was_made() -> None:
    assert not altered(inspected(), NAMES.key)
    assert port_of(inspected()) == 8080


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("CapDrop", None),
        ("CapAdd", ["SYS_ADMIN"]),
        ("SecurityOpt", None),
        ("SecurityOpt", ["no-new-privileges:true", "seccomp=unconfined"]),
        ("Privileged", True),
        ("ReadonlyRootfs", False),
        ("Memory", 1 << 40),
        ("MemorySwap", -1),
        ("NanoCpus", 0),
        ("PidsLimit", None),
        ("IpcMode", "host"),
        ("PidMode", "host"),
        ("UTSMode", "host"),
        ("UsernsMode", "host"),
        ("NetworkMode", "host"),
        ("PortBindings", {"8080/tcp": [{"HostIp": "", "HostPort": "80"}]}),
        ("PublishAllPorts", True),
        ("Devices", [{"PathOnHost": "/dev/sda"}]),
        ("DeviceRequests", [{"Count": -1}]),
        ("Dns", ["8.8.8.8"]),
        ("Tmpfs", {}),
        ("Tmpfs", {"/tmp": "rw"}),
        ("Tmpfs", {**inspected()["HostConfig"]["Tmpfs"], "/var": inspected()["HostConfig"]["Tmpfs"]["/tmp"]}),
        ("Ulimits", None),
        ("ShmSize", 1 << 30),
        ("OomScoreAdj", 0),
        ("OomKillDisable", True),
        ("RestartPolicy", {"Name": "always", "MaximumRetryCount": 0}),
        ("LogConfig", {"Type": "json-file", "Config": {}}),
        ("GroupAdd", ["0"]),
        ("ExtraHosts", ["historian:10.0.0.1"]),
        ("VolumesFrom", ["other"]),
        ("CgroupParent", "/"),
        ("Init", False),
        ("Binds", None),
        ("Binds", [f"{NAMES.key}:/run/dualspan:rw"]),
        ("Binds", [f"{NAMES.key}:/run/dualspan:ro", "/var/run/docker.sock:/var/run/docker.sock:rw"]),
        ("Mounts", [{"Type": "bind", "Source": "/", "Target": "/machine"}]),
        ("Runtime", "other"),
        ("Sysctls", {"net.ipv4.ip_forward": "1"}),
        ("DeviceCgroupRules", ["a *:* rwm"]),
        ("MaskedPaths", []),
        ("ReadonlyPaths", []),
        ("DnsOptions", []),
        ("DnsSearch", ["example.com"]),
        ("AutoRemove", True),
    ],
)
def test_one_that_was_changed_by_hand(key: str, value: object) -> None:
    found = copy.deepcopy(inspected())
    found["HostConfig"][key] = value
    assert altered(found, NAMES.key)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Image", "sha256:34"),
        ("Env", ["PATH=/bin"]),
        ("Env", [*inspected()["Config"]["Env"], "LD_PRELOAD=/tmp/mine"]),
        ("Cmd", ["sh"]),
        ("Cmd", None),
        ("Entrypoint", ["/bin/sh"]),
        ("WorkingDir", "/"),
        ("Healthcheck", None),
        ("Healthcheck", {"Test": ["CMD", "mine"]}),
    ],
)
def test_one_that_runs_something_else(key: str, value: object) -> None:
    found = inspected()
    found["Config"][key] = value
    assert altered(found, NAMES.key)


def test_one_with_a_volume_without_a_name() -> None:
    found = inspected()
    found["Mounts"].append({"Type": "volume", "Name": "12ab", "Destination": "/data", "RW": True})
    assert altered(found, NAMES.key)


def test_one_of_another_user_or_without_labels() -> None:
    found = inspected()
    found["Config"]["User"] = "0"
    assert altered(found, NAMES.key)
    del (bare := inspected())["Config"]["Labels"][LIMITS]
    assert altered(bare, NAMES.key)
    assert port_of(bare) == 0


def test_the_machine_has_an_address_only_where_it_must_ask() -> None:
    assert inside(among_peers=True)["options"] == {"com.docker.network.bridge.inhibit_ipv4": "true"}
    assert inside(among_peers=False)["options"] == {}
    assert inside(among_peers=False)["internal"] is True
    assert outside()["internal"] is False
    assert way_on("10.213.0.16/28") == {"DefaultGatewayIPv4": "10.213.0.30"}


@pytest.mark.parametrize(("key", "value"), [("Driver", "host"), ("Internal", False), ("EnableIPv6", True), ("", None)])
def test_a_network_that_leads_nowhere(key: str, value: object) -> None:
    assert is_inside({"Driver": "bridge", "Internal": True, "EnableIPv6": False, key: value}) is (key == "")


def test_networks_of_a_pool_are_all_there_and_apart() -> None:
    found = [ipaddress.ip_network(each) for each in subnets("10.213.0.0/24", "a key")]
    assert len(set(found)) == len(found) == 16
    assert all(each.subnet_of(ipaddress.ip_network("10.213.0.0/24")) for each in found)  # pyright: ignore[reportArgumentType]
    firsts = {next(subnets("10.213.0.0/16", str(each))) for each in range(100)}
    assert len(firsts) > 90
    assert len(list(itertools.islice(subnets("10.213.0.0/16", "a"), 20))) == 20
