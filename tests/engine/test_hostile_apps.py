"""A hostile app: what it tries fails, and for the reason that was meant; where nothing confines it, it succeeds.

Among peers, as in production, and on a laptop, where the platform's processes are the machine's own."""

import asyncio
import contextlib
import ipaddress
import re
import socket
import threading
from collections.abc import AsyncGenerator, Generator, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dualspan_marketplace.subscriptions.model import SubscriptionName
from harness.app_containers import (
    NAME,
    SERVER,
    Within,
    container_of,
    image_of,
    orders,
    provisioning,
    well,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

POOL = "10.214.16.0/20"
OTHER = SubscriptionName("bolt", "spc")
LIBC = "import ctypes, os; c = ctypes.CDLL(None, use_errno=True); r = c.{}; e = ctypes.get_errno(); "
STATUS = "s = dict(line.rstrip().split(':\\t') for line in open('/proc/self/status') if line.count(':\\t') == 1); "
# A network that leads nowhere says so in its own way, or not at all.
UNREACHED = "Network is unreachable|No route to host|timed out"
FAILED = "assert r == 0, os.strerror(e)"
CONNECT = "import socket; socket.create_connection(({host!r}, {port}), 3)"


@dataclass(frozen=True)
class Scene:
    """A hostile app; another tenant's app; and what both must not reach.

    Attributes:
        app: The hostile one.
        loose: A container that nothing confines.
        other: The other tenant's.
        among_peers: The platform is containers, in the app's network; else processes of the machine.
        port: That the machine listens on at all its addresses.
        local: That it listens on at 127.0.0.1, as the platform does on a laptop.
        secret: A file of the machine's.
    """

    app: Within
    loose: Any
    other: Within
    among_peers: bool
    port: int
    local: int
    secret: Path

    @property
    def bridge(self) -> str:
        """The machine's address in the app's network, if it has one."""
        return str(ipaddress.ip_network(f"{self.app.host}/28", strict=False).network_address + 1)


@contextlib.contextmanager
def listening(address: str | Path) -> Generator[int]:
    """A server of the machine's: its port; 0 for a Unix socket."""
    if isinstance(address, Path):
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(address))
        server.listen()
        address.chmod(0o666)
    else:
        server = socket.create_server((address, 0))
    with server:
        server.settimeout(0.2)
        stopped = threading.Event()

        def accept() -> None:
            while not stopped.is_set():
                with contextlib.suppress(TimeoutError):
                    server.accept()[0].close()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield 0 if isinstance(address, Path) else server.getsockname()[1]
        finally:
            stopped.set()
            thread.join()


@pytest.fixture(scope="module")
def image(engine: Any) -> Iterator[Any]:
    with image_of(engine, SERVER) as made:
        yield made


@contextlib.contextmanager
def free_of_bounds(engine: Any, secret: Path) -> Generator[Any]:
    """A container that nothing confines."""
    with container_of(
        engine,
        "import time; time.sleep(3600)",
        # Not privileged: machines in the cloud have not all that this asks for.
        cap_add=["SYS_ADMIN", "SYS_PTRACE"],
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        pid_mode="host",
        init=True,
        volumes={"/var/run/docker.sock": {"bind": "/var/run/docker.sock"}, str(secret): {"bind": str(secret)}},
    ) as made:
        yield made


@contextlib.contextmanager
def platform_for(engine: Any, folder: Path, *, among_peers: bool) -> Generator[tuple[Any, dict[str, Any]]]:
    """What apps may reach: a container that also asks for their health, or None; and how a provisioner is told."""
    if among_peers:
        with container_of(engine, SERVER, environment={"DUALSPAN_APP_PORT": "7403"}) as peer:
            yield peer, {"peers": {"historian": peer.name}}
    else:
        folder.chmod(0o755)
        with listening(folder / "historian.sock"):
            yield None, {"sockets": str(folder)}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[True, False], ids=["among peers", "on a laptop"])
async def scene(
    engine: Any,
    engine_url: str,
    image: Any,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> AsyncGenerator[Scene]:
    secret = tmp_path_factory.mktemp("machine") / "secret"
    secret.write_text("of the machine")
    with (
        listening("0.0.0.0") as port,
        listening("127.0.0.1") as local,
        free_of_bounds(engine, secret) as loose,
        platform_for(engine, tmp_path_factory.mktemp("sockets"), among_peers=request.param) as (peer, reached),
    ):
        async with provisioning(engine_url, POOL, names=[NAME, OTHER], **reached) as provisioner:
            apps: list[Within] = []
            for name in (NAME, OTHER):
                wanted = orders(image, name=name)
                await provisioner.ensure(wanted)
                apps.append(await well(provisioner, wanted, engine, asked_by=peer))
            yield Scene(apps[0], loose, apps[1], request.param, port, local, secret)


@dataclass(frozen=True)
class Attempt:
    """A line of Python.

    Attributes:
        program: What it tries.
        why: What it must hear.
        anywhere: It would hear that where nothing confines it, too.
    """

    program: str
    why: str
    anywhere: bool = False


ATTEMPTS = {
    "programs of its own": Attempt("open('/usr/bin/mine', 'w')", "Read-only file system"),
    "its credential": Attempt(
        "import os; os.makedirs('/run/dualspan', exist_ok=True); open('/run/dualspan/token', 'w')",
        "Read-only file system",
    ),
    "its bounds": Attempt(
        "import os, glob; p = [*glob.glob('/sys/fs/cgroup/pids/pids.max'), *glob.glob('/sys/fs/cgroup/pids.max'),"
        " *glob.glob('/sys/fs/cgroup/pids/init.scope/pids.max'), *glob.glob('/sys/fs/cgroup/pids/*/pids.max')][0];"
        " open(p, 'r+').write('max')",
        "Read-only file system|Permission denied",
        anywhere=True,
    ),
    "settings of the kernel": Attempt(
        "p = '/proc/sys/kernel/domainname'; t = open(p).read(); open(p, 'w').write(t)",
        "Read-only file system",
        anywhere=True,
    ),
    "programs in its temporary files": Attempt(
        "import shutil, subprocess; shutil.copy('/bin/true', '/tmp/t'); subprocess.run(['/tmp/t'], check=True)",
        "Permission denied",
    ),
    "root": Attempt("import os; os.setgid(0); os.setuid(0)", "Operation not permitted"),
    "new privileges": Attempt(STATUS + "assert s['NoNewPrivs'] == '0', s", "'NoNewPrivs': '1'"),
    "any call of the kernel's": Attempt(STATUS + "assert s['Seccomp'] == '0', s", "'Seccomp': '2'"),
    "capabilities": Attempt(STATUS + "assert int(s['CapBnd'], 16), s", "'CapBnd': '0000000000000000'"),
    "files of others": Attempt("import os; open('/tmp/o', 'w'); os.chown('/tmp/o', 0, 0)", "Operation not permitted"),
    "a disk": Attempt(
        "import os, stat; os.mknod('/tmp/disk', stat.S_IFBLK | 0o600, os.makedev(1, 0))", "Operation not permitted"
    ),
    "a mount": Attempt(LIBC.format("mount(b'x', b'/mnt', b'tmpfs', 0, None)") + FAILED, "Operation not permitted"),
    "a user namespace": Attempt(LIBC.format("unshare(0x10000000)") + FAILED, "Operation not permitted"),
    "a mount namespace": Attempt(LIBC.format("unshare(0x00020000)") + FAILED, "Operation not permitted"),
    "another root": Attempt("import os; os.chroot('/usr')", "Operation not permitted"),
    "packets as they are": Attempt(
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)", "Operation not permitted"
    ),
    "a module of the kernel": Attempt(
        LIBC.format("syscall(313, -1, b'', 0)") + FAILED,
        "Operation not permitted",
        anywhere=True,
    ),
    "processes of others": Attempt(
        "import os; n = [each for each in os.listdir('/proc') if each.isdigit()]; assert len(n) > 20, 'only its own'",
        "only its own",
    ),
    "the memory of others": Attempt(
        "import glob; open(next(p for p in glob.glob('/proc/[0-9]*/mem') if"
        " open(p[:-3] + 'cmdline', 'rb').read().split(bytes(1))[0].endswith(b'dockerd')), 'rb')",
        "StopIteration",
    ),
    "the engine": Attempt(
        "import socket; socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')", "No such file or directory"
    ),
    "a file of the machine": Attempt("open({secret!r}).read()", "No such file or directory"),
    "the internet": Attempt(CONNECT.format(host="1.1.1.1", port=443), UNREACHED, anywhere=True),
    "the metadata address": Attempt(CONNECT.format(host="169.254.169.254", port=80), UNREACHED, anywhere=True),
    "the machine by the engine's own bridge": Attempt("{to_machine}", UNREACHED),
    "what is the machine's own alone": Attempt("{to_local}", UNREACHED + "|Connection refused", anywhere=True),
    "another app by address": Attempt("{to_other}", UNREACHED, anywhere=True),
    "another app by name": Attempt("{named_other}", "name resolution", anywhere=True),
    "a name outside": Attempt("import socket; socket.gethostbyname('example.com')", "name resolution", anywhere=True),
    "a server of names": Attempt(
        "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.settimeout(3); s.sendto("
        "bytes.fromhex('000101000001000000000000076578616d706c6503636f6d0000010001'), ('9.9.9.9', 53)); s.recv(512)",
        UNREACHED,
        anywhere=True,
    ),
}


@pytest.fixture(scope="module")
def told(scene: Scene, engine: Any) -> dict[str, str]:
    """What attempts are told of the machine."""
    # An engine says which address is its own only after it was started a second time; it is the first.
    bridge = str(ip_network(engine.networks.get("bridge").attrs["IPAM"]["Config"][0]["Subnet"])[1])
    other = engine.containers.get(scene.other.handle).name
    return {
        "secret": str(scene.secret),
        "to_machine": CONNECT.format(host=bridge, port=scene.port),
        "to_local": CONNECT.format(host=scene.bridge, port=scene.local),
        "to_other": CONNECT.format(host=scene.other.host, port=8080),
        "named_other": f"import socket; socket.gethostbyname({other!r})",
    }


def filled(program: str, told: dict[str, str]) -> str:
    for key, value in told.items():
        program = program.replace("{" + key + "!r}", repr(value)).replace("{" + key + "}", value)
    return program


@pytest.mark.parametrize("what", ATTEMPTS)
async def test_what_it_tries_fails(scene: Scene, told: dict[str, str], what: str) -> None:
    attempt = ATTEMPTS[what]
    program = filled(attempt.program, told)
    code, said = scene.app.run(program)
    assert code != 0, said
    assert re.search(attempt.why, said), said
    if not attempt.anywhere:
        code, said = scene.loose.exec_run(["python", "-c", program])
        assert code == 0, f"a test that cannot fail shows nothing: {said.decode()}"


async def test_what_is_meant_to_be_reached_is(scene: Scene) -> None:
    if scene.among_peers:
        asked = "import urllib.request as u; print(u.urlopen('http://historian:7403/').status)"
        assert scene.app.does(asked) == "200\n"
    else:
        scene.app.does("import socket; socket.socket(socket.AF_UNIX).connect('/run/platform/historian.sock')")


async def test_what_the_machine_listens_on_everywhere(scene: Scene) -> None:
    code, said = scene.app.run(CONNECT.format(host=scene.bridge, port=scene.port))
    if scene.among_peers:
        assert code != 0
        assert re.search(UNREACHED, said), said
    else:
        # The one thing that a laptop does not keep from apps, as docs/guides/subscribe.md says.
        assert code == 0, said


async def test_nobody_takes_the_platforms_place(scene: Scene) -> None:
    for tried in ("os.unlink('/run/platform/historian.sock')", "open('/run/platform/mine', 'w')"):
        code, said = scene.app.run(f"import os; {tried}")
        assert code != 0
        assert ("No such file or directory" if scene.among_peers else "Read-only file system") in said, said


async def test_what_it_sees_of_the_file_system(scene: Scene) -> None:
    mounts = scene.app.does("print(*(line.split()[4] for line in open('/proc/self/mountinfo')), sep='\\n')").split()
    kernel, init = ("/proc", "/sys", "/dev"), "/sbin/docker-init"
    seen = {each for each in mounts if not each.startswith(kernel) and not each.endswith(init)}
    given = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", *(() if scene.among_peers else ("/run/platform",))}
    assert seen == {"/", "/tmp", "/run/dualspan", *given}


FILL = """
import os
written = 0
try:
    with open({path!r}, 'wb', 0) as file:
        while True:
            written += file.write(bytes(1 << 16))
except OSError as error:
    print(written, os.strerror(error.errno))
os.unlink({path!r})
"""


@pytest.mark.parametrize(("path", "bytes_"), [("/tmp/large", 8 << 20), ("/dev/shm/large", 16 << 20)])
async def test_it_fills_its_own_disk_only(scene: Scene, path: str, bytes_: int) -> None:
    written, _, why = scene.app.does(FILL.format(path=path)).strip().partition(" ")
    assert why == "No space left on device"
    # Others before have left some there.
    assert bytes_ // 2 < int(written) <= bytes_


FORKS = """
import os, time
begun = 0
try:
    while begun < 4096:
        if os.fork() == 0:
            time.sleep(2)
            os._exit(0)
        begun += 1
except OSError as error:
    print(begun, os.strerror(error.errno))
"""
# Of control groups of the first version, and of the second.
EVENTS = "import glob; print(open([*glob.glob('/sys/fs/cgroup/{0}/{1}'), *glob.glob('/sys/fs/cgroup/{2}')][0]).read())"


async def test_it_forks_within_its_bounds(scene: Scene) -> None:
    refused = int(scene.app.does(EVENTS.format("pids", "pids.events", "pids.events")).split()[1])
    begun, _, why = scene.app.does(FORKS).strip().partition(" ")
    assert why == "Resource temporarily unavailable"
    assert 0 < int(begun) < 48
    async with asyncio.timeout(30):
        # As long as its processes are there, nothing more can be begun, not even by the engine.
        while True:
            after = scene.app.run(EVENTS.format("pids", "pids.events", "pids.events"))
            if after[0] == 0:
                break
            await asyncio.sleep(0.2)
    # Which bound it was that refused.
    assert int(after[1].split()[1]) > refused
    assert int(scene.app.does(EVENTS.format("pids", "pids.max", "pids.max"))) == 48


async def test_it_fills_its_own_memory_only(scene: Scene) -> None:
    killed = EVENTS.format("memory", "memory.oom_control", "memory.events")
    before = oom_kills(scene.app.does(killed))
    code, _ = scene.app.run("x = []\nwhile True: x.append(bytearray(1 << 20))")
    assert code == 137
    assert oom_kills(scene.app.does(killed)) > before


def oom_kills(text: str) -> int:
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill "))


async def test_an_app_that_needs_more_memory_ends_and_that_is_told(engine: Any, engine_url: str) -> None:
    hungry = "x = []\nwhile True: x.append(bytearray(1 << 20))"
    with image_of(engine, hungry) as image:
        async with provisioning(engine_url, POOL) as provisioner:
            await provisioner.ensure(orders(image))
            while (found := (await provisioner.observe(NAME)).instances[0]).alive:
                pass
            state = engine.containers.get(found.handle).attrs["State"]
            assert state["OOMKilled"]
            assert found.words == "It needed more memory than its manifest asks for."
