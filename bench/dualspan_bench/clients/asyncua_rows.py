"""What one writes first: asyncua's handler, a list, and asyncpg's COPY into a table with a row for each sample."""

import argparse
import asyncio
import json
import time
from datetime import datetime
from pathlib import Path

import asyncpg
from asyncua import Client, ua
from asyncua.common.node import Node
from asyncua.common.subscription import DataChangeNotif
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dualspan_edge.opcua.certificates import load_application_instance

_FLUSH_SECONDS = 0.1


class Collector:
    """Collects rows until they are copied."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, datetime, int, float]] = []

    def datachange_notification(self, node: Node, val: float, data: DataChangeNotif) -> None:
        """Called by asyncua for each value."""
        value = data.monitored_item.Value
        stamp = value.SourceTimestamp or value.ServerTimestamp
        self.rows.append((int(node.nodeid.Identifier), stamp, value.StatusCode.value, val))


async def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("url", "username", "password", "database", "folder"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("items", "first", "queue"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("interval-ms", "warm-up", "seconds"):
        parser.add_argument(f"--{name}", type=float, required=True)
    options = parser.parse_args()
    database = await asyncpg.connect(options.database)
    client = await _secured(options)
    async with client:
        collector = Collector()
        subscription = await client.create_subscription(options.interval_ms, collector)
        nodes = [client.get_node(ua.NodeId(options.first + item, ua.Int16(2))) for item in range(options.items)]
        for start in range(0, len(nodes), 1000):
            await subscription.subscribe_data_change(nodes[start : start + 1000], queuesize=options.queue)
        await _copy(database, collector, options.warm_up)
        start = time.perf_counter()
        committed = await _copy(database, collector, options.seconds)
        print(json.dumps({"values": committed, "wall": time.perf_counter() - start}), flush=True)


async def _copy(database: "asyncpg.Connection[asyncpg.Record]", collector: Collector, seconds: float) -> int:
    """Copy what has been collected, again and again; returns how many rows were committed."""
    committed = 0
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        await asyncio.sleep(_FLUSH_SECONDS)
        rows, collector.rows = collector.rows, []
        await database.copy_records_to_table("sample", records=rows, columns=("tag", "time", "status", "value"))
        committed += len(rows)
    return committed


async def _secured(options: argparse.Namespace) -> Client:
    folder = Path(options.folder)
    instance = load_application_instance(folder, "peer")
    certificate, key = folder / "peer.der", folder / "peer.pem"
    certificate.write_bytes(instance.certificate.public_bytes(Encoding.DER))
    key.write_bytes(instance.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    client = Client(options.url, timeout=30)
    client.application_uri = instance.application_uri
    client.set_user(options.username)
    client.set_password(options.password)
    await client.set_security(
        SecurityPolicyBasic256Sha256, str(certificate), str(key), mode=ua.MessageSecurityMode.SignAndEncrypt
    )
    return client


if __name__ == "__main__":
    asyncio.run(main())
