"""`dualspan-gateway status`: reads what the gateway that runs here has written down."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dualspan_edge.clock import now_microseconds

# A status older than this is of a gateway that hangs or has gone.
_STALE_SECONDS = 15.0


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
        f"clock          {_clock_words(status.get('clock_offset', '0s'))}",
    ]
    for server in status.get("servers", []):
        state = server.get("state", "").removeprefix("CONNECTION_STATE_").lower()
        lines.append(f"server         {server['server']}: {state}, {server.get('monitored_items', 0)} items")
    attention = needs_attention(document)
    return "\n".join([*lines, *(f"ATTENTION      {line}" for line in attention)])


def _clock_words(offset: str) -> str:
    """How the gateway's clock stands.

    Args:
        offset: It minus the platform's, as JSON has a duration: seconds and an "s".
    """
    seconds = float(offset.removesuffix("s"))
    return f"{abs(seconds):.3f} s {'behind' if seconds < 0 else 'ahead of'} the platform"
