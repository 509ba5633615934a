"""node-opcua, a server of another make, as a process of its own. npm installs it once, into a folder that is kept."""

import asyncio
import contextlib
import fcntl
import json
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import pytest

from dualspan_bench.peers.install import PeerUnavailableError, from_npm

_ROOT = Path(__file__).resolve().parents[2]
_SOFTWARE = _ROOT / ".dualspan" / "peers"
_PROGRAM = Path(__file__).with_name("node_opcua_server.js")
_MANAGED_PROGRAM = Path(__file__).with_name("node_opcua_managed.js")
_SECONDS_TO_START = 60.0


@dataclass(frozen=True, slots=True)
class NodeOpcUaSettings:
    """How the server is.

    Attributes:
        port: Where it listens, on the loopback address.
        pki: Its folder of certificates; a new one makes a new certificate.
        modes: Of "None", "Sign", "SignAndEncrypt".
        policies: Such as "None" and "Basic256Sha256".
        anonymous: Whether anybody may open a session.
        username: Who else may.
        password: Theirs.
        accept_every_client: Trusts every client's certificate; else each is rejected until it is put into its folder.
        hostname: What its endpoints and its certificate call the host; the machine's name if empty.
        application_uri: Its application URI.
        variables: How many doubles it has, `machine.V0` and so on.
        counter_ms: How often `machine.Counter` counts, whose history it keeps; 0: there is none.
        alarm: Whether its tank `Tank` has an alarm that was raised before any client came.
        setpoint: Whether it has `machine.Setpoint`, a Float that may be written, and a method `machine.Add`.
        press: Whether it has `Press`, with a type of its own, units, ranges, states, an array and a structure.
        reverse_connect: Clients that it calls.
        discovery_server: It is a local discovery server (Part 12), and nothing else.
        register_at: The local discovery server that it registers at.
    """

    port: int
    pki: str
    modes: Sequence[str] = ("None", "SignAndEncrypt")
    policies: Sequence[str] = ("None", "Basic256Sha256")
    anonymous: bool = True
    username: str = "operator"
    password: str = "a password"
    accept_every_client: bool = True
    hostname: str | None = None
    application_uri: str = "urn:others:machine"
    variables: int = 10
    counter_ms: int = 0
    alarm: bool = False
    setpoint: bool = False
    press: bool = False
    reverse_connect: Sequence[str] = ()
    discovery_server: bool = False
    register_at: str | None = None


@dataclass(frozen=True, slots=True)
class ManagedUsers:
    """Who may sign in to a server that lets its certificates be managed, all with one password.

    Attributes:
        admin: Has the role SecurityAdmin.
        operator: Has not.
        password: Theirs.
    """

    admin: str = "admin"
    operator: str = "operator"
    password: str = "a password"


@dataclass(frozen=True, slots=True)
class NodeOpcUaServer:
    """A running server."""

    url: str
    application_uri: str
    settings: NodeOpcUaSettings

    @property
    def rejected(self) -> Path:
        """Where it puts the certificates of clients that it does not trust."""
        return Path(self.settings.pki) / "rejected"

    def trust_rejected(self) -> int:
        """What its administrator does: those clients are trusted now. Returns how many."""
        trusted = Path(self.settings.pki) / "trusted" / "certs"
        found = list(self.rejected.glob("*"))
        for file in found:
            file.rename(trusted / file.name)
        return len(found)


@cache
def _installed(package: str) -> Path | str:
    """Where it is, or why it cannot be had: found out once."""
    _SOFTWARE.mkdir(parents=True, exist_ok=True)
    try:
        # One test worker installs, the others wait for it.
        with (_SOFTWARE / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return from_npm(_SOFTWARE, package, "2").folder
    except PeerUnavailableError as error:
        return str(error)


def _folder(package: str) -> Path:
    found = _installed(package)
    if isinstance(found, str):
        pytest.skip(f"no server of another make here: {found}")
    return found


@contextlib.asynccontextmanager
async def run_node_opcua(settings: NodeOpcUaSettings) -> AsyncGenerator[NodeOpcUaServer]:
    """Runs a server for the block. Skips the test where there is no npm."""
    wanted = asdict(settings) | {"reverse_connect": list(settings.reverse_connect) or None}
    async with _running("node-opcua", _PROGRAM, wanted) as started:
        yield NodeOpcUaServer(started["url"], started["uri"], settings)


@contextlib.asynccontextmanager
async def run_managed_node_opcua(port: int, pki: str, users: ManagedUsers) -> AsyncGenerator[str]:
    """Runs a server whose trust list may be written over the wire (Part 12); its URL. Skips where there is no npm."""
    wanted = asdict(users) | {"port": port, "pki": pki}
    async with _running("node-opcua-server-configuration", _MANAGED_PROGRAM, wanted) as started:
        yield started["url"]


@contextlib.asynccontextmanager
async def _running(package: str, program: Path, wanted: Mapping[str, object]) -> AsyncGenerator[dict[str, str]]:
    folder = await asyncio.to_thread(_folder, package)
    process = await asyncio.create_subprocess_exec(
        "node",
        str(program),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"NODE_PATH": str(folder / "node_modules"), "NODEOPCUA_LOCALE": "en"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(wanted).encode() + b"\n")
        yield await asyncio.wait_for(_first_json(process.stdout), _SECONDS_TO_START)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _first_json(stdout: asyncio.StreamReader) -> dict[str, str]:
    """The first line that is JSON: the library prints warnings of its own before it."""
    while line := await stdout.readline():
        if line.startswith(b"{"):
            return json.loads(line)
    raise AssertionError("node-opcua ended before it ran; start tests/harness/node_opcua_server.js by hand to see why")
