"""What can be set; without the platform's own library, which has more than this needs."""

import os
from dataclasses import dataclass

from dualspan_egress.rules import Rules, read_hosts, read_networks

_PREFIX = "DUALSPAN_EGRESS_"


@dataclass(frozen=True, slots=True)
class EgressSettings:
    """Settings of one app's way out (prefix `DUALSPAN_EGRESS_`).

    Attributes:
        host: To listen on.
        port: To listen on.
        rules: `HOSTS` (host:port, with commas), `PRIVATE` and `DENIED` (networks, with commas).
        is_asked: `HOSTS` is set, if only to nothing: everything is refused then, and told.
    """

    host: str
    port: int
    rules: Rules
    is_asked: bool


def read() -> EgressSettings:
    """From the environment; raises ValueError."""
    host, _, port = os.environ.get(f"{_PREFIX}LISTEN", "0.0.0.0:3128").rpartition(":")
    hosts = read_hosts(os.environ.get(f"{_PREFIX}HOSTS", ""))
    private, denied = (read_networks(os.environ.get(f"{_PREFIX}{each}", "")) for each in ("PRIVATE", "DENIED"))
    return EgressSettings(host, int(port), Rules(hosts, private, denied), f"{_PREFIX}HOSTS" in os.environ)
