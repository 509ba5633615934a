"""What a person has to look at, as the gateway sees it: told whole to the platform, again after every change."""

import asyncio
from collections.abc import Mapping
from typing import TypeAlias

from dualspan.onboarding.v1 import notice_pb2

_MOST = 1000  # GatewayNotices takes no more
Severity: TypeAlias = notice_pb2.NoticeSeverity.ValueType


class NoticeBoard:
    """The notices that hold now, one for each kind and server. Raising one twice changes nothing."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], notice_pb2.GatewayNotices.Entry] = {}
        self.changed = asyncio.Event()

    def put(
        self,
        kind: str,
        server: str,
        severity: Severity,
        text: str,
        remedy: str,
        details: Mapping[str, str] | None = None,
    ) -> None:
        """Raises a notice, or brings the one of this kind and server up to date.

        Args:
            kind: UPPER_SNAKE, stable, for programs.
            server: The server's id; empty if it is about the gateway itself.
            severity: How much it matters.
            text: What is wrong; the same words for as long as it is the same.
            remedy: What to do.
            details: Facts for programs.
        """
        entry = notice_pb2.GatewayNotices.Entry(
            kind=kind, server=server, severity=severity, text=text, remedy=remedy, details=details or {}
        )
        if self._entries.get((kind, server)) != entry:
            self._entries[kind, server] = entry
            self.changed.set()

    def clear(self, kind: str, server: str) -> None:
        """The reason of a notice is gone."""
        if self._entries.pop((kind, server), None) is not None:
            self.changed.set()

    def clear_server(self, server: str) -> None:
        """A server is no longer configured: nothing about it holds."""
        for kind, of in list(self._entries):
            if of == server:
                self.clear(kind, of)

    def message(self) -> notice_pb2.GatewayNotices:
        """All that holds now; it counts as told."""
        self.changed.clear()
        return notice_pb2.GatewayNotices(entries=list(self._entries.values())[:_MOST])
