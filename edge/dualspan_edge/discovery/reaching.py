"""Why an address cannot be reached, in plain words."""

import errno
import socket

_NO_ROUTE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN})


def unreachable_words(error: OSError, host: str) -> str:
    """What is wrong and what to do."""
    if isinstance(error, socket.gaierror):
        return f"the name {host} is not known where the gateway stands; correct it, or use the IP address"
    if isinstance(error, ConnectionRefusedError):
        return f"{host} is there, and nothing listens at this port; check the port, and that the server runs"
    if error.errno in _NO_ROUTE:
        return f"there is no way from the gateway to {host}; check the address, the cable, routes and VLANs"
    if isinstance(error, ConnectionResetError):
        return f"{host} ended the connection; a firewall or another program may sit at this port"
    return (
        f"{host} cannot be reached ({error.strerror or error}); check the address, that the server runs, the firewall"
    )


def silent_words(host: str) -> str:
    """The same where nothing answers at all."""
    return f"{host} does not answer in time; check the address, that it is switched on, and firewalls in between"
