"""What the gateway says of itself: to the platform, and in a file for `local_status`."""

import json
import os
import resource
import sys
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
