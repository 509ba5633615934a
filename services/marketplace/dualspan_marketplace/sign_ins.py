"""Whether people are still signed in, as identity knows it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dualspan.identity.v1 import session_service_pb2 as identity
from dualspan_marketplace.access.model import Holder
from dualspan_marketplace.upstream import answer_of
from dualspan_runtime.roles import role_name

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.identity.v1.session_service_pb2_grpc import SessionServiceAsyncStub


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
        with answer_of("identity"):
            answer = await self._stub.CheckSignIns(identity.CheckSignInsRequest(signed_in=asked))
        return [frozenset(map(role_name, each.roles)) if each.counts else None for each in answer.states]
