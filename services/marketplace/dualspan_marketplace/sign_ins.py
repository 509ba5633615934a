"""Whether people are still signed in, as identity knows it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from dualspan.identity.v1 import session_service_pb2 as identity
from dualspan_marketplace.access.model import Holder
from dualspan_runtime.errors import Unavailable
from dualspan_runtime.roles import role_name

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.identity.v1.session_service_pb2_grpc import SessionServiceAsyncStub

_UNREACHABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class SignIns:
    """Asks identity.

    Args:
        stub: Of a channel that carries this service's token.
    """

    def __init__(self, stub: "SessionServiceAsyncStub") -> None:
        self._stub = stub

    async def roles(self, holders: Sequence[Holder]) -> list[frozenset[str] | None]:
        """The roles that each has now; None for one who is signed in no more. At most 1000.

        Raises:
            Unavailable: Identity does not answer (`UPSTREAM_UNREACHABLE`).
        """
        asked = [
            identity.SignedInAs(actor=f"tenants/{each.tenant}/{each.actor}", session=each.session) for each in holders
        ]
        try:
            answer = await self._stub.CheckSignIns(identity.CheckSignInsRequest(signed_in=asked))
        except grpc.aio.AioRpcError as err:
            if err.code() not in _UNREACHABLE:
                raise
            words = "The identity service does not answer. Try again shortly."
            raise Unavailable("UPSTREAM_UNREACHABLE", words, service="identity") from err
        return [frozenset(map(role_name, each.roles)) if each.counts else None for each in answer.states]
