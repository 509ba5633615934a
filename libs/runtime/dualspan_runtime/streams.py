"""Live streams: so that one can be ended when its caller's credentials end."""

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from dualspan_runtime.errors import DomainError, Unauthenticated
from dualspan_runtime.grants import Grant, Grants, NoGrants
from dualspan_runtime.principal import Principal, PrincipalKind
from dualspan_runtime.trust import Revocations, RevocationWatch

_SWEEP_SECONDS = 1.0


def check_credentials(principal: Principal, revoked: Revocations, now: float) -> Unauthenticated | None:
    """Returns why a principal's credentials no longer count, or None."""
    if principal.serial and principal.serial in revoked.serials:
        return Unauthenticated("CERTIFICATE_REVOKED", "This certificate was revoked. Enrol the gateway again.")
    if revoked.actors and f"tenants/{principal.tenant}/{principal.actor}" in revoked.actors:
        return Unauthenticated("PRINCIPAL_DISABLED", "This account was disabled. Ask your administrator.")
    if principal.expires_at <= now and principal.kind is not PrincipalKind.SERVICE:
        return Unauthenticated("CREDENTIALS_EXPIRED", "The credentials of this call have expired. Renew them.")
    return None


@dataclass(slots=True, eq=False)
class LiveStream:
    """One running stream.

    Attributes:
        principal: Who called.
        task: The task that serves it.
        grant: What an app may read on it; None for others.
        ended_because: Set when it was ended from here.
    """

    principal: Principal
    task: "asyncio.Task[object]"
    grant: Grant | None = None
    ended_because: DomainError | None = None

    def end(self, because: DomainError) -> None:
        """Ends the stream with this error."""
        if self.ended_because is None:
            self.ended_because = because
            self.task.cancel()


class LiveStreams:
    """All running streams of a server.

    Messages cost nothing here: a stream registers once, and one task looks at all of them once a second.
    """

    def __init__(self, revocations: RevocationWatch, grants: Grants | None = None) -> None:
        self._revocations = revocations
        self._grants = grants or NoGrants()
        self._streams: set[LiveStream] = set()

    @contextmanager
    def track(self, principal: Principal, grant: Grant | None = None) -> Generator[LiveStream]:
        """Registers the running task as a stream, while the context lasts.

        Raises:
            DomainError: The stream was ended from here: its credentials no longer count, or the server stops.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in one
        stream = LiveStream(principal, task, grant)
        self._streams.add(stream)
        try:
            yield stream
        except asyncio.CancelledError:
            if stream.ended_because is None:
                raise
            task.uncancel()
            raise stream.ended_because from None
        finally:
            self._streams.discard(stream)

    def sweep(self) -> None:
        """Ends the streams whose credentials no longer count."""
        now = time.time()
        for stream in tuple(self._streams):
            problem = check_credentials(stream.principal, self._revocations.current, now) or self._regranted(stream)
            if problem is not None:
                stream.end(problem)

    def _regranted(self, stream: LiveStream) -> Unauthenticated | None:
        # A grant that has only grown ends nothing: a stream goes on with what it was asked for.
        if stream.grant is None or self._grants.of(stream.principal).covers(stream.grant):
            return None
        return Unauthenticated("GRANT_CHANGED", "What the app may read has changed. Ask for what it may read, anew.")

    def end_all(self, because: DomainError) -> None:
        """Ends every stream: the server stops."""
        for stream in tuple(self._streams):
            stream.end(because)

    async def run(self) -> None:
        """Sweeps for ever."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self.sweep()
