"""The little that commands ask of a Docker Engine, through its socket (Engine API)."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

_LOOK_SECONDS = 2.0
_LOAD_SECONDS = 120.0
_UNIX = "unix://"


class EngineError(Exception):
    """The engine is not there, or does not do as it is told; the message says which."""


class Engine:
    """One engine.

    Args:
        url: Its socket, `unix:///…`.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def information(self) -> dict[str, Any]:
        """What it says of itself (`GET /info`); raises EngineError."""
        return self._asked("GET", "/info")

    def image_id(self, name: str) -> str:
        """The id of an image that is there, `sha256:…`; empty if it is not; raises EngineError."""
        return self._asked("GET", f"/images/{quote(name)}/json", absent={}).get("Id", "")

    def load(self, archive: IO[bytes]) -> None:
        """Take in an image as `docker save` writes it; raises EngineError."""
        self._asked("POST", "/images/load?quiet=1", archive)

    def _asked(
        self, method: str, path: str, body: IO[bytes] | None = None, *, absent: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Its answer; `absent` where there is nothing of that name, if that is given."""
        connection = http.client.HTTPConnection("engine")
        try:
            connection.sock = self._socket(_LOAD_SECONDS if body else _LOOK_SECONDS)
            # A file is read as it is sent: nothing of its size is held in memory.
            connection.request(method, path, body, {"Content-Type": "application/x-tar"}, encode_chunked=True)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as err:
            raise EngineError(f"The engine at {self._url} does not answer: {err}") from err
        finally:
            connection.close()
        if answer.status == http.HTTPStatus.NOT_FOUND and absent is not None:
            return absent
        if answer.status != http.HTTPStatus.OK:
            raise EngineError(f"The engine at {self._url} answers {answer.status}: {content.decode(errors='replace')}")
        # What it has loaded it tells line by line.
        told = json.loads(content.splitlines()[0]) if content else {}
        return told if isinstance(told, dict) else {}

    def _socket(self, seconds: float) -> socket.socket:
        path = self._url.removeprefix(_UNIX)
        if path == self._url or not Path(path).is_socket():
            raise EngineError(f"{self._url} is no socket of this machine.")
        opened = socket.socket(socket.AF_UNIX)
        opened.settimeout(seconds)
        try:
            opened.connect(path)
        except OSError:
            opened.close()
            raise
        return opened
