"""Calls of programs outside, signed: how they are made, and how a receiver knows them."""

import asyncio
import hashlib
import hmac
import http
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeAlias
from urllib.parse import SplitResult, quote, urlsplit

SIGNATURE_HEADER = "DualSpan-Signature"
DELIVERY_HEADER = "DualSpan-Delivery"
MOST_ATTEMPTS = 12
LONGEST_AGE_SECONDS = 300
"""A signature is worth nothing when it is so old, or so far ahead."""
_FIRST_PAUSE = timedelta(seconds=10)
_LONGEST_PAUSE = timedelta(hours=1)
_SIGNATURE = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")
_AS_IT_IS = "%/:@!$&'()*+,;=-._~?"
# Interim answers before the real one.
_MOST_INTERIM = 5
# Trying again cannot help; anything else may be better later.
_FINAL = frozenset({400, 401, 403, 404, 405, 410, 413, 415, 422, 501})

Found: TypeAlias = tuple[
    socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
]
"""What `getaddrinfo` says of an address."""


class RefusedError(Exception):
    """It was not taken, and trying again cannot help."""


class NotNowError(Exception):
    """It was not taken; later it may be."""


def signature(secret: str, delivery: str, content: bytes, at: int) -> str:
    """The header that proves who sent a call and when: `t=<Unix seconds>,v1=<hex>`.

    `v1` is HMAC-SHA-256 under the channel's secret over time, delivery id and body with dots between them, so that
    none of the three can be exchanged. A receiver refuses times that are minutes old, and ids that it has had.
    """
    signed = b".".join([str(at).encode(), delivery.encode(), content])
    return f"t={at},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def signed_headers(secret: str, delivery: str, body: bytes) -> dict[str, str]:
    """The headers of a call with a JSON body that is made now, by which its receiver knows it."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "DualSpan",
        DELIVERY_HEADER: delivery,
        SIGNATURE_HEADER: signature(secret, delivery, body, int(time.time())),
    }


def age_of(secret: str, delivery: str, content: bytes, given: str, now: int) -> int | None:
    """For so many seconds a call has been signed, if it is one of who has the secret; None if it is not.

    Args:
        secret: That both sides know.
        delivery: Id of the call.
        content: Its body.
        given: The header, as `signature` makes it.
        now: Unix seconds.
    """
    found = _SIGNATURE.fullmatch(given)
    if found is None or not hmac.compare_digest(given, signature(secret, delivery, content, int(found[1]))):
        return None
    return now - int(found[1])


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: from 10 seconds, twice as long each time, up to an hour."""
    return min(_FIRST_PAUSE * 2 ** min(attempts - 1, 20), _LONGEST_PAUSE)


def is_public(address: str) -> bool:
    """Whether an IP address is one on the internet: not private, link-local (cloud metadata), loopback, multicast."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        # NAT64 (RFC 6052) hides an IPv4 address in the last four bytes.
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(ip.packed[-4:])
        if inner is not None:
            ip = inner
    return ip.is_global and not ip.is_multicast


class Caller:
    """Posts to URLs that others have named.

    Args:
        look_up: Finds the addresses of a host, for a tenant.
        setting: What an administrator sets to have private addresses called.
        private_allowed: That is set.
        deadline: Seconds that a call takes at most, name, handshake and answer included.
    """

    def __init__(
        self,
        look_up: Callable[[str, str, int], Awaitable[Sequence[Found]]],
        *,
        setting: str,
        private_allowed: bool,
        deadline: float,
    ) -> None:
        self._look_up = look_up
        self._setting = setting
        self._private_allowed = private_allowed
        self._deadline = deadline

    async def call(self, tenant: str, url: str, body: bytes, headers: Mapping[str, str]) -> str:
        """Post to a URL; what was answered, in words.

        Redirects are not followed, so nobody is led to an address that was not looked at.

        Raises:
            RefusedError: It will never be taken.
            NotNowError: It may be taken later.
        """
        parts = urlsplit(url)
        try:
            async with asyncio.timeout(self._deadline):
                return _outcome(await self._post(tenant, parts, body, headers))
        except TimeoutError as err:
            raise NotNowError(f"{parts.hostname} has not answered within {self._deadline:g} s.") from err
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as err:
            raise NotNowError(f"{parts.hostname} cannot be called: {str(err) or type(err).__name__}") from err

    async def _post(self, tenant: str, parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> int:
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        family, address = await self._address(tenant, host, port)
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            await asyncio.get_running_loop().sock_connect(connection, address)
            tls = ssl.create_default_context() if parts.scheme == "https" else None
            reader, writer = await asyncio.open_connection(
                sock=connection, ssl=tls, server_hostname=host if tls else None
            )
            try:
                writer.write(_request(parts, body, headers))
                await writer.drain()
                return await _status(reader)
            finally:
                writer.transport.abort()
        finally:
            connection.close()

    async def _address(self, tenant: str, host: str, port: int) -> tuple[int, tuple[str, int]]:
        """An address that was looked at: the name is not looked up a second time."""
        found = await self._look_up(tenant, host, port)
        private = [str(entry[4][0]) for entry in found if not is_public(str(entry[4][0]).partition("%")[0])]
        if private and not self._private_allowed:
            raise RefusedError(
                f"{host} is {private[0]}, which is no address on the internet. Private ones can be called where the "
                f"platform's administrator sets {self._setting}=true."
            )
        return found[0][0], (str(found[0][4][0]), port)


def _request(parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> bytes:
    target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_AS_IT_IS)
    host = (parts.hostname or "").encode("idna").decode()
    host = f"[{host}]" if ":" in host else host
    fields = {
        "Host": host if parts.port is None else f"{host}:{parts.port}",
        "Connection": "close",
        "Content-Length": str(len(body)),
        **headers,
    }
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode("ascii") + body


async def _status(reader: asyncio.StreamReader) -> int:
    """The status of the answer; ValueError when it is no HTTP."""
    for _ in range(_MOST_INTERIM):
        version, _, rest = (await reader.readuntil(b"\n")).decode("latin-1").partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise ValueError("what answers there is no HTTP server")
        status = int(rest[:3])
        if status >= http.HTTPStatus.OK:
            return status
        while (await reader.readuntil(b"\n")).strip():
            continue
    raise ValueError("it answers again and again that it will answer")


def _outcome(status: int) -> str:
    if 200 <= status < 300:
        return f"Answered {status}."
    if 300 <= status < 400:
        raise RefusedError(f"Answered {status}: redirects are not followed. Give the URL that it leads to.")
    if status in _FINAL:
        raise RefusedError(f"Answered {status}.")
    raise NotNowError(f"Answered {status}.")
