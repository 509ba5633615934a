"""What the gateway says of itself: to the platform, and in a file beside it for `dualspan-gateway status`."""

import json
import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.buffer import Buffer
from dualspan_edge.clock import now_microseconds
from dualspan_edge.control import Control
from dualspan_edge.supervisor import ServerSet
from dualspan_edge.uplink import Uplink
from dualspan_edge.version import VERSION

# A status older than this is of a gateway that hangs or has gone.
_STALE_SECONDS = 15.0


class StatusWriter:
    """Gathers the status."""

    def __init__(self, directory: Path, gateway: str, buffer: Buffer, servers: ServerSet) -> None:
        self._path = directory / "status.json"
        self._gateway = gateway
        self._buffer = buffer
        self._servers = servers
        self._links: tuple[Control, Uplink] | None = None

    def attach(self, control: Control, uplink: Uplink) -> None:
        """The ways to the platform, once they are there."""
        self._links = (control, uplink)

    def status(self) -> onboarding.GatewayStatus:
        """For the platform."""
        occupancy = self._buffer.occupancy
        counters = self._servers.counters()
        status = onboarding.GatewayStatus(
            software_version=VERSION,
            buffered_frames=occupancy.frames,
            buffered_bytes=occupancy.size,
            buffer_full=self._buffer.is_full,
            received_samples=counters.received_samples,
            overflowed_samples=counters.overflowed_samples,
            memory_bytes=memory_bytes(),
            servers=self._servers.statuses(),
        )
        if occupancy.oldest_written:
            status.oldest_buffered_age.FromMicroseconds(max(0, now_microseconds() - occupancy.oldest_written))
        if self._links is not None:
            control, uplink = self._links
            clock = control.clock or uplink.status.clock
            if clock is not None:
                status.clock_offset.FromMicroseconds(clock.offset)
        return status

    def write(self) -> None:
        """Replaces the file."""
        document: dict[str, Any] = {
            "pid": os.getpid(),
            "time": now_microseconds(),
            "gateway": self._gateway,
            "configuration": {"revision": self._servers.ledger.revision, "complete": self._servers.ledger.is_complete},
            "status": MessageToDict(self.status(), preserving_proto_field_name=True),
        }
        if self._links is not None:
            control, uplink = self._links
            document["onboarding"] = {"connected": control.connected, "detail": control.detail}
            document["historian"] = {
                "connected": uplink.status.connected,
                "detail": uplink.status.detail,
                "committed_sequence": uplink.status.committed_sequence,
                "quarantined_frames": uplink.status.quarantined_frames,
            }
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(document))
        temporary.replace(self._path)


def memory_bytes() -> int:
    """Resident memory now; its peak where the system does not say how much it is now."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


def read_status(directory: Path) -> Mapping[str, Any] | None:
    """The last status of the gateway that runs on this data folder; None if none runs."""
    try:
        document = json.loads((directory / "status.json").read_text())
        age = (now_microseconds() - int(document["time"])) / 1e6
        os.kill(int(document["pid"]), 0)
    except PermissionError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return document if age < _STALE_SECONDS else None


def needs_attention(document: Mapping[str, Any]) -> list[str]:
    """What a person should look at; empty if all is well."""
    status = document["status"]
    found = [
        f"{name}: {document[name]['detail']}"
        for name in ("onboarding", "historian")
        if name in document and not document[name]["connected"]
    ]
    if status.get("buffer_full"):
        found.append("the buffer is full: the servers are not acknowledged until the historian takes frames again")
    found += [
        f"server {server['server']}: {server.get('detail') or 'connecting'}"
        for server in status.get("servers", [])
        if server.get("state") != "CONNECTION_STATE_CONNECTED"
    ]
    return found


def describe(document: Mapping[str, Any]) -> str:
    """The status in words."""
    status = document["status"]
    megabytes = int(status.get("memory_bytes", 0)) / 1e6
    lines = [
        f"{document['gateway']}  (version {status['software_version']}, pid {document['pid']}, {megabytes:.0f} MB)",
        f"configuration  revision {document['configuration']['revision']}, "
        + ("all items confirmed" if document["configuration"]["complete"] else "not all items confirmed yet"),
        f"buffer         {status.get('buffered_frames', 0)} frames, {status.get('buffered_bytes', 0)} bytes"
        + (", FULL" if status.get("buffer_full") else ""),
        (
            f"samples        {status.get('received_samples', 0)} received, "
            f"{status.get('overflowed_samples', 0)} overflowed at the servers"
        ),
        f"clock          {status.get('clock_offset', '0s')} ahead of the platform",
    ]
    for server in status.get("servers", []):
        state = server.get("state", "").removeprefix("CONNECTION_STATE_").lower()
        lines.append(f"server         {server['server']}: {state}, {server.get('monitored_items', 0)} items")
    attention = needs_attention(document)
    return "\n".join([*lines, *(f"ATTENTION      {line}" for line in attention)])
