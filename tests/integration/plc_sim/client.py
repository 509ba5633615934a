"""A client of the kind that engineers use: asyncua, as it comes."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from asyncua import Client, Node, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

from plc_sim.opcua.certificate import Identity
from plc_sim.opcua.encoding import FILETIME_EPOCH
from plc_sim.plant_control import PlantControl
from plc_sim.plant_server import PlantServer

HOSTS = ("localhost", "127.0.0.1")
USER, PASSWORD = "operator", "correct horse"


@dataclass(frozen=True, slots=True)
class Site:
    """A plant, its server and its control."""

    server: PlantServer
    control: PlantControl


def micros(moment: datetime | None) -> int:
    """Microseconds since the Unix epoch."""
    assert moment is not None
    return (ua.datetime_to_win_epoch(moment) - FILETIME_EPOCH) // 10


def code_of(value: ua.DataValue) -> int:
    """The status code, which is not sent when it is Good."""
    return value.StatusCode.value if value.StatusCode is not None else 0


@dataclass(slots=True)
class Received:
    """What a subscription's handler was told: (µs, value, status) per identifier."""

    rows: dict[str, list[tuple[int, object, int]]] = field(default_factory=dict)

    def datachange_notification(self, node: Node, val: object, data: object) -> None:
        value: ua.DataValue = data.monitored_item.Value  # pyright: ignore[reportAttributeAccessIssue]
        row = (micros(value.SourceTimestamp), val, code_of(value))
        self.rows.setdefault(str(node.nodeid.Identifier), []).append(row)

    def times(self, name: str) -> list[int]:
        return [row[0] for row in self.rows.get(name, [])]


class Connector:
    """Makes clients that sign and encrypt, and ends them."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        self.key, self.certificate = str(folder / "client.pem"), str(folder / "client.der")
        Path(self.key).write_bytes(identity.key_pem)
        Path(self.certificate).write_bytes(identity.certificate_der)
        self._clients: list[Client] = []

    async def prepare(self, url: str, policy: type = SecurityPolicyBasic256Sha256, password: str = PASSWORD) -> Client:
        client = Client(url, timeout=10, watchdog_intervall=60.0)
        client.application_uri = "urn:test:client"
        client.set_user(USER)
        client.set_password(password)
        await client.set_security(policy, self.certificate, self.key)
        return client

    async def __call__(self, url: str, policy: type = SecurityPolicyBasic256Sha256) -> Client:
        client = await self.prepare(url, policy)
        await client.connect()
        self._clients.append(client)
        return client

    async def close(self) -> None:
        for client in self._clients:
            try:
                async with asyncio.timeout(2.0):
                    await client.disconnect()
            except (ConnectionError, TimeoutError, ua.UaError):
                client.disconnect_socket()
