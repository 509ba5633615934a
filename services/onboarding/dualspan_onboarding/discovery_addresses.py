"""Whether what a person wants looked at is an address at all, so that typing errors are told before a gateway is asked.

The gateway reads the addresses itself and has the last word; nothing that it would take is refused here.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from dualspan_onboarding.errors import malformed
from dualspan_runtime.errors import InvalidArgument

WIDEST_NETWORK = 22
_MOST_IN_RANGE = 1 << (32 - WIDEST_NETWORK)
_FORMS = "write plc7, 10.0.0.7:4840, 10.0.0.10-10.0.0.20, 10.0.0.0/24 or opc.tcp://plc7:4840/path"
_SPAN = re.compile(r"(?P<first>[0-9.]+)-(?P<last>[0-9.]+)", re.ASCII)
_NAME = re.compile(r"[A-Z0-9_][A-Z0-9_.-]*", re.ASCII | re.IGNORECASE)
_SEVERAL_PORTS = re.compile(r"\d+\s*[-,]\s*\d+", re.ASCII)


def check_address(address: str) -> None:
    """Refuse what is neither host, IP address, range, network nor URL; raises InvalidArgument."""
    text = address.strip()
    if "://" in text:
        _check_url(text)
    elif _SPAN.fullmatch(text):
        _check_range(text)
    elif "/" in text:
        _check_network(text)
    elif not _is_ip(text):
        _check_host_and_port(text)


def _refused(address: str, why: str) -> InvalidArgument:
    return malformed("MALFORMED_ADDRESS", "scope.addresses", f"{address[:100]!r} {why}.")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _check_url(text: str) -> None:
    try:
        parts = urlsplit(text)
        usable = parts.scheme == "opc.tcp" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise _refused(text, "is no address of a server: write opc.tcp://plc7:4840/path, with a port from 1 to 65535")


def _check_range(text: str) -> None:
    first, _, last = text.partition("-")
    try:
        count = int(ipaddress.IPv4Address(last)) - int(ipaddress.IPv4Address(first)) + 1
    except ValueError:
        raise _refused(text, "is no range: write it like 10.0.0.10-10.0.0.20") from None
    if not 0 < count <= _MOST_IN_RANGE:
        raise _refused(text, f"is no range that can be asked: upwards, and {_MOST_IN_RANGE} addresses at most")


def _check_network(text: str) -> None:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise _refused(text, "is no network: write it like 10.0.0.0/24; ports go into `ports` (--port)") from None
    if network.version != 4 or network.prefixlen < WIDEST_NETWORK:
        raise _refused(text, f"is too wide: an IPv4 network of /{WIDEST_NETWORK} is the largest that is looked through")


def _check_host_and_port(text: str) -> None:
    host, separator, port = text.rpartition(":")
    if separator and _SEVERAL_PORTS.fullmatch(port):
        raise _refused(
            text, "names several ports: give the address alone, and each port in `ports` (--port, repeatable)"
        )
    if separator and not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise _refused(text, "has a port that is not between 1 and 65535")
    host = host if separator else text
    if not _is_ip(host) and (_NAME.fullmatch(host) is None or host.replace(".", "").isdigit()):
        raise _refused(text, f"is no address: {_FORMS}")
