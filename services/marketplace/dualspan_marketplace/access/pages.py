"""What a manifest says of an app's pages."""

from dataclasses import dataclass
from functools import lru_cache

from dualspan_manifest import LocalText, parse

# Every subscription that somebody has open is asked for every few seconds, and its manifest stays as it is.
_KNOWN = 512


@dataclass(frozen=True, slots=True)
class Pages:
    """Where an app's pages are, and what they may reach.

    Attributes:
        names: What people call the app.
        summary: What it is for.
        path: Of the first page; "" if it has none.
        port: That the app listens on where it has an address of its own.
        egress: host:port of what the app says that it has to reach.
    """

    names: LocalText
    summary: LocalText
    path: str
    port: int
    egress: tuple[str, ...]

    def address(self, known: str, provisioner: str) -> str:
        """host:port of the pages, from that of the health endpoint; "" while nothing runs."""
        # A container has an address with all ports of its manifest; elsewhere there is one port for everything.
        return f"{known.rpartition(':')[0]}:{self.port}" if known and provisioner == "docker" else known


@lru_cache(_KNOWN)
def pages_of(manifest: str) -> Pages:
    """What the text of a manifest says."""
    found = parse(manifest)
    return Pages(
        names=found.names,
        summary=found.summary,
        path=found.ui.path if found.ui else "",
        port=found.port(found.ui.port) if found.ui else 0,
        egress=tuple(f"{each.host}:{each.port}" for each in found.egress),
    )
