"""One keep-alive HTTP connection, for peers that speak it."""

import http.client
import time
from urllib.parse import urlencode

from dualspan_bench.peers.install import PeerUnavailableError

_START_SECONDS = 30.0


class HttpPeer:
    """A connection to a server on this machine.

    Args:
        port: Where it listens.
    """

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def get(self, path: str, **query: str) -> bytes:
        """The body of an answer; raises `PeerUnavailableError` for any status that is not 2xx."""
        return self._request("GET", f"{path}?{urlencode(query)}" if query else path, None)

    def post(self, path: str, body: bytes, **query: str) -> bytes:
        """The same, for a request with a body."""
        return self._request("POST", f"{path}?{urlencode(query)}" if query else path, body)

    def wait_until_ready(self, path: str) -> None:
        """Ask until there is an answer."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.get(path)
            except (OSError, http.client.HTTPException, PeerUnavailableError) as err:
                self._connection.close()
                if time.monotonic() > deadline:
                    raise PeerUnavailableError(f"it did not answer on {path} within {_START_SECONDS:.0f} s") from err
                time.sleep(0.1)
            else:
                return

    def _request(self, method: str, path: str, body: bytes | None) -> bytes:
        self._connection.request(method, path, body)
        response = self._connection.getresponse()
        content = response.read()
        if response.status // 100 != 2:
            raise PeerUnavailableError(
                f"{method} {path.split('?', maxsplit=1)[0]}: HTTP {response.status} {content[:200]!r}"
            )
        return content
